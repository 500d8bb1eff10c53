package demo

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"citycard/cmd/service"
	"citycard/durable"
	"citycard/language"
	"citycard/simulators/pcscd"
	"citycard/simulators/plan"
)

// laneSettings are a lane in the file that cardterm reads.
type laneSettings struct {
	Name        string `json:"name"`
	Reader      string `json:"reader"`
	SAM         string `json:"sam,omitempty"`
	Terminal    string `json:"terminal,omitempty"`
	Role        string `json:"role"`
	Direction   string `json:"direction,omitempty"`
	Line        int    `json:"line"`
	Station     int    `json:"station,omitempty"`
	Operator    int    `json:"operator"`
	Vehicle     string `json:"vehicle,omitempty"`
	Institution string `json:"institution"`
}

// agent is a cardterm process with its lanes.
type agent struct {
	name  string
	lanes []laneSettings
	pages string
	child *service.Child
}

// agents are the terminals at the readers. Each is a process of its own; in the books they are
// terminals as all others.
func (d *demo) agents() ([]*agent, error) {
	lanes, err := plan.ReadLanes(d.field)
	if err != nil {
		return nil, err
	}
	issuer := plan.Issuer()
	byName := map[string]*agent{}
	for _, l := range lanes {
		if l.IsDesk() {
			d.desk = &desk{lane: l, asks: make(chan progressLine, mostAsks)}
			continue
		}
		a := byName[l.Agent]
		if a == nil {
			a = &agent{name: l.Agent}
			byName[l.Agent] = a
		}
		s := laneSettings{
			Name: l.Name, Reader: pcscd.Name(l.Slot), Role: l.Role, Direction: l.Direction, Line: l.Line, Station: l.Station,
			Operator: l.Operator, Vehicle: l.Vehicle, Institution: hex.EncodeToString(issuer[:]),
		}
		if l.SAM == plan.NoSlot {
			s.Terminal = l.Terminal
		} else {
			s.SAM = pcscd.Name(l.SAM)
		}
		a.lanes = append(a.lanes, s)
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b *agent) int { return strings.Compare(a.name, b.name) }), nil
}

// startAgents starts the terminals at the readers. They wait for their SAMs by themselves.
func (d *demo) startAgents(ctx context.Context) error {
	if d.daemon == nil {
		return nil
	}
	agents, err := d.agents()
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(d.dir.Join("agents")); err != nil {
		return err
	}
	if err := durable.WriteFile(d.publisherFile(), []byte(hex.EncodeToString(d.publisher)+"\n")); err != nil {
		return err
	}
	for _, a := range agents {
		if err := d.startAgent(ctx, a); err != nil {
			return err
		}
		d.terminals = append(d.terminals, a)
		d.stack.Push("terminal "+a.name, a.child.Stop)
	}
	return nil
}

func (d *demo) startAgent(ctx context.Context, a *agent) (err error) {
	file := d.dir.Join("agents", a.name+".json")
	content, err := json.Marshal(map[string][]laneSettings{"lanes": a.lanes})
	if err != nil {
		return err
	}
	if err := durable.WriteFile(file, content); err != nil {
		return err
	}
	if a.pages, err = freeAddress(ctx); err != nil {
		return err
	}
	a.child, err = service.StartChild(ctx, service.ChildSpec{
		Program: "cardterm", Name: "cardterm " + a.name, Env: d.daemon.Environment(), Log: d.log,
		Args: append([]string{
			"--lanes", file, "--data", d.dir.Join("agents", a.name), "--keys", d.KeyPath(d.dir.Path), "--demo", "--ops", a.pages,
		}, d.terminalArgs()...),
	})
	if err != nil {
		return service.Fail("cannot start cardterm").Todo("build all three programs: make build").Because(err)
	}
	return nil
}

// publisherFile is the file from which terminals know whose fares they follow.
func (d *demo) publisherFile() string { return d.dir.Join("agents", "publisher") }

// terminalArgs are the flags that all terminals have.
func (d *demo) terminalArgs() []string {
	return []string{
		"--publisher", d.publisherFile(), "--kafka", d.base.Kafka, "--kafka-tls-ca", d.base.Access.CAFile, "--kafka-user", d.base.Access.User,
		"--kafka-password-file", d.base.Access.PasswordFile, "--zone", d.Zone.String(), "--log-level", "error", "--language", d.childLanguage(),
	}
}

// freeAddress is an address of this machine at which nothing listens.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// forwardLimit is how long terminals may take to send what is in their outboxes.
const forwardLimit = time.Minute

// stopAgents waits until the terminals have sent all their records, and ends them.
func (d *demo) stopAgents(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, forwardLimit)
	defer cancel()
	for _, a := range d.terminals {
		if err := a.awaitForwarded(ctx); err != nil {
			return language.Textf("terminal %s: %w", a.name, err)
		}
		if err := a.child.Stop(ctx); err != nil {
			return err
		}
	}
	return nil
}

// awaitForwarded waits until the outboxes of all lanes are empty.
func (a *agent) awaitForwarded(ctx context.Context) error {
	for {
		waiting, err := a.waiting(ctx)
		if err == nil && waiting == 0 {
			return nil
		}
		select {
		case <-a.child.Done():
			return errors.Join(language.Textf("ended before it had sent its records"), a.child.Wait())
		case <-ctx.Done():
			return errors.Join(language.Textf("lanes whose records are not all sent: %d", waiting), err, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// waiting is how many of the lanes do not say that no record waits.
func (a *agent) waiting(ctx context.Context) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.pages+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close() //nolint:errcheck // it is read to its end
	lines := map[string]bool{}
	scanner := bufio.NewScanner(io.LimitReader(answer.Body, 1<<20))
	for scanner.Scan() {
		lines[scanner.Text()] = true
	}
	waiting := 0
	for _, l := range a.lanes {
		if !lines[fmt.Sprintf("cardterm_outbox_waiting{lane=%q} 0", l.Name)] {
			waiting++
		}
	}
	return waiting, scanner.Err()
}

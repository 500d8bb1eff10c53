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

// readLanes reads which terminals there are at the readers. Each is a process of its own; in the
// books they are terminals as all others.
func (d *demo) readLanes() error {
	lanes, err := plan.ReadLanes(d.field)
	if err != nil {
		return err
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
	d.terminals = slices.SortedFunc(maps.Values(byName), func(a, b *agent) int { return strings.Compare(a.name, b.name) })
	return nil
}

// startAgents starts the terminals at the readers, and waits until they serve.
func (d *demo) startAgents(ctx context.Context) error {
	if err := durable.MkdirAll(d.dir.Join("agents")); err != nil {
		return err
	}
	if err := durable.WriteFile(d.publisherFile(), []byte(hex.EncodeToString(d.publisher)+"\n")); err != nil {
		return err
	}
	for _, a := range d.terminals {
		if err := d.startAgent(ctx, a); err != nil {
			return err
		}
		d.stack.Push("terminal "+a.name, a.child.Stop)
	}
	ctx, cancel := context.WithTimeout(ctx, beginLimit)
	defer cancel()
	for _, a := range d.terminals {
		if err := a.await(ctx, a.serves); err != nil {
			return language.Textf("terminal %s: %w", a.name, err)
		}
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

// How long terminals may take until they serve, and to send what is in their outboxes.
const (
	beginLimit   = time.Minute
	forwardLimit = time.Minute
)

// stopAgents waits until the terminals have sent all their records, and ends them.
func (d *demo) stopAgents(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, forwardLimit)
	defer cancel()
	for _, a := range d.terminals {
		if a.child == nil { // nobody rides
			continue
		}
		if err := a.await(ctx, a.forwarded); err != nil {
			return language.Textf("terminal %s: %w", a.name, err)
		}
		if err := a.child.Stop(ctx); err != nil {
			return err
		}
	}
	return nil
}

// await waits until something is so, and fails with why it is not.
func (a *agent) await(ctx context.Context, is func(context.Context) error) error {
	for {
		err := is(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-a.child.Done():
			return errors.Join(language.Textf("ended before that: %w", err), a.child.Wait())
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// page reads one of the pages of the terminal.
func (a *agent) page(ctx context.Context, path string) (lines []string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.pages+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // it is read to its end
	scanner := bufio.NewScanner(io.LimitReader(answer.Body, 1<<20))
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	if err := scanner.Err(); err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New(strings.Join(lines, " "))
	}
	return lines, nil
}

// serves fails as long as not all lanes are ready.
func (a *agent) serves(ctx context.Context) error {
	_, err := a.page(ctx, "/readyz")
	return err
}

// forwarded fails as long as the outbox of a lane is not empty.
func (a *agent) forwarded(ctx context.Context) error {
	lines, err := a.page(ctx, "/metrics")
	if err != nil {
		return err
	}
	for _, l := range a.lanes {
		if !slices.Contains(lines, fmt.Sprintf("cardterm_outbox_waiting{lane=%q} 0", l.Name)) {
			return language.Textf("the records of lane %s are not all sent", l.Name)
		}
	}
	return nil
}

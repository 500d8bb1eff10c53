package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"citycard/broker/kafkatest"
	"citycard/cardos/keyservice"
	"citycard/cardos/keyservice/keyservicetest"
	"citycard/clearing/people"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/simulators/pcscd"
	"citycard/simulators/specimen"
)

// The endurance run's centre, its key service, and all commands that it types.

// product is what the endurance run sells, with its figures of the example's rules.
const (
	soldAs         = "registered"
	soldDeposit    = 10_00
	replacementFee = 6_00
)

// terminalOf is the terminal of a counter.
func terminalOf(counter int) string { return fmt.Sprintf("4910300001%02x", counter) }

// open makes the centre with its registry, and starts the key service and it.
func (e *endurance) open() {
	e.Helper()
	dir, err := os.MkdirTemp("", "citycard-test-")
	must(e.T, err)
	must(e.T, os.Chmod(dir, 0o755)) // its database is another user's
	c := &centre{T: e.T, dir: dir, kafka: kafkatest.FreePort(e.T), env: append(os.Environ(), "LC_ALL=C", service.PassphraseVariable+"="+passphrase)}
	e.centre = c
	e.Cleanup(c.end)
	if out, err := exec.CommandContext(e.Context(), "go", "build", "-o", c.dir, "citycard/cmd/citycard", "citycard/cmd/cardsim").CombinedOutput(); err != nil {
		e.Fatalf("build: %v: %s", err, out)
	}
	data, err := service.OpenDataDir(c.path("data"), books.DataPurpose)
	must(e.T, err)
	must(e.T, errors.Join(specimen.Keys().WithWorkFactor(2).Create(c.path("keys.age"), passphrase), data.Close()))
	e.type_("cardsim", "issue", "--data", c.path("field"), "--cards", "100", "--keys", c.path("keys.age"))
	e.register()
	e.certify()
	e.startKeys()
	e.Cleanup(e.stopKeys)
	e.loads = kafkatest.FreeAddress(e.T)
	e.serve()
	e.staff()
	c.known("http://"+e.loads, "counter")
}

// serve starts the centre, and waits until it is ready.
func (e *endurance) serve() {
	c := e.centre
	cmd := c.command("citycard", append([]string{
		"serve", "--demo", "--examples", "--data", c.path("data"), "--registry", c.path("field", "registry"),
		"--kafka-port", fmt.Sprint(c.kafka), "--api", e.loads, "--ops", "127.0.0.1:0",
	}, e.keyFlags("serve")...)...)
	cmd.Stdout, cmd.Stderr = &c.words, &c.words
	if err := cmd.Start(); err != nil {
		e.Error(err)
		return
	}
	c.serving = cmd
	for end := time.Now().Add(2 * time.Minute); ; {
		_, err := c.run("citycard", "ready", "--data", c.path("data"))
		if err == nil {
			return
		}
		if time.Now().After(end) {
			e.Errorf("seed %d: the centre does not come up: %v\n%s", e.seed, err, c.words.all())
			return
		}
	}
}

// killCentre kills the centre, its database and its broker with it.
func (e *endurance) killCentre() {
	_ = e.centre.serving.Process.Kill()
	_ = e.centre.serving.Wait() // it was killed
}

// asked runs a command that reads from the centre. It waits while that is down: with nothing that
// serves, the command would hold the data directory itself as the centre comes up.
func (e *endurance) asked(into any, args ...string) {
	var out []byte
	var err error
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		e.falls.RLock()
		out, err = e.centre.run("citycard", args...)
		e.falls.RUnlock()
		if err == nil {
			break
		}
	}
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		e.Errorf("seed %d: %v", e.seed, err)
	}
}

// type_ types a command at the centre.
func (e *endurance) type_(program string, args ...string) []byte {
	e.Helper()
	out, err := e.centre.run(program, args...)
	must(e.T, err)
	return out
}

// register writes the registry: the cards, the channel and its counters.
func (e *endurance) register() {
	e.Helper()
	cards, terminals, counters := &strings.Builder{}, &strings.Builder{}, &strings.Builder{}
	cards.WriteString("card,issuer,type,status,effective_from,expires\n")
	for i := range e.cards {
		fmt.Fprintf(cards, "%s,%s,01,active,20200101,20991231\n", numberOf(e.T, i), transitOrder.Transit.Issuer)
	}
	terminals.WriteString("terminal,operator,mode,line,station,effective_from,effective_to\n")
	counters.WriteString("terminal,channel,counter,effective_from,effective_to\n")
	for i := range e.counters {
		fmt.Fprintf(counters, "%s,counter,c%d,20200101,\n", terminalOf(i), i+1)
		fmt.Fprintf(terminals, "%s,channel:counter,counter,0,0,20200101,\n", terminalOf(i))
	}
	for name, text := range map[string]string{
		"cards.csv": cards.String(), "terminals.csv": terminals.String(),
		"purses.csv": "card,issuer,fen,day\n", "hotlist.csv": "card,reason,effective_from,effective_to\n",
		"channels.csv": "id,name,name_en,effective_from,effective_to\ncounter,柜台,Counter,20200101,\n",
		"counters.csv": counters.String(),
	} {
		must(e.T, os.WriteFile(e.centre.path("field", "registry", name), []byte(text), 0o600))
	}
}

// certify makes the certificates of the key service and of the centre.
func (e *endurance) certify() {
	e.Helper()
	e.keys = kafkatest.FreeAddress(e.T)
	keyservicetest.Certificate(e.T, e.centre.dir, "service", time.Now())
	print := keyservice.FingerprintOf(keyservicetest.Certificate(e.T, e.centre.dir, "serve", time.Now()).Leaf)
	clients := fmt.Sprintf(`{"clients":[{"name":"serve","certificate":%q,"operations":["load","clearing"],"rate":5000}]}`, hex.EncodeToString(print[:]))
	must(e.T, os.WriteFile(e.centre.path("clients.json"), []byte(clients), 0o600))
}

func (e *endurance) keyFlags(name string) []string {
	c := e.centre
	return []string{"--key-service", "https://" + e.keys, "--key-service-cert", c.path(name + ".pem"), "--key-service-key", c.path(name + ".key"), "--key-service-ca", c.path("service.pem")}
}

// startKeys starts the key service, and waits until it answers.
func (e *endurance) startKeys() {
	c := e.centre
	ops := kafkatest.FreeAddress(e.T)
	cmd := c.command("citycard", "keyservice", "--demo", "--data", c.path("keyservice"), "--keys", c.path("keys.age"), "--clients", c.path("clients.json"),
		"--tls-cert", c.path("service.pem"), "--tls-key", c.path("service.key"), "--listen", e.keys, "--ops", ops)
	words := &said{}
	cmd.Stdout, cmd.Stderr = words, words
	if err := cmd.Start(); err != nil {
		e.Error(err)
		return
	}
	e.keyService = cmd
	for end := time.Now().Add(time.Minute); !isUp("http://" + ops + "/readyz"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			e.Errorf("the key service does not come up:\n%s", words.all())
			return
		}
	}
}

// isUp reports whether a page answers that all is well.
func isUp(page string) bool {
	answer, err := http.Get(page)
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

// stopKeys kills the key service.
func (e *endurance) stopKeys() {
	_ = e.keyService.Process.Kill()
	_ = e.keyService.Wait() // it was killed
}

// staff enrols the clerk, and issues the channel's token.
func (e *endurance) staff() {
	e.Helper()
	c := e.centre
	data := []string{"--data", c.path("data")}
	e.type_("citycard", append([]string{"person", "found", "--demo", "--people", c.path("people")}, data...)...)
	e.type_("citycard", append([]string{
		"access", "issue", "--unit", "channel:counter", "--days", "30", "--out", c.path("counter.token"), "--demo", "--identity", c.path("people", "ann.key"), "--reason", "test",
	}, data...)...)
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(e.T, err)
	block, err := ssh.MarshalPrivateKey(private, "mia")
	must(e.T, err)
	identity, err := people.FromKey(private)
	must(e.T, err)
	must(e.T, os.WriteFile(c.path("certificate"), []byte(certificate+"\n"), 0o600))
	must(e.T, os.WriteFile(c.path("mia.key"), pem.EncodeToMemory(block), 0o600))
	must(e.T, os.WriteFile(c.path("mia.key.pub"), []byte(identity.Public().String()+" mia\n"), 0o600))
	e.type_("citycard", append([]string{
		"person", "enrol", "--id", "mia", "--name", "Mia", "--unit", "channel:counter", "--role", "clerk", "--public", c.path("mia.key.pub"),
		"--identity", c.path("people", "kim.key"), "--demo", "--reason", "new",
	}, data...)...)
	var waits struct {
		Proposal int    `json:"proposal"`
		Hash     string `json:"hash"`
	}
	must(e.T, json.Unmarshal(e.type_("citycard", append([]string{"proposal", "list", "--json"}, data...)...), &waits))
	e.type_("citycard", append([]string{"proposal", "approve", fmt.Sprint(waits.Proposal), "--hash", waits.Hash, "--identity", c.path("people", "lee.key"), "--demo"}, data...)...)
	serving, ok, err := books.Serving(e.Context(), c.path("data"), slog.New(slog.DiscardHandler))
	if err != nil || !ok {
		e.Fatalf("it does not serve: %v", err)
	}
	e.socket = serving.Socket
}

// flags are those of all commands of a counter.
func (w *window) flags() []string {
	c := w.centre
	return []string{
		"--reader", pcscd.Name(w.index), "--data", c.path("counter-" + w.name), "--counter", w.name, "--channel", "counter", "--terminal", terminalOf(w.index),
		"--token", c.path("counter.token"), "--loads", "http://" + w.loads, "--server", "unix:" + w.socket, "--identity", c.path("mia.key"), "--demo",
		"--keys", c.path("keys.age"), "--kafka", c.address(), "--kafka-user", "citycard", "--kafka-password-file", c.path("data", "kafka", "password"), "--json",
	}
}

// words are a command of a counter with its flags, as each act needs them.
func (w *window) words(act string, more ...string) []string {
	const file = "--certificate-file"
	shown := []string{file, w.centre.path("certificate")}
	args := map[string][]string{
		"open":    {"shift", "open", "--start", "0"},
		"close":   {"shift", "close"},
		"sell":    append(shown, "sell", "--product", soldAs, "--yes"),
		"load":    {"top-up", "--yes"},
		"resolve": {"resolve"},
		"again":   append(shown, "again"),
		"lost":    append(shown, "report-loss", "--yes"),
		"replace": append(shown, "replace", "--yes"),
		"return":  append(shown, "return", "--yes"),
		"found":   append(shown, "found", "--yes"),
	}[act]
	names := 1
	if args[0] == "shift" {
		names = 2
	}
	if args[0] == file { // the command's name comes first
		args = append([]string{args[2], args[0], args[1]}, args[3:]...)
	}
	all := append(append([]string{"counter"}, args[:names]...), w.flags()...)
	return append(append(all, args[names:]...), more...)
}

// run runs a command of the counter and gives what it printed, and its exit code; -1 if it was
// killed, after a time above 0.
func (w *window) run(kill time.Duration, act string, more ...string) (out []byte, words string, code int) {
	cmd := command(w.T, w.words(act, more...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		w.Error(err)
		return nil, "", -1
	}
	w.process.Store(cmd.Process)
	defer w.process.Store(nil)
	if kill > 0 {
		timer := time.AfterFunc(kill, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	err := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return stdout.Bytes(), strings.TrimSpace(stderr.String()), exit.ExitCode()
	}
	if err != nil {
		w.Error(err)
	}
	return stdout.Bytes(), stderr.String(), 0
}

// shownCard is how a card stands at the centre.
type shownCard struct {
	State   string `json:"state"`
	Shadow  int64  `json:"shadow_fen"`
	Deposit int64  `json:"deposit_fen"`
	Waiting []struct {
		Order string `json:"order"`
		Fen   int64  `json:"fen"`
	} `json:"waiting"`
}

func (e *endurance) show(number string) (s shownCard) {
	e.asked(&s, "card", "show", number, "--json", "--data", e.centre.path("data"), "--identity", e.centre.path("mia.key"), "--demo")
	return s
}

// holds is an account's balance: credits less debits.
func (e *endurance) holds(account string) (fen int64) {
	var a struct {
		Balance int64 `json:"balance"`
	}
	e.asked(&a, "account", "--code", account, "--data", e.centre.path("data"), "--json")
	return a.Balance
}

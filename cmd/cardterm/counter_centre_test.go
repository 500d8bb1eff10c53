package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/broker/kafkatest"
	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/service"
	"citycard/simulators/pcscd/pcscdtest"
	"citycard/simulators/specimen"
)

// startCounterCentre starts `citycard serve` with its database, broker and load authority. It knows
// one card, which is not sold, and the channel "counter", whose token it has issued.
func startCounterCentre(t *testing.T) (c *centre, loads string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "citycard-test-")
	must(t, err)
	must(t, os.Chmod(dir, 0o755)) // its database is another user's
	c = &centre{T: t, dir: dir, kafka: kafkatest.FreePort(t), env: append(os.Environ(), "LC_ALL=C", service.PassphraseVariable+"="+passphrase)}
	if url := bookstest.Database(t); url != "" {
		c.env = append(c.env, "CITYCARD_DB="+url)
	}
	t.Cleanup(c.end)
	loads = kafkatest.FreeAddress(t)
	must(t, c.beginCounter(loads))
	for _, channel := range []string{"counter", "app"} {
		c.known("http://"+loads, channel)
	}
	return c, "http://" + loads
}

func (c *centre) beginCounter(loads string) error {
	if out, err := exec.CommandContext(c.Context(), "go", "build", "-o", c.dir, "citycard/cmd/citycard", "citycard/cmd/cardsim").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w: %s", err, out)
	}
	data, err := service.OpenDataDir(c.path("data"), books.DataPurpose)
	if err != nil {
		return err
	}
	if err := specimen.Keys().WithWorkFactor(2).Create(c.path("data", "keys.age"), passphrase); err != nil {
		return err
	}
	if err := data.Close(); err != nil {
		return err
	}
	if _, err := c.run("citycard", "publish-key", "make", "--data", c.path("data")); err != nil {
		return err
	}
	if _, err := c.run("cardsim", "issue", "--data", c.path("field"), "--cards", "100", "--keys", c.path("data", "keys.age")); err != nil {
		return err
	}
	o := transitOrder.Transit
	for name, text := range map[string]string{
		"cards.csv": fmt.Sprintf("card,issuer,type,status,effective_from,expires\n%s,%s,%02x,active,20200101,20991231\n%s,%s,%02x,active,20200101,20991231\n",
			o.Number, o.Issuer, o.CardType, otherNumber, o.Issuer, o.CardType),
		"purses.csv": "card,issuer,fen,day\n", "hotlist.csv": "card,reason,effective_from,effective_to\n",
		"channels.csv": "id,name,name_en,effective_from,effective_to\ncounter,柜台,Counter,20200101,\napp,应用,App,20200101,\n",
		"counters.csv": "terminal,channel,counter,effective_from,effective_to\n491030000001,counter,c1,20200101,\n",
	} {
		if err := os.WriteFile(c.path("field", "registry", name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	c.serving = c.command("citycard", "serve", "--demo", "--examples", "--data", c.path("data"), "--registry", c.path("field", "registry"),
		"--kafka-port", fmt.Sprint(c.kafka), "--api", loads, "--ops", "127.0.0.1:0")
	c.serving.Stdout, c.serving.Stderr = &c.words, &c.words
	if err := c.serving.Start(); err != nil {
		c.serving = nil
		return err
	}
	for _, command := range [][]string{
		{"ready"},
		{"person", "found", "--demo", "--people", c.path("people")},
		{"access", "issue", "--unit", "channel:counter", "--days", "30", "--out", c.path("counter.token"), "--demo", "--identity", c.path("people", "ann.key"), "--reason", "test"},
		{"access", "issue", "--unit", "channel:app", "--days", "30", "--out", c.path("app.token"), "--demo", "--identity", c.path("people", "ann.key"), "--reason", "test"},
	} {
		if out, err := c.run("citycard", append(command, "--data", c.path("data"))...); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	return nil
}

// known waits until the authority knows a channel's token: a process learns of it within seconds.
func (c *centre) known(loads, channel string) {
	c.Helper()
	token, err := os.ReadFile(c.path(channel + ".token"))
	must(c.T, err)
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(c.Context(), 30*time.Second)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, loads+"/v1/loads/waiting?channel="+channel+"&card="+transitOrder.Transit.Number, nil)
		must(c.T, err)
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
		answer, err := http.DefaultClient.Do(r)
		must(c.T, err)
		must(c.T, answer.Body.Close())
		if answer.StatusCode != http.StatusUnauthorized {
			return
		}
		<-tick.C
	}
}

// balance is what an account has at last, in fen; it is waited for.
func (c *centre) balance(account string, want string) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 30*time.Second)
	defer cancel()
	for {
		out, err := c.run("citycard", "account", "--code", account, "--data", c.path("data"), "--json")
		if err == nil && strings.Contains(string(out), want) {
			return
		}
		if ctx.Err() != nil {
			c.Fatalf("%s: %v %s, want %s", account, err, out, want)
		}
	}
}

// A counter against a real load authority with its books: a top-up and an order that an app was
// paid for are on the card, the channel owes the first and the books have both; another channel's
// token is refused before anything is booked.
func TestCounterAtTheCentre(t *testing.T) {
	slot := pcscdtest.Slots(t)[0]
	takeOut(t, nil)
	c, loads := startCounterCentre(t)
	held := personalised(t, specimen.Keys())
	must(t, slot.Insert(t.Context(), held))
	defer takeOut(t, slot)
	s := &shop{T: t, args: []string{
		"--reader", "00 00", "--data", t.TempDir(), "--loads", loads, "--token", c.path("counter.token"), "--channel", "counter",
		"--terminal", "491030000001", "--kafka", c.address(), "--kafka-user", "citycard", "--kafka-password-file", c.path("data", "kafka", "password"),
	}}
	if out := s.fails(7, "top-up", "--amount", "50", "--yes", "--token", c.path("app.token")); !strings.Contains(out, "another channel's") {
		t.Error(out)
	}
	if out := s.fails(7, "top-up", "--amount", "50", "--yes"); !strings.Contains(out, "no shift is open at the terminal") { // nobody would have the cash
		t.Error(out)
	}
	key, socket := c.clerk()
	s.args = append(s.args, "--server", "unix:"+socket, "--identity", filepath.Dir(key), "--clerk", "mia", "--identity-passphrase-file", c.path("secret"), "--demo")
	s.gives("shift", "open", "--start", "0")
	if out := s.gives("top-up", "--amount", "50", "--yes"); !strings.Contains(out, "has got 50.00 yuan") {
		t.Error(out)
	}
	c.balance("channel:counter", "5000")
	c.balance("float:own", "5000")

	token, err := os.ReadFile(c.path("app.token"))
	must(t, err)
	order, err := json.Marshal(map[string]any{"channel": "app", "order": "A-1", "card": transitOrder.Transit.Number, "amount_fen": 3000})
	must(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, loads+"/v1/loads/orders", bytes.NewReader(order))
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	must(t, answer.Body.Close())
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("the app's order: %s", answer.Status)
	}
	if out := s.gives("resolve"); !strings.Contains(out, "order A-1: 30.00 yuan that waited") {
		t.Error(out)
	}
	c.balance("float:own", "8000")
	if read := held.Describe().Transit; read.BalanceFen != 8000 || len(read.Log) != 2 {
		t.Errorf("card %+v", read)
	}
}

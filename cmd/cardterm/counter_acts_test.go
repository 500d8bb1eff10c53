package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/keyservice/keyservicetest"
	"citycard/cmd/books"
	"citycard/simulators/pcscd/pcscdtest"
	"citycard/simulators/specimen"
	"citycard/simulators/vcard"
	"citycard/terminals/card"
	"citycard/terminals/counter"
)

// otherNumber is that of the other card that the centre knows.
const otherNumber = "03105070200000000013"

// certificate is that of a holder.
const certificate = "410101195001010018"

// clerk enrols a clerk of the channel with a key under a passphrase, and returns the key and the
// socket at which the centre is asked.
func (c *centre) clerk() (key, socket string) {
	c.Helper()
	key = c.path("clerks", "mia.key")
	must(c.T, os.Mkdir(c.path("clerks"), 0o700))
	must(c.T, os.WriteFile(c.path("secret"), []byte("a long passphrase\n"), 0o600))
	run := func(args ...string) []byte {
		c.Helper()
		out, err := c.run("citycard", args...)
		must(c.T, err)
		return out
	}
	run("person", "key", key, "--passphrase-file", c.path("secret"))
	run("person", "enrol", "--id", "mia", "--name", "Mia", "--unit", "channel:counter", "--role", "clerk", "--public", key+".pub",
		"--identity", c.path("people", "kim.key"), "--demo", "--reason", "new", "--data", c.path("data"))
	c.approves("lee")
	serving, ok, err := books.Serving(c.Context(), c.path("data"), slog.New(slog.DiscardHandler))
	if err != nil || !ok {
		c.Fatalf("it does not serve: %v", err)
	}
	return key, serving.Socket
}

// approves has somebody approve the proposal that waits.
func (c *centre) approves(who string) {
	c.Helper()
	out, err := c.run("citycard", "proposal", "list", "--json", "--data", c.path("data"))
	must(c.T, err)
	var waits struct {
		Proposal int    `json:"proposal"`
		Hash     string `json:"hash"`
	}
	must(c.T, json.Unmarshal(out, &waits))
	_, err = c.run("citycard", "proposal", "approve", fmt.Sprint(waits.Proposal), "--hash", waits.Hash, "--identity", c.path("people", who+".key"), "--demo", "--data", c.path("data"))
	must(c.T, err)
}

// another is the other card that the centre knows.
func another(t *testing.T) *chip.Chip { return until(t, transitOrder.Transit.Expiry) }

// until is that card with a last day of its own.
func until(t *testing.T, last string) *chip.Chip {
	t.Helper()
	o, transit := transitOrder, *transitOrder.Transit
	transit.Number, transit.Expiry = otherNumber, last
	o.Transit = &transit
	held := chip.NewTransit(10)
	_, err := counter.Personalise(t.Context(), held, held.PowerOn(), specimen.Keys(), o)
	must(t, err)
	return held
}

// The page at a real centre, by keyboard: a clerk signs in, opens a shift, sells a card with its
// first load, reports it lost and replaces it, and closes the shift with cash that does not add up.
func TestCounterPageAtTheCentre(t *testing.T) {
	slot := pcscdtest.Slots(t)[0]
	takeOut(t, nil)
	c, loads := startCounterCentre(t)
	key, socket := c.clerk()
	ctx := browser(t)
	address := startPageOf(t, "counter", "--reader", "00 00", "--data", t.TempDir(), "--loads", loads, "--token", c.path("counter.token"),
		"--channel", "counter", "--terminal", "491030000001", "--server", "unix:"+socket, "--identity", filepath.Dir(key))
	k := &keyboard{t, ctx}
	_, err := chromedp.Run(ctx, chromedp.Navigate(address))
	must(t, err)
	k.wait("no card")
	k.named()
	k.press("Mia", "m", kb.Tab, "a long passphrase", kb.Enter)
	k.form("shift-open", "0")
	k.agree("shift 1 is open, with 0.00 yuan")

	held := personalised(t, specimen.Keys())
	putIn(t, slot, held)
	k.reload(address, "****0012")
	k.form("sell", "St", "50", certificate)
	k.planned("the customer pays 60.00 yuan")
	k.agree("sell: done by order")
	if read := held.Describe().Transit; read.BalanceFen != 5000 {
		t.Errorf("card %+v", read)
	}
	takeOut(t, slot)
	putIn(t, slot, another(t))
	k.reload(address, "****0013")
	k.form("report-loss", transitOrder.Transit.Number, certificate)
	k.agree("report lost: done by order")
	k.reload(address, "****0013")
	k.form("replace", transitOrder.Transit.Number, certificate)
	k.agree("replace: done by order")
	k.reload(address, "****0013")
	k.form("shift-close", "55")
	k.agree("yuan are short")
	takeOut(t, slot)
}

// The same acts as commands: what is shown is what is signed, and each is done once. A PIN that is
// locked is unblocked, and a card that is taken back has paid its balance at the counter's SAM.
func TestCounterActsAtTheCentre(t *testing.T) {
	slot := pcscdtest.Slots(t)[0]
	takeOut(t, nil)
	c, loads := startCounterCentre(t)
	key, socket := c.clerk()
	s := &shop{T: t, args: []string{
		"--reader", "00 00", "--data", t.TempDir(), "--loads", loads, "--token", c.path("counter.token"), "--channel", "counter", "--demo",
		"--terminal", "491030000001", "--server", "unix:" + socket, "--identity", filepath.Dir(key), "--clerk", "mia", "--identity-passphrase-file", c.path("secret"),
		"--keys", c.path("data", "keys.age"),
	}}
	shown, err := c.run("citycard", "publish-key", "show", "--data", c.path("data"))
	must(t, err)
	office := keyservicetest.Open(t, keyservice.Software{Keyring: keys.NewKeyring(specimen.Keys())}, time.Now, keyservice.PINs, keyservice.Files)
	s.args = append(s.args, office.Args...)
	held := personalised(t, specimen.Keys())
	putIn(t, slot, held)
	defer takeOut(t, slot)
	if out := s.fails(7, "top-up", "--amount", "10", "--yes"); !strings.Contains(out, "no shift is open") {
		t.Error(out)
	}
	if out := s.fails(7, "shift", "open", "--start", "200"); !strings.Contains(out, "has left 0.00 yuan in the drawer, and not 200.00") {
		t.Error(out)
	}
	if out := s.gives("shift", "open", "--start", "0"); !strings.Contains(out, "shift 1 is open, with 0.00 yuan") {
		t.Error(out)
	}
	shows := c.path("certificate")
	must(t, os.WriteFile(shows, []byte(certificate+"\n"), 0o600))
	sell := []string{"--product", "student", "--first-load", "50", "--certificate-file", shows}
	if out := s.gives("sell", append(sell, "--dry-run")...); !strings.Contains(out, "the customer pays 60.00 yuan") {
		t.Error(out)
	}
	if out := s.gives("sell", append(sell, "--yes")...); !strings.Contains(out, "sell: done by order") {
		t.Error(out)
	}
	if out := s.fails(7, "shift", "hand-over", "--amount", "60.01"); !strings.Contains(out, "60.00 yuan should be in the drawer") { // the load is in the books
		t.Error(out)
	}
	hands := []string{"hand-over", "--amount", "20", "--to", "bank"}
	for range 2 {
		if out := s.gives("shift", hands...); !strings.Contains(out, "this takes two people: proposal ") {
			t.Error(out)
		}
	}
	if out := s.fails(7, "shift", "close", "--counted", "60"); !strings.Contains(out, "who receives it has not signed proposal") {
		t.Error(out)
	}
	c.approves("ann")
	if out := s.gives("shift", hands...); !strings.Contains(out, "handed over to the bank; 40.00 yuan are left") {
		t.Error(out)
	}
	if said := s.refusesPIN(); !strings.Contains(said, "has signed no permit for it") || !strings.Contains(said, "the centre has done it") {
		t.Errorf("the key service does not know the centre: %s", said)
	}
	office.Trusts(t, strings.TrimSpace(string(shown)))
	s.unblocks(slot, held)
	// Of 200.01 yuan or more one clerk alone gives nothing back.
	s.gives("top-up", "--amount", "150", "--yes")
	back := []string{"--certificate-file", shows, "--yes"}
	if out := s.gives("return", append(back, "--dry-run")...); !strings.Contains(out, "210.00 yuan are given back or go over to another card: more than 200.00 yuan takes two people") {
		t.Error(out)
	}
	if out := s.gives("return", back...); !strings.Contains(out, "this takes two people: proposal ") {
		t.Error(out)
	}
	if out := s.fails(7, "return", back...); !strings.Contains(out, "waits for a supervisor") || held.Describe().Transit.BalanceFen != 200_00 {
		t.Error(out)
	}
	c.approves("ann")
	if out := s.gives("return", back...); !strings.Contains(out, "return: done by order") {
		t.Error(out)
	}
	if read := held.Describe().Transit; read.BalanceFen != 0 {
		t.Errorf("card %+v", read)
	}
	// A card that was gone before its last day was written, which the centre has, gets it now.
	takeOut(t, slot)
	behind := until(t, "20401231")
	putIn(t, slot, behind)
	if out := s.gives("extend", "--yes"); !strings.Contains(out, "extend: done by order") {
		t.Error(out)
	}
	if last := behind.Describe().Transit.Expiry; last != "20991231" {
		t.Errorf("its last day is %s", last)
	}
	if out := s.fails(7, "extend", "--yes"); !strings.Contains(out, "no product is of the type") { // the centre is asked
		t.Error(out)
	}
	// 60 were paid and given back, and 20 handed over, which somebody else had put in.
	for range 2 {
		if out := s.gives("shift", "close", "--counted", "40"); !strings.Contains(out, "this takes two people: proposal ") {
			t.Error(out)
		}
	}
}

// refusesPIN has the counter unblock a PIN, which fails, and returns what it says.
func (s *shop) refusesPIN() string {
	s.Helper()
	cmd := command(s.T, append([]string{"counter", "unblock-pin", "--certificate-file", "-", "--yes"}, s.args...)...)
	cmd.Stdin = strings.NewReader(certificate + "\n654321\n")
	out, err := cmd.CombinedOutput()
	if err == nil {
		s.Fatalf("it is done: %s", out)
	}
	return string(out)
}

// unblocks locks a card's PIN, and has the counter unblock it.
func (s *shop) unblocks(slot *vcard.Slot, held *chip.Chip) {
	s.Helper()
	p := outside(s.T, slot, held)
	for range 3 {
		if err := p.VerifyPIN(s.Context(), "000000"); err == nil {
			s.Fatal("a wrong PIN is taken")
		}
	}
	putIn(s.T, slot, held)
	cmd := command(s.T, append([]string{"counter", "unblock-pin", "--certificate-file", "-", "--yes"}, s.args...)...)
	cmd.Stdin = strings.NewReader(certificate + "\n654321\n")
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "654321") {
		s.Fatalf("%v: %s", err, out)
	}
	must(s.T, outside(s.T, slot, held).VerifyPIN(s.Context(), "654321"))
	putIn(s.T, slot, held)
}

// outside takes a card out of its reader and gives it power, so that nothing but the test, pcscd
// neither, turns it off while the test speaks to it.
func outside(t *testing.T, slot *vcard.Slot, held *chip.Chip) *card.Purse {
	t.Helper()
	takeOut(t, slot)
	held.PowerOn()
	p, err := card.OpenPurse(t.Context(), held)
	must(t, err)
	return p
}

package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/purse"
	"citycard/cardos/ssc"
	"citycard/simulators/city"
	"citycard/simulators/specimen"
	"citycard/simulators/vcard"
)

// reader is vpcd's side of a slot: it takes one card at a time.
type reader struct {
	t        *testing.T
	listener net.Listener
	conn     net.Conn
}

func newReader(t *testing.T) *reader {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &reader{t: t, listener: l}
}

func (r *reader) address() string { return r.listener.Addr().String() }

// take waits for the next card and powers it.
func (r *reader) take() {
	r.t.Helper()
	conn, err := r.listener.Accept()
	if err != nil {
		r.t.Fatal(err)
	}
	r.conn = conn
	r.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	r.send(1)
}

func (r *reader) send(message ...byte) {
	r.t.Helper()
	if _, err := r.conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)); err != nil {
		r.t.Fatal(err)
	}
}

// ask returns the card's answer, nil when the card has gone.
func (r *reader) ask(message ...byte) []byte {
	r.t.Helper()
	r.send(message...)
	var length [2]byte
	if _, err := io.ReadFull(r.conn, length[:]); err != nil {
		return nil
	}
	b := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(r.conn, b); err != nil {
		r.t.Fatal(err)
	}
	return b
}

func (r *reader) command(cmd apdu.Command) []byte {
	r.t.Helper()
	raw, err := cmd.Encode()
	if err != nil {
		r.t.Fatal(err)
	}
	return r.ask(raw...)
}

// desk drives `cardsim card --commands`.
type desk struct {
	t    *testing.T
	in   *io.PipeWriter
	out  *bufio.Scanner
	done chan error
}

func newDesk(t *testing.T, addresses ...string) *desk {
	t.Helper()
	commands, in := io.Pipe()
	answers, out := io.Pipe()
	d := &desk{t: t, in: in, out: bufio.NewScanner(answers), done: make(chan error, 1)}
	d.out.Buffer(nil, 1<<20)
	go func() {
		c := virtualCard{recipe: recipe{date: "20261120"}, slots: addresses, commands: true}
		d.done <- c.run(t.Context(), commands, out)
		_ = out.Close()
	}()
	return d
}

func (d *desk) say(line string) string {
	d.t.Helper()
	if _, err := io.WriteString(d.in, line+"\n"); err != nil {
		d.t.Fatal(err)
	}
	if !d.out.Scan() {
		d.t.Fatalf("no answer to %q: %v", line, d.out.Err())
	}
	return d.out.Text()
}

func (d *desk) ok(line string) {
	d.t.Helper()
	if answer := d.say(line); answer != "ok" {
		d.t.Fatalf("%q: %s", line, answer)
	}
}

func TestCommandsThatAreRefused(t *testing.T) {
	d := newDesk(t, "127.0.0.1:1")
	image := filepath.Join(t.TempDir(), "card.img")
	for line, want := range map[string]string{
		"remove":                                "error: no card",
		"insert transit " + image + " 7":        "error: no virtual reader",
		"insert bank x 1":                       "error: no card of profile",
		"insert transit x seven":                "error: seed",
		"sit":                                   "error: \"sit\"",
		"":                                      "error: \"\"",
		"2 remove":                              "error: no slot 2",
		"0 remove":                              "error: no slot 0",
		"1":                                     "error: \"1\"",
		"back":                                  "error: no card was taken out",
		"tear before":                           "error: no card",
		"describe":                              "error: no card",
		"swap tunion - 1":                       "error: no card",
		"insert transit /proc/self/mem 1":       "error: card image not usable",
		"insert transit - 99999999999999999999": "error: seed",
	} {
		if answer := d.say(line); !strings.HasPrefix(answer, want) {
			t.Errorf("%q is answered %q, want %q…", line, answer, want)
		}
	}
	d.ok("quit")
	if err := <-d.done; err != nil {
		t.Error(err)
	}
}

// A card is put in, torn, taken out, put back and swapped; two slots do not mix.
func TestCommands(t *testing.T) {
	first, second := newReader(t), newReader(t)
	d := newDesk(t, first.address(), second.address())
	image := filepath.Join(t.TempDir(), "social.img")
	d.ok("insert ssc-v2 " + image + " 7")
	first.take()
	d.ok("2 insert psam - 7")
	second.take()
	if answer := d.say("insert tunion - 1"); !strings.HasPrefix(answer, "error: "+vcard.ErrOccupied.Error()) {
		t.Errorf("a second card: %s", answer)
	}
	// PIN tries: a wrong PIN costs one, also when the card is torn after the change.
	first.command(ssc.Select())
	d.ok("tear after")
	if answer := first.command(apdu.Verify(0, []byte{0x99, 0x99})); answer != nil {
		t.Errorf("the torn card answers %X", answer)
	}
	d.ok("remove")
	if tries := describedTries(t, d.say("describe")); tries != 2 {
		t.Errorf("%d tries after the tear, want 2", tries)
	}
	d.ok("back")
	first.take()
	first.command(ssc.Select())
	d.ok("tear before")
	first.command(apdu.Verify(0, []byte{0x99, 0x99}))
	d.ok("remove")
	d.ok("insert transit " + image + " 1") // the image, not a transit card
	first.take()
	if tries := describedTries(t, d.say("1 describe")); tries != 2 {
		t.Errorf("%d tries in the image, want 2", tries)
	}
	d.ok("swap tunion - 3")
	first.take()
	if answer := first.ask(4); !bytes.HasPrefix(answer, []byte{0x3B, 0x8A, 0x80, 0x01}) {
		t.Errorf("ATR after the swap %X", answer)
	}
	if answer := second.ask(4); !bytes.HasPrefix(answer, []byte{0x3B, 0x69}) {
		t.Errorf("ATR in the second slot %X", answer)
	}
	d.ok("quit")
	if err := <-d.done; err != nil {
		t.Error(err)
	}
}

func describedTries(t *testing.T, line string) byte {
	t.Helper()
	var d chip.Description
	if err := json.Unmarshal([]byte(line), &d); err != nil || d.SocialSecurity == nil {
		t.Fatalf("described as %s, %v", line, err)
	}
	return d.SocialSecurity.PINTries
}

// Every profile is described without a reader; dual cards on the side that is asked for.
func TestDescribe(t *testing.T) {
	for _, profile := range append([]string{"transit", "ssc", "blank-ssc-v1", "blank-dual"}, kinds()...) {
		var out bytes.Buffer
		c := virtualCard{recipe: recipe{date: "20261120"}, profiles: list{profile}, seed: 4, describe: true}
		if err := c.run(t.Context(), nil, &out); err != nil {
			t.Fatal(err)
		}
		var d chip.Description
		if err := json.Unmarshal(out.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		if d.Personalised != specimen.Known(specimen.Kind(profile)) {
			t.Errorf("%s: personalised %v", profile, d.Personalised)
		}
		c.side = "contact"
		err := c.run(t.Context(), nil, io.Discard)
		if contactless := profile == "tunion" || profile == "city-union" || profile == "transit"; (err != nil) != contactless {
			t.Errorf("%s through contacts: %v", profile, err)
		}
	}
}

func kinds() (all []string) {
	for _, k := range specimen.Kinds() {
		all = append(all, string(k))
	}
	return all
}

// Several slots hold several cards until the program ends; then they are saved.
func TestSeveralSlots(t *testing.T) {
	first, second := newReader(t), newReader(t)
	dir := t.TempDir()
	done := make(chan error, 1)
	args := []string{
		"card", "--vpcd", first.address() + "," + second.address(), "--profile", "ssc-v1", "--profile", "tunion",
		"--image", filepath.Join(dir, "1.img"), "--image", filepath.Join(dir, "2.img"), "--log-level", "error",
	}
	go func() { done <- run(t, args...) }()
	first.take()
	second.take()
	if a, b := first.ask(4), second.ask(4); a[1] != 0x6D || b[1] != 0x8A {
		t.Errorf("ATRs %X and %X", a, b)
	}
	_ = first.conn.Close()
	_ = second.conn.Close()
	if err := <-done; err != nil && !strings.Contains(err.Error(), "left the reader") {
		t.Fatal(err)
	}
	for i, profile := range []string{"ssc-v1", "transit"} {
		card, _, err := recipe{}.take(t.Context(), "bank", filepath.Join(dir, []string{"1.img", "2.img"}[i]), 0)
		if err != nil || card.Profile().String() != profile {
			t.Errorf("slot %d was saved as %v, %v", i+1, card, err)
		}
	}
}

// asProgram makes the test's binary the program, for tests that kill it.
const asProgram = "CARDSIM_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	testscript.Main(m, map[string]func(){"cardsim": main})
}

// TestScripts runs commands as a user types them: testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireExplicitExec: true})
}

// A change that a card has answered is stored even if the program is killed right after it: a new
// PIN, and the tries that a wrong PIN costs.
func TestKilledProgramTakesNothingBack(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(t.TempDir(), "card.img")
	fresh, wrong := []byte{0x65, 0x43, 0x21}, []byte{0x99, 0x99, 0x99}
	answers := func(cmd apdu.Command, want string) {
		t.Helper()
		r := newReader(t)
		child := exec.CommandContext(t.Context(), path, "card", "--profile", "ssc-v2", "--image", image, "--vpcd", r.address(), "--log-level", "error")
		child.Env = append(os.Environ(), asProgram+"=1")
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		r.take()
		r.command(ssc.Select())
		got := fmt.Sprintf("%X", r.command(cmd))
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // killed
		if got != want {
			t.Errorf("%X is answered %s, want %s", cmd.Header(), got, want)
		}
	}
	answers(purse.ChangePIN(0, []byte{0x12, 0x34, 0x56}, fresh), "9000")
	answers(apdu.Verify(0, wrong), "63C2")
	answers(apdu.Verify(0, wrong), "63C1")
	answers(apdu.Verify(0, fresh), "9000")
	answers(apdu.Verify(0, wrong), "63C2")
	if files, err := filepath.Glob(filepath.Join(filepath.Dir(image), "*")); err != nil || len(files) != 1 {
		t.Errorf("files left behind: %v, %v", files, err)
	}
}

// A card whose image can no longer be written leaves its reader without an answer, and its change
// is not stored. A card that no reader accepted leaves no image.
func TestCardThatCannotBeKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cards")
	image := filepath.Join(dir, "card.img")
	r := newReader(t)
	d := newDesk(t, r.address(), "127.0.0.1:1")
	if answer := d.say("insert ssc-v2 " + image + " 7"); !strings.HasPrefix(answer, "error: card image not written") {
		t.Errorf("no directory: %s", answer)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if answer := d.say("2 insert ssc-v2 " + image + " 7"); !strings.HasPrefix(answer, "error: no virtual reader") {
		t.Errorf("no reader: %s", answer)
	}
	if _, err := os.Stat(image); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a card that was in no reader left an image: %v", err)
	}
	d.ok("insert ssc-v2 " + image + " 7")
	r.take()
	r.command(ssc.Select())
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	if answer := r.command(apdu.Verify(0, []byte{0x99, 0x99})); answer != nil {
		t.Errorf("a change that was not kept is answered %X", answer)
	}
	if answer := d.say("remove"); !strings.Contains(answer, chip.ErrNotKept.Error()) {
		t.Errorf("remove says %s", answer)
	}
	card, err := city.OpenChip(filepath.Join(dir+"-away", "card.img"))
	if err != nil || card.Describe().SocialSecurity.PINTries != 3 {
		t.Errorf("the image has the change: %v", err)
	}
	d.ok("quit")
	if err := <-d.done; err != nil {
		t.Error(err)
	}
}

func TestCardSettingsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--date", "soon"}, "YYYYMMDD"},
		{[]string{"--interface", "wireless"}, "--interface"},
		{[]string{"--interface", "contact"}, "--profile dual"},
		{[]string{"--profile", "tunion,psam"}, "--vpcd"},
		{[]string{"--image", "a,b", "--vpcd", "x:1"}, "--vpcd"},
	} {
		if err := run(t, append([]string{"card", "--describe"}, c.args...)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.args, err, c.want)
		}
	}
}

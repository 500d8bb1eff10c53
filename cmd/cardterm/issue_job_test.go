package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"citycard/cardos/chip"
	"citycard/cardos/tunion"
	"citycard/simulators/pcscd/pcscdtest"
	"citycard/simulators/vcard"
	"citycard/terminals/counter"
)

// jobFile writes a job of so many transit cards.
func jobFile(t *testing.T, cards int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("kind,number,issuer,start,expiry,card_type,province,city,interoperable,pin,serial\n")
	for n := range cards {
		fmt.Fprintf(&b, "transit,031050702000000001%02d,99994910ffffffff,20200101,20991231,1,4900,4910,true,123456,%d\n", n, 1000+n)
	}
	path := filepath.Join(t.TempDir(), "job.csv")
	must(t, os.WriteFile(path, []byte(b.String()), 0o600))
	return path
}

// batch is a job that runs.
type batch struct {
	*testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	said *bufio.Scanner
	all  strings.Builder
}

func startJob(t *testing.T, keys, job string) *batch {
	t.Helper()
	return startIssue(t, job, "--demo", "--keys", keys)
}

func startIssue(t *testing.T, job string, args ...string) *batch {
	t.Helper()
	cmd := command(t, append([]string{"issue", "--reader", "00 00", "--wait", "30s", "--job", job}, args...)...)
	r, w, err := os.Pipe()
	must(t, err)
	cmd.Stdout, cmd.Stderr = w, w
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	must(t, w.Close())
	return &batch{T: t, cmd: cmd, in: in, said: bufio.NewScanner(r)}
}

// until reads until the job says something.
func (b *batch) until(want string) {
	b.Helper()
	for b.said.Scan() {
		b.all.WriteString(b.said.Text() + "\n")
		if strings.Contains(b.said.Text(), want) {
			return
		}
	}
	b.Fatalf("never says %q: %v\n%s", want, b.cmd.Wait(), b.all.String())
}

// put puts a card in when it is asked for, types the serials that are asked for then, and takes the
// card out when that is.
func (b *batch) put(slot *vcard.Slot, card vcard.Card, ask, then string, serials ...string) {
	b.Helper()
	b.until(ask)
	must(b.T, slot.Insert(b.Context(), card))
	for _, serial := range serials {
		b.until("serial")
		_, err := fmt.Fprintln(b.in, serial)
		must(b.T, err)
	}
	b.until(then)
	_ = slot.Remove() // one that was torn has gone already
}

func entries(t *testing.T, path string) (all []counter.Entry) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	for d := json.NewDecoder(f); ; {
		var e counter.Entry
		if err := d.Decode(&e); err == io.EOF { //nolint:errorlint // it is not wrapped
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
}

// pullAt is a blank that leaves the reader at the command that ends its personalisation, before or
// after it was carried out.
type pullAt struct {
	*chip.Chip
	at chip.Moment
}

func (c *pullAt) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if len(command) > 4 && command[1] == 0xD6 && command[2] == 0x80|tunion.ApplicationSFI {
		c.LosePower(c.at)
	}
	return c.Chip.Transmit(ctx, command)
}

// worn is a card whose memory takes no more.
type worn struct{ *chip.Chip }

func (c worn) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if len(command) > 1 && command[1] == 0xD6 {
		return []byte{0x65, 0x81}, nil
	}
	return c.Chip.Transmit(ctx, command)
}

// A job goes on with the first card that is not made after it was killed; a card that was pulled is
// known again if it was finished, and counts as spoilt if not.
func TestIssueJob(t *testing.T) {
	store, keyPath := keyFile(t)
	slot := pcscdtest.Slots(t)[0]
	takeOut(t, nil)
	job := jobFile(t, 3)
	report := job + ".report"
	dry := func() string {
		return strings.TrimSpace(string(output(t, "issue", "--demo", "--keys", keyPath, "--job", job, "--dry-run")))
	}
	if said := dry(); said != "cards to be made: 3 of 3" {
		t.Errorf("dry: %s", said)
	}
	if _, err := os.Stat(report); err == nil {
		t.Error("a dry run has made a report")
	}
	b := startJob(t, keyPath, job)
	b.put(slot, chip.NewTransit(1), "1 of 3: put blank 1000 in", "done: take the card out")
	torn := &pullAt{Chip: chip.NewTransit(2), at: chip.BeforeCommit}
	b.put(slot, torn, "2 of 3: put blank 1001 in", "put the same card in once more")
	must(t, b.cmd.Process.Kill())
	_ = b.cmd.Wait()
	takeOut(t, nil)
	if said := dry(); said != "cards to be made: 2 of 3" {
		t.Errorf("dry: %s", said)
	}

	whole, err := os.ReadFile(report)
	must(t, err)
	must(t, os.WriteFile(report, append(whole, `{"line":3,"num`...), 0o600)) // a crash has cut it
	b = startJob(t, keyPath, job)
	torn.Chip.PowerOn()
	b.put(slot, worn{torn.Chip}, "1 of 2: this card was begun", "counts as spoilt", "1001")
	b.put(slot, personalised(t, store), "1 of 2: put a blank card in", "this is no blank", "1000", "x", "2000")
	last := &pullAt{Chip: chip.NewTransit(3), at: chip.AfterCommit}
	b.put(slot, last, "1 of 2: put a blank card in", "put the same card in once more", "2001")
	last.Chip.PowerOn()
	must(t, slot.Insert(t.Context(), last.Chip))
	b.until("done: take the card out")
	must(t, slot.Remove())
	b.put(slot, chip.NewTransit(4), "2 of 2: put blank 1002 in", "done: take the card out")
	b.until("issued: 3 of 3; spoilt: 1")
	must(t, b.cmd.Wait())
	states := ""
	for _, e := range entries(t, report) {
		states += fmt.Sprintf("%d %s %d;", e.Line, e.State, e.Serial)
	}
	if want := "2 begun 1000;2 issued 1000;3 begun 1001;3 spoilt 1001;3 begun 2000;3 other 2000;3 begun 2001;3 issued 2001;4 begun 1002;4 issued 1002;"; states != want {
		t.Errorf("report %s\nwant   %s", states, want)
	}
	if text, err := os.ReadFile(report); err != nil || strings.Contains(string(text), "123456\"") {
		t.Errorf("the report has a PIN: %v", err)
	}
	if said := dry(); said != "cards to be made: 0 of 3" {
		t.Errorf("dry: %s", said)
	}
}

// Another blank in the place of one that was begun is another piece: the first one is spoilt.
func TestIssueJobTwin(t *testing.T) {
	_, keyPath := keyFile(t)
	slot := pcscdtest.Slots(t)[0]
	takeOut(t, nil)
	job := jobFile(t, 1)
	b := startJob(t, keyPath, job)
	torn := &pullAt{Chip: chip.NewTransit(1), at: chip.BeforeCommit}
	b.put(slot, torn, "put blank 1000 in", "put the same card in once more")
	must(t, slot.Insert(t.Context(), chip.NewTransit(2)))
	b.until("If it is not blank 1000, that one is spoilt")
	_, err := fmt.Fprintln(b.in, "0001001")
	must(t, err)
	b.until("done: take the card out")
	must(t, slot.Remove())
	b.until("issued: 1 of 1; spoilt: 1")
	must(t, b.cmd.Wait())
	states := ""
	for _, e := range entries(t, job+".report") {
		states += fmt.Sprintf("%s %d;", e.State, e.Serial)
	}
	if want := "begun 1000;spoilt 1000;begun 1001;issued 1001;"; states != want {
		t.Errorf("report %s\nwant   %s", states, want)
	}
	last := entries(t, job+".report")[3]
	if last.CardType != 1 || last.Start != "20200101" || last.Expiry != "20991231" || last.Issued.Issuer != "99994910ffffffff" {
		t.Errorf("the report has %+v", last)
	}
}

// A job with a wrong line makes no card at all, and says what is wrong in each.
func TestIssueJobFaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "job")
	for name, test := range map[string]struct{ text, want string }{
		"twice":        {"kind,number,issuer,start,expiry,card_type,province,city,pin\n" + strings.Repeat("transit,03105070200000000101,99994910ffffffff,20200101,20991231,1,4900,4910,123456\n", 2), "line 3: the number is that of line 2"},
		"expired":      {"kind,number,issuer,start,expiry,card_type,province,city,pin\ntransit,03105070200000000101,99994910ffffffff,20200101,20201231,1,4900,4910,123456\n", "line 2: the card would be expired"},
		"pin":          {"kind,number,issuer,start,expiry,card_type,province,city,pin\ntransit,03105070200000000101,99994910ffffffff,20200101,20991231,1,4900,4910,12x456\n", "pin"},
		"serial twice": {"kind,number,issuer,start,expiry,card_type,province,city,pin,serial\ntransit,03105070200000000101,99994910ffffffff,20200101,20991231,1,4900,4910,123456,7\ntransit,03105070200000000102,99994910ffffffff,20200101,20991231,1,4900,4910,123456,007\n", "line 3: the serial is that of line 2"},
		"serial":       {"kind,number,issuer,start,expiry,card_type,province,city,pin,serial\ntransit,03105070200000000101,99994910ffffffff,20200101,20991231,1,4900,4910,123456,7a\n", "want 1 to 18 digits"},
		"column":       {"kind,colour\ntransit,green\n", "colour"},
		"short row":    {"kind,number\ntransit\n", "not as many values"},
		"JSON":         {`{"kind":"transit","colour":"green"}`, "line 1"},
		"no job":       {"hello\n", "neither a JSON order nor the names of fields"},
	} {
		t.Run(name, func(t *testing.T) {
			must(t, os.WriteFile(path, []byte(test.text), 0o600))
			out, err := command(t, "issue", "--job", path, "--dry-run").CombinedOutput()
			if err == nil || !strings.Contains(string(out), test.want) || strings.Contains(string(out), "12x456") {
				t.Errorf("%v: %s\nwant %q", err, out, test.want)
			}
		})
	}
}

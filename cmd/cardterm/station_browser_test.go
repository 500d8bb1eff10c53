package main

import (
	"bufio"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/simulators/pcscd/pcscdtest"
)

// browser is a headless Chromium that knows no scripts of ours, as there are none.
func browser(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("Chromium is not installed, so the desk's page was not driven in a browser; on Debian: deploy/setup.sh test")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("lang", "en"))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	_, err := chromedp.Run(ctx, chromedp.Navigate("about:blank")) // starts it, for as long as ctx lasts
	must(t, err)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// startPage runs a station's desk with its page and returns the page's address.
func startPage(t *testing.T, args ...string) string { return startPageOf(t, "station", args...) }

// startPageOf runs a program with a page, for as long as the test lasts.
func startPageOf(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := command(t, append([]string{program, "--page", "127.0.0.1:0"}, args...)...)
	out, err := cmd.StdoutPipe()
	must(t, err)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("no address: %v: %s", cmd.Wait(), stderr.String())
	}
	t.Cleanup(func() {
		must(t, cmd.Process.Signal(syscall.SIGTERM))
		if err := cmd.Wait(); err != nil {
			t.Errorf("after SIGTERM: %v: %s", err, stderr.String())
		}
	})
	return lines.Text()
}

// keyboard is a browser of which nothing but the keyboard is used.
type keyboard struct {
	*testing.T
	ctx context.Context
}

// press types keys once something has the focus, and waits until the page says what it should.
func (k *keyboard) press(want string, keys ...string) string {
	k.Helper()
	k.until("focused", `document.activeElement && document.activeElement !== document.body ? "focused" : ""`)
	for _, key := range keys {
		_, err := chromedp.Run(k.ctx, chromedp.KeyEvent(key))
		must(k.T, err)
	}
	return k.wait(want)
}

// wait waits until the page has a text.
func (k *keyboard) wait(want string) string {
	k.Helper()
	return k.until(want, `document.body ? document.body.innerText : ""`)
}

// until asks the browser until its answer has a text.
func (k *keyboard) until(want, question string) string {
	k.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := chromedp.Run(k.ctx, chromedp.EvaluateAsDevTools[string](question))
		if err == nil && strings.Contains(text, want) {
			return text
		}
		select {
		case <-k.ctx.Done():
			k.Fatalf("the page never says %q: %v\n%s", want, err, text)
		case <-tick.C:
		}
	}
}

// The desk's page in a real browser, by keyboard alone, with a card and a SAM in real readers: a
// card without an entry gets one, and is taken out of the station for cash, with an exit ticket;
// another passenger gets one, too. All arrive.
func TestStationPageInABrowser(t *testing.T) {
	ctx := browser(t)
	s := pcscdtest.Slots(t)
	takeOut(t, nil)
	store := keys.GenerateTest(7)
	must(t, s[1].Insert(t.Context(), chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 0, 1}, store.SAMKeys())))
	cluster, client := deskBroker(t)
	address := startPage(t, "--reader", "00 00", "--sam", "00 01", "--station", "2", "--unsigned",
		"--kafka", strings.Join(cluster.ListenAddrs(), ","), "--data", filepath.Join(t.TempDir(), "data"))
	k := &keyboard{t, ctx}
	_, err := chromedp.Run(ctx, chromedp.Navigate(address))
	must(t, err)
	k.wait("no card")
	where, err := chromedp.Run(ctx, chromedp.Location())
	must(t, err)
	if strings.Contains(where, "token") {
		t.Errorf("the token stays in the address: %s", where)
	}

	card := personalised(t, store)
	must(t, s[0].Insert(t.Context(), card))
	defer takeOut(t, s[0])
	for tries := 0; tries < 40; tries++ { // until pcscd has seen the card
		if text := k.press("Station desk", kb.Enter); strings.Contains(text, "****0012") {
			break
		}
	}
	text := k.wait("the card has not got in: update 03")
	if strings.Contains(text, transitOrder.Transit.Number) {
		t.Errorf("the page has the card's number: %s", text)
	}
	// The station has the focus; Enter sends its form. On the next page the button has it.
	k.press("writes an entry at station 1, now", "1", kb.Enter)
	if log := card.Describe().Transit.Log; len(log) != 0 {
		t.Errorf("the card was changed before anybody agreed: %+v", log)
	}
	k.press("03 no entry", kb.Enter)
	if tap := nextTap(t, client); tap.GetEntryStation() != 1 || tap.GetUpdate().GetReason().Code() != "03" {
		t.Errorf("tap %v", tap)
	}

	// Back to the card; the first form is the other side's, so Tab goes to the second: its cash is
	// chosen already, and it wants a name.
	k.press("update 02 takes cash", kb.Enter)
	k.press("ends the trip from station 1 here", kb.Tab, kb.Tab, kb.Tab, kb.Tab, "A", "1", "7", kb.Enter)
	k.press("02 trip beyond the balance", kb.Enter)
	if tap := nextTap(t, client); tap.GetUpdate().GetCashFen() != 300 || tap.GetUpdate().GetStaff() != "A17" {
		t.Errorf("tap %v", tap)
	}

	// The passenger leaves with an exit ticket: its field has the focus and knows the staff.
	client.AddConsumeTopics(message.TopicExitTickets)
	text = k.press("is given: print this page", kb.Enter)
	if !strings.Contains(text, "the trip was ended at the desk, update 02") || strings.Contains(text, transitOrder.Transit.Number) {
		t.Errorf("the paper: %s", text)
	}
	// Another one for who has no card: the reason, past the update, its cash, and by whom.
	k.press("valid, unless it was used", kb.Enter)
	k.press("neither card nor ticket", "n", kb.Tab, kb.Tab, "9", kb.Tab, kb.Tab, kb.Tab, "B", "2", kb.Enter)
	k.wait("-0002 is given: print this page")
	for n, ticket := range nextTickets(t, client, 2) {
		if want := []uint32{0, 900}[n]; ticket.GetNumber() != uint32(n+1) || ticket.GetCashFen() != want || ticket.GetStaff() != []string{"A17", "B2"}[n] {
			t.Errorf("ticket %v", ticket)
		}
	}
	if read := card.Describe().Transit; len(read.Log) != 2 || read.Journeys[0].Type != tunion.JourneyAdjust {
		t.Errorf("card %+v", read)
	}
}

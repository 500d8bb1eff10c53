package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/simulators/pcscd"
	"citycard/simulators/specimen"
	"citycard/simulators/vcard"
	"citycard/terminals/counter"
)

// The endurance run has counters at real readers that sell, load, replace and take back cards,
// while cards are torn at any command or pulled out, and counters, the key service and the centre
// are killed at any moment. What everybody has is then read from outside: from the cards
// themselves, and by commands.

const (
	// enduranceActs is how many acts the short form has; CITYCARD_SOAK_COUNTER_ACTS says it of the
	// long one.
	enduranceActs = 10
	// soakReaders are the readers of the long form, with two counters each.
	soakReaders = 4
)

// endurance is the run.
type endurance struct {
	*testing.T
	seed     uint64
	random   *dice
	counters int
	cards    int // that the registry has
	masters  *keys.Store

	centre     *centre
	loads      string // address of the load authority
	socket     string // of the centre
	keys       string // address of the key service
	keyService *exec.Cmd

	falls sync.RWMutex // one at a time, and none while the centre is asked
	mu    sync.Mutex
	did   map[string]int
}

// TestCounterEndurance: whatever is torn, pulled or killed, in the end every yuan that customers
// have paid is on a card, owed to one, or was given back; every shift's cash is as expected; no
// card that is gone has anything left; and the reserve equation holds.
func TestCounterEndurance(t *testing.T) {
	e := &endurance{T: t, seed: 20260101, did: map[string]int{}, masters: specimen.Keys()}
	acts, readers := enduranceActs, 1
	if text := os.Getenv("CITYCARD_SOAK_COUNTER_ACTS"); text != "" {
		var err error
		acts, err = strconv.Atoi(text)
		must(t, err)
		e.seed, err = strconv.ParseUint(os.Getenv("CITYCARD_SOAK_SEED"), 10, 32)
		must(t, err)
		readers = soakReaders
	}
	e.random = &dice{Rand: rand.New(rand.NewPCG(e.seed, 2))}
	daemon, err := pcscd.Ensure(t.Context(), slog.New(slog.DiscardHandler), readers)
	must(t, err)
	t.Cleanup(func() { must(t, daemon.Close()) })
	for _, setting := range daemon.Environment() {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
	}
	e.counters = min(2*readers, len(daemon.Slots))
	e.cards = acts + 2*e.counters
	e.open()
	began := time.Now()
	var windows []*window
	for i := range e.counters {
		windows = append(windows, &window{endurance: e, index: i, name: fmt.Sprintf("c%d", i+1), slot: vcard.NewSlot(daemon.Slots[i])})
	}
	e.endure(windows, acts)
	t.Logf("seed %d: %d acts at %d counters in %s, %v", e.seed, acts, e.counters, time.Since(began).Round(time.Second), e.did)
	if t.Failed() {
		return
	}
	e.happened(windows, readers == soakReaders)
	e.judge(windows)
}

// happened wants cards that were sold, and in the long form something of all that goes wrong.
func (e *endurance) happened(windows []*window, long bool) {
	e.Helper()
	sold := func(c *customer) bool { return c.state != "unknown" }
	if !slices.ContainsFunc(windows, func(w *window) bool { return slices.ContainsFunc(w.all, sold) }) {
		e.Fatalf("seed %d: no card was sold", e.seed)
	}
	if !long {
		return
	}
	for _, what := range []string{"cards torn", "cards pulled", "counters killed", "counters killed at a command", "key service killed", "centre killed"} {
		if e.did[what] == 0 {
			e.Errorf("seed %d: %s: none in the whole run", e.seed, what)
		}
	}
}

// kills kills something and starts it again, again and again, until over ends.
func (e *endurance) kills(over context.Context, what string, least, most time.Duration, kill, start func()) {
	for {
		select {
		case <-over.Done():
			return
		case <-time.After(e.random.pause(least, most)):
		}
		e.count(what)
		e.falls.Lock() // without the key service the centre does not start
		kill()
		time.Sleep(e.random.pause(0, 2*time.Second))
		start()
		e.falls.Unlock()
	}
}

// endure has the counters do so many acts together, while the key service and the centre are killed
// now and then.
func (e *endurance) endure(windows []*window, acts int) {
	over, cancel := context.WithCancel(e.Context())
	var all, beside sync.WaitGroup
	beside.Go(func() { e.kills(over, "key service killed", 2*time.Second, 8*time.Second, e.stopKeys, e.startKeys) })
	beside.Go(func() { e.kills(over, "centre killed", 5*time.Second, 20*time.Second, e.killCentre, e.serve) })
	for i, w := range windows {
		all.Go(func() {
			if w.doing = "the beginning"; !w.again("open") {
				return
			}
			for n := i; n < acts && !w.Failed(); n += len(windows) {
				w.act(n)
			}
		})
	}
	all.Wait()
	cancel()
	beside.Wait()
}

func (e *endurance) count(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.did[what]++
}

// numberOf is the number of a card.
func numberOf(t *testing.T, card int) string {
	t.Helper()
	asn, err := tunion.ZhengzhouNumber(uint64(70_000_000_001 + card))
	must(t, err)
	return hex.EncodeToString(asn[:])
}

// make makes a card that the registry has.
func (e *endurance) make(card int) *customer {
	e.Helper()
	o, transit := transitOrder, *transitOrder.Transit
	transit.Number = numberOf(e.T, card)
	o.Transit = &transit
	c := chip.NewTransit(uint64(card) + 100)
	_, err := counter.Personalise(e.Context(), c, c.PowerOn(), e.masters, o)
	must(e.T, err)
	c.PowerOff()
	return &customer{chip: c, number: transit.Number}
}

// judge holds the cards, the drawers and the books against each other.
func (e *endurance) judge(windows []*window) {
	e.Helper()
	var cash, purses, deposits int64
	replaced := int64(0)
	for _, w := range windows {
		w.finish()
		cash += w.cash
		for _, c := range w.all {
			if c.state == "unknown" {
				continue
			}
			if purses += c.balance(); c.state == "active" {
				deposits += soldDeposit
			}
			if c.state == "replaced" {
				replaced++
			}
		}
	}
	for _, account := range []struct {
		code string
		want int64
	}{
		{"channel:counter", -cash},
		{"float:own", purses},
		{"deposits:own", deposits},
		{"fees:own", replacementFee * replaced},
		{"unwritten:own", 0},
		{"waiting:own", 0},
		{"differences:own", 0},
	} {
		e.awaits(account.code, account.want)
	}
	for _, w := range windows {
		for _, c := range w.all {
			e.stands(w, c)
		}
	}
	out := e.type_("citycard", "verify", "--data", e.centre.path("data"))
	if !strings.Contains(string(out), ": 0 faults") {
		e.Errorf("seed %d: verify says %s", e.seed, out)
	}
	if cash != purses+deposits+replacementFee*replaced {
		e.Errorf("seed %d: customers have paid %d fen; cards hold %d, deposits are %d, and %d cards were replaced", e.seed, cash, purses, deposits, replaced)
	}
}

// awaits waits until an account has a balance: the last records are under way.
func (e *endurance) awaits(account string, want int64) {
	e.Helper()
	var is int64
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if is = e.holds(account); is == want {
			return
		}
	}
	e.Errorf("seed %d: %s has %d fen, want %d", e.seed, account, is, want)
}

// stands compares a card's own memory with what the centre says of it.
func (e *endurance) stands(w *window, c *customer) {
	e.Helper()
	s := e.show(c.number)
	deposit := int64(0)
	if c.state == "active" {
		deposit = soldDeposit
	}
	if s.State != c.state || s.Shadow != c.balance() || s.Deposit != deposit || len(s.Waiting) > 0 || c.state == "returned" && s.Shadow != 0 {
		e.Errorf("seed %d, counter %s: card %s is %s and holds %d fen; the centre has %+v", e.seed, w.name, c.number, c.state, c.balance(), s)
	}
}

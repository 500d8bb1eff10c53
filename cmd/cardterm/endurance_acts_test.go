package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"citycard/cardos/chip"
	"citycard/simulators/vcard"
)

// window is a counter of the endurance run, with its reader.
type window struct {
	*endurance
	index int
	name  string
	slot  *vcard.Slot
	cash  int64       // in the drawer
	all   []*customer // that came here
	made  int
	doing string // for what is said of a failure

	process atomic.Pointer[os.Process] // of the command that runs
}

// customer is a card and its holder.
type customer struct {
	chip   *chip.Chip
	number string
	state  string // as the customer knows it: unknown, active, returned, replaced
}

// balance is what the card itself holds, in fen.
func (c *customer) balance() int64 { return int64(c.chip.Describe().Transit.BalanceFen) }

// fumbled is a card in a reader that may leave at a command, or at which the counter is killed.
type fumbled struct {
	*chip.Chip
	powered atomic.Int32
	left    atomic.Int32 // commands until then; none where it is below
	after   bool         // the card does it, and the answer is lost
	kill    func()       // the counter, instead of leaving; or nil
}

// PowerOn implements vcard.Card.
func (f *fumbled) PowerOn() []byte {
	f.powered.Add(1)
	return f.Chip.PowerOn()
}

// Reset implements vcard.Card.
func (f *fumbled) Reset() []byte { return f.PowerOn() }

// Transmit implements vcard.Card.
func (f *fumbled) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if f.left.Add(-1) != 0 {
		return f.Chip.Transmit(ctx, command)
	}
	if f.kill != nil {
		f.kill()
	}
	var answer []byte
	var err error
	if f.after {
		answer, err = f.Chip.Transmit(ctx, command)
	}
	if f.kill != nil && f.after {
		return answer, err
	}
	return nil, errTorn
}

// put puts a card into the reader and waits until pcscd has seen it.
func (w *window) put(c *customer) *fumbled {
	for range 20 {
		f := &fumbled{Chip: c.chip}
		f.left.Store(-1)
		if err := w.slot.Insert(w.Context(), f); err != nil {
			w.fail("a card does not go in: %v", err)
			return f
		}
		const bySlot = 1
		for end := time.Now().Add(3 * time.Second); f.powered.Load() <= bySlot && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		}
		if f.powered.Load() > bySlot {
			return f
		}
		w.take()
	}
	w.fail("pcscd sees no card")
	return &fumbled{Chip: c.chip}
}

// take takes the card out, which may be out already.
func (w *window) take() {
	if err := w.slot.Remove(); err != nil && !errors.Is(err, vcard.ErrEmpty) && !errors.Is(err, errTorn) {
		w.fail("a card does not come out: %v", err)
	}
	time.Sleep(unseen)
}

func (w *window) fail(format string, args ...any) {
	w.Errorf("seed %d, counter %s, %s: %s", w.seed, w.name, w.doing, fmt.Sprintf(format, args...))
}

// chaos runs a command while something happens to the card or to the counter; in a third of the
// cases nothing does.
func (w *window) chaos(f *fumbled, act string, more ...string) (words string, code int) {
	kill := time.Duration(0)
	how := w.random.below(8)
	switch how {
	case 0, 1:
		w.count("cards torn")
	case 2, 3:
		w.count("counters killed at a command")
		f.kill = func() {
			if process := w.process.Load(); process != nil {
				_ = process.Kill()
			}
		}
	case 4:
		kill = w.random.pause(time.Millisecond, 1500*time.Millisecond)
		w.count("counters killed")
	case 5:
		w.count("cards pulled")
		timer := time.AfterFunc(w.random.pause(0, 1500*time.Millisecond), func() { _ = w.slot.Remove() })
		defer timer.Stop()
	}
	if how < 4 {
		f.after = w.random.below(2) == 0
		f.left.Store(int32(1 + w.random.below(farthestAct))) // last: the card acts by it at once
	}
	_, words, code = w.run(kill, act, more...)
	return words, code
}

// farthestAct is how many commands an act has, about.
const farthestAct = 50

// finally repeats a command that may be given again until it ends well. The first time something
// may happen once more.
func (w *window) finally(c *customer, act string) (out []byte, ok bool) {
	w.take()
	if f := w.put(c); w.random.below(3) == 0 {
		_, _ = w.chaos(f, act)
	}
	return w.calmly(c, act)
}

// calmly puts the card in once more, and repeats a command until it ends well: a killed key service
// comes back.
func (w *window) calmly(c *customer, act string, more ...string) (out []byte, ok bool) {
	words := ""
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		w.take()
		w.put(c)
		var code int
		if out, words, code = w.run(0, act, more...); code == 0 {
			return out, true
		}
		if strings.Contains(words, "has had no answer") { // of this act, as it was given just before
			if out, _, code = w.run(0, "again"); code == 0 {
				return out, true
			}
		}
	}
	w.fail("%s does not end well: %s", act, words)
	return nil, false
}

// again repeats a command that needs no card until it ends well.
func (w *window) again(act string) bool {
	words, code := "", 0
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if _, words, code = w.run(0, act); code == 0 {
			return true
		}
	}
	w.fail("%s does not end well: %s", act, words)
	return false
}

// act does the n-th act.
func (w *window) act(n int) {
	var active []*customer
	for _, c := range w.all {
		if c.state == "active" {
			active = append(active, c)
		}
	}
	dice := w.random.below(100)
	if len(active) == 0 || dice < 30 {
		w.doing = fmt.Sprintf("act %d: sale", n)
		w.sell(w.fresh())
		return
	}
	c := active[w.random.below(len(active))]
	switch {
	case dice < 70:
		w.doing = fmt.Sprintf("act %d: load of %s", n, c.number)
		w.load(c)
	case dice < 85:
		w.doing = fmt.Sprintf("act %d: replacement of %s", n, c.number)
		w.replace(c)
	default:
		w.doing = fmt.Sprintf("act %d: return of %s", n, c.number)
		w.giveBack(c)
	}
}

// fresh is a card that was never sold.
func (w *window) fresh() *customer {
	c := w.make(w.made*w.counters + w.index)
	c.state = "unknown"
	w.made++
	w.all = append(w.all, c)
	return c
}

// settle finishes what is open: the act at the centre, and the orders of the card.
func (w *window) settle(c *customer) (ok bool) {
	if _, ok = w.finally(c, "again"); !ok {
		return false
	}
	return w.resolve(c)
}

// resolve finishes the orders of the card. What is late is for a person, and there is nothing such.
func (w *window) resolve(c *customer) bool {
	out, ok := w.finally(c, "resolve")
	if !ok {
		return false
	}
	var all []resolvedOrder
	if err := json.Unmarshal(out, &all); err != nil {
		w.fail("resolve says %s", out)
		return false
	}
	for _, r := range all {
		w.count("orders: " + string(r.Outcome))
	}
	return true
}

// yuanText is an amount as it is typed.
func yuanText(fen int64) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }

// sell sells a card with a first load. The customer pays what the card, and the centre of its
// deposit, have in the end; the rest is given back.
func (w *window) sell(c *customer) {
	w.count("sales")
	fen := int64(1+w.random.below(5)) * 10_00
	f := w.put(c)
	_, _ = w.chaos(f, "sell", "--first-load", yuanText(fen))
	defer w.take()
	if !w.settle(c) {
		return
	}
	s := w.show(c.number)
	switch got := c.balance(); {
	case s.State == "active" && (got == 0 || got == fen):
		c.state = "active"
		w.cash += soldDeposit + got
	case s.State == "unknown" && got == 0:
	default:
		w.fail("it holds %d fen, of a first load of %d, and is %s", got, fen, s.State)
	}
}

// load tops a card up.
func (w *window) load(c *customer) {
	w.count("loads")
	fen, before := int64(1+w.random.below(5))*10_00, c.balance()
	if before+fen > 900_00 {
		return
	}
	f := w.put(c)
	_, code := w.chaos(f, "load", "--amount", yuanText(fen))
	defer w.take()
	if !w.resolve(c) {
		return
	}
	got := c.balance() - before
	if got != 0 && got != fen || code == 0 && got == 0 {
		w.fail("it has got %d fen of %d, exit code %d", got, fen, code)
	}
	w.cash += got
}

// replace reports a card lost, and replaces it.
func (w *window) replace(c *customer) {
	w.count("replacements")
	next := w.fresh()
	f := w.put(next)
	_, _ = w.chaos(f, "lost", "--number", c.number)
	defer w.take()
	if _, ok := w.finally(next, "again"); !ok {
		return
	}
	if w.show(c.number).State != "lost" {
		if _, ok := w.calmly(next, "lost", "--number", c.number); !ok {
			return
		}
	}
	w.take()
	f = w.put(next)
	_, _ = w.chaos(f, "replace", "--old", c.number)
	if !w.settle(next) {
		return
	}
	old, new := w.show(c.number), w.show(next.number)
	switch {
	case old.State == "replaced" && new.State == "active":
		c.state, next.state = "replaced", "active"
		w.cash += replacementFee
	case old.State == "lost" && new.State == "unknown":
		w.found(c)
	default:
		w.fail("the old card is %s, the new one %s", old.State, new.State)
	}
}

// found has a card that was reported lost found again.
func (w *window) found(c *customer) {
	if _, ok := w.calmly(c, "found", "--number", c.number); ok {
		w.count("found again")
	}
}

// giveBack takes a card back.
func (w *window) giveBack(c *customer) {
	w.count("returns")
	before := c.balance()
	f := w.put(c)
	_, _ = w.chaos(f, "return")
	defer w.take()
	if !w.settle(c) {
		return
	}
	s := w.show(c.number)
	switch {
	case s.State == "returned" && c.balance() == 0:
		c.state = "returned"
		w.cash -= before + soldDeposit
	case s.State == "active" && c.balance() == before:
	default:
		w.fail("it held %d fen, holds %d and is %s", before, c.balance(), s.State)
	}
}

// finish sends all records, and closes the shift with the cash that is there.
func (w *window) finish() {
	w.Helper()
	w.doing = "the end"
	last := w.fresh() // nothing is open of it: what waits on the disk is sent meanwhile
	if _, ok := w.calmly(last, "resolve"); !ok {
		return
	}
	w.take()
	out, words, code := w.run(0, "close", "--counted", yuanText(w.cash))
	var shift struct {
		Difference int64 `json:"difference_fen"`
		Proposal   int64 `json:"proposal"` // of a large difference
	}
	if err := json.Unmarshal(out, &shift); code != 0 || err != nil || shift.Difference != 0 || shift.Proposal != 0 {
		w.fail("the shift closes with %s %s", strings.TrimSpace(string(out)), words)
	}
}

package city

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"citycard/cardos/bcd"
	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/simulators/passenger"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
	"citycard/simulators/vcard"
)

// Readers are real readers, behind which terminals run that are programs of their own.
type Readers struct {
	Slots []string // HOST:PORT of the slots of plan.Lane
	Taps  int      // to be made there, by all cards
	// Ask asks for an update of the card at the desk, by its code; from is the station at which the
	// passenger got in, 0 if that is not asked for.
	Ask func(reason string, from int)
	// Serve has something done at a counter, and returns once it is done. It is called for several
	// counters at a time. Nil: there are no counters.
	Serve func(ctx context.Context, ask Ask) error
}

const (
	// heldFor is how long a card is held to a reader at most: its terminal may only have begun.
	heldFor = time.Minute
	// tries is how often a card is held to a reader until it has paid, and rests the pause between
	// them. A lane on a busy machine, which shows its result late, remembers a card for a minute.
	tries = 20
	rests = 4 * time.Second
	// fundedAt is the hour of the day at which cards are topped up.
	fundedAt = 5
)

// hall is the part of the city at real readers: its cards ride there, now, and nowhere else. What
// it knows of their taps it has from the cards.
type hall struct {
	*lot
	readers   Readers
	riders    []*wallet
	customers []*wallet // at the counters
	lanes     []*post
	counters  []*till
	sams      []*vcard.Slot

	mu            sync.Mutex // of the lot, whose counter serves one card at a time
	taps, updates int
	sales, loads  int // at the counters
}

// Updates at the desk, by their codes.
const (
	noEntry  = "03"
	hasEntry = "10"
	updaters = 5 // cards that ask for each of them
)

// post is the reader of a lane.
type post struct {
	plan.Lane
	number [6]byte
	stand  *passenger.Stand
}

// newHall takes the first cards of the city.
func (d *day) newHall(images [][]byte) (*hall, error) {
	l := &lot{day: d, number: plan.Lots, dice: newDice(d.City.Seed, "hall "+d.Date.Format(dayLayout), 0), sender: newSender(d.Outbox, d.sent)}
	l.field = newField(l)
	for i := range d.City.AtReaders() + d.City.AtCounters() {
		c, err := powered(images[i])
		if err != nil {
			return nil, fmt.Errorf("card %d of the city: %w", i, err)
		}
		l.wallets = append(l.wallets, &wallet{index: i, card: &d.people.Transit[i], chip: c})
	}
	h := &hall{lot: l, readers: d.Readers, riders: l.wallets[:d.City.AtReaders()], customers: l.wallets[d.City.AtReaders():]}
	if h.readers.Taps == 0 && h.readers.Serve == nil {
		return h, nil
	}
	if len(h.readers.Slots) != d.City.Slots {
		return nil, fmt.Errorf("%d slots of readers, the city was issued for %d", len(h.readers.Slots), d.City.Slots)
	}
	return h, errors.Join(h.build(), h.furnish())
}

// build puts up the lanes.
func (h *hall) build() error {
	if h.readers.Taps == 0 {
		return nil
	}
	lanes, err := h.Town.Lanes(h.City.Day, h.City.Slots)
	if err != nil {
		return err
	}
	for _, lane := range lanes {
		number, err := lane.Number()
		if err != nil {
			return err
		}
		h.lanes = append(h.lanes, &post{Lane: lane, number: number, stand: passenger.NewStand(h.readers.Slots[lane.Slot])})
	}
	return nil
}

// live lets the counters serve, and then all other cards ride side by side.
func (h *hall) live(ctx context.Context) (err error) {
	for _, w := range h.wallets {
		if w.balance, err = w.read(ctx); err != nil {
			return fmt.Errorf("card %d of the city: %w", w.index, err)
		}
		if w.past, err = shown(ctx, w, h.Date.Location()); err != nil {
			return fmt.Errorf("card %d of the city: %w", w.index, err)
		}
	}
	if err := h.serve(ctx); err != nil {
		return err
	}
	if len(h.lanes) == 0 || len(h.riders) == 0 {
		return nil
	}
	defer func() { err = errors.Join(err, h.takeModules()) }()
	if err := h.putModules(ctx); err != nil {
		return err
	}
	if err := h.open(ctx); err != nil {
		return err
	}
	group, inner := errgroup.WithContext(ctx)
	for i, w := range h.riders {
		acts := h.readers.Taps + h.updatesAll()
		count := acts / len(h.riders)
		if i < acts%len(h.riders) {
			count++
		}
		group.Go(func() error {
			if err := h.travel(inner, w, i, count); err != nil {
				return fmt.Errorf("card %d of the city: %w", w.index, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return h.sender.finish()
}

// putModules puts the lanes' SAMs into their readers.
func (h *hall) putModules(ctx context.Context) error {
	for _, p := range h.lanes {
		if p.SAM == plan.NoSlot {
			continue
		}
		slot := vcard.NewSlot(h.readers.Slots[p.SAM])
		if err := slot.Insert(ctx, chip.NewPSAM(p.number, h.Keys.SAMKeys())); err != nil {
			return fmt.Errorf("SAM of lane %s: %w", p.Name, err)
		}
		h.sams = append(h.sams, slot)
	}
	return nil
}

func (h *hall) takeModules() (err error) {
	for _, slot := range h.sams {
		err = errors.Join(err, slot.Remove())
	}
	return err
}

// The rides of a card, again and again: to the other station, three buses, back, three buses.
const (
	ridesCycle = 10
	backAfter  = 5
	// metroLanes are the last lanes, where there are any: of each station the entry and the exit,
	// and the desk.
	metroLanes = 5
	// remembered is longer than a bus takes a card that comes back for one that has paid.
	remembered = 6 * time.Second
)

// metro says whether there are gates and a desk.
func (h *hall) metro() bool {
	return len(h.lanes) > 0 && h.lanes[len(h.lanes)-1].IsDesk()
}

// updatesAll is how many updates are asked for.
func (h *hall) updatesAll() int {
	if !h.metro() || h.readers.Ask == nil || h.readers.Taps < ridesCycle*len(h.riders) {
		return 0
	}
	return min(2*updaters, len(h.riders))
}

// lane is the lane of a card's n-th act, nil for any bus, and the update that it asks for
// where that is the desk. The first cards leave the metro once by a gate that did not see them, and
// have that put right; others come in so.
func (h *hall) lane(card, n int) (p *post, update string) {
	if !h.metro() {
		return nil, ""
	}
	gates, desk := h.lanes[h.buses():], h.lanes[len(h.lanes)-1]
	asks := card < h.updatesAll()
	switch {
	case asks && card < updaters && n == 1:
		return desk, hasEntry
	case asks && card >= updaters && n == backAfter:
		return desk, noEntry
	}
	switch n % ridesCycle {
	case 0:
		return gates[0], ""
	case 1:
		return gates[3], ""
	case backAfter:
		return gates[2], ""
	case backAfter + 1:
		return gates[1], ""
	}
	return nil, ""
}

// buses is how many lanes are buses, which come first.
func (h *hall) buses() int {
	if h.metro() {
		return len(h.lanes) - metroLanes
	}
	return len(h.lanes)
}

// bus chooses a bus that the card did not take lately, and if possible one that nobody else boards
// just now. Each card looks at another first. taken has those that it took, until that is long ago.
func (h *hall) bus(ctx context.Context, first int, taken *sync.Map) (*post, error) {
	for {
		var best *post
		for i := range h.buses() {
			p := h.lanes[(first+i)%h.buses()]
			if _, lately := taken.Load(p); !lately && (best == nil || p.stand.Free() && !best.stand.Free()) {
				best = p
			}
		}
		if best != nil {
			return best, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(remembered / 10):
		}
	}
}

// travel makes a card's taps.
func (h *hall) travel(ctx context.Context, w *wallet, place, count int) error {
	card := passenger.Of(w.chip)
	var inside *passenger.Debit
	var taken sync.Map // of lanes
	for n := range count {
		p, update := h.lane(place, n)
		if p == nil {
			var err error
			if p, err = h.bus(ctx, 3*place+n, &taken); err != nil {
				return err
			}
		}
		if err := h.fund(ctx, w); err != nil {
			return err
		}
		made, err := h.pass(ctx, p, card, update)
		taken.Store(p, true)
		time.AfterFunc(remembered, func() { taken.Delete(p) })
		if err != nil {
			return fmt.Errorf("lane %s of %s: %w", p.Name, p.Agent, err)
		}
		entry := inside
		if inside = nil; p.Direction == "in" || update == noEntry {
			inside = &made
		}
		if err := h.enter(w, p, &made, entry); err != nil {
			return err
		}
	}
	return nil
}

// fund tops a card up where it holds little. Its chip is in no reader.
func (h *hall) fund(ctx context.Context, w *wallet) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.chip.PowerOn()
	defer w.chip.PowerOff()
	ok, err := h.funded(ctx, w, h.Date.Add(fundedAt*time.Hour))
	if err == nil && !ok {
		err = fmt.Errorf("%d fen on it, and it cannot be topped up", w.balance)
	}
	return err
}

// pass holds a card to a lane's reader until it has paid.
func (h *hall) pass(ctx context.Context, p *post, card *passenger.Card, update string) (made passenger.Debit, err error) {
	hold := p.stand.Pass
	if p.IsDesk() {
		hold = func(ctx context.Context, c *passenger.Card, limit time.Duration) error {
			return p.stand.Wait(ctx, c, limit, func() { h.ask(p, update) })
		}
	}
	before := len(card.Debits())
	for range tries {
		if err := hold(ctx, card, heldFor); err != nil {
			return made, err
		}
		switch all := card.Debits()[before:]; {
		case len(all) == 1 && all[0].Answered:
			return all[0], nil
		case len(all) > 0:
			return made, fmt.Errorf("it has paid %d times, the last time answered: %t", len(all), all[len(all)-1].Answered)
		}
		select {
		case <-ctx.Done():
			return made, ctx.Err()
		case <-time.After(rests):
		}
	}
	return made, fmt.Errorf("it was held to the reader %d times and has not paid", tries)
}

// ask asks for the update of the card that is at the desk.
func (h *hall) ask(p *post, update string) {
	from := 0
	if update == noEntry {
		from = p.Station
	}
	h.readers.Ask(update, from)
}

// enter enters what a card has paid into the truth, once it is the price.
func (h *hall) enter(w *wallet, p *post, d, entry *passenger.Debit) error {
	at, err := bcd.ParseTime(d.Time, h.Date.Location())
	if err != nil {
		return err
	}
	want, purpose, payee, err := h.priceAt(w, p, at, entry)
	if err != nil {
		return err
	}
	if w.balance -= want; int64(d.Fen) != want || int64(d.Balance) != w.balance || d.Terminal != p.number {
		return fmt.Errorf("terminal %x charged %d fen for a %s and left %d, worked out %d and %d at terminal %x", d.Terminal, d.Fen, purpose, d.Balance, want, w.balance, p.number)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	facts := h.facts(w, at, 0)
	e := truth.Entry{
		Topic: message.TopicTaps, Purpose: purpose, Payee: payee, Fen: int64(d.Fen), Facts: facts, Fault: plan.Fault(&facts, 0),
		Key: truth.SpendKey(plan.DayNumber(at), truth.CardOf(d.Issuer, d.Number), d.Type, d.Terminal[:], d.Sequence),
	}
	h.sender.records = append(h.sender.records, h.sender.book.Enter(e))
	if p.IsDesk() {
		h.updates++
		h.Report("updates", h.updates, h.updatesAll())
		return nil
	}
	h.taps++
	h.Report("readers", h.taps, h.readers.Taps)
	return nil
}

// priceAt is what a tap costs by the city's own rules, and who is paid; the ride is the card's last
// one then.
func (h *hall) priceAt(w *wallet, p *post, at time.Time, entry *passenger.Debit) (fen int64, purpose, payee string, err error) {
	switch {
	case !p.IsGate() && !p.IsDesk():
		fen, _, err = h.busFen(w, p.Line, at)
		w.rode(h.byBus(p.Line, at))
		return fen, truth.Bus, h.Town.BusPayee(p.Line), err
	case p.Direction == "in", p.IsDesk() && entry == nil: // at the desk an entry is written for nothing
		return 0, truth.MetroEntry, h.Town.MetroPayee(p.Line), nil
	case entry == nil:
		return 0, "", "", errors.New("it left without having entered")
	}
	entered, err := bcd.ParseTime(entry.Time, at.Location())
	if err != nil {
		return 0, "", "", err
	}
	from, err := h.stationOf(entry.Terminal)
	if err != nil {
		return 0, "", "", err
	}
	fen, err = h.tripFen(w, p.Line, from, p.Station, entered, at)
	if w.rode(h.byMetro(p.Line, entered, at)); p.IsDesk() {
		w.past = nil // a correction leads to nothing
	}
	return fen, truth.MetroExit, h.Town.MetroPayee(p.Line), err
}

// stationOf is the station of a gate.
func (h *hall) stationOf(terminal [6]byte) (int, error) {
	for _, p := range h.lanes {
		if p.number == terminal {
			return p.Station, nil
		}
	}
	return 0, fmt.Errorf("terminal %x is none of the hall's", terminal)
}

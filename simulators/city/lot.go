package city

import (
	"context"
	"errors"
	"fmt"
	"time"

	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/simulators/document"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
	"citycard/terminals/card"
)

// Money in a purse, in fen.
const (
	lowBalance  = 1_000 // with less than this the card tops up first, in a city of cheap rides
	topUpStep   = 1_000
	topUpLeast  = 30_00
	topUpMost   = 100_00
	clockIsSlow = plan.SlowDays * 24 * time.Hour
)

// wallet is a transit card in somebody's pocket.
type wallet struct {
	index   int // among the transit cards
	card    *plan.Card
	chip    *chip.Chip
	balance int64
	entered time.Time      // of the metro trip under way
	entry   int            // its station; 0 when outside
	past    []truth.Ridden // the last rides that the card shows, newest first, at most two
	loads   int
	torn    torn
	tore    bool // today
}

// holder is a person with a social-security card.
type holder struct {
	index   int // among the persons
	person  *Person
	token   [16]byte
	chip    *chip.Chip
	patient truth.Patient
}

// lot is one part of the city: its cards, its terminals, its day. One goroutine
// plays it.
type lot struct {
	*day
	number  int
	dice    dice
	gaps    int // taps whose cards have a number missing before them
	sender  *sender
	field   *field
	wallets []*wallet
	holders []*holder
	agenda  []step
}

// newLot takes every lots-th card and holder.
func (d *day) newLot(number int, images [][]byte) (*lot, error) {
	l := &lot{day: d, number: number, dice: newDice(d.City.Seed, "lot "+d.Date.Format(dayLayout), number), sender: newSender(d.Outbox, d.sent)}
	l.field = newField(l)
	for i := number; i < len(d.people.Transit); i += plan.Lots {
		if i < d.City.AtReaders()+d.City.AtCounters() {
			continue
		}
		c, err := powered(images[i])
		if err != nil {
			return nil, fmt.Errorf("card %d of the city: %w", i, err)
		}
		l.wallets = append(l.wallets, &wallet{index: i, card: &d.people.Transit[i], chip: c, torn: d.memory.torn[i]})
	}
	for i := number; i < d.people.Holders; i += plan.Lots {
		c, err := powered(images[len(d.people.Transit)+i])
		if err != nil {
			return nil, fmt.Errorf("social-security card %d: %w", i, err)
		}
		p := &d.people.Persons[i]
		patient, known := d.memory.patients[i]
		if !known {
			patient = truth.Patient{Insurance: p.Insurance, Status: p.Status, Account: p.Account}
		}
		l.holders = append(l.holders, &holder{
			index: i, person: p, token: d.Keys.PersonToken(p.IDNumber), chip: c, patient: patient,
		})
	}
	l.agenda = l.plans()
	return l, nil
}

func powered(image []byte) (*chip.Chip, error) {
	c, err := chip.Load(image)
	if err != nil {
		return nil, err
	}
	c.PowerOn()
	return c, nil
}

// live plays the day.
func (l *lot) live(ctx context.Context) error {
	for _, w := range l.wallets {
		balance, err := w.read(ctx)
		if err != nil {
			return fmt.Errorf("card %d of the city: %w", w.index, err)
		}
		w.balance = balance
		if w.past, err = shown(ctx, w, l.Date.Location()); err != nil {
			return fmt.Errorf("card %d of the city: %w", w.index, err)
		}
	}
	for _, s := range l.agenda {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.do(ctx, s); err != nil {
			return err
		}
	}
	return l.sender.finish()
}

// plans returns the planned steps of the lot's people, in order of time.
func (l *lot) plans() []step {
	var steps []step
	add := func(card int, rides []ride) {
		for i := range rides {
			at := int64(rides[i].start)
			steps = append(steps, step{at: at, card: card, ride: &rides[i]})
			if rides[i].metro {
				steps = append(steps, step{at: at + int64(rides[i].took), card: card, ride: &rides[i], out: true})
			}
		}
	}
	for i, w := range l.wallets {
		r := newDice(l.City.Seed, "rides "+l.Date.Format(dayLayout), w.index)
		if w.card.Fate == plan.Listed {
			add(i, l.lines.around(r, plan.ListedSecond(w.index)))
			continue
		}
		if w.card.Fate != plan.Ordinary {
			if w.card.Fate == plan.Expired {
				add(i, l.lines.overMidnight(r))
			}
			add(i, l.lines.rides(r, plan.FatefulRides, false))
			continue
		}
		if r.Chance(l.Shares.Late) {
			add(i, l.lines.late(r, 3))
		}
		add(i, l.lines.rides(r, l.Count(r), r.Chance(0.004)))
		if r.Chance(l.Shares.Foreign) {
			steps = append(steps, l.visitors(r, i)...)
		}
	}
	for i, h := range l.holders {
		planned := visits(l.City.Seed, h.index, l.Town.Hospitals, l.Shares)
		for j := range planned {
			steps = append(steps, step{at: planned[j].at, card: len(l.wallets) + i, visit: &planned[j]})
		}
	}
	inOrder(steps)
	return steps
}

// visitors lets another city's card ride beside the lot's i-th card. It takes a bus, so nobody
// comes where there is none.
func (l *lot) visitors(r dice, i int) []step {
	first := l.lines.at(plan.FirstTrain).Map.Bus
	if len(first) == 0 {
		return nil
	}
	choice, at := r.IntN(len(first)), plan.Between(r, plan.FirstTrain, plan.LastTrain)
	bus := l.lines.at(at).Map.Bus
	if len(bus) == 0 {
		return nil
	}
	return []step{{at: int64(at), card: i, ride: &ride{line: bus[choice%len(bus)]}, foreign: true}}
}

func (l *lot) do(ctx context.Context, s step) error {
	now := l.Date.Add(time.Duration(s.at) * time.Second)
	if s.visit != nil {
		h := l.holders[s.card-len(l.wallets)]
		if err := l.claim(ctx, h, s.visit, now); err != nil {
			return fmt.Errorf("person %d at desk of %s: %w", h.index, s.visit.hospital.ID, err)
		}
		return nil
	}
	w := l.wallets[s.card]
	if s.foreign {
		if err := l.visitor(ctx, w.index, s.ride, now); err != nil {
			return fmt.Errorf("visitor %d: %w", w.index, err)
		}
		return nil
	}
	act := l.enter
	switch {
	case !s.ride.metro:
		act = l.board
	case s.out:
		act = l.leave
	}
	if err := errors.Join(l.prove(ctx, w), act(ctx, w, s.ride, now)); err != nil {
		return fmt.Errorf("card %d of the city: %w", w.index, err)
	}
	return nil
}

// facts returns the registry's reasons against a tap of the card.
func (l *lot) facts(w *wallet, at time.Time, o plan.Odd) truth.Facts {
	return l.City.Facts(w.index, w.card, plan.DayNumber(at), at.Hour()*3600+at.Minute()*60+at.Second(), o)
}

// fault names what is wrong with a record.
func (l *lot) fault(f *truth.Facts, at time.Time, o plan.Odd) string {
	if at.Before(l.Date) {
		o |= plan.Late
	}
	return plan.Fault(f, o)
}

// funded tops up a card with a low balance. It reports false for a card that cannot be topped up,
// which then stays at home.
func (l *lot) funded(ctx context.Context, w *wallet, now time.Time) (bool, error) {
	if w.balance >= l.low {
		return true, nil
	}
	if w.card.Fate != plan.Ordinary {
		return false, nil
	}
	amount := l.allowed(w.balance, max(l.dice.fen(topUpLeast, topUpMost, topUpStep), l.low-w.balance), now)
	if w.balance+amount < l.low {
		return false, nil
	}
	w.loads++
	order := fmt.Sprintf("%s-%06d-%d", l.Date.Format(dayLayout), w.index, w.loads)
	m, err := l.field.topUp(ctx, w.chip, order, amount, now)
	if err != nil {
		return false, fmt.Errorf("top-up of %d fen: %w", amount, err)
	}
	if int64(m.GetNewBalanceFen()) != w.balance+amount {
		return false, fmt.Errorf("top-up of %d fen on %d gave %d", amount, w.balance, m.GetNewBalanceFen())
	}
	w.balance += amount
	return true, l.postLoad(w, m, now)
}

// allowed is the amount that may be loaded onto a balance where so much is wanted: a multiple of
// what the rules say, and no more than a purse may hold.
func (l *lot) allowed(balance, wanted int64, now time.Time) int64 {
	at := document.MomentOf(now)
	multiple := l.Town.Rules.LoadMultiple(at)
	most := (l.Town.Rules.PurseMaximum(at) - balance) / multiple
	return min((wanted+multiple-1)/multiple, most) * multiple
}

// read asks the card what it holds, in fen.
func (w *wallet) read(ctx context.Context) (int64, error) {
	p, err := card.OpenPurse(ctx, w.chip)
	if err != nil {
		return 0, err
	}
	fen, err := p.Balance(ctx)
	return int64(fen), err
}

// readPurses asks every card what it holds.
func (l *lot) readPurses(ctx context.Context, purses []truth.Purse) error {
	for _, w := range l.wallets {
		w.chip.PowerOn()
		balance, err := w.read(ctx)
		if err != nil {
			return fmt.Errorf("card %d of the city: %w", w.index, err)
		}
		if balance != w.balance {
			return fmt.Errorf("card %d of the city holds %d fen, counted %d", w.index, balance, w.balance)
		}
		purses[w.index] = truth.Purse{Card: truth.CardOf(plan.Issuer(), w.card.ASN), Fen: balance, Unbooked: w.torn.Unbooked}
	}
	return nil
}

// save writes the cards' images to their places.
func (l *lot) save(images [][]byte) error {
	var errs []error
	put := func(place int, c *chip.Chip) {
		c.PowerOff()
		image, err := c.Image()
		images[place] = image
		errs = append(errs, err)
	}
	for _, w := range l.wallets {
		put(w.index, w.chip)
	}
	for _, h := range l.holders {
		put(len(l.people.Transit)+h.index, h.chip)
	}
	return errors.Join(errs...)
}

// postLoad sends a load's record, now and then twice or with an altered copy beside
// it.
func (l *lot) postLoad(w *wallet, m *message.Load, now time.Time) error {
	value, err := plan.Encode(m)
	if err != nil {
		return err
	}
	return l.post(l.Shares.Loads(), letter{key: w.card.Number(), entry: truth.Entry{
		Topic: message.TopicLoads, Value: value, Purpose: truth.Load, Fen: int64(m.GetAmountFen()), Payee: "float:own",
		Key:    truth.LoadKey(plan.DayNumber(now), truth.CardOf(plan.Issuer(), w.card.ASN), byte(m.GetType()), uint16(m.GetOnlineSequence())),
		Fault:  l.fault(&truth.Facts{}, now, 0),
		Signed: truth.SignedLoad(m.GetAmountFen(), m.GetNewBalanceFen(), m.GetTerminal(), m.GetTime()),
	}}, m)
}

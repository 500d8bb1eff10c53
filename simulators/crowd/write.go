package crowd

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/clearing/message"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
)

// together is how many letters are signed and sent at once.
const together = 256

// arenaBytes is the size of the buffers from which the letters' bytes are cut, so that a few
// hundred letters cost one allocation.
const arenaBytes = 64 << 10

// writer turns a lot's taps into letters and reports each to the truth.
type writer struct {
	*lot
	book    *truth.Book // of taps that occur more than once
	truth   *truth.Writer
	summary truth.Summary
	arena   []byte
	scratch []byte
	signed  []keys.PurchaseRecord
	letters []Letter
}

// write sends the lot's part of the day until running ends. The truth is always that of the whole
// day.
func (l *lot) write(ctx, running context.Context) (err error) {
	w := &writer{lot: l, book: truth.NewBook(), summary: truth.NewSummary(l.date, l.City.Seed), scratch: make([]byte, 0, 128)}
	if l.Truth != "" {
		if w.truth, err = truth.NewWriter(l.Truth, l.date, l.number); err != nil {
			return err
		}
	}
	plans := l.deliveries()
	from, to := 0, len(plans)
	if l.Parts > 0 {
		from, to = len(plans)*(l.Part-1)/l.Parts, len(plans)*l.Part/l.Parts
	}
	for i := 0; i < len(plans) && err == nil; i += together {
		n := min(i+together, len(plans))
		if err = errors.Join(running.Err(), w.some(plans[i:n])); err == nil {
			err = w.send(ctx, w.letters[max(0, min(from-i, n-i)):max(0, min(to-i, n-i))])
		}
	}
	if w.truth != nil {
		if err != nil {
			return errors.Join(err, w.truth.Abandon())
		}
		err = w.truth.Close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.day.summary.Add(&w.summary)
	return err
}

func (w *writer) send(ctx context.Context, letters []Letter) error {
	if len(letters) == 0 {
		return nil
	}
	done := int(w.done.Add(int64(len(letters))))
	w.Report("day", done, w.total)
	return w.Send(ctx, w.number, letters)
}

// some signs and writes up to together letters.
func (w *writer) some(plans []letterPlan) error {
	w.signed = w.signed[:0]
	for _, p := range plans {
		w.signed = append(w.signed, w.sign(&w.taps[p.tap]))
	}
	w.signer.SignPurchases(w.signed)
	w.letters = w.letters[:0]
	for i, p := range plans {
		t := &w.taps[p.tap]
		r := w.message(t, &w.signed[i])
		if err := w.letter(t, p, r); err != nil {
			return err
		}
	}
	return nil
}

// sign is what a tap's TAC covers.
func (w *writer) sign(t *tap) keys.PurchaseRecord {
	k, issuer := w.cardOf(t)
	_, at := w.dates.at(t.at, t.odd&plan.Slow != 0)
	return keys.PurchaseRecord{
		Card: keys.CardID{Issuer: issuer, ASN: k.ASN}, Amount: t.fen, Type: purse.TypeCAPP,
		Terminal: w.grid.seats[t.seat].terminals[w.number], TerminalSequence: t.sequence, Time: at,
	}
}

func (w *writer) cardOf(t *tap) (plan.Card, [8]byte) {
	if t.card&visitorBit == 0 {
		return w.cards[t.card], plan.Issuer()
	}
	// The number fits: there are fewer visitors than cards.
	i := w.index(int(t.card &^ visitorBit))
	k, _ := w.Town.Visitor(i)
	return k, plan.VisitorOf(i)
}

// message is a tap as the terminal sends it.
func (w *writer) message(t *tap, signed *keys.PurchaseRecord) *record {
	s := &w.grid.seats[t.seat]
	k, _ := w.cardOf(t)
	r := &record{
		PurchaseRecord: *signed, keyVersion: w.version, medium: uint32(message.Medium_MEDIUM_CONTACTLESS),
		counter: uint32(t.counter), balance: t.balance, line: uint32(s.line), station: uint32(s.station),
		cardType: uint32(k.Type), fares: w.lot.signed(t).table.Version(), vehicle: s.vehicles[w.number],
	}
	if t.card&visitorBit != 0 {
		f := signed.Card.Factors()
		r.TAC = keys.PurchaseTAC(keys.Diversify(w.visitors, f[:]...), keys.Purchase{
			Amount: signed.Amount, Type: signed.Type, Terminal: signed.Terminal, TerminalSequence: signed.TerminalSequence, Time: signed.Time,
		})
	}
	r.tac = r.TAC[:]
	r.mode, r.movement = uint32(message.Mode_MODE_METRO), uint32(message.Movement_MOVEMENT_ENTRY)
	switch t.move {
	case board:
		r.mode, r.movement = uint32(message.Mode_MODE_BUS), uint32(message.Movement_MOVEMENT_SINGLE)
	case leave:
		_, entered := w.dates.at(t.at-t.took, false)
		r.movement, r.entryStation, r.entryTime = uint32(message.Movement_MOVEMENT_EXIT), uint32(t.entry), entered[:]
	}
	if b := &t.before; b.mode != 0 {
		_, paid := w.dates.at(b.paid, false)
		r.before = claim(uint32(b.mode), uint32(b.operator), paid, uint32(s.operator))
	}
	return r
}

// letter writes one letter about a tap and judges it.
func (w *writer) letter(t *tap, p letterPlan, r *record) error {
	on, _ := w.dates.at(t.at, t.odd&plan.Slow != 0)
	s := &w.grid.seats[t.seat]
	facts := w.facts(t, on.number)
	e := truth.Entry{
		Topic: message.TopicTaps, Purpose: purposes()[t.move], Fen: int64(t.fen), Payee: s.payee, Fault: plan.Fault(&facts, t.odd), Facts: facts,
		Key:    truth.SpendKey(on.number, truth.CardOf(r.Card.Issuer, r.Card.ASN), r.Type, r.Terminal[:], r.TerminalSequence),
		Signed: truth.SignedTap(r.Amount, r.Time[:], r.tac, t.card&visitorBit != 0),
	}
	key := w.cut(20, func(b []byte) []byte { return hex.AppendEncode(b, r.Card.ASN[:]) })
	if p.what.Mark(&e); p.what == plan.Invalid {
		r.tac = r.tac[:3]
	}
	e.Value = w.cut(256, func(b []byte) []byte {
		if p.what == plan.Undecodable {
			return w.noise(b, p.tap)
		}
		return r.append(b, w.scratch)
	})
	if p.what == plan.Altered {
		if err := w.alter(&e, p.tap); err != nil {
			return err
		}
	}
	w.letters = append(w.letters, Letter{key, e.Value})
	return w.tell(t, e)
}

// alter changes one byte of one field of a tap's record.
func (w *writer) alter(e *truth.Entry, tap uint32) error {
	m := new(message.Tap)
	if err := proto.Unmarshal(e.Value, m); err != nil {
		return fmt.Errorf("crowd: %w", err)
	}
	d := mixed(w.City.Seed, forForgery, uint64(w.date), uint64(w.number), uint64(tap))
	// A tap may have none of the fields that were asked for: a repeat then.
	forged, _, err := w.Shares.Forge(&d, *e, m)
	*e = forged
	return err
}

// tell judges a letter and writes it down.
func (w *writer) tell(t *tap, e truth.Entry) error {
	var judged truth.Record
	if t.copies == 1 {
		judged = truth.Alone(&e)
	} else {
		judged = w.book.Enter(e)
	}
	w.summary.Count(&judged)
	if w.truth == nil {
		return nil
	}
	return w.truth.Append(&judged)
}

// cut appends to the arena and returns the appended bytes, at most roughly size.
func (w *writer) cut(size int, write func([]byte) []byte) []byte {
	if cap(w.arena)-len(w.arena) < size {
		w.arena = make([]byte, 0, arenaBytes)
	}
	from := len(w.arena)
	w.arena = write(w.arena)
	return w.arena[from:len(w.arena):len(w.arena)]
}

// noise is bytes that are no protobuf message: the first asks for wire type 7,
// which does not exist.
func (w *writer) noise(b []byte, tap uint32) []byte {
	d := mixed(w.City.Seed, forNoise, uint64(w.date), uint64(w.number), uint64(tap))
	b = append(b, byte(d.next())&0x78|0x07)
	for range plan.Between(&d, 15, 120) {
		b = append(b, byte(d.next()))
	}
	return b
}

// purposes of taps, by move.
func purposes() [3]string { return [3]string{truth.MetroEntry, truth.Bus, truth.MetroExit} }

// facts returns the registry's reasons against a tap on a day.
func (w *writer) facts(t *tap, day int) truth.Facts {
	if t.card&visitorBit != 0 {
		return plan.VisitorFacts(w.index(int(t.card&^visitorBit)), t.odd)
	}
	second := int(t.at)
	if t.at < 0 {
		second += 24 * 3600
	}
	return w.City.Facts(w.index(int(t.card)), &w.cards[t.card], day, second, t.odd)
}

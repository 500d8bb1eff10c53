package city

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/bcd"
	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/durable"
	"citycard/simulators/document"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
	"citycard/terminals/card"
)

// neverProved is the share of the torn rides whose cards no terminal ever asks for the TAC.
const neverProved = 0.5

// torn is what a card keeps of rides at which it left too early: it has paid, and the terminal does
// not have its TAC.
type torn struct {
	// Unbooked is what the card has paid and the books have not heard of, in fen.
	Unbooked int64 `json:"unbooked,omitempty"`
	// Line, Transfer and Tap are of the ride that is proved when the card comes again: the bus
	// line, the transfer that led to it, and the tap without its TAC.
	Line     int    `json:"line,omitempty"`
	Transfer int    `json:"transfer,omitempty"`
	Tap      []byte `json:"tap,omitempty"`
	// Gap says that the number of a payment will be missing when the card comes again.
	Gap bool `json:"gap,omitempty"`
}

// tear is a ride at which the card loses its power as soon as it has paid. The terminal tells
// clearing that it does not know the outcome.
func (l *lot) tear(ctx context.Context, w *wallet, r *ride, now time.Time) error {
	want, transfer, err := l.busFen(w, r.line, now)
	if err != nil {
		return err
	}
	w.rode(l.byBus(r.line, now))
	w.chip.LosePower(chip.AfterCommit)
	_, err = l.field.ride(ctx, w.chip, r.line, false, now)
	w.chip.PowerOn()
	open, unknown := errors.AsType[*card.UnknownError](err)
	if !unknown {
		return fmt.Errorf("a torn ride on bus line %d: the terminal says %w", r.line, err)
	}
	debit := open.Tap.GetDebit()
	if w.balance -= want; int64(debit.GetAmountFen()) != want || int64(open.Tap.GetBalanceFen()) != w.balance {
		return fmt.Errorf("terminal %x asked for %d fen and expects %d on the card, worked out %d and %d", debit.GetTerminal(), debit.GetAmountFen(), open.Tap.GetBalanceFen(), want, w.balance)
	}
	value, err := plan.Encode(open.Tap)
	if err != nil {
		return err
	}
	w.tore, w.torn.Unbooked = true, w.torn.Unbooked+want
	if l.dice.Chance(neverProved) {
		w.torn.Gap = true
	} else {
		w.torn.Line, w.torn.Transfer, w.torn.Tap = r.line, transfer, value
	}
	return l.sender.send(letter{key: w.card.Number(), entry: truth.Entry{
		Topic: message.TopicTapsUnconfirmed, Value: value, Purpose: truth.Bus, Fen: want, Fault: "torn", Facts: truth.Facts{Unconfirmed: true},
		Key: truth.UnconfirmedKey(plan.DayNumber(now), truth.CardOf([8]byte(debit.GetIssuer()), [10]byte(debit.GetCard())), byte(debit.GetType()), debit.GetTerminal(), debit.GetTerminalSequence()),
	}})
}

// prove asks a card that was torn for its TAC, as the terminal does when the card comes again, and
// sends the tap.
func (l *lot) prove(ctx context.Context, w *wallet) error {
	if w.torn.Tap == nil {
		return nil
	}
	open := new(message.Tap)
	if err := proto.Unmarshal(w.torn.Tap, open); err != nil {
		return fmt.Errorf("a torn ride: %w", err)
	}
	line := w.torn.Line
	v, err := l.field.bus(ctx, line, false)
	if err != nil {
		return err
	}
	m, err := v.Resolve(ctx, w.chip, &card.UnknownError{Tap: open})
	if err != nil || m == nil {
		return fmt.Errorf("a torn ride on bus line %d is not proved: %w", line, err)
	}
	at, err := bcd.ParseTime([7]byte(m.GetDebit().GetTime()), l.Date.Location())
	if err != nil {
		return err
	}
	signed := document.MomentOf(at)
	prices := l.Town.Rules.Fares(signed)
	want, err := prices.BusAfter(w.torn.Transfer, uint32(w.card.Type), uint32(line), prices.Band(signed))
	if err != nil {
		return err
	}
	w.torn.Line, w.torn.Transfer, w.torn.Tap, w.torn.Unbooked = 0, 0, nil, w.torn.Unbooked-want
	w.balance += want // postTap takes it
	return l.postTap(w, m, want, truth.Entry{Purpose: truth.Bus, Payee: l.Town.BusPayee(line), Facts: l.facts(w, at, 0), Fault: "proved_late"})
}

// tornFile holds what cards keep of torn rides, by their places in the city.
const tornFile = "torn.json"

func recallTorn(dir string) (map[int]torn, error) {
	all := map[int]torn{}
	data, err := os.ReadFile(filepath.Join(dir, tornFile))
	if errors.Is(err, os.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tornFile, err)
	}
	return all, nil
}

// rememberTorn saves what cards keep of torn rides.
func (d *day) rememberTorn() error {
	all := map[int]torn{}
	for _, l := range d.all() {
		for _, w := range l.wallets {
			if w.torn.Unbooked != 0 {
				all[w.index] = w.torn
			}
		}
	}
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(d.Dir, tornFile), data)
}

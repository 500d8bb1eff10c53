package load

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/bcd"
	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/rulefile"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Counted reports whether a channel's cash is counted in shifts.
type Counted func(channel string) bool

// CountedBy are the channels of kind counter, by the contracts in force now.
func CountedBy(contracts func() *Contracts, now func() time.Time) Counted {
	return func(channel string) bool {
		if contracts == nil {
			return false
		}
		at, _ := rulefile.SignedMoment(bcd.Time(now()))
		of, ok := contracts().at(at, channel)
		return ok && of.Kind == OfCounter
	}
}

// errNoShift means that a load of a batch was paid at a terminal that no open shift has. Nothing of
// the batch is booked.
var errNoShift = errors.New("load authority: a shift was closed just now")

// notPlaced is why an order was not placed. One of whose cash no shift would have is refused: it is
// alone in its batch, so nothing is booked.
func notPlaced(err error) error {
	if errors.Is(err, errNoShift) {
		return &Refusal{verdict.NoShift, "the shift at the terminal was closed just now"}
	}
	return fmt.Errorf("load authority: %w", err)
}

// NewPoster is the gatherer of an Authority. With each load it keeps that the card's word is to
// come, and of one whose channel pays at once at which terminal that was: the shift that is open
// there has the cash. nil: no channel's is counted.
func NewPoster(ctx context.Context, l *ledger.Ledger, stream, owner string, linger time.Duration, counted Counted) (*ledger.Gatherer, error) {
	return l.NewKeeper(ctx, stream, owner, 0, linger, func(ctx context.Context, tx pgx.Tx, booked ledger.Day, transfers []ledger.Transfer, decisions []ledger.Decision) ([]byte, error) {
		return keepPaid(ctx, tx, booked, transfers, decisions, counted)
	})
}

// Taken is the cash of a load that a channel took at a terminal, or gave back (below zero).
type Taken struct {
	Key      ledger.Key // of the row that booked it
	Channel  string
	Order    string // its number
	Terminal []byte
	Fen      ledger.Fen
}

// ReadTaken reads the evidence of a paid load. It is false for a load that was paid before, and had
// waited for its card: who writes that takes no cash.
func ReadTaken(key ledger.Key, evidence []byte, fen ledger.Fen) (Taken, bool, error) {
	var r message.LoadRequest
	if err := proto.Unmarshal(evidence, &r); err != nil {
		return Taken{}, false, fmt.Errorf("evidence of a paid load: %w", err)
	}
	return Taken{key, r.GetChannel(), r.GetOrder(), r.GetTerminal(), fen}, r.GetPlacer() == "", nil
}

// keepTaken keeps where the loads of a batch that are new were paid, and notes whose cash that is.
func keepTaken(ctx context.Context, tx pgx.Tx, transfers []ledger.Transfer, decisions []ledger.Decision, counted Counted) (note []byte, err error) {
	var all []Taken
	for i := range transfers {
		t := &transfers[i]
		if _, ok := identity.AuthorisedLoad(t.ID); !ok || decisions[i].Result != ledger.Inserted {
			continue
		}
		taken, cash, err := ReadTaken(ledger.Key{Day: t.Day, Subject: t.Subject, ID: t.ID}, t.Evidence, t.Amount)
		if err != nil {
			return nil, err
		}
		if cash {
			all = append(all, taken)
		}
	}
	return keepCash(ctx, tx, counted, all...)
}

// CashNote is what the note of a batch has of the cash that was taken for its loads: a row of
// terminal_loads says of which shift it is, and nothing else in the journal does.
type CashNote struct {
	Cash []ShiftCash `json:"cash,omitempty"` // by the numbers of the shifts
}

// ShiftCash is what the loads of a batch have brought to a shift.
type ShiftCash struct {
	Shift int64      `json:"shift"`
	Fen   ledger.Fen `json:"fen"`
}

// keepCash is KeepTaken for cash that was taken, with the note of its batch. There is none where no
// shift has any.
func keepCash(ctx context.Context, tx pgx.Tx, counted Counted, all ...Taken) (note []byte, err error) {
	shifts, err := keepTakenIn(ctx, tx, counted, all)
	if err != nil || len(shifts) == 0 {
		return nil, err
	}
	var of CashNote
	for _, number := range slices.Sorted(maps.Keys(shifts)) {
		of.Cash = append(of.Cash, ShiftCash{number, shifts[number]})
	}
	return json.Marshal(of)
}

// KeepTaken keeps, in the transaction that books it, where cash of loads was taken, and of which
// open shift it is. A load whose evidence names no terminal is of no shift; one of a channel whose
// cash is counted must be of one. What is given back is of no shift until a counter gives it.
func KeepTaken(ctx context.Context, tx pgx.Tx, counted Counted, all ...Taken) error {
	_, err := keepTakenIn(ctx, tx, counted, all)
	return err
}

// keepTakenIn is KeepTaken, and adds up what each open shift has of it.
func keepTakenIn(ctx context.Context, tx pgx.Tx, counted Counted, all []Taken) (shifts map[int64]ledger.Fen, err error) {
	all = slices.DeleteFunc(all, func(t Taken) bool { return len(t.Terminal) == 0 })
	if len(all) == 0 {
		return nil, nil
	}
	shifts = map[int64]ledger.Fen{}
	var cards, ids, terminals [][]byte
	var units, numbers []string
	var fen []int64
	for _, t := range all {
		cards, ids, terminals = append(cards, []byte(t.Key.Subject)), append(ids, []byte(t.Key.ID)), append(terminals, append([]byte{}, t.Terminal...))
		units, fen = append(units, chart.Channel(t.Channel)), append(fen, int64(t.Fen))
		number := ""
		if t.Fen < 0 {
			number = t.Order
		}
		numbers = append(numbers, number)
	}
	rows, err := tx.Query(ctx, `INSERT INTO terminal_loads (card, id, unit, terminal, fen, number, shift)
		SELECT t.card, t.id, t.unit, t.terminal, t.fen, t.number, coalesce(o.shift, 0)
		FROM unnest($1::BYTEA[], $2::BYTEA[], $3::TEXT[], $4::BYTEA[], $5::INT8[], $6::TEXT[]) AS t (card, id, unit, terminal, fen, number)
		LEFT JOIN shift_terminals AS o ON o.terminal = t.terminal AND o.unit = t.unit AND t.fen > 0 RETURNING unit, fen, shift`,
		cards, ids, units, terminals, fen, numbers)
	if err == nil {
		var unit string
		var fen, shift int64
		_, err = pgx.ForEachRow(rows, []any{&unit, &fen, &shift}, func() error {
			if shift != 0 {
				shifts[shift] += ledger.Fen(fen)
			}
			if shift == 0 && counted != nil && counted(Placer(unit).Channel()) {
				return errNoShift
			}
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("keep at which terminals loads were paid: %w", err)
	}
	return shifts, nil
}

// isTerminal reports whether a terminal's number is written as such.
func isTerminal(text string) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && len(raw) == 6 && hex.EncodeToString(raw) == text
}

// at is where cash is taken for a placement.
func (p *Placement) at() place {
	raw, _ := hex.DecodeString(p.Terminal) // it was read before
	return place{p.Placer.Channel(), raw}
}

// taken is the cash that was taken for a placement; it is none of a placement that names no
// terminal.
func (p *Placement) taken() []Taken {
	key, err := p.key()
	if err != nil || p.Terminal == "" {
		return nil
	}
	at := p.at()
	return []Taken{{key, at.channel, p.Number, at.terminal, p.Fen}}
}

// TakenFor reads, of the evidence of a placed load, the cash that was taken for it.
func TakenFor(evidence []byte) ([]Taken, error) {
	p, err := ReadPlacement(evidence)
	return p.taken(), err
}

// sameOrder reports whether the evidence of two paid loads is that of one order, whatever terminal
// it was asked for at.
func sameOrder(one, other []byte) bool {
	if bytes.Equal(one, other) {
		return true
	}
	var a, b message.LoadRequest
	if proto.Unmarshal(one, &a) != nil || proto.Unmarshal(other, &b) != nil {
		return false
	}
	a.Terminal, b.Terminal = nil, nil
	return proto.Equal(&a, &b)
}

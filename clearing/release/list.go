package release

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// State is how a suspended transfer stands.
type State string

// The states.
const (
	Waits     State = "waits"
	Released  State = "released"
	Corrected State = "corrected" // released to one account and then, by a second decision, to another
)

// Suspended is a transfer that waits, or waited.
type Suspended struct {
	Row      ledger.Key
	Reason   verdict.Reason
	Fen      ledger.Fen
	Owed     bool // the suspense account is owed the money: a load
	Foreign  bool // another city's tap: nobody here can check its TAC
	State    State
	To       string // the account that has the money, if it does not wait
	Booked   ledger.Day
	Card     identity.Card
	At       string // YYYYMMDDhhmmss as signed; empty if the record does not have it
	Terminal string // of the tap as signed, or of the load as claimed, in digits
	// Line is the terminal's in the registry; if that has none, the one that the tap claims.
	Line     uint32
	Operator string   // that the terminal belonged to when the card signed
	Unplaced Unplaced // why the registry names none

	settled bool // against its order, by the release
}

// waiting reports whether nothing was decided about it.
func (s *Suspended) waiting() bool { return s.State == Waits }

// state is the state in words that do not change, with the account.
func (s *Suspended) state() string { return stateOf(s.State, s.To) }

func stateOf(state State, to string) string {
	if state == Waits {
		return string(state)
	}
	return string(state) + " to " + to
}

// Filter selects suspended transfers. Empty fields match everything.
type Filter struct {
	First, Last ledger.Day // clearing days in which they were booked
	Reason      verdict.Reason
	Terminal    string // in digits
	Line        uint32
	Operator    string
	All         bool // also what was released
}

// before reports whether a row can match, from what the row alone says.
func (f *Filter) before(s *Suspended) bool {
	return (f.Reason == verdict.None || s.Reason == f.Reason) && (f.Terminal == "" || s.Terminal == f.Terminal) &&
		(f.Line == 0 || s.Line == f.Line) && (f.Operator == "" || s.Operator == f.Operator)
}

// reader reads rows of the journal as suspended transfers.
type reader struct {
	booked *docket.Reader
	places places
}

func (o *Office) reader(ctx context.Context) (*reader, error) {
	places, err := o.places(ctx)
	if err != nil {
		return nil, err
	}
	return &reader{docket.NewReader(), places}, nil
}

// read reads a row as a suspended transfer that waits; ok is false for any other row.
func (r *reader) read(row *ledger.Row) (s Suspended, ok bool) {
	booked, ok := r.booked.Row(row)
	if !ok || row.IsMemo() || booked.Verdict != verdict.Suspended {
		return s, false
	}
	s = Suspended{
		Row: row.Key(), Reason: booked.Reason, Fen: row.Amount, Owed: booked.Owed, Foreign: booked.Foreign, State: Waits, Booked: row.BookingDay,
	}
	s.Card, _ = identity.ParseCard([]byte(row.Subject))
	place, unplaced := r.places.of(row)
	s.Operator, s.Line, s.Unplaced = place.Operator, place.Line, unplaced
	if sam, _, tap := identity.ParseSpend([]byte(row.ID)); tap {
		s.Terminal = hex.EncodeToString(sam[:])
		s.readTap(row.Evidence)
	} else {
		s.readLoad(row.Evidence)
	}
	return s, true
}

// readTap reads what only the record has.
func (s *Suspended) readTap(evidence []byte) {
	var tap message.Tap
	if proto.Unmarshal(evidence, &tap) != nil {
		return
	}
	s.At = hex.EncodeToString(tap.GetDebit().GetTime())
	if s.Line == 0 {
		s.Line = tap.GetLine()
	}
}

func (s *Suspended) readLoad(evidence []byte) {
	var load message.Load
	if proto.Unmarshal(evidence, &load) == nil {
		s.At, s.Terminal = hex.EncodeToString(load.GetTime()), hex.EncodeToString(load.GetTerminal())
	}
}

// chunk is how many rows are looked up with one query.
const chunk = 1000

// List calls fn for each transfer that was suspended and matches. It reads the clearing days once,
// in constant memory.
func (o *Office) List(ctx context.Context, f Filter, fn func(Suspended) error) error {
	reader, err := o.reader(ctx)
	if err != nil {
		return err
	}
	var found []Suspended
	flush := func() error {
		if err := o.decided(ctx, found); err != nil {
			return err
		}
		for i := range found {
			if !f.All && !found[i].waiting() {
				continue
			}
			if err := fn(found[i]); err != nil {
				return err
			}
		}
		found = found[:0]
		return nil
	}
	err = o.Ledger.Scan(ctx, f.First, f.Last, func(row ledger.Row) error {
		s, ok := reader.read(&row)
		if !ok || !f.before(&s) {
			return nil
		}
		if found = append(found, s); len(found) < chunk {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// decided notes what was decided about each.
func (o *Office) decided(ctx context.Context, list []Suspended) error {
	const parts = 3
	keys := make([]ledger.Key, 0, parts*len(list))
	for i := range list {
		row := list[i].Row
		keys = append(keys, part(row, partWhole), part(row, partOrder), corrected(row, partAgain))
	}
	rows, err := o.Ledger.FindAll(ctx, keys)
	if err != nil {
		return err
	}
	for i := range list {
		s := &list[i]
		for n, row := range rows[parts*i : parts*(i+1)] {
			if row == nil {
				continue
			}
			var e evidence
			if err := json.Unmarshal(row.Evidence, &e); err != nil {
				return fmt.Errorf("release of row %s: %w", RowName(s.Row), err)
			}
			s.State, s.To, s.settled = Released, e.To, n == 1
			if n == parts-1 {
				s.State = Corrected
			}
		}
	}
	return nil
}

package stock

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people"
	"citycard/clearing/registry"
	"citycard/language"
	"citycard/ledger"
)

// The acts of stock, as policy and audit name them. An issue is one of package cards.
const (
	ActReceive = "receive stock"
	ActMove    = "move stock"
	ActSpoil   = "spoil stock"
	ActCount   = "count stock"
)

// IsAct reports whether an act of one person is one on a store.
func IsAct(act string) bool { return act == ActSpoil || act == ActCount }

// Office does what stores ask for.
type Office struct {
	Ledger *ledger.Ledger
	Owner  string // who leases the stream, for the log
	Now    func(context.Context) (time.Time, error)
	// Sold reports whether a product is sold today.
	Sold func(ctx context.Context, product string) (bool, error)
}

// Store refuses a unit that has no store: one that the registry does not have today. The operation
// centre's store is that of the issuer.
func (o *Office) Store(ctx context.Context, unit people.Unit) error {
	if unit == people.Issuer {
		return nil
	}
	kind, id, _ := strings.Cut(string(unit), ":")
	of := registry.Channels
	switch kind {
	case "channel":
	case "operator":
		of = registry.Operators
	default:
		return refused(language.Textf("%q has no store", string(unit)), language.Textf("want issuer, channel:ID or operator:ID"))
	}
	now, err := o.Now(ctx)
	if err != nil {
		return err
	}
	registered, err := registry.NewStore(o.Ledger.Pool()).On(ctx, of, id, ledger.DayOf(now))
	if err != nil || registered {
		return err
	}
	return refused(language.Textf("%s is not registered today", string(unit)), language.Textf("check its id"))
}

// Said is what the audit has of an act of one person, and so what was signed.
type Said struct {
	Store people.Unit `json:"store"`
	Do    Do          `json:"do"`
	Kind  Kind        `json:"kind"`
	Range
	Pieces int64  `json:"pieces"`
	List   string `json:"list,omitempty"` // SHA-256 over what was counted, in hexadecimal
}

// What is what a person signs who does it.
func (s *Said) What() string {
	if s.Do == Count {
		return fmt.Sprintf("count of %s in the store of %s: %d pieces, sha256:%s", s.Kind, s.Store, s.Pieces, s.List)
	}
	return fmt.Sprintf("%s %s %s of the store of %s", s.Do, s.Kind, s.Range, s.Store)
}

// Act is the act as policy and audit name it.
func (s *Said) Act() string {
	if s.Do == Count {
		return ActCount
	}
	return ActSpoil
}

// Spoiling says that pieces are good for nothing any more.
func Spoiling(store people.Unit, kind Kind, of Range) *Said {
	return &Said{Store: store, Do: Spoil, Kind: kind, Range: of, Pieces: of.Pieces()}
}

// MostCounted is how many ranges a count has at most.
const MostCounted = 10_000

// Counting says what was counted.
func Counting(store people.Unit, kind Kind, counted []Range) (*Said, []Range, error) {
	counted, err := Merged(counted)
	if err == nil && len(counted) > MostCounted {
		err = language.Textf("%d ranges, at most %d", len(counted), MostCounted)
	}
	if err != nil {
		return nil, nil, refused(language.Textf("%w", err), language.Textf("count again"))
	}
	sum := sha256.New()
	for _, r := range counted {
		_, _ = fmt.Fprintln(sum, r) // a hash takes whatever it is given
	}
	return &Said{Store: store, Do: Count, Kind: kind, Pieces: Pieces(counted), List: fmt.Sprintf("%x", sum.Sum(nil))}, counted, nil
}

// Check refuses what cannot be said of any store.
func (s *Said) Check() error {
	switch {
	case !s.Kind.Known():
		return refused(language.Textf("%q is no kind of piece", string(s.Kind)), language.Textf("want card or sam"))
	case s.Do == Spoil && !s.valid():
		return refused(language.Textf("serials %s: want the smaller one first", s.Range.String()), language.Textf("correct them"))
	}
	return nil
}

// Spoil does what was said; by is who signed it.
func (o *Office) Spoil(ctx context.Context, s *Said, by ledger.Approval) (*Record, error) {
	r := &Record{Do: Spoil, Kind: s.Kind, Range: s.Range, From: s.Store}
	return r, o.do(ctx, s, r, by, nil)
}

// mostDifferent is how many ranges of a difference are kept.
const mostDifferent = 100

// Count compares what was counted with what should be in a store. Of a difference the act has the
// first hundred ranges.
func (o *Office) Count(ctx context.Context, s *Said, counted []Range, by ledger.Approval) (*Counted, error) {
	var all Counted
	r := &Record{Do: Count, Kind: s.Kind, From: s.Store}
	err := o.do(ctx, s, r, by, func(ctx context.Context, tx pgx.Tx) error {
		list, err := lots(ctx, tx, selectLots+"WHERE kind = $1 AND store = $2 AND state = 'in_stock' ORDER BY first", string(s.Kind), string(s.Store))
		if err != nil {
			return err
		}
		there := make([]Range, len(list))
		for i, l := range list {
			there[i] = l.Range
		}
		all = Counted{Pieces: s.Pieces, Expected: Pieces(there), Missing: Without(there, counted), Extra: Without(counted, there)}
		kept := all
		kept.Missing, kept.Extra = all.Missing[:min(len(all.Missing), mostDifferent)], all.Extra[:min(len(all.Extra), mostDifferent)]
		r.Counted = &kept
		return nil
	})
	return &all, err
}

func (o *Office) do(ctx context.Context, s *Said, r *Record, by ledger.Approval, before func(context.Context, pgx.Tx) error) error {
	if err := by.ValidateAlone(); err != nil {
		return err
	}
	if err := o.Store(ctx, s.Store); err != nil {
		return err
	}
	at, err := o.at(ctx, &by)
	if err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = o.Ledger.PostOnce(ctx, Stream, o.Owner, 0, func(b *ledger.Batch) error {
		b.Prepare = func(ctx context.Context, tx pgx.Tx) error {
			if before != nil {
				if err := before(ctx, tx); err != nil {
					return err
				}
			}
			b.Transfers = nil
			return (&Booking{By: by, At: at}).Do(ctx, tx, b, r)
		}
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			if err := Booked(out); err != nil {
				return nil, err
			}
			return nil, ledger.Record(ctx, tx, s.Act(), string(text), by)
		}
		return nil
	})
	return err
}

// at is when somebody did something, to the second.
func (o *Office) at(ctx context.Context, by *ledger.Approval) (time.Time, error) {
	if !by.At.IsZero() {
		return by.At, nil
	}
	return o.Now(ctx)
}

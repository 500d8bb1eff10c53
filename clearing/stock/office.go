package stock

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/identity"
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
	Order string      `json:"order"` // the caller's number; one order's of the store for ever
	Do    Do          `json:"do"`
	Kind  Kind        `json:"kind"`
	Range
	Pieces int64  `json:"pieces"`
	List   string `json:"list,omitempty"` // SHA-256 over what was counted, in hexadecimal
}

// What is what a person signs who does it.
func (s *Said) What() string {
	of := fmt.Sprintf("order %s of the store of %s: ", s.Order, s.Store)
	if s.Do == Count {
		return of + fmt.Sprintf("count of %s, %d pieces, sha256:%s", s.Kind, s.Pieces, s.List)
	}
	return of + fmt.Sprintf("%s %s %s", s.Do, s.Kind, s.Range)
}

// Act is the act as policy and audit name it.
func (s *Said) Act() string {
	if s.Do == Count {
		return ActCount
	}
	return ActSpoil
}

// Spoiling says under an order number that pieces are good for nothing any more.
func Spoiling(store people.Unit, order string, kind Kind, of Range) *Said {
	return &Said{Store: store, Order: order, Do: Spoil, Kind: kind, Range: of, Pieces: of.Pieces()}
}

// MostCounted is how many ranges a count has at most.
const MostCounted = 10_000

// Counting says under an order number what was counted.
func Counting(store people.Unit, order string, kind Kind, counted []Range) (*Said, []Range, error) {
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
	return &Said{Store: store, Order: order, Do: Count, Kind: kind, Pieces: Pieces(counted), List: fmt.Sprintf("%x", sum.Sum(nil))}, counted, nil
}

// MaxOrder is how many bytes an order number has at most.
const MaxOrder = 64

// Check refuses what cannot be said of any store.
func (s *Said) Check() error {
	switch {
	case !identity.IsName(s.Order, MaxOrder):
		return refused(language.Textf("order number %.80q: want 1 to %d visible bytes", s.Order, MaxOrder), language.Textf("correct it"))
	case !s.Kind.Known():
		return refused(language.Textf("%q is no kind of piece", string(s.Kind)), language.Textf("want card or sam"))
	case s.Do == Spoil && !s.valid():
		return refused(language.Textf("serials %s: want the smaller one first", s.Range.String()), language.Textf("correct them"))
	}
	return nil
}

// Done is an act of one person.
type Done struct {
	Record
	Repeated bool // it was done before, under this order: nothing was done now
}

// Spoil does what was said; by is who signed it.
func (o *Office) Spoil(ctx context.Context, s *Said, by ledger.Approval) (*Done, error) {
	return o.do(ctx, s, by, func(context.Context, pgx.Tx, *Record) error { return nil })
}

// Count compares what was counted with what should be in a store. Of a difference the act has how
// many pieces it is, and the first ranges.
func (o *Office) Count(ctx context.Context, s *Said, counted []Range, by ledger.Approval) (*Done, error) {
	return o.do(ctx, s, by, func(ctx context.Context, tx pgx.Tx, r *Record) error {
		difference := NewComparison(counted)
		var lot Range
		rows, err := tx.Query(ctx, "SELECT first, last FROM stock WHERE kind = $1 AND store = $2 AND state = 'in_stock' ORDER BY first", string(s.Kind), string(s.Store))
		if err == nil {
			_, err = pgx.ForEachRow(rows, []any{&lot.First, &lot.Last}, func() error { difference.Lot(lot); return nil })
		}
		if err != nil {
			return fmt.Errorf("read what is in stock: %w", err)
		}
		is := difference.End()
		is.List, r.Counted = s.List, &is
		return nil
	})
}

// errAgain ends a transaction whose order was done meanwhile.
var errAgain = errors.New("the order was done meanwhile")

// do does what was said, once for its order number.
func (o *Office) do(ctx context.Context, s *Said, by ledger.Approval, fill func(context.Context, pgx.Tx, *Record) error) (*Done, error) {
	if err := errors.Join(s.Check(), by.ValidateAlone()); err != nil {
		return nil, err
	}
	if done, err := again(ctx, o.Ledger.Pool(), s); done != nil || err != nil {
		return done, err
	}
	if err := o.Store(ctx, s.Store); err != nil {
		return nil, err
	}
	at, err := o.at(ctx, &by)
	if err != nil {
		return nil, err
	}
	done := &Done{Record: Record{Do: s.Do, Kind: s.Kind, Range: s.Range, From: s.Store, Order: s.Order}}
	_, err = o.Ledger.PostOnce(ctx, Stream, o.Owner, 0, func(b *ledger.Batch) error {
		b.Prepare = func(ctx context.Context, tx pgx.Tx) error {
			before, err := again(ctx, tx, s)
			if before != nil && err == nil {
				err = errAgain
			}
			if err != nil {
				return err
			}
			if err := fill(ctx, tx, &done.Record); err != nil {
				return err
			}
			b.Transfers = nil
			return (&Booking{By: by, At: at}).Do(ctx, tx, b, &done.Record)
		}
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			return nil, s.keep(ctx, tx, out, done.Number, by)
		}
		return nil
	})
	if errors.Is(err, errAgain) {
		return again(ctx, o.Ledger.Pool(), s)
	}
	return done, err
}

// keep writes the order of an act that is booked, and the audit's entry.
func (s *Said) keep(ctx context.Context, tx pgx.Tx, out *ledger.Outcome, act int64, by ledger.Approval) error {
	if err := Booked(out); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "INSERT INTO stock_orders (store, number, act) VALUES ($1, $2, $3)", string(s.Store), s.Order, act); err != nil {
		return fmt.Errorf("keep an order of stock: %w", err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return ledger.Record(ctx, tx, s.Act(), string(text), by)
}

// again finds an order that was done before; nil: there is none. Another one under its number is
// refused.
func again(ctx context.Context, q querier, s *Said) (*Done, error) {
	rows, err := q.Query(ctx, "SELECT a.record FROM stock_orders o JOIN stock_acts a ON a.number = o.act WHERE o.store = $1 AND o.number = $2", string(s.Store), s.Order)
	var texts []string
	if err == nil {
		texts, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return nil, fmt.Errorf("read an order of stock: %w", err)
	}
	if len(texts) == 0 {
		return nil, nil
	}
	done := &Done{Repeated: true}
	if err := json.Unmarshal([]byte(texts[0]), &done.Record); err != nil {
		return nil, fmt.Errorf("read an act of stock: %w", err)
	}
	was := &done.Record
	if was.Do != s.Do || was.Kind != s.Kind || was.Range != s.Range || was.Counted != nil && (was.Counted.List != s.List || was.Counted.Pieces != s.Pieces) {
		return nil, refused(language.Textf("order %s was another order before", s.Order), language.Textf("give each order a number of its own"))
	}
	return done, nil
}

// at is when somebody did something, to the second.
func (o *Office) at(ctx context.Context, by *ledger.Approval) (time.Time, error) {
	if !by.At.IsZero() {
		return by.At, nil
	}
	return o.Now(ctx)
}

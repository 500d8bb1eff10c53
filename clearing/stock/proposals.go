package stock

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger"
)

// The kinds of proposals of stock.
const (
	KindReceive = "stock receive"
	KindMove    = "stock move"
)

// Receipt asks for pieces to be taken in that came from their supplier.
type Receipt struct {
	Store   people.Unit `json:"store"`
	Kind    Kind        `json:"kind"`
	Product string      `json:"product,omitempty"` // as which cards are to be sold
	Serials []Range     `json:"serials"`
}

// Moving asks for pieces to go to another store.
type Moving struct {
	From    people.Unit `json:"from"`
	To      people.Unit `json:"to"`
	Kind    Kind        `json:"kind"`
	Serials []Range     `json:"serials"`
}

// mostRanges is how many ranges one proposal has at most: all of them are in the audit's entry.
const mostRanges = 20

// checkRanges refuses ranges that are not in order, or that have a serial twice.
func checkRanges(kind Kind, ranges []Range) error {
	if !kind.Known() {
		return refused(language.Textf("%q is no kind of piece", string(kind)), language.Textf("want card or sam"))
	}
	if len(ranges) == 0 || len(ranges) > mostRanges {
		return refused(language.Textf("%d ranges of serials", len(ranges)), language.Textf("want 1 to %d in one proposal", mostRanges))
	}
	if _, err := Merged(ranges); err != nil {
		return refused(language.Textf("%w", err), language.Textf("correct the serials"))
	}
	return nil
}

func (r *Receipt) check() error {
	if err := checkRanges(r.Kind, r.Serials); err != nil {
		return err
	}
	if (r.Kind == Card) != identity.IsName(r.Product, 40) || r.Kind == SAM && r.Product != "" {
		return refused(language.Textf("product %q", r.Product), language.Textf("name the product as which cards are to be sold; a SAM has none"))
	}
	return nil
}

func (r *Moving) check() error {
	if r.From == r.To {
		return refused(language.Textf("the pieces are in that store already"), language.Textf("nothing is to be done"))
	}
	return checkRanges(r.Kind, r.Serials)
}

func joined(ranges []Range) string {
	texts := make([]string, len(ranges))
	for i, r := range ranges {
		texts[i] = r.String()
	}
	return strings.Join(texts, ", ")
}

// Told is what the audit has of a receipt or a move.
type Told struct {
	Kind    Kind        `json:"kind"`
	Product string      `json:"product,omitempty"`
	From    people.Unit `json:"from,omitempty"`
	To      people.Unit `json:"to"`
	Serials string      `json:"serials"` // ranges, with commas between
}

// Records are the acts that an entry of the audit stands for, without numbers.
func (t *Told) Records() (all []Record, err error) {
	r := Record{Do: Move, Kind: t.Kind, Product: t.Product, From: t.From, To: t.To}
	if t.From == "" {
		r.Do = Receive
	}
	for text := range strings.SplitSeq(t.Serials, ", ") {
		if r.Range, err = ParseRange(text); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func (r *Receipt) told() Told {
	return Told{Kind: r.Kind, Product: r.Product, To: r.Store, Serials: joined(r.Serials)}
}

func (r *Moving) told() Told {
	return Told{Kind: r.Kind, From: r.From, To: r.To, Serials: joined(r.Serials)}
}

// change is the receipt as two people sign it.
func (r *Receipt) change() *proposal.Change {
	c := &proposal.Change{Unit: r.Store}
	for _, of := range r.Serials {
		row := proposal.RowOf("stock", string(r.Kind)+" "+of.String(), "").Alters("store", "", string(r.Store))
		if r.Product != "" {
			row = row.Alters("product", "", r.Product)
		}
		c.Rows = append(c.Rows, row.Alters("pieces", "", strconv.FormatInt(of.Pieces(), 10)))
	}
	return c
}

// change is the move as two people sign it: who has the pieces proposes it, who gets them approves.
func (r *Moving) change() *proposal.Change {
	c := &proposal.Change{Unit: r.From, Approves: r.To}
	for _, of := range r.Serials {
		c.Rows = append(c.Rows, proposal.RowOf("stock", string(r.Kind)+" "+of.String(), string(InStock)).
			Alters("store", string(r.From), string(r.To)).Alters("pieces", "", strconv.FormatInt(of.Pieces(), 10)))
	}
	return c
}

func (r *Receipt) records() (all []*Record) {
	for _, of := range r.Serials {
		all = append(all, &Record{Do: Receive, Kind: r.Kind, Range: of, Product: r.Product, To: r.Store})
	}
	return all
}

func (r *Moving) records() (all []*Record) {
	for _, of := range r.Serials {
		all = append(all, &Record{Do: Move, Kind: r.Kind, Range: of, From: r.From, To: r.To})
	}
	return all
}

// Kinds are the kinds of proposals of stock.
func (o *Office) Kinds() []proposal.Kind {
	return []proposal.Kind{
		proposal.Of(KindReceive, o.showReceipt, func(ctx context.Context, r Receipt, _ *proposal.Change, by ledger.Approval) (proposal.Result, error) {
			return o.doTwo(ctx, ActReceive, r.told(), r.records, by)
		}),
		proposal.Of(KindMove, o.showMove, func(ctx context.Context, r Moving, _ *proposal.Change, by ledger.Approval) (proposal.Result, error) {
			return o.doTwo(ctx, ActMove, r.told(), r.records, by)
		}),
	}
}

func (o *Office) showReceipt(ctx context.Context, r Receipt) (*proposal.Change, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := o.Store(ctx, r.Store); err != nil {
		return nil, err
	}
	if r.Kind == Card {
		sold, err := o.Sold(ctx, r.Product)
		if err != nil {
			return nil, err
		}
		if !sold {
			return nil, refused(language.Textf("no product %q is sold today", r.Product), language.Textf("the list of products has their names"))
		}
	}
	return r.change(), o.would(ctx, r.records())
}

func (o *Office) showMove(ctx context.Context, r Moving) (*proposal.Change, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	for _, store := range []people.Unit{r.From, r.To} {
		if err := o.Store(ctx, store); err != nil {
			return nil, err
		}
	}
	return r.change(), o.would(ctx, r.records())
}

// would refuses acts that could not be done now.
func (o *Office) would(ctx context.Context, all []*Record) error {
	return o.Ledger.Look(ctx, func(tx pgx.Tx) error {
		for _, r := range all {
			was, err := window(ctx, tx, r.Kind, r.Range, "")
			if err == nil {
				_, err = Apply(was, r)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// doTwo does what two people have signed.
func (o *Office) doTwo(ctx context.Context, act string, told Told, records func() []*Record, by ledger.Approval) (proposal.Result, error) {
	at, err := o.at(ctx, &by)
	text, failed := json.Marshal(told)
	err = errors.Join(err, failed)
	if err == nil {
		err = by.Validate()
	}
	if err != nil {
		return proposal.Result{}, err
	}
	var pieces int64
	_, err = o.Ledger.PostOnce(ctx, Stream, o.Owner, 0, func(b *ledger.Batch) error {
		b.Prepare = func(ctx context.Context, tx pgx.Tx) error {
			booking := &Booking{By: by, At: at}
			b.Transfers, pieces = nil, 0
			for _, r := range records() {
				if err := booking.Do(ctx, tx, b, r); err != nil {
					return err
				}
				pieces += r.Pieces()
			}
			return nil
		}
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			if err := Booked(out); err != nil {
				return nil, err
			}
			return nil, ledger.Approve(ctx, tx, act, string(text), by)
		}
		return nil
	})
	if err != nil {
		return proposal.Result{}, err
	}
	return proposal.Saying(language.Textf("pieces: %d", pieces)), nil
}

// Entries are what the audit has of such approvals.
func Entries() []proposal.Entry {
	return []proposal.Entry{
		proposal.EntryOf(KindReceive, func(r Receipt, _ *proposal.Change) (*proposal.Change, error) {
			return r.change(), r.check()
		}, func(r Receipt, _ *proposal.Change, said string) error { return proposal.ExpectJSON(said, r.told()) }),
		proposal.EntryOf(KindMove, func(r Moving, _ *proposal.Change) (*proposal.Change, error) {
			return r.change(), r.check()
		}, func(r Moving, _ *proposal.Change, said string) error { return proposal.ExpectJSON(said, r.told()) }),
	}
}

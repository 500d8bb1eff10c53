package cards

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/clearing/registry/index"
	"citycard/clearing/stock"
	"citycard/language"
	"citycard/ledger"
)

// Issue is the first step of a card that was made of a piece of stock.
const Issue Do = "issue"

// ActIssue is what the audit calls a part of a report of cards that were made.
const ActIssue = "issue cards"

// MostLines is how many lines a part of a report has at most.
const MostLines = 200

// ReportLine is what a report of a job says of one piece of stock: that it was made into a card, or
// that it was spoilt.
type ReportLine struct {
	Line   int         `json:"line"` // of the report
	Serial int64       `json:"serial,omitempty"`
	Made   *stock.Made `json:"made,omitempty"` // nil: it was spoilt
}

// Report is a part of the report of a job.
type Report struct {
	Store people.Unit // where the pieces lay
	Lines []ReportLine
}

// IssueSaid is what the audit has of a part of a report.
type IssueSaid struct {
	Store  people.Unit `json:"store"`
	Report string      `json:"report"` // SHA-256 over its lines, in hexadecimal
	Lines  int         `json:"lines"`
	Issued int         `json:"issued"`
	Spoilt int         `json:"spoilt"`
}

// What is what a person signs who brings it in.
func (s *IssueSaid) What() string {
	return fmt.Sprintf("issue report of the store of %s: %d lines, sha256:%s", s.Store, s.Lines, s.Report)
}

// Said is what is signed of a report.
func (r *Report) Said() (*IssueSaid, error) {
	text, err := json.Marshal(r.Lines)
	return &IssueSaid{Store: r.Store, Report: fmt.Sprintf("%x", sha256.Sum256(text)), Lines: len(r.Lines)}, err
}

// Dispute is a line of a report of which nothing was done.
type Dispute struct {
	Line int
	What *language.Text
}

// IssueDone is what a part of a report came to.
type IssueDone struct {
	Issued, Spoilt int
	Repeated       int // lines that were done before
	Disputes       []Dispute
}

// issuing is a report that is being brought in.
type issuing struct {
	office  *Office
	report  *Report
	said    *IssueSaid
	by      ledger.Approval
	at      time.Time
	figures *Figures
	cards   []held // of the lines, as they stood before
	done    IssueDone
	seen    map[identity.Card]bool // those that lines before have made
	steps   []madeStep
}

// madeStep is the first step of a card.
type madeStep struct {
	of     *held
	record Record
}

// errNothing ends a transaction in which nothing was to be done.
var errNothing = errors.New("nothing is to be done")

// Stock is the office of the pieces of which cards are made.
func (o *Office) Stock() *stock.Office {
	return &stock.Office{
		Ledger: o.Ledger, Owner: o.Owner,
		Now: func(ctx context.Context) (time.Time, error) {
			figures, err := o.InForce(ctx)
			if err != nil {
				return time.Time{}, err
			}
			return figures.Now, nil
		},
		Sold: func(ctx context.Context, product string) (bool, error) {
			figures, err := o.InForce(ctx)
			if err != nil {
				return false, err
			}
			_, sold := figures.Products.On(figures.today()).Product(product)
			return sold, nil
		},
	}
}

// Issue brings in a part of a report, in one transaction with the audit's entry; by is who signed
// it. A line that was done before does nothing; of one that contradicts stock, the registry or an
// earlier report nothing is done, and it is listed.
func (o *Office) Issue(ctx context.Context, r *Report, by ledger.Approval) (*IssueDone, error) {
	if len(r.Lines) == 0 || len(r.Lines) > MostLines {
		return nil, refusal(language.Textf("%d lines of a report", len(r.Lines)), language.Textf("want 1 to %d at once", MostLines))
	}
	if err := by.ValidateAlone(); err != nil {
		return nil, err
	}
	if err := o.Stock().Store(ctx, r.Store); err != nil {
		return nil, err
	}
	figures, err := o.InForce(ctx)
	if err != nil {
		return nil, err
	}
	i := &issuing{office: o, report: r, by: by, at: by.At, figures: figures, cards: make([]held, len(r.Lines))}
	if i.at.IsZero() {
		i.at = figures.Now
	}
	if i.said, err = r.Said(); err != nil {
		return nil, err
	}
	if err := i.read(ctx); err != nil {
		return nil, err
	}
	_, err = o.Ledger.PostOnce(ctx, stock.Stream, o.Owner, 0, func(b *ledger.Batch) error {
		b.Prepare = func(ctx context.Context, tx pgx.Tx) error { return i.prepare(ctx, tx, b) }
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			return nil, i.finish(ctx, tx, b, out)
		}
		return nil
	})
	if errors.Is(err, errNothing) {
		err = nil
	}
	return &i.done, err
}

// check refuses a card that cannot be.
func (l *ReportLine) check() error {
	m := l.Made
	switch {
	case !l.transit() && !socialNumber.MatchString(m.Number):
		return refusal(language.Textf("the number of a social-security card has 9 letters and digits"), nil)
	case !l.transit():
		return nil
	case !transitNumber.MatchString(m.Number) || !issuerForm.MatchString(m.Issuer) || m.Type > 0xFF:
		return refusal(language.Textf("want the 20 digits of the card's number, the 16 hexadecimal ones of its issuer, and a type of one byte"), nil)
	case !m.Begins.Valid() || !m.Expires.Valid() || m.Expires < m.Begins:
		return refusal(language.Textf("want two days, the first not after the last"), nil)
	}
	return nil
}

var (
	socialNumber  = regexp.MustCompile(`^[0-9A-Z]{9}$`)
	transitNumber = regexp.MustCompile(`^[0-9]{20}$`)
	issuerForm    = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

// transit reports whether a line is of a card that the registry is to have.
func (l *ReportLine) transit() bool { return l.Made != nil && l.Made.Issuer != "" }

// read reads how the registry has the cards, and whether they were used.
func (i *issuing) read(ctx context.Context) (err error) {
	for n := range i.report.Lines {
		l, h := &i.report.Lines[n], &i.cards[n]
		if !l.transit() {
			continue
		}
		if l.check() != nil {
			continue // it is disputed
		}
		if h.registered, err = i.office.lookUp(ctx, l.Made.Number, i.figures.Now); err != nil {
			return refusal(language.Textf("line %d: %w", l.Line, err), language.Textf("look at the report"))
		}
		if !h.known {
			if err := h.identify(l.Made.Number, l.Made.Issuer); err != nil {
				return refusal(language.Textf("line %d: %w", l.Line, err), language.Textf("look at the report"))
			}
		}
		if h.used, err = i.office.wasUsed(ctx, h.card()); err != nil {
			return err
		}
	}
	return nil
}

func (i *issuing) prepare(ctx context.Context, tx pgx.Tx, b *ledger.Batch) error {
	b.Transfers, i.done, i.steps, i.seen = nil, IssueDone{}, nil, map[identity.Card]bool{}
	booking := &stock.Booking{By: i.by, At: i.at}
	for n := range i.report.Lines {
		l := &i.report.Lines[n]
		err := i.line(ctx, tx, b, booking, l, &i.cards[n])
		var wrong *proposal.Refusal
		var refused *Refusal
		switch {
		case errors.As(err, &wrong):
			i.done.Disputes = append(i.done.Disputes, Dispute{l.Line, wrong.Text})
		case errors.As(err, &refused):
			i.done.Disputes = append(i.done.Disputes, Dispute{l.Line, refused.What})
		case err != nil:
			return err
		}
	}
	if i.done.Issued+i.done.Spoilt == 0 {
		return errNothing
	}
	return nil
}

// line does what one line says, or refuses it.
func (i *issuing) line(ctx context.Context, tx pgx.Tx, b *ledger.Batch, booking *stock.Booking, l *ReportLine, h *held) error {
	lot, found, err := stock.LotOf(ctx, tx, stock.Card, l.Serial)
	switch {
	case l.Serial == 0:
		return refusal(language.Textf("the report does not say which blank it was"), nil)
	case err != nil:
		return err
	case !found:
		return refusal(language.Textf("blank %d was never received", l.Serial), nil)
	}
	r := &stock.Record{Do: stock.Spoil, Kind: stock.Card, Range: stock.Range{First: l.Serial, Last: l.Serial}, From: i.report.Store, Report: i.said.Report}
	if l.Made == nil {
		if lot.State == stock.Spoilt {
			i.done.Repeated++
			return nil
		}
		if err = booking.Do(ctx, tx, b, r); err == nil {
			i.done.Spoilt++
		}
		return err
	}
	if err := l.check(); err != nil {
		return err
	}
	again, err := i.again(ctx, tx, l)
	if err != nil {
		return err
	}
	if again {
		i.done.Repeated++
		return nil
	}
	made := *l.Made
	r.Do, r.Product, r.Made = stock.Issue, lot.Product, &made
	if made.Registered, err = i.fits(lot.Product, l, h); err != nil {
		return err
	}
	if l.transit() {
		if err := i.untouched(ctx, tx, h); err != nil {
			return err
		}
	}
	if err := booking.Do(ctx, tx, b, r); err != nil {
		return err
	}
	return i.made(ctx, tx, b, l, h, r)
}

// untouched refuses a card that a line before has made, that has a step, or that was used.
func (i *issuing) untouched(ctx context.Context, tx pgx.Tx, h *held) (err error) {
	if h.was, h.steps, err = standing(ctx, tx, h.card(), locking); err != nil {
		return err
	}
	switch {
	case i.seen[h.card()]:
		return refusal(language.Textf("a line before is of the same card: the last sixteen digits and the issuer are those of one card"), nil)
	case h.was.State != Unknown || h.used:
		return refusal(language.Textf("card %s is %s, or was used before", h.shown(), string(h.was.State)), nil)
	}
	return nil
}

// again reports whether a line was done before. Another card of its piece, or another piece of its
// card, is refused.
func (i *issuing) again(ctx context.Context, tx pgx.Tx, l *ReportLine) (again bool, err error) {
	rows, err := tx.Query(ctx, "SELECT blank, number FROM issued_cards WHERE blank = $1 OR number = $2 ORDER BY blank", l.Serial, l.Made.Number)
	if err != nil {
		return false, fmt.Errorf("read issued cards: %w", err)
	}
	var serial int64
	var number string
	var other error
	_, err = pgx.ForEachRow(rows, []any{&serial, &number}, func() error {
		switch {
		case serial == l.Serial && number == l.Made.Number:
			again = true
		case serial == l.Serial:
			other = refusal(language.Textf("blank %d was made into another card before", serial), nil)
		default:
			other = refusal(language.Textf("a card of this number was made of blank %d before", serial), nil)
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("read issued cards: %w", err)
	}
	return again, other
}

// fits refuses a card that is not what its blank is to be sold as, or what the registry has. It
// reports whether such a card is sold to a person.
func (i *issuing) fits(id string, l *ReportLine, h *held) (personal bool, err error) {
	product, known := i.figures.Products.Product(id, i.figures.today())
	switch {
	case !known:
		return false, refusal(language.Textf("its blank is to be sold as %q, and there is no such product", id), nil)
	case !l.transit() && !product.SocialSecurity:
		return false, refusal(language.Textf("it is a social-security card, and its blank is to be sold as %q", id), nil)
	case l.transit() && product.CardType != l.Made.Type:
		return false, refusal(language.Textf("it is of card type %d, and its blank is to be sold as %s, of type %d", l.Made.Type, id, product.CardType), nil)
	case l.transit() && h.known && (h.kind != l.Made.Type || fmt.Sprintf("%x", h.id.Issuer) != l.Made.Issuer):
		return false, refusal(language.Textf("the registry has card %s with another issuer or type", h.shown()), nil)
	case l.transit() && h.known && (h.status != index.Active.String() || h.listed || h.expires != l.Made.Expires || h.person != product.Personal()):
		return false, refusal(language.Textf("the registry has card %s blocked or listed, with another last day, or with a holder of another kind", h.shown()), nil)
	}
	return product.Personal(), nil
}

// made keeps a card that was made of a piece, with its first step.
func (i *issuing) made(ctx context.Context, tx pgx.Tx, b *ledger.Batch, l *ReportLine, h *held, r *stock.Record) error {
	text, err := json.Marshal(r.Made)
	if err != nil {
		return err
	}
	card, change := h.card(), int64(0)
	of := card[:]
	if !l.transit() {
		of, change = []byte{}, -1
	}
	if _, err := tx.Exec(ctx, "INSERT INTO issued_cards (blank, number, card, act, made, change) VALUES ($1, $2, $3, $4, $5, $6)",
		l.Serial, l.Made.Number, of, r.Number, string(text), change); err != nil {
		return fmt.Errorf("keep an issued card: %w", err)
	}
	i.done.Issued++
	if !l.transit() {
		return nil
	}
	i.seen[card] = true
	step := Record{
		Step: h.steps + 1, Do: Issue, At: i.at.Unix(), Unit: i.report.Store, Order: fmt.Sprintf("stock %d", r.Number),
		Left: Standing{Number: index.Number(h.id.ASN).Digits(), State: Issued, Since: i.figures.today(), Product: r.Product, Serial: l.Serial},
	}
	i.steps = append(i.steps, madeStep{h, step})
	return chained(b, card, &step, nil)
}

func (i *issuing) finish(ctx context.Context, tx pgx.Tx, b *ledger.Batch, out *ledger.Outcome) error {
	if err := stock.Booked(out); err != nil {
		return err
	}
	for n := range i.steps {
		s := &i.steps[n]
		if err := keep(ctx, tx, s.of.card(), &s.record, b.Day, i.by.First); err != nil {
			return err
		}
	}
	i.said.Issued, i.said.Spoilt = i.done.Issued, i.done.Spoilt
	text, err := json.Marshal(i.said)
	if err != nil {
		return err
	}
	return ledger.Record(ctx, tx, ActIssue, string(text), i.by)
}

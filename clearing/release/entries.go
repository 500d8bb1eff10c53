package release

import (
	"encoding/json"
	"fmt"
	"strings"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/people/proposal"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Entries say what decisions about money that waits leave in the audit and in the journal.
func Entries() []proposal.Entry {
	one := func(e proposal.Entry, books func(json.RawMessage, *proposal.Change) ([]proposal.Booking, error)) proposal.Entry {
		e.Books = func(body json.RawMessage, c *proposal.Change) ([][]proposal.Booking, error) {
			row, err := books(body, c)
			return [][]proposal.Booking{row}, err
		}
		return e
	}
	return []proposal.Entry{
		one(proposal.EntryOf(KindRefund, makesRefund, saysRefund), booksRefund),
		one(proposal.EntryOf(KindCorrect, makesCorrection, saysCorrection), booksCorrection),
		one(proposal.EntryOf(KindPayout, makesPayout, saysPayout), booksPayout),
		{Kind: KindRelease, Fits: proposal.FitsOf(KindRelease, makesReleases), Says: saysReleases, Books: func(_ json.RawMessage, c *proposal.Change) (rows [][]proposal.Booking, err error) {
			signed, err := signedRows(c)
			for i := range signed {
				rows = append(rows, signed[i].bookings)
			}
			return rows, err
		}},
	}
}

// transfersOf are the transfers of a change that has so many.
func transfersOf(c *proposal.Change, n int) ([]proposal.Transfer, error) {
	if len(c.Transfers) != n {
		return nil, fmt.Errorf("its change has %d transfers, want %d", len(c.Transfers), n)
	}
	return c.Transfers, nil
}

// refundOf reads the order of a refund: its row, and the load that it pays.
func refundOf(c *proposal.Change) (key ledger.Key, paid identity.Load, t proposal.Transfer, err error) {
	row, err := c.One()
	if err != nil {
		return key, paid, t, err
	}
	if key, err = ParseRow(row.Key); err != nil {
		return key, paid, t, err
	}
	transfers, err := transfersOf(c, 1)
	if err != nil {
		return key, paid, t, err
	}
	paid, ok := identity.AuthorisedLoad(key.ID)
	if !ok {
		err = fmt.Errorf("row %s is no order", row.Key)
	}
	return key, paid, transfers[0], err
}

func saysRefund(r Refund, c *proposal.Change, said string) error {
	key, paid, t, err := refundOf(c)
	if err != nil {
		return err
	}
	card, err := r.card()
	if err != nil {
		return err
	}
	if key.Subject != card.Subject() {
		return fmt.Errorf("row %s is of another card than the request", RowName(key))
	}
	return proposal.ExpectText(said, refundText(r, t.Credit, card, paid.Sequence, t.Fen))
}

func booksRefund(_ json.RawMessage, c *proposal.Change) ([]proposal.Booking, error) {
	key, paid, t, err := refundOf(c)
	order := load.Order{Card: key.Subject, Load: paid}
	return []proposal.Booking{{Key: order.Refunded(), Transfer: t}}, err
}

// correctionOf reads the row that a correction is about, and its two transfers.
func correctionOf(c *proposal.Change) (key ledger.Key, back, again proposal.Transfer, err error) {
	row, err := c.One()
	if err != nil {
		return key, back, again, err
	}
	if key, err = ParseRow(row.Key); err != nil {
		return key, back, again, err
	}
	transfers, err := transfersOf(c, 2)
	if err != nil {
		return key, back, again, err
	}
	return key, transfers[0], transfers[1], nil
}

func saysCorrection(r Correction, c *proposal.Change, said string) error {
	key, back, _, err := correctionOf(c)
	if err != nil {
		return err
	}
	from, suspense := back.Debit, back.Credit
	if chart.KindOf(from) == "suspense" {
		from, suspense = suspense, from
	}
	if RowName(key) != r.Row {
		return fmt.Errorf("the change is about row %s, the request about %s", RowName(key), r.Row)
	}
	return proposal.ExpectText(said, correctionText(key, reasonOf(suspense), back.Fen, from, r.To, r.Because))
}

func booksCorrection(_ json.RawMessage, c *proposal.Change) ([]proposal.Booking, error) {
	key, back, again, err := correctionOf(c)
	return []proposal.Booking{{Key: corrected(key, partBack), Transfer: back}, {Key: corrected(key, partAgain), Transfer: again}}, err
}

// reasonOf is the reason for which a suspense account holds money.
func reasonOf(suspense string) verdict.Reason {
	_, reason, _ := strings.Cut(suspense, ":")
	return verdict.Reason(reason)
}

func saysPayout(p Payout, c *proposal.Change, said string) error {
	transfers, err := transfersOf(c, 1)
	if err != nil {
		return err
	}
	if len(c.Effects) != 1 || len(c.Effects[0].Args) != 3 {
		return fmt.Errorf("its change has no effect that says why it was held")
	}
	why := c.Effects[0].Args
	held := fmt.Sprintf("held: %s of %s TACs at its terminals were wrong (rule %s)", why[0], why[1], why[2])
	return proposal.ExpectText(said, payoutText(p, transfers[0].Fen, held))
}

func booksPayout(body json.RawMessage, c *proposal.Change) ([]proposal.Booking, error) {
	p, err := proposal.ReadRequest[Payout](body)
	if err != nil {
		return nil, err
	}
	transfers, err := transfersOf(c, 1)
	if err != nil {
		return nil, err
	}
	return []proposal.Booking{{Key: payoutKey(p), Transfer: transfers[0]}}, nil
}

// signedRow is a row of a release, as two people signed it.
type signedRow struct {
	Planned // its name, payee and amount

	key      ledger.Key
	reason   verdict.Reason
	before   bool // it was released before
	bookings []proposal.Booking
}

// signedRows gives each row of a release its transfers.
func signedRows(c *proposal.Change) (rows []signedRow, err error) {
	left := c.Transfers
	for i := range c.Rows {
		r := &c.Rows[i]
		to, _ := strings.CutPrefix(r.Becomes("state"), stateOf(Released, ""))
		row := signedRow{Planned: Planned{Row: r.Key, To: to}, before: r.State == r.Becomes("state")}
		if row.key, err = ParseRow(r.Key); err != nil {
			return nil, err
		}
		if left, err = row.take(left); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("its change has %d transfers of no row", len(left))
	}
	return rows, nil
}

// take takes the row's transfers from the front of those that are left.
func (r *signedRow) take(left []proposal.Transfer) ([]proposal.Transfer, error) {
	book := func(number byte) proposal.Transfer {
		t := left[0]
		r.bookings = append(r.bookings, proposal.Booking{Key: part(r.key, number), Transfer: t})
		r.Parts = append(r.Parts, Part(t))
		left = left[1:]
		return t
	}
	if len(left) == 0 {
		return nil, fmt.Errorf("its change has no transfer of row %s", r.Row)
	}
	if left[0].Debit != chart.Unwritten {
		t := book(partWhole)
		suspense := t.Debit
		if chart.KindOf(suspense) != "suspense" {
			suspense = t.Credit
		}
		r.Fen, r.reason = t.Fen, reasonOf(suspense)
		return left, nil
	}
	order := book(partOrder)
	r.Fen, r.reason = order.Fen, reasonOf(order.Credit)
	switch {
	case len(left) == 0:
	case left[0].Debit == chart.Unwritten && chart.KindOf(left[0].Credit) != "suspense":
		book(partRest)
	case left[0].Debit != chart.Unwritten && left[0].Credit == order.Credit:
		r.Fen += book(partRest).Fen
	}
	return left, nil
}

func saysReleases(body json.RawMessage, c *proposal.Change, said []string, done []bool) error {
	r, err := proposal.ReadRequest[Releases](body)
	if err == nil {
		err = proposal.FitsOf(KindRelease, makesReleases)(body, c)
	}
	if err != nil {
		return err
	}
	signed, err := signedRows(c)
	if err != nil {
		return err
	}
	if len(said) != 1 || len(signed) == 0 || len(signed) != len(r.Rows) || len(done) != len(signed) {
		return fmt.Errorf("it has %d entries, %d rows and %d in the request", len(said), len(signed), len(r.Rows))
	}
	rows := make([]Suspended, len(signed))
	planned := make([]Planned, len(signed))
	var booked []Planned
	for i := range signed {
		if s := &signed[i]; s.Row != r.Rows[i].Row || r.Rows[i].To != "" && s.To != r.Rows[i].To {
			return fmt.Errorf("its change releases row %s to %s; the request is %s to %s", s.Row, s.To, r.Rows[i].Row, r.Rows[i].To)
		}
		rows[i] = Suspended{Row: signed[i].key, Reason: signed[i].reason, Fen: signed[i].Fen}
		planned[i] = signed[i].Planned
		if done[i] && !signed[i].before {
			booked = append(booked, signed[i].Planned)
		}
	}
	return proposal.ExpectText(said[0], released(rows, planned, booked, r.Because))
}

// The texts that the audit has.

func refundText(r Refund, channel string, card identity.Card, sequence uint16, fen ledger.Fen) string {
	text := fmt.Sprintf("order %s of %s, card %s, sequence %d: %d fen", r.Order, channel, card, sequence, fen)
	if r.NotWritten {
		text += ", not on the card as a counter says"
	}
	return text
}

func correctionText(row ledger.Key, reason verdict.Reason, fen ledger.Fen, from, to, because string) string {
	return fmt.Sprintf("%s, %s: %d fen from %s to %s; because: %s", maskedRow(row), reason, fen, from, to, because)
}

func payoutText(p Payout, fen ledger.Fen, why string) string {
	return fmt.Sprintf("day %s, operator %s: %d fen; %s", p.Day, p.Operator, fen, why)
}

func payoutKey(p Payout) ledger.Key {
	return ledger.Key{Day: p.Day, Subject: ledger.Subject(chart.Operator(p.Operator)), ID: identity.PayoutReleased()}
}

package verify

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"citycard/clearing/cards"
	"citycard/clearing/chart"
	"citycard/clearing/dayclose"
	"citycard/clearing/identity"
	"citycard/clearing/people"
	offered "citycard/clearing/people/proposal"
	"citycard/clearing/quarantine"
	"citycard/clearing/receipt"
	"citycard/clearing/registry"
	"citycard/clearing/release"
	"citycard/clearing/rules"
	"citycard/clearing/stock"
	"citycard/clearing/transit/load"
	"citycard/clearing/transit/unconfirmed"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// Entries are those of all kinds of proposals.
func Entries() []offered.Entry {
	return slices.Concat(offered.StaffEntries(), []offered.Entry{chart.LimitEntry(), chart.MarkEntry(), dayclose.ReopenEntry(), dayclose.PinEntry(), dayclose.WithoutEntry(), quarantine.JudgeEntry(), registry.ChangeEntry(), registry.PublishEntry(), rules.ChangeEntry(), unconfirmed.Entry(), load.WithdrawEntry(), cards.CashEntry(), cards.ConsentEntry()}, receipt.Entries(), release.Entries(), stock.Entries())
}

// Transfers that two people decide: refunds of loads (ids that begin with 04), withdrawals of those
// that wait (06), releases and their
// corrections (50 and 51), receipts (31) and their reversals (FD31), and released payouts. What is
// decided about a tap without a TAC (53) may be a memo, which has no accounts.
const decidedTransfers = `
	SELECT effective_day, subject, id, coalesce(debit, 0), coalesce(credit, 0), amount FROM journal
	WHERE kind IS NULL AND (id >= '\x50' AND id < '\x52' OR id = $1
		OR effective_day = $2 AND (id >= '\x04' AND id < '\x05' OR id >= '\x06' AND id < '\x07' OR id >= '\x31' AND id < '\x32' OR id >= '\xfd31' AND id < '\xfd32'))
		OR (kind IS NULL OR kind = 'resolved') AND id >= '\x53' AND id < '\x54'
	ORDER BY effective_day, subject, id`

// mark is of one transfer: a hash over its key, accounts and amount.
type mark [16]byte

func markOf(key ledger.Key, debit, credit ledger.AccountID, fen ledger.Fen) mark {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%x/%x %d %d %d", key.Day, key.Subject, key.ID, debit, credit, fen))
	return mark(sum[:len(mark{})])
}

func (c *check) eachDecided(ctx context.Context, fn func(ledger.Key, mark)) error {
	var day ledger.Day
	var subject, id []byte
	var debit, credit ledger.AccountID
	var fen ledger.Fen
	return c.each(ctx, decidedTransfers, []any{&day, &subject, &id, &debit, &credit, &fen}, func() error {
		key := ledger.Key{Day: day, Subject: ledger.Subject(subject), ID: ledger.ID(id)}
		fn(key, markOf(key, debit, credit, fen))
		return nil
	}, []byte(identity.PayoutReleased()), identity.NoDay)
}

// decidedRows notes the transfers that two people must have decided. Of each it keeps a few bytes:
// people decide on few of all transfers.
func (c *check) decidedRows(ctx context.Context) error {
	err := c.eachDecided(ctx, func(_ ledger.Key, m mark) { c.decided[m] = 0 })
	for i := range c.given {
		if !c.said(&c.given[i]) {
			c.fault(CardStep, "torn load "+release.RowName(c.given[i].Key), "a step gives it over, and the journal does not have that")
		}
	}
	for _, act := range []string{receipt.ActBook, receipt.ActReverse} {
		for i := range c.entries[act] {
			e := &c.entries[act][i]
			where := fmt.Sprintf("audit entry %d, %s", e.Number, e.Act)
			booking, err := receipt.Booked(act, e.What)
			if err != nil {
				c.fault(Unreadable, where, "%v", err)
			} else if !c.said(&booking) {
				c.fault(ActDone, where, "the journal has no such transfer")
			}
		}
	}
	return err
}

// said notes that an act says a transfer, and reports whether the journal has it.
func (c *check) said(b *offered.Booking) bool {
	m := markOf(b.Key, 0, 0, 0) // of a memo
	if b.Fen > 0 {
		m = markOf(b.Key, ledger.IDOfCode(b.Debit), ledger.IDOfCode(b.Credit), b.Fen)
	}
	_, there := c.decided[m]
	if there {
		c.decided[m]++
	}
	return there
}

// undecidedRows reports the transfers that no act says, or more than one.
func (c *check) undecidedRows(ctx context.Context) error {
	wrong := false
	for _, acts := range c.decided {
		wrong = wrong || acts != 1
	}
	if !wrong {
		return nil
	}
	return c.eachDecided(ctx, func(key ledger.Key, m mark) {
		if acts := c.decided[m]; acts != 1 {
			c.fault(Decision, release.RowName(key), "%d acts of two people say it, want 1", acts)
		}
	})
}

// offerDone compares what the audit and the journal have of an approved proposal with the request
// and the change that two people signed.
func (c *check) offerDone(kinds map[string]offered.Entry, r *storedOffer, of *offer) {
	e := of.decider
	if e == nil || len(e.Signed) != 2 || e.Act == offered.ActClose {
		return
	}
	where := fmt.Sprintf("audit entry %d, %s", e.Number, e.Act)
	kind, known := kinds[r.kind]
	var change offered.Change
	if err := json.Unmarshal([]byte(r.change), &change); err != nil || !known {
		c.fault(ActDone, where, "nothing says what it must be for proposal %d of the kind %q: %v", r.number, r.kind, err)
		return
	}
	body := json.RawMessage(r.body)
	done, err := c.booked(&kind, body, &change, where)
	if err == nil {
		err = kind.Says(body, &change, of.said, done)
	}
	if err == nil && e.Act == people.ActChange {
		err = c.alters(e, &change)
	}
	if err != nil {
		c.fault(ActDone, where, "it is not what proposal %d was: %v", r.number, err)
	}
}

// booked reports of each row of a change whether the journal has its transfers.
func (c *check) booked(kind *offered.Entry, body json.RawMessage, change *offered.Change, where string) (done []bool, err error) {
	if kind.Books == nil {
		return nil, nil
	}
	rows, err := kind.Books(body, change)
	for i, bookings := range rows {
		if i < len(change.Rows) && change.Rows[i].State == change.Rows[i].Becomes("state") {
			done = append(done, false) // an earlier act booked it
			continue
		}
		there := 0
		for j := range bookings {
			if c.said(&bookings[j]) {
				there++
			}
		}
		if there != len(bookings) && (there > 0 || len(rows) == 1) {
			c.fault(ActDone, where, "the journal has %d of its %d transfers about %s", there, len(bookings), change.Rows[i].Key)
		}
		done = append(done, there == len(bookings))
	}
	return done, err
}

// alters compares the fields that an entry alters with those of the change.
func (c *check) alters(e *chain.AuditEntry, change *offered.Change) error {
	row, err := change.One()
	if err != nil {
		return err
	}
	fields := ""
	for _, f := range row.Fields {
		if f.Is != f.Becomes {
			fields += " " + f.Name
		}
	}
	if is := c.altered[e.Number]; is != fields {
		return fmt.Errorf("it alters%s; signed was%s", is, fields)
	}
	return nil
}

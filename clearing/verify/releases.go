package verify

import (
	"bytes"
	"context"
	"fmt"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/release"
	"citycard/ledger"
)

// Releases of suspended transfers and their corrections (ids that begin with 50 and 51), each with
// the suspended transfer, those of one transfer together.
const releases = `
	SELECT r.effective_day AS day, r.subject AS subject, r.id AS id, r.debit, r.credit, r.amount, r.purpose,
		coalesce(s.debit, 0), coalesce(s.credit, 0), coalesce(s.amount, 0), coalesce(s.purpose, 0), s.kind
	FROM journal r LEFT JOIN journal s ON s.effective_day = r.effective_day AND s.subject = r.subject AND s.id = substring(r.id, 3)
	WHERE r.kind IS NULL AND r.id >= '\x50' AND r.id < '\x52'
	ORDER BY day, subject, substring(r.id, 3), id`

// releaseRow is a row of releases.
type releaseRow struct {
	day                  ledger.Day
	subject, id          []byte
	booked, waited       ledger.Row
	purpose, waitPurpose int32
	kind                 []byte
}

// releasesOf are the releases of one suspended transfer.
type releasesOf struct {
	key      ledger.Key
	waited   ledger.Row
	released map[byte]ledger.Row // by part
	back     map[byte]ledger.Row // of the correction
}

// releases compares every release with the transfer that it releases, and every correction with its
// release.
func (c *check) releases(ctx context.Context) error {
	var r releaseRow
	var of *releasesOf
	reader := docket.NewReader()
	err := c.each(ctx, releases, []any{
		&r.day, &r.subject, &r.id, &r.booked.Debit, &r.booked.Credit, &r.booked.Amount, &r.purpose,
		&r.waited.Debit, &r.waited.Credit, &r.waited.Amount, &r.waitPurpose, &r.kind,
	}, func() error {
		correction, part, suspended, ok := identity.ParseRelease(ledger.ID(r.id))
		key := ledger.Key{Day: r.day, Subject: ledger.Subject(r.subject), ID: suspended}
		if !ok {
			key.ID = ledger.ID(r.id)
			c.fault(Release, release.RowName(key), "it has no id of a release")
			return nil
		}
		if of == nil || of.key != key {
			c.endReleases(reader, of)
			of = &releasesOf{key: key, waited: r.waited, released: map[byte]ledger.Row{}, back: map[byte]ledger.Row{}}
			of.waited.SetStored(r.waitPurpose, 0, 0)
			of.waited.Kind = string(bytes.Clone(r.kind))
		}
		row := r.booked
		row.SetStored(r.purpose, 0, 0)
		if correction {
			of.back[part] = row
		} else {
			of.released[part] = row
		}
		return nil
	})
	c.endReleases(reader, of)
	return err
}

// endReleases reports what differs among the releases of one transfer.
func (c *check) endReleases(reader *docket.Reader, of *releasesOf) {
	if of == nil {
		return
	}
	if wrong := of.wrong(reader); wrong != "" {
		c.fault(Release, release.RowName(of.key), "%s", wrong)
	}
}

// wrong says what differs; it is empty if nothing does.
func (of *releasesOf) wrong(reader *docket.Reader) string {
	booked, ok := reader.Row(&of.waited)
	if !ok || booked.Reason == "" || of.waited.IsMemo() {
		return "there is no suspended transfer of that name"
	}
	suspense := ledger.IDOfCode(chart.Suspense(booked.Reason))
	whole, isWhole := of.released[1]
	order, isOrder := of.released[2]
	switch {
	case isWhole == isOrder || len(of.released) > 2 || isWhole && len(of.released) > 1:
		return fmt.Sprintf("it was released in %d parts, which are not all of one release", len(of.released))
	case isWhole && !undoes(&whole, &of.waited, suspense, of.waited.Amount):
		return "its release is not of its amount on its suspense account"
	case isOrder && !of.settled(order, suspense):
		return "what was booked against its order is not its amount"
	}
	return of.corrected(whole, isWhole, suspense)
}

// corrected says what differs in a correction.
func (of *releasesOf) corrected(whole ledger.Row, isWhole bool, suspense ledger.AccountID) string {
	if len(of.back) == 0 {
		return ""
	}
	back, first := of.back[1]
	again, second := of.back[2]
	switch {
	case !isWhole || !first || !second || len(of.back) != 2:
		return "its correction is not one release the other way round and one more"
	case back.Debit != whole.Credit || back.Credit != whole.Debit || back.Amount != whole.Amount || back.Purpose != chart.PurposeCorrection:
		return "its correction does not take back what was released"
	case !undoes(&again, &of.waited, suspense, whole.Amount) || again.Purpose != chart.PurposeCorrection:
		return "its correction does not release what it took back"
	}
	return ""
}

// undoes reports whether a row moves an amount out of the suspense account, or into it, as the
// suspended transfer moved it the other way.
func undoes(row, waited *ledger.Row, suspense ledger.AccountID, fen ledger.Fen) bool {
	if row.Amount != fen {
		return false
	}
	if waited.Credit == suspense {
		return row.Debit == suspense && row.Credit != suspense
	}
	return row.Credit == suspense && row.Debit != suspense
}

// settled reports whether a load was settled out of its order: what the order covers, and the rest
// either back to the channel or owed by it.
func (of *releasesOf) settled(order ledger.Row, suspense ledger.AccountID) bool {
	unwritten := ledger.IDOfCode(chart.Unwritten)
	if order.Debit != unwritten || order.Credit != suspense || order.Amount > of.waited.Amount {
		return false
	}
	rest, some := of.released[3]
	switch {
	case !some:
		return order.Amount == of.waited.Amount
	case rest.Debit == unwritten:
		return order.Amount == of.waited.Amount && rest.Purpose == chart.PurposeLoadRefund
	}
	return rest.Credit == suspense && order.Amount+rest.Amount == of.waited.Amount
}

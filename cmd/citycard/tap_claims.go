package main

import (
	"bytes"
	"context"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/transit"
	"citycard/clearing/verdict"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// Why the claim of a ride before is flagged, by which a tap is cheaper.
const (
	claimUnseen  = "claim_unseen"
	claimOther   = "claim_other_operator"
	claimNowhere = "claim_leads_nowhere"
)

// claimsFalsely reports whether the other taps of its card speak against the ride before that a
// row's tap claims, and notes why. The claim of a ride that has not come yet is flagged until it
// has.
func (r *tapReader) claimsFalsely(ctx context.Context, row *ledger.Row, item *ruled) (bool, error) {
	var tap message.Tap
	if item.verdict != verdict.Cleared && item.verdict != verdict.Pending || item.Reason != verdict.None || proto.Unmarshal(row.Evidence, &tap) != nil {
		return false, nil
	}
	before := tap.GetBefore().Ride()
	day, ok := identity.SignedDay(before.Time)
	if !ok {
		return false, nil
	}
	var others [][]byte
	err := shadow.Statement(ctx, r.books.Ledger, row.Subject, day.Add(-1), day, func(other ledger.Row) error {
		if _, _, spend := identity.ParseSpend([]byte(other.ID)); spend && !bytes.Equal(other.Evidence, row.Evidence) {
			others = append(others, other.Evidence)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	why := map[transit.Claim]string{transit.Unseen: claimUnseen, transit.OtherRide: claimOther, transit.LeadsNowhere: claimNowhere}
	said, wrong := why[r.tables.rules.CheckClaim(r.tables.edition, row.Evidence, others)]
	if !wrong {
		return false, nil
	}
	found, _ := r.tables.rules.Recheck(r.tables.edition, &docket.Record{Value: row.Evidence})
	without := ledger.Fen(found.ExpectedFen + found.OffFen)
	item.Charge = &charge{Fen: found.ChargedFen, Table: &without, Why: said}
	return true, nil
}

// claimWhy says in words why a claim is flagged.
func claimWhy(code string, l language.Language) (string, bool) {
	switch code {
	case claimUnseen:
		return l.Coded(code, "the ride before that it claims has not come", "所称上一程未收到"), true
	case claimOther:
		return l.Coded(code, "the ride before that it claims is another operator's", "所称上一程属另一运营单位"), true
	case claimNowhere:
		return l.Coded(code, "a transfer led to the ride before, and leads on once", "上一程已享换乘优惠，不再连续"), true
	}
	return "", false
}

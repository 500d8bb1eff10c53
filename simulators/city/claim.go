package city

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"citycard/clearing/message"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
)

// claim settles a visit at the hospital's desk.
func (l *lot) claim(ctx context.Context, h *holder, v *visit, now time.Time) error {
	number := fmt.Sprintf("S%s%06d%02d", now.Format(dayLayout), h.index, now.Hour())
	m, err := l.field.settle(ctx, h, v, number, now)
	if err != nil {
		return err
	}
	value, err := plan.Encode(m)
	if err != nil {
		return err
	}
	e := l.judgeClaim(h, v, plan.DayNumber(now), number)
	e.Topic, e.Value = message.TopicMedicalRequests, value
	return l.post(l.Shares.Claims(), letter{key: hex.EncodeToString(h.token[:]), entry: e}, m)
}

// judgeClaim works out the outcome of a claim. If neither fund nor personal account pays anything,
// the claim is kept as a record and moves no money in the books.
func (l *lot) judgeClaim(h *holder, v *visit, day int, number string) (e truth.Entry) {
	fund, account, cash := truth.MedicalKeys(day, h.token[:], v.hospital.ID, number)
	e = truth.Entry{Key: fund, Purpose: truth.MedicalFund, Fen: v.costs.total, Fault: v.fault}
	switch {
	case !h.person.Registered:
		e.Fault, e.Facts.Refused = "unknown_person", "unknown_person"
		return e
	case v.fault == "unknown_hospital":
		e.Facts.Refused = "unknown_hospital"
		return e
	}
	split, refused := l.Town.Rules.Settle(&h.patient, truth.Claim{
		Day: day, Kind: v.kind, Class: v.hospital.Class, Total: v.costs.total, OwnPay: v.costs.ownPay,
		OverLimit: v.costs.overLimit, FirstPay: v.costs.firstPay, InScope: v.costs.inScope,
	})
	if refused != "" {
		e.Fault, e.Facts.Refused = refused, refused
		return e
	}
	e.Payee, e.Fen = "hospital:"+v.hospital.ID, split.Fund
	switch {
	case split.Fund+split.Account == 0:
		e.Key, e.Purpose, e.Payee = cash, truth.MedicalCash, ""
	case split.Fund == 0:
		e.Key, e.Purpose, e.Fen = account, truth.MedicalAccount, split.Account
	case split.Account > 0:
		e.Also = &truth.Also{Purpose: truth.MedicalAccount, Fen: split.Account, ID: account.ID}
	}
	return e
}

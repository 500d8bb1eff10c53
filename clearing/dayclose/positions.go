package dayclose

import (
	"context"
	"fmt"
	"strings"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/registry/index"
	"citycard/clearing/settlement"
	"citycard/ledger"
)

// participants are all that get a settlement file: those that are registered on the day, and those
// on whose account something was booked. So a change of the registry can end a participant that
// should never have been registered.
func participants(r *index.Edition, day ledger.Day, booked func(code string) bool) []settlement.Participant {
	var list []settlement.Participant
	add := func(code, name, nameEN string, registered bool) {
		if registered || booked(code) {
			list = append(list, settlement.Participant{Code: code, Name: name, NameEn: nameEN})
		}
	}
	for _, o := range r.Operators() {
		onDay, ok := r.Operator(o.ID, day)
		if ok {
			o = onDay
		}
		add(chart.Operator(o.ID), o.Name, o.NameEN, ok)
	}
	for _, h := range r.Hospitals() {
		onDay, ok := r.Hospital(h.ID, day)
		if ok {
			h = onDay
		}
		add(chart.Hospital(h.ID), h.Name, h.NameEN, ok)
	}
	for _, c := range r.Channels() {
		onDay, ok := r.Channel(c.ID, day)
		if ok {
			c = onDay
		}
		add(chart.Channel(c.ID), c.Name, c.NameEN, ok)
	}
	for _, insurance := range chart.Insurances() {
		add(chart.Fund(insurance), "", "", true)
	}
	add(chart.PensionFund, "养老保险基金支出户", "Pension fund expenditure account", true)
	add(chart.PensionPayout, "养老金代发", "Pension payouts at the bank", true)
	return list
}

// Rehearse computes the close of an empty day for all participants of the edition. So a fault in a
// change shows before the change is proposed, not when a day cannot be closed.
func Rehearse(r *index.Edition) error {
	const day ledger.Day = 20000101
	positions, err := settlement.Net(nil, participants(r, day, func(string) bool { return true }))
	if err != nil {
		return err
	}
	return settlement.Check(day, positions)
}

// Positions computes the net position of every participant from the rows that were booked on a day:
// credits count for it, debits against it. paid is the sum of the day's payments so far, by account
// code.
func Positions(ctx context.Context, l *ledger.Ledger, r *index.Edition, day ledger.Day) (positions []settlement.Position, paid map[string]int64, err error) {
	turnovers, err := l.Turnovers(ctx, day)
	if err != nil {
		return nil, nil, fmt.Errorf("positions of day %s: %w", day, err)
	}
	asides, err := docket.Asides(ctx, l, day)
	if err != nil {
		return nil, nil, err
	}
	booked := map[ledger.AccountID]bool{}
	for _, t := range turnovers {
		// Payments are left out of the positions, so a close that is resumed states the same.
		if t.Purpose != chart.PurposeSettlement {
			booked[t.Debit], booked[t.Credit] = true, true
		}
	}
	for _, c := range asides {
		booked[ledger.IDOfCode(chart.Operator(c.Operator))] = true
	}
	people := participants(r, day, func(code string) bool { return booked[ledger.IDOfCode(code)] })
	byAccount := make(map[ledger.AccountID]string, len(people))
	for _, p := range people {
		byAccount[ledger.IDOfCode(p.Code)] = p.Code
	}
	var rows []settlement.Row
	paid = map[string]int64{}
	for _, t := range turnovers {
		switch {
		case !counts(t, day):
			continue
		case t.Purpose == chart.PurposeSettlement:
			paid[byAccount[t.Debit]] += int64(t.Sum)
			paid[byAccount[t.Credit]] -= int64(t.Sum)
			continue
		}
		add := func(account ledger.AccountID, fen ledger.Fen) {
			if code, ok := byAccount[account]; ok {
				rows = append(rows, settlement.Row{
					Participant: code, Day: t.Day, Purpose: chart.PurposeName(t.Purpose), Count: t.Count, Fen: int64(fen),
				})
			}
		}
		add(t.Credit, t.Sum)
		add(t.Debit, -t.Sum)
	}
	for _, c := range asides {
		if code, ok := byAccount[ledger.IDOfCode(chart.Operator(c.Operator))]; ok {
			rows = append(rows, settlement.Row{Participant: code, Day: c.Day, Purpose: c.Purpose, Count: c.Count, Fen: int64(c.Fen), Aside: true})
		}
	}
	positions, err = settlement.Net(rows, people)
	return positions, paid, err
}

// counts reports whether a turnover booked on a day belongs to that day's accounts with its
// participants. Openings, the bank's receipts, cash on its way to the bank, and a payout of an
// earlier day that was released on this one do not belong to it.
func counts(t ledger.Turnover, day ledger.Day) bool {
	switch t.Purpose {
	case chart.PurposeOpening, chart.PurposeReceipt, chart.PurposeHandedOver:
		return false
	case chart.PurposeSettlement:
		return t.Day == day
	}
	return true
}

// payment is the transfer that pays or collects the rest of a participant's position. Funds and
// channels are not paid out of an account of ours; a channel owes its debt until the bank reports
// the money.
func payment(day ledger.Day, round int, p settlement.Position, paid int64) (ledger.Transfer, bool) {
	code, left := p.Participant.Code, ledger.Fen(p.Fen-paid)
	var bank string
	switch {
	case left == 0:
		return ledger.Transfer{}, false
	case strings.HasPrefix(code, "operator:"):
		bank = chart.Reserve
	case strings.HasPrefix(code, "hospital:"):
		bank = chart.BankMedical
	case code == chart.PensionPayout:
		bank = chart.BankPension
	default:
		return ledger.Transfer{}, false
	}
	t := ledger.Transfer{
		Day: day, Subject: ledger.Subject(code), ID: identity.Settlement(fmt.Sprintf("net.%d", round)),
		Debit: ledger.IDOfCode(code), Credit: ledger.IDOfCode(bank), Amount: left, Purpose: chart.PurposeSettlement,
	}
	if left < 0 {
		t.Debit, t.Credit, t.Amount = t.Credit, t.Debit, -t.Amount
	}
	return t, true
}

package dayclose

import (
	"context"
	"fmt"
	"strings"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/registry"
	"citycard/clearing/settlement"
	"citycard/ledger"
)

// participants are all who get a settlement file.
func participants(r *registry.Edition) []settlement.Participant {
	var list []settlement.Participant
	for _, o := range r.Operators() {
		list = append(list, settlement.Participant{Code: chart.Operator(o.ID), Name: o.Name, NameEn: o.NameEN})
	}
	for _, h := range r.Hospitals() {
		list = append(list, settlement.Participant{Code: chart.Hospital(h.ID), Name: h.Name, NameEn: h.NameEN})
	}
	for _, c := range r.Channels() {
		list = append(list, settlement.Participant{Code: chart.Channel(c.ID), Name: c.Name, NameEn: c.NameEN})
	}
	for _, insurance := range chart.Insurances() {
		list = append(list, settlement.Participant{Code: chart.Fund(insurance)})
	}
	return append(list,
		settlement.Participant{Code: chart.PensionFund, Name: "养老保险基金支出户", NameEn: "Pension fund expenditure account"},
		settlement.Participant{Code: chart.PensionPayout, Name: "养老金代发", NameEn: "Pension payouts at the bank"})
}

// Positions computes the net position of every participant from the rows that
// were booked on a day: credits count for it, debits against. paid is what the
// day's payments came to so far, by account code.
func Positions(ctx context.Context, l *ledger.Ledger, r *registry.Edition, day ledger.Day) (positions []settlement.Position, paid map[string]int64, err error) {
	people := participants(r)
	byAccount := make(map[ledger.AccountID]string, len(people))
	for _, p := range people {
		byAccount[ledger.IDOfCode(p.Code)] = p.Code
	}
	turnovers, err := l.Turnovers(ctx, day)
	if err != nil {
		return nil, nil, fmt.Errorf("positions of day %s: %w", day, err)
	}
	type key struct {
		account ledger.AccountID
		day     ledger.Day
		purpose ledger.Purpose
	}
	sums := map[key]*settlement.Row{}
	paid = map[string]int64{}
	for _, t := range turnovers {
		switch t.Purpose {
		case chart.PurposeOpening, chart.PurposeReceipt:
			continue
		case chart.PurposeSettlement:
			paid[byAccount[t.Debit]] += int64(t.Sum)
			paid[byAccount[t.Credit]] -= int64(t.Sum)
			continue
		}
		for account, fen := range map[ledger.AccountID]ledger.Fen{t.Credit: t.Sum, t.Debit: -t.Sum} {
			code, ok := byAccount[account]
			if !ok {
				continue
			}
			k := key{account, t.Day, t.Purpose}
			sum := sums[k]
			if sum == nil {
				sum = &settlement.Row{Participant: code, Day: settlement.Day(t.Day), Purpose: chart.PurposeName(t.Purpose)}
				sums[k] = sum
			}
			sum.Count += t.Count
			sum.Fen += int64(fen)
		}
	}
	rows := make([]settlement.Row, 0, len(sums))
	for _, sum := range sums {
		rows = append(rows, *sum)
	}
	positions, err = settlement.Net(rows, people)
	return positions, paid, err
}

// payment is the transfer that pays what is left of a participant's position, or
// collects it. Funds and channels are not paid out of an account of ours: a
// channel's debt stands until the bank reports its money.
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

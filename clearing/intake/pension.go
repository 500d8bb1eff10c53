package intake

import (
	"context"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/pension"
	"citycard/clearing/registry"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// maxName is how many bytes a batch's name may have.
const maxName = 64

// Amounts finds what stands in the books under keys: one amount a key, 0 where
// there is none.
type Amounts func(ctx context.Context, keys []ledger.Key) ([]ledger.Fen, error)

// PensionBatches rules on paydays: each line that is owed goes from the pension
// fund to the bank, under the month it pays for. A list that the rules do not allow on
// the clearing day on which it came is refused whole. A batch that pays returned money
// again takes it from what came back; it is refused where the bank's answer has not
// been cleared yet, and may then be sent again.
func PensionBatches(people *registry.Registry, rules *pension.Rules, booked Amounts) Rules {
	return Rules{
		Rule: func(ctx context.Context, records []docket.Record, d *docket.Docket) error {
			edition := people.Current()
			d.Registry = edition.Version()
			for _, record := range records {
				if err := ruleBatch(ctx, edition, rules, booked, record, d); err != nil {
					return err
				}
			}
			return nil
		},
		Refused: verdict.FundShort,
		Versions: func() map[string]string {
			return map[string]string{"registry": people.Current().Version(), "pension": rules.Names()}
		},
	}
}

func registryVersion(r *registry.Registry) func() map[string]string {
	return func() map[string]string { return map[string]string{"registry": r.Current().Version()} }
}

// readBatch reads a list and asks the rules whether it may be paid that came on a clearing day.
func readBatch(rules *pension.Rules, clearing ledger.Day, value []byte) (batch *message.PensionBatch, bounds *pension.Bounds, reason verdict.Reason) {
	batch = &message.PensionBatch{}
	if err := proto.Unmarshal(value, batch); err != nil {
		return nil, nil, verdict.Undecodable
	}
	month, _, ok := monthDay(batch.GetMonth())
	payday, err := ledger.ParseDay(batch.GetPayday())
	if !ok || err != nil || !isName(batch.GetBatch(), maxName) || len(batch.GetLines()) == 0 || len(batch.GetLines()) > pension.MaxLines || batch.GetPayment() > identity.MaxPayment {
		return nil, nil, verdict.InvalidField
	}
	list := pension.List{Month: month, Payday: payday, Lines: len(batch.GetLines())}
	for _, line := range batch.GetLines() {
		// A line asks for more than nothing, and a sum that is beyond all lists stays there.
		list.Fen = min(list.Fen, math.MaxInt64/2) + min(max(line.GetAmountFen(), 0), math.MaxInt64/2)
	}
	bounds, ok = rules.On(clearing)
	if !ok {
		return nil, nil, verdict.NoRule
	}
	if refusal := bounds.Check(clearing, list); refusal != nil {
		return nil, nil, verdict.Reason(refusal.Code)
	}
	return batch, bounds, verdict.None
}

func ruleBatch(ctx context.Context, people *registry.Edition, rules *pension.Rules, booked Amounts, record docket.Record, d *docket.Docket) error {
	batch, bounds, reason := readBatch(rules, record.Came(d.Source.Day), record.Value)
	if reason != verdict.None {
		d.Reject(reason, chart.PurposeName(chart.PurposePension), record.Offset, record.Value)
		return nil
	}
	month, day, _ := monthDay(batch.GetMonth())
	p := payout{number: 1, debit: chart.PensionFund, purpose: chart.PurposePension}
	if n := uint8(batch.GetPayment()); n > 1 {
		p = payout{number: n, debit: chart.PensionReturned, purpose: chart.PurposePensionAgain}
	}
	returned, err := p.returned(ctx, booked, batch, day)
	if err != nil {
		return err
	}
	for i, line := range batch.GetLines() {
		evidence, err := proto.MarshalOptions{Deterministic: true}.Marshal(&message.PensionBatch{
			Batch: batch.GetBatch(), Month: batch.GetMonth(), Payday: batch.GetPayday(), Lines: []*message.PensionLine{line}, Payment: stated(p.number),
		})
		if err != nil {
			return fmt.Errorf("pension: encode line %d of batch %s: %w", i, batch.GetBatch(), err)
		}
		purpose := chart.PurposeName(p.purpose)
		var token registry.Token
		if !message.Fixed(token[:], line.GetPerson()) || line.GetAmountFen() <= 0 {
			d.Reject(verdict.InvalidField, purpose, record.Offset, evidence)
			continue
		}
		reason := entitled(people, bounds, token, month, lastOf(day), line.GetAmountFen())
		if p.number > 1 && reason == verdict.None {
			if refusal := pension.CheckAgain(int64(returned[i]), line.GetAmountFen()); refusal != nil {
				reason = verdict.Reason(refusal.Code)
			}
		}
		if reason != verdict.None {
			d.Reject(reason, purpose, record.Offset, evidence)
			continue
		}
		d.Pay(verdict.None, purpose, ledger.Transfer{
			Day: day, Subject: ledger.Subject(token[:]), ID: identity.Pension(batch.GetMonth(), p.number),
			Debit: ledger.IDOfCode(p.debit), Credit: ledger.IDOfCode(chart.PensionPayout),
			Amount: ledger.Fen(line.GetAmountFen()), Purpose: p.purpose, Evidence: evidence,
		})
	}
	return nil
}

// payout is which payment of its month a batch makes, and out of what.
type payout struct {
	number  uint8 // 1 is the month's own
	debit   string
	purpose ledger.Purpose
}

// returned is what the bank sent back of the payment before, line by line; nothing
// where it is the first.
func (p payout) returned(ctx context.Context, booked Amounts, batch *message.PensionBatch, day ledger.Day) ([]ledger.Fen, error) {
	if p.number == 1 {
		return nil, nil
	}
	keys := make([]ledger.Key, len(batch.GetLines()))
	for i, line := range batch.GetLines() {
		keys[i] = ledger.Key{Day: day, Subject: ledger.Subject(line.GetPerson()), ID: identity.PensionReturn(batch.GetMonth(), p.number-1)}
	}
	return booked(ctx, keys)
}

// stated is a payment's number as evidence has it: the first may be stated as 0 or
// 1 and is the same.
func stated(number uint8) uint32 {
	if number == 1 {
		return 0
	}
	return uint32(number)
}

// lastOf is the last day of the month that begins on first.
func lastOf(first ledger.Day) ledger.Day {
	day := first
	for next := day.Next(); next/100 == first/100; next = day.Next() {
		day = next
	}
	return day
}

// entitled asks the registry and the pension rules about one line.
func entitled(people *registry.Edition, bounds *pension.Bounds, token registry.Token, month pension.Month, last ledger.Day, fen int64) verdict.Reason {
	person, ok := people.PersonOn(token, last)
	if !ok {
		return verdict.UnknownPerson
	}
	e := pension.Entitlement{State: pension.Eligible, ApprovedFen: int64(person.Pension)}
	if person.CertifiedUntil != "" {
		until, err := pension.ParseMonth(person.CertifiedUntil)
		if err != nil {
			return verdict.CertificationLapsed
		}
		e.CertifiedUntil = until
	}
	refusal := e.Check(month, fen)
	if refusal == nil {
		// What the registry approves may itself be a slip.
		refusal = bounds.CheckAmount(fen)
	}
	if refusal != nil {
		return verdict.Reason(refusal.Code)
	}
	return verdict.None
}

// PensionResults rules on the bank's answers: money that came back waits to be
// paid again. A batch is always judged before the bank's answer to it. No window bounds
// the month here: money comes back only of a payment that stands in the books, and the
// bank may take its time.
func PensionResults(people *registry.Registry, booked Amounts) Rules {
	return Rules{
		Rule: func(ctx context.Context, records []docket.Record, d *docket.Docket) error {
			for _, record := range records {
				if err := ruleReturns(ctx, booked, record, d); err != nil {
					return err
				}
			}
			return nil
		},
		Versions: registryVersion(people),
		Follows:  message.TopicPensionBatches,
	}
}

func ruleReturns(ctx context.Context, booked Amounts, record docket.Record, d *docket.Docket) error {
	purpose := chart.PurposeName(chart.PurposePensionReturn)
	var result message.PensionResult
	if err := proto.Unmarshal(record.Value, &result); err != nil {
		d.Reject(verdict.Undecodable, purpose, record.Offset, record.Value)
		return nil
	}
	_, day, ok := monthDay(result.GetMonth())
	if !ok || !isName(result.GetBatch(), maxName) || len(result.GetReturns()) > pension.MaxLines || result.GetPayment() > identity.MaxPayment {
		d.Reject(verdict.InvalidField, purpose, record.Offset, record.Value)
		return nil
	}
	if len(result.GetReturns()) == 0 {
		// All of the list was paid: the answer says so, and moves nothing.
		d.Remark(verdict.Cleared, purpose, 0)
		return nil
	}
	number := max(uint8(result.GetPayment()), 1)
	keys := make([]ledger.Key, len(result.GetReturns()))
	for i, r := range result.GetReturns() {
		keys[i] = ledger.Key{Day: day, Subject: ledger.Subject(r.GetPerson()), ID: identity.Pension(result.GetMonth(), number)}
	}
	amounts, err := booked(ctx, keys)
	if err != nil {
		return err
	}
	for i, r := range result.GetReturns() {
		evidence, err := proto.MarshalOptions{Deterministic: true}.Marshal(&message.PensionResult{
			Batch: result.GetBatch(), Month: result.GetMonth(), Returns: []*message.PensionReturn{r}, Payment: stated(number),
		})
		if err != nil {
			return fmt.Errorf("pension: encode return %d of batch %s: %w", i, result.GetBatch(), err)
		}
		if len(r.GetPerson()) != len(registry.Token{}) || r.GetAmountFen() <= 0 {
			d.Reject(verdict.InvalidField, purpose, record.Offset, evidence)
			continue
		}
		if refusal := pension.CheckReturn(int64(amounts[i]), r.GetAmountFen()); refusal != nil {
			d.Reject(verdict.Reason(refusal.Code), purpose, record.Offset, evidence)
			continue
		}
		d.Pay(verdict.None, purpose, ledger.Transfer{
			Day: day, Subject: keys[i].Subject, ID: identity.PensionReturn(result.GetMonth(), number),
			Debit: ledger.IDOfCode(chart.PensionPayout), Credit: ledger.IDOfCode(chart.PensionReturned),
			Amount: amounts[i], Purpose: chart.PurposePensionReturn, Evidence: evidence,
		})
	}
	return nil
}

// monthDay reads YYYYMM; day is its first.
func monthDay(text string) (month pension.Month, day ledger.Day, ok bool) {
	month, err := pension.ParseMonth(text)
	if err != nil {
		return 0, 0, false
	}
	first, err := time.Parse("200601", text)
	if err != nil {
		return 0, 0, false
	}
	return month, ledger.DayOf(first), true
}

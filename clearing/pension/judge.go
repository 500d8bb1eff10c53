package pension

import (
	"context"
	"math"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Judge rules on the lists of a payday and on the payments that the bank returns.
type Judge struct {
	People *registry.Registry
	Rules  *Rules
	// Booked finds the amounts in the books under keys: one for each key, 0 where there is none.
	Booked func(ctx context.Context, keys []ledger.Key) ([]ledger.Fen, error)
}

// maxName is how many bytes a list's name may have.
const maxName = 64

// Versions names the data that rules.
func (j *Judge) Versions() map[string]string {
	return map[string]string{"registry": j.People.Current().Version(), "pension": j.Rules.Names()}
}

// RuleLists rules on lists: each line that is owed goes from the pension fund to the bank, under
// the month it pays for. A list that the rules do not allow on the clearing day on which it came is
// refused whole. A list that pays returned money again takes it from the account of returned
// payouts. A line is refused if the bank's answer has not been cleared yet; it may be sent again
// later.
func (j *Judge) RuleLists(ctx context.Context, records []docket.Record, d *docket.Docket) (Originals, error) {
	originals := Originals{topic: message.TopicPensionBatches}
	people := j.People.Current()
	d.Registry = people.Version()
	for _, record := range records {
		list, reason := j.read(record.Value, record.Came(d.Source.Day))
		if reason != verdict.None {
			d.Reject(reason, chart.PurposeName(chart.PurposePension), record.Offset, record.Value)
			continue
		}
		from := len(d.Rulings)
		if err := j.ruleList(ctx, people, list, record.Offset, d); err != nil {
			return Originals{}, err
		}
		originals.messages = append(originals.messages, original{record.Value, from, len(d.Rulings)})
	}
	return originals, nil
}

// list is a list that may be paid.
type list struct {
	*message.PensionBatch
	month  Month
	bounds *Bounds
	payment
}

// payment says which payment of its month a list makes, and from which account.
type payment struct {
	number  uint8 // 1 is the month's own
	debit   string
	purpose ledger.Purpose
}

func paymentOf(number uint32) payment {
	if number > 1 {
		return payment{uint8(number), chart.PensionReturned, chart.PurposePensionAgain}
	}
	return payment{1, chart.PensionFund, chart.PurposePension}
}

// read reads a list that came on a clearing day, and checks by the rules whether it may be paid.
func (j *Judge) read(value []byte, clearing ledger.Day) (*list, verdict.Reason) {
	l := &list{PensionBatch: &message.PensionBatch{}}
	if err := proto.Unmarshal(value, l.PensionBatch); err != nil {
		return nil, verdict.Undecodable
	}
	lines := l.GetLines()
	payday, paydayErr := ledger.ParseDay(l.GetPayday())
	var err error
	if l.month, err = ParseMonth(l.GetMonth()); err != nil || paydayErr != nil || !identity.IsName(l.GetBatch(), maxName) ||
		len(lines) == 0 || len(lines) > MaxLines || l.GetPayment() > identity.MaxPayment {
		return nil, verdict.InvalidField
	}
	asked := List{Month: l.month, Payday: payday, Lines: len(lines)}
	for _, line := range lines {
		// A negative amount counts as 0 here, and a sum that is too large for any list stops
		// growing.
		asked.Fen = min(asked.Fen, math.MaxInt64/2) + min(max(ledger.Fen(line.GetAmountFen()), 0), math.MaxInt64/2)
	}
	var ok bool
	if l.bounds, ok = j.Rules.On(clearing); !ok {
		return nil, verdict.NoRule
	}
	l.payment = paymentOf(l.GetPayment())
	return l, l.bounds.Check(clearing, asked)
}

func (j *Judge) ruleList(ctx context.Context, people *index.Edition, l *list, offset int64, d *docket.Docket) error {
	returned, err := j.returned(ctx, l)
	if err != nil {
		return err
	}
	alone, err := listLines(l.PensionBatch)
	if err != nil {
		return err
	}
	purpose := chart.PurposeName(l.purpose)
	for i, line := range l.GetLines() {
		evidence := alone[i]
		var token index.Token
		amount := ledger.Fen(line.GetAmountFen())
		if !message.Fixed(token[:], line.GetPerson()) || amount <= 0 {
			d.Reject(verdict.InvalidField, purpose, offset, evidence)
			continue
		}
		reason := l.entitled(people, token, amount)
		if l.number > 1 && reason == verdict.None {
			reason = CheckAgain(returned[i], amount)
		}
		if reason != verdict.None {
			d.Reject(reason, purpose, offset, evidence)
			continue
		}
		d.Pay(verdict.None, purpose, ledger.Transfer{
			Day: l.month.First(), Subject: ledger.Subject(token[:]), ID: identity.Pension(l.GetMonth(), l.number),
			Debit: ledger.IDOfCode(l.debit), Credit: ledger.IDOfCode(chart.PensionPayout),
			Amount: amount, Purpose: l.purpose, Evidence: evidence,
		})
	}
	return nil
}

// returned is what the bank sent back of the previous payment, line by line; nothing if this is the
// first payment.
func (j *Judge) returned(ctx context.Context, l *list) ([]ledger.Fen, error) {
	if l.number == 1 {
		return nil, nil
	}
	keys := make([]ledger.Key, len(l.GetLines()))
	for i, line := range l.GetLines() {
		keys[i] = ledger.Key{Day: l.month.First(), Subject: ledger.Subject(line.GetPerson()), ID: identity.PensionReturn(l.GetMonth(), l.number-1)}
	}
	return j.Booked(ctx, keys)
}

// entitled asks the registry and the rules about one line.
func (l *list) entitled(people *index.Edition, token index.Token, fen ledger.Fen) verdict.Reason {
	person, ok := people.PersonOn(token, l.month.Last())
	if !ok {
		return verdict.UnknownPerson
	}
	e := Entitlement{State: Eligible, ApprovedFen: person.Pension, CertifiedUntil: Month(person.CertifiedUntil)}
	if reason := e.Check(l.month, fen); reason != verdict.None {
		return reason
	}
	// Even an approved registry may contain a slip.
	return l.bounds.CheckAmount(fen)
}

// RuleReturns rules on the bank's answers: money that came back waits to be paid again. A list is
// always judged before the bank's answer to it. The month is not checked against the day here:
// money comes back only for a payment that is in the books, and the bank may answer late.
func (j *Judge) RuleReturns(ctx context.Context, records []docket.Record, d *docket.Docket) (Originals, error) {
	originals := Originals{topic: message.TopicPensionResults}
	purpose := chart.PurposeName(chart.PurposePensionReturn)
	for _, record := range records {
		result, reason := readResult(record.Value)
		if reason != verdict.None {
			d.Reject(reason, purpose, record.Offset, record.Value)
			continue
		}
		from := len(d.Rulings)
		if err := j.ruleReturns(ctx, result, record.Offset, d); err != nil {
			return Originals{}, err
		}
		originals.messages = append(originals.messages, original{record.Value, from, len(d.Rulings)})
	}
	return originals, nil
}

// result is a bank's answer that can be looked up.
type result struct {
	*message.PensionResult
	month   Month
	payment uint8
}

func readResult(value []byte) (*result, verdict.Reason) {
	r := &result{PensionResult: &message.PensionResult{}}
	if err := proto.Unmarshal(value, r.PensionResult); err != nil {
		return nil, verdict.Undecodable
	}
	var err error
	if r.month, err = ParseMonth(r.GetMonth()); err != nil || !identity.IsName(r.GetBatch(), maxName) ||
		len(r.GetReturns()) > MaxLines || r.GetPayment() > identity.MaxPayment {
		return nil, verdict.InvalidField
	}
	r.payment = max(uint8(r.GetPayment()), 1)
	return r, verdict.None
}

func (j *Judge) ruleReturns(ctx context.Context, result *result, offset int64, d *docket.Docket) error {
	purpose := chart.PurposeName(chart.PurposePensionReturn)
	if len(result.GetReturns()) == 0 {
		// The whole list was paid; such an answer moves no money.
		d.Remark(verdict.Cleared, purpose, 0)
		return nil
	}
	keys := make([]ledger.Key, len(result.GetReturns()))
	for i, r := range result.GetReturns() {
		keys[i] = ledger.Key{Day: result.month.First(), Subject: ledger.Subject(r.GetPerson()), ID: identity.Pension(result.GetMonth(), result.payment)}
	}
	amounts, err := j.Booked(ctx, keys)
	if err != nil {
		return err
	}
	alone, err := resultLines(result.PensionResult)
	if err != nil {
		return err
	}
	for i, r := range result.GetReturns() {
		reason := verdict.InvalidField
		if len(r.GetPerson()) == len(index.Token{}) && r.GetAmountFen() > 0 {
			reason = CheckReturn(amounts[i], ledger.Fen(r.GetAmountFen()))
		}
		if reason != verdict.None {
			d.Reject(reason, purpose, offset, alone[i])
			continue
		}
		d.Pay(verdict.None, purpose, ledger.Transfer{
			Day: keys[i].Day, Subject: keys[i].Subject, ID: identity.PensionReturn(result.GetMonth(), result.payment),
			Debit: ledger.IDOfCode(chart.PensionPayout), Credit: ledger.IDOfCode(chart.PensionReturned),
			Amount: amounts[i], Purpose: chart.PurposePensionReturn, Evidence: alone[i],
		})
	}
	return nil
}

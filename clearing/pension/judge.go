package pension

import (
	"context"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/verdict"
	"citycard/language"
	"citycard/ledger"
)

// Judge rules on the lists of a payday and on the payments that the bank returns.
type Judge struct {
	People *registry.Registry
	Rules  func() (rules *Rules, edition string) // those in force; what the bank returns needs none
	// Booked finds the amounts in the books under keys: one for each key, 0 where there is none.
	Booked func(ctx context.Context, keys []ledger.Key) ([]ledger.Fen, error)
}

// maxName is how many bytes a list's name may have.
const maxName = 64

// RuleLists rules on lists: each line that is owed goes from the pension fund to the bank, under
// the month it pays for. A list that the rules do not allow on the clearing day on which it came is
// refused whole. A list that pays returned money again takes it from the account of returned
// payouts. A line is refused if the bank's answer has not been cleared yet; it may be sent again
// later.
func (j *Judge) RuleLists(ctx context.Context, records []docket.Record, d *docket.Docket) (Originals, error) {
	people := j.People.Current()
	rules, named := j.Rules()
	d.Versions = map[string]string{"registry": people.Version(), "rules": named}
	return j.rule(ctx, records, d, message.TopicPensionBatches, chart.PurposePension, func(record docket.Record) (decoded, verdict.Reason) {
		return j.read(people, rules, record.Value, record.Came(d.Source.Day))
	})
}

// RuleReturns rules on the bank's answers: money that came back waits to be paid again. A list is
// always judged before the bank's answer to it. The month is not checked against the day here:
// money comes back only for a payment that is in the books, and the bank may answer late.
func (j *Judge) RuleReturns(ctx context.Context, records []docket.Record, d *docket.Docket) (Originals, error) {
	return j.rule(ctx, records, d, message.TopicPensionResults, chart.PurposePensionReturn, func(record docket.Record) (decoded, verdict.Reason) {
		return readResult(record.Value)
	})
}

// decoded is a list, or a bank's answer, that may be ruled on line by line.
type decoded interface {
	// keys are those under which the books are asked: none, or one for each line.
	keys() []ledger.Key
	// lines are the lines as the journal has them.
	lines() ([][]byte, error)
	// rule rules on each of the lines; amounts are what the books have under the keys.
	rule(amounts []ledger.Fen, lines [][]byte, offset int64, d *docket.Docket)
}

// rule reads the messages of a batch, asks the books once for all of them, and rules on each.
func (j *Judge) rule(ctx context.Context, records []docket.Record, d *docket.Docket, topic string, purpose ledger.Purpose, read func(docket.Record) (decoded, verdict.Reason)) (Originals, error) {
	messages, keys := make([]decoded, len(records)), make([][]ledger.Key, len(records))
	faults := make([]verdict.Reason, len(records))
	for i, record := range records {
		if messages[i], faults[i] = read(record); faults[i] == verdict.None {
			keys[i] = messages[i].keys()
		}
	}
	asked := slices.Concat(keys...)
	if len(asked) > ledger.MaxRows {
		return Originals{}, &ledger.BatchError{Stream: d.Source.Stream, What: language.Textf("%d lines, at most %d fit one batch", len(asked), ledger.MaxRows)}
	}
	amounts, err := j.Booked(ctx, asked)
	if err != nil {
		return Originals{}, err
	}
	originals := Originals{topic: topic}
	for i, record := range records {
		if faults[i] != verdict.None {
			d.Reject(faults[i], chart.PurposeName(purpose), record.Offset, record.Value)
			continue
		}
		lines, err := messages[i].lines()
		if err != nil {
			return Originals{}, err
		}
		if len(lines) == 0 {
			// The bank paid the whole list. Such an answer moves no money; no row needs its bytes.
			d.Remark(verdict.Cleared, chart.PurposeName(purpose), 0)
			continue
		}
		from := len(d.Rulings)
		messages[i].rule(amounts[:len(keys[i])], lines, record.Offset, d)
		amounts = amounts[len(keys[i]):]
		originals.messages = append(originals.messages, original{record.Value, from, len(d.Rulings)})
	}
	return originals, nil
}

// list is a list that may be paid.
type list struct {
	*message.PensionBatch
	people *index.Edition
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
func (j *Judge) read(people *index.Edition, rules *Rules, value []byte, clearing ledger.Day) (*list, verdict.Reason) {
	l := &list{PensionBatch: &message.PensionBatch{}, people: people}
	if err := proto.Unmarshal(value, l.PensionBatch); err != nil {
		return nil, verdict.Undecodable
	}
	lines := l.GetLines()
	payday, paydayErr := ledger.ParseDay(l.GetPayday())
	var err error
	if l.month, err = parseMonth(l.GetMonth()); err != nil || paydayErr != nil || !identity.IsName(l.GetBatch(), maxName) ||
		len(lines) == 0 || len(lines) > MaxLines || l.GetPayment() > identity.MaxPayment {
		return nil, verdict.InvalidField
	}
	asked := List{Month: l.month, Payday: payday, Lines: len(lines)}
	for _, line := range lines {
		// A negative amount counts as 0 here, and a sum that is too large for any list stops
		// growing.
		asked.Fen = min(asked.Fen, math.MaxInt64/2) + min(max(ledger.Fen(line.GetAmountFen()), 0), math.MaxInt64/2)
	}
	var reason verdict.Reason
	l.bounds, reason = rules.Check(clearing, asked)
	l.payment = paymentOf(l.GetPayment())
	return l, reason
}

// keys are those of what the bank sent back of the payment before; the first payment has none.
func (l *list) keys() []ledger.Key {
	if l.number == 1 {
		return nil
	}
	keys := make([]ledger.Key, len(l.GetLines()))
	for i, line := range l.GetLines() {
		keys[i] = ledger.Key{Day: l.month.First(), Subject: ledger.Subject(line.GetPerson()), ID: identity.PensionReturn(l.GetMonth(), l.number-1)}
	}
	return keys
}

func (l *list) lines() ([][]byte, error) { return listLines(l.PensionBatch) }

func (l *list) rule(returned []ledger.Fen, lines [][]byte, offset int64, d *docket.Docket) {
	purpose := chart.PurposeName(l.purpose)
	for i, line := range l.GetLines() {
		var token index.Token
		amount := ledger.Fen(line.GetAmountFen())
		if !message.Fixed(token[:], line.GetPerson()) || amount <= 0 {
			d.Reject(verdict.InvalidField, purpose, offset, lines[i])
			continue
		}
		reason := l.entitled(token, amount)
		if l.number > 1 && reason == verdict.None {
			reason = checkAgain(returned[i], amount)
		}
		if reason != verdict.None {
			d.Reject(reason, purpose, offset, lines[i])
			continue
		}
		d.Pay(verdict.None, purpose, ledger.Transfer{
			Day: l.month.First(), Subject: ledger.Subject(token[:]), ID: identity.Pension(l.GetMonth(), l.number),
			Debit: ledger.IDOfCode(l.debit), Credit: ledger.IDOfCode(chart.PensionPayout),
			Amount: amount, Purpose: l.purpose, Evidence: lines[i],
		})
	}
}

// entitled asks the registry and the rules about one line.
func (l *list) entitled(token index.Token, fen ledger.Fen) verdict.Reason {
	person, ok := l.people.PersonOn(token, l.month.Last())
	if !ok {
		return verdict.UnknownPerson
	}
	if reason := owed(person, l.month, fen); reason != verdict.None {
		return reason
	}
	// Even an approved registry may contain a slip.
	return l.bounds.checkAmount(fen)
}

// owed is the first reason against an amount being owed to a person for a month.
func owed(person index.Person, month Month, fen ledger.Fen) verdict.Reason {
	switch {
	case person.Pension <= 0:
		return verdict.NotEntitled
	case month > Month(person.CertifiedUntil):
		return verdict.CertificationLapsed
	case fen != person.Pension:
		return verdict.AmountDiffers
	}
	return verdict.None
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
	if r.month, err = parseMonth(r.GetMonth()); err != nil || !identity.IsName(r.GetBatch(), maxName) ||
		len(r.GetReturns()) > MaxLines || r.GetPayment() > identity.MaxPayment {
		return nil, verdict.InvalidField
	}
	r.payment = max(uint8(r.GetPayment()), 1)
	return r, verdict.None
}

// keys are those of the payments.
func (r *result) keys() []ledger.Key {
	keys := make([]ledger.Key, len(r.GetReturns()))
	for i, line := range r.GetReturns() {
		keys[i] = ledger.Key{Day: r.month.First(), Subject: ledger.Subject(line.GetPerson()), ID: identity.Pension(r.GetMonth(), r.payment)}
	}
	return keys
}

func (r *result) lines() ([][]byte, error) { return resultLines(r.PensionResult) }

func (r *result) rule(paid []ledger.Fen, lines [][]byte, offset int64, d *docket.Docket) {
	purpose := chart.PurposeName(chart.PurposePensionReturn)
	for i, line := range r.GetReturns() {
		reason := verdict.InvalidField
		if len(line.GetPerson()) == len(index.Token{}) && line.GetAmountFen() > 0 {
			reason = checkReturn(paid[i], ledger.Fen(line.GetAmountFen()))
		}
		if reason != verdict.None {
			d.Reject(reason, purpose, offset, lines[i])
			continue
		}
		d.Pay(verdict.None, purpose, ledger.Transfer{
			Day: r.month.First(), Subject: ledger.Subject(line.GetPerson()), ID: identity.PensionReturn(r.GetMonth(), r.payment),
			Debit: ledger.IDOfCode(chart.PensionPayout), Credit: ledger.IDOfCode(chart.PensionReturned),
			Amount: paid[i], Purpose: chart.PurposePensionReturn, Evidence: lines[i],
		})
	}
}

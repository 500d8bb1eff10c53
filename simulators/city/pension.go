package city

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
)

// linesPerBatch is how the pension office cuts its list.
const linesPerBatch = 400

// payday is the month's list and its outcome.
type payday struct {
	day      time.Time
	rule     truth.PensionRule
	ruled    bool          // a rule holds on the day
	mistyped []truth.Entry // the first part of it for next year's month, sent first
	batches  []*message.PensionBatch
	entries  [][]truth.Entry
	results  []*message.PensionResult
	returns  [][]truth.Entry
}

// newPayday makes the list for the month of the day: every registered pensioner, and the office's
// errors.
func newPayday(p *Population, store *keys.Store, rules *truth.Rules, shares plan.Shares, day time.Time) (*payday, error) {
	r := newDice(p.City.Seed, "pension", day.Year()*12+int(day.Month()))
	month := day.Format("200601")
	out := &payday{day: day}
	out.rule, out.ruled = rules.Pension(day)
	for _, q := range p.Persons {
		amount, refused, fault := q.line(r, shares, month)
		if amount == 0 {
			continue
		}
		if refused == "" && out.ruled && amount > out.rule.Person {
			refused, fault = "pension_too_high", "pension_too_high"
		}
		if out.full(amount) {
			out.begin(month)
		}
		token := store.PersonToken(q.IDNumber)
		if err := out.add(month, token[:], amount, refused, fault); err != nil {
			return nil, err
		}
		if refused == "" && (r.Chance(shares.Pension) || len(out.batches) == 1 && len(out.batches[0].Lines) == 1) {
			if err := out.sendBack(month, token[:], amount); err != nil {
				return nil, err
			}
		}
	}
	return out, errors.Join(out.seal(), out.mistype())
}

// full reports whether a line needs a list of its own: the office cuts its list so that each part
// is allowed.
func (p *payday) full(amount int64) bool {
	if len(p.batches) == 0 {
		return true
	}
	b := p.batches[len(p.batches)-1]
	return len(b.Lines) == linesPerBatch || p.ruled && (len(b.Lines) >= p.rule.Lines || sum(b)+amount > p.rule.Fen)
}

func sum(b *message.PensionBatch) (fen int64) {
	for _, line := range b.GetLines() {
		fen += line.GetAmountFen()
	}
	return fen
}

// refused is why a list is refused as a whole, "" if it is not.
func (p *payday) refused(b *message.PensionBatch) (reason string, err error) {
	if !p.ruled {
		return "no_rule", nil
	}
	return p.rule.Refuses(p.day, b.GetMonth(), b.GetPayday(), len(b.GetLines()), sum(b))
}

// refusal is the one record of a list that is refused as a whole.
func refusal(value []byte, reason, fault string) []truth.Entry {
	return []truth.Entry{{Topic: message.TopicPensionBatches, Value: value, Purpose: truth.Pension, Fault: fault, Facts: truth.Facts{Refused: reason}}}
}

// mistype makes a list with a mistyped year. Where the rules allow that month, none is made.
func (p *payday) mistype() error {
	if len(p.batches) == 0 {
		return nil
	}
	b := proto.CloneOf(p.batches[0])
	b.Month = fmt.Sprintf("%04d%02d", p.day.Year()+1, p.day.Month())
	value, err := plan.Encode(b)
	if err != nil {
		return err
	}
	reason, err := p.refused(b)
	if reason != "" {
		p.mistyped = refusal(value, reason, "mistyped_month")
	}
	return err
}

// line returns a person's line of the list, why it must be refused, and the office's error. 0 means
// no line.
func (q Person) line(r dice, shares plan.Shares, month string) (amount int64, refused, fault string) {
	wrongAmount, notEntitled := r.Chance(shares.Pension), r.Chance(shares.Pension)
	switch {
	case !q.Registered:
		return 0, "", ""
	case q.Pension == 0 && notEntitled:
		return 50_000, "not_entitled", "not_entitled"
	case q.Pension == 0:
		return 0, "", ""
	case q.Certified < month:
		return q.Pension, "certification_lapsed", "certification_lapsed"
	case wrongAmount:
		return q.Pension + 1_000, "amount_differs", "amount_differs"
	}
	return q.Pension, "", ""
}

func (p *payday) begin(month string) {
	name := fmt.Sprintf("P%s-%02d", month, len(p.batches)+1)
	p.batches = append(p.batches, &message.PensionBatch{Batch: name, Month: month, Payday: p.rule.Payday(p.day).Format(dayLayout)})
	p.entries = append(p.entries, nil)
	p.results = append(p.results, &message.PensionResult{Batch: name, Month: month})
	p.returns = append(p.returns, nil)
}

func (p *payday) add(month string, token []byte, amount int64, refused, fault string) error {
	key, err := truth.PensionKey(month, token)
	if err != nil {
		return err
	}
	line := &message.PensionLine{Person: token, AmountFen: amount}
	last := len(p.batches) - 1
	alone := &message.PensionBatch{Batch: p.batches[last].Batch, Month: month, Payday: p.batches[last].Payday, Lines: []*message.PensionLine{line}}
	value, err := plan.Encode(alone)
	if err != nil {
		return err
	}
	p.batches[last].Lines = append(p.batches[last].Lines, line)
	p.entries[last] = append(p.entries[last], truth.Entry{
		Topic: message.TopicPensionBatches, Line: value, Key: key, Purpose: truth.Pension, Fen: amount, Payee: "pension:payout",
		Fault: fault, Facts: truth.Facts{Refused: refused},
	})
	return nil
}

// sendBack lets the bank fail to pay the line.
func (p *payday) sendBack(month string, token []byte, amount int64) error {
	key, err := truth.ReturnKey(month, token)
	if err != nil {
		return err
	}
	last := len(p.batches) - 1
	causes := []string{"account_changed", "abnormal", "name_mismatch", "not_activated"}
	back := &message.PensionReturn{Person: token, AmountFen: amount, Cause: causes[len(p.results[last].Returns)%len(causes)]}
	value, err := plan.Encode(&message.PensionResult{Batch: p.results[last].Batch, Month: month, Returns: []*message.PensionReturn{back}})
	if err != nil {
		return err
	}
	p.results[last].Returns = append(p.results[last].Returns, back)
	p.returns[last] = append(p.returns[last], truth.Entry{
		Topic: message.TopicPensionResults, Line: value, Key: key, Purpose: truth.PensionReturn, Fen: amount, Payee: "pension:returned", Fault: "returned",
	})
	return nil
}

// seal gives every line the bytes of its message.
func (p *payday) seal() error {
	for i := range p.batches {
		value, err := plan.Encode(p.batches[i])
		if err != nil {
			return err
		}
		for j := range p.entries[i] {
			p.entries[i][j].Value = value
		}
		reason, err := p.refused(p.batches[i])
		if err != nil {
			return err
		}
		if reason != "" {
			p.entries[i], p.returns[i], p.results[i].Returns = refusal(value, reason, reason), nil, nil
			continue
		}
		if value, err = plan.Encode(p.results[i]); err != nil {
			return err
		}
		for j := range p.returns[i] {
			p.returns[i][j].Value = value
		}
	}
	return nil
}

// pay sends the list. Before it, it sends the first part with a mistyped year; the last part it
// sends twice, as an office does when it is not sure that the part was sent.
func (p *payday) pay(s *sender) error {
	if err := s.putLines("mistyped", p.mistyped); err != nil {
		return err
	}
	for i, b := range p.batches {
		if err := s.putLines(b.GetBatch(), p.entries[i]); err != nil {
			return err
		}
	}
	if last := len(p.batches) - 1; last >= 0 {
		again := make([]truth.Entry, len(p.entries[last]))
		for i, e := range p.entries[last] {
			e.Fault = "repeated_batch"
			again[i] = e
		}
		if err := s.putLines(p.batches[last].GetBatch(), again); err != nil {
			return err
		}
	}
	return s.deliver()
}

// answer sends the bank's answers, at the end of the day.
func (p *payday) answer(s *sender) error {
	for i, b := range p.results {
		if err := s.putLines(b.GetBatch(), p.returns[i]); err != nil {
			return err
		}
	}
	return s.deliver()
}

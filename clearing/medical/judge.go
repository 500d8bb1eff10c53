package medical

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"

	"github.com/jackc/pgx/v5"
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

// Judge rules on claims and answers each desk. What a fund pays depends on what the person has used
// this year, and what the personal account pays depends on what it holds. So a batch is judged
// inside its transaction. Claims are keyed by person, so one partition has all claims of a person.
type Judge struct {
	People *registry.Registry
	Rules  func() (rules *Rules, edition string) // those in force
	// Holdings reads and locks what accounts hold, in the batch's transaction.
	Holdings func(ctx context.Context, tx pgx.Tx, accounts []ledger.AccountID) (map[ledger.AccountID]ledger.Fen, error)
}

// Batch is a batch of claims while it is judged. Read makes it. Its Keys are looked up before the
// transaction. Rule and Answer run inside the transaction: Rule before the ledger decides, Answer
// after. Both may run again when the transaction does.
type Batch struct {
	judge    *Judge
	rules    *Rules
	edition  *index.Edition
	docket   *docket.Docket
	requests []*request            // one a record, as the docket's rulings
	base     map[yearKey]YearSoFar // as read from the database
	years    map[yearKey]YearSoFar // as the claims judged so far leave them
	holdings map[ledger.AccountID]ledger.Fen
	answered map[settlementKey]stored
}

type yearKey struct {
	token index.Token
	year  int
}

type settlementKey struct{ hospital, settlement string }

const purpose = chart.AllCash

// Read decodes the claims of a batch.
func (j *Judge) Read(records []docket.Record, d *docket.Docket) *Batch {
	rules, named := j.Rules()
	b := &Batch{judge: j, rules: rules, edition: j.People.Current(), docket: d, requests: make([]*request, len(records))}
	d.Versions = map[string]string{"registry": b.edition.Version(), "rules": named}
	for i, record := range records {
		b.requests[i] = read(record, d.Source.Day)
	}
	return b
}

// Keys returns the keys under which the claims may be paid; each claim determines its own.
func (b *Batch) Keys() []ledger.Key {
	var keys []ledger.Key
	for r := range b.usable() {
		keys = append(keys, r.key(identity.MedicalFund), r.key(identity.MedicalAccount))
	}
	return keys
}

// usable are the requests that may be looked up.
func (b *Batch) usable() func(yield func(*request) bool) {
	return func(yield func(*request) bool) {
		for _, r := range b.requests {
			if r.shaped == verdict.None && !yield(r) {
				return
			}
		}
	}
}

// Rule reads what the claims depend on and judges them in order.
func (b *Batch) Rule(ctx context.Context, tx pgx.Tx) (err error) {
	if b.answered, err = b.readAnswered(ctx, tx); err != nil {
		return err
	}
	if b.base, err = b.readYears(ctx, tx); err != nil {
		return err
	}
	b.years = maps.Clone(b.base)
	if b.holdings, err = b.readHoldings(ctx, tx); err != nil {
		return err
	}
	for i, r := range b.requests {
		r.ruled = ruled{repeats: -1}
		if err := b.judgeOne(i, r); err != nil {
			return err
		}
	}
	return nil
}

// judgeOne rules on one claim, after those before it in the batch.
func (b *Batch) judgeOne(n int, r *request) error {
	if r.shaped != verdict.None {
		b.reject(r, r.shaped)
		return nil
	}
	key := settlementKey{r.claim.GetHospital(), r.number}
	if before, ok := b.answered[key]; ok {
		if bytes.Equal(before.claim, r.record.Value) {
			r.known, r.repeats = before.result, before.request
			b.docket.Remark(verdict.Duplicate, purpose, 0)
			return nil
		}
		r.refused = verdict.Disputed.String()
		b.docket.Dispute(purpose, r.record.Offset, r.record.Value)
		return nil
	}
	person, known := b.edition.PersonOn(r.token, r.day)
	hospital, listed := b.edition.Hospital(r.claim.GetHospital(), r.day)
	if !known {
		b.reject(r, verdict.UnknownPerson)
		return nil
	}
	if !listed {
		b.reject(r, verdict.UnknownHospital)
		return nil
	}
	account := ledger.IDOfCode(chart.Personal(r.token))
	year := yearKey{r.token, r.at.Year()}
	split, reason, err := Settle(b.rules, Person{Insurance(person.Insurance.String()), Status(person.Status.String())}, Class(hospital.Class),
		b.years[year], Asked(r.claim), r.at, int64(b.holdings[account]))
	if err != nil {
		return fmt.Errorf("%s: %w", r, err)
	}
	if reason != verdict.None {
		b.reject(r, reason)
		return nil
	}
	if err := r.count(b.years, split); err != nil {
		return err
	}
	b.holdings[account] -= ledger.Fen(split.AccountFen)
	r.split = split
	b.pay(r, chart.Fund(person.Insurance.String()), account)
	b.answered[key] = stored{claim: r.record.Value, request: n}
	return nil
}

func (b *Batch) reject(r *request, reason verdict.Reason) {
	r.refused = string(reason)
	b.docket.Reject(reason, purpose, r.record.Offset, r.record.Value)
}

// pay posts the parts that the ledger moves; cash goes from hand to hand.
func (b *Batch) pay(r *request, fund string, account ledger.AccountID) {
	hospital := ledger.IDOfCode(chart.Hospital(r.claim.GetHospital()))
	var list []ledger.Transfer
	add := func(part identity.MedicalPart, debit ledger.AccountID, fen int64, purpose ledger.Purpose) {
		if fen > 0 {
			key := r.key(part)
			list = append(list, ledger.Transfer{
				Day: key.Day, Subject: key.Subject, ID: key.ID,
				Debit: debit, Credit: hospital, Amount: ledger.Fen(fen), Purpose: purpose, Evidence: r.record.Value,
			})
		}
	}
	add(identity.MedicalFund, ledger.IDOfCode(fund), r.split.FundFen, chart.PurposeMedicalFund)
	add(identity.MedicalAccount, account, r.split.AccountFen, chart.PurposeMedicalAccount)
	if len(list) > 0 {
		b.docket.Pay(verdict.None, purpose, list...).Fen = ledger.Fen(r.split.TotalFen)
		return
	}
	// All in cash: nothing moves here, and the settlement can be proved all the same.
	key := r.key(identity.MedicalCash)
	b.docket.Keep(verdict.None, purpose, key.Day, key.Subject, key.ID, r.record.Value).Fen = ledger.Fen(r.split.TotalFen)
}

// Answer stores the answers and the year tallies that changed, and sends each answer to its
// hospital. A hospital that was never in the registry gets no answer: its claim is only rejected.
func (b *Batch) Answer(ctx context.Context, tx pgx.Tx, in docket.Place, rulings []docket.Ruling) (docket.Answers, error) {
	var answers docket.Answers
	var accepted acceptedClaims
	years := maps.Clone(b.base)
	refused := map[index.Token]bool{}
	for i, r := range b.requests {
		if refused[r.token] {
			return docket.Answers{}, docket.ErrApart
		}
		if rulings[i].Refusal != verdict.None {
			refused[r.token], r.refused = true, string(rulings[i].Refusal)
		}
		if rulings[i].Verdict == verdict.Cleared {
			if err := r.count(years, r.split); err != nil {
				return docket.Answers{}, err
			}
		}
		if !r.answerable() || !b.edition.NamesHospital(r.claim.GetHospital()) {
			continue
		}
		value, err := b.answerTo(i, rulings)
		if err != nil {
			return docket.Answers{}, err
		}
		if value == nil {
			continue
		}
		if rulings[i].Verdict == verdict.Cleared {
			accepted.add(r, value)
		}
		answers.Outgoing = append(answers.Outgoing, docket.Outgoing{
			Topic: message.MedicalResultsOf(r.claim.GetHospital()), Key: r.claim.GetPerson(), Value: value,
		})
	}
	if err := accepted.store(ctx, tx, in, b.docket.Source.Day); err != nil {
		return docket.Answers{}, err
	}
	answers.Stored = accepted.marks
	maps.DeleteFunc(years, func(key yearKey, so YearSoFar) bool { return so == b.base[key] })
	return answers, storeYears(ctx, tx, years)
}

// answerTo encodes the answer to the desk; for a repeated claim it is the first answer. A claim
// that is kept alone gets no answer: whether it will be paid is not known yet, and after a refusal
// the patient would pay.
func (b *Batch) answerTo(n int, rulings []docket.Ruling) ([]byte, error) {
	known := b.requests[n].known
	if first := b.requests[n].repeats; first >= 0 {
		n = first
	}
	if rulings[n].Verdict == verdict.Quarantined {
		return nil, nil
	}
	if known != nil {
		return known, nil
	}
	value, err := proto.Marshal(b.requests[n].result(&rulings[n]))
	if err != nil {
		return nil, fmt.Errorf("encode the answer to %s: %w", b.requests[n], err)
	}
	return value, nil
}

// result is what the desk is told of a claim that was ruled upon.
func (r *request) result(ruling *docket.Ruling) *message.MedicalResult {
	result := &message.MedicalResult{Settlement: r.claim.GetSettlement(), Hospital: r.claim.GetHospital(), Person: r.claim.GetPerson()}
	if r.refused != "" || ruling.Verdict != verdict.Cleared && ruling.Verdict != verdict.Duplicate {
		result.Refusal = cmp.Or(r.refused, string(ruling.Reason), ruling.Verdict.String())
		return result
	}
	result.DeductibleFen, result.FundFen = r.split.DeductibleFen, r.split.FundFen
	result.AccountFen, result.CashFen, result.RuleVersion = r.split.AccountFen, r.split.CashFen, r.split.RuleVersion
	return result
}

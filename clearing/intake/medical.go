package intake

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/medical"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// claims judges medical claims inside the transaction: what a fund pays depends
// on what the person has used this year, and the personal account on what it
// holds. Claims are keyed by person, so one partition sees all of a person's.
type claims struct {
	people   *registry.Registry
	edition  *registry.Edition // of this batch
	rules    *medical.Rules
	holdings func(ctx context.Context, tx pgx.Tx, accounts []ledger.AccountID) (map[ledger.AccountID]ledger.Fen, error)

	batch map[int]*claim                // of the attempt under way, by ruling
	base  map[yearKey]medical.YearSoFar // as read from the database
	years map[yearKey]medical.YearSoFar // as the claims judged so far leave them
}

// errAlone says that a claim was refused on which a later one of the batch was built, or
// that it cannot be told whose line was; in smaller batches they come out right.
var errAlone = errors.New("the batch must be judged in parts")

// claim is one claim of a batch on its way to an answer.
type claim struct {
	record  docket.Record
	request *message.MedicalClaim
	token   registry.Token
	number  string         // of the settlement, as it is compared
	shaped  verdict.Reason // None where the fields can be used
	day     ledger.Day
	at      time.Time
	split   medical.Split
	refused string // the reason given to the desk
	repeats int    // the ruling of this batch that it repeats, or -1
	known   []byte // the stored answer of a repeat of an earlier batch
}

type yearKey struct {
	token registry.Token
	year  int
}

type settlementKey struct{ hospital, settlement string }

const medicalPurpose = chart.AllCash

// MedicalRequests rules on claims and answers each desk. It serves one stream
// at a time; make one for each partition.
func MedicalRequests(people *registry.Registry, rules *medical.Rules, l *ledger.Ledger) Rules {
	c := &claims{people: people, rules: rules, holdings: l.Holdings}
	return Rules{
		Within:  c.within,
		Keys:    c.keys,
		Answer:  c.answer,
		Refused: verdict.FundShort,
		Versions: func() map[string]string {
			return map[string]string{"registry": people.Current().Version(), "medical": rules.Names()}
		},
	}
}

// keys are those under which the claims may be paid: a claim says its own.
func (c *claims) keys(records []docket.Record, booking ledger.Day) []ledger.Key {
	var keys []ledger.Key
	for _, record := range records {
		cl := c.decode(record, booking)
		if !cl.usable() {
			continue
		}
		for _, part := range []identity.MedicalPart{identity.MedicalFund, identity.MedicalAccount} {
			keys = append(keys, ledger.Key{Day: cl.day, Subject: ledger.Subject(cl.token[:]), ID: identity.Medical(part, cl.request.GetHospital(), cl.number)})
		}
	}
	return keys
}

// within judges the batch in the transaction; it may run again.
func (c *claims) within(ctx context.Context, tx pgx.Tx, records []docket.Record, d *docket.Docket) error {
	c.batch, c.edition = map[int]*claim{}, c.people.Current()
	d.Registry = c.edition.Version()
	read := make([]*claim, len(records))
	for i, record := range records {
		read[i] = c.decode(record, d.Source.Day)
	}
	answered, err := c.readAnswered(ctx, tx, read)
	if err != nil {
		return err
	}
	if c.base, err = readYears(ctx, tx, read); err != nil {
		return err
	}
	c.years = maps.Clone(c.base)
	holdings, err := c.readHoldings(ctx, tx, read)
	if err != nil {
		return err
	}
	for i, record := range records {
		cl := read[i]
		if cl == nil {
			d.Reject(verdict.Undecodable, medicalPurpose, record.Offset, record.Value)
			continue
		}
		if err := c.judge(cl, answered, holdings, d); err != nil {
			return err
		}
	}
	return nil
}

// decode returns nil for bytes that are not a claim.
func (c *claims) decode(record docket.Record, booking ledger.Day) *claim {
	cl := &claim{record: record, request: &message.MedicalClaim{}, repeats: -1}
	if err := proto.Unmarshal(record.Value, cl.request); err != nil {
		return nil
	}
	cl.shaped = cl.shape(claimSpan(booking, record.At))
	return cl
}

// isName allows what may stand in a key and in a text column: 1 to limit bytes of
// letters, digits and punctuation, nothing that is invisible.
func isName(text string, limit int) bool {
	return text != "" && len(text) <= limit && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) })
}

// span is a range of days, both included.
type span struct{ from, to ledger.Day }

// How far a claim's date may lie from the clearing day and from the day on which
// the claim arrived: a desk's clock must not reach into another year's tally.
const (
	claimDaysBack  = 400
	claimDaysAhead = 1
)

func claimSpan(booking ledger.Day, arrived time.Time) span {
	s := span{booking.Add(-claimDaysBack), booking.Add(claimDaysAhead)}
	if !arrived.IsZero() {
		day := ledger.DayOf(arrived)
		s.from, s.to = min(s.from, day.Add(-claimDaysBack)), max(s.to, day.Add(claimDaysAhead))
	}
	return s
}

// shape checks what the key is made of.
func (cl *claim) shape(bounds span) verdict.Reason {
	r := cl.request
	at, err := message.ParseTime(r.GetTime(), time.UTC)
	if err != nil || len(cl.record.Value) > message.RecordLimit || !message.Fixed(cl.token[:], r.GetPerson()) || !isName(r.GetHospital(), 32) ||
		len(r.GetVisit()) > 30 {
		return verdict.InvalidField
	}
	if cl.number, err = identity.Number(r.GetSettlement(), 30); err != nil {
		return verdict.InvalidField
	}
	if cl.at, cl.day = at, ledger.DayOf(at); !cl.day.Valid() || cl.day > bounds.to || cl.day < bounds.from {
		return verdict.InvalidField
	}
	return verdict.None
}

// answerable reports a claim that can be answered: under its person, and with what it says
// of itself. Other bytes are refused, and there is nobody to tell.
func (cl *claim) answerable() bool {
	return len(cl.record.Value) <= message.RecordLimit && len(cl.request.GetPerson()) == len(cl.token)
}

// usable reports a claim that may be looked up.
func (cl *claim) usable() bool { return cl != nil && cl.shaped == verdict.None }

// judge rules on one claim, after those before it in the batch.
func (c *claims) judge(cl *claim, answered map[settlementKey]stored, holdings map[ledger.AccountID]ledger.Fen, d *docket.Docket) error {
	r := cl.request
	refuse := func(reason verdict.Reason) {
		cl.refused = string(reason)
		d.Reject(reason, medicalPurpose, cl.record.Offset, cl.record.Value)
		c.batch[len(d.Rulings)-1] = cl
	}
	if cl.shaped != verdict.None {
		refuse(cl.shaped)
		return nil
	}
	key := settlementKey{r.GetHospital(), cl.number}
	if before, ok := answered[key]; ok {
		if bytes.Equal(before.claim, cl.record.Value) {
			d.Remark(verdict.Duplicate, medicalPurpose, 0)
			cl.known, cl.repeats = before.result, before.ruling
			c.batch[len(d.Rulings)-1] = cl
			return nil
		}
		cl.refused = verdict.Disputed.String()
		d.Dispute(medicalPurpose, cl.record.Offset, cl.record.Value)
		c.batch[len(d.Rulings)-1] = cl
		return nil
	}
	person, known := c.edition.PersonOn(cl.token, cl.day)
	hospital, listed := c.edition.Hospital(r.GetHospital(), cl.day)
	if !known {
		refuse(verdict.UnknownPerson)
		return nil
	}
	if !listed {
		refuse(verdict.UnknownHospital)
		return nil
	}
	account := ledger.IDOfCode(chart.Personal(cl.token))
	year := yearKey{cl.token, cl.at.Year()}
	request := medical.Claim{
		Kind: medical.Kind(r.GetKind()), TotalFen: r.GetTotalFen(), OwnPayFen: r.GetOwnPayFen(),
		OverLimitFen: r.GetOverLimitFen(), FirstPayFen: r.GetFirstPayFen(), InScopeFen: r.GetInScopeFen(),
	}
	split, err := medical.Settle(c.rules, medical.Person{Insurance: medical.Insurance(person.Insurance), Status: medical.Status(person.Status)},
		medical.Class(hospital.Class), c.years[year], request, cl.at, int64(holdings[account]))
	if reason, ours := refusal(err); ours {
		refuse(reason)
		return nil
	} else if err != nil {
		return fmt.Errorf("medical claim %s of %s: %w", r.GetSettlement(), r.GetHospital(), err)
	}
	after, err := c.years[year].After(request.Kind, cl.at, split)
	if err != nil {
		return fmt.Errorf("medical claim %s of %s: %w", r.GetSettlement(), r.GetHospital(), err)
	}
	c.years[year] = after
	holdings[account] -= ledger.Fen(split.AccountFen)
	cl.split = split
	if transfers := cl.transfers(chart.Fund(person.Insurance), account); len(transfers) > 0 {
		d.Pay(verdict.None, medicalPurpose, transfers...).Fen = ledger.Fen(split.TotalFen)
	} else {
		// All in cash: nothing moves here, and the settlement can be proved all the same.
		d.Keep(verdict.None, medicalPurpose, cl.day, ledger.Subject(cl.token[:]),
			identity.Medical(identity.MedicalCash, r.GetHospital(), cl.number), cl.record.Value).Fen = ledger.Fen(split.TotalFen)
	}
	c.batch[len(d.Rulings)-1] = cl
	answered[key] = stored{claim: cl.record.Value, ruling: len(d.Rulings) - 1}
	return nil
}

// refusal tells a claim's own fault from a failure.
func refusal(err error) (verdict.Reason, bool) {
	var refused *medical.Refusal
	var noRule *medical.NoRuleError
	switch {
	case errors.As(err, &refused):
		return verdict.Reason(refused.Code), true
	case errors.As(err, &noRule):
		return verdict.NoRule, true
	}
	return verdict.None, false
}

// transfers are the parts that the ledger moves; cash goes from hand to hand.
func (cl *claim) transfers(fund string, account ledger.AccountID) []ledger.Transfer {
	hospital := ledger.IDOfCode(chart.Hospital(cl.request.GetHospital()))
	var list []ledger.Transfer
	add := func(part identity.MedicalPart, debit ledger.AccountID, fen int64, purpose ledger.Purpose) {
		if fen > 0 {
			list = append(list, ledger.Transfer{
				Day: cl.day, Subject: ledger.Subject(cl.token[:]), ID: identity.Medical(part, cl.request.GetHospital(), cl.number),
				Debit: debit, Credit: hospital, Amount: ledger.Fen(fen), Purpose: purpose, Evidence: cl.record.Value,
			})
		}
	}
	add(identity.MedicalFund, ledger.IDOfCode(fund), cl.split.FundFen, chart.PurposeMedicalFund)
	add(identity.MedicalAccount, account, cl.split.AccountFen, chart.PurposeMedicalAccount)
	return list
}

// answer stores the year tallies and the answers, and sends each answer to its hospital.
// One that the registry never named reads nothing here: its claim is a reject, and no more.
func (c *claims) answer(ctx context.Context, tx pgx.Tx, in Place, rulings []docket.Ruling) (Answers, error) {
	var answers Answers
	var accepted acceptedClaims
	years := maps.Clone(c.base)
	refused := map[registry.Token]bool{}
	for _, i := range slices.Sorted(maps.Keys(c.batch)) {
		cl, r := c.batch[i], rulings[i]
		if refused[cl.token] {
			return Answers{}, errAlone
		}
		if r.Refusal != verdict.None {
			refused[cl.token], cl.refused = true, string(r.Refusal)
		}
		if r.Verdict == verdict.Cleared {
			key := yearKey{cl.token, cl.at.Year()}
			after, err := years[key].After(medical.Kind(cl.request.GetKind()), cl.at, cl.split)
			if err != nil {
				return Answers{}, fmt.Errorf("medical claim %s: %w", cl.request.GetSettlement(), err)
			}
			years[key] = after
		}
		if !cl.answerable() || !c.edition.NamesHospital(cl.request.GetHospital()) {
			continue
		}
		value := cl.known
		if first := cl.repeats; first >= 0 {
			cl, r = c.batch[first], rulings[first]
		}
		if r.Verdict == verdict.Quarantined {
			// Whether it will be paid is not known: an answer would have the patient pay.
			continue
		}
		if value == nil {
			var err error
			if value, err = proto.Marshal(cl.result(r)); err != nil {
				return Answers{}, fmt.Errorf("encode answer to claim %s: %w", cl.request.GetSettlement(), err)
			}
		}
		if rulings[i].Verdict == verdict.Cleared {
			accepted.add(cl, value)
		}
		answers.Outgoing = append(answers.Outgoing, Outgoing{Topic: message.MedicalResultsOf(cl.request.GetHospital()), Key: cl.request.GetPerson(), Value: value})
	}
	if err := accepted.store(ctx, tx, in); err != nil {
		return Answers{}, err
	}
	answers.Stored = accepted.marks
	return answers, storeYears(ctx, tx, years)
}

// result is what the desk is told.
func (cl *claim) result(r docket.Ruling) *message.MedicalResult {
	result := &message.MedicalResult{
		Settlement: cl.request.GetSettlement(), Hospital: cl.request.GetHospital(), Person: cl.request.GetPerson(),
	}
	if cl.refused != "" || r.Verdict != verdict.Cleared && r.Verdict != verdict.Duplicate {
		result.Refusal = cmp.Or(cl.refused, string(r.Reason), r.Verdict.String())
		return result
	}
	result.DeductibleFen, result.FundFen = cl.split.DeductibleFen, cl.split.FundFen
	result.AccountFen, result.CashFen, result.RuleVersion = cl.split.AccountFen, cl.split.CashFen, cl.split.RuleVersion
	return result
}

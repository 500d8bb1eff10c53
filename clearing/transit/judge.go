package transit

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/fare"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Judge rules on batches of taps. It is safe for concurrent use.
type Judge struct {
	Registry *registry.Registry
	Accounts *ledger.Chart
	TACs     *keys.TACVerifier
	Fares    *fare.Tables
	Dates    Plausible
	Zone     *time.Location // of the cards' dates
}

// Plausible bounds the signed date against the clearing day and the day on which
// the record arrived, whichever allows more.
type Plausible struct {
	DaysBack  int // older is kept for a person
	DaysAhead int // a device clock may run a little ahead
}

// Versions names the data that the judge rules by.
func (j *Judge) Versions() map[string]string {
	versions := map[string]string{"registry": j.Registry.Current().Version()}
	for i, table := range j.Fares.All() {
		versions[fmt.Sprintf("fares.%d", i)] = table.Version()
	}
	return versions
}

// tap is one decoded record on its way through the questions.
type tap struct {
	record  docket.Record
	message *message.Tap
	signed  keys.PurchaseRecord
}

// Rule decides every record and adds it to the docket, in order.
func (j *Judge) Rule(records []docket.Record, d *docket.Docket) {
	taps := make([]tap, 0, len(records))
	signed := make([]keys.PurchaseRecord, 0, len(records))
	faults := make([]verdict.Reason, len(records))
	for i, record := range records {
		t, reason := decode(record)
		if faults[i] = reason; reason == verdict.None {
			taps = append(taps, t)
			signed = append(signed, t.signed)
		}
	}
	verified := make([]bool, len(signed))
	j.TACs.VerifyPurchases(signed, verified)
	j.verifyOther(taps, signed, verified)

	next := 0
	edition := j.Registry.Current()
	d.Registry = edition.Version()
	for i, record := range records {
		if faults[i] != verdict.None {
			d.Reject(faults[i], "tap", record.Offset, record.Value)
			continue
		}
		t := &taps[next]
		if !verified[next] {
			d.Reject(verdict.BadTAC, "tap", record.Offset, record.Value)
		} else {
			j.post(edition, t, j.Dates.window(d.Source.Day, record.At, j.Zone), d)
		}
		next++
	}
}

// verifyOther gives records their second chance whose terminal could not tell which of
// two codes is the TAC.
func (j *Judge) verifyOther(taps []tap, signed []keys.PurchaseRecord, verified []bool) {
	var places []int
	var again []keys.PurchaseRecord
	for i := range taps {
		if verified[i] {
			continue
		}
		if other := taps[i].message.GetDebit().GetOtherTac(); len(other) > 0 {
			signed[i].TAC = keys.MAC(other)
			places, again = append(places, i), append(again, signed[i])
		}
	}
	verdicts := make([]bool, len(again))
	j.TACs.VerifyPurchases(again, verdicts)
	for i, place := range places {
		verified[place] = verdicts[i]
	}
}

// decode reads a record and checks the shape of what the card signed.
func decode(record docket.Record) (tap, verdict.Reason) {
	t := tap{record: record, message: &message.Tap{}}
	if len(record.Value) > message.RecordLimit {
		return tap{}, verdict.InvalidField
	}
	if err := proto.Unmarshal(record.Value, t.message); err != nil {
		return tap{}, verdict.Undecodable
	}
	debit := t.message.GetDebit()
	if debit == nil {
		return tap{}, verdict.Undecodable
	}
	s := &t.signed
	if !message.Fixed(s.Card.ASN[:], debit.GetCard()) || !message.Fixed(s.Card.Issuer[:], debit.GetIssuer()) ||
		!message.Fixed(s.Terminal[:], debit.GetTerminal()) || !message.Fixed(s.Time[:], debit.GetTime()) || !message.Fixed(s.TAC[:], debit.GetTac()) ||
		!message.FixedOrAbsent(debit.GetOtherTac(), len(s.TAC)) || debit.GetType() == 0 || debit.GetType() > 0xFF {
		return tap{}, verdict.InvalidField
	}
	s.Amount, s.Type, s.TerminalSequence = debit.GetAmountFen(), byte(debit.GetType()), debit.GetTerminalSequence()
	return t, verdict.None
}

// window is the range of plausible days of one clearing day.
type window struct{ from, to ledger.Day }

func (p Plausible) window(day ledger.Day, arrived time.Time, zone *time.Location) window {
	w := window{day.Add(-p.DaysBack), day.Add(p.DaysAhead)}
	if !arrived.IsZero() && zone != nil {
		// A close that is late must not make today's taps implausible.
		today := ledger.DayOf(arrived.In(zone))
		w.from, w.to = min(w.from, today.Add(-p.DaysBack)), max(w.to, today.Add(p.DaysAhead))
	}
	return w
}

// post puts a signed tap into the docket.
func (j *Judge) post(edition *registry.Edition, t *tap, w window, d *docket.Docket) {
	day, dated := identity.SignedDay(t.signed.Time)
	subject := ledger.Subject(t.signed.Card.ASN[:])
	id := identity.Spend(t.signed.Type, t.signed.Terminal[:], t.signed.TerminalSequence)
	terminal, reason := j.question(edition, t, day, dated, w)

	mode := terminal.Mode
	if mode == "" {
		mode = claimedMode(t.message)
	}
	purpose, code := purposeOf(mode, t.signed.Amount)
	var ruling *docket.Ruling
	if t.signed.Amount == 0 {
		ruling = d.Keep(reason, purpose, day, subject, id, t.record.Value)
	} else {
		payee := chart.Operator(terminal.Operator)
		if reason != verdict.None {
			payee = chart.Suspense(reason)
		}
		ruling = d.Pay(reason, purpose, ledger.Transfer{
			Day: day, Subject: subject, ID: id, Debit: ledger.IDOfCode(chart.Float), Credit: ledger.IDOfCode(payee),
			Amount: ledger.Fen(t.signed.Amount), Purpose: code, Evidence: t.record.Value,
		})
	}
	if reason == verdict.None {
		ruling.Flagged = !j.fareAgrees(t.message)
	}
}

// question asks the registry, in order of precedence.
func (j *Judge) question(edition *registry.Edition, t *tap, day ledger.Day, dated bool, w window) (registry.Terminal, verdict.Reason) {
	card, known := edition.CardOn(registry.CardID(t.signed.Card.ASN), day)
	terminal, placed := edition.Terminal(t.signed.Terminal, day)
	switch {
	case !known || card.Issuer != t.signed.Card.Issuer:
		return terminal, verdict.UnknownCard
	case dated && !placed:
		return terminal, verdict.UnknownTerminal
	case !dated || day < w.from || day > w.to:
		return terminal, verdict.ImplausibleDate
	case day > card.Expires:
		return terminal, verdict.CardExpired
	case card.Blocked:
		return terminal, verdict.CardBlocked
	case j.closed(chart.Operator(terminal.Operator)):
		return terminal, verdict.PayeeClosed
	}
	return terminal, verdict.None
}

// closed reports an account that takes nothing. One that is not open yet is not
// closed: the ledger refuses it, and the batch waits until it is.
func (j *Judge) closed(code string) bool {
	account, open := j.Accounts.Account(code)
	return open && account.Flags&(ledger.Closed|ledger.Frozen) != 0
}

func (j *Judge) fareAgrees(m *message.Tap) bool {
	table, ok := j.Fares.Version(m.GetFareVersion())
	return ok && table.Check(m).OK()
}

func claimedMode(m *message.Tap) string {
	switch m.GetMode() {
	case message.Mode_MODE_METRO:
		return "metro"
	case message.Mode_MODE_BUS:
		return "bus"
	}
	return ""
}

func purposeOf(mode string, amount uint32) (string, ledger.Purpose) {
	switch {
	case mode == "metro" && amount == 0:
		return chart.MetroEntry, 0
	case mode == "metro":
		return chart.PurposeName(chart.PurposeMetroExit), chart.PurposeMetroExit
	case mode == "bus":
		return chart.PurposeName(chart.PurposeBus), chart.PurposeBus
	}
	return chart.PurposeName(chart.PurposeOtherFare), chart.PurposeOtherFare
}

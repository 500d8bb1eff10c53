package transit

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/rulefile"
	"citycard/clearing/transit/fare"
	"citycard/clearing/transit/load"
	"citycard/clearing/transit/unconfirmed"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Judge rules on batches of taps. It is safe for concurrent use.
type Judge struct {
	Registry *registry.Registry
	Accounts *ledger.Chart
	TACs     *keys.TACs
	Rules    func() (rules Rules, edition string) // those in force
	Dates    Plausible
	Zone     *time.Location // of the cards' dates
}

// Plausible bounds the signed date against the clearing day and the day on which
// the record arrived, whichever allows more.
type Plausible struct {
	DaysBack  int // older is kept for a person
	DaysAhead int // a device clock may run a little ahead
}

// Rules are what a ride costs, and how much a purse may hold: no tap takes more.
type Rules struct {
	Fares  *fare.Tables
	Purses *load.Rules
}

// tap is one record on its way through the questions.
type tap struct {
	record   *docket.Record
	fault    verdict.Reason // why it cannot be read; nothing below is set then
	message  message.Tap
	signed   keys.PurchaseRecord
	day      ledger.Day // signed; identity.NoDay where it is none
	began    ledger.Day // of the trip that it ends in time, else the signed day: a card may end it
	at       rulefile.Moment
	dated    bool
	issuer   index.Acceptance
	foreign  bool // another city's: its TAC is for its issuer to check
	verified bool // its TAC, by us

	modes     []index.ServiceMode // that it claims, and that were in force
	wrongMode bool                // it claims one that was not
}

// Rule decides every record and adds it to the docket, in order. If the masters in use are out of
// date (keys.ErrOutdated), it fails and adds nothing: until they are up to date, nobody can say
// which TAC is wrong. lost are the codes that two people have given up.
func (j *Judge) Rule(ctx context.Context, records []docket.Record, lost *unconfirmed.Lost, d *docket.Docket) error {
	taps, own := make([]tap, len(records)), make([]*tap, 0, len(records))
	edition := j.Registry.Current()
	rules, named := j.Rules()
	d.Versions = map[string]string{"registry": edition.Version(), "rules": named}
	for i := range taps {
		t := &taps[i]
		t.record = &records[i]
		if t.fault = t.decode(); t.fault != verdict.None {
			continue
		}
		if t.place(edition, &rules); !t.foreign {
			own = append(own, t)
		}
	}
	if err := j.verify(ctx, own); err != nil {
		return err
	}

	payees := payees{accounts: j.Accounts, known: map[string]*payee{}}
	windows := windows{dates: j.Dates, day: d.Source.Day, zone: j.Zone}
	for i := range taps {
		switch t := &taps[i]; {
		case t.fault != verdict.None:
			d.Reject(t.fault, "tap", t.record.Offset, t.record.Value)
		case !t.foreign && !t.verified:
			d.Reject(verdict.BadTAC, "tap", t.record.Offset, t.record.Value).Operator = operatorOf(edition, t)
		default:
			j.post(edition, &rules, t, windows.of(t.record.At), payees, lost, d)
		}
		if taps[i].wrongMode {
			d.Newest = edition.Number() // the mode may have begun since: terminals hear of it at once
		}
	}
	return nil
}

// operatorOf is the operator of the terminal that a tap names, whether or not the tap was made
// there.
func operatorOf(edition *index.Edition, t *tap) string {
	if terminal, ok := edition.Terminal(t.signed.Terminal, t.day); ok {
		return terminal.Operator
	}
	return docket.UnregisteredOperator
}

// verify checks the TACs. If the terminal could not tell which of two codes is the TAC, the
// record's second code is tried too.
func (j *Judge) verify(ctx context.Context, taps []*tap) error {
	if err := j.verifySigned(ctx, taps); err != nil {
		return err
	}
	var again []*tap
	for _, t := range taps {
		if t.verified {
			continue
		}
		if other := secondTAC(t.message.GetDebit()); len(other) > 0 {
			t.signed.TAC = keys.MAC(other)
			again = append(again, t)
		}
	}
	return j.verifySigned(ctx, again)
}

func (j *Judge) verifySigned(ctx context.Context, taps []*tap) error {
	signed, verified := make([]keys.PurchaseRecord, len(taps)), make([]bool, len(taps))
	for i, t := range taps {
		signed[i] = t.signed
	}
	if err := j.TACs.VerifyPurchases(ctx, signed, verified); err != nil {
		return fmt.Errorf("transit: %w", err)
	}
	for i, t := range taps {
		t.verified = verified[i]
	}
	return nil
}

// secondTAC is the second code of a record that says why it has two. Without a reason it is
// ignored: it would only be a second guess at one tap.
func secondTAC(debit *message.Debit) []byte {
	if debit.GetOtherTacReason() != message.Unsure_UNSURE_TORN_TAP {
		return nil
	}
	return debit.GetOtherTac()
}

// decode reads the record and checks the shape of what the card signed.
func (t *tap) decode() verdict.Reason {
	if len(t.record.Value) > message.RecordLimit {
		return verdict.InvalidField
	}
	if err := proto.Unmarshal(t.record.Value, &t.message); err != nil {
		return verdict.Undecodable
	}
	debit := t.message.GetDebit()
	if debit == nil {
		return verdict.Undecodable
	}
	s := &t.signed
	if !message.Fixed(s.Card.ASN[:], debit.GetCard()) || !message.Fixed(s.Card.Issuer[:], debit.GetIssuer()) ||
		!message.Fixed(s.Terminal[:], debit.GetTerminal()) || !message.Fixed(s.Time[:], debit.GetTime()) || !message.Fixed(s.TAC[:], debit.GetTac()) ||
		!message.FixedOrAbsent(debit.GetOtherTac(), len(s.TAC)) || debit.GetKeyVersion() > 0xFF {
		return verdict.InvalidField
	}
	if kind := debit.GetType(); kind != uint32(purse.TypeEPPurchase) && kind != uint32(purse.TypeCAPP) {
		return verdict.TransactionType
	}
	s.KeyVersion = byte(debit.GetKeyVersion())
	s.Amount, s.Type, s.TerminalSequence = debit.GetAmountFen(), byte(debit.GetType()), debit.GetTerminalSequence()
	return verdict.None
}

// place finds out whose card the record names. A number that is registered here is ours, whatever
// issuer the record gives. An issuer whose cards are not taken any more is asked by the day on
// which the trip began.
func (t *tap) place(edition *index.Edition, rules *Rules) {
	t.day, t.dated = identity.SignedDay(t.signed.Time)
	t.at, _ = rulefile.SignedMoment(t.signed.Time)
	t.began = t.day
	if entered, ok := rules.Fares.At(t.at).Began(&t.message); ok && t.dated {
		t.began, _ = identity.SignedDay(entered)
	}
	t.issuer = edition.Acceptance(t.signed.Card.Issuer, t.day)
	if t.issuer != index.Own && t.issuer != index.Interoperable {
		t.issuer = edition.Acceptance(t.signed.Card.Issuer, t.began)
	}
	if t.issuer == index.Interoperable || t.issuer == index.Lapsed {
		_, ours := edition.CardOn(t.signed.Card.Digits(), t.day)
		t.foreign = !ours
	}
}

// window is a range of plausible days.
type window struct{ from, to ledger.Day }

// windows has the plausible days of one clearing day, by the day of arrival. Records arrive in
// order, so the last window nearly always fits the next record too.
type windows struct {
	dates Plausible
	day   ledger.Day
	zone  *time.Location

	today ledger.Day // the day of arrival for which last is, 0 if it is not known
	last  window
}

func (w *windows) of(arrived time.Time) window {
	var today ledger.Day
	if !arrived.IsZero() && w.zone != nil {
		today = ledger.DayOf(arrived.In(w.zone))
	}
	if w.last != (window{}) && today == w.today {
		return w.last
	}
	w.today, w.last = today, window{w.day.Add(-w.dates.DaysBack), w.day.Add(w.dates.DaysAhead)}
	if today != 0 {
		// A late close must not make today's taps implausible.
		w.last.from, w.last.to = min(w.last.from, today.Add(-w.dates.DaysBack)), max(w.last.to, today.Add(w.dates.DaysAhead))
	}
	return w.last
}

// post puts a signed tap into the docket.
func (j *Judge) post(edition *index.Edition, rules *Rules, t *tap, w window, payees payees, lost *unconfirmed.Lost, d *docket.Docket) {
	subject := identity.CardOf(t.signed.Card).Subject()
	id := identity.Spend(t.signed.Type, t.signed.Terminal[:], t.signed.TerminalSequence)
	terminal, reason := j.question(edition, t, w, payees)
	if ledger.Fen(t.signed.Amount) > rules.maximum(t, d.Source.Day) {
		reason = verdict.AmountTooHigh // before all others: no purse ever held that much
	}

	mode := terminal.Mode
	if mode == "" {
		mode = claimedMode(&t.message)
	}
	purpose, code := purposeOf(mode, &t.message)
	pending := t.foreign && reason == verdict.None
	var ruling *docket.Ruling
	switch {
	case t.signed.Amount == 0 && pending:
		ruling = d.KeepPending(purpose, t.day, subject, id, t.record.Value)
	case t.signed.Amount == 0:
		ruling = d.Keep(reason, purpose, t.day, subject, id, t.record.Value)
	default:
		debit, credit := t.accounts(payees.of(terminal.Operator), reason)
		transfer := ledger.Transfer{
			Day: t.day, Subject: subject, ID: id, Debit: debit, Credit: credit,
			Amount: ledger.Fen(t.signed.Amount), Purpose: code, Evidence: t.record.Value,
		}
		if pending {
			ruling = d.PayPending(purpose, transfer)
		} else {
			ruling = d.Pay(reason, purpose, transfer)
		}
	}
	if ruling.Operator = terminal.Operator; ruling.Operator == "" {
		ruling.Operator = docket.UnregisteredOperator
	}
	ruling.Verified, ruling.Record = !t.foreign, &t.message
	if cash := t.message.GetUpdate().GetCashFen(); cash > 0 && t.dated {
		ruling.Asides = append(ruling.Asides, docket.Aside{Day: t.day, Purpose: chart.DeskCash, Fen: ledger.Fen(cash)})
	}
	if reason == verdict.None {
		if !terminal.AtCounter() {
			t.price(rules, edition, ruling)
		}
		ruling.WrongMode = t.wrongMode
		ruling.Marked = len(t.message.GetMarks()) > 0
		ruling.Misplaced = !terminal.AtCounter() && !edition.Placed(terminal, t.message.GetLine(), t.message.GetVehicle(), t.day)
	}
	if back, found := lost.Found(ledger.Key{Day: t.day, Subject: subject, ID: id}); found {
		d.With(back)
	}
}

// maximum is what a purse may hold at the signed second, or as the clearing day begins where that
// is none.
func (r *Rules) maximum(t *tap, clearing ledger.Day) ledger.Fen {
	if !t.dated {
		return r.Purses.PurseMaximum(rulefile.StartOf(clearing))
	}
	return r.Purses.PurseMaximum(t.at)
}

// accounts returns the account that owes the fare and the account to which it is owed.
func (t *tap) accounts(p *payee, reason verdict.Reason) (debit, credit ledger.AccountID) {
	if debit = p.float; t.foreign {
		debit = p.centre
	}
	switch {
	case reason != verdict.None:
		return debit, ledger.IDOfCode(chart.Suspense(reason))
	case t.foreign:
		return debit, p.pending
	}
	return debit, p.operator
}

// question asks the registry, in order of precedence.
func (j *Judge) question(edition *index.Edition, t *tap, w window, payees payees) (index.Terminal, verdict.Reason) {
	terminal, placed := edition.Terminal(t.signed.Terminal, t.day)
	if placed {
		t.claims(edition, terminal)
	}
	if t.foreign {
		return terminal, j.questionForeign(edition, t, terminal, placed, w, payees)
	}
	card, known := edition.CardOn(t.signed.Card.Digits(), t.day)
	switch {
	case !known || card.ID.Derived() != t.signed.Card.Derived() || t.dated && t.issuer != index.Own:
		return terminal, verdict.UnknownCard
	case t.dated && !placed:
		return terminal, verdict.UnknownTerminal
	case !t.dated || t.day < w.from || t.day > w.to:
		return terminal, verdict.ImplausibleDate
	case t.began > card.Expires && !terminal.AtCounter() && !t.under(message.ServiceMode_SERVICE_MODE_NO_DATE):
		// A counter takes expired cards back: what it paid out is owed to its channel.
		return terminal, verdict.CardExpired
	case card.Blocked():
		return terminal, verdict.CardBlocked
	case listed(edition, t):
		return terminal, verdict.CardListed
	case payees.of(terminal.Operator).closed:
		return terminal, verdict.PayeeClosed
	}
	return terminal, verdict.None
}

// questionForeign asks the registry about another city's card; only its issuer is known here.
func (j *Judge) questionForeign(edition *index.Edition, t *tap, terminal index.Terminal, placed bool, w window, payees payees) verdict.Reason {
	switch {
	case t.dated && !placed:
		return verdict.UnknownTerminal
	case !t.dated || t.day < w.from || t.day > w.to:
		return verdict.ImplausibleDate
	case t.issuer != index.Interoperable || terminal.AtCounter():
		return verdict.IssuerNotAccepted
	case listed(edition, t):
		return verdict.CardListed
	case payees.of(terminal.Operator).closedPending:
		return verdict.PayeeClosed
	}
	return verdict.None
}

// listed uses the second that the card signed, since a card is good until it is listed.
func listed(edition *index.Edition, t *tap) bool {
	_, hot := edition.Listed(t.signed.Card.Digits(), t.signed.Time)
	return hot
}

// price flags a tap that does not cost what the table says, and states the difference if there is a
// price; of one that does, it states what a transfer took off.
func (t *tap) price(rules *Rules, edition *index.Edition, ruling *docket.Ruling) {
	c := rules.charge(t, edition)
	ruling.Flagged = c.Flagged
	switch {
	case c.OK() && c.OffFen > 0:
		purpose := chart.TransferOwn
		if c.Bearer == message.Bearer_BEARER_CITY {
			purpose = chart.TransferCity
		}
		ruling.Asides = append(ruling.Asides, docket.Aside{Day: t.day, Purpose: purpose, Fen: -ledger.Fen(c.OffFen)})
		return
	case c.Outcome != fare.AmountDiffers:
		return
	}
	purpose, more := chart.FareOver, c.ChargedFen-ledger.Fen(c.ExpectedFen)
	if more < 0 {
		purpose = chart.FareUnder
	}
	ruling.Asides = append(ruling.Asides, docket.Aside{Day: t.day, Purpose: purpose, Fen: more})
}

// isProof reports whether a tap is no passage: by a purchase of nothing a card has proved that it
// is the one which says that it has paid before. A passage for nothing is a composite purchase.
func isProof(m *message.Tap) bool {
	d := m.GetDebit()
	return d.GetType() == uint32(purse.TypeEPPurchase) && d.GetAmountFen() == 0 && m.GetUpdate().GetCashFen() == 0
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

// purposeOf is what a tap is for. An entry is for nothing; so may an exit be.
func purposeOf(mode string, m *message.Tap) (string, ledger.Purpose) {
	ride := m.Ride()
	switch {
	case mode == "metro" && ride.AmountFen == 0 && ride.Enters():
		return chart.MetroEntry, 0
	case mode == "metro":
		return chart.PurposeName(chart.PurposeMetroExit), chart.PurposeMetroExit
	case mode == index.CounterMode:
		return chart.PurposeName(chart.PurposeEmptied), chart.PurposeEmptied
	case mode == "bus":
		return chart.PurposeName(chart.PurposeBus), chart.PurposeBus
	}
	return chart.PurposeName(chart.PurposeOtherFare), chart.PurposeOtherFare
}

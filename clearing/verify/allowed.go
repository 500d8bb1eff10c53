package verify

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"time"

	"citycard/clearing/cards"
	"citycard/clearing/people"
	"citycard/clearing/people/access"
	offered "citycard/clearing/people/proposal"
	"citycard/clearing/stock"
	"citycard/clearing/transit/load"
	"citycard/ledger/chain"
)

// open is a proposal that the audit has, up to one of its entries.
type open struct {
	offered.Proposed
	proposer string
	signed   chain.Signature
}

// may checks that those who signed an entry were allowed to, by the policy and with the unit and
// role they had at that place of the audit.
func (s *staff) may(e *chain.AuditEntry, statements []*people.Statement) {
	first, last := statements[0], statements[len(statements)-1]
	switch rule, _ := s.policy.Rule(e.Act); {
	case e.Act == offered.ActPropose:
		toldBy(s.check, e, func(p offered.Proposed) { s.proposes(e, first, p) })
	case e.Act == offered.ActReject, e.Act == offered.ActWithdraw:
		toldBy(s.check, e, func(d offered.Decided) { s.refuses(e, first, d) })
	case len(statements) == 2 && first.Act == e.Act && s.onPerson(e, first):
		s.allowed(e, s.policy.MayPropose(s.people[e.First], e.Act, people.Issuer))
		s.allowed(e, s.policy.MayApprove(s.people[e.Second], e.Act, people.Issuer))
	case len(statements) == 2:
		s.approves(e, last)
	case len(rule.By) > 0 && !rule.Two():
		s.allowed(e, s.policy.MayPropose(s.signer(e.First, first.At, false), e.Act, s.unitOf(e)))
	}
	s.inShift(e, first)
}

// shiftOwner is who has opened the last shift at a counter, and who has closed it.
type shiftOwner struct{ opened, closed string }

// inShift checks that what is done in a shift is done by who has opened it, or by one who may do
// acts of another's.
func (s *staff) inShift(e *chain.AuditEntry, st *people.Statement) {
	var unit people.Unit
	var counter string
	asks := false
	of := shiftOwner{}
	at := func() string { return string(unit) + "\x00" + counter }
	switch {
	case cards.IsStep(e.Act):
		toldBy(s.check, e, func(said cards.Said) {
			unit, counter = said.Unit, said.Counter
			asks = said.Cash != 0 || said.Emptied != 0 || said.Do == cards.HandIn
		})
		of = s.owners[at()]
	case cards.IsShift(e.Act):
		toldBy(s.check, e, func(o cards.ShiftOrder) {
			unit, counter, asks = o.Unit(), o.Counter, o.Do != cards.Opens
			switch of = s.owners[at()]; o.Do {
			case cards.Opens:
				s.owners[at()] = shiftOwner{opened: e.First}
			case cards.Closes:
				s.owners[at()] = shiftOwner{of.opened, e.First}
			case cards.HandsOver, cards.GivesBack:
			}
		})
	}
	if asks && e.First != of.opened && e.First != of.closed {
		s.allowed(e, s.policy.MayPropose(s.signer(e.First, st.At, false), cards.ActAnothers, unit))
	}
}

// unitOf is whose money or rows an act of one person is about; most are about nobody's.
func (s *staff) unitOf(e *chain.AuditEntry) (unit people.Unit) {
	if cards.IsStep(e.Act) {
		toldBy(s.check, e, func(of cards.Said) { unit = of.Unit })
	}
	if cards.IsShift(e.Act) {
		toldBy(s.check, e, func(of cards.ShiftOrder) { unit = of.Unit() })
	}
	if stock.IsAct(e.Act) {
		toldBy(s.check, e, func(of stock.Said) { unit = of.Store })
	}
	if e.Act == cards.ActIssue {
		toldBy(s.check, e, func(of cards.IssueSaid) { unit = of.Store })
	}
	if e.Act == load.ActAskInvoice {
		toldBy(s.check, e, func(of load.AskInvoice) { unit = access.Channel(of.Channel) })
	}
	return unit
}

// onPerson reports whether a statement is of an act on the person of an entry. Two keepers may sign
// such an act without a proposal.
func (s *staff) onPerson(e *chain.AuditEntry, st *people.Statement) bool {
	switch e.Act {
	case people.ActEnrol, people.ActChange, people.ActDisable:
		var of struct {
			ID string `json:"id"`
		}
		return json.Unmarshal([]byte(e.What), &of) == nil && st.What == of.ID
	}
	return false
}

func (s *staff) allowed(e *chain.AuditEntry, err error) {
	if err != nil {
		s.unsigned(e, "%v", err)
	}
}

// proposes checks a proposal, and notes it.
func (s *staff) proposes(e *chain.AuditEntry, st *people.Statement, p offered.Proposed) {
	s.allowed(e, s.policy.MayPropose(s.signer(e.First, st.At, false), p.Kind, p.Unit))
	if want := "proposal of " + p.Kind + " sha256:" + p.Hash; st.What != want {
		s.unsigned(e, "%q signed %q; proposed is %q", e.First, st.What, want)
	}
	if latest := st.At.Add(s.policy.Expiry(p.Kind)); time.Unix(p.Expires, 0).After(latest) {
		s.unsigned(e, "it waits until second %d, at most until %d", p.Expires, latest.Unix())
	}
	if _, again := s.open[p.Proposal]; !again { // a second one is a fault of the proposal
		s.open[p.Proposal] = open{p, e.First, e.Signed[0]}
	}
}

// decides finds the proposal that a statement decides. It must be that of the hash, and not have
// expired.
func (s *staff) decides(e *chain.AuditEntry, st *people.Statement) (p open, ok bool) {
	number, hash, err := offered.ParseStatementOf(st.What)
	if err != nil {
		s.unsigned(e, "%q signed %q, which names no proposal", st.Person, st.What)
		return p, false
	}
	if p, ok = s.open[number]; !ok || p.Hash != hex.EncodeToString(hash[:]) {
		s.unsigned(e, "%q signed %q, and nobody has proposed that before", st.Person, st.What)
		return p, false
	}
	if expires := time.Unix(p.Expires, 0); !st.At.Before(expires.Add(people.Patience)) {
		s.unsigned(e, "%q decided at second %d on proposal %d, which had expired at %d", st.Person, st.At.Unix(), number, p.Expires)
	}
	return p, true
}

// approves checks who approved an act, and that its proposer could still propose it.
func (s *staff) approves(e *chain.AuditEntry, st *people.Statement) {
	p, ok := s.decides(e, st)
	if !ok {
		return
	}
	if e.Signed[0] != p.signed {
		s.unsigned(e, "the first signature is not the one that proposed proposal %d", p.Proposal)
	}
	s.allowed(e, s.policy.MayPropose(s.signer(e.First, st.At, false), p.Kind, p.Unit))
	s.allowed(e, s.policy.MayApprove(s.signer(e.Second, st.At, false), p.Kind, cmp.Or(p.Approves, p.Unit)))
	s.standsIn(e, e.Second, e.First, st.At)
}

// refuses checks who rejected a proposal or took it back, and what they signed.
func (s *staff) refuses(e *chain.AuditEntry, st *people.Statement, d offered.Decided) {
	p, ok := s.decides(e, st)
	if !ok {
		return
	}
	switch {
	case p.Proposal != d.Proposal || p.Hash != d.Hash:
		s.unsigned(e, "%q signed %q; the entry is of proposal %d with the hash %s", e.First, st.What, d.Proposal, d.Hash)
	case e.Act == offered.ActWithdraw && e.First != p.proposer:
		s.unsigned(e, "%q took proposal %d back, and %q had proposed it", e.First, p.Proposal, p.proposer)
	case e.Act == offered.ActReject && e.First == p.proposer:
		s.unsigned(e, "%q rejected what %q proposed", e.First, e.First)
	case e.Act == offered.ActReject:
		s.allowed(e, s.policy.MayApprove(s.signer(e.First, st.At, false), p.Kind, cmp.Or(p.Approves, p.Unit)))
		s.standsIn(e, e.First, p.proposer, st.At)
	}
}

package intake_test

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"citycard/clearing/clearingtest"
	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/clearing/release"
	beside "citycard/clearing/verify"
	"citycard/ledger"
	"citycard/ledger/verify"
)

// proposals are the proposals about money that waits, with the people who make them.
type proposals struct {
	*house
	staff  *peopletest.Staff
	office *proposal.Office
}

func (h *house) proposals() *proposals {
	h.Helper()
	staff := peopletest.New(h, h.ledger)
	kinds := release.Kinds(func(context.Context) (*release.Office, error) { return h.office(), nil })
	return &proposals{h, staff, &proposal.Office{Ledger: h.ledger, People: staff.Store, Kinds: kinds}}
}

// propose has somebody propose a request.
func propose[T any](p *proposals, by, kind string, request T) (*proposal.View, error) {
	body, err := proposal.Body(request)
	p.must(err)
	return p.office.Propose(p.Context(), kind, body, "complaint 17", p.staff.Signer(p, by))
}

// approve has somebody approve what was shown.
func (p *proposals) approve(by string, v *proposal.View) (*proposal.Outcome, error) {
	return p.office.Approve(p.Context(), v.Number, hex.EncodeToString(v.Hash[:]), p.staff.Signer(p, by))
}

// TestProposedRelease has people propose and approve releases and a correction. What is approved is
// what was shown; where a row has moved since, nothing is booked.
func TestProposedRelease(t *testing.T) {
	h := newMovedHouse(t)
	h.aroundMidnight()
	p := h.proposals()
	waiting := h.list(release.Filter{})
	many, _ := h.pick(release.Selection{})
	shown, err := propose(p, "ann", release.KindRelease, many)
	h.must(err)
	if c := shown.Change; len(c.Rows) != 3 || len(c.Transfers) != 3 || c.Unit != people.Issuer || c.Rows[0].State != "waits" ||
		len(c.Effects) != 2 || c.Effects[1].Args[0] != "operator:metro" || c.Effects[1].Args[1] != "2.80" {
		t.Errorf("shown: %+v, want three rows and what each operator gets", c)
	}
	_, err = p.approve("ann", shown)
	if !errors.Is(err, proposal.ErrProposer) {
		t.Errorf("approved by who proposed it: %v", err)
	}
	one := release.Releases{Rows: []release.Payee{{Row: release.RowName(waiting[130].Row)}}}
	if own, err := propose(p, "omar", release.KindRelease, one); err != nil || own.Change.Unit != "operator:metro" {
		t.Errorf("an operator's clerk proposes what is its own: %+v, %v", own, err)
	} else if _, err := p.approve("bob", own); err != nil {
		t.Errorf("approved: %v", err)
	}
	stale := (*proposal.StaleError)(nil)
	if _, err := p.approve("bob", shown); !errors.As(err, &stale) || !strings.Contains(err.Error(), "released to operator:metro") {
		t.Errorf("approved although a row has moved: %v", err)
	}
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 0, "operator:metro": 130, "suspense:card_blocked": 260})
	if _, err := propose(p, "ann", release.KindRelease, one); err == nil {
		t.Error("what is booked is proposed again")
	}
	if _, err := propose(p, "omar", release.KindRelease, release.Releases{Rows: []release.Payee{{Row: release.RowName(waiting[110].Row)}}}); !errors.As(err, new(*people.DeniedError)) {
		t.Errorf("another operator's clerk proposes it: %v", err)
	}
	many, _ = h.pick(release.Selection{})
	shown, err = propose(p, "ann", release.KindRelease, many)
	h.must(err)
	_, err = p.approve("bob", shown)
	h.must(err)
	correction, err := propose(p, "cleo", release.KindCorrect, release.Correction{Row: release.RowName(waiting[110].Row), To: "operator:metro", Because: "the depot moved"})
	h.must(err)
	done, err := p.approve("ann", correction)
	h.must(err)
	if len(done.Said) != 2 || done.Said[0].Error() != "operator:bus -> suspense:card_blocked 1.10" {
		t.Errorf("it said %v", done.Said)
	}
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 0, "operator:metro": 390, "suspense:card_blocked": 0})
	_, err = verify.Books(t.Context(), h.ledger, nil, func(f verify.Fault) { t.Error(f) }, beside.Tables)
	h.must(err)
	h.wantDiffers(
		differs{release.ActRelease, "150 fen to operator:metro", "150 fen to operator:bus"}, differs{release.ActRelease, "2 of 2 rows", "1 of 2 rows"},
		differs{release.ActRelease, "130 fen to operator:metro", "130 fen to operator:bus"},
		differs{release.ActCorrect, "to operator:metro", "to operator:bus"}, differs{release.ActCorrect, "the depot moved", "it is better so"},
	)
	for _, act := range []string{release.ActRelease, release.ActCorrect} {
		for _, e := range h.audited(act) {
			if len(e.Signed) != 2 {
				t.Errorf("entry %d, %s, has %d signatures", e.Number, act, len(e.Signed))
			}
		}
	}
}

// TestProposedRefund proposes a refund, and approves it once.
func TestProposedRefund(t *testing.T) {
	h := newHouse(t)
	_, err := h.authority().Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, "o1", 0, 0, 5000, noon(5)))
	h.must(err)
	p := h.proposals()
	shown, err := propose(p, "cleo", release.KindRefund, refundOf("o1", true, 6).Refund)
	h.must(err)
	for n := range 2 {
		done, err := p.approve("bob", shown)
		h.must(err)
		if done.Repeated != (n == 1) {
			t.Errorf("time %d: %+v", n, done)
		}
	}
	h.wantBalances(map[string]ledger.Fen{"channel:counter": 0, "unwritten:own": 0})
	wrong := refundOf("o1", true, 6).Refund
	wrong.Card = "0101"
	_, err = propose(p, "cleo", release.KindRefund, wrong)
	h.wantRefusal("no card", err)
	_, err = verify.Books(t.Context(), h.ledger, nil, func(f verify.Fault) { t.Error(f) }, beside.Tables)
	h.must(err)
	h.wantDiffers(differs{release.ActRefund, "order o1", "order o2"}, differs{release.ActRefund, "5000 fen", "500 fen"}, differs{release.ActRefund, "as a counter says", "as it seems"})
}

// differs is a change of what the audit says of an act.
type differs struct{ act, from, to string }

// wantDiffers makes changes, one at a time: clearing's verification must name each, and each act
// that is taken out of the audit with its transfers.
func (h *house) wantDiffers(list ...differs) {
	h.Helper()
	try := func(kind verify.Kind, statement string, args ...any) {
		h.Helper()
		tx, err := h.ledger.Pool().Begin(h.Context())
		h.must(err)
		tag, err := tx.Exec(h.Context(), statement, args...)
		h.must(err)
		named := 0
		h.must(beside.Tables(h.Context(), tx, func(f verify.Fault) {
			if f.Kind == kind {
				named++
			}
		}))
		if named == 0 || tag.RowsAffected() == 0 {
			h.Errorf("%q of %d rows is not named as %q", args, tag.RowsAffected(), kind)
		}
		h.must(tx.Rollback(h.Context()))
	}
	for _, d := range list {
		try(beside.ActDone, "UPDATE audit SET what = replace(what, $2, $3) WHERE act = $1 AND strpos(what, $2) > 0", d.act, d.from, d.to)
		try(beside.Decision, "DELETE FROM audit WHERE act = $1 AND strpos(what, $2) > 0", d.act, d.from)
	}
}

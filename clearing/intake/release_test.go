package intake_test

import (
	"slices"
	"testing"

	"citycard/clearing/clearingtest"
	"citycard/clearing/message"
	"citycard/clearing/release"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/shadow"
)

// suspended lists what waits, by reason.
func (h *house) suspended(released bool) map[verdict.Reason][]release.Suspended {
	h.Helper()
	found := map[verdict.Reason][]release.Suspended{}
	h.must(h.office().List(h.Context(), release.Filter{First: today, Last: today, All: true}, func(s release.Suspended) error {
		if (s.State != release.Waits) == released {
			found[s.Reason] = append(found[s.Reason], s)
		}
		return nil
	}))
	return found
}

// releaseOf asks for a row to be released to an account that the registry does not name.
func releaseOf(row ledger.Key, to string) release.Releases {
	return release.Releases{Rows: []release.Payee{{Row: release.RowName(row), To: to}}, Because: "listed late"}
}

// release releases a row, by two people.
func (h *house) release(row ledger.Key, to string) (release.Done, error) {
	return h.do(approval(6))(h.office().ShowRelease(h.Context(), releaseOf(row, to)))
}

// TestRelease releases suspended taps and loads, each once and to whom it can belong.
func TestRelease(t *testing.T) {
	h := newHouse(t)
	authority := h.authority()
	order := func(name string, sequence uint16, fen uint32) {
		_, err := authority.Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, name, sequence, 0, fen, noon(5)))
		h.must(err)
	}
	order("o1", 1, 3000)
	order("o2", 2, 3000)
	tap := func(terminal string, sequence, fen uint32) sent {
		return sent{message.TopicTaps, 0, clearingtest.Encode(h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: terminal, Sequence: sequence, Fen: fen, At: noon(5)}))}
	}
	h.send(tap(clearingtest.Unlisted, 1, 200), tap(clearingtest.Unlisted, 2, 300), tap(clearingtest.BusValidator, 3, 100),
		h.written(0, 1000, 1000), h.written(1, 2000, 3000), h.written(2, 4000, 7000))
	h.clear()
	waiting := h.suspended(false)
	taps, unpaid, unlike := waiting[verdict.UnknownTerminal], waiting[verdict.LoadNotPaid], waiting[verdict.LoadAmount]
	if len(taps) != 2 || len(unpaid) != 1 || len(unlike) != 2 {
		t.Fatalf("waiting: %v, want two taps, one load not paid, two unlike their orders", waiting)
	}
	refused := func(what string, row ledger.Key, to string) {
		t.Helper()
		_, err := h.release(row, to)
		h.wantRefusal(what, err)
	}
	refused("a tap to the float", taps[0].Row, "float:own")
	refused("a tap to a fund", taps[0].Row, "fund:employee")
	refused("a tap to nobody", taps[0].Row, "operator:nobody")
	refused("an unpaid load to an operator", unpaid[0].Row, "operator:metro")
	refused("a load unlike its order to an operator", unlike[0].Row, "operator:metro")
	missing := taps[0].Row
	missing.Day++
	refused("no such row", missing, "operator:metro")
	h.must(shadow.Statement(t.Context(), h.ledger, taps[0].Row.Subject, today, today, func(row ledger.Row) error {
		if row.Credit == ledger.IDOfCode("operator:bus") {
			refused("a cleared tap", ledger.Key{Day: row.Day, Subject: row.Subject, ID: row.ID}, "operator:metro")
		}
		return nil
	}))
	before := map[string]ledger.Fen{
		"suspense:unknown_terminal": 500, "suspense:load_not_paid": -1000, "suspense:load_amount": -6000, "unwritten:own": 6000,
		"channel:counter": -6000, "operator:metro": 0, "operator:bus": 100,
	}
	h.wantBalances(before)

	for n := range 2 {
		for i, to := range []string{"operator:metro", "channel:counter"} {
			if done, err := h.release(taps[i].Row, to); err != nil || done.Repeated != (n == 1) {
				t.Errorf("tap %d to %s, time %d: %+v, %v", i, to, n, done, err)
			}
		}
		for _, s := range append(unpaid, unlike...) {
			if done, err := h.release(s.Row, "channel:counter"); err != nil || done.Repeated != (n == 1) {
				t.Errorf("load %s, time %d: %+v, %v", release.RowName(s.Row), n, done, err)
			}
		}
	}
	for range 2 {
		refused("decided otherwise before", taps[0].Row, "operator:bus")
	}
	// 6000 were paid; of the 7000 on the card it owes 1000 nobody paid and 1000 beyond
	// the second order, is given 1000 of the first back and 300 of the holder's tap.
	owes := ledger.Fen(6000 + 1000 + 1000 - 1000)
	h.wantBalances(map[string]ledger.Fen{
		"suspense:unknown_terminal": 0, "suspense:load_not_paid": 0, "suspense:load_amount": 0, "unwritten:own": 0,
		"channel:counter": taps[1].Fen - owes, "operator:metro": taps[0].Fen, "operator:bus": 100, "float:own": 7000 - 600,
	})
	if left := h.suspended(false); len(left) != 0 {
		t.Errorf("still waiting: %v", left)
	}
	refused("a refund of what the card has", taps[0].Row, "fund:resident")
	_, err := h.refund(refundOf("o1", true, 6))
	h.wantRefusal("a refund of what the card has", err)
	if entries := h.audited(release.ActRelease); len(entries) != 5 {
		t.Errorf("%d audit entries, want one for each of five releases: %+v", len(entries), entries)
	}
}

// audited are the audit's entries of an act.
func (h *house) audited(act string) []chain.AuditEntry {
	h.Helper()
	entries, err := h.ledger.Audit(h.Context())
	h.must(err)
	return slices.DeleteFunc(entries, func(e chain.AuditEntry) bool { return e.Act != act })
}

// TestReleaseForeign releases taps of other cities' cards, which nobody has verified, to
// nothing but what waits for the centre's word, whatever the reason.
func TestReleaseForeign(t *testing.T) {
	h := newHouseWith(t, listOtherCity)
	unplaced := h.town.Tap(clearingtest.Tap{Card: "03104999900000000001", Terminal: clearingtest.Unlisted, Sequence: 7, Fen: 4_000_000_000, At: noon(5)})
	unplaced.Debit.Issuer, unplaced.Debit.Tac = clearingtest.Hex(otherCity), []byte{1, 2, 3, 4}
	ours := h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.Unlisted, Sequence: 8, Fen: 200, At: noon(5)})
	h.send(tap(unplaced), tap(ours))
	h.clear()
	h.must(h.ledger.MarkAccount(t.Context(), "pending:bus", ledger.Marks{Frozen: true}, clearingtest.Approved()))
	h.send(tap(h.visit(4, 80)))
	h.clear()
	h.must(h.ledger.MarkAccount(t.Context(), "pending:bus", ledger.Marks{}, clearingtest.Approved()))

	waiting := h.suspended(false)
	var foreign, own []release.Suspended
	for _, list := range waiting {
		for _, s := range list {
			if s.Foreign {
				foreign = append(foreign, s)
			} else {
				own = append(own, s)
			}
		}
	}
	if len(foreign) != 2 || len(own) != 1 {
		t.Fatalf("waiting: %v, want two foreign taps and one of our own", waiting)
	}
	for _, s := range foreign {
		for _, to := range []string{"operator:bus", "channel:counter", "centre", "float:own", "pending:nobody"} {
			_, err := h.release(s.Row, to)
			h.wantRefusal("a foreign tap to "+to, err)
		}
	}
	_, err := h.release(own[0].Row, "pending:bus")
	h.wantRefusal("a verified tap to what waits for the centre", err)
	for n := range 2 {
		for _, s := range foreign {
			if done, err := h.release(s.Row, "pending:bus"); err != nil || done.Repeated != (n == 1) {
				t.Errorf("a foreign tap to pending:bus, time %d: %+v, %v", n, done, err)
			}
		}
	}
	h.wantBalances(map[string]ledger.Fen{
		"centre": -4_000_000_080, "pending:bus": 4_000_000_080, "operator:bus": 0, "suspense:payee_closed": 0, "suspense:unknown_terminal": 200, "float:own": -200,
	})
}

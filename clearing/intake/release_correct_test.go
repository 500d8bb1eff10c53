package intake_test

import (
	"strings"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/release"
	"citycard/clearing/verdict"
	beside "citycard/clearing/verify"
	"citycard/ledger"
	"citycard/ledger/verify"
)

// correct puts a release right, by two people.
func (h *house) correct(row ledger.Key, to string) (release.Done, error) {
	return h.do(approval(6))(h.office().ShowCorrection(h.Context(), release.Correction{Row: release.RowName(row), To: to, Because: "the wrong depot"}))
}

// TestCorrectPaidRelease corrects a release after a close has paid it to the wrong operator. That
// operator owes the amount: the next close deducts it from its fares and collects the rest.
func TestCorrectPaidRelease(t *testing.T) {
	h := newHouse(t)
	closer := h.closer()
	ride := func(terminal string, sequence, fen uint32, day int) sent {
		return tap(h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: terminal, Sequence: sequence, Fen: fen, At: noon(day)}))
	}
	h.send(ride(clearingtest.Unlisted, 1, 200, 5))
	h.clear()
	row := h.list(release.Filter{})[200].Row
	_, err := h.correct(row, "operator:bus")
	h.wantRefusal("what still waits", err)
	_, err = h.release(row, "operator:metro")
	h.must(err)
	_, err = closer.Close(t.Context(), today, today.Next())
	h.must(err)
	h.wantBalances(map[string]ledger.Fen{"operator:metro": 0, "operator:bus": 0, chart.Reserve: 200})

	for _, to := range []string{"operator:metro", "operator:nobody", "float:own", "pending:bus"} {
		_, err = h.correct(row, to)
		h.wantRefusal("a correction to "+to, err)
	}
	_, err = h.office().ShowCorrection(t.Context(), release.Correction{Row: release.RowName(row), To: "operator:bus"})
	h.wantRefusal("a correction without a reason", err)
	for n := range 2 {
		done, err := h.correct(row, "operator:bus")
		h.must(err)
		if done.Repeated != (n == 1) || len(done.Rows) != 1 || len(done.Rows[0].Parts) != 2 {
			t.Errorf("time %d: %+v", n, done)
		}
	}
	_, err = h.correct(row, "channel:counter")
	h.wantRefusal("a second correction", err)
	_, err = h.release(row, "operator:metro")
	h.wantRefusal("a release of what was corrected", err)
	h.wantBalances(map[string]ledger.Fen{"operator:metro": -200, "operator:bus": 200, "suspense:unknown_terminal": 0})

	h.send(ride(clearingtest.MetroGate, 2, 80, 6))
	h.clear()
	result, err := closer.Close(t.Context(), today.Next(), 20260107)
	h.must(err)
	for _, p := range result.Positions {
		if want := map[string]int64{"operator:metro": 80 - 200, "operator:bus": 200}[p.Participant.Code]; p.Fen != want {
			t.Errorf("%s: position %d, want %d", p.Participant.Code, p.Fen, want)
		}
		for _, line := range p.Lines {
			if line.Purpose == "correction" && line.Fen != -200 && line.Fen != 200 {
				t.Errorf("%s: %+v, want the corrected amount", p.Participant.Code, line)
			}
		}
	}
	h.wantBalances(map[string]ledger.Fen{"operator:metro": 0, "operator:bus": 0, chart.Reserve: 200 + 80})
	entries := h.audited(release.ActCorrect)
	if len(entries) != 1 || !strings.HasSuffix(entries[0].What, ", unknown_terminal: 200 fen from operator:metro to operator:bus; because: the wrong depot") ||
		!strings.HasPrefix(entries[0].What, "20260105/****0001/") {
		t.Errorf("the audit has %+v, want the correction with its row", entries)
	}
	if s := h.list(release.Filter{All: true})[200]; s.State != release.Corrected || s.To != "operator:bus" {
		t.Errorf("the list has %+v", s)
	}
	h.verifyAll()
}

// TestCorrectOthers corrects the release of a load that nobody paid, and of another city's tap.
// What was settled against its order has no other owner.
func TestCorrectOthers(t *testing.T) {
	h := newHouseWith(t, func(files map[string]string) {
		listOtherCity(files)
		files["channels.csv"] += "kiosk,自助机,Kiosk,20200101,\n"
	})
	h.town.Found(t, h.ledger.Pool())
	_, err := h.authority().Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, "o1", 1, 0, 3000, noon(5)))
	h.must(err)
	foreign := h.town.Tap(clearingtest.Tap{Card: "03104999900000000001", Terminal: clearingtest.Unlisted, Sequence: 7, Fen: 90, At: noon(5)})
	foreign.Debit.Issuer = clearingtest.Hex(otherCity)
	h.send(tap(foreign), h.written(0, 1000, 1000), h.written(1, 2000, 3000))
	h.clear()
	waiting := h.list(release.Filter{})
	if len(waiting) != 3 {
		t.Fatalf("waiting: %+v, want a tap and two loads", waiting)
	}
	for fen, to := range map[ledger.Fen][]string{90: {"pending:bus", "pending:metro"}, 1000: {"channel:counter", "channel:kiosk"}} {
		_, err := h.release(waiting[fen].Row, to[0])
		h.must(err)
		_, err = h.correct(waiting[fen].Row, to[1])
		h.must(err)
	}
	_, err = h.release(waiting[2000].Row, "channel:counter")
	h.must(err)
	_, err = h.correct(waiting[2000].Row, "channel:kiosk")
	h.wantRefusal("what its order settled", err)
	h.wantBalances(map[string]ledger.Fen{
		"pending:bus": 0, "pending:metro": 90, "channel:counter": -2000, "channel:kiosk": -1000, "suspense:unknown_terminal": 0, "suspense:load_not_paid": 0,
	})
	h.verifyAll()
}

// TestVerifyReleases books what no office would: each is named by verify.
func TestVerifyReleases(t *testing.T) {
	suspended, other := chart.Suspense(verdict.CardListed), chart.Suspense(verdict.CardBlocked)
	row := func(n uint32) ledger.ID {
		return identity.Spend(9, clearingtest.Hex(clearingtest.BusValidator), n)
	}
	moves := func(id ledger.ID, debit, credit string, fen ledger.Fen, purpose ledger.Purpose) ledger.Transfer {
		return ledger.Transfer{Day: today, Subject: "card", ID: id, Debit: ledger.IDOfCode(debit), Credit: ledger.IDOfCode(credit), Amount: fen, Purpose: purpose}
	}
	waits := func(n uint32) ledger.Transfer {
		return moves(row(n), chart.Float, suspended, 50, chart.PurposeBus)
	}
	releases := func(n uint32, fen ledger.Fen, from string) ledger.Transfer {
		return moves(identity.Release(1, row(n)), from, "operator:bus", fen, chart.PurposeRelease)
	}
	corrects := func(n uint32, part byte, debit, credit string, fen ledger.Fen) ledger.Transfer {
		return moves(identity.ReleaseCorrection(part, row(n)), debit, credit, fen, chart.PurposeCorrection)
	}
	h := newHouse(t)
	h.post("mixed",
		waits(1), releases(1, 50, suspended), // as it should be
		waits(2), releases(2, 51, suspended),
		waits(3), releases(3, 50, other),
		releases(4, 50, suspended), // of nothing
		waits(5), releases(5, 50, suspended), corrects(5, 1, "operator:bus", suspended, 50), corrects(5, 2, suspended, "operator:metro", 50),
		waits(6), releases(6, 50, suspended), corrects(6, 1, "operator:metro", suspended, 50), corrects(6, 2, suspended, "operator:bus", 50),
		waits(7), releases(7, 50, suspended), corrects(7, 1, "operator:bus", suspended, 50),
		waits(8), releases(8, 50, suspended), corrects(8, 1, "operator:bus", suspended, 50), corrects(8, 2, suspended, "operator:metro", 40),
		waits(9), corrects(9, 1, "operator:bus", suspended, 50), corrects(9, 2, suspended, "operator:metro", 50),
	)
	named := map[string]string{}
	_, err := verify.Books(t.Context(), h.ledger, nil, func(f verify.Fault) {
		switch f.Kind {
		case beside.Release:
			named[f.Where] = f.Detail
		case beside.Decision: // none of them was decided by anybody
		default:
			t.Error(f)
		}
	}, beside.Tables)
	h.must(err)
	for n := range uint32(9) {
		where := release.RowName(ledger.Key{Day: today, Subject: "card", ID: row(n + 1)})
		if right := n+1 == 1 || n+1 == 5; (named[where] == "") != right {
			t.Errorf("row %d: %q", n+1, named[where])
		}
	}
	if len(named) != 7 {
		t.Errorf("%d faults, want 7: %v", len(named), named)
	}
}

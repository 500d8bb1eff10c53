package intake_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/release"
	"citycard/clearing/verdict"
	beside "citycard/clearing/verify"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/verify"
)

// moved is a terminal that was the bus operator's until the fourth, and the metro's from then on.
const moved = "310000000003"

// newMovedHouse has that terminal, and a registry in its database.
func newMovedHouse(t *testing.T) *house {
	h := newHouseWith(t, func(files map[string]string) {
		files["terminals.csv"] += moved + ",bus,bus,1,,20200101,20260104\n" + moved + ",metro,metro,7,1,20260105,\n"
	})
	h.town.Found(t, h.ledger.Pool())
	return h
}

// blocked is a tap with a blocked card, which is suspended.
func (h *house) blocked(terminal string, sequence, fen uint32, at time.Time) sent {
	return tap(h.town.Tap(clearingtest.Tap{Card: clearingtest.BlockedCard, Terminal: terminal, Sequence: sequence, Fen: fen, At: at}))
}

// aroundMidnight sends a tap of the terminal's last second with the bus operator, of its first two
// with the metro's, one of a terminal that is not registered, and a load that nobody paid.
func (h *house) aroundMidnight() {
	h.Helper()
	midnight := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	h.send(h.blocked(moved, 1, 110, midnight.Add(-time.Second)), h.blocked(moved, 2, 130, midnight), h.blocked(moved, 3, 150, midnight.Add(time.Second)),
		tap(h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.Unlisted, Sequence: 4, Fen: 170, At: noon(5)})),
		h.written(0, 1000, 1000))
	h.clear()
}

// list gives what is suspended today, by amount.
func (h *house) list(f release.Filter) map[ledger.Fen]release.Suspended {
	h.Helper()
	f.First, f.Last = today, today
	found := map[ledger.Fen]release.Suspended{}
	h.must(h.office().List(h.Context(), f, func(s release.Suspended) error {
		found[s.Fen] = s
		return nil
	}))
	return found
}

// pick fixes what a selection of today finds, and gives the amounts of what is left.
func (h *house) pick(want release.Selection) (r release.Releases, left []ledger.Fen) {
	h.Helper()
	want.First, want.Last = today, today
	r, err := h.office().Select(h.Context(), want, func(s release.Suspended, _ *release.Refusal) error {
		left = append(left, s.Fen)
		return nil
	})
	h.must(err)
	slices.Sort(left)
	return r, left
}

// verifyAll replays the books with clearing's tables.
func (h *house) verifyAll() {
	h.Helper()
	_, err := verify.Books(h.Context(), h.ledger, nil, func(f verify.Fault) {
		if f.Kind != beside.Signature && f.Kind != beside.Decision { // tests decide with names
			h.Error(f)
		}
	}, beside.Tables)
	h.must(err)
}

// TestListSaysWhose lists suspended transfers with the terminal, its line and its operator when the
// card signed, before and after the second in which the terminal changed hands.
func TestListSaysWhose(t *testing.T) {
	h := newMovedHouse(t)
	h.aroundMidnight()
	type line struct {
		at, terminal, operator string
		line                   uint32
		unplaced               release.Unplaced
		card                   string
	}
	want := map[ledger.Fen]line{
		110:  {"20260104235959", moved, "bus", 1, "", "****0004"},
		130:  {"20260105000000", moved, "metro", 7, "", "****0004"},
		150:  {"20260105000001", moved, "metro", 7, "", "****0004"},
		170:  {"20260105120000", clearingtest.Unlisted, "", 1, release.NotRegistered, "****0001"},
		1000: {"20260105120000", "310000000050", "", 0, release.IsLoad, "****0001"},
	}
	got := map[ledger.Fen]line{}
	for fen, s := range h.list(release.Filter{}) {
		got[fen] = line{s.At, s.Terminal, s.Operator, s.Line, s.Unplaced, s.Card.String()}
		if s.State != release.Waits || s.To != "" || s.Booked != today {
			t.Errorf("%d fen: %+v, want it to wait", fen, s)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the list has\n%v\nwant\n%v", got, want)
	}
	for what, c := range map[string]struct {
		release.Filter
		fen []ledger.Fen
	}{
		"a terminal":  {release.Filter{Terminal: moved}, []ledger.Fen{110, 130, 150}},
		"a line":      {release.Filter{Line: 7}, []ledger.Fen{130, 150}},
		"an operator": {release.Filter{Operator: "bus"}, []ledger.Fen{110}},
		"a reason":    {release.Filter{Reason: verdict.UnknownTerminal}, []ledger.Fen{170}},
		"all of them": {release.Filter{Operator: "metro", Terminal: moved, Line: 7, Reason: verdict.CardBlocked}, []ledger.Fen{130, 150}},
		"none":        {release.Filter{Operator: "bus", Line: 7}, nil},
	} {
		var fen []ledger.Fen
		for f := range h.list(c.Filter) {
			fen = append(fen, f)
		}
		if slices.Sort(fen); !slices.Equal(fen, c.fen) {
			t.Errorf("%s: %v, want %v", what, fen, c.fen)
		}
	}
}

// TestReleaseByTheRegistry releases taps to the operator that the registry names, and to another
// one only with a reason for that.
func TestReleaseByTheRegistry(t *testing.T) {
	h := newMovedHouse(t)
	h.aroundMidnight()
	waiting := h.list(release.Filter{})
	show := func(fen ledger.Fen, to, because string) (*release.Plan, error) {
		row := release.Payee{Row: release.RowName(waiting[fen].Row), To: to}
		return h.office().ShowRelease(t.Context(), release.Releases{Rows: []release.Payee{row}, Because: because})
	}
	for what, c := range map[string]struct {
		fen ledger.Fen
		to  string
	}{
		"the later operator, a second before":    {110, "operator:metro"},
		"the earlier operator, from that second": {130, "operator:bus"},
		"the earlier operator, a second after":   {150, "operator:bus"},
		"a channel":                              {150, "channel:counter"},
		"nobody, at an unknown terminal":         {170, ""},
		"an operator, at an unknown terminal":    {170, "operator:bus"},
		"nobody, for a load":                     {1000, ""},
		"a channel, for a load":                  {1000, "channel:counter"},
	} {
		_, err := show(c.fen, c.to, "")
		h.wantRefusal(what, err)
	}
	long := strings.Repeat("x", release.MaxBecause+1)
	_, err := show(170, "operator:bus", long)
	h.wantRefusal("a reason without end", err)
	for fen, want := range map[ledger.Fen]string{110: "operator:bus", 130: "operator:metro"} {
		plan, err := show(fen, "", "")
		h.must(err)
		if row := plan.Rows[0]; row.To != want || row.Own != want || row.State != "waits" || row.Then != "released to "+want || row.Fen != fen || plan.Booked() ||
			len(row.Parts) != 1 || row.Parts[0] != (release.Part{Debit: "suspense:card_blocked", Credit: want, Fen: fen}) {
			t.Errorf("%d fen: shown %+v, want it released to %s", fen, row, want)
		}
		_, err = h.do(approval(6))(plan, nil)
		h.must(err)
	}
	_, err = h.do(approval(6))(show(150, "operator:bus", "the metro lent the gate"))
	h.must(err)
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 110 + 150, "operator:metro": 130, "suspense:card_blocked": 0})
	if entries := h.audited(release.ActRelease); len(entries) != 3 || !strings.HasSuffix(entries[2].What, "150 fen to operator:bus; because: the metro lent the gate") {
		t.Errorf("the audit has %+v, want three releases, the last with its reason", entries)
	}
	plan, err := show(130, "operator:metro", "")
	h.must(err)
	if row := plan.Rows[0]; row.State != "released to operator:metro" || !plan.Booked() {
		t.Errorf("shown again: %+v, want it to be booked", row)
	}
	h.verifyAll()
}

// TestReleaseMany releases what fits a filter: each to its operator, and what belongs to none only
// where somebody says to whom and why. What was shown is booked, once, and nothing else.
func TestReleaseMany(t *testing.T) {
	h := newMovedHouse(t)
	h.aroundMidnight()
	r, left := h.pick(release.Selection{})
	if len(r.Rows) != 3 || !slices.Equal(left, []ledger.Fen{170, 1000}) {
		t.Fatalf("found %+v, left %v; want three rows, and the unknown terminal's and the load left", r, left)
	}
	plan, err := h.office().ShowRelease(t.Context(), r)
	h.must(err)
	h.send(h.blocked(moved, 9, 7000, noon(5))) // comes after it was shown
	h.clear()
	for n := range 2 {
		done, err := h.do(approval(6))(plan, nil)
		h.must(err)
		if done.Repeated != (n == 1) || len(done.Rows) != 3 || len(done.Refused) != 0 {
			t.Errorf("time %d: %+v", n, done)
		}
		if totals := fmt.Sprint(release.Totals(done.Rows)); totals != "[{operator:bus 1 1.10} {operator:metro 2 2.80}]" {
			t.Errorf("totals %s", totals)
		}
	}
	h.wantBalances(map[string]ledger.Fen{
		"operator:bus": 110, "operator:metro": 280, "suspense:card_blocked": 7000, "suspense:unknown_terminal": 170, "suspense:load_not_paid": -1000,
	})
	entries := h.audited(release.ActRelease)
	if len(entries) != 1 || !strings.HasPrefix(entries[0].What, "3 of 3 rows, sha256:") || !strings.HasSuffix(entries[0].What, ": 110 fen to operator:bus, 280 fen to operator:metro") {
		t.Errorf("the audit has %+v, want one entry for all", entries)
	}
	// A row of the list that is another amount by now, one twice, too many, and none are refused.
	twice := release.Releases{Rows: append(slices.Clone(r.Rows), r.Rows[0])}
	other := release.Releases{Rows: []release.Payee{r.Rows[0]}}
	other.Rows[0].Fen++
	many := release.Releases{Rows: make([]release.Payee, release.MaxRows+1)}
	for what, wrong := range map[string]release.Releases{"a row twice": twice, "another amount": other, "too many": many, "none": {}} {
		_, err := h.office().ShowRelease(t.Context(), wrong)
		h.wantRefusal(what, err)
	}
	r, left = h.pick(release.Selection{To: "channel:counter", Because: "the holder was repaid"})
	if len(r.Rows) != 3 || len(left) != 0 {
		t.Fatalf("with an account for them: %+v, left %v", r, left)
	}
	_, err = h.do(approval(6))(h.office().ShowRelease(t.Context(), r))
	h.must(err)
	h.wantBalances(map[string]ledger.Fen{
		"operator:metro": 7280, "channel:counter": 170 - 1000, "suspense:card_blocked": 0, "suspense:unknown_terminal": 0, "suspense:load_not_paid": 0,
	})
	h.verifyAll()
}

// TestReleaseWithoutAnAccount freezes an operator's account after its rows were shown: the others
// are booked. Once it is open again, the same release books the rest and nothing twice.
func TestReleaseWithoutAnAccount(t *testing.T) {
	h := newMovedHouse(t)
	h.aroundMidnight()
	r, _ := h.pick(release.Selection{})
	plan, err := h.office().ShowRelease(t.Context(), r)
	h.must(err)
	freeze := func(frozen bool) {
		h.must(h.ledger.MarkAccount(t.Context(), "operator:metro", ledger.Marks{Frozen: frozen}, clearingtest.Approved()))
	}
	freeze(true)
	done, err := h.do(approval(6))(plan, nil)
	h.must(err)
	if len(done.Rows) != 1 || len(done.Refused) != 2 {
		t.Errorf("%+v, want one row booked and two refused", done)
	}
	if _, left := h.pick(release.Selection{}); !slices.Equal(left, []ledger.Fen{130, 150, 170, 1000}) {
		t.Errorf("left %v, want the frozen account's too", left)
	}
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 110, "operator:metro": 0, "suspense:card_blocked": 280})
	// Once more, it books nothing: the first row stands, and the others are refused.
	plan, err = h.office().ShowRelease(t.Context(), r)
	h.must(err)
	_, err = h.do(approval(6))(plan, nil)
	h.wantRefusal("the ledger refused", err)
	freeze(false)
	_, err = h.do(approval(6))(plan, nil)
	h.must(err)
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 110, "operator:metro": 280, "suspense:card_blocked": 0})
	if entries := h.audited(release.ActRelease); len(entries) != 2 || !strings.HasPrefix(entries[0].What, "1 of 3") || !strings.HasPrefix(entries[1].What, "2 of 3") {
		t.Errorf("the audit has %+v, want one row and then two", entries)
	}
	h.verifyAll()
}

// TestReleaseCutOff loses the connection as a release of several rows is committed, and its process
// with it. Stored or not, all rows are booked together, and doing it again books them once.
func TestReleaseCutOff(t *testing.T) {
	for name, stored := range map[string]bool{"not stored": false, "stored": true} {
		t.Run(name, func(t *testing.T) {
			h := newMovedHouse(t)
			h.aroundMidnight()
			r, _ := h.pick(release.Selection{})
			plan, err := h.office().ShowRelease(t.Context(), r)
			h.must(err)
			l, through := newLine(t, h.url, "", stored)
			office := h.office()
			office.Ledger = ledgertest.Connect(t, through, 4)
			l.armBehind("INSERT INTO audit (", "commit", stored)
			ctx, killed := context.WithCancel(t.Context())
			defer killed()
			go func() {
				<-l.broken
				killed()
			}()
			if _, err := office.Do(ctx, plan, approval(6)); err == nil {
				t.Fatal("it got an answer")
			}
			want := map[string]ledger.Fen{"operator:bus": 0, "operator:metro": 0, "suspense:card_blocked": 390}
			if stored {
				want = map[string]ledger.Fen{"operator:bus": 110, "operator:metro": 280, "suspense:card_blocked": 0}
			}
			h.wantBalances(want)
			done, err := h.do(approval(6))(plan, nil)
			h.must(err)
			if done.Repeated != stored || len(done.Rows) != 3 {
				t.Errorf("again: %+v", done)
			}
			h.wantBalances(map[string]ledger.Fen{"operator:bus": 110, "operator:metro": 280, "suspense:card_blocked": 0})
			if entries := h.audited(release.ActRelease); len(entries) != 1 {
				t.Errorf("the audit has %+v, want one entry", entries)
			}
			h.verifyAll()
		})
	}
}

// TestReleaseAtMost has one row more than a release takes: that is refused with the number, the
// first so many are released in one commit, and the last one then.
func TestReleaseAtMost(t *testing.T) {
	h := newMovedHouse(t)
	sam := [6]byte(clearingtest.Hex(moved))
	card := identity.CardOf(clearingtest.CardID(clearingtest.Card)).Subject()
	transfers := make([]ledger.Transfer, release.MaxRows+1)
	for i := range transfers {
		transfers[i] = ledger.Transfer{
			Day: today, Subject: card, ID: identity.Spend(9, sam[:], uint32(i)), Debit: ledger.IDOfCode(chart.Float),
			Credit: ledger.IDOfCode(chart.Suspense(verdict.CardListed)), Amount: 2, Purpose: chart.PurposeBus,
		}
	}
	h.post("taps", transfers...)
	p := h.proposals()
	_, err := h.office().Select(t.Context(), release.Selection{Filter: release.Filter{First: today, Last: today}}, nil)
	h.wantRefusal("one too many", err)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint(release.MaxRows)) {
		t.Errorf("%v, want it to say how many", err)
	}
	for _, rows := range []int{release.MaxRows, 1} {
		r, _ := h.pick(release.Selection{Limit: release.MaxRows})
		shown, err := propose(p, "ann", release.KindRelease, r)
		h.must(err)
		done, err := p.approve("bob", shown)
		h.must(err)
		if len(shown.Change.Rows) != rows || done.Repeated {
			t.Errorf("%d rows released, want %d", len(shown.Change.Rows), rows)
		}
	}
	h.wantBalances(map[string]ledger.Fen{"operator:metro": 2 * (release.MaxRows + 1), "suspense:card_listed": 0})
}

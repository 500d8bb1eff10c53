package dayclose_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/dayclose"
	"citycard/clearing/docket"
	"citycard/clearing/release"
	"citycard/ledger"
	"citycard/ledger/schema"
	"citycard/ledger/verify"
)

// tacs books a batch in today's taps whose note counts TACs.
func (o *office) tacs(counts ...docket.TACs) {
	o.Helper()
	lease, err := o.ledger.Lease(o.Context(), "taps/1", "test", 0)
	o.must(err)
	_, err = o.ledger.Post(o.Context(), &ledger.Batch{
		Stream: "taps/1", Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: lease.Day,
		Finish: func(context.Context, pgx.Tx, *ledger.Outcome) ([]byte, error) {
			return json.Marshal(docket.Note{TACs: counts})
		},
	})
	o.must(err)
}

func (o *office) close(day ledger.Day) *dayclose.Result {
	o.Helper()
	result, err := o.closer.Close(o.Context(), day, day.Next())
	o.must(err)
	return result
}

// wantHeld holds a close to having left what is owed to the bus operator alone.
func (o *office) wantHeld(result *dayclose.Result, fen ledger.Fen) {
	o.Helper()
	if len(result.Unpaid) != 1 || result.Unpaid[0].Code != "operator:bus" || result.Unpaid[0].Fen != fen {
		o.Fatalf("unpaid: %+v, want %d to the bus operator", result.Unpaid, fen)
	}
	if held, ok := errors.AsType[*dayclose.Held](result.Unpaid[0].Err); !ok || held.Operator != "bus" || held.Wrong != 101 || held.Verified != 9_899 {
		o.Errorf("unpaid because of %v, want 101 wrong TACs of 10,000", result.Unpaid[0].Err)
	}
}

func (o *office) approval(second string) ledger.Approval {
	return ledger.Approval{First: "Li", Second: second, Reason: "a validator had a wrong key", At: time.Date(2026, 1, 6, 9, 0, 0, 0, time.UTC)}
}

func (o *office) payout(second string) (release.Done, error) {
	office := &release.Office{Ledger: o.ledger, Owner: "test"}
	plan, err := office.ShowPayout(o.Context(), release.Payout{Day: today, Operator: "bus"})
	if err != nil {
		return release.Done{}, err
	}
	return office.Do(o.Context(), plan, o.approval(second))
}

func (o *office) wantRefused(second, what string) {
	o.Helper()
	_, err := o.payout(second)
	if refusal := (*release.Refusal)(nil); !errors.As(err, &refusal) || !strings.Contains(refusal.Error(), what) {
		o.Errorf("%v, want a refusal with %q", err, what)
	}
}

// abnormal counts, in two batches, 101 wrong TACs of the bus operator's 10,000, and more at
// terminals that are nobody's; the metro's are as always.
func (o *office) abnormal() {
	o.tacs(docket.TACs{Operator: "bus", Verified: 9_000, Wrong: 1}, docket.TACs{Operator: "metro", Verified: 100, Wrong: 99})
	o.tacs(docket.TACs{Operator: "(unknown)", Wrong: 500}, docket.TACs{Operator: "bus", Verified: 899, Wrong: 100})
}

// TestHeldPayout closes a day on which too many TACs at the bus operator's terminals were
// wrong: it is not paid, the others are, however often and by whichever rules the day is
// closed. The next day's close pays the next day's money and leaves this. Two people have it
// paid, once; it is no payment of the day on which they do.
func TestHeldPayout(t *testing.T) {
	o := newOffice(t)
	o.abnormal()
	o.post("taps/0", 0, move(12, today, chart.Float, "operator:metro", 500, chart.PurposeMetroExit))
	for range 2 {
		o.wantHeld(o.close(today), 260)
		o.wantBalances(map[string]ledger.Fen{"operator:bus": 260, "operator:metro": 0, "hospital:h1": 0, chart.PensionPayout: 0, chart.Reserve: 500})
	}
	lenient, err := dayclose.LoadRules([]byte(strings.Replace(string(dayclose.ExampleJSON()), `"0.01"`, `"0.5"`, 1)))
	o.must(err)
	o.closer.Rules = lenient
	o.wantHeld(o.close(today), 260)

	o.post("taps/0", 0, move(20, today.Next(), chart.Float, "operator:bus", 40, chart.PurposeBus))
	if result := o.close(today.Next()); len(result.Unpaid) != 0 {
		t.Errorf("unpaid on the next day: %+v", result.Unpaid)
	}
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 260, chart.Reserve: 540})
	_, err = o.closer.Seal(t.Context(), today)
	o.must(err)

	o.wantRefused("Li", "two people")
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 260})
	for n := range 2 {
		done, err := o.payout("Wang")
		o.must(err)
		if done.Repeated != (n == 1) || len(done.Rows[0].Parts) != 1 || done.Rows[0].Parts[0].Fen != 260 {
			t.Errorf("time %d: %+v", n, done)
		}
	}
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 0, chart.Reserve: 800})
	o.post("taps/0", 0, move(21, 20260107, chart.Float, "operator:bus", 9, chart.PurposeBus))
	if result := o.close(20260107); len(result.Unpaid) != 0 {
		t.Errorf("unpaid on the day of the release: %+v", result.Unpaid)
	}
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 0, chart.Reserve: 809})
	checkHeldList(o)
	_, err = verify.Books(t.Context(), o.ledger, o.closer.Signer.Public().(ed25519.PublicKey), func(f verify.Fault) { t.Error(f) })
	o.must(err)
}

func checkHeldList(o *office) {
	o.Helper()
	var list []dayclose.HeldPayout
	o.must(dayclose.EachHeld(o.Context(), o.ledger, today, 20260107, func(h dayclose.HeldPayout) error {
		list = append(list, h)
		return nil
	}))
	if len(list) != 1 || list[0].Day != today || list[0].Operator != "bus" || list[0].Fen != 260 || !list[0].Released || list[0].Why.Wrong != 101 {
		o.Errorf("held payouts: %+v", list)
	}
	entries, err := o.ledger.Audit(o.Context())
	o.must(err)
	found := 0
	for _, e := range entries {
		if e.Act == release.ActPayout && strings.Contains(e.What, "260 fen") && e.First == "Li" && e.Second == "Wang" {
			found++
		}
	}
	if found != 1 {
		o.Errorf("the audit has the release %d times: %+v", found, entries)
	}
}

// TestHeldReopened reopens a day whose payout is held, before and after its release. What
// is held stays held, with what was booked meanwhile; what was released is not held again:
// the close pays or collects the difference.
func TestHeldReopened(t *testing.T) {
	o := newOffice(t)
	o.abnormal()
	o.wantHeld(o.close(today), 260)
	reopen := func(id byte, debit, credit string, fen ledger.Fen) {
		t.Helper()
		o.must(o.ledger.ReopenDay(t.Context(), today, o.approval("Wang")))
		o.wantRefused("Wang", "close it first")
		o.post("adjustments/"+string('a'+rune(id)), today, move(id, today, debit, credit, fen, chart.PurposeBus))
		// A close that was broken off has not said yet what is owed.
		o.must(o.ledger.CloseDay(t.Context(), today, today.Next(), dayclose.StreamSettlement))
		o.wantRefused("Wang", "close it first")
	}
	reopen(11, chart.Float, "operator:bus", 40)
	o.wantHeld(o.close(today), 300)
	_, err := o.payout("Wang")
	o.must(err)
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 0, chart.Reserve: 300})

	reopen(12, chart.Float, "operator:bus", 7)
	for range 2 {
		if result := o.close(today); len(result.Unpaid) != 0 {
			t.Errorf("unpaid: %+v, want the difference paid", result.Unpaid)
		}
		o.wantBalances(map[string]ledger.Fen{"operator:bus": 0, chart.Reserve: 307})
	}
	reopen(13, "operator:bus", chart.Float, 307)
	o.close(today)
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 0, chart.Reserve: 0})
}

// TestHeldChangesMeanwhile has a day reopened, changed and closed again while two people release
// its payout: after the amount is read and before it is booked. The release is refused, and a
// second request pays what is owed now.
func TestHeldChangesMeanwhile(t *testing.T) {
	o := newOffice(t)
	if o.ledger.Dialect() != schema.PostgreSQL {
		t.Skip("that a session waits for a lock is seen as PostgreSQL shows it")
	}
	o.abnormal()
	o.wantHeld(o.close(today), 260)
	_, err := o.ledger.Lease(t.Context(), release.Stream, "test", 0)
	o.must(err)
	tx, err := o.ledger.Pool().Begin(t.Context())
	o.must(err)
	_, err = tx.Exec(t.Context(), "SELECT stream FROM streams WHERE stream = $1 FOR UPDATE", release.Stream)
	o.must(err)
	released := make(chan error)
	go func() {
		_, err := o.payout("Wang")
		released <- err
	}()
	for waits := false; !waits; {
		o.must(o.ledger.Pool().QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'UPDATE streams%')`).Scan(&waits))
	}
	o.must(o.ledger.ReopenDay(t.Context(), today, o.approval("Wang")))
	o.post("adjustments", today, move(11, today, chart.Float, "operator:bus", 40, chart.PurposeBus))
	o.wantHeld(o.close(today), 300)
	o.must(tx.Rollback(t.Context()))
	if refusal := (*release.Refusal)(nil); !errors.As(<-released, &refusal) || !strings.Contains(refusal.Error(), "changed just now") {
		t.Errorf("%v, want a refusal because it has changed", refusal)
	}
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 300})
	_, err = o.payout("Wang")
	o.must(err)
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 0, chart.Reserve: 300})
}

// TestHeldInterrupted breaks the close off before its payments are booked; the one that
// goes on holds the same.
func TestHeldInterrupted(t *testing.T) {
	o := newOffice(t)
	o.abnormal()
	broken := *o.closer
	broken.Owner = strings.Repeat("x", 1000)
	if _, err := broken.Close(t.Context(), today, today.Next()); err == nil {
		t.Fatal("the close with a bad owner went through")
	}
	// What comes meanwhile is tomorrow's, and does not count for today.
	o.tacs(docket.TACs{Operator: "bus", Verified: 1_000_000})
	o.wantHeld(o.close(today), 260)
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 260, "hospital:h1": 0})
}

// TestHeldCollects closes a day on which the operator whose TACs were wrong owes more than it is
// owed: that is collected as ever, and nothing is held.
func TestHeldCollects(t *testing.T) {
	o := newOffice(t)
	o.abnormal()
	o.post("adjustments", today, move(11, today, "operator:bus", chart.Float, 300, chart.PurposeBus))
	if result := o.close(today); len(result.Unpaid) != 0 {
		t.Errorf("unpaid: %+v", result.Unpaid)
	}
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 0, chart.Reserve: -40})
	o.wantRefused("Wang", "no payout")
}

// TestNothingHeld: a day without wrong TACs, or on which the operator is owed nothing,
// has nothing that two people could release.
func TestNothingHeld(t *testing.T) {
	o := newOffice(t)
	o.tacs(docket.TACs{Operator: "bus", Verified: 9_900, Wrong: 100}, docket.TACs{Operator: "metro", Wrong: 1_000})
	if result := o.close(today); len(result.Unpaid) != 0 {
		t.Errorf("unpaid: %+v", result.Unpaid)
	}
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 0, chart.Reserve: 260})
	o.wantRefused("Wang", "no payout")
}

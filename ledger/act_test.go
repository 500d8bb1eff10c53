package ledger_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/chain"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// hold reserves money of the fund until one.
func hold(id int, amount ledger.Fen) ledger.Transfer {
	return with(fund(id, amount), func(x *ledger.Transfer) { x.Act, x.Expires = ledger.Hold, noon.Add(time.Hour) })
}

// on makes a transfer that acts on number id, at noon.
func on(id int, act ledger.Act, amount ledger.Fen) ledger.Transfer {
	x := transfer(id, "", "", amount)
	x.Debit, x.Credit, x.Act, x.Now = 0, 0, act, noon
	return x
}

func afterwards(t ledger.Transfer) ledger.Transfer {
	t.Now = noon.Add(time.Hour)
	return t
}

const (
	tooLittle = "refused: the debit account does not hold enough"
	ended     = "refused: what it acts on has ended in another way"
	chained   = "refused: another transfer of its chain was refused"
)

func TestHolds(t *testing.T) {
	money := transfer(1, "reserve", "fund", 100)
	decide(t, []decision{
		{
			"counted by limits",
			[]ledger.Transfer{money, hold(2, 70)},
			[]ledger.Transfer{fund(3, 31), hold(4, 31), fund(5, 30), fund(6, 1)},
			[]string{tooLittle, tooLittle, "inserted 30", tooLittle},
		},
		{
			"posted in full",
			[]ledger.Transfer{money, hold(2, 70)},
			[]ledger.Transfer{on(2, ledger.PostHold, 0), on(2, ledger.PostHold, 0), on(2, ledger.PostHold, 70), fund(3, 31), fund(3, 30)},
			[]string{"inserted 70", "duplicate 70", "duplicate 70", tooLittle, "inserted 30"},
		},
		{
			"posted in part",
			[]ledger.Transfer{money, hold(2, 70)},
			[]ledger.Transfer{on(2, ledger.PostHold, 71), on(2, ledger.PostHold, 40), on(2, ledger.PostHold, 30), on(2, ledger.VoidHold, 0), fund(3, 60)},
			[]string{"refused: its amount is not that of what it acts on", "inserted 40", ended, ended, "inserted 60"},
		},
		{
			"voided",
			[]ledger.Transfer{money, hold(2, 70), on(2, ledger.VoidHold, 0)},
			[]ledger.Transfer{on(2, ledger.VoidHold, 0), on(2, ledger.PostHold, 0), afterwards(on(2, ledger.ExpireHold, 0)), fund(3, 100)},
			[]string{"duplicate 0", ended, ended, "inserted 100"},
		},
		{
			"lapsed",
			[]ledger.Transfer{money, hold(2, 70), hold(3, 10)},
			[]ledger.Transfer{on(2, ledger.ExpireHold, 0), afterwards(on(2, ledger.PostHold, 0)), fund(4, 100), afterwards(on(2, ledger.ExpireHold, 0)), fund(4, 90)},
			[]string{"refused: the hold has not lapsed", "refused: the hold has lapsed", tooLittle, "inserted 0", "inserted 90"},
		},
		{
			"made and ended in one batch",
			[]ledger.Transfer{money},
			append(linked(hold(2, 70), on(2, ledger.PostHold, 60)), append(linked(hold(3, 40), on(3, ledger.VoidHold, 0), fund(4, 41)), fund(5, 40))...),
			[]string{"inserted 70", "inserted 60", chained, chained, tooLittle, "inserted 40"},
		},
		{
			"malformed",
			[]ledger.Transfer{money, hold(2, 70)},
			[]ledger.Transfer{
				on(9, ledger.PostHold, 0), on(1, ledger.VoidHold, 0), on(2, ledger.VoidHold, 1), on(2, ledger.PostHold, -1),
				with(on(2, ledger.PostHold, 0), func(x *ledger.Transfer) { x.Now = time.Time{} }), on(2, ledger.Reverse, 0), on(2, 99, 0),
				with(on(2, ledger.PostHold, 0), func(x *ledger.Transfer) { x.Debit = ledger.IDOfCode("float") }),
				with(fund(3, 1), func(x *ledger.Transfer) { x.Expires = noon }), hold(2, 71), with(hold(2, 70), func(x *ledger.Transfer) { x.Expires = noon }),
				hold(2, 70),
			},
			[]string{
				"refused: there is nothing it could act on", "refused: there is nothing it could act on", "refused: its amount must be between 1 and 1000000000000000 fen",
				"refused: its amount must be between 1 and 1000000000000000 fen",
				"refused: its act does not fit what it is given", "refused: there is nothing it could act on", "refused: its act does not fit what it is given",
				"refused: its accounts are not those of what it acts on", "refused: its act does not fit what it is given",
				conflict, conflict, "duplicate 70",
			},
		},
		{
			"on the credit side",
			[]ledger.Transfer{transfer(1, "vault", "float", 10)},
			[]ledger.Transfer{
				with(transfer(2, "float", "vault", 8), func(x *ledger.Transfer) { x.Act = ledger.Hold }), transfer(3, "float", "vault", 3),
				on(2, ledger.PostHold, 1), transfer(3, "float", "vault", 9),
			},
			[]string{"inserted 8", "refused: the credit account cannot take as much", "inserted 1", "inserted 9"},
		},
	})
}

func TestReversals(t *testing.T) {
	money := transfer(1, "reserve", "fund", 100)
	posted := with(on(2, ledger.Reverse, 0), func(x *ledger.Transfer) { x.ID = "\xfe" + x.ID })
	decide(t, []decision{
		{
			"once",
			[]ledger.Transfer{money, fund(2, 60)},
			[]ledger.Transfer{on(2, ledger.Reverse, 59), on(2, ledger.Reverse, 60), on(2, ledger.Reverse, 0), fund(3, 100), fund(2, 60)},
			[]string{"refused: its amount is not that of what it acts on", "inserted 60", "duplicate 60", "inserted 100", "duplicate 60"},
		},
		{
			"within limits",
			[]ledger.Transfer{money, fund(2, 60)},
			[]ledger.Transfer{on(1, ledger.Reverse, 0), on(2, ledger.Reverse, 0), on(1, ledger.Reverse, 0)},
			[]string{tooLittle, "inserted 60", "inserted 100"},
		},
		{
			"of a posted hold",
			[]ledger.Transfer{money, hold(2, 60), on(2, ledger.PostHold, 50)},
			[]ledger.Transfer{posted, posted, fund(3, 100)},
			[]string{"inserted 50", "duplicate 50", "inserted 100"},
		},
		{
			"of nothing",
			[]ledger.Transfer{money},
			[]ledger.Transfer{fund(2, 10), on(2, ledger.Reverse, 0), on(7, ledger.Reverse, 0), with(on(1, ledger.Reverse, 0), func(x *ledger.Transfer) { x.ID = "\xfd" + x.ID })},
			[]string{
				"inserted 10", "refused: there is nothing it could act on", "refused: there is nothing it could act on",
				"refused: its day must be a calendar day, its subject and id 1 to 64 bytes, the id's first below 0xFD",
			},
		},
	})
}

// TestHoldsAreListed lists what is held, what has lapsed and what became of a hold.
func TestHoldsAreListed(t *testing.T) {
	b := newBooks(t)
	ctx := context.Background()
	forever := with(hold(4, 5), func(x *ledger.Transfer) { x.Expires = time.Time{} })
	b.post([]ledger.Transfer{transfer(1, "reserve", "fund", 100), hold(2, 70), hold(3, 10), forever})
	if sums, err := b.Balance(ctx, "fund"); err != nil || sums != (ledger.Sums{Credits: 100, DebitsHeld: 85}) || sums.Available() != 15 {
		t.Errorf("fund: %+v, %v", sums, err)
	}
	b.post([]ledger.Transfer{on(3, ledger.PostHold, 4)})
	var open []ledger.Fen
	b.must(b.Holds(ctx, func(h ledger.HoldStatus) error { open = append(open, h.Amount); return nil }))
	if !slices.Equal(open, []ledger.Fen{5, 70}) {
		t.Errorf("held: %v, expected 5 for ever and 70", open)
	}
	if h, found, err := b.HoldOf(ctx, ledger.Key{Day: today, Subject: hold(3, 1).Subject, ID: hold(3, 1).ID}); err != nil || !found ||
		h.State != chain.HoldPosted || h.Posted != 4 || h.Amount != 10 || !h.Expires.Equal(noon.Add(time.Hour)) {
		t.Errorf("hold 3: %+v, %v, %v", h, found, err)
	}
	if early, err := b.Lapsed(ctx, noon, 10); err != nil || len(early) != 0 {
		t.Errorf("lapsed at noon: %v, %v", early, err)
	}
	lapsed, err := b.Lapsed(ctx, noon.Add(time.Hour), 10)
	if err != nil || len(lapsed) != 1 || lapsed[0].Amount != 70 {
		t.Fatalf("lapsed at one: %v, %v", lapsed, err)
	}
	if got := describe(b.post([]ledger.Transfer{lapsed[0].Expiry(noon.Add(time.Hour))}).Transfers); got[0] != "inserted 0" {
		t.Errorf("expiry: %q", got)
	}
	b.verify()
}

// TestHoldOnClosedAccount voids a hold whose account was closed, which posting may not.
func TestHoldOnClosedAccount(t *testing.T) {
	b := newBooks(t)
	b.post([]ledger.Transfer{transfer(1, "reserve", "fund", 100), hold(2, 70)})
	b.must(b.MarkAccount(context.Background(), "operator:bus", ledger.Marks{Closed: true}, approved))
	got := describe(b.post([]ledger.Transfer{on(2, ledger.PostHold, 0), on(2, ledger.VoidHold, 0)}).Transfers)
	if want := []string{"refused: an account is closed", "inserted 0"}; !slices.Equal(got, want) {
		t.Errorf("%q, expected %q", got, want)
	}
	b.verify()
}

// TestCapAndAlarm lets an agent sell on credit up to a cap and says when the alarm level is
// reached.
func TestCapAndAlarm(t *testing.T) {
	b := newBooks(t)
	b.must(b.OpenAccounts(context.Background(), []ledger.Account{
		{Code: "agent", Kind: ledger.Asset, Owner: "kiosk", Flags: ledger.DebitsMustNotExceedCredits, Cap: 100, Alarm: 80, Shards: 2},
	}))
	sell := func(id int, amount ledger.Fen) ledger.Transfer { return transfer(id, "agent", "float", amount) }
	for n, step := range []struct {
		batch []ledger.Transfer
		want  []string
		used  ledger.Fen
	}{
		{[]ledger.Transfer{sell(1, 79)}, []string{"inserted 79"}, 0},
		{[]ledger.Transfer{sell(2, 22), with(sell(3, 1), func(x *ledger.Transfer) { x.Act = ledger.Hold })}, []string{tooLittle, "inserted 1"}, 80},
		{[]ledger.Transfer{sell(4, 20), sell(5, 1)}, []string{"inserted 20", tooLittle}, 0},
		{[]ledger.Transfer{transfer(7, "reserve", "agent", 50), sell(8, 1)}, []string{"inserted 50", "inserted 1"}, 0},
		{[]ledger.Transfer{sell(9, 49)}, []string{"inserted 49"}, 100},
	} {
		out := b.post(step.batch)
		if got := describe(out.Transfers); !slices.Equal(got, step.want) {
			t.Errorf("batch %d: %q, expected %q", n, got, step.want)
		}
		var used ledger.Fen
		for _, a := range out.Alarms {
			used += a.Used
		}
		if used != step.used {
			t.Errorf("batch %d: alarms %v, expected one at %d", n, out.Alarms, step.used)
		}
	}
	b.verify()
	for _, bad := range []ledger.Account{
		{Code: "a", Kind: ledger.Asset, Cap: 1},
		{Code: "a", Kind: ledger.Asset, Flags: ledger.DebitsMustNotExceedCredits, Cap: -1},
		{Code: "a", Kind: ledger.Asset, Flags: ledger.DebitsMustNotExceedCredits, Cap: 1, Alarm: 2},
	} {
		if err := b.OpenAccounts(context.Background(), []ledger.Account{bad}); err == nil {
			t.Errorf("%+v was opened", bad)
		}
	}
}

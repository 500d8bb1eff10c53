package ledger_test

import (
	"context"
	"errors"
	"testing"

	"citycard/ledger"
)

func TestAccountsOpenOnce(t *testing.T) {
	b := newBooks(t)
	ctx := context.Background()
	b.must(b.OpenAccounts(ctx, chart()))
	for name, account := range map[string]ledger.Account{
		"other kind":   {Code: "float", Kind: ledger.Asset, Owner: "centre", Shards: 4},
		"other shards": {Code: "float", Kind: ledger.Liability, Owner: "centre", Shards: 8},
		"other limit":  {Code: "float", Kind: ledger.Liability, Owner: "centre", Shards: 4, Flags: ledger.DebitsMustNotExceedCredits},
	} {
		if err := b.OpenAccounts(ctx, []ledger.Account{{Code: "unborn", Kind: ledger.Asset}, account}); !errors.Is(err, ledger.ErrAccount) {
			t.Errorf("%s: %v, expected ErrAccount", name, err)
		}
	}
	for _, bad := range []ledger.Account{
		{Code: "", Kind: ledger.Asset},
		{Code: "a\x00", Kind: ledger.Asset},
		{Code: "a", Kind: "debt"},
		{Code: "a", Kind: ledger.Asset, Shards: 1000},
		{Code: "a", Kind: ledger.Asset, Flags: 64},
		{Code: "a", Kind: ledger.Asset, Shards: 2, Flags: ledger.DebitsMustNotExceedCredits | ledger.CreditsMustNotExceedDebits},
	} {
		if err := b.OpenAccounts(ctx, []ledger.Account{bad}); err == nil {
			t.Errorf("account %+v was opened", bad)
		}
	}
	accounts, err := b.Accounts(ctx)
	b.must(err)
	if float, ok := accounts.Account("float"); !ok || float.Shards != 4 || float.Owner != "centre" || len(accounts.All()) != len(chart()) {
		t.Errorf("float is %+v, %d accounts", float, len(accounts.All()))
	}
	if _, err = b.Balance(ctx, "unborn"); !errors.Is(err, ledger.ErrNoAccount) {
		t.Errorf("balance of an unknown account: %v, expected ErrNoAccount", err)
	}
	if err = b.MarkAccount(ctx, "unborn", true, false, approved); !errors.Is(err, ledger.ErrNoAccount) {
		t.Errorf("marking an unknown account: %v, expected ErrNoAccount", err)
	}
}

func TestStatementAndShadow(t *testing.T) {
	b := newBooks(t)
	ctx := context.Background()
	old := with(transfer(7, "reserve", "float", 1000), func(x *ledger.Transfer) { x.Day = 20251230 })
	b.post([]ledger.Transfer{old, transfer(14, "float", "operator:bus", 200), transfer(1, "float", "operator:bus", 5)},
		ledger.Memo{Day: today, Subject: "card0", ID: "m", Kind: "record"})
	var rows []ledger.Row
	collect := func(r ledger.Row) error { rows = append(rows, r); return nil }
	b.must(b.Statement(ctx, "card0", 20251201, today, collect))
	if len(rows) != 3 || rows[0].Amount != 1000 || rows[1].Amount != 200 || rows[2].Kind != "record" || rows[1].ContentHash() != rows[1].Hash {
		t.Errorf("statement %+v", rows)
	}
	rows = nil
	b.must(b.Statement(ctx, "card0", today, today, collect))
	if len(rows) != 2 {
		t.Errorf("today's statement has %d rows, expected 2", len(rows))
	}
	if err := b.Statement(ctx, "card0", 20000230, today, collect); err == nil {
		t.Error("a statement from the 30th of February: expected an error")
	}
	shadows := make(map[ledger.Subject]ledger.Fen)
	b.must(b.Shadow(ctx, ledger.IDOfCode("float"), func(s ledger.Subject, f ledger.Fen) error { shadows[s] = f; return nil }))
	if len(shadows) != 2 || shadows["card0"] != 800 || shadows["card1"] != -5 {
		t.Errorf("shadow balances %v", shadows)
	}
}

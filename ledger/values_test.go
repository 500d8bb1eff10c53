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
	if err = b.MarkAccount(ctx, "unborn", ledger.Marks{Frozen: true}, approved); !errors.Is(err, ledger.ErrNoAccount) {
		t.Errorf("marking an unknown account: %v, expected ErrNoAccount", err)
	}
}

package verify_test

import (
	"context"
	"fmt"
	"testing"

	"citycard/ledger"
)

// withCredit adds an agent to the books whose cap was changed twice, the second time below what it
// had used.
func withCredit(t *testing.T) *ledger.Ledger {
	t.Helper()
	ctx := context.Background()
	l, _ := write(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(l.OpenAccounts(ctx, []ledger.Account{{Code: "agent", Kind: ledger.Asset, Flags: ledger.DebitsMustNotExceedCredits, Cap: 10}}))
	by := approved("credit")
	_, err := l.ChangeLimit(ctx, "agent", ledger.Limit{Cap: 90}, by)
	must(err)
	lease, err := l.Lease(ctx, "agents", "test", 0)
	must(err)
	_, err = l.Post(ctx, &ledger.Batch{
		Stream: "agents", Epoch: lease.Epoch, From: 0, Next: 1, Day: today,
		Transfers: []ledger.Transfer{{Day: today, Subject: "agent", ID: "a", Debit: ledger.IDOfCode("agent"), Credit: ledger.IDOfCode("bus"), Amount: 70}},
	})
	must(err)
	_, err = l.ChangeLimit(ctx, "agent", ledger.Limit{Cap: 20, BelowUsed: true}, by)
	must(err)
	return l
}

func TestCapsTampered(t *testing.T) {
	agent := fmt.Sprintf(" WHERE account = %d", ledger.IDOfCode("agent"))
	const what = "UPDATE audit SET what = "
	tamperWith(t, withCredit, []tampering{
		{"nothing", "UPDATE accounts SET owner = owner" + agent, nil},
		{"cap", "UPDATE accounts SET cap = 100" + agent, []string{"limit differs from its changes: account agent: cap 100, alarm 0; its last change left cap 20"}},
		{
			"beyond what was used", "UPDATE balances SET debits = 71" + agent,
			[]string{"account limit broken: account agent: debits 71 and holds 0 exceed credits 0 and cap 70", "balance differs", "debits differ"},
		},
		{
			"other cap before", what + `replace(what, '"old_cap":90', '"old_cap":80') WHERE number = 11`,
			[]string{"audit chain mismatch: audit entry 11", "limit differs from its changes: audit entry 11: it changes account agent from cap 80"},
		},
		{
			"more used than allowed", what + `replace(what, '"used":70', '"used":91') WHERE number = 11`,
			[]string{"audit chain mismatch: audit entry 11", "account limit broken: audit entry 11: account agent had used 91, 90 was allowed"},
		},
		{
			"no change", what + `'{}' WHERE number = 11`,
			[]string{
				"audit chain mismatch: audit entry 11", "limit differs from its changes: account agent: cap 20", "account differs from its changes: account agent: its version",
				"chart version mismatch: audit entry 11: it makes version 0, the change before it 3", "chart version mismatch: the chart: its version is 4",
				"account differs from its changes: account : it was changed, and there is no such account",
			},
		},
		{
			"not to be read", what + `'?' WHERE number = 11`,
			[]string{
				"audit chain mismatch: audit entry 11", "account differs from its changes: the audit: audit entry 11", "limit differs from its changes: account agent: cap 20",
				"account differs from its changes: account agent: its version", "chart version mismatch: the chart",
			},
		},
		{"account gone", "DELETE FROM accounts" + agent, []string{
			"account differs from its opening: accounts opened in version 2 by audit entry 9: there are 0, it opened 1",
			"account differs from its changes: account agent: it was changed, and there is no such account", "unknown account",
			"balances differ from the account's shards: account number",
		}},
	})
}

// withStore adds a store whose credits must not exceed its debits, of which something was taken and
// something is held.
func withStore(t *testing.T) *ledger.Ledger {
	t.Helper()
	ctx := context.Background()
	l, _ := write(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(l.OpenAccounts(ctx, []ledger.Account{{Code: "store", Kind: ledger.Asset, Flags: ledger.CreditsMustNotExceedDebits}}))
	lease, err := l.Lease(ctx, "stores", "test", 0)
	must(err)
	move := func(id ledger.ID, debit, credit string, amount ledger.Fen, act ledger.Act) ledger.Transfer {
		return ledger.Transfer{Day: today, Subject: "store", ID: id, Debit: ledger.IDOfCode(debit), Credit: ledger.IDOfCode(credit), Amount: amount, Act: act}
	}
	out, err := l.Post(ctx, &ledger.Batch{Stream: "stores", Epoch: lease.Epoch, From: 0, Next: 1, Day: today, Transfers: []ledger.Transfer{
		move("a", "store", "bus", 100, ledger.Move), move("b", "bus", "store", 30, ledger.Move), move("c", "bus", "store", 70, ledger.Hold),
	}})
	must(err)
	for _, d := range out.Transfers {
		must(d.Err)
	}
	return l
}

func TestStoreTampered(t *testing.T) {
	store := fmt.Sprintf(" WHERE account = %d", ledger.IDOfCode("store"))
	tamperWith(t, withStore, []tampering{
		{
			"held", "UPDATE balances SET credits_held = credits_held + 1" + store,
			[]string{"account limit broken: account store: credits 30 and holds 71 exceed debits 100", "held amount differs from holds: account store"},
		},
		{
			"taken", "UPDATE balances SET credits = credits + 1" + store,
			[]string{"account limit broken: account store: credits 31 and holds 70 exceed debits 100", "balance differs from transfers: account store", "debits differ from credits: all accounts"},
		},
	})
}

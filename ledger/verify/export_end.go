package verify

import (
	"fmt"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/export"
)

// checkBalance compares what the database says of an account with the rows. Holds come after balances in an export, so those are taken from the rows.
func (x *exported) checkBalance(line *export.Balance) error {
	if err := x.endJournal(); err != nil {
		return err
	}
	want := sumsAt(x.balances, line.Account)
	has := ledger.Sums{Debits: line.Debits, Credits: line.Credits, DebitsHeld: line.DebitsHeld, CreditsHeld: line.CreditsHeld}
	where := "account " + x.accountName(line.Account)
	if has.Debits != want.Debits || has.Credits != want.Credits {
		x.fault(BalanceSum, where, "debits %d, credits %d; its transfers make %d and %d", int64(has.Debits), int64(has.Credits),
			int64(want.Debits), int64(want.Credits))
	}
	if has.DebitsHeld != want.DebitsHeld || has.CreditsHeld != want.CreditsHeld {
		x.fault(HeldSum, where, "debits %d, credits %d; its holds make %d and %d", int64(has.DebitsHeld), int64(has.CreditsHeld),
			int64(want.DebitsHeld), int64(want.CreditsHeld))
	}
	delete(x.balances, line.Account)
	if a := x.unseen[line.Account]; a != nil {
		x.limit(a.Chart(), has)
		delete(x.unseen, line.Account)
	}
	return nil
}

// endJournal ends the journal, once, and adds up what its holds still hold.
func (x *exported) endJournal() error {
	if x.ended {
		return nil
	}
	x.ended = true
	if err := x.replay.finish(); err != nil {
		return err
	}
	for _, h := range x.holds {
		if state, _ := h.state(); state == chain.HoldHeld {
			sumsAt(x.balances, h.hold.debit).DebitsHeld += h.hold.amount
			sumsAt(x.balances, h.hold.credit).CreditsHeld += h.hold.amount
		}
	}
	return nil
}

func (x *exported) checkTurnover(k turnoverKey, has ledger.Sums) {
	want := ledger.Sums{}
	if sums := x.turnovers[k]; sums != nil {
		want = *sums
	}
	delete(x.turnovers, k)
	if has != want {
		x.fault(TurnoverSum, fmt.Sprintf("account %s, day %v", x.accountName(k.account), k.day), "debits %d, credits %d; its transfers make %d and %d",
			int64(has.Debits), int64(has.Credits), int64(want.Debits), int64(want.Credits))
	}
}

// finish reports what the rows have and the export does not, and checks the seals.
func (x *exported) finish() error {
	if err := x.endJournal(); err != nil {
		return err
	}
	for id, sums := range x.balances {
		if *sums != (ledger.Sums{}) {
			if err := x.checkBalance(&export.Balance{Account: id}); err != nil {
				return err
			}
		}
	}
	for _, a := range x.unseen {
		x.fault(ShardRows, "account "+a.Code, "it has no balance")
		x.limit(a.Chart(), ledger.Sums{})
	}
	if err := x.endChart(); err != nil {
		return err
	}
	for k := range x.turnovers {
		x.checkTurnover(k, ledger.Sums{})
	}
	for k, h := range x.holds {
		state, posted := h.state()
		if h.hold.there {
			x.fault(HoldState, keyName("hold", k.Day, []byte(k.Subject), []byte(k.ID)), "it is none; the journal says %s with %d posted", state, int64(posted))
		}
		x.checkEnd(k, h)
	}
	for _, h := range x.covered {
		x.audit.covers(h.Day, h.Sequence, h.Head)
	}
	roots, err := x.heads.roots()
	if err != nil {
		return err
	}
	for _, d := range x.dayLines {
		var root []byte
		if d.Root != nil {
			root = d.Root[:]
		}
		if err = x.day(ledger.DayStatus{Day: d.Day, State: d.State, Next: d.Next}, root, d.Signature, d.Signer, roots); err != nil {
			return err
		}
	}
	x.endDays()
	return nil
}

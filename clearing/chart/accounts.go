package chart

import (
	"citycard/clearing/identity"
	"citycard/clearing/registry/index"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// hotShards is the number of rows over which the balance of an account is spread if most taps touch
// it, so that partitions do not wait for each other.
const hotShards = 16

// Insurances are the insurance funds.
func Insurances() []string { return []string{"employee", "resident"} }

// Accounts returns the accounts that the registry requires, and those that exist once. The accounts
// that a day's close pays out must return to zero.
func Accounts(r *index.Edition) []ledger.Account {
	guarded := ledger.DebitsMustNotExceedCredits
	accounts := []ledger.Account{
		{Code: Reserve, Kind: ledger.Asset, Owner: "issuer"},
		{Code: Unwritten, Kind: ledger.Liability, Owner: "issuer", Shards: hotShards, Flags: guarded},
		{Code: Waiting, Kind: ledger.Liability, Owner: "issuer", Flags: guarded},
		{Code: Float, Kind: ledger.Liability, Owner: "issuer", Shards: hotShards},
		{Code: Centre, Kind: ledger.Asset, Owner: "centre", Shards: hotShards},
		{Code: Deposits, Kind: ledger.Liability, Owner: "issuer"},
		{Code: Passes, Kind: ledger.Liability, Owner: "issuer"},
		{Code: Fees, Kind: ledger.Income, Owner: "issuer"},
		{Code: Differences, Kind: ledger.Income, Owner: "issuer"},
		{Code: Commission, Kind: ledger.Expense, Owner: "issuer"},
		{Code: Overdrawn, Kind: ledger.Expense, Owner: "issuer"},
		{Code: Inactive, Kind: ledger.Liability, Owner: "issuer"},
		{Code: BankMedical, Kind: ledger.Asset, Owner: "insurance"},
		{Code: BankPension, Kind: ledger.Asset, Owner: "pension"},
		{Code: PensionFund, Kind: ledger.Liability, Owner: "pension", Flags: guarded},
		{Code: PensionPayout, Kind: ledger.Liability, Owner: "pension", Flags: ledger.MustReturnToZero},
		{Code: PensionReturned, Kind: ledger.Liability, Owner: "pension"},
		{Code: CodeLost, Kind: ledger.Liability, Owner: "issuer", Shards: hotShards},
	}
	for _, entry := range verdict.List() {
		if entry.Verdict == verdict.Suspended {
			// A batch of thousands of taps has some that are suspended, nearly always: with one
			// row, all partitions would wait for it.
			accounts = append(accounts, ledger.Account{Code: Suspense(entry.Reason), Kind: ledger.Liability, Owner: "issuer", Shards: hotShards})
		}
	}
	for _, insurance := range Insurances() {
		accounts = append(accounts, ledger.Account{Code: Fund(insurance), Kind: ledger.Liability, Owner: insurance, Flags: guarded})
	}
	for _, o := range r.Operators() {
		accounts = append(accounts, ledger.Account{Code: Operator(o.ID), Kind: ledger.Liability, Owner: o.ID, Shards: hotShards, Flags: ledger.MustReturnToZero},
			ledger.Account{Code: Pending(o.ID), Kind: ledger.Liability, Owner: o.ID, Shards: hotShards})
	}
	for _, c := range r.Channels() {
		accounts = append(accounts, ledger.Account{Code: Channel(c.ID), Kind: ledger.Asset, Owner: c.ID, Flags: guarded, Cap: ledger.MaxAmount},
			ledger.Account{Code: Handed(c.ID), Kind: ledger.Asset, Owner: c.ID, Flags: ledger.CreditsMustNotExceedDebits})
	}
	for _, h := range r.Hospitals() {
		accounts = append(accounts, ledger.Account{Code: Hospital(h.ID), Kind: ledger.Liability, Owner: h.ID, Flags: ledger.MustReturnToZero})
	}
	r.Persons(func(token index.Token, _ index.Person) {
		accounts = append(accounts, ledger.Account{Code: Personal(token), Kind: ledger.Liability, Owner: token.String(), Flags: guarded})
	})
	return accounts
}

// Openings are the balances that the registry takes over from the previous system: personal medical
// accounts and purses. They are posted once, whichever process asks how often.
func Openings(r *index.Edition) []ledger.Transfer {
	var transfers []ledger.Transfer
	r.Persons(func(token index.Token, p index.Person) {
		if p.PersonalAccount > 0 {
			transfers = append(transfers, ledger.Transfer{
				Day: p.From, Subject: ledger.Subject(token[:]), ID: identity.Opening("personal"),
				Debit: ledger.IDOfCode(BankMedical), Credit: ledger.IDOfCode(Personal(token)),
				Amount: p.PersonalAccount, Purpose: PurposeOpening,
			})
		}
	})
	r.Purses(func(p index.Purse) {
		transfers = append(transfers, ledger.Transfer{
			Day: p.Day, Subject: identity.CardOf(p.ID).Subject(), ID: identity.Opening("purse"),
			Debit: ledger.IDOfCode(Reserve), Credit: ledger.IDOfCode(Float), Amount: p.Fen, Purpose: PurposeOpening,
		})
	})
	return transfers
}

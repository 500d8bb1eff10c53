package verify_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/dayclose"
	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/clearing/receipt"
	"citycard/clearing/schema"
	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/ledgertest"
)

// office takes proposals of books with staff, which have a closed day and an account with a limit.
type office struct {
	*testing.T
	*peopletest.Staff
	office *proposal.Office
}

func newOffice(t *testing.T) *office {
	t.Helper()
	url := ledgertest.New(t)
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(schema.Apply(t.Context(), url))
	s := peopletest.New(t, ledgertest.Connect(t, url, 4))
	const day ledger.Day = 20260105
	must(s.Ledger.OpenDay(t.Context(), day))
	must(s.Ledger.OpenAccounts(t.Context(), []ledger.Account{
		{Code: chart.Reserve, Kind: ledger.Asset, Owner: "issuer"},
		{Code: "channel:shop", Kind: ledger.Asset, Owner: "shop"},
		{Code: "operator:metro", Kind: ledger.Liability, Owner: "metro", Flags: ledger.DebitsMustNotExceedCredits, Cap: 1000},
	}))
	must(s.Ledger.CloseDay(t.Context(), day, day.Next()))
	must(s.Ledger.EndDay(t.Context(), day))
	kinds := append(proposal.Staff(s.Store), chart.LimitKind(s.Ledger), chart.MarkKind(s.Ledger), dayclose.ReopenKind(s.Ledger), dayclose.PinKind(s.Ledger))
	kinds = append(kinds, receipt.Kinds(&receipt.Office{Ledger: s.Ledger, Owner: "test"})...)
	return &office{t, s, &proposal.Office{Ledger: s.Ledger, People: s.Store, Kinds: kinds}}
}

func propose[T any](o *office, by, kind string, request T) *proposal.View {
	o.Helper()
	body, err := proposal.Body(request)
	if err != nil {
		o.Fatal(err)
	}
	p, err := o.office.Propose(o.Context(), kind, body, "test", o.Signer(o, by))
	if err != nil {
		o.Fatal(err)
	}
	return p
}

func (o *office) approve(by string, p *proposal.View) {
	o.Helper()
	if _, err := o.office.Approve(o.Context(), p.Number, hex.EncodeToString(p.Hash[:]), o.Signer(o, by)); err != nil {
		o.Fatal(err)
	}
}

// wants wants a fault after a change of the database.
func (o *office) wants(change, want string) {
	o.Helper()
	faults := faultsOf(o.T, o.Ledger, change)
	if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, want) }) {
		o.Errorf("%s: faults\n%s\nwant one with %q", change, strings.Join(faults, "\n"), want)
	}
}

// TestDoneIsWhatWasSigned has two people do an act of each kind, and alters what the audit says of
// it, as somebody could who has the database: the fault says what was signed.
func TestDoneIsWhatWasSigned(t *testing.T) {
	o := newOffice(t)
	o.approve("lee", propose(o, "kim", people.ActEnrol, people.Enrolment{ID: "eve", Name: "Eve & Co", Unit: people.Issuer, Role: people.Clerk, Key: peopletest.Key(t, "eve").Public().String()}))
	o.approve("lee", propose(o, "kim", people.ActChange, people.Change{ID: "eve", Role: people.Auditor}))
	o.approve("lee", propose(o, "kim", people.ActDisable, people.Disabling{ID: "eve"}))
	o.approve("lee", propose(o, "kim", chain.ActPinSealKey, dayclose.PinRequest{Key: strings.Repeat("ab", 32)}))
	o.approve("bob", propose(o, "cleo", chart.LimitName, chart.LimitRequest{Account: "operator:metro", Cap: 2000}))
	o.approve("bob", propose(o, "cleo", chart.MarkName, chart.MarkRequest{Account: "operator:metro", As: chart.Frozen}))
	o.approve("bob", propose(o, "cleo", dayclose.ReopenName, dayclose.ReopenRequest{Day: 20260105}))
	o.approve("bob", propose(o, "cleo", receipt.ActBook, receipt.BookRequest{Account: "channel:shop", Fen: 500, Reference: "r1"}))
	o.approve("bob", propose(o, "cleo", receipt.ActBook, receipt.BookRequest{Account: "channel:shop", Fen: 700, Reference: "r2"}))
	o.approve("bob", propose(o, "cleo", receipt.ActReverse, receipt.ReverseRequest{Reference: "r2"}))
	if faults := faultsOf(t, o.Ledger, ""); len(faults) > 0 {
		t.Fatalf("before any change: %q", faults)
	}
	const differs = "act differs from what was signed: audit entry "
	for _, test := range []struct{ act, from, to string }{
		{people.ActEnrol, `"Eve \u0026 Co"`, `"Eve Ltd"`},
		{people.ActEnrol, `"clerk","key"`, `"keeper","key"`},
		{people.ActChange, `"auditor"`, `"keeper"`},
		{people.ActChange, `Eve \u0026 Co`, `Eve`},
		{people.ActDisable, `"eve"`, `"bob"`},
		{chain.ActPinSealKey, "abab", "cdcd"},
		{chain.ActChangeLimit, `"cap":2000`, `"cap":9000`},
		{chain.ActChangeLimit, `"alarm":0`, `"alarm":7`},
		{chain.ActChangeLimit, `operator:metro`, `channel:shop`},
		{chain.ActMarkAccount, `"flags":9,`, `"flags":1,`},
		{chain.ActMarkAccount, `operator:metro`, `channel:shop`},
		{chain.ActReopenDay, "20260105", "20260106"},
		{receipt.ActBook, "reference r1: 500 fen", "reference r1: 900 fen"},
		{receipt.ActReverse, "700 fen", "7 fen"},
	} {
		o.wants(fmt.Sprintf("UPDATE audit SET what = replace(what, '%s', '%s') WHERE act = '%s' AND strpos(what, '%s') > 0", test.from, test.to, test.act, test.from), differs)
	}
	const loose = "transfer that two people must decide is in no act: 19000101/72657365727665/"
	o.wants("DELETE FROM audit WHERE act = 'reverse receipt'", loose+"fd317232")
	o.wants("DELETE FROM audit WHERE act = 'book receipt' AND strpos(what, 'r1') > 0", loose+"317231")
	o.wants("UPDATE journal SET amount = 501 WHERE amount = 500", loose+"317231")
	o.wants("UPDATE journal SET amount = 501 WHERE amount = 500", "the journal has no such transfer")
}

// TestWhoCouldNot has everybody sign, with the keys that they have, what they may not sign, and
// writes the entries of that into the database.
func TestWhoCouldNot(t *testing.T) {
	o := newOffice(t)
	waiting := propose(o, "ann", chart.LimitName, chart.LimitRequest{Account: "operator:metro", Cap: 3000})
	other := propose(o, "bob", chart.LimitName, chart.LimitRequest{Account: "operator:metro", Cap: 4000})
	limit := chain.LimitChange{Account: "operator:metro", OldCap: 1000, Cap: 3000, Version: 2}
	of := func(p *proposal.View) string { return proposal.StatementOf(p.Number, p.Hash) }
	decided := func(p *proposal.View) string { return fmt.Sprintf(`{"proposal":%d,"hash":"%x"}`, p.Number, p.Hash) }
	alone := func(id, act, what string) ledger.Approval {
		return ledger.Approval{First: id, Reason: "test", At: o.Now(t), Signed: []chain.Signature{o.Sign(t, id, act, what, "test")}}
	}
	approves := func(id string, p *proposal.View, what string) ledger.Approval {
		signed := o.Sign(t, id, people.ActApprove, what, "test")
		return ledger.Approval{First: p.Proposer, Second: id, Reason: "test", At: o.Now(t), Signed: []chain.Signature{p.Signed, signed}}
	}
	proposed := func(unit, kind string, expires int64) string {
		return fmt.Sprintf(`{"proposal":99,"kind":%q,"unit":%q,"hash":"%064x","expires":%d}`, kind, unit, 7, expires)
	}
	soon, zero := o.Now(t).Unix()+60, [32]byte{31: 7}
	two := o.Two(t, "ann", "bob", chain.ActChangeLimit, "a limit", "test")
	two.Check = nil
	for name, test := range map[string]struct {
		act, what string
		by        ledger.Approval
		change    string
		want      string
	}{
		"a clerk approves":             {chain.ActChangeLimit, "", approves("cleo", waiting, of(waiting)), "", `cleo, clerk of issuer, may not approve "account limit"`},
		"a keeper approves":            {chain.ActChangeLimit, "", approves("kim", waiting, of(waiting)), "", `kim, keeper of issuer, may not approve`},
		"another unit approves":        {chain.ActChangeLimit, "", approves("omar", waiting, of(waiting)), "", `omar, clerk of operator:metro, may not approve`},
		"after it has expired":         {chain.ActChangeLimit, "", approves("bob", waiting, of(waiting)), "UPDATE audit SET what = regexp_replace(what, '\"expires\":[0-9]+', '\"expires\":1') WHERE act = 'propose'", "which had expired at 1"},
		"two sign without proposing":   {chain.ActChangeLimit, "", two, "", "not a proposal and its approval"},
		"of another proposal":          {chain.ActChangeLimit, "", approves("bob", waiting, of(other)), "", `"bob" signed "proposal `},
		"of no proposal":               {chain.ActChangeLimit, "", approves("bob", waiting, "anything"), "", "names no proposal"},
		"who may not propose":          {proposal.ActPropose, proposed("issuer", chart.LimitName, soon), alone("omar", proposal.ActPropose, proposal.StatementOfKind(chart.LimitName, zero)), "", `may not do or propose "account limit"`},
		"a proposal of another hash":   {proposal.ActPropose, proposed("issuer", chart.LimitName, soon), alone("ann", proposal.ActPropose, "proposal of account limit sha256:00"), "", "; proposed is "},
		"that waits for years":         {proposal.ActPropose, proposed("issuer", chart.LimitName, soon+1e9), alone("ann", proposal.ActPropose, proposal.StatementOfKind(chart.LimitName, zero)), "", "it waits until second"},
		"takes back another's":         {proposal.ActWithdraw, decided(waiting), alone("bob", proposal.ActWithdraw, of(waiting)), "", `and "ann" had proposed it`},
		"rejects one's own":            {proposal.ActReject, decided(waiting), alone("ann", proposal.ActReject, of(waiting)), "", `"ann" rejected what "ann" proposed`},
		"a clerk rejects":              {proposal.ActReject, decided(waiting), alone("cleo", proposal.ActReject, of(waiting)), "", "cleo, clerk of issuer, may not approve"},
		"rejects another":              {proposal.ActReject, decided(waiting), alone("bob", proposal.ActReject, of(other)), "", "the entry is of proposal"},
		"rejects nothing":              {proposal.ActReject, decided(waiting), alone("bob", proposal.ActReject, "nothing"), "", "names no proposal"},
		"a clerk of an operator reads": {"read a person", "{}", alone("omar", "read a person", "somebody"), "", `may not do or propose "read a person"`},
	} {
		var faults []string
		err := o.Ledger.Write(t.Context(), func(tx pgx.Tx) error {
			if test.change != "" {
				if _, err := tx.Exec(t.Context(), test.change); err != nil {
					t.Fatal(name, err)
				}
			}
			var err error
			if test.by.Second == "" {
				err = ledger.Record(t.Context(), tx, test.act, test.what, test.by)
			} else {
				_, err = tx.Exec(t.Context(), "UPDATE accounts SET cap = 3000 WHERE code = 'operator:metro'")
				if err == nil {
					err = ledger.Approve(t.Context(), tx, "judge quarantined", fmt.Sprint(limit), test.by)
				}
			}
			if err == nil {
				_, err = tx.Exec(t.Context(), "UPDATE audit SET act = $1 WHERE number = (SELECT max(number) FROM audit)", test.act)
			}
			if err != nil {
				t.Fatal(name, err)
			}
			faults = faultsIn(t, tx)
			return errUndone
		})
		if err != errUndone {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(faults, func(f string) bool {
			return strings.HasPrefix(f, "act is not signed as it should be") && strings.Contains(f, test.want)
		}) {
			t.Errorf("%s: faults\n%s\nwant one with %q", name, strings.Join(faults, "\n"), test.want)
		}
	}
}

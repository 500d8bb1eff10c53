package receipt_test

import (
	"encoding/hex"
	"errors"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/clearing/receipt"
	"citycard/clearing/schema"
	"citycard/ledger/ledgertest"
	"citycard/ledger/verify"
)

// TestProposed has a receipt and its reversal proposed by one and approved by another, whom the
// audit names. What is booked is not proposed again, and an auditor proposes nothing.
func TestProposed(t *testing.T) {
	url := ledgertest.New(t)
	b := newBank(t, url)
	b.must(schema.Apply(t.Context(), url))
	staff := peopletest.New(t, b.Ledger)
	office := &proposal.Office{Ledger: b.Ledger, People: staff.Store, Kinds: receipt.Kinds(b.Office)}
	propose := func(by, kind string, request any) (*proposal.View, error) {
		body, err := proposal.Body(request)
		b.must(err)
		return office.Propose(t.Context(), kind, body, "statement 7", staff.Signer(t, by))
	}
	approve := func(by string, v *proposal.View) error {
		_, err := office.Approve(t.Context(), v.Number, hex.EncodeToString(v.Hash[:]), staff.Signer(t, by))
		return err
	}
	book := receipt.BookRequest{Account: chart.Fund("employee"), Fen: 500, Reference: "slip"}
	shown, err := propose("cleo", receipt.ActBook, book)
	b.must(err)
	if c := shown.Change; c.Unit != people.Issuer || len(c.Transfers) != 1 || c.Transfers[0] != (proposal.Transfer{Debit: chart.BankMedical, Credit: chart.Fund("employee"), Fen: 500}) {
		t.Errorf("shown: %+v, want the one transfer", c)
	}
	b.wantBalance(chart.Fund("employee"), 0)
	if err := approve("cleo", shown); !errors.Is(err, proposal.ErrProposer) && !errors.As(err, new(*people.DeniedError)) {
		t.Errorf("approved by who proposed it: %v", err)
	}
	b.must(approve("ann", shown))
	b.wantBalance(chart.Fund("employee"), 500)
	if _, err := propose("cleo", receipt.ActBook, book); err == nil {
		t.Error("what is booked is proposed again")
	}
	if _, err := propose("kim", receipt.ActReverse, receipt.ReverseRequest{Reference: "slip"}); !errors.As(err, new(*people.DeniedError)) {
		t.Errorf("a keeper proposes a reversal: %v", err)
	}
	shown, err = propose("ann", receipt.ActReverse, receipt.ReverseRequest{Reference: "slip"})
	b.must(err)
	b.must(approve("bob", shown))
	b.wantBalance(chart.Fund("employee"), 0)
	entries, err := b.Ledger.Audit(t.Context(), receipt.ActBook, receipt.ActReverse)
	b.must(err)
	if len(entries) != 2 || entries[0].First != "cleo" || entries[0].Second != "ann" || len(entries[0].Signed) != 2 || entries[1].First != "ann" || entries[1].Second != "bob" {
		t.Errorf("the audit has %+v, want both acts with both people's signatures", entries)
	}
	_, err = verify.Books(t.Context(), b.Ledger, nil, func(f verify.Fault) { t.Error(f) })
	b.must(err)
}

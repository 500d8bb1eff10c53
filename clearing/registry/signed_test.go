package registry_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"citycard/clearing/clearingtest"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/clearing/registry"
	clearing "citycard/clearing/verify"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/verify"
)

// proposing is a founded archive whose changes are proposed by people.
type proposing struct {
	*archive
	staff  *peopletest.Staff
	office *proposal.Office
}

func newProposing(t *testing.T) *proposing {
	t.Helper()
	a := founded(t)
	staff := peopletest.New(t, a.ledger)
	return &proposing{a, staff, a.officeOn(a.ledger, staff)}
}

// officeOn takes proposals of files that are checked against what is in force.
func (a *archive) officeOn(l *ledger.Ledger, staff *peopletest.Staff) *proposal.Office {
	kind := registry.ChangeKind(l, func(ctx context.Context, files registry.Files) (*registry.Draft, error) {
		base, err := a.Load(ctx)
		if err != nil {
			return nil, err
		}
		return registry.Bounds{}.ReadFiles(files, base)
	})
	return &proposal.Office{Ledger: l, People: staff.Store, Kinds: []proposal.Kind{kind}}
}

func (p *proposing) asks(by string, files map[string]string) (*proposal.View, error) {
	p.Helper()
	body, err := proposal.Body(registry.ImportRequest{Files: files})
	p.must(err)
	request, _, err := p.office.Complete(p.Context(), registry.ChangeName, body)
	if err != nil {
		return nil, err
	}
	return p.office.Propose(p.Context(), registry.ChangeName, request, "because", p.staff.Signer(p, by))
}

func (p *proposing) approves(by string, v *proposal.View) error {
	p.Helper()
	_, err := p.office.Approve(p.Context(), v.Number, hex.EncodeToString(v.Hash[:]), p.staff.Signer(p, by))
	return err
}

// faults are what verify finds.
func (p *proposing) faults() (list []string) {
	_, err := verify.Books(p.Context(), p.ledger, nil, func(f verify.Fault) { list = append(list, f.String()) }, clearing.Tables)
	p.must(err)
	return list
}

// TestProposed has one person propose a change and another approve it; a second one that was
// checked against the version before is refused as stale, and one whose rows were altered too. What
// is shown names the digest, both versions and how many rows do what.
func TestProposed(t *testing.T) {
	p := newProposing(t)
	first, err := p.asks("cleo", block(clearingtest.OtherCard, "20261101"))
	p.must(err)
	second, err := p.asks("ann", block(clearingtest.Card, "20261101"))
	p.must(err)
	rows := first.Change.Rows
	if len(rows) != 3 || rows[1].Table != "registry" || rows[1].Key != "cards" || !strings.HasPrefix(rows[0].State, "1+") || rows[1].State != rows[0].State {
		t.Errorf("it shows %+v, want the registry at version 1, its cards and one card", rows)
	}
	if f := rows[0].Fields; len(f) != 2 || !strings.HasPrefix(f[0].Becomes, "2+") || len(f[1].Becomes) != 64 {
		t.Errorf("it shows %+v, want version 2 and a digest", f)
	}
	if f := rows[1].Fields; len(f) != 4 || f[0].Becomes != "0" || f[1].Becomes != "1" {
		t.Errorf("it shows %+v, want one row changed", f)
	}
	if err := p.approves("cleo", first); !errors.Is(err, proposal.ErrProposer) {
		t.Errorf("the proposer approves: %v", err)
	}
	if err := p.approves("omar", first); err == nil {
		t.Error("a clerk of an operator approves")
	}
	p.must(p.approves("bob", first))
	if n := p.load().Number(); n != 2 {
		t.Errorf("the registry is at version %d, want 2", n)
	}
	if err := p.approves("bob", second); !errors.Is(err, registry.ErrStale) {
		t.Errorf("a change of the version before is approved: %v", err)
	}
	third, err := p.asks("ann", block(clearingtest.Card, "20261101"))
	p.must(err)
	if faults := p.faults(); len(faults) > 0 {
		t.Errorf("faults: %v", faults)
	}
	_, err = p.ledger.Pool().Exec(t.Context(), "UPDATE registry_rows SET record = replace(record, 'blocked', 'active') WHERE change = (SELECT max(number) FROM registry_changes)")
	p.must(err)
	if err := p.approves("bob", third); !errors.Is(err, registry.ErrAltered) {
		t.Errorf("altered rows are approved: %v", err)
	}
	if faults := p.faults(); len(faults) != 1 || !strings.Contains(faults[0], "registry change 4") {
		t.Errorf("altered rows of a proposal: %v, want one fault", faults)
	}
}

// TestRehearsed proposes and approves in a ledger that keeps nothing.
func TestRehearsed(t *testing.T) {
	p := newProposing(t)
	waits, err := p.asks("ann", block(clearingtest.OtherCard, "20261101"))
	p.must(err)
	l := ledgertest.Connect(t, p.ledger.Pool().Config().ConnString(), 4, ledger.WithRehearsal())
	before := ledgertest.Dump(t, p.ledger.Pool())
	p.office = p.officeOn(l, p.staff)
	if v, err := p.asks("ann", block(clearingtest.Card, "20261101")); err != nil || len(v.Change.Rows) != 3 {
		t.Errorf("a rehearsed proposal: %v", err)
	}
	var bodies []json.RawMessage // of two who rehearse at once
	for _, day := range []string{"20261101", "20261102"} {
		asked, err := proposal.Body(registry.ImportRequest{Files: block(clearingtest.Card, day)})
		p.must(err)
		body, _, err := p.office.Complete(t.Context(), registry.ChangeName, asked)
		p.must(err)
		bodies = append(bodies, body)
	}
	for _, body := range bodies {
		if _, err := p.office.Draft(t.Context(), registry.ChangeName, body, "lost"); err != nil {
			t.Errorf("one of two who rehearse: %v", err)
		}
	}
	p.must(p.approves("bob", waits))
	if ledgertest.Dump(t, p.ledger.Pool()) != before {
		t.Error("a rehearsal has written something")
	}
}

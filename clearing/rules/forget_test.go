package rules_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"citycard/clearing/people/proposal"
	"citycard/clearing/rules"
)

// drafts keeps documents that nobody proposes yet.
func (p *proposing) drafts(contents map[rules.Kind][]byte) (request json.RawMessage) {
	p.Helper()
	body, err := proposal.Body(rules.Request{Documents: contents, Accepted: true})
	p.must(err)
	request, _, err = p.takes.Complete(p.Context(), rules.ChangeName, body)
	p.must(err)
	return request
}

func (p *proposing) contents() (n int) {
	p.Helper()
	p.must(p.store.Ledger.Pool().QueryRow(p.Context(), "SELECT count(*) FROM document_contents").Scan(&n))
	return n
}

// TestForgotten drafts documents that nobody proposes in time: they are removed. What was proposed
// stays, also if it was drafted once more.
func TestForgotten(t *testing.T) {
	p := newProposing(t)
	pool := p.store.Ledger.Pool()
	founded := p.contents()
	soon, never := map[rules.Kind][]byte{rules.Fares: dearer(later(30))}, map[rules.Kind][]byte{rules.Fares: dearer(later(31))}
	v, err := p.asks("ann", true, soon)
	p.must(err)
	p.drafts(soon)
	request := p.drafts(never)
	if n, err := p.store.Forget(t.Context(), 24*time.Hour); err != nil || n != 0 || p.contents() != founded+2 {
		t.Fatalf("%d drafts of today are removed, %v", n, err)
	}
	age := func() {
		_, err := pool.Exec(t.Context(), "UPDATE document_contents SET drafted = drafted - 172800 WHERE drafted > 0")
		p.must(err)
	}
	age()
	p.drafts(never) // has its time again
	if n, err := p.store.Forget(t.Context(), 24*time.Hour); err != nil || n != 0 {
		t.Errorf("%d drafts of today are removed, %v", n, err)
	}
	age()
	if n, err := p.store.Forget(t.Context(), 24*time.Hour); err != nil || n != 1 || p.contents() != founded+1 {
		t.Errorf("%d drafts are removed, want 1; %v", n, err)
	}
	if _, err := p.takes.Propose(t.Context(), rules.ChangeName, request, "late", p.staff.Signer(t, "ann")); err == nil {
		t.Error("a draft that was removed is proposed")
	}
	if faults := p.faults(); len(faults) > 0 {
		t.Errorf("faults: %v", faults)
	}
	p.must(p.approves("bob", v))
	_, err = pool.Exec(t.Context(), "UPDATE document_contents SET drafted = 7")
	p.must(err)
	if n, err := p.store.Forget(t.Context(), time.Second); err != nil || n != 0 {
		t.Errorf("%d documents in force are removed, %v", n, err)
	}
	if faults := strings.Join(p.faults(), "\n"); !strings.Contains(faults, "is kept as a draft, which is removed") {
		t.Errorf("documents in force that are kept as drafts: %s", faults)
	}
}

package registry_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"citycard/clearing/clearingtest"
	"citycard/clearing/people/proposal"
	"citycard/clearing/registry"
)

// drafts makes a change of files, which nobody proposes yet.
func (p *proposing) drafts(files map[string]string) (request json.RawMessage, change int64) {
	p.Helper()
	body, err := proposal.Body(registry.ImportRequest{Files: files})
	p.must(err)
	request, _, err = p.office.Complete(p.Context(), registry.ChangeName, body)
	p.must(err)
	var content registry.Content
	p.must(json.Unmarshal(request, &content))
	return request, content.Change
}

// forgets removes drafts of more than a day, two days from now.
func (p *proposing) forgets() int {
	p.Helper()
	_, err := p.ledger.Pool().Exec(p.Context(), "UPDATE registry_changes SET drafted = drafted - 172800 WHERE drafted > 0")
	p.must(err)
	n, err := p.Forget(p.Context(), 24*time.Hour)
	p.must(err)
	return n
}

// kept counts changes and their rows.
func (p *proposing) kept(change int64) (changes, rows int) {
	p.Helper()
	p.must(p.ledger.Pool().QueryRow(p.Context(), `SELECT (SELECT count(*) FROM registry_changes WHERE number = $1), (SELECT count(*) FROM registry_rows WHERE change = $1)`, change).Scan(&changes, &rows))
	return changes, rows
}

// TestForgotten drafts changes that nobody proposes in time: their rows are removed, and their
// numbers are never another change's. What was proposed stays, whatever became of it.
func TestForgotten(t *testing.T) {
	p := newProposing(t)
	waits, err := p.asks("cleo", block(clearingtest.OtherCard, "20261101"))
	p.must(err)
	refused, err := p.asks("cleo", block(clearingtest.OtherCard, "20261102"))
	p.must(err)
	_, err = p.office.Reject(t.Context(), refused.Number, "no", p.staff.Signer(t, "bob"))
	p.must(err)
	earlier, first := p.drafts(block(clearingtest.Card, "20261101"))
	_, second := p.drafts(block(clearingtest.Card, "20261102"))
	if n, err := p.Forget(t.Context(), 24*time.Hour); err != nil || n != 0 {
		t.Fatalf("%d drafts of today are removed, %v", n, err)
	}
	if n := p.forgets(); n != 2 {
		t.Errorf("%d drafts are removed, want 2", n)
	}
	if changes, rows := p.kept(first); changes != 0 || rows != 0 {
		t.Errorf("of a draft %d changes and %d rows are left", changes, rows)
	}
	if changes, rows := p.kept(second); changes != 1 || rows != 0 {
		t.Errorf("of the newest draft %d changes and %d rows are left, want its number alone", changes, rows)
	}
	if _, err := p.office.Propose(t.Context(), registry.ChangeName, earlier, "late", p.staff.Signer(t, "cleo")); err == nil {
		t.Error("a draft that was removed is proposed")
	}
	_, third := p.drafts(block(clearingtest.Card, "20261102"))
	if third <= second {
		t.Errorf("the number %d is given after %d", third, second)
	}
	if n := p.forgets(); n != 1 {
		t.Errorf("%d drafts are removed, want 1", n)
	}
	if changes, _ := p.kept(second); changes != 0 {
		t.Error("the number of a draft that is not the newest is left")
	}
	p.must(p.approves("bob", waits))
	if faults := p.faults(); len(faults) > 0 {
		t.Errorf("faults: %v", faults)
	}
	_, err = p.ledger.Pool().Exec(t.Context(), "UPDATE registry_changes SET drafted = 7 WHERE number = (SELECT max(change) FROM registry_versions)")
	p.must(err)
	if faults := strings.Join(p.faults(), "\n"); !strings.Contains(faults, "it is kept as a draft, which is removed") {
		t.Errorf("a change in force that is kept as a draft: %s", faults)
	}
	if n, err := p.Forget(t.Context(), time.Second); err != nil || n != 0 {
		t.Errorf("%d changes in force are removed, %v", n, err)
	}
}

// TestForgottenMeanwhile has a draft go while it is proposed: it is refused. One that is drafted
// once more has its time again.
func TestForgottenMeanwhile(t *testing.T) {
	p := newProposing(t)
	request, change := p.drafts(block(clearingtest.Card, "20261101"))
	pool := p.ledger.Pool()
	_, err := pool.Exec(t.Context(), "UPDATE registry_changes SET drafted = drafted - 172800 WHERE number = $1", change)
	p.must(err)
	if _, again := p.drafts(block(clearingtest.Card, "20261101")); again != change {
		t.Errorf("drafted again it is change %d, want %d", again, change)
	}
	if n, err := p.Forget(t.Context(), 24*time.Hour); err != nil || n != 0 {
		t.Errorf("%d drafts are removed, %v", n, err)
	}
	_, err = pool.Exec(t.Context(), "UPDATE registry_changes SET drafted = -1 WHERE number = $1", change) // its rows are there still
	p.must(err)
	if _, err := p.office.Propose(t.Context(), registry.ChangeName, request, "late", p.staff.Signer(t, "cleo")); !errors.Is(err, proposal.ErrForgotten) {
		t.Errorf("a draft that goes is proposed: %v", err)
	}
	if _, again := p.drafts(block(clearingtest.Card, "20261101")); again == change {
		t.Error("a draft that goes is found again")
	}
}

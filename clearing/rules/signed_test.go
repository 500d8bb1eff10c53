package rules_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/clearing/rules"
	"citycard/clearing/transit/fare"
	clearing "citycard/clearing/verify"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/verify"
)

// proposing is an office whose rules are founded, and where people propose by the clock of the
// database.
type proposing struct {
	*office
	staff *peopletest.Staff
	takes *proposal.Office
}

func newProposing(t *testing.T) *proposing {
	t.Helper()
	o := newOffice(t)
	o.now = time.Now()
	o.store.Now = nil
	o.found()
	p := &proposing{office: o, staff: peopletest.New(t, o.store.Ledger)}
	p.on(o.store.Ledger)
	return p
}

// on makes the office work in a ledger.
func (p *proposing) on(l *ledger.Ledger) {
	p.office.store = &rules.Store{Ledger: l}
	p.takes = &proposal.Office{Ledger: l, People: p.staff.Store, Kinds: []proposal.Kind{rules.ChangeKind(p.store)}}
}

func (p *proposing) asks(by string, accepted bool, contents map[rules.Kind][]byte) (*proposal.View, error) {
	p.Helper()
	body, err := proposal.Body(rules.Request{Documents: contents, Accepted: accepted})
	p.must(err)
	request, _, err := p.takes.Complete(p.Context(), rules.ChangeName, body)
	if err != nil {
		return nil, err
	}
	return p.takes.Propose(p.Context(), rules.ChangeName, request, "council", p.staff.Signer(p, by))
}

func (p *proposing) approves(by string, v *proposal.View) error {
	p.Helper()
	_, err := p.takes.Approve(p.Context(), v.Number, hex.EncodeToString(v.Hash[:]), p.staff.Signer(p, by))
	return err
}

func (p *proposing) faults() (list []string) {
	_, err := verify.Books(p.Context(), p.store.Ledger, nil, func(f verify.Fault) { list = append(list, f.String()) }, clearing.Tables)
	p.must(err)
	return list
}

func later(days int) string { return time.Now().AddDate(0, 0, days).Format("20060102") }

// TestProposed has one person propose fares and another approve them; fares that were checked
// against the edition before are refused as stale, and a document that was altered too. What is
// shown names the documents, their hashes and the versions that come.
func TestProposed(t *testing.T) {
	p := newProposing(t)
	first, err := p.asks("cleo", false, map[rules.Kind][]byte{rules.Fares: dearer(later(30)), rules.Loads: rules.Loads.Example()})
	p.must(err)
	second, err := p.asks("ann", false, map[rules.Kind][]byte{rules.Fares: dearer(later(31))})
	p.must(err)
	rows := first.Change.Rows
	if len(rows) != 3 || !strings.HasPrefix(rows[0].Fields[0].Becomes, "2+") || rows[1].Key != "fares" || len(rows[1].State) != 64 || rows[2].Table != "prices" {
		t.Fatalf("it shows %+v, want edition 2, the fares and the change of prices", rows)
	}
	if f := rows[1].Fields; len(f) != 4 || len(f[0].Becomes) != 64 || !strings.HasPrefix(f[3].Becomes, "zz-2026+") || !strings.HasSuffix(f[3].Becomes, " "+later(30)+"-") {
		t.Errorf("it shows %+v, want a hash and the versions that go and come", f)
	}
	if err := p.approves("omar", first); err == nil {
		t.Error("a clerk of an operator approves")
	}
	p.must(p.approves("bob", first))
	if set, err := p.store.InForce(t.Context()); err != nil || set.Edition.Number != 2 {
		t.Errorf("in force: %v, %v; want edition 2", set, err)
	}
	if err := p.approves("bob", second); !errors.Is(err, rules.ErrStale) {
		t.Errorf("documents of the edition before are approved: %v", err)
	}
	var large *rules.LargeChangeError
	half := map[rules.Kind][]byte{rules.Fares: []byte(strings.Replace(string(dearer(later(40))), `"base_fen": 250`, `"base_fen": 900`, 1))}
	if _, err := p.asks("ann", false, half); !errors.As(err, &large) {
		t.Errorf("a large change, which nobody said is intended: %v", err)
	}
	third, err := p.asks("ann", true, half)
	p.must(err)
	p.refusesForged(third)
	if faults := p.faults(); len(faults) > 0 {
		t.Errorf("faults: %v", faults)
	}
	_, err = p.store.Ledger.Pool().Exec(t.Context(), `UPDATE document_contents SET content = content || '\x20'`)
	p.must(err)
	if err := p.approves("bob", third); !errors.Is(err, rules.ErrAltered) {
		t.Errorf("an altered document is approved: %v", err)
	}
	if faults := p.faults(); len(faults) == 0 {
		t.Error("altered documents are not named")
	}
}

// refusesForged proposes requests that nobody drafted: like that of an accepted large change, but
// they say otherwise of it.
func (p *proposing) refusesForged(accepted *proposal.View) {
	p.Helper()
	var large *rules.LargeChangeError
	for name, forge := range map[string]func(*rules.Content){
		"not accepted":      func(c *rules.Content) { c.Accepted = false },
		"no change":         func(c *rules.Content) { c.Change = fare.Change{} },
		"drafted next year": func(c *rules.Content) { c.Change, c.At = fare.Change{}, c.At+400*24*3600 },
		"another document":  func(c *rules.Content) { c.Documents[rules.Fares] = strings.Repeat("0", 64) },
	} {
		var c rules.Content
		p.must(json.Unmarshal(accepted.Body, &c))
		forge(&c)
		body, err := proposal.Body(c)
		p.must(err)
		_, err = p.takes.Propose(p.Context(), rules.ChangeName, body, "council", p.staff.Signer(p, "ann"))
		if !errors.As(err, &large) && !errors.Is(err, rules.ErrAltered) {
			p.Errorf("%s: proposed with %v", name, err)
		}
	}
}

// TestRehearsed proposes and approves in a ledger that keeps nothing.
func TestRehearsed(t *testing.T) {
	p := newProposing(t)
	waits, err := p.asks("ann", false, map[rules.Kind][]byte{rules.Fares: dearer(later(30))})
	p.must(err)
	pool := p.store.Ledger.Pool()
	before := ledgertest.Dump(t, pool)
	p.on(ledgertest.Connect(t, pool.Config().ConnString(), 4, ledger.WithRehearsal()))
	if v, err := p.asks("ann", false, map[rules.Kind][]byte{rules.Fares: dearer(later(40))}); err != nil || len(v.Change.Rows) != 3 {
		t.Errorf("a rehearsed proposal: %v", err)
	}
	var bodies []json.RawMessage // of two who rehearse at once
	for _, days := range []int{40, 50} {
		asked, err := proposal.Body(rules.Request{Documents: map[rules.Kind][]byte{rules.Fares: dearer(later(days))}})
		p.must(err)
		body, _, err := p.takes.Complete(t.Context(), rules.ChangeName, asked)
		p.must(err)
		bodies = append(bodies, body)
	}
	for _, body := range bodies {
		if _, err := p.takes.Draft(t.Context(), rules.ChangeName, body, "council"); err != nil {
			t.Errorf("one of two who rehearse: %v", err)
		}
	}
	p.must(p.approves("bob", waits))
	if ledgertest.Dump(t, pool) != before {
		t.Error("a rehearsal has written something")
	}
}

// TestFoundingIsChecked lets the check of a founding refuse it, after which nothing is there.
func TestFoundingIsChecked(t *testing.T) {
	o := newOffice(t)
	errNo := errors.New("no")
	by := o.by("server")
	by.Check = func(context.Context, pgx.Tx) error { return errNo }
	set, err := rules.Read(examples())
	o.must(err)
	before := ledgertest.Dump(t, o.store.Ledger.Pool())
	if err := o.store.Found(t.Context(), set, o.zone, by); !errors.Is(err, errNo) || ledgertest.Dump(t, o.store.Ledger.Pool()) != before {
		t.Errorf("a founding, refused by its check: %v, or something was written", err)
	}
}

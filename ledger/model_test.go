package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/ledgertest"

	"pgregory.net/rapid"
)

// model is the simplest form of the ledger: a map of rows and a map of balances, and one transfer
// after the other. It answers with the words of describe, without the reason.
type model struct {
	rows     map[string]modelRow
	balances map[string]ledger.Fen // credits - debits
	debits   map[string]ledger.Fen // held
	credits  map[string]ledger.Fen // held
	before   map[string]modelRow   // the rows of earlier batches
	frozen   map[string]bool
	disputes map[string]bool // key and second version
}

type modelRow struct {
	content string
	amount  ledger.Fen // what moved, or is held
	act     ledger.Act
	debit   string
	credit  string
}

var modelCodes = []string{"reserve", "float", "operator:bus", "fund", "personal:a", "vault"}

func newModel() *model {
	return &model{
		rows: map[string]modelRow{}, balances: map[string]ledger.Fen{}, debits: map[string]ledger.Fen{}, credits: map[string]ledger.Fen{},
		frozen: map[string]bool{}, disputes: map[string]bool{},
	}
}

func (m *model) clone() *model {
	return &model{maps.Clone(m.rows), maps.Clone(m.balances), maps.Clone(m.debits), maps.Clone(m.credits), m.before, maps.Clone(m.frozen), maps.Clone(m.disputes)}
}

// step is one drawn transfer, in words.
type step struct {
	key           int
	debit, credit string
	amount        ledger.Fen
	evidence      string
	linked        bool
	act           ledger.Act
	late          bool // after holds have lapsed
}

// name is the key of the step's own row.
func (s step) name() string {
	switch {
	case s.act == ledger.Reverse:
		return fmt.Sprint("reversal of ", s.key)
	case s.act >= ledger.PostHold:
		return fmt.Sprint("end of ", s.key)
	}
	return fmt.Sprint(s.key)
}

func (s step) transfer() ledger.Transfer {
	if s.act >= ledger.PostHold {
		t := on(s.key, s.act, s.amount)
		if s.late {
			t = afterwards(t)
		}
		t.Linked = s.linked
		return t
	}
	t := transfer(s.key, s.debit, s.credit, s.amount)
	if s.act == ledger.Hold {
		t.Act, t.Expires = ledger.Hold, noon.Add(time.Hour)
	}
	t.Linked, t.Evidence = s.linked, []byte(s.evidence)
	return t
}

func (s step) content() string {
	if s.evidence != "" {
		return fmt.Sprint(s.act, " evidence ", s.evidence)
	}
	return fmt.Sprint(s.act, " ") + s.debit + ">" + s.credit
}

func (m *model) one(s step) string {
	key := s.name()
	if s.act >= ledger.PostHold {
		return m.act(s)
	}
	if row, taken := m.rows[key]; taken {
		if row.content == s.content() && row.amount == s.amount {
			return fmt.Sprintf("duplicate %d", row.amount)
		}
		version := fmt.Sprint(key, " ", s.content(), " ", s.amount)
		if m.disputes[version] {
			return fmt.Sprintf("duplicate %d", row.amount)
		}
		m.disputes[version] = true
		return "conflict"
	}
	if s.debit == s.credit || m.frozen[s.debit] || m.frozen[s.credit] {
		return "refused"
	}
	amount := s.amount
	if amount <= 0 || !m.within(s.debit, s.credit, amount) {
		return "refused"
	}
	if s.act == ledger.Hold {
		m.hold(s.debit, s.credit, amount)
	} else {
		m.move(s.debit, s.credit, amount)
	}
	m.rows[key] = modelRow{s.content(), amount, s.act, s.debit, s.credit}
	return fmt.Sprintf("inserted %d", amount)
}

// within reports whether the limits of both accounts allow the amount.
func (m *model) within(debit, credit string, amount ledger.Fen) bool {
	overdrawn := limitedInDebits(debit) && m.balances[debit]-m.debits[debit] < amount
	return !overdrawn && (!limitedInCredits(credit) || -m.balances[credit]-m.credits[credit] >= amount)
}

func limitedInDebits(code string) bool  { return code == "fund" || strings.HasPrefix(code, "personal:") }
func limitedInCredits(code string) bool { return strings.HasPrefix(code, "vault") }

func (m *model) move(debit, credit string, amount ledger.Fen) {
	m.balances[debit] -= amount
	m.balances[credit] += amount
}

func (m *model) hold(debit, credit string, amount ledger.Fen) {
	m.debits[debit] += amount
	m.credits[credit] += amount
}

// act answers a step that acts on an earlier row.
func (m *model) act(s step) string {
	on, found := m.rows[fmt.Sprint(s.key)]
	if s.act == ledger.Reverse {
		on, found = m.before[fmt.Sprint(s.key)]
	}
	if found && (s.act == ledger.Reverse) != (on.act == ledger.Move) || !found {
		return "refused"
	}
	amount := s.amount
	if amount == 0 && (s.act == ledger.PostHold || s.act == ledger.Reverse) {
		amount = on.amount
	}
	if amount > on.amount || s.act == ledger.Reverse && amount < on.amount {
		return "refused"
	}
	if was, done := m.rows[s.name()]; done {
		if was.act == s.act && was.amount == amount {
			return fmt.Sprintf("duplicate %d", amount)
		}
		return "refused"
	}
	moves := s.act == ledger.PostHold || s.act == ledger.Reverse
	switch {
	case s.act == ledger.PostHold && s.late, s.act == ledger.ExpireHold && !s.late,
		moves && (m.frozen[on.debit] || m.frozen[on.credit]),
		s.act == ledger.Reverse && !m.within(on.credit, on.debit, amount):
		return "refused"
	case s.act == ledger.Reverse:
		m.move(on.credit, on.debit, amount)
	default:
		m.hold(on.debit, on.credit, -on.amount)
		m.move(on.debit, on.credit, amount)
	}
	m.rows[s.name()] = modelRow{"", amount, s.act, on.debit, on.credit}
	return fmt.Sprintf("inserted %d", amount)
}

// post answers a batch: chain by chain, each on a copy that is kept only when the whole chain went
// through.
func (m *model) post(steps []step) []string {
	m.before = maps.Clone(m.rows)
	var answers []string
	for len(steps) > 0 {
		n := 1
		for n < len(steps) && steps[n-1].linked {
			n++
		}
		chain := steps[:n]
		steps = steps[n:]
		answers = append(answers, m.chain(chain)...)
	}
	return answers
}

func (m *model) chain(chain []step) []string {
	trial := m.clone()
	answers := make([]string, len(chain))
	open := chain[len(chain)-1].linked // the batch ends inside the chain: none of it can go in
	mine := make(map[string]bool)
	inserted := 0
	for i, s := range chain {
		if mine[s.name()] {
			answers[i] = "refused"
			continue
		}
		before := trial.clone()
		answers[i] = trial.one(s)
		if !strings.HasPrefix(answers[i], "inserted") {
			continue
		}
		if open {
			trial = before
			answers[i] = "refused"
			continue
		}
		mine[s.name()] = true
		inserted++
	}
	if inserted == len(chain) {
		*m = *trial
		return answers
	}
	for i := range answers {
		if strings.HasPrefix(answers[i], "inserted") {
			answers[i] = "refused"
		}
	}
	// Disputes are kept whatever becomes of the chain.
	m.disputes = trial.disputes
	return answers
}

func drawSteps(t *rapid.T) []step {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		s := drawStep(t, 1, 25, modelCodes, ledger.Reverse)
		s.linked = rapid.IntRange(0, 3).Draw(t, "linked") == 0
		return s
	}), 1, 8).Draw(t, "batch")
}

// drawStep draws a step on one of the keys, between the accounts, with one of the acts up to the
// last.
func drawStep(t *rapid.T, first, last int, codes []string, acts ledger.Act) step {
	s := step{
		key:    rapid.IntRange(first, last).Draw(t, "key"),
		debit:  rapid.SampledFrom(codes).Draw(t, "debit"),
		credit: rapid.SampledFrom(codes).Draw(t, "credit"),
		amount: ledger.Fen(rapid.IntRange(1, 60).Draw(t, "amount")),
	}
	switch s.act = ledger.Act(max(0, rapid.IntRange(-4, int(acts)).Draw(t, "act"))); s.act {
	case ledger.Move, ledger.Hold:
	case ledger.VoidHold, ledger.ExpireHold:
		s.amount = 0
	default:
		if rapid.Bool().Draw(t, "all") {
			s.amount = 0
		}
	}
	s.late = rapid.IntRange(0, 2).Draw(t, "late") == 0
	if rapid.Bool().Draw(t, "with evidence") {
		s.evidence = rapid.SampledFrom([]string{"x", "y"}).Draw(t, "evidence")
	}
	return s
}

// TestModel drives random batches, repeats, stale owners, frozen accounts and closing days against
// the model and the database. Shards, streams and the memory of recent keys vary and must not
// matter.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := ledgertest.Open(rt, 4)
		r := &modelRun{
			t: rt, l: l, model: newModel(), day: today, leases: map[string]ledger.Lease{}, recent: map[string]*ledger.Recent{},
		}
		ctx := context.Background()
		r.must(l.OpenDay(ctx, today))
		r.must(l.OpenAccounts(ctx, chart()))
		rt.Repeat(map[string]func(*rapid.T){
			"post": r.post, "again": r.again, "fence": r.fence, "freeze": r.freeze, "close": r.closeDay, "": r.compare,
		})
		b := &books{Ledger: l, t: rt}
		b.verify()
	})
}

type modelRun struct {
	t      *rapid.T
	l      *ledger.Ledger
	model  *model
	day    ledger.Day
	leases map[string]ledger.Lease
	recent map[string]*ledger.Recent
	last   *ledger.Batch
}

func (r *modelRun) must(err error) {
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *modelRun) lease(t *rapid.T) ledger.Lease {
	name := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "stream")
	if _, leased := r.leases[name]; !leased {
		lease, err := r.l.Lease(context.Background(), name, "model", 0)
		r.must(err)
		r.leases[name] = lease
		if name == "a" {
			r.recent[name] = ledger.NewRecent(1024)
		}
	}
	return r.leases[name]
}

func (r *modelRun) post(t *rapid.T) {
	lease := r.lease(t)
	steps := drawSteps(t)
	batch := &ledger.Batch{
		Stream: lease.Stream, Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + int64(len(steps)), Day: r.day,
		Shard: rapid.IntRange(0, 9).Draw(t, "shard"), Recent: r.recent[lease.Stream],
	}
	for _, s := range steps {
		batch.Transfers = append(batch.Transfers, s.transfer())
	}
	out, err := r.l.Post(context.Background(), batch)
	r.must(err)
	want := r.model.post(steps)
	got := describe(out.Transfers)
	for i := range got {
		got[i], _, _ = strings.Cut(got[i], ":")
	}
	if !slices.Equal(got, want) {
		t.Fatalf("answers\n  %q, the model says\n  %q\nto %+v", describe(out.Transfers), want, steps)
	}
	lease.Next = batch.Next
	r.leases[lease.Stream] = lease
	r.last = batch
}

// again posts the last batch a second time at its old position: the stream refuses it.
func (r *modelRun) again(t *rapid.T) {
	if r.last == nil {
		return
	}
	if _, err := r.l.Post(context.Background(), r.last); !errors.Is(err, ledger.ErrPosition) && !errors.Is(err, ledger.ErrFenced) {
		t.Fatalf("posted twice: %v, expected ErrPosition or ErrFenced", err)
	}
}

func (r *modelRun) fence(t *rapid.T) {
	old := r.lease(t)
	lease, err := r.l.Lease(context.Background(), old.Stream, "newer", 0)
	r.must(err)
	if lease.Next != old.Next {
		t.Fatalf("leased at %d, expected %d", lease.Next, old.Next)
	}
	stale := &ledger.Batch{
		Stream: old.Stream, Epoch: old.Epoch, From: old.Next, Next: old.Next + 1, Day: r.day,
		Transfers: []ledger.Transfer{transfer(99, "reserve", "float", 1)},
	}
	if _, err = r.l.Post(context.Background(), stale); !errors.Is(err, ledger.ErrFenced) {
		t.Fatalf("a stale owner: %v, expected ErrFenced", err)
	}
	r.leases[old.Stream] = lease
}

func (r *modelRun) freeze(t *rapid.T) {
	code := rapid.SampledFrom(modelCodes).Draw(t, "account")
	frozen := !r.model.frozen[code]
	r.must(r.l.MarkAccount(context.Background(), code, ledger.Marks{Frozen: frozen}, approved))
	r.model.frozen[code] = frozen
}

func (r *modelRun) closeDay(t *rapid.T) {
	next := r.day.Next()
	r.must(r.l.CloseDay(context.Background(), r.day, next))
	r.must(r.l.EndDay(context.Background(), r.day))
	r.day = next
}

// compare reads everything back and compares it with the model.
func (r *modelRun) compare(t *rapid.T) {
	ctx := context.Background()
	for _, code := range modelCodes {
		sums, err := r.l.Balance(ctx, code)
		r.must(err)
		if sums.DebitsHeld != r.model.debits[code] || sums.CreditsHeld != r.model.credits[code] {
			t.Fatalf("%s has %d and %d held, the model says %d and %d", code, sums.DebitsHeld, sums.CreditsHeld, r.model.debits[code], r.model.credits[code])
		}
		if sums.CreditBalance() != r.model.balances[code] {
			t.Fatalf("%s holds %d, the model says %d", code, sums.CreditBalance(), r.model.balances[code])
		}
	}
	rows, disputes := 0, 0
	r.must(r.l.Scan(ctx, today, r.day, func(ledger.Row) error { rows++; return nil }))
	r.must(r.l.ScanMemos(ctx, today, r.day, func(row ledger.Row) error { disputes++; return nil }))
	if rows != len(r.model.rows) || disputes != len(r.model.disputes) {
		t.Fatalf("%d transfers and %d disputes, the model says %d and %d", rows, disputes, len(r.model.rows), len(r.model.disputes))
	}
}

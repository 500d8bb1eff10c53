package ledger_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"citycard/ledger"
	"citycard/ledger/shadow"

	"pgregory.net/rapid"
)

// A workload is one and the same work that is posted in many ways. It has lanes, as a log has
// partitions. All work on one key, or on an account with a limit, is in one lane, in order; all
// lanes use the accounts without limits. It has two phases, and all lanes wait between them: the
// second phase reverses what the first booked.
type workload [2][workloadLanes]lane

const workloadLanes = 4

// lane is a lane's chains, in order, and what the model answers to each.
type lane struct {
	chains  [][]step
	answers [][]string
}

// way is one way of posting it.
type way struct {
	batch   int // steps of a batch, at least one chain
	workers int
	shards  int
	recent  int // keys the owner of a stream remembers; 0 for none
	repeat  int // each such batch is delivered again
}

var ways = []way{
	{batch: 5000, workers: 1, shards: 1},
	{batch: 1, workers: 1, shards: 8, recent: 1024, repeat: 2},
	{batch: 7, workers: 1, shards: 3, repeat: 1},
	{batch: 1, workers: 4, shards: 2, repeat: 3},
	{batch: 7, workers: 4, shards: 8, recent: 1024, repeat: 2},
	{batch: 5000, workers: 2, shards: 5, recent: 1024, repeat: 1},
	{batch: 7, workers: 3, shards: 4, recent: 1024},
}

func laneCodes(n int) []string {
	return []string{"reserve", "float", "operator:bus", fmt.Sprintf("personal:%d", n), fmt.Sprintf("vault:%d", n)}
}

var anyWorkload = rapid.Custom(func(t *rapid.T) *workload {
	w := &workload{}
	for n := range workloadLanes {
		d := &laneDraw{t: t, codes: laneCodes(n)}
		for phase := range w {
			d.first, d.next, d.reversible = 1000*(n+1)+100*phase, 1000*(n+1)+100*phase, d.moves
			d.moves, d.holds = nil, nil
			chains := &w[phase][n].chains
			for range rapid.IntRange(25, 35).Draw(t, "chains") {
				if len(*chains) > 0 && rapid.IntRange(0, 4).Draw(t, "again") == 0 {
					*chains = append(*chains, rapid.SampledFrom(*chains).Draw(t, "which"))
					continue
				}
				chain := make([]step, rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(t, "length"))
				for i := range chain {
					chain[i] = d.step()
					chain[i].linked = i < len(chain)-1
				}
				*chains = append(*chains, chain)
			}
		}
	}
	return w
})

// laneDraw draws the steps of one lane.
type laneDraw struct {
	t            *rapid.T
	codes        []string
	first, next  int   // keys of the phase: the first, and the next that is free
	moves, holds []int // keys of the phase that were drawn for a move, for a hold
	reversible   []int // moves of the phase before
}

func (d *laneDraw) step() step {
	s := drawStep(d.t, d.first, max(d.first, d.next-1), d.codes, ledger.Hold)
	if rapid.IntRange(0, 4).Draw(d.t, "new key") > 0 {
		s.key, d.next = d.next, d.next+1
	}
	if rapid.IntRange(0, 2).Draw(d.t, "held") == 0 {
		s.act = ledger.Hold
	}
	switch rapid.IntRange(0, 4).Draw(d.t, "accounts") {
	case 0, 1:
		s.debit, s.credit, s.amount = "reserve", d.codes[3], s.amount+50
	case 2:
		s.debit, s.credit = d.codes[3], rapid.SampledFrom([]string{"operator:bus", d.codes[4]}).Draw(d.t, "to")
	}
	switch end := rapid.IntRange(0, 9).Draw(d.t, "end"); {
	case end < 4 && len(d.holds) > 0:
		s.act = []ledger.Act{ledger.PostHold, ledger.PostHold, ledger.VoidHold, ledger.ExpireHold}[end]
		s.key, s.amount = rapid.SampledFrom(d.holds).Draw(d.t, "hold"), 0
		if s.act == ledger.PostHold {
			s.amount = ledger.Fen(rapid.IntRange(0, 50).Draw(d.t, "part"))
		}
	case end == 4 && len(d.reversible) > 0:
		s.act, s.key, s.amount = ledger.Reverse, rapid.SampledFrom(d.reversible).Draw(d.t, "reversed"), 0
	case s.act == ledger.Hold:
		d.holds = append(d.holds, s.key)
	case s.act == ledger.Move:
		d.moves = append(d.moves, s.key)
	}
	return s
}

// expect lets the model do the work, one lane after the other.
func (w *workload) expect() *model {
	m := newModel()
	for phase := range w {
		m.before = maps.Clone(m.rows)
		for n := range w[phase] {
			l := &w[phase][n]
			for _, chain := range l.chains {
				l.answers = append(l.answers, m.chain(chain))
			}
		}
	}
	return m
}

// TestMetamorphic posts the same work in batches of other sizes, by other numbers of workers, to
// accounts of other numbers of shards, with and without repeats: every answer, balance and row is
// the model's, and the same each time.
func TestMetamorphic(t *testing.T) {
	happened := make(map[string]int)
	for seed := range 3 {
		w := anyWorkload.Example(seed)
		m := w.expect()
		w.count(happened)
		var first []string
		for _, way := range ways {
			r := &metamorphicRun{books: newBooks(t), way: way, work: w}
			r.post()
			r.verify()
			r.compare(m)
			if found := r.dump(); first == nil {
				first = found
			} else if !slices.Equal(found, first) {
				t.Errorf("workload %d posted as %+v makes\n%s\nbut as %+v\n%s", seed, way, strings.Join(found, "\n"), ways[0], strings.Join(first, "\n"))
			}
			if t.Failed() {
				t.Fatalf("workload %d, posted as %+v", seed, way)
			}
		}
	}
	for _, act := range []string{"move", "hold", "post hold", "void hold", "expire hold", "reverse", "chain"} {
		for _, answer := range []string{"inserted", "duplicate", "refused"} {
			if happened[act+" "+answer] == 0 {
				t.Errorf("no workload has a %s that is %s: %v", act, answer, happened)
			}
		}
	}
	if happened["move conflict"] == 0 || happened["hold conflict"] == 0 {
		t.Errorf("no workload has conflicts: %v", happened)
	}
}

// count counts what happens in the workload.
func (w *workload) count(happened map[string]int) {
	for _, phase := range w {
		for _, l := range phase {
			for i, chain := range l.chains {
				for k, s := range chain {
					answer, _, _ := strings.Cut(l.answers[i][k], " ")
					what := s.act.String()
					happened[what+" "+answer]++
					if len(chain) > 1 {
						happened["chain "+answer]++
					}
				}
			}
		}
	}
}

type metamorphicRun struct {
	*books
	way  way
	work *workload
}

// delivery is a chain on its way, with the answers that it must get.
type delivery struct {
	chain []step
	want  []string
}

func (r *metamorphicRun) post() {
	ctx := context.Background()
	var accounts []ledger.Account
	for n := range workloadLanes {
		accounts = append(accounts,
			ledger.Account{Code: laneCodes(n)[3], Kind: ledger.Liability, Flags: ledger.DebitsMustNotExceedCredits, Shards: r.way.shards},
			ledger.Account{Code: laneCodes(n)[4], Kind: ledger.Asset, Flags: ledger.CreditsMustNotExceedDebits, Shards: r.way.shards})
	}
	r.must(r.OpenAccounts(ctx, accounts))
	for phase := range r.work {
		var group sync.WaitGroup
		for worker := range r.way.workers {
			group.Go(func() {
				if err := r.lanes(ctx, phase, worker); err != nil {
					r.t.Errorf("%v", err)
				}
			})
		}
		group.Wait()
	}
}

// lanes has one worker post its lanes of a phase, a chain of each in turn.
func (r *metamorphicRun) lanes(ctx context.Context, phase, worker int) error {
	lease, err := r.Lease(ctx, fmt.Sprintf("lanes/%d", worker), "test", 0)
	if err != nil {
		return err
	}
	var recent *ledger.Recent
	if r.way.recent > 0 {
		recent = ledger.NewRecent(r.way.recent)
	}
	var deliveries []delivery
	for i := 0; ; i++ {
		left := false
		for n := worker; n < workloadLanes; n += r.way.workers {
			if l := &r.work[phase][n]; i < len(l.chains) {
				deliveries, left = append(deliveries, delivery{l.chains[i], l.answers[i]}), true
			}
		}
		if !left {
			break
		}
	}
	var repeated []delivery
	for number := 1; len(deliveries) > 0 || len(repeated) > 0; number++ {
		fresh, steps := 0, 0
		for fresh < len(deliveries) && (fresh == 0 || steps < r.way.batch) {
			steps += len(deliveries[fresh].chain)
			fresh++
		}
		batch := slices.Concat(repeated, deliveries[:fresh])
		if err = r.deliver(ctx, &lease, worker, recent, batch); err != nil {
			return err
		}
		repeated = nil
		if r.way.repeat > 0 && number%r.way.repeat == 0 {
			repeated = repeats(deliveries[:fresh])
		}
		deliveries = deliveries[fresh:]
	}
	return nil
}

// repeats are those that may be delivered again without changing anything: one that was refused
// might go through later.
func repeats(deliveries []delivery) []delivery {
	var again []delivery
	for _, d := range deliveries {
		if slices.Contains(d.want, "refused") {
			continue
		}
		want := make([]string, len(d.want))
		for i, answer := range d.want {
			want[i] = "duplicate"
			if _, amount, told := strings.Cut(answer, " "); told {
				want[i] += " " + amount
			}
		}
		again = append(again, delivery{d.chain, want})
	}
	return again
}

func (r *metamorphicRun) deliver(ctx context.Context, lease *ledger.Lease, worker int, recent *ledger.Recent, deliveries []delivery) error {
	batch := &ledger.Batch{
		Stream: lease.Stream, Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: lease.Day, Shard: worker + int(lease.Next), Recent: recent,
	}
	var want []string
	for _, d := range deliveries {
		for i, s := range d.chain {
			batch.Transfers = append(batch.Transfers, s.transfer())
			want = append(want, d.want[i])
		}
	}
	out, err := r.Post(ctx, batch)
	if err != nil {
		return err
	}
	lease.Next = batch.Next
	for i, answer := range describe(out.Transfers) {
		if answer, _, _ = strings.Cut(answer, ":"); answer != want[i] && !(want[i] == "duplicate" && strings.HasPrefix(answer, "duplicate ")) {
			return fmt.Errorf("batch %d of %s, transfer %d: %q, the model says %q", out.Sequence, lease.Stream, i, describe(out.Transfers)[i], want[i])
		}
	}
	return nil
}

// compare compares accounts and rows with the model.
func (r *metamorphicRun) compare(m *model) {
	ctx := context.Background()
	chart, err := r.Accounts(ctx)
	r.must(err)
	for _, a := range chart.All() {
		sums, err := r.Balance(ctx, a.Code)
		r.must(err)
		if sums.CreditBalance() != m.balances[a.Code] || sums.DebitsHeld != m.debits[a.Code] || sums.CreditsHeld != m.credits[a.Code] {
			r.t.Errorf("%s holds %+v, the model says %d, held %d and %d", a.Code, sums, m.balances[a.Code], m.debits[a.Code], m.credits[a.Code])
		}
	}
	rows, disputes := 0, 0
	r.must(r.Scan(ctx, today, today, func(ledger.Row) error { rows++; return nil }))
	r.must(r.ScanMemos(ctx, today, today, func(ledger.Row) error { disputes++; return nil }))
	if rows != len(m.rows) || disputes != len(m.disputes) {
		r.t.Errorf("%d transfers and %d disputes, the model says %d and %d", rows, disputes, len(m.rows), len(m.disputes))
	}
}

// dump tells all that must not depend on the way: rows by key and content, what each subject has on
// each account, the trial balance.
func (r *metamorphicRun) dump() []string {
	ctx := context.Background()
	var lines []string
	row := func(row ledger.Row) error {
		row.Stream, row.Sequence, row.Position = 0, 0, 0
		lines = append(lines, fmt.Sprintf("row %v %s %x: %x", row.Day, row.Subject, string(row.ID), row.ContentHash()))
		return nil
	}
	r.must(r.Scan(ctx, today, today, row))
	r.must(r.ScanMemos(ctx, today, today, row))
	trial, err := r.Trial(ctx, today)
	r.must(err)
	for _, row := range trial {
		lines = append(lines, fmt.Sprintf("account %s: %+v", row.Account.Code, row.Day))
		r.must(shadow.Balances(ctx, r.Ledger, row.Account.ID, func(s ledger.Subject, fen ledger.Fen) error {
			lines = append(lines, fmt.Sprintf("%s on %s: %d", s, row.Account.Code, int64(fen)))
			return nil
		}))
	}
	return lines
}

package counters_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/counters"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/schema"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

const firstDay ledger.Day = 20260105

// office is a ledger in which the records are booked day by day.
type office struct {
	*testing.T
	counters.Checker
}

func newOffice(t *testing.T, part int) *office {
	url := ledgertest.New(t)
	if err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	o := &office{t, counters.Checker{Ledger: ledgertest.Connect(t, url, 8), Part: part}}
	o.must(o.Ledger.OpenDay(t.Context(), firstDay))
	o.must(o.Ledger.OpenAccounts(t.Context(), chart.Accounts(clearingtest.New(t, nil).Registry.Current())))
	return o
}

func (o *office) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// closes closes a day and checks it.
func (o *office) closes(day ledger.Day) counters.Summary {
	o.Helper()
	o.must(o.Ledger.CloseDay(o.Context(), day, day.Next()))
	summary, err := o.Checker.Run(o.Context(), day, 0)
	o.must(err)
	o.must(o.Ledger.EndDay(o.Context(), day))
	return summary
}

// book posts what is booked on a day, in a random order.
func (o *office) book(stream string, random *rand.Rand, records []record, day int) {
	o.Helper()
	lease, err := o.Ledger.Lease(o.Context(), stream, "test", firstDay)
	o.must(err)
	batch := &ledger.Batch{Stream: stream, Epoch: lease.Epoch, From: lease.Next, Next: lease.Next, Day: lease.Day}
	// In small batches: a day is cut by samples of them.
	post := func() {
		batch.From, batch.Next = batch.Next, batch.Next+1
		out, err := o.Ledger.Post(o.Context(), batch)
		o.must(err)
		for _, d := range slices.Concat(out.Transfers, out.Memos) {
			if d.Result != ledger.Inserted {
				o.Fatalf("not booked: %s %v", d.Result, d.Err)
			}
		}
		batch.Transfers, batch.Memos = nil, nil
	}
	for _, at := range random.Perm(len(records)) {
		r := &records[at]
		if r.day != day {
			continue
		}
		at := clearingtest.Hex(fmt.Sprintf("202601051%05d", r.second))
		t := ledger.Transfer{Day: firstDay, Subject: ledger.Subject(clearingtest.Hex(r.card)), Amount: ledger.Fen(r.fen)}
		if r.load {
			t.ID, t.Debit, t.Credit, t.Purpose = identity.LoadWritten(2, uint16(r.counter)), ledger.IDOfCode(chart.Suspense(verdict.LoadNotPaid)), ledger.IDOfCode(chart.Float), chart.PurposeLoad
			t.Evidence = clearingtest.Encode(&message.Load{Time: at, NewBalanceFen: uint32(r.balance)})
		} else {
			t.ID, t.Debit, t.Credit, t.Purpose = identity.Spend(9, clearingtest.Hex(r.sam), r.sam4), ledger.IDOfCode(chart.Float), ledger.IDOfCode("operator:bus"), chart.PurposeBus
			t.Evidence = clearingtest.Encode(&message.Tap{CardCounter: uint32(r.counter), BalanceFen: int32(r.balance), Debit: &message.Debit{Time: at}})
		}
		if r.fen == 0 {
			batch.Memos = append(batch.Memos, ledger.Memo{Day: t.Day, Subject: t.Subject, ID: t.ID, Kind: docket.KindRecord, Reason: chart.MetroEntry, Evidence: t.Evidence})
		} else {
			batch.Transfers = append(batch.Transfers, t)
		}
		if len(batch.Transfers)+len(batch.Memos) == 3 {
			post()
		}
	}
	post()
}

func (o *office) findings(day ledger.Day) (list []string) {
	o.Helper()
	o.must(o.Findings(o.Context(), day, 0, func(f counters.Finding) error {
		list = append(list, fmt.Sprintf("%s %s %d-%d %d", f.Kind, f.Subject.Digits(), f.First, f.Last, f.Fen))
		return nil
	}))
	slices.Sort(list)
	return list
}

// TestPass books lives day by day, cut in parts of few rows, and compares what each
// day's pass finds with the model, and the ledger's shadow balances with what the
// histories say.
func TestPass(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			const days = 3
			random := rand.New(rand.NewPCG(seed, 1))
			o := newOffice(t, 1+random.IntN(9))
			records := life(random, days)
			for day := range days {
				o.book("taps/0", random, records, day)
				date := firstDay.Add(day)
				summary := o.closes(date)
				if got, want := o.findings(date), expected(records, day); !slices.Equal(got, want) {
					t.Fatalf("day %d: found\n%s\nwant\n%s", day, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				rows := 0
				for _, r := range records {
					if r.day == day {
						rows++
					}
				}
				if progress, err := o.Progress(t.Context(), date); err != nil || summary.Rows != int64(rows) || progress != int64(rows) {
					t.Errorf("day %d: %d rows read, progress %d (%v), want %d", day, summary.Rows, progress, err, rows)
				}
			}
		})
	}
}

// TestInterrupted makes a part fail before it is stored, in the middle of a pass, and
// then passes in two processes at once: the findings are those of one undisturbed pass.
func TestInterrupted(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	records := life(random, 6)
	for i := range records {
		records[i].day = min(records[i].day, 0)
	}
	o := newOffice(t, 3)
	o.book("taps/0", random, records, 0)
	o.must(o.Ledger.CloseDay(t.Context(), firstDay, firstDay.Next()))
	want := expected(records, 0)
	const broken = "010149105070200000000003"
	if at := slices.IndexFunc(want, func(f string) bool { return strings.Contains(f, broken) }); at < 0 || len(want) < 5 {
		t.Fatalf("the life has only the findings %q", want)
	}
	exec := func(statement string) {
		t.Helper()
		_, err := o.Ledger.Pool().Exec(t.Context(), statement)
		o.must(err)
	}
	exec("ALTER TABLE findings ADD CONSTRAINT broken CHECK (subject <> '\\x" + broken + "')")
	_, err := o.Checker.Run(t.Context(), firstDay, 0)
	if refused := new(pgconn.PgError); !errors.As(err, &refused) {
		t.Fatalf("the broken pass ended with %v", err)
	}
	if _, found, err := o.Of(t.Context(), firstDay); found || err != nil {
		t.Fatalf("the broken pass is complete (%v)", err)
	}
	exec("ALTER TABLE findings DROP CONSTRAINT broken")

	ended := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := o.Checker.Run(t.Context(), firstDay, 0)
			ended <- err
		}()
	}
	o.must(errors.Join(<-ended, <-ended))
	if got := o.findings(firstDay); !slices.Equal(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestReopened passes two days, reopens the first and books in it what was late: both
// are checked again, and the gap that the late records filled is no longer found.
func TestReopened(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	records := life(random, 3)
	o := newOffice(t, 4)
	late := 0
	for i := range records {
		if records[i].day == 2 {
			records[i].day = -1
		}
		if records[i].day == 0 && i%3 == 0 {
			records[i].day = 9
			late++
		}
	}
	for day := range 2 {
		date := firstDay.Add(day)
		o.book("taps/0", random, records, day)
		o.closes(date)
	}
	before := o.findings(firstDay)
	o.must(o.Ledger.ReopenDay(t.Context(), firstDay, ledger.Approval{First: "Li", Second: "Wang", Reason: "late", At: firstDay.Time(time.UTC)}))
	if late == 0 {
		t.Fatal("nothing is late")
	}
	o.book("adjustments", random, records, 9)
	for i := range records {
		if records[i].day == 9 {
			records[i].day = 0
		}
	}
	o.must(o.Ledger.CloseDay(t.Context(), firstDay, firstDay.Next()))
	summary, err := o.Checker.Run(t.Context(), firstDay, 1)
	o.must(err)
	if summary.Round != 1 || slices.Equal(before, o.findings(firstDay)) {
		t.Errorf("round %d after the reopening, findings changed %v", summary.Round, !slices.Equal(before, o.findings(firstDay)))
	}
	for day := range 2 {
		if got, want := o.findings(firstDay.Add(day)), expected(records, day); !slices.Equal(got, want) {
			t.Errorf("day %d: found\n%s\nwant\n%s", day, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	again, err := o.Checker.Run(t.Context(), firstDay, 1)
	o.must(err)
	if again.Round != 1 {
		t.Errorf("passed once more, in round %d", again.Round)
	}

	// Histories that nothing begins with any more are forgotten, findings are not.
	o.must(o.Forget(t.Context(), firstDay.Add(2)))
	var left int
	o.must(o.Ledger.Pool().QueryRow(context.Background(), "SELECT count(*) FROM histories WHERE day < $1", firstDay.Next()).Scan(&left))
	if left != 0 || len(o.findings(firstDay)) == 0 {
		t.Errorf("%d histories of the first day are left, %d findings", left, len(o.findings(firstDay)))
	}
}

// ride books one tap of each of some cards, dated the first day, in the stream's day.
func (o *office) ride(from, to int) {
	o.Helper()
	var records []record
	for c := from; c < to; c++ {
		records = append(records, record{card: fmt.Sprintf("01014910507020000000%04d", c%1000), counter: int64(c / 1000), sam: "310000000001", sam4: uint32(c), fen: 100, balance: 100, second: c})
	}
	o.book("taps/0", rand.New(rand.NewPCG(1, 1)), records, 0)
}

func (o *office) close(day ledger.Day) counters.Summary {
	o.Helper()
	o.must(o.Ledger.CloseDay(o.Context(), day, day.Next()))
	summary, err := o.Checker.Run(o.Context(), day, 0)
	o.must(err)
	o.must(o.Ledger.EndDay(o.Context(), day))
	return summary
}

// TestBounded keeps rows of histories small on days of few taps after one of many cards,
// and every card in them.
func TestBounded(t *testing.T) {
	o := newOffice(t, 20)
	o.ride(0, 600)
	day := firstDay
	for n := range 3 {
		if summary := o.close(day); summary.Cards != 600 {
			t.Errorf("day %d: %d cards have histories, want 600", n, summary.Cards)
		}
		var most, rows int
		o.must(o.Ledger.Pool().QueryRow(t.Context(), "SELECT max(items), count(*) FROM histories WHERE day = $1 AND kind = 1", day).Scan(&most, &rows))
		if most > 50 || rows < 12 {
			t.Errorf("day %d: %d rows of up to %d histories, want up to 50", n, rows, most)
		}
		day = day.Next()
		o.ride(1000*(n+1), 1000*(n+1)+3)
	}
}

// TestCutOnce has three workers pass over a day while taps of that day go on being
// booked in the next: each finds what the others have stored and cuts where they have.
// The day after can be closed.
func TestCutOnce(t *testing.T) {
	o := newOffice(t, 10)
	o.ride(0, 100)
	o.must(o.Ledger.CloseDay(t.Context(), firstDay, firstDay.Next()))
	ended := make(chan error, 3)
	for n := range cap(ended) {
		go func() {
			_, err := o.Checker.Run(t.Context(), firstDay, 0)
			ended <- err
		}()
		o.ride(100+7*n, 107+7*n)
	}
	for range cap(ended) {
		o.must(<-ended)
	}
	o.must(o.Ledger.EndDay(t.Context(), firstDay))
	summary, found, err := o.Of(t.Context(), firstDay)
	o.must(err)
	if !found || summary.Rows != 100 || summary.Cards != 100 || summary.Round != 0 {
		t.Errorf("%+v, want 100 rows of 100 cards in round 0", summary)
	}
	if next := o.close(firstDay.Next()); next.Cards <= 100 {
		t.Errorf("%+v on the next day, want more than 100 cards", next)
	}
}

// TestDaysBefore passes over days that ended without a pass before the day asked for:
// shadow balances hold what was booked in them.
func TestDaysBefore(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	records := life(random, 3)
	o := newOffice(t, 6)
	for day := range 3 {
		date := firstDay.Add(day)
		o.book("taps/0", random, records, day)
		o.must(o.Ledger.CloseDay(t.Context(), date, date.Next()))
		if day == 2 {
			_, err := o.Checker.Run(t.Context(), date, 0)
			o.must(err)
		}
		o.must(o.Ledger.EndDay(t.Context(), date))
	}
	for day := range 3 {
		if got, want := o.findings(firstDay.Add(day)), expected(records, day); !slices.Equal(got, want) {
			t.Errorf("day %d: found\n%s\nwant\n%s", day, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

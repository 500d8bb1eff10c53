package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/language"
	"citycard/ledger"
)

// TestCountLeft counts the money that a close left on accounts that it pays out, and neither later
// bookings nor other accounts.
func TestCountLeft(t *testing.T) {
	got := map[string]int{}
	count := func(code string, flags ledger.Flags, before, today ledger.Fen) {
		countLeft(got, ledger.Account{Code: code, Flags: flags}, ledger.Standing{Held: before + today, Today: today})
	}
	const clearing = ledger.MustReturnToZero
	count("operator:a", clearing, 5, 0)
	count("operator:b", clearing, 0, 7)
	count("operator:c", clearing, 9, -9)
	count("pension:returned", 0, 8, 0)
	count(chart.PensionPayout, clearing, 1, 0)
	count("hospital:h", clearing, 0, 0)
	count("suspense:unknown_card", 0, 3, 0)
	count(chart.Float, 0, 4, 0)
	if want := map[string]int{"operator": 2, "hospital": 0, "pension": 1}; !maps.Equal(got, want) {
		t.Errorf("%v are not at zero, want %v", got, want)
	}
}

// traffic counts statements and the rows that come back.
type traffic struct{ statements, rows atomic.Int64 }

func (c *traffic) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (c *traffic) TraceQueryEnd(_ context.Context, _ *pgx.Conn, end pgx.TraceQueryEndData) {
	c.statements.Add(1)
	c.rows.Add(end.CommandTag.RowsAffected())
}

// lookedAt are books with many personal accounts and many batches, and a glance at them
// whose statements are counted.
type lookedAt struct {
	*testing.T
	*books.Books
	lease   ledger.Lease
	traffic traffic
	glance  *glance
	pages   http.Handler
}

func newLookedAt(t *testing.T) *lookedAt {
	b, _ := bookstest.New(t)
	l := &lookedAt{T: t, Books: b}
	accounts := []ledger.Account{
		{Code: chart.Float, Kind: ledger.Liability},
		{Code: "operator:bus", Kind: ledger.Liability, Flags: ledger.MustReturnToZero, Shards: 4},
		{Code: "operator:metro", Kind: ledger.Liability, Flags: ledger.MustReturnToZero},
	}
	for n := range 500 {
		accounts = append(accounts, ledger.Account{Code: fmt.Sprintf("person:%d", n), Kind: ledger.Liability})
	}
	l.must(b.OpenDay(t.Context(), 20260105))
	l.must(b.OpenAccounts(t.Context(), accounts))
	pool, dialect, err := ledger.Connect(t.Context(), b.URL, 2)
	l.must(err)
	config := pool.Config()
	pool.Close()
	config.ConnConfig.Tracer = &l.traffic
	pool, err = pgxpool.NewWithConfig(t.Context(), config)
	l.must(err)
	t.Cleanup(pool.Close)
	moment := time.Date(2026, 1, 6, 12, 0, 0, 0, time.UTC)
	l.glance = newGlance(ledger.New(pool, dialect), func() time.Time { moment = moment.Add(time.Second); return moment }, slog.New(slog.DiscardHandler))
	page, err := statusPage(func(context.Context) statusHead { return statusHead{Database: language.Textf("database %s", "city")} }, l.glance)
	l.must(err)
	registry := prometheus.NewRegistry()
	registry.MustRegister(newBookGauges(l.glance, time.UTC))
	mux := http.NewServeMux()
	mux.Handle("/", page)
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	l.pages = mux
	return l
}

func (l *lookedAt) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// book commits n batches in a day, each with one tap of 10 fen to the bus.
func (l *lookedAt) book(n int, day ledger.Day) {
	l.Helper()
	var err error
	if l.lease, err = l.Lease(l.Context(), "taps/0", "test", day); err != nil {
		l.Fatal(err)
	}
	note, err := json.Marshal(docket.Note{Tally: []docket.Line{{Verdict: "cleared", Purpose: "bus", Count: 1, Fen: 10}}})
	l.must(err)
	for range n {
		tap := ledger.Transfer{Day: day, Subject: "card", ID: ledger.ID(fmt.Sprint(l.lease.Next)), Debit: ledger.IDOfCode(chart.Float), Credit: ledger.IDOfCode("operator:bus"), Amount: 10}
		_, err = l.Post(l.Context(), &ledger.Batch{
			Stream: "taps/0", Epoch: l.lease.Epoch, From: l.lease.Next, Next: l.lease.Next + 1, Day: day, Transfers: []ledger.Transfer{tap},
			Finish: func(context.Context, pgx.Tx, *ledger.Outcome) ([]byte, error) { return note, nil },
		})
		l.must(err)
		l.lease.Next++
	}
}

// look reads the books and returns how many statements and rows that took.
func (l *lookedAt) look() (statements, rows int64) {
	l.Helper()
	statements, rows = l.traffic.statements.Load(), l.traffic.rows.Load()
	l.must(l.glance.read(l.Context()))
	return l.traffic.statements.Load() - statements, l.traffic.rows.Load() - rows
}

// want asks for a page and looks for texts in it.
func (l *lookedAt) want(path string, texts ...string) {
	l.Helper()
	answer := httptest.NewRecorder()
	l.pages.ServeHTTP(answer, httptest.NewRequestWithContext(l.Context(), http.MethodGet, path, nil))
	for _, text := range texts {
		if !strings.Contains(answer.Body.String(), text) {
			l.Errorf("%s does not say %q:\n%s", path, text, answer.Body)
		}
	}
}

// TestLooksAreCheap: a request of a page costs the database nothing, and a read in the background
// costs in proportion to what is new, not to the existing batches and accounts.
func TestLooksAreCheap(t *testing.T) {
	l := newLookedAt(t)
	l.want("/", "books read")
	l.want("/metrics", "citycard_books_read_timestamp_seconds")
	l.book(100, 20260105)
	l.look()
	l.want("/", "20260105: open", `<td class="n">100</td><td class="n">10.00</td>`)
	l.want("/metrics", `citycard_account_fen{account="operator:bus"} 1000`, `citycard_account_fen{account="operator:metro"} 0`, `citycard_accounts_not_at_zero{kind="operator"} 0`, "citycard_days_unsealed 0")

	l.must(l.CloseDay(t.Context(), 20260105, 20260106))
	l.must(l.EndDay(t.Context(), 20260105))
	l.book(3, 20260106)
	statements, rows := l.look()
	const allowed = 40 // days, control accounts, states: nothing that grows
	if statements > allowed || rows > allowed {
		t.Errorf("a look at 3 new batches took %d statements and %d rows, expected at most %d", statements, rows, allowed)
	}
	before := l.traffic.statements.Load()
	for range 20 {
		l.want("/", "20260106: open", "20260105: closed", `<td class="n">3</td><td class="n">0.30</td>`, `<td class="n">100</td>`)
		l.want("/metrics", `citycard_account_fen{account="operator:bus"} 1030`, `citycard_accounts_not_at_zero{kind="operator"} 1`, "citycard_days_unsealed 1", "citycard_clearing_day_start_seconds 1.767657")
	}
	if asked := l.traffic.statements.Load() - before; asked != 0 {
		t.Errorf("40 requests took %d statements, expected none", asked)
	}
}

// TestLookFails: if the books cannot be read, the last values are kept with their age, so that
// alerts continue.
func TestLookFails(t *testing.T) {
	l := newLookedAt(t)
	l.book(1, 20260105)
	l.look()
	read := l.glance.view().read
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.glance.read(ended); err == nil {
		t.Error("a look that was cut short: expected an error")
	}
	if now := l.glance.view().read; !now.Equal(read) {
		t.Errorf("it counts as read at %s, expected %s", now, read)
	}
	l.want("/metrics", `citycard_account_fen{account="operator:bus"} 10`, fmt.Sprintf("citycard_books_read_timestamp_seconds %.9e", float64(read.Unix())))
}

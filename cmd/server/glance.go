package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/counters"
	"citycard/clearing/docket"
	"citycard/clearing/quarantine"
	"citycard/clearing/transit/unconfirmed"
	"citycard/language"
	"citycard/ledger"
)

// glance holds the values from the books that the status page and the metrics show. They are read
// in the background, so that a request costs the database nothing, and only new rows are added: the
// notes of batches are read once, and accounts are looked up by key, except personal ones. If
// reading fails, the last values stay, with their age.
type glance struct {
	ledger *ledger.Ledger
	now    func() time.Time
	log    *slog.Logger

	// Only the reader uses these.
	reached ledger.Reached
	tallies map[ledger.Day]*docket.Sums
	version int64 // of the chart that control was picked from
	control map[ledger.AccountID]ledger.Account
	without unconfirmed.Watch

	mu   sync.Mutex
	seen view
}

// view is the result of one reading of the books.
type view struct {
	read     time.Time // when; before the first, when the program began
	day      ledger.Day
	held     map[string]ledger.Fen // control accounts, by code
	notZero  map[string]int        // kind -> accounts
	days     []shownDay            // the latest first
	progress map[ledger.Day]float64
	findings map[string]int   // kind -> count, nil where no day was passed over
	alone    int              // records in quarantine
	unsealed int              // days that are closed and not sealed
	unproved unconfirmed.Open // taps of which no TAC came
}

const (
	glanceEvery = 5 * time.Second
	glanceLimit = 2 * time.Minute // for one look; the first reads the notes of some days
	// statusDays is how many days the status page shows.
	statusDays = 3
)

func newGlance(l *ledger.Ledger, now func() time.Time, log *slog.Logger) *glance {
	g := &glance{ledger: l, now: now, log: log, tallies: map[ledger.Day]*docket.Sums{}, version: -1}
	g.seen.read = now()
	return g
}

// view is what was read last.
func (g *glance) view() view {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen
}

// follow reads again and again until ctx ends.
func (g *glance) follow(ctx context.Context) {
	tick := time.NewTicker(glanceEvery)
	defer tick.Stop()
	for {
		if err := g.read(ctx); err != nil && ctx.Err() == nil {
			g.log.Warn("the books cannot be read for metrics and the status page", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// read looks at the books once.
func (g *glance) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, glanceLimit)
	defer cancel()
	days, err := g.ledger.Days(ctx)
	if err != nil {
		return err
	}
	v := view{read: g.now()}
	if v.day, err = g.ledger.CurrentDay(ctx); err != nil {
		return err
	}
	if err := g.readAccounts(ctx, &v); err != nil {
		return err
	}
	if err := g.readNotes(ctx, &v, days[max(0, len(days)-statusDays):]); err != nil {
		return err
	}
	if err := g.readCloses(ctx, &v, days); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = v
	return nil
}

// readAccounts reads the balances of control accounts. Personal accounts are many and are not
// needed here.
func (g *glance) readAccounts(ctx context.Context, v *view) error {
	accounts, err := g.ledger.Accounts(ctx)
	if err != nil {
		return err
	}
	if version := accounts.Version(); version != g.version {
		g.version, g.control = version, map[ledger.AccountID]ledger.Account{}
		for _, a := range accounts.All() {
			if isControl(a.Code) || a.Flags&ledger.MustReturnToZero != 0 {
				g.control[a.ID] = a
			}
		}
	}
	standings, err := g.ledger.Standings(ctx, v.day, slices.Collect(maps.Keys(g.control)))
	if err != nil {
		return err
	}
	v.held, v.notZero = map[string]ledger.Fen{}, map[string]int{}
	for _, s := range standings {
		account := g.control[s.Account]
		if isControl(account.Code) {
			v.held[account.Code] = s.Held
		}
		countLeft(v.notZero, account, s)
	}
	return nil
}

// countLeft counts, by kind, the accounts that must return to zero and have money left from before
// today.
func countLeft(counts map[string]int, account ledger.Account, s ledger.Standing) {
	if account.Flags&ledger.MustReturnToZero == 0 {
		return
	}
	left := 0
	if s.Held != s.Today {
		left = 1
	}
	counts[chart.KindOf(account.Code)] += left
}

// readNotes adds up the notes of the batches that were booked since the last reading.
func (g *glance) readNotes(ctx context.Context, v *view, days []ledger.DayStatus) error {
	if len(days) == 0 {
		return nil
	}
	first := days[0].Day
	added := map[ledger.Day]*docket.Sums{}
	reached, err := g.ledger.NotesSince(ctx, first, g.reached, func(day ledger.Day, data []byte) error {
		var note docket.Note
		if err := json.Unmarshal(data, &note); err != nil {
			return language.Textf("batch note: %w", err)
		}
		if added[day] == nil {
			added[day] = new(docket.Sums)
		}
		added[day].Add(note.Tally)
		return nil
	})
	if err != nil {
		return err
	}
	g.reached = reached
	for day, sums := range added {
		if g.tallies[day] == nil {
			g.tallies[day] = new(docket.Sums)
		}
		g.tallies[day].Add(sums.Lines())
	}
	maps.DeleteFunc(g.tallies, func(day ledger.Day, _ *docket.Sums) bool { return day < first })
	for _, day := range slices.Backward(days) {
		shown := shownDay{DayStatus: day}
		if sums := g.tallies[day.Day]; sums != nil {
			shown.Lines = sums.Lines()
		}
		v.days = append(v.days, shown)
	}
	return nil
}

// readCloses reads the progress of the close of a day, whichever process closes it, and the
// findings of the last close.
func (g *glance) readCloses(ctx context.Context, v *view, days []ledger.DayStatus) (err error) {
	if v.alone, err = quarantine.Open(ctx, g.ledger); err != nil {
		return err
	}
	if v.unproved, err = g.without.Count(ctx, g.ledger); err != nil {
		return err
	}
	checker := counters.Checker{Ledger: g.ledger}
	v.progress = map[ledger.Day]float64{}
	var closed ledger.Day
	for _, d := range days {
		if d.State == ledger.DayClosed || d.State == ledger.DaySealed {
			closed = max(closed, d.Day)
		}
		if d.State == ledger.DayClosed {
			v.unsealed++
		}
		if d.State != ledger.DayClosing {
			continue
		}
		total, err := g.ledger.BookedRows(ctx, d.Day)
		if err != nil {
			return err
		}
		done, err := checker.Progress(ctx, d.Day)
		if err != nil {
			return err
		}
		v.progress[d.Day] = float64(min(done, total)) / float64(max(total, 1))
	}
	if closed == 0 {
		return nil
	}
	summary, found, err := checker.Of(ctx, closed)
	if found {
		v.findings = summary.Found
	}
	return err
}

func isControl(code string) bool {
	return slices.Contains([]string{
		"reserve", "float", "deposits", "passes", "fees", "unwritten", "centre", "channel", "handed", "operator", "pending", "hospital", "suspense", "bank", "fund", "pension",
	}, chart.KindOf(code))
}

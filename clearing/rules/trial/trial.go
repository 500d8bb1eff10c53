package trial

import (
	"bytes"
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"citycard/clearing/registry/index"
	"citycard/clearing/rules"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// Trial compares two sets of rules.
type Trial struct {
	Ledger   *ledger.Ledger
	InForce  *rules.Set
	Proposed *rules.Set
	// People returns persons and hospitals; it is called if claims are tried.
	People func(context.Context) (*index.Edition, error)
	Part   int // about how many rows of the journal one part has; 0: defaultPart
}

// defaultPart is large enough that the database reads a part in one go, and small enough that all
// processors have some.
const defaultPart = 100_000

// Run tries the records of the clearing days from the first to the last. Days without books are
// left out; it is an error if there are no others.
func (t *Trial) Run(ctx context.Context, first, last ledger.Day) (*Report, error) {
	known, err := t.Ledger.Days(ctx)
	if err != nil {
		return nil, err
	}
	var days []ledger.Day
	for _, d := range known {
		if first <= d.Day && d.Day <= last {
			days = append(days, d.Day)
		}
	}
	if len(days) == 0 {
		return nil, language.Textf("nothing was booked from %s to %s: the books have %s", first.String(), last.String(), span(known))
	}
	report := &Report{From: days[0], To: days[len(days)-1], After: t.Proposed.Tables.Last().Version()}
	if err := t.taps(ctx, days, report); err != nil {
		return nil, fmt.Errorf("try taps: %w", err)
	}
	if !t.medicalChanges() {
		return report, nil
	}
	if report.Claims, err = t.claims(ctx, report.From, report.To); err != nil {
		return nil, fmt.Errorf("try claims: %w", err)
	}
	return report, nil
}

func span(days []ledger.DayStatus) *language.Text {
	if len(days) == 0 {
		return language.Textf("no days")
	}
	return language.Textf("the days %s to %s", days[0].Day.String(), days[len(days)-1].Day.String())
}

// part is one run of subjects of a day.
type part struct {
	day ledger.Day
	shadow.Part
}

// taps prices the taps of the days, on all processors.
func (t *Trial) taps(ctx context.Context, days []ledger.Day, report *Report) error {
	parts := make(chan part)
	group, within := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(parts)
		for _, day := range days {
			cuts, err := t.cuts(within, day)
			if err != nil {
				return err
			}
			var after []byte
			for _, to := range cuts {
				select {
				case parts <- part{day, shadow.Part{After: after, To: to}}:
				case <-within.Done():
					return within.Err()
				}
				after = to
			}
		}
		return nil
	})
	tallies := make([]*taps, runtime.GOMAXPROCS(0))
	for i := range tallies {
		tally := t.newTaps()
		tallies[i] = tally
		group.Go(func() error {
			for p := range parts {
				if err := shadow.ScanPart(within, t.Ledger, p.day, p.Part, tally.take); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, other := range tallies[1:] {
		tallies[0].merge(other)
	}
	tallies[0].report(report)
	return nil
}

// cuts are the ends of the parts of a day.
func (t *Trial) cuts(ctx context.Context, day ledger.Day) (ends [][]byte, err error) {
	samples, err := shadow.Samples(ctx, t.Ledger, day)
	if err != nil {
		return nil, err
	}
	size := int64(t.Part)
	if size <= 0 {
		size = defaultPart
	}
	var rows int64
	for _, s := range samples {
		if rows += s.Rows; rows >= size && (len(ends) == 0 || bytes.Compare(ends[len(ends)-1], s.Subject) < 0) {
			ends, rows = append(ends, s.Subject), 0
		}
	}
	return append(ends, shadow.LastSubject()), nil
}

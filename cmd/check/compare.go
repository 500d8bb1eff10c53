package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/ledger"
	"citycard/ledger/export"
	"citycard/simulators/truth"
)

// Finding is the result of the comparison.
type Finding struct {
	truth.Result
	Counts Counts
	Want   truth.Summary
}

// Books compares a ledger with the truth in dir. The comparison's temporary files are in a separate
// directory below scratch (empty: the system's).
func Books(ctx context.Context, l *ledger.Ledger, dir, scratch string) (*Finding, error) {
	return compare(dir, scratch, func(b *books) error { return b.read(ctx, l) })
}

// Export compares an export of the books with the truth in dir. An export that is
// cut short or altered is an error.
func Export(r io.Reader, dir, scratch string) (*Finding, error) {
	return compare(dir, scratch, func(b *books) error { return b.readExport(r) })
}

func compare(dir, scratch string, read func(*books) error) (finding *Finding, err error) {
	temporary, err := os.MkdirTemp(scratch, "citycard-comparison-")
	if err != nil {
		return nil, fmt.Errorf("comparison: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
	c := truth.NewComparison(filepath.Join(temporary, "pieces"))
	finding = new(Finding)
	if finding.Want, err = truth.ReadSummary(dir); err != nil {
		return nil, err
	}
	if err := errors.Join(truth.EachRecord(dir, c.Expect), truth.EachPurse(dir, c.Purse)); err != nil {
		return nil, err
	}
	b := newBooks(c)
	if err := read(b); err != nil {
		return nil, err
	}
	finding.Counts = b.counts
	finding.Result, err = c.Result()
	return finding, err
}

// readExport reads an export. Shadow balances are the sums of its rows: one number per card, the
// only memory use here that grows with the city.
func (b *books) readExport(r io.Reader) error {
	float := ledger.IDOfCode(chart.Float)
	shadows := map[identity.Card]int64{}
	err := export.Read(r, func(line *export.Line) error {
		switch {
		case line.Account != nil:
			b.codes[line.Account.Account] = line.Account.Code
		case line.Batch != nil:
			return b.note(line.Batch.Note)
		case line.Row != nil:
			row := line.Row
			if moved := row.Moved(); !row.IsMemo() && moved != 0 && (row.Debit == float || row.Credit == float) {
				card, ok := identity.ParseCard([]byte(row.Subject))
				if !ok {
					return fmt.Errorf("subject %x moves the float and is not a card", string(row.Subject))
				}
				if row.Credit == float {
					shadows[card] += int64(moved)
				} else {
					shadows[card] -= int64(moved)
				}
			}
			return b.row(row)
		}
		return nil
	})
	if err := errors.Join(err, b.end()); err != nil {
		return err
	}
	for card, fen := range shadows {
		if err := b.Shadow(card.Digits(), fen); err != nil {
			return err
		}
	}
	return nil
}

// Agrees reports whether nothing differs.
func (f *Finding) Agrees() bool { return f.Result.Agrees() && len(f.Counts.differ(&f.Want)) == 0 }

// Faults names the first differences, each in one line.
func (f *Finding) Faults() []string {
	faults := append([]string{}, f.Found...)
	for _, account := range slices.Sorted(maps.Keys(f.Positions)) {
		p := f.Positions[account]
		faults = append(faults, fmt.Sprintf("records credited %d fen to %s, want %d", p.Got, account, p.Want))
	}
	return append(faults, f.Counts.differ(&f.Want)...)
}

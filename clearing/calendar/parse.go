package calendar

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"citycard/clearing/rulefile"
	"citycard/ledger"
)

// columns are the header of a file.
const columns = "date,kind,source"

// Load reads and checks a calendar file. The error names every fault by row and column; the first
// row of a file is row 1, comments count.
func Load(data []byte) (*Calendar, error) {
	p := parser{seen: map[ledger.Day]int{}}
	p.read(data)
	if p.more > 0 {
		p.faults = append(p.faults, fmt.Errorf("and %d faults more", p.more))
	}
	if len(p.faults) > 0 {
		return nil, errors.Join(p.faults...)
	}
	return &Calendar{p.days}, nil
}

type parser struct {
	days   []Day
	seen   map[ledger.Day]int // the row of each day
	want   ledger.Day         // of the next row; 0: none was read yet
	faults []error
	more   int
}

// fault names a fault; of too many only their number is named.
func (p *parser) fault(format string, args ...any) {
	if len(p.faults) == rulefile.MostFaults {
		p.more++
		return
	}
	p.faults = append(p.faults, fmt.Errorf(format, args...))
}

func (p *parser) read(data []byte) {
	r := csv.NewReader(bytes.NewReader(data))
	r.Comment, r.FieldsPerRecord = '#', -1
	header, err := r.Read()
	if err == io.EOF {
		p.fault("row 1: empty file, want the header %s", columns)
		return
	}
	if err == nil && strings.Join(header, ",") != columns {
		row, _ := r.FieldPos(0)
		p.fault("row %d: the columns are %q, want %q", row, strings.Join(header, ","), columns)
		return
	}
	for err == nil {
		var fields []string
		if fields, err = r.Read(); err == nil {
			row, _ := r.FieldPos(0)
			p.row(row, fields)
		}
	}
	if err != io.EOF {
		// After this the reader's place in the file is uncertain.
		var wrong *csv.ParseError
		if errors.As(err, &wrong) {
			p.fault("row %d: %w", wrong.Line, wrong.Err)
		} else {
			p.fault("%w", err)
		}
		return
	}
	p.end()
}

// row takes one day.
func (p *parser) row(row int, fields []string) {
	if len(fields) != 3 {
		p.fault("row %d: %d columns, want %s", row, len(fields), columns)
		p.skip()
		return
	}
	day := Day{Kind: Kind(fields[1]), Source: fields[2]}
	if !slices.Contains(Kinds(), day.Kind) {
		p.fault("row %d: kind: %q, want one of %v", row, fields[1], Kinds())
	}
	err := rulefile.CheckText(day.Source)
	switch {
	case strings.TrimSpace(day.Source) == "" || strings.Contains(day.Source, "\n"):
		p.fault("row %d: source: %q, want in one line where the day's kind is stated", row, day.Source)
	case err != nil:
		p.fault("row %d: source: %w", row, err)
	}
	if day.Date, err = ledger.ParseDay(fields[0]); err != nil {
		p.fault("row %d: date: %q, want a day of the calendar YYYYMMDD", row, fields[0])
		p.skip()
		return
	}
	p.place(row, day)
}

// skip takes a row that cannot be read for the next day, which is then not missing too.
func (p *parser) skip() {
	if p.want != 0 {
		p.want = p.want.Next()
	}
}

// place finds out whether a day is in its place: every day once, in order, from 1 January on.
func (p *parser) place(row int, day Day) {
	before, again := p.seen[day.Date]
	switch {
	case again:
		p.fault("row %d: date: %s again, row %d has it", row, day.Date, before)
		return
	case p.want == 0:
		if day.Date%10000 != 101 {
			p.fault("row %d: date: %s, want 1 January: a calendar has whole years; %s missing", row, day.Date, span(day.Date/10000*10000+101, day.Date.Add(-1)))
		}
	case day.Date < p.want:
		p.fault("row %d: date: %s stands behind a later day", row, day.Date)
		p.seen[day.Date] = row
		return
	case day.Date > p.want:
		p.fault("row %d: date: %s, want %s; %s missing", row, day.Date, p.want, span(p.want, day.Date.Add(-1)))
	}
	p.seen[day.Date], p.want = row, day.Date.Next()
	p.days = append(p.days, day)
}

// end finds out whether the last year is whole.
func (p *parser) end() {
	switch {
	case p.want == 0 && len(p.faults) == 0:
		p.fault("there is no day, want every day of a year")
	case p.want != 0 && p.want%10000 != 101:
		year := p.want / 10000
		p.fault("the year %d is cut short: %s missing", year, span(p.want, year*10000+1231))
	}
}

// span says which days are missing.
func span(first, last ledger.Day) string {
	if first == last {
		return first.String() + " is"
	}
	return fmt.Sprintf("%s to %s are", first, last)
}

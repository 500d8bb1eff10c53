package settlement

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"citycard/ledger"
)

// Row is what a participant's account shows for one purpose and one transaction
// day inside the clearing day. Several rows of one participant, day and purpose
// are added up.
type Row struct {
	Participant string     // kind:id, such as operator:metro
	Day         ledger.Day // the transactions' own day; late ones are settled with a later clearing day
	Purpose     string
	Count       int64 // transactions, those of zero fen included
	Fen         int64 // positive: to be paid to the participant; negative: to be collected from it
	// Aside says that it is stated beside the totals, and is no part of the position: cash that the
	// participant took itself, fares unlike the table's.
	Aside bool
}

// Participant is who a file is for. Names are for people; either may be empty.
type Participant struct {
	Code   string // kind:id
	Name   string
	NameEn string
}

// Line is one line of a file.
type Line struct {
	Day     ledger.Day
	Purpose string
	Count   int64
	Fen     int64
}

// Position is the net position of one participant on a clearing day.
type Position struct {
	Participant Participant
	Lines       []Line // by day, then purpose
	Asides      []Line // likewise: beside the totals, no part of count and net
	Count       int64  // of all lines
	Fen         int64  // net: the sum of all lines
}

// Net adds rows up to one position per participant, ordered by code. Everybody in participants gets
// one, with or without rows: an empty file says that there was nothing, while a missing file could
// mean anything. It fails on a row whose participant is not listed, naming the row.
func Net(rows []Row, participants []Participant) ([]Position, error) {
	known := make(map[string]Participant, len(participants))
	for i, p := range participants {
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("settlement: participants[%d]: %w", i, err)
		}
		if _, twice := known[p.Code]; twice {
			return nil, fmt.Errorf("settlement: participants[%d]: %s again, want each once", i, p.Code)
		}
		known[p.Code] = p
	}
	type key struct {
		participant string
		day         ledger.Day
		purpose     string
		aside       bool
	}
	sums := make(map[key]Line)
	for i, row := range rows {
		if err := row.check(); err != nil {
			return nil, fmt.Errorf("settlement: rows[%d]: %w", i, err)
		}
		if _, ok := known[row.Participant]; !ok {
			return nil, fmt.Errorf("settlement: rows[%d]: participant %q is not listed", i, row.Participant)
		}
		k := key{row.Participant, row.Day, row.Purpose, row.Aside}
		line := sums[k]
		var ok bool
		if line, ok = line.plus(Line{row.Day, row.Purpose, row.Count, row.Fen}); !ok {
			return nil, fmt.Errorf("settlement: rows[%d]: the sum of %s, %s, %s does not fit", i, row.Participant, row.Day, row.Purpose)
		}
		sums[k] = line
	}
	lines, asides := make(map[string][]Line, len(known)), map[string][]Line{}
	for k, line := range sums {
		if k.aside {
			asides[k.participant] = append(asides[k.participant], line)
			continue
		}
		lines[k.participant] = append(lines[k.participant], line)
	}
	positions := make([]Position, 0, len(known))
	for code, participant := range known {
		position, err := newPosition(participant, lines[code], asides[code])
		if err != nil {
			return nil, fmt.Errorf("settlement: %w", err)
		}
		positions = append(positions, position)
	}
	slices.SortFunc(positions, func(a, b Position) int { return strings.Compare(a.Participant.Code, b.Participant.Code) })
	return positions, nil
}

// newPosition orders lines that are distinct by day and purpose, and totals those that do not stand
// beside.
func newPosition(participant Participant, lines, asides []Line) (Position, error) {
	slices.SortFunc(lines, compareLines)
	slices.SortFunc(asides, compareLines)
	var total Line
	for _, line := range lines {
		var ok bool
		if total, ok = total.plus(line); !ok {
			return Position{}, fmt.Errorf("%s: the total does not fit", participant.Code)
		}
	}
	return Position{Participant: participant, Lines: lines, Asides: asides, Count: total.Count, Fen: total.Fen}, nil
}

func compareLines(a, b Line) int {
	if a.Day != b.Day {
		return int(a.Day) - int(b.Day)
	}
	return strings.Compare(a.Purpose, b.Purpose)
}

// plus adds amounts and counts; day and purpose are those of the addend. It
// reports false when a sum leaves the range of whole fen.
func (l Line) plus(other Line) (Line, bool) {
	count, fen := l.Count+other.Count, l.Fen+other.Fen
	overflow := count < l.Count || other.Fen > 0 && fen < l.Fen || other.Fen < 0 && fen > l.Fen
	return Line{other.Day, other.Purpose, count, fen}, !overflow
}

func (r Row) check() error {
	if !r.Day.Valid() {
		return fmt.Errorf("day \"%s\": want a day of the calendar", r.Day)
	}
	if !isName(r.Purpose) {
		return fmt.Errorf("purpose %q: want 1 to 64 of a-z, A-Z, 0-9, dot, hyphen and underscore", r.Purpose)
	}
	if r.Count < 0 {
		return fmt.Errorf("count %d: want 0 or more", r.Count)
	}
	if r.Fen == math.MinInt64 {
		return errors.New("fen: out of range")
	}
	return nil
}

func (p Participant) check() error {
	kind, id, ok := strings.Cut(p.Code, ":")
	if !ok || !isName(kind) || strings.Contains(kind, "-") || !isName(id) {
		return fmt.Errorf("code %q: want kind:id, each 1 to 64 of a-z, A-Z, 0-9, dot, underscore and, in the id, hyphen", p.Code)
	}
	for _, name := range []string{p.Name, p.NameEn} {
		if err := CheckName(name); err != nil {
			return fmt.Errorf("%s: %w", p.Code, err)
		}
	}
	return nil
}

// NameLimit is the longest name, in bytes.
const NameLimit = 200

// CheckName checks a participant's name for people: one line of text, or nothing.
func CheckName(name string) error {
	if len(name) > NameLimit || !utf8.ValidString(name) || strings.ContainsFunc(name, breaksLines) {
		return fmt.Errorf("name %q: want one line of UTF-8 of at most %d bytes", name, NameLimit)
	}
	return nil
}

// breaksLines reports characters that some program takes for the end of a line or for a command.
func breaksLines(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp)
}

// fileName of a participant: kind-id.csv. A kind holds no hyphen, so the first one tells kind and
// id apart and distinct codes give distinct names. Some file systems do not distinguish A from a,
// so a capital is written as a plus sign and its small letter.
func (p Participant) fileName() string {
	var b strings.Builder
	for _, c := range []byte(strings.Replace(p.Code, ":", "-", 1)) {
		if c >= 'A' && c <= 'Z' {
			b.WriteByte('+')
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String() + ".csv"
}

// isName keeps to characters that are safe in a file name and in CSV on every
// system; a leading dot would hide a file.
func isName(s string) bool {
	if len(s) == 0 || len(s) > 64 || s[0] == '.' {
		return false
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

package registry

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"citycard/clearing/registry/index"
	"citycard/language"
	"citycard/ledger"
)

// Fault is one bad row or file of an import.
type Fault struct {
	File string
	Line int // 1 is the header; 0 means the file as a whole
	What error
}

// Error names the place and what is wrong there.
func (f *Fault) Error() string { return f.In(language.Language{}) }

// In says it in a language.
func (f *Fault) In(l language.Language) string {
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, language.Error(l, f.What))
	}
	return fmt.Sprintf("%s: %s", f.File, language.Error(l, f.What))
}

// ImportError lists what is wrong, up to a limit, and how much more there is.
type ImportError struct {
	Faults []Fault
	More   int
}

const faultLimit = 20

// Error gives one line a fault.
func (e *ImportError) Error() string {
	var b strings.Builder
	faults := "faults"
	if e.Count() == 1 {
		faults = "fault"
	}
	fmt.Fprintf(&b, "registry: %d %s", e.Count(), faults)
	for _, line := range e.Lines() {
		b.WriteString("\n  " + line.Error())
	}
	return b.String()
}

// Count is how many faults there are, with those that are not listed.
func (e *ImportError) Count() int { return len(e.Faults) + e.More }

// Lines are the faults, one a line, and how many more there are.
func (e *ImportError) Lines() (lines []error) {
	for i := range e.Faults {
		lines = append(lines, &e.Faults[i])
	}
	if e.More > 0 {
		lines = append(lines, language.Textf("and %d more", e.More))
	}
	return lines
}

// Bounds are what rules outside the registry allow in its rows.
type Bounds struct {
	// PurseFen is the most that a purse may hold on a day; nil: the most that a card can express.
	PurseFen func(ledger.Day) ledger.Fen
	// At is when terminals are told of the change at the earliest. They are told of no mode and no
	// issuer that is over then.
	At index.Moment
}

func (b Bounds) purse(day ledger.Day) ledger.Fen {
	if b.PurseFen == nil || !day.Valid() {
		return purseLimit
	}
	return min(b.PurseFen(day), purseLimit)
}

// Import reads the files of a whole registry from dir, and returns the edition that is in force
// when they are the founding change.
func Import(dir string) (*index.Edition, error) {
	draft, err := Read(dir, nil)
	if err != nil {
		return nil, err
	}
	return draft.Edition(), nil
}

// Read reads a change from the CSV files in dir: operators, issuers, card_types,
// lines, vehicles, terminals, sams, cards, channels, hospitals, persons, purses, hotlist, modes,
// counters. It checks every row of every file against the others and against base, and fails
// with one *ImportError that names all that is wrong.
//
// Beside them the directory may have what begins with a dot, and a README.
//
// A founding change, base nil, must have operators, terminals, cards, channels,
// hospitals, persons and purses; any other may have any of the files.
func Read(dir string, base *index.Edition) (*Draft, error) { return Bounds{}.Read(dir, base) }

// Read reads a change as the function Read does, and holds its rows against the bounds.
func (b Bounds) Read(dir string, base *index.Edition) (*Draft, error) {
	switch info, err := os.Stat(dir); {
	case errors.Is(err, os.ErrNotExist):
		return nil, language.Textf("registry: there is no directory %s", dir)
	case err == nil && !info.IsDir():
		return nil, language.Textf("registry: %s is not a directory", dir)
	}
	return b.read(source{dir: dir}, base)
}

// ReadFiles reads a change as Read does, from files that are in memory.
func (b Bounds) ReadFiles(files Files, base *index.Edition) (*Draft, error) {
	return b.read(source{files: files}, base)
}

func (b Bounds) read(from source, base *index.Edition) (*Draft, error) {
	founding := base == nil
	if founding {
		base = &index.Edition{}
	}
	in := &importer{source: from, builder: builder{base: base.Rows(), bounds: b}}
	in.names()
	found := 0
	for _, l := range layouts() {
		if in.table(&l, founding && l.first) {
			found++
		}
	}
	if found == 0 && len(in.faults.Faults) == 0 {
		in.fault(from.dir, 0, "holds no file of a registry, such as cards.csv")
	}
	in.finish(func(number index.Number, wrong index.Conflict) {
		in.fault("cards.csv", 0, fmt.Sprintf("%s: lines %v", conflict(wrong, number), in.linesOf("cards.csv", number)))
	}, func(row, before index.Listing) {
		in.fault("hotlist.csv", 0, fmt.Sprintf("card %s: the row from %s overlaps the one from %s: lines %v", row.Card, row.From, before.From, in.linesOf("hotlist.csv", row.Card)))
	})
	draft := &Draft{rows: in.rows, base: base.Number()}
	if err := draft.seal(); err != nil {
		return nil, err
	}
	if in.rows.SAMs.Len() > 0 {
		in.checkSAMs(draft.on(base))
	}
	if in.rows.Modes.Len() > 0 {
		in.checkModes(draft.on(base))
	}
	in.checkPublished(draft.on(base))
	in.checkPurses()
	in.checkCounters()
	in.checkRoom()
	if len(in.faults.Faults) > 0 {
		return nil, &in.faults
	}
	return draft, nil
}

// names refuses what is no file of a registry, with the name that may be meant.
func (in *importer) names() {
	var names []string
	for _, l := range layouts() {
		names = append(names, l.file())
	}
	foreign, err := in.foreign(names)
	if err != nil {
		in.wrong(in.dir, 0, err)
	}
	for _, name := range foreign {
		in.wrong(name, 0, language.Textf("no file of a registry has this name, the nearest is %s; rename it or take it out of the directory", language.Nearest(name, names)))
	}
}

type importer struct {
	builder
	source
	faults ImportError
}

func (in *importer) fault(file string, line int, text string) { in.wrong(file, line, errors.New(text)) }

func (in *importer) wrong(file string, line int, what error) {
	if len(in.faults.Faults) == faultLimit {
		in.faults.More++
		return
	}
	in.faults.Faults = append(in.faults.Faults, Fault{file, line, what})
}

// table reads one file; found is false where there is none.
func (in *importer) table(l *layout, needed bool) (found bool) {
	name := l.file()
	if !in.has(name) {
		if needed {
			in.fault(name, 0, fmt.Sprintf("no such file in %s", in.dir))
		}
		return false
	}
	file, err := in.open(name)
	if err != nil {
		in.wrong(name, 0, err)
		return true
	}
	defer file.Close()
	r := newReader(file)
	first, err := r.Read()
	switch {
	case err == io.EOF:
		in.fault(name, 1, "empty file, want the header "+l.columns)
		return true
	case err != nil:
		in.wrong(name, 1, err)
		return true
	case !utf8.ValidString(strings.Join(first, "")):
		in.wrong(name, 1, otherEncoding())
		return true
	case !slices.Equal(first, l.all()) && strings.Join(first, ",") != l.columns:
		in.fault(name, 1, fmt.Sprintf("header is %q, want %q", strings.Join(first, ","), strings.Join(l.all(), ",")))
		return true
	}
	for {
		fields, err := r.Read()
		if err == io.EOF {
			return true
		}
		line, _ := r.FieldPos(0)
		if err != nil {
			// A parse error leaves the reader's place in the file uncertain.
			in.wrong(name, line, err)
			return true
		}
		if err := l.parse(&in.builder, fields); err != nil {
			if !utf8.ValidString(strings.Join(fields, "")) { // so are the other lines
				in.wrong(name, line, otherEncoding())
				return true
			}
			in.wrong(name, line, err)
		}
	}
}

// otherEncoding is the fault of a file that a spreadsheet saved in another encoding.
func otherEncoding() error {
	return language.Textf("not UTF-8, GBK perhaps: save it as CSV UTF-8")
}

// byteOrderMark is what Excel begins a file of UTF-8 with.
const byteOrderMark = "\uFEFF"

// newReader reads a CSV file, with or without a byte-order mark.
func newReader(file io.Reader) *csv.Reader {
	buffered := bufio.NewReader(file)
	if first, err := buffered.Peek(len(byteOrderMark)); err == nil && string(first) == byteOrderMark {
		_, _ = buffered.Discard(len(byteOrderMark)) // it was seen
	}
	r := csv.NewReader(buffered)
	r.ReuseRecord = true
	return r
}

// linesOf finds some of a card's rows in a file again, for a fault that shows only when all rows
// are sorted. The fault gives lines because faults are logged and must not contain a whole card
// number.
func (in *importer) linesOf(name string, card index.Number) (lines []int) {
	file, err := in.open(name)
	if err != nil {
		return nil
	}
	defer file.Close()
	r := newReader(file)
	for len(lines) < faultLimit {
		fields, err := r.Read()
		if err != nil {
			break // the rows were all read before
		}
		if strings.HasSuffix(fields[0], card.Digits()[4:]) {
			line, _ := r.FieldPos(0)
			lines = append(lines, line)
		}
	}
	return lines
}

// checkPurses finds purses whose card is registered under another number or issuer.
func (in *importer) checkPurses() {
	for digits, p := range in.rows.Purses.All(index.Compare) {
		if card, ok := in.rows.Cards.Find(digits); ok && card.ID != p.ID {
			in.fault("purses.csv", 0, fmt.Sprintf("%s: lines %v", sameSignature(p.ID, card.ID), in.linesOf("purses.csv", p.ID.ASN)))
		}
	}
}

// checkCounters finds terminals of channels that are registered nowhere.
func (in *importer) checkCounters() {
	for _, t := range in.rows.Terminals.All(index.Compare) {
		id, channel := strings.CutPrefix(t.Operator, index.ChannelHolder)
		if err := checkReference(&in.builder, &in.rows.Channels, &in.base.Channels, "channel", id, id); channel && err != nil {
			in.wrong("terminals.csv", 0, err)
		}
	}
}

// checkRoom refuses rows if the packed tables have no room for them together with the rows in
// force.
func (in *importer) checkRoom() {
	if n := in.rows.Cards.Classes(&in.base.Cards); n > index.MaxClasses {
		in.fault("cards.csv", 0, fmt.Sprintf("%d combinations of issuer and type with those registered, want at most %d", n, index.MaxClasses))
	}
	if n := in.rows.Hotlist.Reasons(&in.base.Hotlist); n > index.MaxReasons {
		in.fault("hotlist.csv", 0, fmt.Sprintf("%d reasons with those registered, want at most %d", n, index.MaxReasons))
	}
}

// checkSAMs finds SAMs that would sit in two terminals on one day.
func (in *importer) checkSAMs(next *index.Edition) {
	for terminal, s := range in.rows.SAMs.All(index.Compare) {
		for _, other := range next.TerminalsOf(s.Number, s.From) {
			if other != terminal {
				in.fault("sams.csv", 0, fmt.Sprintf("SAM %x is in terminal %x from %s and in terminal %x too", s.Number, terminal, s.From, other))
			}
		}
	}
}

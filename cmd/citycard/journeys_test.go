package main

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"citycard/cardos/bcd"
	"citycard/clearing/message"
	"citycard/clearing/rulefile"
	"citycard/clearing/rules"
	"citycard/clearing/transit/fare"
	"citycard/simulators/document"
	"citycard/simulators/truth"
	"citycard/terminals/tariff"
)

// journeyRules are the documents by which the book of journeys is worked out.
func journeyRules(t *testing.T, name string) map[rules.Kind][]byte {
	t.Helper()
	contents := map[rules.Kind][]byte{}
	for _, kind := range rules.Kinds() {
		contents[kind] = kind.Example()
	}
	fares, err := os.ReadFile(filepath.Join("testdata", "journeys", name))
	if err != nil {
		t.Fatal(err)
	}
	contents[rules.Fares] = fares
	return contents
}

// journey is a row of the book.
type journey struct {
	what           string
	entered, left  time.Time
	card, from, to uint32
	line           uint32
	fen            int64
}

// tap is the journey as its last tap says it.
func (j *journey) tap(version string) *message.Tap {
	left, in := bcd.Time(j.left), bcd.Time(j.entered)
	m := &message.Tap{
		Debit: &message.Debit{AmountFen: uint32(j.fen), Time: left[:]}, CardType: j.card, FareVersion: version,
		Mode: message.Mode_MODE_BUS, Movement: message.Movement_MOVEMENT_SINGLE, Line: j.line,
	}
	if j.line == 0 {
		m.Mode, m.Movement = message.Mode_MODE_METRO, message.Movement_MOVEMENT_EXIT
		m.Station, m.EntryStation, m.EntryTime = j.to, j.from, in[:]
	}
	return m
}

func journeys(t *testing.T, name string) (all []journey) {
	t.Helper()
	at := func(text string) time.Time {
		if text == "" {
			return time.Time{}
		}
		return clockTime(t, text)
	}
	number := func(text string) uint32 { return bookNumber(t, text) }
	for _, row := range bookRows(t, name, 9) {
		all = append(all, journey{row[0], at(row[1]), at(row[2]), number(row[3]), number(row[4]), number(row[5]), number(row[6]), int64(number(row[7]))})
	}
	return all
}

// bookRows are the rows of a book behind its heading.
func bookRows(t *testing.T, name string, columns int) [][]string {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "journeys", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := csv.NewReader(file)
	r.Comment, r.FieldsPerRecord = '#', columns
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

// bookNumber is a number of a book; an empty one is 0.
func bookNumber(t *testing.T, text string) uint32 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil && text != "" {
		t.Fatal(err)
	}
	return uint32(n)
}

// priced reads the rules of a book as the clearing house, a terminal and the truth have them.
func priced(t *testing.T, name string) (*rules.Set, *tariff.Schedule, *truth.Rules) {
	t.Helper()
	contents := journeyRules(t, name)
	set, err := rules.Read(contents)
	if err != nil {
		t.Fatal(err)
	}
	days, err := message.NewCalendar(set.Calendar.Message())
	if err != nil {
		t.Fatal(err)
	}
	var tables []*tariff.Table
	texts := map[string][]byte{}
	for _, table := range set.Tables.All() {
		published, err := tariff.New(table.Message())
		if err != nil {
			t.Fatal(err)
		}
		tables = append(tables, published)
	}
	for kind, content := range contents {
		texts[kind.File()] = content
	}
	own, err := truth.Read(texts)
	if err != nil {
		t.Fatal(err)
	}
	terminal := new(tariff.Schedule)
	terminal.Set(days, tables...)
	return set, terminal, own
}

// TestBookOfBands prices each row of the book three times: by the table of the clearing house, by
// the same table in a terminal, and by the truth's own code from the documents' text.
func TestBookOfBands(t *testing.T) {
	set, terminal, own := priced(t, "fares.json")
	for _, j := range journeys(t, "bands.csv") {
		table := set.Tables.At(rulefile.MomentOf(j.left))
		if found := table.Check(j.tap(table.Version())); found != (fare.Finding{ExpectedFen: j.fen}) {
			t.Errorf("%s: clearing says %+v, want %d", j.what, found, j.fen)
		}
		if fen, err := inTerminal(terminal, &j); err != nil || int64(fen) != j.fen {
			t.Errorf("%s: a terminal takes %d, %v; want %d", j.what, fen, err, j.fen)
		}
		if fen, err := inTruth(own, &j); err != nil || fen != j.fen {
			t.Errorf("%s: truth says %d, %v; want %d", j.what, fen, err, j.fen)
		}
	}
	for _, table := range set.Tables.All() {
		from, _ := rulefile.ParsePacked(table.Message().GetEffectiveFrom())
		if err := own.Fares(document.Moment(from)).CheckTable(table.Message()); err != nil {
			t.Error(err)
		}
	}
}

func inTerminal(s *tariff.Schedule, j *journey) (uint32, error) {
	table, err := s.At(j.left)
	if err != nil {
		return 0, err
	}
	if j.line != 0 {
		return table.Bus(j.card, j.line, j.left)
	}
	return table.Metro(j.card, j.from, j.to, j.entered, j.left)
}

func inTruth(r *truth.Rules, j *journey) (int64, error) {
	left := document.MomentOf(j.left)
	prices := r.Fares(left)
	if j.line != 0 {
		return prices.Bus(j.card, j.line, prices.Band(left))
	}
	return prices.Metro(j.card, int(j.from), int(j.to), j.left.Sub(j.entered), prices.TripBand(document.MomentOf(j.entered), left))
}

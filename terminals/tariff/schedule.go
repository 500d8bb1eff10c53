package tariff

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/kept"
)

// clock is the format of the seconds from which tables hold; the texts sort in the order of time.
const clock = "20060102150405"

// magic begins a file of tables.
const magic = "CITYFAR2"

// ErrNone: no table that the terminal knows has begun. No card can be charged.
var ErrNone = language.Textf("no fare table has been published that has begun")

// second reports whether a text is a second of clock's format.
func second(text string) bool {
	_, err := time.Parse(clock, text)
	return err == nil && len(text) == len(clock) // Parse takes fractions as well
}

// Schedule is the fare tables and the calendar that a terminal knows. It is safe for concurrent
// use: a tap sees all of them as they were before a change or as they are after it. The zero value
// knows none.
type Schedule struct {
	path  string // of the file that keeps it; none where empty
	known atomic.Pointer[known]
}

type known struct {
	tables []*Table // in the order in which they begin, each with the calendar
	days   *message.Calendar
}

// Of makes a schedule of tables that are kept in no file.
func Of(published ...*message.FareTable) (*Schedule, error) {
	s := &Schedule{}
	return s, s.load(nil, published)
}

// Open reads the tables that are kept in a file. There are none where there is no file, and with
// any error, kept.ErrDamaged or the disk's; the schedule can be used in all cases.
func Open(path string) (*Schedule, error) {
	s := &Schedule{path: path}
	all, err := kept.Read[message.KeptFares](path, magic)
	if err != nil {
		return s, fmt.Errorf("fares: %w", err)
	}
	var days *message.DayKinds
	var published []*message.FareTable
	for _, m := range all {
		switch {
		case m.GetCalendar() != nil && m.GetTable() != nil:
			return s, fmt.Errorf("fares: %w", kept.Damaged(path, language.Textf("a record is a calendar and a table")))
		case m.GetCalendar() != nil:
			days = m.GetCalendar()
		default:
			published = append(published, m.GetTable())
		}
	}
	if err := s.load(days, published); err != nil {
		return s, fmt.Errorf("fares: %w", kept.Damaged(path, err))
	}
	return s, nil
}

// load takes the calendar and all published tables, or nothing where one of them is bad.
func (s *Schedule) load(days *message.DayKinds, published []*message.FareTable) error {
	calendar, err := message.NewCalendar(days)
	if err != nil {
		return err
	}
	tables := make([]*Table, len(published))
	for i, m := range published {
		if tables[i], err = New(m); err != nil {
			return err
		}
	}
	s.Set(calendar, tables...)
	return nil
}

// Set replaces the calendar and all tables at once. Tables are given in the order in which they
// were published: of two that begin at the same second, the later one holds. Without a calendar no
// day is in a band that is for days of some kinds.
func (s *Schedule) Set(days *message.Calendar, tables ...*Table) {
	k := &known{make([]*Table, len(tables)), days}
	for i, t := range tables {
		k.tables[i] = t.on(days)
	}
	slices.SortStableFunc(k.tables, func(a, b *Table) int { return strings.Compare(a.from, b.from) })
	s.known.Store(k)
}

// Days is the calendar, nil for none.
func (s *Schedule) Days() *message.Calendar {
	if k := s.known.Load(); k != nil {
		return k.days
	}
	return nil
}

// Save puts the tables and the calendar in the schedule's file, on disk. A crash leaves the old
// file or the new one.
func (s *Schedule) Save() error {
	if s.path == "" {
		return nil
	}
	messages := func(yield func(*message.KeptFares) bool) {
		if days := s.Days().Message(); days != nil && !yield(&message.KeptFares{Calendar: days}) {
			return
		}
		for _, t := range s.All() {
			if !yield(&message.KeptFares{Table: t.message}) {
				return
			}
		}
	}
	if err := kept.Write(s.path, magic, messages); err != nil {
		return fmt.Errorf("fares: %w", err)
	}
	return nil
}

// All are the tables in the order in which they begin. They must not be changed.
func (s *Schedule) All() []*Table {
	if k := s.known.Load(); k != nil {
		return k.tables
	}
	return nil
}

// begun returns the tables and how many of them have begun at a time in the city's zone. A table
// holds from the first moment of its second: cards sign whole seconds.
func (s *Schedule) begun(at time.Time) (tables []*Table, n int) {
	tables, now := s.All(), at.Format(clock)
	return tables, sort.Search(len(tables), func(i int) bool { return tables[i].from > now })
}

// At is the table that holds at a time in the city's zone; the error is ErrNone.
func (s *Schedule) At(at time.Time) (*Table, error) {
	tables, n := s.begun(at)
	if n == 0 {
		return nil, ErrNone
	}
	return tables[n-1], nil
}

// Next is the first table that begins after a time in the city's zone; of several that begin at the
// same second, the one that will hold.
func (s *Schedule) Next(at time.Time) (*Table, bool) {
	tables, n := s.begun(at)
	if n == len(tables) {
		return nil, false
	}
	next := tables[n]
	for _, t := range tables[n+1:] {
		if t.from == next.from {
			next = t
		}
	}
	return next, true
}

// Version is the table of a version.
func (s *Schedule) Version(version string) (*Table, bool) {
	tables := s.All()
	i := slices.IndexFunc(tables, func(t *Table) bool { return t.version == version })
	if i < 0 {
		return nil, false
	}
	return tables[i], true
}

// Station checks that a station is in at least one of the tables.
func (s *Schedule) Station(station uint32) error {
	return s.any(func(t *Table) error { return t.Station(station) })
}

// BusLine checks that a line has a price in at least one of the tables.
func (s *Schedule) BusLine(line uint32) error {
	return s.any(func(t *Table) error { return t.BusLine(line) })
}

// any is nil if one table passes a check, else what the check says of the newest.
func (s *Schedule) any(check func(*Table) error) error {
	err := error(ErrNone)
	for _, t := range s.All() {
		if err = check(t); err == nil {
			return nil
		}
	}
	return err
}

package trial

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/rulefile"
	"citycard/clearing/transit/fare"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// The kinds of taps.
const (
	entry = iota
	exit
	bus
	kinds
)

// kindName is the kind's purpose in the books.
func kindName(kind int) string {
	switch kind {
	case entry:
		return chart.MetroEntry
	case exit:
		return chart.PurposeName(chart.PurposeMetroExit)
	}
	return chart.PurposeName(chart.PurposeBus)
}

// kindOf is the kind of a ride that has a price. No table prices a ride of neither mode. A
// correction at a desk writes an entry, or it ends a trip.
func kindOf(r *message.Ride) int {
	switch {
	case r.Mode == message.Mode_MODE_BUS:
		return bus
	case r.Enters():
		return entry
	}
	return exit
}

// Groups with more keys than documents and clocks can have would grow with what terminals claim.
const (
	cardTypes = 256
	hours     = 24
)

// lineKey is a line of the metro or of buses.
type lineKey struct {
	bus  bool
	line uint32
}

func (k lineKey) String() string {
	if k.bus {
		return fmt.Sprintf("bus %d", k.line)
	}
	return fmt.Sprintf("metro %d", k.line)
}

// order puts the metro first.
func (k lineKey) order() uint64 {
	if k.bus {
		return 1<<32 | uint64(k.line)
	}
	return uint64(k.line)
}

// taps adds up taps. It belongs to one goroutine.
type taps struct {
	inForce  *fare.Tables
	proposed *fare.Table
	booked   *docket.Reader

	before *fare.Table     // that priced the last tap
	used   map[string]bool // tables in force that priced something

	total    Sum
	byKind   [kinds]Sum
	byType   [cardTypes]Sum
	byHour   [hours]Sum
	byLine   map[lineKey]*Sum // lines of the networks
	lines    *Sum             // that of the last tap
	lineOf   lineKey
	noLine   Sum // of lines that no network has
	unpriced unpriced
	largest  largest
}

func (t *Trial) newTaps() *taps {
	s := &taps{
		inForce: t.InForce.Tables, proposed: t.Proposed.Tables.Last(), booked: docket.NewReader(),
		used: map[string]bool{}, byLine: map[lineKey]*Sum{}, unpriced: unpriced{}, largest: noChanges(),
	}
	s.lines = &s.noLine
	for _, table := range append(s.inForce.All(), s.proposed) {
		metro, buses := table.Lines()
		for _, line := range metro {
			s.byLine[lineKey{false, line}] = &Sum{}
		}
		for _, line := range buses {
			s.byLine[lineKey{true, line}] = &Sum{}
		}
	}
	return s
}

// take adds a row of the journal up, if it is a tap.
func (s *taps) take(e *shadow.Entry) error {
	if _, _, spend := identity.ParseSpend(e.ID); !spend {
		return nil
	}
	ruling, ok := s.booked.Entry(e)
	if !ok || ruling.Verdict != verdict.Cleared && ruling.Verdict != verdict.Pending && ruling.Verdict != verdict.Suspended {
		return nil
	}
	ride, ok := message.TapRide(e.Evidence)
	if !ok {
		s.unpriced.add(reasonKey{Both, "undecodable"}, 1, e.Amount)
		return nil
	}
	s.price(e, &ride)
	return nil
}

func (s *taps) price(e *shadow.Entry, ride *message.Ride) {
	at, dated := rulefile.SignedMoment(ride.Time)
	hour := int(at / 10_000 % 100)
	if !dated || hour >= hours {
		s.unpriced.add(reasonKey{Both, fare.BadTimes.String()}, 1, e.Amount)
		return
	}
	before := s.inForce.At(at)
	if before != s.before {
		s.before = before
		s.used[before.Version()] = true
	}
	was, why := priceOf(before, ride)
	is, whyNot := priceOf(s.proposed, ride)
	if why != "" || whyNot != "" {
		s.unpriced.add(reasonOf(why, whyNot), 1, e.Amount)
		return
	}
	kind := kindOf(ride)
	s.total.add(was, is)
	s.byKind[kind].add(was, is)
	s.byType[ride.CardType].add(was, is) // documents have no others
	s.byHour[hour].add(was, is)
	if line := (lineKey{kind == bus, ride.Line}); line != s.lineOf {
		s.lineOf = line
		if s.lines = s.byLine[line]; s.lines == nil {
			s.lines = &s.noLine
		}
	}
	s.lines.add(was, is)
	if was != is && s.largest.takes(ledger.Fen(max(was-is, is-was))) {
		s.largest.add(s.change(e, ride, kind, was, is))
	}
}

// priceOf is a ride's price, or the reason why there is none.
func priceOf(table *fare.Table, ride *message.Ride) (fen int64, why string) {
	fen, outcome := table.Price(ride)
	if outcome != fare.Match {
		why = outcome.String()
	}
	return fen, why
}

func (s *taps) change(e *shadow.Entry, ride *message.Ride, kind int, was, is int64) Change {
	c := Change{
		Time: hex.EncodeToString(ride.Time[:]), Kind: kindName(kind), Line: ride.Line, Type: ride.CardType,
		Before: ledger.Fen(was), After: ledger.Fen(is), key: string(e.Subject) + string(e.ID),
	}
	card, _ := identity.ParseCard(e.Subject)
	c.Who = card.String()
	if kind == exit {
		from, to := s.before.Station(ride.EntryStation), s.before.Station(ride.Station)
		c.Entry, c.Exit = &from, &to
	}
	return c
}

func (s *taps) merge(other *taps) {
	maps.Copy(s.used, other.used)
	s.total.merge(other.total)
	s.noLine.merge(other.noLine)
	for i := range s.byKind {
		s.byKind[i].merge(other.byKind[i])
	}
	for i := range s.byType {
		s.byType[i].merge(other.byType[i])
	}
	for i := range s.byHour {
		s.byHour[i].merge(other.byHour[i])
	}
	for key, sum := range s.byLine {
		sum.merge(*other.byLine[key])
	}
	for key, of := range other.unpriced {
		s.unpriced.add(key, of.Count, of.Fen)
	}
	for _, c := range other.largest.list {
		s.largest.add(c)
	}
}

func (s *taps) report(r *Report) {
	r.Before = slices.AppendSeq([]string{}, maps.Keys(s.used))
	slices.Sort(r.Before)
	r.Taps = Section{Sum: s.total, Groups: s.groups(), Unpriced: s.unpriced.list(), Largest: s.largest.list}
}

// groups are those that have taps.
func (s *taps) groups() []Group {
	all := []Group{}
	add := func(by By, key string, sum Sum) {
		if sum.Count > 0 {
			all = append(all, Group{By: by, Key: key, Sum: sum})
		}
	}
	for i, sum := range s.byKind {
		add(ByKind, kindName(i), sum)
	}
	for i, sum := range s.byType {
		add(ByCardType, strconv.Itoa(i), sum)
	}
	for _, key := range slices.SortedFunc(maps.Keys(s.byLine), func(a, b lineKey) int { return int(int64(a.order()) - int64(b.order())) }) {
		add(ByLine, key.String(), *s.byLine[key])
	}
	add(ByLine, "other", s.noLine)
	for i, sum := range s.byHour {
		add(ByHour, fmt.Sprintf("%02d", i), sum)
	}
	return all
}

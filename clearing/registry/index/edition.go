package index

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strings"

	"citycard/cardos/keys"
	"citycard/ledger"
)

// Rows are rows of all kinds.
type Rows struct {
	Operators  Timelines[string, Operator]
	Issuers    Timelines[Institution, Issuer]
	CardTypes  Timelines[byte, CardType]
	Lines      Timelines[string, Line]
	Vehicles   Timelines[string, Vehicle]
	Terminals  Timelines[[6]byte, Terminal]
	SAMs       Timelines[[6]byte, SAM] // by terminal
	Cards      CardTable
	Channels   Timelines[string, Channel]
	Hospitals  Timelines[string, Hospital]
	Persons    Timelines[Token, Person]
	Purses     Timelines[keys.Digits, Purse]
	Hotlist    Hotlist
	ListBounds Timelines[string, ListBounds]
	Modes      Modes
	Counters   Timelines[[6]byte, Counter] // by terminal
}

// with is r and then the rows of more; neither is changed.
func (r *Rows) with(more *Rows) Rows {
	return Rows{
		Operators: r.Operators.with(more.Operators), Issuers: r.Issuers.with(more.Issuers), CardTypes: r.CardTypes.with(more.CardTypes),
		Lines: r.Lines.with(more.Lines), Vehicles: r.Vehicles.with(more.Vehicles), Terminals: r.Terminals.with(more.Terminals),
		SAMs: r.SAMs.with(more.SAMs), Cards: r.Cards.with(&more.Cards), Channels: r.Channels.with(more.Channels),
		Hospitals: r.Hospitals.with(more.Hospitals), Persons: withPersons(r.Persons, more.Persons), Purses: r.Purses.with(more.Purses), Hotlist: r.Hotlist.with(&more.Hotlist),
		ListBounds: r.ListBounds.with(more.ListBounds), Modes: r.Modes.with(&more.Modes), Counters: r.Counters.with(more.Counters),
	}
}

// withPersons has the rows of base and then those of more; an account that was taken over stays.
func withPersons(base, more Timelines[Token, Person]) Timelines[Token, Person] {
	merged := base.with(more)
	for token := range more.last {
		for _, row := range more.Of(token) {
			if before, ok := base.At(token, row.From); ok {
				merged.Add(token, row.KeepingAccount(before))
			}
		}
	}
	return merged
}

// Edition is the registry at one version. It is never changed and safe for
// concurrent use. The zero value is version 0, which has no rows.
type Edition struct {
	rows   Rows
	seats  map[[6]byte][][6]byte // terminals that a SAM is or was in
	head   [32]byte
	number int64
	hot    int64 // the version that last changed the hotlist
	told   int64 // the version that last changed what terminals are told of modes and issuers
}

// Next is the edition that follows base when the rows of a change come on top of it. Its
// head is the hash over all changes up to this one.
func Next(base *Edition, change *Rows, head [32]byte) *Edition {
	e := &Edition{rows: base.rows.with(change), seats: base.seats, number: base.number + 1, head: head, hot: base.hot, told: base.told}
	if len(change.Hotlist.rows) > 0 {
		e.hot = e.number
	}
	if change.Modes.Len()+change.Lines.Len()+change.Operators.Len()+change.Terminals.Len()+change.Issuers.Len() > 0 {
		e.told = e.number
	}
	if change.SAMs.Len() > 0 {
		e.seats = map[[6]byte][][6]byte{}
		for terminal, sam := range e.rows.SAMs.All(Compare) {
			if !slices.Contains(e.seats[sam.Number], terminal) {
				e.seats[sam.Number] = append(e.seats[sam.Number], terminal)
			}
		}
	}
	return e
}

// Rows are the edition's rows, which nobody changes.
func (e *Edition) Rows() *Rows { return &e.rows }

// Head is the hash over all changes up to this edition.
func (e *Edition) Head() [32]byte { return e.head }

// Version identifies the content: the first 16 hexadecimal digits of the hash
// over all changes up to this one.
func (e *Edition) Version() string { return VersionOf(e.head) }

// VersionOf is what batches call the version of a head.
func VersionOf(head [32]byte) string { return hex.EncodeToString(head[:8]) }

// Number counts versions; the founding one is 1.
func (e *Edition) Number() int64 { return e.number }

// HotlistNumber is the version that last changed the hotlist, 0 where none did.
func (e *Edition) HotlistNumber() int64 { return e.hot }

// ModesNumber is the version that last changed what terminals are told of service modes and
// issuers: these, or lines, operators and terminals, which are the areas of modes. It is 0 where
// there was never a mode or an issuer.
func (e *Edition) ModesNumber() int64 {
	if e.rows.Modes.Len()+e.rows.Issuers.Len() == 0 {
		return 0
	}
	return e.told
}

// Operator finds an operator on a day.
func (e *Edition) Operator(id string, day ledger.Day) (Operator, bool) {
	return inForce(&e.rows.Operators, id, day)
}

// Issuer finds an issuer of cards that were taken on a day.
func (e *Edition) Issuer(id [8]byte, day ledger.Day) (Issuer, bool) {
	return inForce(&e.rows.Issuers, InstitutionOf(id), day)
}

// listsIssuers reports whether issuers are registered at all; where they are not, the issuers of
// registered cards are the only ones.
func (e *Edition) listsIssuers() bool { return e.rows.Issuers.Len() > 0 }

// Acceptance is how cards of an issuer are taken on a day.
type Acceptance uint8

// Acceptances. Where no issuers are registered, every issuer is our own.
const (
	NotAccepted   Acceptance = iota // unlisted, or our own on other days only
	Own                             // its masters are ours
	Interoperable                   // another city's, taken here
	Lapsed                          // another city's, taken here on other days only
)

// Acceptance says how cards of an issuer are taken on a day.
func (e *Edition) Acceptance(issuer [8]byte, day ledger.Day) Acceptance {
	if !e.listsIssuers() {
		return Own
	}
	listed, inForce := e.Issuer(issuer, day)
	switch {
	case inForce && listed.Own:
		return Own
	case inForce:
		return Interoperable
	}
	for _, row := range e.rows.Issuers.Of(InstitutionOf(issuer)) {
		if !row.Own {
			return Lapsed
		}
	}
	return NotAccepted
}

// Line finds a line on a day.
func (e *Edition) Line(id string, day ledger.Day) (Line, bool) {
	return inForce(&e.rows.Lines, id, day)
}

// vehicle finds a vehicle on a day.
func (e *Edition) vehicle(id string, day ledger.Day) (Vehicle, bool) {
	return inForce(&e.rows.Vehicles, id, day)
}

// Placed reports whether a line and vehicle that a tap claims are those of its terminal on a day.
// Missing registrations (a terminal without a line, a registry without vehicles, a vehicle without
// a line) contradict nothing.
func (e *Edition) Placed(t Terminal, line uint32, vehicle string, day ledger.Day) bool {
	if t.Line != 0 && line != t.Line {
		return false
	}
	if t.Mode != "bus" || e.rows.Vehicles.Len() == 0 {
		return true
	}
	v, ok := e.vehicle(vehicle, day)
	if !ok || v.Operator != t.Operator {
		return false
	}
	runs, ok := e.Line(v.Line, day)
	return !ok || runs.Number == 0 || runs.Number == line
}

// Terminal finds the place, on a day, of the terminal in which the SAM of this
// number was then. A SAM that was not in a terminal has no place.
func (e *Edition) Terminal(sam [6]byte, day ledger.Day) (Terminal, bool) {
	terminal, ok := e.terminalOf(sam, day)
	if !ok {
		return Terminal{}, false
	}
	return inForce(&e.rows.Terminals, terminal, day)
}

// terminalOf finds the number of the terminal that a SAM was in on a day. It is
// the SAM's own where no SAM is registered for the terminal of that number.
func (e *Edition) terminalOf(sam [6]byte, day ledger.Day) ([6]byte, bool) {
	for _, terminal := range e.seats[sam] {
		if seated, ok := inForce(&e.rows.SAMs, terminal, day); ok && seated.Number == sam {
			return terminal, true
		}
	}
	if _, replaced := e.rows.SAMs.on(sam, day); replaced || !e.rows.Terminals.Has(sam) {
		return [6]byte{}, false
	}
	return sam, true
}

// TerminalsOf lists the terminals in which a SAM is registered on a day: more than one is a
// mistake.
func (e *Edition) TerminalsOf(sam [6]byte, day ledger.Day) (terminals [][6]byte) {
	for _, terminal := range e.seats[sam] {
		if seated, ok := inForce(&e.rows.SAMs, terminal, day); ok && seated.Number == sam {
			terminals = append(terminals, terminal)
		}
	}
	return terminals
}

// Card finds a card by its latest row.
func (e *Edition) Card(digits keys.Digits) (Card, bool) { return e.rows.Cards.Find(digits) }

// CardOn finds a card as it stood on a day. For a day before its first row it returns the first, so
// that a registered card is known on every day.
func (e *Edition) CardOn(digits keys.Digits, day ledger.Day) (Card, bool) {
	n, ok := numberOf(day)
	if !ok {
		return e.Card(digits)
	}
	row, ok := e.rows.Cards.on(digits, n)
	if !ok {
		return Card{}, false
	}
	return e.rows.Cards.unpack(digits, row), true
}

// Listed reports whether, and why, a card is on the hotlist at a signed time, whose date must be in
// the calendar.
func (e *Edition) Listed(digits keys.Digits, bcd [7]byte) (reason string, listed bool) {
	row, listed := e.rows.Hotlist.on(digits, bcd)
	if !listed {
		return "", false
	}
	return e.rows.Hotlist.reasons[row.reason], true
}

// Channel finds a top-up channel on a day.
func (e *Edition) Channel(id string, day ledger.Day) (Channel, bool) {
	return inForce(&e.rows.Channels, id, day)
}

// AtCounter lists the terminals that stand at a counter of a channel on a day, in order.
func (e *Edition) AtCounter(channel, name string, day ledger.Day) (terminals [][6]byte) {
	for _, terminal := range e.rows.Counters.Keys(Compare) {
		if c, ok := inForce(&e.rows.Counters, terminal, day); ok && c.Channel == channel && c.Name == name {
			terminals = append(terminals, terminal)
		}
	}
	return terminals
}

// Hospital finds a hospital on a day.
func (e *Edition) Hospital(id string, day ledger.Day) (Hospital, bool) {
	return inForce(&e.rows.Hospitals, id, day)
}

// NamesHospital tells whether there is a row of a hospital, in force or not.
func (e *Edition) NamesHospital(id string) bool { return e.rows.Hospitals.Has(id) }

// Person finds a person as the latest row says.
func (e *Edition) Person(token Token) (Person, bool) { return e.rows.Persons.Latest(token) }

// PersonOn finds a person as the row in force on a day says.
func (e *Edition) PersonOn(token Token, day ledger.Day) (Person, bool) {
	return e.rows.Persons.on(token, day)
}

// Operators lists the operators by id, each once, the latest row.
func (e *Edition) Operators() []Operator { return latest(&e.rows.Operators, strings.Compare) }

// Issuers lists the issuers by id, each once, the latest row.
func (e *Edition) Issuers() []Issuer { return latest(&e.rows.Issuers, Compare) }

// Lines lists the lines by id, each once, the latest row.
func (e *Edition) Lines() []Line { return latest(&e.rows.Lines, strings.Compare) }

// Channels lists the channels by id, each once, the latest row.
func (e *Edition) Channels() []Channel { return latest(&e.rows.Channels, strings.Compare) }

// Hospitals lists the hospitals by id, each once, the latest row.
func (e *Edition) Hospitals() []Hospital { return latest(&e.rows.Hospitals, strings.Compare) }

func latest[K comparable, T Dated](t *Timelines[K, T], compare func(a, b K) int) []T {
	list := make([]T, 0, t.Len())
	for _, key := range t.Keys(compare) {
		list = append(list, t.last[key])
	}
	return list
}

// Persons calls fn for every person, in order of token, with the row that brings a
// personal account along, or else the first.
func (e *Edition) Persons(fn func(Token, Person)) {
	for _, token := range e.rows.Persons.Keys(Compare) {
		rows := e.rows.Persons.Of(token)
		brings := max(0, slices.IndexFunc(rows, func(p Person) bool { return p.PersonalAccount > 0 }))
		fn(token, rows[brings])
	}
}

// Purses calls fn for every purse taken over, in order of the cards' digits.
func (e *Edition) Purses(fn func(Purse)) {
	for _, digits := range e.rows.Purses.Keys(Compare) {
		fn(e.rows.Purses.last[digits])
	}
}

// Counts is how many of each kind there are.
func (e *Edition) Counts() map[string]int {
	return map[string]int{
		"operators": e.rows.Operators.Len(), "issuers": e.rows.Issuers.Len(), "card_types": e.rows.CardTypes.Len(), "lines": e.rows.Lines.Len(),
		"vehicles": e.rows.Vehicles.Len(), "terminals": e.rows.Terminals.Len(), "sams": e.rows.SAMs.Len(), "cards": e.rows.Cards.cards,
		"channels": e.rows.Channels.Len(), "hospitals": e.rows.Hospitals.Len(), "persons": e.rows.Persons.Len(), "purses": e.rows.Purses.Len(), "hotlist": e.rows.Hotlist.cards(),
		"list_bounds": e.rows.ListBounds.Len(), "modes": e.rows.Modes.Len(), "counters": e.rows.Counters.Len(),
	}
}

// Compare orders keys by their bytes.
func Compare[K ~[4]byte | ~[6]byte | ~[8]byte | ~[16]byte](a, b K) int {
	for i := range len(a) {
		if d := cmp.Compare(a[i], b[i]); d != 0 {
			return d
		}
	}
	return 0
}

package registry

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"slices"
	"strings"

	"citycard/cardos/keys"
	"citycard/ledger"
)

// content is rows of all kinds.
type content struct {
	operators timelines[string, Operator]
	issuers   timelines[Institution, Issuer]
	types     timelines[byte, CardType]
	lines     timelines[string, Line]
	vehicles  timelines[string, Vehicle]
	terminals timelines[[6]byte, Terminal]
	sams      timelines[[6]byte, SAM] // by terminal
	cards     cardTable
	channels  timelines[string, Channel]
	hospitals timelines[string, Hospital]
	persons   timelines[Token, person]
	purses    timelines[keys.Digits, Purse]
	hotlist   hotTable
}

// with is c and then the rows of more; neither is changed.
func (c *content) with(more *content) content {
	return content{
		operators: c.operators.with(more.operators), issuers: c.issuers.with(more.issuers), types: c.types.with(more.types),
		lines: c.lines.with(more.lines), vehicles: c.vehicles.with(more.vehicles), terminals: c.terminals.with(more.terminals),
		sams: c.sams.with(more.sams), cards: c.cards.with(&more.cards), channels: c.channels.with(more.channels),
		hospitals: c.hospitals.with(more.hospitals), persons: withPersons(c.persons, more.persons), purses: c.purses.with(more.purses), hotlist: c.hotlist.with(&more.hotlist),
	}
}

// withPersons is the rows of base and then those of more; an account that came along stays.
func withPersons(base, more timelines[Token, person]) timelines[Token, person] {
	sum := base.with(more)
	for token := range more.last {
		for _, row := range more.rows(token) {
			if before, ok := base.at(token, row.from); ok {
				sum.add(token, row.bringing(before))
			}
		}
	}
	return sum
}

// Edition is the registry at one version. It is never changed and safe for
// concurrent use.
type Edition struct {
	content
	seats  map[[6]byte][][6]byte // terminals that a SAM is or was in
	head   [32]byte
	number int64
	hot    int64 // the version that last changed the hotlist
}

// newEdition is what follows base when draft is approved; base nil is nothing.
func newEdition(base *Edition, draft *Draft) *Edition {
	if base == nil {
		base = &Edition{}
	}
	e := &Edition{content: base.with(&draft.content), seats: base.seats, number: base.number + 1, head: link(base.head, draft.digest), hot: base.hot}
	if len(draft.hotlist.rows) > 0 {
		e.hot = e.number
	}
	if len(draft.sams.last) > 0 {
		e.seats = map[[6]byte][][6]byte{}
		for terminal := range e.sams.last {
			for _, sam := range e.sams.rows(terminal) {
				if !slices.Contains(e.seats[sam.Number], terminal) {
					e.seats[sam.Number] = append(e.seats[sam.Number], terminal)
				}
			}
		}
	}
	return e
}

// Version identifies the content: the first 16 hexadecimal digits of the hash
// over all changes up to this one.
func (e *Edition) Version() string { return version(e.head) }

func version(head [32]byte) string { return hex.EncodeToString(head[:8]) }

// Number counts versions; the founding one is 1.
func (e *Edition) Number() int64 { return e.number }

// HotlistNumber is the version that last changed the hotlist, 0 where none did.
func (e *Edition) HotlistNumber() int64 { return e.hot }

// Operator finds an operator on a day.
func (e *Edition) Operator(id string, day ledger.Day) (Operator, bool) {
	return inForce(&e.operators, id, day)
}

// Issuer finds an issuer of cards that were taken on a day.
func (e *Edition) Issuer(id [8]byte, day ledger.Day) (Issuer, bool) {
	return inForce(&e.issuers, InstitutionOf(id), day)
}

// ListsIssuers reports whether issuers are registered at all; where they are not,
// those of registered cards are all there are.
func (e *Edition) ListsIssuers() bool { return len(e.issuers.last) > 0 }

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
	if !e.ListsIssuers() {
		return Own
	}
	listed, inForce := e.Issuer(issuer, day)
	switch {
	case inForce && listed.Own:
		return Own
	case inForce:
		return Interoperable
	}
	for _, row := range e.issuers.rows(InstitutionOf(issuer)) {
		if !row.Own {
			return Lapsed
		}
	}
	return NotAccepted
}

// CardType finds what a type byte stood for on a day.
func (e *Edition) CardType(code byte, day ledger.Day) (CardType, bool) {
	return inForce(&e.types, code, day)
}

// Line finds a line on a day.
func (e *Edition) Line(id string, day ledger.Day) (Line, bool) { return inForce(&e.lines, id, day) }

// Vehicle finds a vehicle on a day.
func (e *Edition) Vehicle(id string, day ledger.Day) (Vehicle, bool) {
	return inForce(&e.vehicles, id, day)
}

// Placed reports whether a line and vehicle that a tap claims are those of its
// terminal on a day. What is not registered (a terminal without a line, a registry
// without vehicles, a vehicle without a line) contradicts nothing.
func (e *Edition) Placed(t Terminal, line uint32, vehicle string, day ledger.Day) bool {
	if t.Line != 0 && line != t.Line {
		return false
	}
	if t.Mode != "bus" || len(e.vehicles.last) == 0 {
		return true
	}
	v, ok := e.Vehicle(vehicle, day)
	if !ok || v.Operator != t.Operator {
		return false
	}
	runs, ok := e.Line(v.Line, day)
	return !ok || runs.Number == 0 || runs.Number == line
}

// Terminal finds the place, on a day, of the terminal in which the SAM of this
// number was then. A SAM that was not in a terminal has no place.
func (e *Edition) Terminal(sam [6]byte, day ledger.Day) (Terminal, bool) {
	terminal, ok := e.TerminalOf(sam, day)
	if !ok {
		return Terminal{}, false
	}
	return inForce(&e.terminals, terminal, day)
}

// TerminalOf finds the number of the terminal that a SAM was in on a day. It is
// the SAM's own where no SAM is registered for the terminal of that number.
func (e *Edition) TerminalOf(sam [6]byte, day ledger.Day) ([6]byte, bool) {
	for _, terminal := range e.seats[sam] {
		if seated, ok := inForce(&e.sams, terminal, day); ok && seated.Number == sam {
			return terminal, true
		}
	}
	if _, replaced := e.sams.on(sam, day); replaced || !e.terminals.knows(sam) {
		return [6]byte{}, false
	}
	return sam, true
}

// SAMOf finds the number of the SAM in a terminal on a day.
func (e *Edition) SAMOf(terminal [6]byte, day ledger.Day) ([6]byte, bool) {
	if _, registered := e.sams.on(terminal, day); !registered {
		return terminal, e.terminals.knows(terminal)
	}
	sam, ok := inForce(&e.sams, terminal, day)
	return sam.Number, ok
}

// Card finds a card as it stands by its latest row.
func (e *Edition) Card(digits keys.Digits) (Card, bool) {
	row, ok := e.cards.find(digits)
	if !ok {
		return Card{}, false
	}
	return e.cards.unpack(digits, row), true
}

// CardOn finds a card as it stood on a day. A day before its first row gets the
// first, so that a card is known whenever it is known at all.
func (e *Edition) CardOn(digits keys.Digits, day ledger.Day) (Card, bool) {
	n, ok := numberOf(day)
	if !ok {
		return e.Card(digits)
	}
	row, ok := e.cards.on(digits, n)
	if !ok {
		return Card{}, false
	}
	return e.cards.unpack(digits, row), true
}

// Listed reports whether a card is on the hotlist at a time as it is signed, of a
// date that is in the calendar, and why.
func (e *Edition) Listed(digits keys.Digits, bcd [7]byte) (reason string, listed bool) {
	row, listed := e.hotlist.on(digits, bcd)
	if !listed {
		return "", false
	}
	return e.hotlist.reasons[row.reason], true
}

// Channel finds a top-up channel on a day.
func (e *Edition) Channel(id string, day ledger.Day) (Channel, bool) {
	return inForce(&e.channels, id, day)
}

// Hospital finds a hospital on a day.
func (e *Edition) Hospital(id string, day ledger.Day) (Hospital, bool) {
	return inForce(&e.hospitals, id, day)
}

// NamesHospital tells whether there is a row of a hospital, in force or not.
func (e *Edition) NamesHospital(id string) bool {
	_, ok := e.hospitals.last[id]
	return ok
}

// Person finds a person as the latest row says.
func (e *Edition) Person(token Token) (Person, bool) {
	p, ok := e.persons.last[token]
	if !ok {
		return Person{}, false
	}
	return p.unpack(), true
}

// PersonOn finds a person as the row in force on a day says.
func (e *Edition) PersonOn(token Token, day ledger.Day) (Person, bool) {
	p, ok := e.persons.on(token, day)
	if !ok {
		return Person{}, false
	}
	return p.unpack(), true
}

// Operators lists the operators by id, each once, the latest row.
func (e *Edition) Operators() []Operator { return latest(&e.operators) }

// Lines lists the lines by id, each once, the latest row.
func (e *Edition) Lines() []Line { return latest(&e.lines) }

// Channels lists the channels by id, each once, the latest row.
func (e *Edition) Channels() []Channel { return latest(&e.channels) }

// Hospitals lists the hospitals by id, each once, the latest row.
func (e *Edition) Hospitals() []Hospital { return latest(&e.hospitals) }

func latest[T dated](t *timelines[string, T]) []T {
	list := make([]T, 0, len(t.last))
	for _, id := range t.keys(strings.Compare) {
		list = append(list, t.last[id])
	}
	return list
}

// Persons calls fn for every person, in order of token, with the row that brings a
// personal account along, or else the first.
func (e *Edition) Persons(fn func(Token, Person)) {
	for _, token := range e.persons.keys(func(a, b Token) int { return bytes.Compare(a[:], b[:]) }) {
		rows := e.persons.rows(token)
		brings := max(0, slices.IndexFunc(rows, func(p person) bool { return p.account > 0 }))
		fn(token, rows[brings].unpack())
	}
}

// Purses calls fn for every purse taken over, in order of the cards' digits.
func (e *Edition) Purses(fn func(Purse)) {
	for _, digits := range e.purses.keys(compareBytes) {
		fn(e.purses.last[digits])
	}
}

// Counts is how many of each kind there are.
func (e *Edition) Counts() map[string]int {
	return map[string]int{
		"operators": len(e.operators.last), "issuers": len(e.issuers.last), "card_types": len(e.types.last), "lines": len(e.lines.last),
		"vehicles": len(e.vehicles.last), "terminals": len(e.terminals.last), "sams": len(e.sams.last), "cards": e.cards.cards,
		"channels": len(e.channels.last), "hospitals": len(e.hospitals.last), "persons": len(e.persons.last), "purses": len(e.purses.last), "hotlist": e.hotlist.hotCards(),
	}
}

func compareBytes[K ~[4]byte | ~[6]byte | ~[8]byte](a, b K) int {
	for i := range len(a) {
		if d := cmp.Compare(a[i], b[i]); d != 0 {
			return d
		}
	}
	return 0
}

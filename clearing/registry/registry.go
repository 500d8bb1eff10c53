package registry

import (
	"encoding/hex"
	"sort"

	"citycard/ledger"
)

// Span is a range of days, both ends included; a zero To is open.
type Span struct{ From, To ledger.Day }

// Holds reports whether the day lies in the span.
func (s Span) Holds(day ledger.Day) bool {
	return day >= s.From && (s.To == 0 || day <= s.To)
}

// Operator runs vehicles or stations and is paid for rides.
type Operator struct {
	ID, Name, NameEN string
	Mode             string // metro, bus
	Span             Span
}

// Terminal is a SAM at its place in the field.
type Terminal struct {
	Operator      string
	Mode          string // metro, bus
	Line, Station uint32
	Span          Span
}

// CardID is a card's application serial number, 10 bytes BCD.
type CardID [10]byte

// String is the card number as 20 digits.
func (c CardID) String() string { return hex.EncodeToString(c[:]) }

// Card is one issued card.
type Card struct {
	Issuer  [8]byte
	Type    byte // file 0017, offset 10
	Blocked bool
	From    ledger.Day
	Expires ledger.Day // the last day of use
}

// Channel takes money for top-ups.
type Channel struct {
	ID, Name, NameEN string
	Span             Span
}

// Hospital settles claims at its desks.
type Hospital struct {
	ID, Name, NameEN string
	Class            string // community, 1, 2, 3
	Span             Span
}

// Token stands for a person.
type Token [16]byte

// String is the token as 32 hexadecimal digits.
func (t Token) String() string { return hex.EncodeToString(t[:]) }

// Person is what the medical and pension rules need to know of somebody.
type Person struct {
	Insurance       string // employee, resident, none
	Status          string // working, retired, resident
	PersonalAccount ledger.Fen
	Pension         ledger.Fen // approved monthly amount, 0 for none
	CertifiedUntil  string     // YYYYMM, empty for never
	From            ledger.Day
}

// Purse is what a card of the system before held when it was taken over.
type Purse struct {
	Fen ledger.Fen
	Day ledger.Day
}

// Registry answers look-ups. It is read-only and safe for concurrent use.
type Registry struct {
	operators map[string][]Operator
	terminals map[[6]byte][]Terminal
	cards     map[CardID]Card
	channels  map[string][]Channel
	hospitals map[string][]Hospital
	persons   map[Token]Person
	purses    map[CardID]Purse
	version   string
}

// Version identifies the content: the first 16 hexadecimal digits of the
// SHA-256 over all files.
func (r *Registry) Version() string { return r.version }

// Terminal finds the terminal's place on a day.
func (r *Registry) Terminal(number [6]byte, day ledger.Day) (Terminal, bool) {
	return onDay(r.terminals[number], day, func(t Terminal) Span { return t.Span })
}

// Channel finds a top-up channel on a day.
func (r *Registry) Channel(id string, day ledger.Day) (Channel, bool) {
	return onDay(r.channels[id], day, func(c Channel) Span { return c.Span })
}

// Hospital finds a hospital on a day.
func (r *Registry) Hospital(id string, day ledger.Day) (Hospital, bool) {
	return onDay(r.hospitals[id], day, func(h Hospital) Span { return h.Span })
}

// Card finds a card.
func (r *Registry) Card(id CardID) (Card, bool) {
	c, ok := r.cards[id]
	return c, ok
}

// Person finds a person.
func (r *Registry) Person(token Token) (Person, bool) {
	p, ok := r.persons[token]
	return p, ok
}

// Operators lists the operators by id, each once, the latest row.
func (r *Registry) Operators() []Operator { return latest(r.operators) }

// Channels lists the channels by id, each once, the latest row.
func (r *Registry) Channels() []Channel { return latest(r.channels) }

// Hospitals lists the hospitals by id, each once, the latest row.
func (r *Registry) Hospitals() []Hospital { return latest(r.hospitals) }

// Persons calls fn for every person, in order of token.
func (r *Registry) Persons(fn func(Token, Person)) {
	tokens := make([]Token, 0, len(r.persons))
	for t := range r.persons {
		tokens = append(tokens, t)
	}
	sort.Slice(tokens, func(i, j int) bool { return string(tokens[i][:]) < string(tokens[j][:]) })
	for _, t := range tokens {
		fn(t, r.persons[t])
	}
}

// Purses calls fn for every purse taken over, in order of card number.
func (r *Registry) Purses(fn func(CardID, Purse)) {
	cards := make([]CardID, 0, len(r.purses))
	for c := range r.purses {
		cards = append(cards, c)
	}
	sort.Slice(cards, func(i, j int) bool { return string(cards[i][:]) < string(cards[j][:]) })
	for _, c := range cards {
		fn(c, r.purses[c])
	}
}

// Counts is the size of each table.
func (r *Registry) Counts() map[string]int {
	return map[string]int{
		"operators": len(r.operators), "terminals": len(r.terminals), "cards": len(r.cards),
		"channels": len(r.channels), "hospitals": len(r.hospitals), "persons": len(r.persons),
	}
}

func onDay[T any](rows []T, day ledger.Day, span func(T) Span) (T, bool) {
	for _, row := range rows {
		if span(row).Holds(day) {
			return row, true
		}
	}
	var none T
	return none, false
}

func latest[T any](rows map[string][]T) []T {
	ids := make([]string, 0, len(rows))
	for id := range rows {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	list := make([]T, 0, len(ids))
	for _, id := range ids {
		list = append(list, rows[id][len(rows[id])-1])
	}
	return list
}

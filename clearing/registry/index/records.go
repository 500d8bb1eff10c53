package index

import (
	"encoding/hex"

	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/ledger"
)

// Span is a range of days, both ends included; a zero To is open.
type Span struct{ From, To ledger.Day }

// Holds reports whether the day lies in the span.
func (s Span) Holds(day ledger.Day) bool {
	return s.From <= day && (s.To == 0 || day <= s.To)
}

// Since is the span's first day.
func (s Span) Since() ledger.Day { return s.From }

// Days is the span.
func (s Span) Days() Span { return s }

// Operator runs vehicles or stations and is paid for rides.
type Operator struct {
	ID, Name, NameEN string
	Mode             string // metro, bus
	Span
}

// Institution is the part of an issuer's id that enters the keys of its cards: which
// institution it is and in which city. The other four bytes are in no signature.
type Institution [4]byte

// InstitutionOf is that of an issuer's id.
func InstitutionOf(issuer [8]byte) Institution { return Institution(issuer[:4]) }

// Issuer issues cards that are taken here.
type Issuer struct {
	ID           [8]byte
	Name, NameEN string
	Own          bool // its masters are ours; else interoperable: a card of another city
	// Prefix is what the printed numbers of its cards begin with; empty where that is
	// not registered.
	Prefix string
	Span
}

// CardType is what the type byte of a card (file 0017, offset 10) stands for.
type CardType struct {
	Name, NameEN string
	Span
}

// Line is a route of an operator; Number is what taps and terminals call it.
type Line struct {
	ID, Operator, Mode string
	Number             uint32
	Name, NameEN       string
	Span
}

// Vehicle runs on a line.
type Vehicle struct {
	ID, Operator string
	Line         string // id, empty for none
	Span
}

// Terminal is a device at its place in the field.
type Terminal struct {
	Operator      string // or ChannelHolder and the id of a channel
	Mode          string // metro, bus, CounterMode
	Line, Station uint32
	Span
}

// ChannelHolder stands before the id of a channel that has a terminal, in the place of an operator.
const ChannelHolder = "channel:"

// CounterMode is the mode of such a terminal: it empties purses, and nobody rides.
const CounterMode = "counter"

// AtCounter reports whether the terminal is a channel's.
func (t *Terminal) AtCounter() bool { return t.Mode == CounterMode }

// SAM is the module in a terminal. A terminal for which none is registered has one with the
// terminal's own number.
type SAM struct {
	Number [6]byte
	Span
}

// Channel takes money for top-ups.
type Channel struct {
	ID, Name, NameEN string
	Span
}

// Counter is where a terminal of a channel stands: cash of loads there is in its drawer.
type Counter struct {
	Channel string
	Name    string // of several of the channel
	Span
}

// Hospital settles claims at its desks.
type Hospital struct {
	ID, Name, NameEN string
	Class            string // community, 1, 2, 3
	Span
}

// Status is how a card stands.
type Status uint8

// The statuses of a card.
const (
	Active   Status = iota
	Blocked         // lost, stolen or misused
	Returned        // given back
)

// Statuses are the names of the statuses, in their order.
func Statuses() []string { return []string{"active", "blocked", "returned"} }

// String is the status as in files.
func (s Status) String() string { return Statuses()[s] }

// Card is one issued card.
type Card struct {
	ID         keys.CardID
	Type       byte // file 0017, offset 10
	Status     Status
	Registered bool // to a person; else anonymous
	From       ledger.Day
	Expires    ledger.Day // the last day of use
}

// Blocked reports whether the card is not active.
func (c *Card) Blocked() bool { return c.Status != Active }

// Number is a card's application serial number, 10 bytes BCD. It is what people call a
// card by; in the registry a card is found by its [keys.Digits] alone.
type Number [10]byte

// String is the number's last four digits: what errors and logs show.
func (n Number) String() string { return tunion.Masked(n.Digits()) }

// Digits is the whole number, for who may see it.
func (n Number) Digits() string { return hex.EncodeToString(n[:]) }

// Signed are the number's last sixteen digits, by which a card is found.
func (n Number) Signed() keys.Digits { return keys.CardID{ASN: n}.Digits() }

// Token stands for a person.
type Token [16]byte

// String is the token as 32 hexadecimal digits.
func (t Token) String() string { return hex.EncodeToString(t[:]) }

// Insurance is how a person is insured.
type Insurance uint8

// Insurances are the names of the insurances, in their order.
func Insurances() []string { return []string{"employee", "resident", "none"} }

// String is the insurance as in files.
func (i Insurance) String() string { return Insurances()[i] }

// PersonStatus is what a person does for a living.
type PersonStatus uint8

// PersonStatuses are the names of the statuses, in their order.
func PersonStatuses() []string { return []string{"working", "retired", "resident"} }

// String is the status as in files.
func (s PersonStatus) String() string { return PersonStatuses()[s] }

// Person is what the medical and pension rules need to know of somebody.
type Person struct {
	PersonalAccount ledger.Fen // when first registered; since then the books have it
	Pension         ledger.Fen // approved monthly amount, 0 for none
	From            ledger.Day
	CertifiedUntil  int32 // YYYYMM, 0 for never
	Insurance       Insurance
	Status          PersonStatus
}

// Since is the first day on which the row holds.
func (p Person) Since() ledger.Day { return p.From }

// PersonLimit is the most that a row may state of one person: a hundred million yuan. It is
// no city's figure; it keeps the sum over all persons of a country within an account.
const PersonLimit ledger.Fen = 10_000_000_000

// KeepingAccount is p with the account of the earlier row of the same first day. A later row
// corrects everything but the money, which is in the books.
func (p Person) KeepingAccount(before Person) Person {
	if p.PersonalAccount == 0 && before.PersonalAccount <= PersonLimit {
		p.PersonalAccount = before.PersonalAccount
	}
	return p
}

// Purse is what a card of the system before held when it was taken over.
type Purse struct {
	ID  keys.CardID
	Fen ledger.Fen
	Day ledger.Day
}

// Since is the day of the balance.
func (p Purse) Since() ledger.Day { return p.Day }

package keyservice

import (
	"encoding/hex"
	"errors"
	"fmt"

	"citycard/cardos/keys"
	"citycard/cardos/personalisation"
)

// Path is where a key service answers: POST, {"questions":[…]} in, {"answers":[…]} out, both JSON,
// the answers in the order of the questions.
const Path = "/v1/keys"

// Bounds of one request.
const (
	maxQuestions = 256
	maxRequest   = 512 << 10 // bytes
	maxAnswer    = 1 << 20
	maxOrder     = 80 // characters of an order's name
)

// Operation is what a client may be allowed.
type Operation string

// The operations.
const (
	Loads       Operation = "load"        // MAC1 is checked, MAC2 given
	PINs        Operation = "pin"         // PIN UNBLOCK
	Files       Operation = "file"        // another last day in file 0015 of a transit card
	Personalise Operation = "personalise" // a blank card
	Clearing    Operation = "clearing"    // the keys that clearing holds
)

// Operations lists them.
func Operations() []Operation {
	return []Operation{Loads, PINs, Files, Personalise, Clearing}
}

// octets are bytes in hexadecimal digits.
type octets []byte

// MarshalText writes the digits.
func (o octets) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, o), nil }

// UnmarshalText reads them.
func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.AppendDecode(nil, text)
	return err
}

// question is one operation that is asked for. ID is the client's and comes back in the answer.
type question struct {
	ID        string    `json:"id"`
	Operation Operation `json:"operation"`
	Order     string    `json:"order,omitempty"`
	Card      *wireCard `json:"card,omitempty"`

	Load        *wireLoad    `json:"load,omitempty"`        // of load
	Command     *wireCommand `json:"command,omitempty"`     // of pin and file
	Permit      octets       `json:"permit,omitempty"`      // of pin and file: the centre's
	Challenge   octets       `json:"challenge,omitempty"`   // of personalise
	Fingerprint string       `json:"fingerprint,omitempty"` // of clearing: of the keys it has
}

type wireCard struct {
	Kind     Kind   `json:"kind"`
	Issuer   octets `json:"issuer,omitempty"`
	Number   octets `json:"number,omitempty"`
	Province octets `json:"province,omitempty"`
	City     octets `json:"city,omitempty"`
	Factor   octets `json:"factor,omitempty"`
}

type wireLoad struct {
	Balance    uint32 `json:"balance"` // before the load
	Amount     uint32 `json:"amount"`
	Type       byte   `json:"type"`
	Terminal   octets `json:"terminal"`
	Time       octets `json:"time"`
	Sequence   uint16 `json:"sequence"`
	Random     octets `json:"random,omitempty"`
	KeyVersion byte   `json:"key_version"`
	Algorithm  byte   `json:"algorithm,omitempty"`
	MAC        octets `json:"mac"` // MAC1
}

type wireCommand struct {
	KeyVersion byte   `json:"key_version,omitempty"`
	Challenge  octets `json:"challenge"`
	Header     octets `json:"header"`
	Data       octets `json:"data,omitempty"`
}

// answer is one answer. It names what was asked, and the client compares.
type answer struct {
	ID        string    `json:"id"`
	Operation Operation `json:"operation"`
	Order     string    `json:"order,omitempty"`
	Card      string    `json:"card,omitempty"`
	Refusal   Refusal   `json:"refusal,omitempty"`

	MAC     octets   `json:"mac,omitempty"`     // MAC2
	Data    octets   `json:"data,omitempty"`    // of the command
	Version byte     `json:"version,omitempty"` // of the keys on a new card
	Answer  octets   `json:"answer,omitempty"`  // to the blank's challenge
	Keys    []octets `json:"keys,omitempty"`    // of a new card, under the transport key
	Held    octets   `json:"held,omitempty"`    // empty if they are those of the fingerprint
}

// Refusal is why an operation was not done.
type Refusal string

// The refusals.
const (
	BadMAC     Refusal = "bad_mac"     // MAC1 does not verify
	BadVersion Refusal = "key_version" // the masters of that version are not held
	BadCommand Refusal = "command"     // no command that is secured

	NoPermit  Refusal = "permit"      // the centre has signed no permit for this
	OldPermit Refusal = "permit_over" // its time is over

	NotOrdered Refusal = "not_ordered"  // the client has no order of that name
	NotOfOrder Refusal = "not_the_card" // the card is none of the order's
	OtherOrder Refusal = "other_order"  // the card was made by another order
	MadeBefore Refusal = "made_before"  // the card was made as often as its order may
	AllMade    Refusal = "all_made"     // the order has all its cards
	NoBatch    Refusal = "batch"        // there is no transport key of the order's batch
)

// fault is the body of an answer that is not 200.
type fault struct {
	Code   Code   `json:"error"`
	Detail string `json:"detail,omitempty"`
}

// Code is why a request was not answered at all.
type Code string

// The codes.
const (
	UnknownClient Code = "unknown_client" // the certificate is in no line of the clients' file
	Expired       Code = "expired"        // the certificate's time is over or has not come
	NotAllowed    Code = "not_allowed"    // detail: the operation
	TooMany       Code = "too_many"       // detail: the rate
	Malformed     Code = "malformed"      // detail: what
	Unavailable   Code = "unavailable"    // the backend or the log of uses
)

var errQuestion = errors.New("malformed question")

// fixed copies bytes that must fill their place.
func fixed(to []byte, from octets, name string) error {
	if len(from) != len(to) {
		return fmt.Errorf("%w: %s of %d bytes, want %d", errQuestion, name, len(from), len(to))
	}
	copy(to, from)
	return nil
}

func wire(c Card) *wireCard {
	if c.Kind == Transit {
		return &wireCard{Kind: Transit, Issuer: c.Transit.Issuer[:], Number: c.Transit.ASN[:]}
	}
	return &wireCard{Kind: c.Kind, Province: c.Social.Province[:], City: c.Social.City[:], Factor: c.Social.Card[:]}
}

func (w *wireCard) card() (c Card, err error) {
	switch {
	case w == nil:
		return c, fmt.Errorf("%w: no card", errQuestion)
	case w.Kind == Transit:
		c.Kind = Transit
		return c, errors.Join(fixed(c.Transit.Issuer[:], w.Issuer, "issuer"), fixed(c.Transit.ASN[:], w.Number, "number"))
	case w.Kind == SocialSecurity:
		c.Kind = SocialSecurity
		return c, errors.Join(fixed(c.Social.Province[:], w.Province, "province"),
			fixed(c.Social.City[:], w.City, "city"), fixed(c.Social.Card[:], w.Factor, "factor"))
	}
	return c, fmt.Errorf("%w: kind of card %q", errQuestion, w.Kind)
}

func transitCard(id keys.CardID) Card { return Card{Kind: Transit, Transit: id} }

func askLoad(o keys.LoadOrder) question {
	return question{Operation: Loads, Order: o.Number, Card: wire(transitCard(o.Card)), Load: &wireLoad{
		Balance: o.OldBalance, Amount: o.Amount, Type: o.Type, Terminal: o.Terminal[:], Time: o.Time[:], Sequence: o.OnlineSequence,
		Random: o.Random[:], KeyVersion: o.KeyVersion, Algorithm: o.Algorithm, MAC: o.MAC1[:],
	}}
}

func (q *question) loadOrder(card Card) (o keys.LoadOrder, err error) {
	l := q.Load
	if l == nil || card.Kind != Transit {
		return o, fmt.Errorf("%w: no load of a transit card", errQuestion)
	}
	o = keys.LoadOrder{
		Number: q.Order, Card: card.Transit, OldBalance: l.Balance, Amount: l.Amount, Type: l.Type,
		OnlineSequence: l.Sequence, KeyVersion: l.KeyVersion, Algorithm: l.Algorithm,
	}
	return o, errors.Join(fixed(o.Terminal[:], l.Terminal, "terminal"), fixed(o.Time[:], l.Time, "time"),
		fixed(o.Random[:], l.Random, "random"), fixed(o.MAC1[:], l.MAC, "mac"))
}

func askCommand(c Command) question {
	return question{Operation: operationOf(&c), Order: c.Order, Card: wire(c.Card), Permit: c.Permit, Command: &wireCommand{
		KeyVersion: c.KeyVersion, Challenge: c.Challenge[:], Header: c.Header[:], Data: c.Data,
	}}
}

// operationOf is the operation to which a command belongs, "" for one that nobody may ask for.
func operationOf(c *Command) Operation {
	switch {
	case c.Header[1] == insUnblockPIN:
		return PINs
	case c.writesLastDay():
		return Files
	default:
		return ""
	}
}

func (q *question) command(card Card) (c Command, err error) {
	if q.Command == nil {
		return c, fmt.Errorf("%w: no command", errQuestion)
	}
	c = Command{Order: q.Order, Card: card, KeyVersion: q.Command.KeyVersion, Data: q.Command.Data}
	err = errors.Join(fixed(c.Challenge[:], q.Command.Challenge, "challenge"), fixed(c.Header[:], q.Command.Header, "header"))
	if err == nil && operationOf(&c) != q.Operation {
		err = fmt.Errorf("%w: command %x is not of operation %s", errQuestion, c.Header, q.Operation)
	}
	return c, err
}

func askBlank(b Blank) question {
	return question{Operation: Personalise, Order: b.Order, Card: wire(b.Card), Challenge: b.Challenge[:]}
}

func (a *answer) issue() (i Issue, err error) {
	i.Version = a.Version
	for _, k := range a.Keys {
		var sealed personalisation.Sealed
		if err := fixed(sealed[:], k, "key"); err != nil {
			return i, err
		}
		i.Keys = append(i.Keys, sealed)
	}
	return i, fixed(i.Answer[:], a.Answer, "answer")
}

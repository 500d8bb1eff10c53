package cards

import (
	"fmt"
	"strings"

	"citycard/cardos/tunion"
	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
)

// MaxOrder is how many bytes an order number has at most.
const MaxOrder = 64

// Order asks for one thing to be done with one card.
type Order struct {
	Number  string // the counter's; one order's for ever
	Channel string // as the registry has it
	Counter string // of several of a channel
	Do      Do
	Card    string // 19 or 20 digits
	Product string // of what is sold
	New     string // the card that takes its place
	// Cash is what the customer pays, in fen; below zero, what is given to them. It is what the
	// clerk was shown and has signed.
	Cash ledger.Fen
	// Certificate is the number of the holder's certificate, of a registered card. It is not kept.
	Certificate string
	// Emptied is what the purse of a returned card had, which a tap at the counter took.
	Emptied ledger.Fen
}

// OrderError refuses an order by itself, and names its field as the API does.
type OrderError struct {
	Field string
	What  *language.Text
}

func (e *OrderError) Error() string { return e.Field + ": " + e.What.Error() }
func (e *OrderError) Unwrap() error { return e.What }

// Check refuses an order that is wrong by itself, with an *OrderError.
func (o *Order) Check() error {
	wrong := func(field string, what *language.Text) error { return &OrderError{field, what} }
	if !identity.IsName(o.Number, MaxOrder) {
		return wrong("order", language.Textf("want 1 to %d visible bytes", MaxOrder))
	}
	if _, err := people.ParseUnit(string(o.Unit())); err != nil {
		return wrong("channel", language.Textf("want the id of a channel"))
	}
	if !identity.IsName(o.Counter, 32) {
		return wrong("counter", language.Textf("want 1 to %d visible bytes", 32))
	}
	if !o.Do.Known() {
		return wrong("do", language.Textf("%q is nothing that is done with a card", string(o.Do)))
	}
	if _, err := tunion.ParseNumber(o.Card); err != nil {
		return wrong("card", language.Textf("want the 19 or 20 digits of a card's number"))
	}
	if _, err := tunion.ParseNumber(o.New); (o.New != "") != (o.Do == Replace) || o.New != "" && err != nil {
		return wrong("new", language.Textf("want the number of the new card where one is replaced, and only there"))
	}
	if (o.Product != "") != (o.Do == Sell) || len(o.Product) > 40 {
		return wrong("product", language.Textf("want the product that is sold, and only there"))
	}
	if o.Emptied < 0 || o.Emptied > 0 && o.Do != Return {
		return wrong("emptied_fen", language.Textf("want what a tap took from the purse of a returned card, and only there"))
	}
	return nil
}

// Unit is the channel's.
func (o *Order) Unit() people.Unit { return people.Unit("channel:" + o.Channel) }

// Said is what the audit has of an order, and so what was signed. Of a card it has the last four
// digits, and of a person nothing.
type Said struct {
	Order   string      `json:"order"`
	Unit    people.Unit `json:"unit"`
	Counter string      `json:"counter"`
	Do      Do          `json:"do"`
	Card    string      `json:"card"`
	Product string      `json:"product,omitempty"`
	New     string      `json:"new,omitempty"`
	Cash    ledger.Fen  `json:"cash_fen"`
	Emptied ledger.Fen  `json:"emptied_fen,omitempty"`
}

// Said is what the audit has of the order.
func (o *Order) Said() Said {
	s := Said{Order: o.Number, Unit: o.Unit(), Counter: o.Counter, Do: o.Do, Card: tunion.Masked(o.Card), Product: o.Product, Cash: o.Cash, Emptied: o.Emptied}
	if o.New != "" {
		s.New = tunion.Masked(o.New)
	}
	return s
}

// What is what a person signs who does it.
func (s *Said) What() string {
	var b strings.Builder
	fmt.Fprintf(&b, "order %s of %s at %s: %s %s", s.Order, s.Unit, s.Counter, s.Do, s.Card)
	if s.Product != "" {
		fmt.Fprintf(&b, " as %s", s.Product)
	}
	if s.New != "" {
		fmt.Fprintf(&b, " by %s", s.New)
	}
	if s.Emptied > 0 {
		fmt.Fprintf(&b, ", emptied of %d fen", s.Emptied)
	}
	fmt.Fprintf(&b, ", cash %d fen", s.Cash)
	return b.String()
}

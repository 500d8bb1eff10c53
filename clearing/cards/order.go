package cards

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"citycard/cardos/tunion"
	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
)

// MaxOrder is how many bytes an order number has at most, and maxCounter a counter's name.
const (
	MaxOrder   = 64
	maxCounter = 32
)

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
	// Emptied is what the purse of a returned card had, which a tap at the counter took, and Tap
	// which one that was (TapName).
	Emptied ledger.Fen
	Tap     string
	// Salt is random, 64 hexadecimal digits. What is signed binds the whole numbers by digests:
	// those of cards with its first half, which is kept, and that of the certificate with the other
	// half, which is not, so that the digest tells nobody the number.
	Salt string
}

// tapText is how a tap is named.
var tapText = regexp.MustCompile("^[0-9a-f]{12}-[0-9]{14}$")

// TapName names a tap of a card by what the card has signed of it: the terminal, which has 6 bytes,
// and the time, in 7 bytes of digits.
func TapName(terminal, time []byte) string { return fmt.Sprintf("%x-%x", terminal, time) }

// saltText is how a salt is written, and saltDigits how long its first half is.
var saltText = regexp.MustCompile("^[0-9a-f]{64}$")

const saltDigits = 32

// OrderError refuses an order by itself, and names its field as the API does.
type OrderError struct {
	Field string
	What  *language.Text
}

func (e *OrderError) Error() string { return e.Field + ": " + e.What.Error() }
func (e *OrderError) Unwrap() error { return e.What }

// checkPlace refuses an order's number, and where it is given, with an *OrderError.
func checkPlace(number string, unit people.Unit, counter string) error {
	if !identity.IsName(number, MaxOrder) {
		return &OrderError{"order", language.Textf("want 1 to %d visible bytes", MaxOrder)}
	}
	if _, err := people.ParseUnit(string(unit)); err != nil {
		return &OrderError{"channel", language.Textf("want the id of a channel")}
	}
	if !identity.IsName(counter, maxCounter) {
		return &OrderError{"counter", language.Textf("want 1 to %d visible bytes", maxCounter)}
	}
	return nil
}

// Check refuses an order that is wrong by itself, with an *OrderError.
func (o *Order) Check() error {
	wrong := func(field string, what *language.Text) error { return &OrderError{field, what} }
	if err := checkPlace(o.Number, o.Unit(), o.Counter); err != nil {
		return err
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
	if o.Tap != "" && (o.Emptied == 0 || !tapText.MatchString(o.Tap)) {
		return wrong("emptied_tap", language.Textf("want the terminal of that tap in 12 hexadecimal digits, a hyphen and its time in 14 digits"))
	}
	if !saltText.MatchString(o.Salt) {
		return wrong("salt", language.Textf("want 64 hexadecimal digits in small letters"))
	}
	return nil
}

// Unit is the channel's.
func (o *Order) Unit() people.Unit { return people.Unit("channel:" + o.Channel) }

// Said is what the audit has of an order, and so what was signed. Of a card it has the last four
// digits, of a person nothing, and of the whole numbers digests (see [Bound]).
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
	Tap     string      `json:"emptied_tap,omitempty"`
	Cards   string      `json:"cards"`           // digest of the card's number, and of the new one's
	Shown   string      `json:"shown,omitempty"` // digest of the certificate's
}

// Bound is the digest of numbers with a salt: the first 32 hexadecimal digits of the SHA-256 of all
// of them with a blank between each. Those of cards have 20 digits.
func Bound(salt string, numbers ...string) string {
	digest := sha256.Sum256([]byte(salt + " " + strings.Join(numbers, " ")))
	return hex.EncodeToString(digest[:16])
}

// whole is a card's number in 20 digits.
func whole(number string) string { return strings.Repeat("0", max(0, 20-len(number))) + number }

// Said is what the audit has of the order.
func (o *Order) Said() Said {
	s := Said{Order: o.Number, Unit: o.Unit(), Counter: o.Counter, Do: o.Do, Card: tunion.Masked(o.Card), Product: o.Product, Cash: o.Cash, Emptied: o.Emptied, Tap: o.Tap}
	numbers := []string{whole(o.Card)}
	if o.New != "" {
		s.New = tunion.Masked(o.New)
		numbers = append(numbers, whole(o.New))
	}
	if s.Cards = Bound(o.Salt[:saltDigits], numbers...); o.Certificate != "" {
		s.Shown = Bound(o.Salt[saltDigits:], o.Certificate)
	}
	return s
}

// Planned is what two people sign before: which tap empties a purse is known once it is made.
func (s Said) Planned() Said {
	s.Tap = ""
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
	if s.Tap != "" {
		fmt.Fprintf(&b, " by tap %s", s.Tap)
	}
	fmt.Fprintf(&b, ", cash %d fen, cards %s", s.Cash, s.Cards)
	if s.Shown != "" {
		fmt.Fprintf(&b, ", shown %s", s.Shown)
	}
	return b.String()
}

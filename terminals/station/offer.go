package station

import (
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/card"
	"citycard/terminals/exits"
)

// Payment is where the money of an update comes from.
type Payment string

// The ways to pay.
const (
	FromCard Payment = "card"
	InCash   Payment = "cash"
	Split    Payment = "both" // the card pays what it holds, cash the rest
)

// Request is what the staff ask for.
type Request struct {
	Reason message.UpdateReason
	// From is the station at which the passenger of a card without entry got in; 0 where nobody can
	// say. For 03 alone.
	From uint32
	// FromLine is a line at which that station is, 0 where nobody says. A service mode may be of a
	// line: the gate that lets the card out looks there too.
	FromLine uint32
	Pay      Payment
	Staff    string // who asks; must be given where cash is taken
}

// LetsOut reports whether the update ends a trip inside the gates, which open for no such card:
// then staff let the passenger out.
func (q *Request) LetsOut() bool {
	area, err := AreaOf(q.Reason)
	return err == nil && area == Inside && (q.Reason != message.UpdateReason_UPDATE_REASON_NO_ENTRY || q.From == 0)
}

// Offer is an update that fits a card in one state, and what it costs.
type Offer struct {
	Request
	Card    keys.CardID
	Counter uint16 // of the card before it
	Balance int32  // before it, fen; below 0: overdrawn
	Fen     uint32 // from the card
	Cash    uint32 // in cash, fen
	Fares   string // the table's version

	Entry   uint32  // the station where the trip began that it ends, or that it writes
	Entered [7]byte // when, of a trip that it ends
	// Before is the ride before such a trip, where a transfer from it makes the trip cheaper.
	Before message.Before
}

// Ends reports whether the update ends a trip; else it writes an entry.
func (o *Offer) Ends() bool {
	return o.Reason != message.UpdateReason_UPDATE_REASON_NO_ENTRY || o.From == 0
}

// Left is the card's balance afterwards, fen.
func (o *Offer) Left() int32 { return o.Balance - int32(o.Fen) }

// The reasons why there is no offer. Nothing on the card has changed.
var (
	// ErrReason: there is no update of that number.
	ErrReason = language.Textf("there is no update of that number; there are 01, 02, 03, 10 and 12")
	// ErrFrom: a station where none is asked for, or a line without one.
	ErrFrom = language.Textf("only update 03 needs the station at which the passenger got in, and a line of it")
	// ErrStaff: cash without the name of who takes it, or a name that cannot be kept.
	ErrStaff = language.Textf("who takes cash gives a name or number, at most 32 characters")
	// ErrPayment: no such way to pay.
	ErrPayment = language.Textf("no such way to pay; there are card, cash and both")
	// ErrChanged: the card, or what it costs, is not what was agreed to.
	ErrChanged = language.Textf("this is not what was shown: look at the card again")
)

// UnfitError refuses an update that does not fit the card.
type UnfitError struct{ Found Finding }

func (e *UnfitError) Error() string { return e.In(language.Language{}) }

// In says it in a language.
func (e *UnfitError) In(l language.Language) string {
	return language.Textf("this update does not help the card: %w", e.Found.Text()).In(l)
}

// maxLine is the highest number of a line that a card can hold.
const maxLine = 0xFFFF

// maxStaff is how many characters a name of staff may have.
const maxStaff = 32

// AreaOf is the side of the gates on which an update is made.
func AreaOf(reason message.UpdateReason) (Area, error) {
	switch reason {
	case message.UpdateReason_UPDATE_REASON_EXIT_TIMEOUT, message.UpdateReason_UPDATE_REASON_OVER_TRAVEL, message.UpdateReason_UPDATE_REASON_NO_ENTRY:
		return Inside, nil
	case message.UpdateReason_UPDATE_REASON_HAS_ENTRY, message.UpdateReason_UPDATE_REASON_ENTRY_TIMEOUT:
		return Outside, nil
	}
	return Outside, ErrReason
}

// Offer says what an update of a card costs, at a time in the city's zone. Errors: those above,
// *UnfitError, tariff.ErrNoFare, or card.ErrInsufficient where the card alone cannot pay.
func (h *Here) Offer(r *Reading, q Request, at time.Time) (Offer, error) {
	area, err := AreaOf(q.Reason)
	if err != nil {
		return Offer{}, err
	}
	if err := q.check(); err != nil {
		return Offer{}, err
	}
	f := h.Analyse(r, area, at)
	if f.Reason != q.Reason {
		return Offer{}, &UnfitError{f}
	}
	o := Offer{Request: q, Card: r.ID(), Counter: r.Counter, Balance: r.Balance, Fares: f.Fares(), Entry: f.Entry}
	due := f.Fen
	if q.Reason != message.UpdateReason_UPDATE_REASON_NO_ENTRY {
		o.Entered, o.Before = r.Last.Time, f.before
	} else if q.From != 0 {
		if err := f.table.Station(q.From); err != nil {
			return Offer{}, err
		}
		o.Entry, due = q.From, 0
	}
	return o, o.pay(due)
}

func (q *Request) check() error {
	switch {
	case q.From != 0 && q.Reason != message.UpdateReason_UPDATE_REASON_NO_ENTRY, q.FromLine != 0 && q.From == 0, q.FromLine > maxLine:
		return ErrFrom
	case utf8.RuneCountInString(q.Staff) > maxStaff || !utf8.ValidString(q.Staff):
		return ErrStaff
	}
	for _, c := range q.Staff {
		if !unicode.IsGraphic(c) {
			return ErrStaff
		}
	}
	return nil
}

// pay divides what is due between card and cash.
func (o *Offer) pay(due uint32) error {
	switch o.Pay {
	case FromCard:
		o.Fen = due
	case InCash:
		o.Cash = due
	case Split:
		o.Fen = min(due, uint32(max(o.Balance, 0)))
		o.Cash = due - o.Fen
	default:
		return fmt.Errorf("%w: %q", ErrPayment, o.Pay)
	}
	if o.Fen > 0 && int64(o.Fen) > int64(o.Balance) {
		return language.Textf("%s yuan are due, and the card holds %s: load it, or take cash: %w", yuan(o.Fen), yuan(o.Balance), card.ErrInsufficient)
	}
	if o.Cash > 0 && o.Staff == "" {
		return ErrStaff
	}
	return nil
}

func yuan[T uint32 | int32](fen T) string { return exits.Yuan(fen) }

package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"citycard/clearing/cards"
	"citycard/ledger"
)

// Products asks what is sold on a day; 0 is today.
func (c *Client) Products(ctx context.Context, day ledger.Day) (ProductPage, error) {
	path := "/v1/products"
	if day != 0 {
		path += fmt.Sprintf("?day=%d", day)
	}
	return ask[ProductPage](ctx, c, call{method: http.MethodGet, path: path, looks: true})
}

// FindCard asks how a card stands.
func (c *Client) FindCard(ctx context.Context, number string) (Card, error) {
	body, err := encode(FindingCard{number})
	if err != nil {
		return Card{}, err
	}
	return ask[Card](ctx, c, call{method: http.MethodPost, path: "/v1/cards/find", body: body, looks: true})
}

// NewSalt is a salt for one order.
func NewSalt() string {
	var salt [32]byte
	_, _ = rand.Read(salt[:]) // it never fails
	return hex.EncodeToString(salt[:])
}

// StepCard signs an order, with a salt of its own where it has none, and has it done. Dry, the
// answer says what it would cost.
func (c *Client) StepCard(ctx context.Context, o *cards.Order, reason string, dry bool) (CardDone, error) {
	salted := *o
	if salted.Salt == "" {
		salted.Salt = NewSalt()
	}
	if err := salted.Check(); err != nil {
		return CardDone{}, err
	}
	said := salted.Said()
	signed, err := c.sign(ctx, o.Do.Act(), said.What(), reason, dry)
	if err != nil {
		return CardDone{}, err
	}
	body, err := encode(CardOrder{
		Order: o.Number, Channel: o.Channel, Counter: o.Counter, Do: o.Do, Number: o.Card, Product: o.Product, New: o.New,
		Cash: o.Cash, Emptied: o.Emptied, Tap: o.Tap, Certificate: o.Certificate, Salt: salted.Salt, Signed: signed,
	})
	if err != nil {
		return CardDone{}, err
	}
	return ask[CardDone](ctx, c, call{method: http.MethodPost, path: "/v1/cards/steps" + rehearsed(dry), body: body})
}

// OpenShift signs that a shift begins with so much cash.
func (c *Client) OpenShift(ctx context.Context, o *cards.ShiftOrder, reason string, dry bool) (Shift, error) {
	o.Do = cards.Opens
	return c.shift(ctx, o, "/v1/shifts/open", reason, dry, func(signed Signature) (json.RawMessage, error) {
		return encode(OpeningShift{o.Number, o.Channel, o.Counter, o.Start, o.Otherwise, signed})
	})
}

// CloseShift signs that a shift ends, and what was counted.
func (c *Client) CloseShift(ctx context.Context, o *cards.ShiftOrder, reason string, dry bool) (Shift, error) {
	o.Do = cards.Closes
	return c.shift(ctx, o, "/v1/shifts/close", reason, dry, func(signed Signature) (json.RawMessage, error) {
		return encode(ClosingShift{o.Number, o.Channel, o.Counter, o.Loaded, o.Counted, signed})
	})
}

// HandOver asks for the shift out of whose drawer two people have let cash be taken; it is refused
// until they have.
func (c *Client) HandOver(ctx context.Context, o *cards.ShiftOrder, reason string, dry bool) (Shift, error) {
	o.Do = cards.HandsOver
	return c.shift(ctx, o, "/v1/shifts/hand-over", reason, dry, func(signed Signature) (json.RawMessage, error) {
		return encode(HandingOver{o.Number, o.Channel, o.Counter, o.Handed, o.To, signed})
	})
}

func (c *Client) shift(ctx context.Context, o *cards.ShiftOrder, path, reason string, dry bool, body func(Signature) (json.RawMessage, error)) (Shift, error) {
	signed, err := c.sign(ctx, o.Act(), o.What(), reason, dry)
	if err != nil {
		return Shift{}, err
	}
	text, err := body(signed)
	if err != nil {
		return Shift{}, err
	}
	return ask[Shift](ctx, c, call{method: http.MethodPost, path: path + rehearsed(dry), body: text})
}

// GiveBack signs that the cash of a load is given back to its customer.
func (c *Client) GiveBack(ctx context.Context, o *cards.ShiftOrder, reason string, dry bool) (Shift, error) {
	o.Do = cards.GivesBack
	return c.shift(ctx, o, "/v1/shifts/give-back", reason, dry, func(signed Signature) (json.RawMessage, error) {
		return encode(GivingBack{o.Number, o.Channel, o.Counter, o.Load, o.Given, signed})
	})
}

// OwedCash asks for cash that counters are to give back: of a channel where that is not empty, and
// behind after.
func (c *Client) OwedCash(ctx context.Context, channel, after string, limit int) (CashOwedPage, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if channel != "" {
		query.Set("channel", channel)
	}
	if after != "" {
		query.Set("after", after)
	}
	return ask[CashOwedPage](ctx, c, call{method: http.MethodGet, path: "/v1/shifts/owed?" + query.Encode(), looks: true})
}

// HandedOver asks for cash that was handed over, the newest first: of a channel where that is not
// empty, and with before of what has lower entries.
func (c *Client) HandedOver(ctx context.Context, channel string, before int64, limit int) (HandedPage, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if channel != "" {
		query.Set("channel", channel)
	}
	if before != 0 {
		query.Set("before", strconv.FormatInt(before, 10))
	}
	return ask[HandedPage](ctx, c, call{method: http.MethodGet, path: "/v1/shifts/handed?" + query.Encode(), looks: true})
}

// Differences asks for what was over and short by person, by their names: of a channel where that
// is not empty, and of those behind after.
func (c *Client) Differences(ctx context.Context, channel string, from, to ledger.Day, after string, limit int) (DifferencesPage, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}, "from": {from.String()}, "to": {to.String()}}
	if channel != "" {
		query.Set("channel", channel)
	}
	if after != "" {
		query.Set("after", after)
	}
	return ask[DifferencesPage](ctx, c, call{method: http.MethodGet, path: "/v1/shifts/differences?" + query.Encode(), looks: true})
}

// Shifts asks for shifts, the newest first: of a channel and at a counter where these are not
// empty, with missing of those of which a tap has not come, and with before of those with lower
// numbers.
func (c *Client) Shifts(ctx context.Context, channel, counter string, missing bool, before int64, limit int) (ShiftPage, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if channel != "" {
		query.Set("channel", channel)
	}
	if counter != "" {
		query.Set("counter", counter)
	}
	if missing {
		query.Set("missing", "true")
	}
	if before != 0 {
		query.Set("before", strconv.FormatInt(before, 10))
	}
	return ask[ShiftPage](ctx, c, call{method: http.MethodGet, path: "/v1/shifts?" + query.Encode(), looks: true})
}

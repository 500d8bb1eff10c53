package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"

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

// StepCard signs an order with a salt of its own, and has it done. Dry, the answer says what it
// would cost.
func (c *Client) StepCard(ctx context.Context, o *cards.Order, reason string, dry bool) (CardDone, error) {
	salted := *o
	var salt [32]byte
	_, _ = rand.Read(salt[:]) // it never fails
	salted.Salt = hex.EncodeToString(salt[:])
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
		Cash: o.Cash, Emptied: o.Emptied, Certificate: o.Certificate, Salt: salted.Salt, Signed: signed,
	})
	if err != nil {
		return CardDone{}, err
	}
	return ask[CardDone](ctx, c, call{method: http.MethodPost, path: "/v1/cards/steps" + rehearsed(dry), body: body})
}

// OpenShift signs that a shift begins with so much cash.
func (c *Client) OpenShift(ctx context.Context, o *cards.ShiftOrder, reason string, dry bool) (Shift, error) {
	o.Ends = false
	signed, err := c.sign(ctx, cards.ActOpenShift, o.What(), reason, dry)
	if err != nil {
		return Shift{}, err
	}
	body, err := encode(OpeningShift{o.Number, o.Channel, o.Counter, o.Start, signed})
	if err != nil {
		return Shift{}, err
	}
	return ask[Shift](ctx, c, call{method: http.MethodPost, path: "/v1/shifts/open" + rehearsed(dry), body: body})
}

// CloseShift signs that a shift ends, and what was counted.
func (c *Client) CloseShift(ctx context.Context, o *cards.ShiftOrder, reason string, dry bool) (Shift, error) {
	o.Ends = true
	signed, err := c.sign(ctx, cards.ActCloseShift, o.What(), reason, dry)
	if err != nil {
		return Shift{}, err
	}
	body, err := encode(ClosingShift{o.Number, o.Channel, o.Counter, o.Loaded, o.Counted, signed})
	if err != nil {
		return Shift{}, err
	}
	return ask[Shift](ctx, c, call{method: http.MethodPost, path: "/v1/shifts/close" + rehearsed(dry), body: body})
}

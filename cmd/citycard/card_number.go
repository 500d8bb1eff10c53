package main

import (
	"context"
	"encoding/hex"
	"flag"

	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/clearing/identity"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// cardNumber names a card by its number, as printed or with the 0 before it. The books identify a
// card by the bytes from which its keys are derived; these include the issuer's.
type cardNumber struct {
	number, issuer string
}

func (c *cardNumber) register(flags *flag.FlagSet) {
	flags.StringVar(&c.number, "card", "", "card number, the 19 printed `digits` or 20")
	flags.StringVar(&c.issuer, "issuer", "", "issuer id in `hex`, for a card that is not registered")
}

// parse reads what was given.
func (c *cardNumber) parse() (id keys.CardID, err error) {
	if c.number == "" {
		return id, language.Textf("--card is missing: want 19 or 20 digits")
	}
	if id.ASN, err = tunion.ParseNumber(c.number); err != nil {
		return id, language.Textf("--card %q: want 19 or 20 digits", c.number)
	}
	issuer, err := hex.DecodeString(c.issuer)
	if err != nil || c.issuer != "" && len(issuer) != len(index.Institution{}) && len(issuer) != len(id.Issuer) {
		return id, language.Textf("--issuer %q: want 16 hexadecimal digits, or the first 8 of them", c.issuer)
	}
	copy(id.Issuer[:], issuer)
	return id, nil
}

// find returns the cards that the number may mean in the books: the card of the given issuer, else
// the registered card, else one card for each registered issuer. known is true if the card is
// registered or its issuer was given.
func (c *cardNumber) find(ctx context.Context, books *ledger.Ledger) (cards []identity.Card, known bool, err error) {
	id, err := c.parse()
	if err != nil {
		return nil, false, err
	}
	if c.issuer != "" {
		return []identity.Card{identity.CardOf(id)}, true, nil
	}
	store := registry.NewStore(books.Pool())
	issuer, known, err := store.IssuerOf(ctx, id.Digits())
	if err != nil {
		return nil, false, err
	}
	if known {
		return []identity.Card{identity.CardOf(keys.CardID{Issuer: issuer, ASN: id.ASN})}, true, nil
	}
	issuers, err := store.Issuers(ctx)
	if err != nil {
		return nil, false, err
	}
	cards = make([]identity.Card, len(issuers))
	for i, issuer := range issuers {
		cards[i] = identity.CardOf(keys.CardID{Issuer: issuer, ASN: id.ASN})
	}
	if len(cards) == 0 {
		return nil, false, service.Fail("card %s is not registered", c.number).Todo("name its issuer with --issuer")
	}
	return cards, false, nil
}

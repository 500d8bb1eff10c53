package main

import (
	"context"
	"encoding/hex"
	"fmt"

	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/clearing/cards"
	"citycard/clearing/people/api"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
	"citycard/terminals/card"
	"citycard/terminals/counter"
	"citycard/terminals/reader"
)

// securing is who secures commands to cards: the key service, or for development a key store here.
type securing interface {
	Secure(ctx context.Context, c keyservice.Command) ([]byte, error)
}

// errNoKeys: nobody secures commands for this counter.
var errNoKeys = language.Textf("the counter has no key service, which secures what is written on a card")

// secures opens who secures commands.
func (t *till) secures() (securing, error) {
	switch {
	case t.keyService.Given():
		return t.keyService.Open()
	case t.module.path == "":
		return nil, service.Refuse("nothing was done").Todo("start the counter with --key-service URL").Because(errNoKeys)
	}
	t.module.demo = t.centre.demo
	store, err := t.module.keyFlags.open()
	if err != nil {
		return nil, err
	}
	t.Logger().Warn("all masters of the city are opened at this counter: that is for development; use --key-service", "keys", t.module.path)
	return keyservice.Software{Keyring: keys.NewKeyring(store)}, nil
}

// writeSecured does what writes on the card that was shown, by commands that are secured for it as
// the centre permits.
func (t *till) writeSecured(ctx context.Context, s *counter.Seen, permit *api.Permit, write func(context.Context, *card.Purse, card.Secure) error) error {
	by, err := t.secures()
	if err != nil {
		return err
	}
	signed, err := hex.DecodeString(permit.Signed)
	if err != nil {
		return err
	}
	return t.stand.with(ctx, t.wait, func(ctx context.Context, held *reader.Card) error {
		p, err := card.OpenPurse(ctx, held)
		if err != nil {
			return err
		}
		if p.ID() != s.ID {
			return counter.ErrSwapped
		}
		version, err := p.KeyVersion(ctx, t.desk.Terminal)
		if err != nil {
			return err
		}
		return write(ctx, p, func(ctx context.Context, challenge [8]byte, header [4]byte, data []byte) ([]byte, error) {
			return by.Secure(ctx, keyservice.Command{
				Order: permit.Order, Permit: signed, Card: keyservice.Card{Kind: keyservice.Transit, Transit: p.ID()}, KeyVersion: version,
				Challenge: challenge, Header: header, Data: data,
			})
		})
	})
}

// behind is the last day that the centre has of a card, if the card itself says an earlier one: an
// extension that was done and did not come onto it; else 0. permit is the centre's to write it.
func (t *till) behind(ctx context.Context, s *counter.Seen) (last ledger.Day, permit *api.Permit, err error) {
	if t.office == nil {
		return 0, nil, errNoOffice
	}
	known, err := t.office.client.FindCard(ctx, s.Transit.Number)
	if err != nil {
		return 0, nil, officeError(err)
	}
	own, err := ledger.ParseDay(s.Transit.Expiry)
	if err != nil || known.Expires <= own {
		return 0, nil, err
	}
	return known.Expires, known.Permit, nil
}

// onCard writes on the card what an act at the centre has changed, as that permits: a new PIN, or
// another last day.
func (t *till) onCard(ctx context.Context, p *planned, permit *api.Permit) error {
	var err error
	if permit == nil {
		permit = &api.Permit{Order: p.Order.Number} // the key service refuses; a key store here does not ask
	}
	switch {
	case p.Do == cards.UnblockPIN:
		err = t.writeSecured(ctx, p.Seen, permit, func(ctx context.Context, purse *card.Purse, secure card.Secure) error {
			return purse.UnblockPIN(ctx, p.PIN, secure)
		})
	case p.Do == cards.Extend && p.Choice.Becomes != 0:
		day, failed := hex.DecodeString(fmt.Sprintf("%08d", p.Choice.Becomes))
		if failed != nil {
			return failed
		}
		err = t.writeSecured(ctx, p.Seen, permit, func(ctx context.Context, purse *card.Purse, secure card.Secure) error {
			return purse.Extend(ctx, [4]byte(day), secure)
		})
	}
	if err == nil {
		return nil
	}
	return service.Fail("the centre has done it, and the card does not have it yet").Todo("put the same card in and do it again").Because(err)
}

package api

import (
	"context"
	"encoding/hex"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/clearing/registry"
	"citycard/clearing/transit/load"
	"citycard/language"
)

// registerLoads registers what a counter's clerk asks about paid loads. A channel's systems ask the
// same with their credential (package load).
func (s *Server) registerLoads() {
	huma.Register(s.api, look("waiting-loads", http.MethodGet, load.PathWaiting, "loads", "What waits for a card",
		"Paid loads that the card does not have yet: those that wait for it, and those for which MAC2 was given out and which it has not confirmed. A counter asks the load authority with placer and order of one.", bodyLimit),
		func(ctx context.Context, in *struct {
			Card   string `query:"card" required:"true" maxLength:"20" doc:"The printed number"`
			Issuer string `query:"issuer" maxLength:"16" doc:"16 hexadecimal digits; empty: the registered card's"`
		},
		) (*answer[load.List], error) {
			card, err := s.presented(ctx, in.Card, in.Issuer)
			if err != nil {
				return nil, err
			}
			list, err := load.OfCard(ctx, s.s.Office.Ledger, card)
			return answered(ctx, s, load.List{Loads: list}, err)
		})
	huma.Register(s.api, look("load-order", http.MethodGet, load.PathOrders, "loads", "What became of an order",
		"Of a channel's own number: unknown, waiting, held, authorised, written, over, refunded or withdrawn.", bodyLimit),
		func(ctx context.Context, in *struct {
			Channel string `query:"channel" required:"true" minLength:"1" maxLength:"56" doc:"ID of the channel"`
			Order   string `query:"order" required:"true" minLength:"1" maxLength:"64" doc:"The channel's number"`
		},
		) (*answer[load.Placed], error) {
			if c := callerOf(ctx); !c.sees(access.Channel(in.Channel)) {
				return nil, newProblem(c.language, NotFound, language.Textf("there is no such order"), nil)
			}
			placed, err := load.BecameOf(ctx, s.s.Office.Ledger, in.Channel, in.Order)
			return answered(ctx, s, placed, err)
		})
}

// presented finds the card that somebody of the issuer, the city or a channel asks about.
func (s *Server) presented(ctx context.Context, number, issuer string) (identity.Card, error) {
	c := callerOf(ctx)
	if c.person != nil && c.person.Unit != people.Issuer && c.person.Unit != people.City && access.Channel(channelOf(c.person.Unit)) != c.person.Unit {
		return identity.Card{}, newProblem(c.language, NotFound, language.Textf("there is no such card"), nil)
	}
	invalid := func(field string, what *language.Text) (identity.Card, error) {
		p := newProblem(c.language, Invalid, what, nil)
		p.Errors = []Fault{{"query." + field, language.Error(c.language, what)}}
		return identity.Card{}, p
	}
	id, err := keys.CardID{}, error(nil)
	if id.ASN, err = tunion.ParseNumber(number); err != nil {
		return invalid("card", language.Textf("card number %q: want 19 or 20 digits", number))
	}
	if issuer != "" {
		b, err := hex.DecodeString(issuer)
		if err != nil || len(b) != len(id.Issuer) {
			return invalid("issuer", language.Textf("issuer %q: want 16 hexadecimal digits", issuer))
		}
		copy(id.Issuer[:], b)
		return identity.CardOf(id), nil
	}
	known := false
	if id.Issuer, known, err = registry.NewStore(s.s.Office.Ledger.Pool()).IssuerOf(ctx, id.Digits()); err != nil {
		return identity.Card{}, s.problem(ctx, err)
	}
	if !known {
		return identity.Card{}, newProblem(c.language, NotFound, language.Textf("there is no such card"), language.Textf("check the number"))
	}
	return identity.CardOf(id), nil
}

// channelOf is a unit's channel; empty if it is none.
func channelOf(unit people.Unit) string { return load.Placer(unit).Channel() }

package api

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/clearing/cards"
	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/ledger"
)

// permitAgain is how long after an act the same order is given a permit again.
const permitAgain = time.Hour

// Permit lets a counter have written on a card what an act has changed.
type Permit struct {
	Order  string    `json:"order" doc:"Of the act; the counter asks the key service by it"`
	Signed string    `json:"signed" pattern:"^([0-9a-f]{2})+$" doc:"By the centre's publishing key, for the order, the card and what is written: it goes to the key service as it is"`
	Until  time.Time `json:"until"`
}

// permit signs that something may be written on a card: another last day, or with none a new PIN. A
// centre without a publishing key signs none.
func (s *Server) permit(ctx context.Context, order string, id keys.CardID, day ledger.Day) *Permit {
	if s.s.Program.PermitKey == nil {
		return nil
	}
	key, err := s.s.Program.PermitKey()
	if err != nil {
		s.s.Log.WarnContext(ctx, "nothing is permitted to be written on a card: the key service will refuse it", "error", err)
		return nil
	}
	p := keyservice.Permit{
		Order: order, Card: keyservice.Card{Kind: keyservice.Transit, Transit: id}, Until: s.s.Now().Add(keyservice.PermitTime).Truncate(time.Second),
	}
	if day != 0 {
		p.LastDay = fmt.Sprintf("%08d", day)
	}
	return &Permit{Order: order, Signed: hex.EncodeToString(p.Sign(key)), Until: p.Until.UTC()}
}

// permitOf is the permit of an act that was done, if anything is to be written.
func (s *Server) permitOf(ctx context.Context, done *cards.Done) *Permit {
	step := &done.Step
	if done.Repeated && s.s.Now().Sub(step.At) > permitAgain {
		return nil
	}
	switch step.Do {
	case cards.UnblockPIN:
		return s.permit(ctx, step.Order, done.ID, 0)
	case cards.Extend:
		return s.permit(ctx, step.Order, done.ID, step.Left.Expires)
	}
	return nil
}

// ofRegistry names the order of a last day that no act has changed.
const ofRegistry = "registry"

// permitFor is the permit for the last day that the centre has of a card that is in use, for who
// serves at a counter: nobody can have another day written with it.
func (s *Server) permitFor(ctx context.Context, f *cards.Found) *Permit {
	who := callerOf(ctx).person // nobody signs a look at the socket
	if who != nil && (who.Role != people.Clerk && who.Role != people.Supervisor || who.Unit != people.Issuer && !access.IsChannel(who.Unit)) {
		return nil
	}
	if !f.Known || f.Listed || f.Blocked || f.State != cards.Active && f.State != cards.Inactive && f.State != cards.Unknown {
		return nil
	}
	for _, step := range slices.Backward(f.Steps) {
		if step.Do == cards.Extend && step.Left.Expires == f.Expires {
			return s.permit(ctx, step.Order, f.ID, f.Expires)
		}
	}
	return s.permit(ctx, ofRegistry, f.ID, f.Expires)
}

package card

import (
	"context"
	"errors"
	"fmt"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/clearing/message"
)

// Authorise books an order and returns MAC2 for it.
type Authorise func(ctx context.Context, request *message.LoadRequest) (keys.MAC, error)

// Load writes money that was paid onto the purse. order has the amount, the terminal, the time and
// the channel that took the money; Load returns it with the card's data added. Errors: a blocked
// purse, that of authorise, *UnknownError, *apdu.StatusError where the card refuses, or the
// transport's.
func (p *Purse) Load(ctx context.Context, order *message.Load, authorise Authorise) (*message.Load, error) {
	allowed, err := p.overdraft(ctx)
	if err != nil {
		return nil, err
	}
	start, err := p.beginLoad(ctx, order.GetAmountFen(), [6]byte(order.GetTerminal()))
	if err != nil {
		return nil, err
	}
	id := p.ID()
	mac2, err := authorise(ctx, &message.LoadRequest{
		Order: order.GetOrder(), Channel: order.GetChannel(), Card: id.ASN[:], Issuer: id.Issuer[:], AmountFen: order.GetAmountFen(),
		Terminal: order.GetTerminal(), OnlineSequence: uint32(start.OnlineSequence), OldBalanceFen: start.OldBalance,
		Random: start.Random[:], Mac1: start.MAC1[:], Time: order.GetTime(),
		KeyVersion: uint32(start.KeyVersion), Algorithm: uint32(start.Algorithm), OverdraftFen: allowed,
	})
	if err != nil {
		return nil, err
	}
	return p.credit(ctx, &message.Load{
		Medium: order.GetMedium(), Card: id.ASN[:], Issuer: id.Issuer[:], Type: uint32(purse.TypeEPLoad), AmountFen: order.GetAmountFen(),
		Terminal: order.GetTerminal(), OnlineSequence: uint32(start.OnlineSequence), Time: order.GetTime(),
		NewBalanceFen: start.OldBalance + order.GetAmountFen(), KeyVersion: uint32(start.KeyVersion), Algorithm: uint32(start.Algorithm),
		Order: order.GetOrder(), Channel: order.GetChannel(), OverdraftFen: allowed,
	}, mac2)
}

// OnlineCounter is the number of loads that the card has taken. The card changes nothing.
func (p *Purse) OnlineCounter(ctx context.Context, terminal [6]byte) (uint16, error) {
	start, err := p.beginLoad(ctx, 1, terminal)
	return start.OnlineSequence, err
}

// beginLoad initializes a load; it changes nothing on the card.
func (p *Purse) beginLoad(ctx context.Context, amount uint32, terminal [6]byte) (purse.LoadStart, error) {
	start, err := ask(ctx, p.card, purse.InitializeLoad(purse.Start{Wallet: purse.EP, KeyIndex: keyIndex, Amount: amount, Terminal: terminal}), purse.ParseLoadStart)
	switch {
	case isBlocked(err):
		return start, fmt.Errorf("%w: %w", ErrBlocked, err)
	case err != nil:
		return start, fmt.Errorf("begin the load: %w", err)
	case uint64(start.OldBalance)+uint64(amount) > purse.MaxBalance:
		return start, fmt.Errorf("begin the load: %d fen on the card and %d more are above what a purse holds", start.OldBalance, amount)
	}
	return start, nil
}

// credit writes the money; load is complete except for its TAC.
func (p *Purse) credit(ctx context.Context, load *message.Load, mac2 keys.MAC) (*message.Load, error) {
	tac, err := ask(ctx, p.card, purse.CreditLoad([7]byte(load.GetTime()), mac2), purse.ParseTAC)
	if apdu.IsUndone(err) {
		return nil, fmt.Errorf("the card does not take the money of order %s: %w", load.GetOrder(), err)
	}
	if err != nil {
		return nil, &UnknownError{Load: load, MAC2: mac2, Err: err}
	}
	load.Tac = tac[:]
	return load, nil
}

// loadTAC finds the TAC in the proof of a load. A load has one code of the card's own, but its
// proof has room for two: a half that equals the authority's MAC2, or is zeros, is not the TAC. If
// neither half can be ruled out, other is the second candidate.
func loadTAC(proof purse.Receipt, mac2 keys.MAC) (tac keys.MAC, other *keys.MAC, err error) {
	none := keys.MAC{}
	switch {
	case proof.MAC2 == mac2 && proof.TAC != none:
		return proof.TAC, nil, nil
	case proof.TAC == mac2 && proof.MAC2 != none:
		return proof.MAC2, nil, nil
	case proof == purse.Receipt{}:
		return none, nil, errors.New("ask for the proof: the card gives no TAC")
	case proof.MAC2 == none:
		return proof.TAC, nil, nil
	case proof.TAC == none:
		return proof.MAC2, nil, nil
	}
	return proof.TAC, &proof.MAC2, nil
}

package card

import (
	"context"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/apdu"
	"citycard/cardos/purse"
	"citycard/clearing/message"
	"citycard/terminals/sam"
)

// Attest has a card that says it has made a payment prove that it is the card which it says it is:
// it pays nothing, and the module checks MAC2. The purchase is an ordinary one, which leaves the
// card's trip and journeys as they are, and its tap is that of the passage which the card says it
// has paid, for 0 fen. before makes it durable, and it returns what [Purse.Pay] returns, or
// ErrOtherCard. After it the card gives the codes of the payment before no more.
func Attest(ctx context.Context, c apdu.Card, module *sam.Module, paid *message.Tap, now [7]byte, before func(*message.Tap) error) (*message.Tap, error) {
	p, err := reopen(ctx, c, paid.GetDebit().GetCard(), paid.GetDebit().GetIssuer())
	if err != nil {
		return nil, err
	}
	tap := proto.CloneOf(paid)
	tap.Debit, tap.Marks = nil, nil
	if tap.GetUpdate() != nil {
		tap.Update.CashFen = 0
	}
	return p.Pay(ctx, module, Payment{Kind: purse.TypeEPPurchase, Time: now, Tap: tap, Before: before})
}

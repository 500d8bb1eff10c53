package counter

import (
	"context"
	"fmt"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/terminals/card"
)

// LoadAuthority gives MAC2 for a paid order. It books the order before it
// answers, and answers the same order again with the same MAC2 while the card has
// not moved on.
type LoadAuthority interface {
	// AuthoriseLoad returns the authority's answer, which may be a refusal. An
	// error means that there is no answer, and that the order may be booked.
	AuthoriseLoad(ctx context.Context, request *message.LoadRequest) (*message.LoadAnswer, error)
}

// Load is an amount that the holder has paid and that is to be put on the card.
type Load struct {
	Order    string // unique per channel: the authority gives a number to one load for ever
	Channel  string // who took the money
	Amount   uint32 // fen, above 0
	Terminal [6]byte
	At       time.Time // wall-clock time in the city's zone
	Medium   message.Medium
}

// RefusedError means that the authority refused the load. The card is unchanged, nothing is booked.
type RefusedError struct {
	Order  string
	Reason string // code
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the load authority refuses order %s: %s", e.Order, e.Reason)
}

// TopUp puts the money of a load on a card. Errors: those of card.OpenPurse and
// [card.Purse.Load], *RefusedError, and the errors of the authority's transport.
func TopUp(ctx context.Context, c apdu.Card, authority LoadAuthority, l Load) (*message.Load, error) {
	if l.Amount == 0 || l.Order == "" || l.Channel == "" {
		return nil, fmt.Errorf("load of %d fen, order %q, channel %q: none of them may be empty", l.Amount, l.Order, l.Channel)
	}
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return nil, err
	}
	at := bcd.Time(l.At)
	order := &message.Load{
		Order: l.Order, Channel: l.Channel, AmountFen: l.Amount, Terminal: l.Terminal[:], Time: at[:], Medium: l.Medium,
	}
	return p.Load(ctx, order, func(ctx context.Context, request *message.LoadRequest) (keys.MAC, error) {
		answer, err := authority.AuthoriseLoad(ctx, request)
		if err != nil {
			return keys.MAC{}, fmt.Errorf("authorise order %s: %w", l.Order, err)
		}
		if answer.GetRefusal() != "" {
			return keys.MAC{}, &RefusedError{Order: l.Order, Reason: answer.GetRefusal()}
		}
		if mac2 := answer.GetMac2(); len(mac2) != len(keys.MAC{}) {
			return keys.MAC{}, fmt.Errorf("authorise order %s: MAC2 of %d bytes, want 4", l.Order, len(mac2))
		}
		return keys.MAC(answer.GetMac2()), nil
	})
}

package intent_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/simulators/specimen"
	"citycard/terminals/card"
	"citycard/terminals/sam"
	"citycard/terminals/tariff"
	"citycard/terminals/validator"
)

// torn goes away when it is told to pay, before or after it has paid.
type torn struct {
	*chip.Chip
	at chip.Moment
}

func (c torn) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if command[0] == 0x80 && command[1] == 0x54 {
		c.LosePower(c.at)
	}
	return c.Chip.Transmit(ctx, command)
}

// A card that is torn before it has paid, held again in the same second and torn after it has paid
// has paid once, whichever of the two the SAM still knows, and nothing is told of the other.
func TestTwoPaymentsOfOneSecond(t *testing.T) {
	for name, later := range map[string]bool{"the SAM knows the sale": false, "it knows the sale no more": true} {
		t.Run(name, func(t *testing.T) {
			l := open(t, bus())
			held, _ := passenger(t, 1)
			other, _ := passenger(t, 2)
			psam, err := specimen.New(t.Context(), specimen.PSAM, 1, morning())
			must(t, err)
			psam.PowerOn()
			module, err := sam.Open(t.Context(), psam)
			must(t, err)
			fares, err := tariff.Of(&message.FareTable{Version: "test-1", EffectiveFrom: "20200101000000", MaximumFen: 100_000, Fares: []*message.CardFares{{CardType: 1, Prices: []*message.Prices{{Bus: []*message.BusFare{{Line: 9}}}}}}})
			must(t, err)
			v, err := validator.New(module, fares, validator.Place{City: 0x4910, Operator: 3, Line: 9, Vehicle: "A1", Medium: message.Medium_MEDIUM_CONTACTLESS})
			must(t, err)
			v.Intend(l.book.Begin)
			for _, at := range []chip.Moment{chip.BeforeCommit, chip.AfterCommit} {
				s, err := l.book.Settle(t.Context(), held, morning(), v.Resolve)
				must(t, err)
				_, err = v.Ride(t.Context(), torn{held, at}, s.At)
				if unknown := (*card.UnknownError)(nil); !errors.As(err, &unknown) {
					t.Fatal(err)
				}
				must(t, l.book.End(nil, err))
				held.PowerOn()
			}
			if later {
				tap, err := v.Ride(t.Context(), other, morning())
				must(t, errors.Join(err, l.book.End(tap, err)))
			}
			before := held.Describe().Transit.OfflineSequence
			s, err := l.book.Settle(t.Context(), held, morning().Add(time.Minute), v.Resolve)
			must(t, err)
			if s.Denied != 1 || len(s.Paid)+s.Claimed != 1 || s.Passage.GetDebit().GetTerminalSequence() != 2 || uint16(s.Passage.GetCardCounter())+1 != before {
				t.Errorf("%+v", s)
			}
			tap, err := v.Ride(t.Context(), held, morning().Add(time.Minute))
			must(t, errors.Join(err, l.book.End(tap, err)))
			sales := map[uint32]bool{}
			for _, r := range l.sent() {
				if tap := new(message.Tap); r.Topic == message.TopicTaps && string(r.Key) != "" {
					must(t, proto.Unmarshal(r.Value, tap))
					sales[tap.GetDebit().GetTerminalSequence()] = true
				}
			}
			if sales[1] || !sales[2] {
				t.Errorf("taps of the sales %v", sales)
			}
			if c := l.book.Counts(); c.Open+c.Unconfirmed > 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}

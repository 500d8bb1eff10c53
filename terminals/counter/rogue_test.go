package counter_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"citycard/terminals/card"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/simulators/rogue"
	"citycard/terminals/counter"
)

// Every trick at every command of a personalisation leads to an error in time, which names what was
// done and quotes neither person nor PIN. A card that is reported as issued is as ordered.
func TestEveryTrickWhileACardIsIssued(t *testing.T) {
	for name, blank := range map[string]struct {
		card  *chip.Chip
		order counter.Order
	}{
		"transit":         {chip.NewTransit(1), transitOrder()},
		"social security": {chip.NewSocialSecurity(2), socialOrder("3.00")},
	} {
		t.Run(name, func(t *testing.T) {
			image, err := blank.card.Image()
			must(t, err)
			atr := blank.card.PowerOn()
			honest := rogue.Honest(blank.card)
			_, err = counter.Personalise(t.Context(), honest, atr, store, blank.order)
			must(t, err)
			for a, err := range rogue.Attempts(image, honest.Sent()) {
				must(t, err)
				ctx, cancel := a.Context(t.Context())
				issued, err := counter.Personalise(ctx, a.Card, a.Chip.ATR(), store, blank.order)
				cancel()
				if err == nil {
					// A record may be read back with more behind it.
					if s := a.Chip.Describe().SocialSecurity; a.Trick.Name != "adds to answers" || s == nil || s.Identification != issued.Identification || s.Name != "张三" {
						t.Errorf("%s: issued %+v, the chip is %+v", a, issued, s)
					}
					continue
				}
				if issued != (counter.Issued{}) {
					t.Errorf("%s: issued %+v, %v", a, issued, err)
				}
				text := err.Error()
				if text == "" || strings.ContainsAny(text, "\n") || strings.Contains(text, "李四") || strings.Contains(text, "张三") || strings.Contains(text, "123456") {
					t.Errorf("%s: error %q", a, text)
				}
			}
		})
	}
}

// proved says whether a load's TAC is right, in either of the two fields that may hold it.
func proved(m *message.Load) bool {
	var records []keys.LoadRecord
	for i, tac := range [][]byte{m.GetTac(), m.GetOtherTac()} {
		if i == 1 && m.GetOtherTacReason() != message.Unsure_UNSURE_TORN_LOAD {
			continue // clearing does not look at it
		}
		records = append(records, keys.LoadRecord{
			Card: keys.CardID{Issuer: [8]byte(m.GetIssuer()), ASN: [10]byte(m.GetCard())}, NewBalance: m.GetNewBalanceFen(),
			OnlineSequence: uint16(m.GetOnlineSequence()), Amount: m.GetAmountFen(), Type: byte(m.GetType()),
			Terminal: [6]byte(m.GetTerminal()), Time: [7]byte(m.GetTime()), TAC: keys.MAC(tac),
		})
	}
	ok := make([]bool, len(records))
	keys.NewTACVerifier(store.TACMaster()).VerifyLoads(records, ok)
	return slices.Contains(ok, true)
}

// Every trick at every command of a load. A record with a right TAC means that the chip holds the
// money. If the chip holds it and there is no record, the outcome is unknown, and the same card
// resolves it. Only the back end can see that a TAC is wrong, so a lying card gets a record and
// nothing else.
func TestEveryTrickWhileMoneyIsLoaded(t *testing.T) {
	held := chip.NewTransit(1)
	issue(t, held, transitOrder())
	image, err := held.Image()
	must(t, err)
	honest := rogue.Honest(held)
	_, err = topUp(t, honest, &office{}, 700)
	must(t, err)
	settled := map[bool]int{}
	for a, err := range rogue.Attempts(image, honest.Sent()) {
		must(t, err)
		ctx, cancel := a.Context(t.Context())
		m, err := counter.TopUp(ctx, a.Card, &office{}, counter.Load{Order: "L-1", Channel: "counter", Amount: 700, Terminal: terminal, At: morning})
		cancel()
		written := a.Chip.Describe().Transit.BalanceFen == 700
		open, unknown := errors.AsType[*card.UnknownError](err)
		switch {
		case (m == nil) != (err != nil):
			t.Errorf("%s: load %v, %v", a, m, err)
		case m != nil && (a.Trick.Mute || proved(m)):
			t.Errorf("%s: load %v with a right TAC, written %v", a, m, written)
		case m == nil && written && !unknown:
			t.Errorf("%s: the money is on it, and the counter says %v", a, err)
		case err != nil && (err.Error() == "" || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: error %q", a, err)
		}
		if !unknown {
			continue
		}
		settled[written]++
		a.Chip.PowerOn()
		m, err = card.ResolveLoad(t.Context(), a.Chip, open)
		must(t, err)
		if (m != nil) != written {
			t.Errorf("%s: written %v, settled as %v", a, written, m)
		} else if written {
			agrees(t, a.Chip, m)
		}
	}
	if settled[true] == 0 || settled[false] == 0 {
		t.Errorf("unknown outcomes by whether the money was written: %v", settled)
	}
}

// A card is torn and then plays tricks while its load is resolved: it is never taken for loaded
// when it is not, nor for not loaded when it is.
func TestTricksWhileALoadIsSettled(t *testing.T) {
	for name, at := range map[string]chip.Moment{"written": chip.AfterCommit, "not written": chip.BeforeCommit} {
		t.Run(name, func(t *testing.T) {
			held := chip.NewTransit(1)
			issue(t, held, transitOrder())
			open := torn(t, held, at)
			image, err := held.Image()
			must(t, err)
			held.PowerOn()
			honest := rogue.Honest(held)
			_, err = card.ResolveLoad(t.Context(), honest, open)
			must(t, err)
			for a, err := range rogue.Attempts(image, honest.Sent()) {
				must(t, err)
				ctx, cancel := a.Context(t.Context())
				m, err := card.ResolveLoad(ctx, a.Card, open)
				cancel()
				written := at == chip.AfterCommit
				if m != nil && !written || m == nil && err == nil && written {
					t.Errorf("%s: load %v, %v", a, m, err)
				}
			}
			if len(open.Load.GetTac()) > 0 {
				t.Error("settling wrote into the open load")
			}
		})
	}
}

// torn loads 700 fen on a card that leaves while they are written.
func torn(t *testing.T, held *chip.Chip, at chip.Moment) *card.UnknownError {
	t.Helper()
	_, err := topUp(t, leavingCard{held, at}, &office{}, 700)
	open, ok := errors.AsType[*card.UnknownError](err)
	if !ok {
		t.Fatal(err)
	}
	return open
}

// proving is a card whose GET TRANSACTION PROVE orders the two codes in its own way.
type proving struct {
	*chip.Chip
	answer func(tac []byte) []byte
}

func (p proving) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := p.Chip.Transmit(ctx, command)
	if err == nil && command[1] == 0x5A && len(answer) == 10 {
		return append(p.answer(answer[:4]), 0x90, 0x00), nil
	}
	return answer, err
}

var _ apdu.Card = proving{}

// A load has one code of the card's own, its proof has room for two, and cards fill them in either
// order: with zeros, with the authority's MAC2, or with bytes that the counter does not know. In
// the last case both halves go to clearing.
func TestProofOfALoadInEitherOrder(t *testing.T) {
	mac2 := func(open *card.UnknownError) []byte { return open.MAC2[:] }
	zeros := func(*card.UnknownError) []byte { return make([]byte, 4) }
	strange := func(*card.UnknownError) []byte { return []byte{1, 2, 3, 4} }
	tests := []struct {
		name string
		fill func(*card.UnknownError) []byte
		both bool
	}{{"zeros", zeros, false}, {"the authority's MAC2", mac2, false}, {"something else", strange, true}}
	for _, test := range tests {
		for _, first := range []bool{true, false} {
			held := chip.NewTransit(1)
			issue(t, held, transitOrder())
			open := torn(t, held, chip.AfterCommit)
			held.PowerOn()
			other := test.fill(open)
			m, err := card.ResolveLoad(t.Context(), proving{held, func(tac []byte) []byte {
				if first {
					return slices.Concat(tac, other)
				}
				return slices.Concat(other, tac)
			}}, open)
			must(t, err)
			both := len(m.GetOtherTac()) > 0
			if says := m.GetOtherTacReason() != message.Unsure_UNSURE_UNSPECIFIED; both != test.both || says != both || !proved(m) {
				t.Errorf("%s, TAC first %v: load %v", test.name, first, m)
			}
		}
	}
	held := chip.NewTransit(1)
	issue(t, held, transitOrder())
	open := torn(t, held, chip.AfterCommit)
	held.PowerOn()
	if m, err := card.ResolveLoad(t.Context(), proving{held, func([]byte) []byte { return make([]byte, 8) }}, open); m != nil || err == nil {
		t.Errorf("a proof of zeros: %v, %v", m, err)
	}
	held.ProveMACFirst(true)
	m, err := card.ResolveLoad(t.Context(), held, open)
	must(t, err)
	agrees(t, held, m)
}

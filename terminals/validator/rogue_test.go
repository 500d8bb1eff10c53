package validator_test

import (
	"errors"
	"strings"
	"testing"

	"citycard/terminals/card"

	"citycard/cardos/chip"
	"citycard/simulators/rogue"
)

// Every trick at every command: the light is red in time, or the card has paid what the tap says.
// If a card has paid and there is no tap, the outcome is unknown, and the same card resolves it
// once.
func TestEveryTrickAtEveryCommand(t *testing.T) {
	held := newCard(t, 1000)
	image, err := held.Image()
	must(t, err)
	honest := rogue.Honest(held)
	_, err = newValidator(t).Ride(t.Context(), honest, morning)
	must(t, err)
	settled := map[bool]int{}
	for a, err := range rogue.Attempts(image, honest.Sent()) {
		must(t, err)
		v := newValidator(t)
		ctx, cancel := a.Context(t.Context())
		tap, err := v.Ride(ctx, a.Card, morning)
		cancel()
		paid := a.Chip.Describe().Transit.BalanceFen != 1000
		open, unknown := errors.AsType[*card.UnknownError](err)
		switch {
		case tap != nil || err == nil:
			t.Errorf("%s: tap %v, %v; no trick is a payment", a, tap, err)
		case err.Error() == "" || strings.Contains(err.Error(), "\n"):
			t.Errorf("%s: error %q", a, err)
		case paid && !unknown:
			t.Errorf("%s: it has paid, and the validator says %v", a, err)
		}
		if !unknown {
			continue
		}
		settled[paid]++
		a.Chip.PowerOn()
		tap, err = v.Resolve(t.Context(), a.Chip, open)
		must(t, err)
		if (tap != nil) != paid {
			t.Errorf("%s: paid %v, settled as %v", a, paid, tap)
		}
		if tap == nil {
			tap, err = v.Ride(t.Context(), a.Chip, morning)
			must(t, err)
		}
		agrees(t, a.Chip, tap)
		if tap.GetBalanceFen() != 810 {
			t.Errorf("%s: balance %d, want 810: paid once", a, tap.GetBalanceFen())
		}
	}
	if settled[true] == 0 || settled[false] == 0 {
		t.Errorf("unknown outcomes by whether the card had paid: %v", settled)
	}
}

// Cards give the two codes of a proof in either order; the validator's SAM tells which is
// the TAC.
func TestProofInEitherOrder(t *testing.T) {
	for _, macFirst := range []bool{false, true} {
		held, v := newCard(t, 1000), newValidator(t)
		held.ProveMACFirst(macFirst)
		_, err := v.Ride(t.Context(), leavingCard{held, chip.AfterCommit}, morning)
		open, ok := errors.AsType[*card.UnknownError](err)
		if !ok {
			t.Fatal(err)
		}
		held.PowerOn()
		tap, err := v.Resolve(t.Context(), held, open)
		must(t, err)
		if len(tap.GetDebit().GetOtherTac()) > 0 || tap.GetDebit().GetOtherTacReason() != 0 {
			t.Errorf("MAC first %v: the tap carries both codes", macFirst)
		}
		agrees(t, held, tap)
	}
}

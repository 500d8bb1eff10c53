package gate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/simulators/rogue"
	"citycard/terminals/card"
	"citycard/terminals/gate"
	"citycard/terminals/terminalstest"
)

// pass is one way through a gate.
type pass struct {
	name    string
	card    *chip.Chip
	number  [6]byte
	station uint16
	at      time.Time
	through func(g *gate.Gate, ctx context.Context, held apdu.Card, at time.Time) (*message.Tap, error)
	journey byte
}

func passes(t *testing.T) []pass {
	t.Helper()
	inside := terminalstest.Card(t, 5000)
	_, err := terminalstest.Gate(t, terminal, 1).Enter(t.Context(), inside, morning)
	must(t, err)
	return []pass{
		{"enter", terminalstest.Card(t, 5000), terminal, 1, morning, (*gate.Gate).Enter, tunion.JourneyEntry},
		{"leave", inside, terminal2, 3, morning.Add(20 * time.Minute), (*gate.Gate).Exit, tunion.JourneyExit},
	}
}

// Every trick at every command: the gate comes back in time and stays shut, or the card has
// paid what the tap says. A card that has paid without a tap is an unknown outcome, and the
// same card, presented again, resolves it in agreement with its own files.
func TestEveryTrickAtEveryCommand(t *testing.T) {
	for _, p := range passes(t) {
		t.Run(p.name, func(t *testing.T) {
			image, err := p.card.Image()
			must(t, err)
			honest := rogue.Honest(p.card)
			_, err = p.through(terminalstest.Gate(t, p.number, p.station), t.Context(), honest, p.at)
			must(t, err)
			settled := map[bool]int{}
			for a, err := range rogue.Attempts(image, honest.Sent()) {
				must(t, err)
				g := terminalstest.Gate(t, p.number, p.station)
				counter := a.Chip.Describe().Transit.OfflineSequence
				ctx, cancel := a.Context(t.Context())
				tap, err := p.through(g, ctx, a.Card, p.at)
				cancel()
				paid := a.Chip.Describe().Transit.OfflineSequence != counter
				open, unknown := errors.AsType[*card.UnknownError](err)
				switch {
				case tap != nil || err == nil:
					t.Errorf("%s: tap %v, %v; no trick is a payment", a, tap, err)
				case err.Error() == "" || strings.Contains(err.Error(), "\n"):
					t.Errorf("%s: error %q", a, err)
				case paid && !unknown:
					t.Errorf("%s: it has paid, and the gate says %v", a, err)
				}
				if !unknown {
					continue
				}
				settled[paid]++
				a.Chip.PowerOn()
				tap, err = g.Resolve(t.Context(), a.Chip, open)
				must(t, err)
				if (tap != nil) != paid {
					t.Errorf("%s: paid %v, settled as %v", a, paid, tap)
				} else if paid {
					agrees(t, a.Chip, tap, p.journey)
				}
			}
			if settled[true] == 0 || settled[false] == 0 {
				t.Errorf("unknown outcomes by whether the card had paid: %v", settled)
			}
		})
	}
}

// A card is torn and then plays tricks while its outcome is resolved: an unpaid ride is never taken
// for paid, nor a paid one for unpaid.
func TestTricksWhileAnOutcomeIsSettled(t *testing.T) {
	for name, at := range map[string]chip.Moment{"debited": chip.AfterCommit, "not debited": chip.BeforeCommit} {
		t.Run(name, func(t *testing.T) {
			held, g := terminalstest.Card(t, 5000), terminalstest.Gate(t, terminal, 1)
			_, err := g.Enter(t.Context(), &leavingCard{Chip: held, at: at}, morning)
			open, ok := errors.AsType[*card.UnknownError](err)
			if !ok {
				t.Fatal(err)
			}
			image, err := held.Image()
			must(t, err)
			held.PowerOn()
			honest := rogue.Honest(held)
			_, err = g.Resolve(t.Context(), honest, open)
			must(t, err)
			for a, err := range rogue.Attempts(image, honest.Sent()) {
				must(t, err)
				ctx, cancel := a.Context(t.Context())
				tap, err := g.Resolve(ctx, a.Card, open)
				cancel()
				paid := at == chip.AfterCommit
				if tap != nil && !paid || tap == nil && err == nil && paid {
					t.Errorf("%s: tap %v, %v", a, tap, err)
				}
			}
		})
	}
}

// Cards give the two codes of a proof in either order. The gate's SAM tells which is the
// TAC while it holds the sale; after another card's sale the tap carries both.
func TestProofInEitherOrder(t *testing.T) {
	for _, macFirst := range []bool{false, true} {
		for _, holds := range []bool{true, false} {
			held, g := terminalstest.Card(t, 5000), terminalstest.Gate(t, terminal, 1)
			held.ProveMACFirst(macFirst)
			_, err := g.Enter(t.Context(), &leavingCard{Chip: held, at: chip.AfterCommit}, morning)
			open, ok := errors.AsType[*card.UnknownError](err)
			if !ok {
				t.Fatal(err)
			}
			if !holds {
				_, err = g.Enter(t.Context(), &leavingCard{Chip: terminalstest.Card(t, 5000, otherNumber), at: chip.BeforeCommit}, morning)
				if !errors.Is(err, errGone) {
					t.Fatal(err)
				}
			}
			held.PowerOn()
			tap, err := g.Resolve(t.Context(), held, open)
			must(t, err)
			agrees(t, held, tap, tunion.JourneyEntry)
			both := len(tap.GetDebit().GetOtherTac()) > 0
			if says := tap.GetDebit().GetOtherTacReason() != message.Unsure_UNSURE_UNSPECIFIED; both == holds || says != both {
				t.Errorf("MAC first %v, sale held %v: tap carries both codes: %v", macFirst, holds, both)
			}
		}
	}
}

package gate_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/chip"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/card"
	"citycard/terminals/terminalstest"
)

// The function for intents gets the whole tap but its TAC while the card is as before; if it
// fails, the card stays so.
func TestIntentComesBeforeTheDebit(t *testing.T) {
	held, g := terminalstest.Card(t, 5000), terminalstest.Gate(t, terminal, 1)
	before := held.Describe().Transit
	full := errors.New("the disk is full")
	g.Intend(func(*message.Tap) error { return full })
	if tap, err := g.Enter(t.Context(), held, morning); tap != nil || !errors.Is(err, full) {
		t.Errorf("tap %v, %v", tap, err)
	}
	if after := held.Describe().Transit; !reflect.DeepEqual(after, before) {
		t.Errorf("the card was changed: %+v", after)
	}
	var intent *message.Tap
	g.Intend(func(tap *message.Tap) error {
		intent = proto.CloneOf(tap)
		if after := held.Describe().Transit; !reflect.DeepEqual(after, before) {
			t.Errorf("the card was changed before: %+v", after)
		}
		return nil
	})
	tap, err := g.Enter(t.Context(), held, morning)
	must(t, err)
	agrees(t, held, tap, tunion.JourneyEntry)
	if tap.Debit.Tac = nil; !proto.Equal(tap, intent) {
		t.Errorf("intent %v, tap %v", intent, tap)
	}
}

// Another gate finds the outcome too. Its SAM cannot tell MAC2 from the TAC, also where it holds a
// sale with the same number, so the tap carries both.
func TestAnotherGateResolves(t *testing.T) {
	for _, macFirst := range []bool{false, true} {
		held := terminalstest.Card(t, 5000)
		held.ProveMACFirst(macFirst)
		g, other := terminalstest.Gate(t, terminal, 1), terminalstest.Gate(t, terminal2, 1)
		_, err := g.Enter(t.Context(), &leavingCard{Chip: held, at: chip.AfterCommit}, morning)
		open, ok := errors.AsType[*card.UnknownError](err)
		if !ok {
			t.Fatal(err)
		}
		_, err = other.Enter(t.Context(), &leavingCard{Chip: terminalstest.Card(t, 5000, otherNumber), at: chip.BeforeCommit}, morning)
		theirs, ok := errors.AsType[*card.UnknownError](err)
		if !ok || theirs.Tap.GetDebit().GetTerminalSequence() != open.Tap.GetDebit().GetTerminalSequence() {
			t.Fatalf("%v: the two sales have different numbers", err)
		}
		held.PowerOn()
		tap, err := other.Resolve(t.Context(), held, open)
		must(t, err)
		agrees(t, held, tap, tunion.JourneyEntry)
		if tap.GetDebit().GetOtherTacReason() != message.Unsure_UNSURE_TORN_TAP {
			t.Error("the other gate's SAM takes one code for the TAC")
		}
	}
}

// A card that was used elsewhere since has the answer in its log: another payment in the place of
// this one, or this one.
func TestLogOfACardUsedSince(t *testing.T) {
	for name, test := range map[string]struct {
		at      chip.Moment
		rides   int
		notPaid bool
	}{
		"not charged, then elsewhere once":  {chip.BeforeCommit, 1, true},
		"not charged, then elsewhere often": {chip.BeforeCommit, 9, true},
		"not charged, and the log is full":  {chip.BeforeCommit, 11, false},
		"charged, then elsewhere once":      {chip.AfterCommit, 1, false},
		"charged, then elsewhere often":     {chip.AfterCommit, 8, false},
	} {
		t.Run(name, func(t *testing.T) {
			held, g, other := terminalstest.Card(t, 5000), terminalstest.Gate(t, terminal, 1), terminalstest.Gate(t, terminal2, 1)
			_, err := g.Enter(t.Context(), &leavingCard{Chip: held, at: test.at}, morning)
			open, ok := errors.AsType[*card.UnknownError](err)
			if !ok {
				t.Fatal(err)
			}
			held.PowerOn()
			for i := range test.rides { // entries alone, each past the limit of the one before
				_, err := other.Enter(t.Context(), held, morning.Add(time.Duration(i+1)*5*time.Hour))
				must(t, err)
			}
			tap, err := g.Resolve(t.Context(), held, open)
			if tap != nil || !errors.Is(err, card.ErrTooLate) || errors.Is(err, card.ErrNotPaid) != test.notPaid {
				t.Errorf("tap %v, %v", tap, err)
			}
		})
	}
}

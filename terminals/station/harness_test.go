package station_test

import (
	"testing"
	"time"

	"citycard/cardos/chip"
	"citycard/terminals/gate"
	"citycard/terminals/station"
	"citycard/terminals/terminalstest"
)

// The tests pass simulated chips through real gates and over a real desk.

var (
	store    = terminalstest.Keys()
	issuerID = terminalstest.Issuer()
	morning  = terminalstest.Morning()
	zone     = morning.Location()
	gateSAM  = terminalstest.SAM(1, 1)
	deskSAM  = terminalstest.SAM(1, 0x0D)
)

func newGate(t testing.TB, at uint16) *gate.Gate {
	t.Helper()
	return terminalstest.Gate(t, gateSAM, at)
}

func newDesk(t testing.TB, at uint16) *station.Desk {
	t.Helper()
	d, err := station.New(terminalstest.Module(t, deskSAM), station.Here{Place: terminalstest.Place(at), Fares: terminalstest.Fares(t)})
	must(t, err)
	return d
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// entered is a card with an entry at a station.
func entered(t testing.TB, fen uint32, at uint16, when time.Time) *chip.Chip {
	t.Helper()
	held := terminalstest.Card(t, fen)
	_, err := newGate(t, at).Enter(t.Context(), held, when)
	must(t, err)
	return held
}

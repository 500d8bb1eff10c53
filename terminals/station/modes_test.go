package station_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"citycard/clearing/message"
	"citycard/terminals/modes"
	"citycard/terminals/station"
	"citycard/terminals/terminalstest"
)

const (
	trainFault = message.ServiceMode_SERVICE_MODE_TRAIN_FAULT
	noOrder    = message.ServiceMode_SERVICE_MODE_NO_ORDER
	noTime     = message.ServiceMode_SERVICE_MODE_NO_TIME
	noFare     = message.ServiceMode_SERVICE_MODE_NO_FARE
	noDate     = message.ServiceMode_SERVICE_MODE_NO_DATE
	emergency  = message.ServiceMode_SERVICE_MODE_EMERGENCY
)

// inForce are modes of stations since the day before; the rule for exits without entry is the
// lowest price.
func inForce(t *testing.T, of map[message.ServiceMode][]uint32) *modes.List {
	t.Helper()
	list, err := modes.Open(filepath.Join(t.TempDir(), "modes"))
	must(t, err)
	all := &message.ModeList{Version: 1}
	for kind, stations := range of {
		for _, at := range stations {
			e := &message.ModeEntry{Kind: kind, Transport: message.Mode_MODE_METRO, Station: at, From: "20261123000000"}
			if kind == noOrder {
				e.ExitWithoutEntry = message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_LOWEST
			}
			all.Modes = append(all.Modes, e)
		}
	}
	list.Replace(all)
	return list
}

// Under service modes the desk takes what a gate takes, and finds nothing wrong where a gate opens.
func TestAnalyseUnderModes(t *testing.T) {
	here := func(kind message.ServiceMode) map[message.ServiceMode][]uint32 {
		return map[message.ServiceMode][]uint32{kind: {3}}
	}
	for name, test := range map[string]struct {
		modes   map[message.ServiceMode][]uint32
		change  func(*station.Reading)
		area    station.Area
		want    station.Fault
		wantFen uint32
	}{
		"past the limit, time is not checked":   {here(noTime), func(r *station.Reading) { in(r, 1, 5*time.Hour) }, station.Inside, station.Nothing, 400},
		"in the future, time is not checked":    {here(noTime), func(r *station.Reading) { in(r, 1, -time.Hour) }, station.Inside, station.Nothing, 400},
		"past the limit outside, the same":      {here(noTime), func(r *station.Reading) { in(r, 1, 5*time.Hour) }, station.Outside, station.EntryTimeout, 400},
		"short, fares are not charged":          {here(noFare), func(r *station.Reading) { in(r, 1, time.Hour); r.Balance = 0 }, station.Inside, station.Nothing, 0},
		"past the limit, fares are not charged": {here(noFare), func(r *station.Reading) { in(r, 1, 5*time.Hour) }, station.Inside, station.Nothing, 0},
		"an entry, fares are not charged":       {here(noFare), func(r *station.Reading) { in(r, 1, time.Hour) }, station.Outside, station.HasEntry, 0},
		"no entry, fares are not charged":       {here(noFare), func(*station.Reading) {}, station.Inside, station.NoEntry, 0},
		"an entry, order is not checked":        {here(noOrder), func(r *station.Reading) { in(r, 1, time.Hour) }, station.Outside, station.Nothing, 0},
		"no entry, order is not checked":        {here(noOrder), func(*station.Reading) {}, station.Inside, station.Nothing, 200},
		"no entry, and short":                   {here(noOrder), func(r *station.Reading) { r.Balance = 199 }, station.Inside, station.NoEntry, 900},
		"no trains here alone":                  {here(trainFault), func(r *station.Reading) { in(r, 1, time.Hour) }, station.Inside, station.Nothing, 400},
		"no trains where it began either":       {map[message.ServiceMode][]uint32{trainFault: {1, 3}}, func(r *station.Reading) { in(r, 1, time.Hour); r.Balance = 0 }, station.Inside, station.Nothing, 0},
		"expired, dates are not checked":        {here(noDate), func(r *station.Reading) { r.Application.Expiry = [4]byte{0x20, 0x26, 0x11, 0x23} }, station.Outside, station.Nothing, 0},
		"the gates are open":                    {here(emergency), func(r *station.Reading) { in(r, 1, time.Hour) }, station.Outside, station.Open, 0},
		"modes elsewhere":                       {map[message.ServiceMode][]uint32{noFare: {1}}, func(r *station.Reading) { in(r, 1, time.Hour) }, station.Inside, station.Nothing, 400},
	} {
		r := good(t)
		test.change(&r)
		at := station.Here{Place: terminalstest.Place(3), Fares: terminalstest.Fares(t), Modes: inForce(t, test.modes)}
		f := at.Analyse(&r, test.area, morning)
		if f.Fault != test.want || f.Fen != test.wantFen {
			t.Errorf("%s: %s, %d fen, want %s, %d", name, f.Fault, f.Fen, test.want, test.wantFen)
		}
		wantOffer(t, &at, &r, &f)
	}
}

// The tap of an update names the modes under which it was made.
func TestUpdateNamesModes(t *testing.T) {
	held, desk := entered(t, 5000, 1, morning.Add(-time.Hour)), newDesk(t, 3)
	desk.Modes = inForce(t, map[message.ServiceMode][]uint32{noFare: {3}})
	o := offered(t, desk, held, station.Request{Reason: hasEntry, Pay: station.FromCard}, morning)
	tap, err := desk.Update(t.Context(), held, o, morning)
	must(t, err)
	if !slices.Equal(tap.GetServiceMode(), []message.ServiceMode{noFare}) || tap.GetDebit().GetAmountFen() != 0 {
		t.Errorf("tap %v", tap)
	}
}

// An entry that the desk writes has the line that is named, so that the gate which lets the card
// out finds the service modes of that line.
func TestWrittenEntryHasItsLine(t *testing.T) {
	for line, want := range map[uint32]uint32{0: 400, 2: 0} {
		held, desk := terminalstest.Card(t, 5000), newDesk(t, 3)
		ask := station.Request{Reason: noEntry, From: 1, FromLine: line, Pay: station.FromCard}
		tap, err := desk.Update(t.Context(), held, offered(t, desk, held, ask, morning), morning)
		must(t, err)
		known := &modes.List{}
		known.Replace(&message.ModeList{Version: 1, Modes: []*message.ModeEntry{
			{Kind: trainFault, Transport: message.Mode_MODE_METRO, Station: 3, From: "20261123000000"},
			{Kind: trainFault, Transport: message.Mode_MODE_METRO, Lines: []uint32{2}, From: "20261123000000"},
		}})
		g := newGate(t, 3)
		g.Follow(known)
		out, err := g.Exit(t.Context(), held, morning.Add(time.Minute))
		must(t, err)
		if out.GetDebit().GetAmountFen() != want || out.GetEntryLine() != line || tap.GetEntryLine() != line {
			t.Errorf("entry at line %d: %v, %d fen, want %d", line, tap, out.GetDebit().GetAmountFen(), want)
		}
	}
}

package gate_test

import (
	"errors"
	"testing"
	"time"

	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/terminals/card"
	"citycard/terminals/counter"
	"citycard/terminals/gate"
	"citycard/terminals/station"
	"citycard/terminals/tariff"
	"citycard/terminals/terminalstest"
)

// lastTrip is a metro in which a card needs 2 yuan to get in and may leave once in its overdraft.
func lastTrip(t *testing.T, change ...func(*message.FareTable)) *tariff.Schedule {
	t.Helper()
	m := terminalstest.Table("overdraft", "20200101000000")
	m.MetroMinimumFen, m.MetroOverdraft = 200, true
	for _, c := range change {
		c(m)
	}
	schedule, err := tariff.Of(m)
	must(t, err)
	return schedule
}

func gateOf(t *testing.T, schedule *tariff.Schedule, number [6]byte, station uint16) *gate.Gate {
	t.Helper()
	g, err := gate.New(terminalstest.Module(t, number), schedule, terminalstest.Place(station))
	must(t, err)
	return g
}

// limited has a card made with an overdraft limit.
func limited(fen uint32) func(*counter.TransitOrder) {
	return func(o *counter.TransitOrder) { o.OverdraftFen = fen }
}

// stranger is a card of another city.
func stranger(o *counter.TransitOrder) { o.Province, o.City = "3100", "2900" }

// TestLastTrip works by hand through trips from station 1 to 3, which cost 400 fen.
func TestLastTrip(t *testing.T) {
	noOverdraft := func(m *message.FareTable) { m.MetroOverdraft = false }
	for _, test := range []struct {
		name     string
		fen      uint32
		card     []func(*counter.TransitOrder)
		table    func(*message.FareTable)
		in, out  error
		left     int32
		helps    station.Fault // what a desk finds of a card that cannot leave
		outsides station.Fault // and of one that cannot get in again, or did not
	}{
		{name: "just below the minimum", fen: 199, card: []func(*counter.TransitOrder){limited(800)}, in: card.ErrMinimum, left: 199, outsides: station.BelowMinimum},
		{name: "the minimum, and 400 - 200 = 200 out of 800", fen: 200, card: []func(*counter.TransitOrder){limited(800)}, left: -200, outsides: station.BelowMinimum},
		{name: "at the limit: 200 - 400 = -200", fen: 200, card: []func(*counter.TransitOrder){limited(200)}, left: -200, outsides: station.BelowMinimum},
		{name: "one fen beyond: 200 - 400 = -200, limit 199", fen: 200, card: []func(*counter.TransitOrder){limited(199)}, out: card.ErrInsufficient, left: 200, helps: station.OverTravel},
		{name: "a product without a limit", fen: 399, out: card.ErrInsufficient, left: 399, helps: station.OverTravel},
		{name: "a limit that is not needed", fen: 400, card: []func(*counter.TransitOrder){limited(800)}, left: 0, outsides: station.BelowMinimum},
		{name: "the rule says no", fen: 399, card: []func(*counter.TransitOrder){limited(800)}, table: noOverdraft, out: card.ErrInsufficient, left: 399, helps: station.OverTravel},
		{name: "another city's card", fen: 399, card: []func(*counter.TransitOrder){limited(800), stranger}, out: card.ErrInsufficient, left: 399, helps: station.OverTravel},
	} {
		t.Run(test.name, func(t *testing.T) {
			schedule := lastTrip(t)
			if test.table != nil {
				schedule = lastTrip(t, test.table)
			}
			held := terminalstest.Card(t, test.fen, test.card...)
			in, out := gateOf(t, schedule, terminal, 1), gateOf(t, schedule, terminal2, 3)
			here := station.Here{Place: terminalstest.Place(3), Fares: schedule}
			at := func(area station.Area, want station.Fault) {
				t.Helper()
				r := station.Read(t.Context(), held)
				if f := here.Analyse(&r, area, morning.Add(time.Hour)); want != "" && (f.Fault != want || f.Text().Error() == "" || r.Balance != test.left) {
					t.Errorf("the desk finds %s on a card with %d fen, want %s and %d", f.Fault, r.Balance, want, test.left)
				}
			}
			_, err := in.Enter(t.Context(), held, morning)
			if !errors.Is(err, test.in) {
				t.Fatalf("entry: %v, want %v", err, test.in)
			}
			if err == nil {
				tap, err := out.Exit(t.Context(), held, morning.Add(time.Hour))
				if !errors.Is(err, test.out) || err == nil && tap.GetBalanceFen() != test.left {
					t.Fatalf("exit: %v, %v, want %v and %d fen left", tap, err, test.out, test.left)
				}
				at(station.Inside, test.helps)
			}
			at(station.Outside, test.outsides)
			holds(t, held, test.left)
		})
	}
}

func holds(t *testing.T, held *chip.Chip, want int32) {
	t.Helper()
	p, err := card.OpenPurse(t.Context(), held)
	must(t, err)
	if fen, err := p.Balance(t.Context()); err != nil || fen != want || held.Describe().Transit.BalanceFen != want {
		t.Errorf("the card holds %d fen, %v; want %d", fen, err, want)
	}
}

// TestLoadCoversTheLastTrip: a card at -200 may not get in, whatever the minimum; while nothing is
// charged it may. A load of 50 yuan leaves 5000 - 200 = 4800 on it, and counts the allowance of 800
// into the balance that it signs. Then it may go below zero again.
func TestLoadCoversTheLastTrip(t *testing.T) {
	schedule := lastTrip(t, func(m *message.FareTable) { m.MetroMinimumFen = 0 })
	held := terminalstest.Card(t, 200, limited(800))
	in, out := gateOf(t, schedule, terminal, 1), gateOf(t, schedule, terminal2, 3)
	trip := func(from time.Time) {
		t.Helper()
		_, err := in.Enter(t.Context(), held, from)
		must(t, err)
		_, err = out.Exit(t.Context(), held, from.Add(time.Minute))
		must(t, err)
	}
	trip(morning)
	holds(t, held, -200)
	if last := held.Describe().Transit.Journeys[0]; last.BalanceFen != 0 || last.AmountFen != 400 {
		t.Errorf("its journey is %+v", last)
	}
	if _, err := in.Enter(t.Context(), held, morning.Add(time.Hour)); !errors.Is(err, card.ErrMinimum) {
		t.Errorf("an overdrawn card gets in: %v", err)
	}
	load, err := counter.TopUp(t.Context(), held, terminalstest.Authority{}, counter.Load{Order: "2", Channel: "counter", Amount: 5000, Terminal: terminalstest.SAM(3, 1), At: morning})
	must(t, err)
	if load.GetNewBalanceFen() != 5600 || load.GetOverdraftFen() != 800 || load.Own() != 4800 {
		t.Errorf("loaded %v", load)
	}
	holds(t, held, 4800)
	for n := range 12 { // 4800 - 12 * 400 = 0
		trip(morning.Add(time.Duration(2+n) * time.Hour))
	}
	holds(t, held, 0)
	trip(morning.Add(20 * time.Hour))
	holds(t, held, -400)
}

package transit_test

import (
	"strings"
	"testing"
	"time"

	"citycard/clearing/clearingtest"
	"citycard/clearing/message"
	"citycard/clearing/transit"
	"citycard/clearing/transit/fare"
)

// connected are the town's fares with transfers between the bus and the metro, once.
func connected(t *testing.T, town *clearingtest.Town) transit.Rules {
	t.Helper()
	usual, _ := town.Rules.Transit()
	text := strings.Replace(string(fare.ExampleJSON()), `"cards": [`, `"operators": [{"operator": "metro", "number": 1}, {"operator": "bus", "number": 2}],
		"transfers": [
		{"name": "in", "from": {"mode": "bus", "operators": ["bus"]}, "to": {"mode": "metro"}, "minutes": 90, "repeat": "once", "off_fen": 50, "floor_fen": 0, "bearer": "city", "apply": "terminal", "source": "invented"},
		{"name": "out", "from": {"mode": "metro"}, "to": {"mode": "bus"}, "minutes": 90, "repeat": "once", "off": "0.5", "floor_fen": 0, "bearer": "operator", "apply": "terminal", "source": "invented"}],
		"cards": [`, 1)
	rules, err := fare.LoadRules([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	networks, err := fare.LoadNetworks(fare.ExampleNetworkJSON())
	if err != nil {
		t.Fatal(err)
	}
	usual.Fares, err = fare.Build(rules, networks, usual.Purses.Terms(), usual.Purses.PurseMaximum, nil)
	if err != nil {
		t.Fatal(err)
	}
	return usual
}

// TestClaims holds the ride before that a bus claims, a trip, against the taps of its card.
func TestClaims(t *testing.T) {
	town := clearingtest.New(t, nil)
	rules, edition := connected(t, town), town.Registry.Current()
	ten := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	at := func(minutes int) []byte { return message.AppendTime(nil, ten.Add(time.Duration(minutes)*time.Minute)) }
	tap := func(terminal string, minutes int, change func(*message.Tap)) []byte {
		m := town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: terminal, Sequence: uint32(1000 + minutes), Fen: 40, At: ten.Add(time.Duration(minutes) * time.Minute)})
		m.Line, m.Mode, m.Movement = 1, message.Mode_MODE_BUS, message.Movement_MOVEMENT_SINGLE
		if terminal == clearingtest.MetroGate {
			m.Station, m.Mode, m.Movement = 1, message.Mode_MODE_METRO, message.Movement_MOVEMENT_EXIT
			m.EntryStation, m.EntryTime = 2, at(minutes-20)
		}
		if change != nil {
			change(m)
		}
		return clearingtest.Encode(m)
	}
	claims := func(operator uint32, minutes int) func(*message.Tap) {
		return func(m *message.Tap) {
			m.Before = &message.RideBefore{Mode: message.Mode_MODE_METRO, Operator: operator, Time: at(minutes), Here: 2}
		}
	}
	trip, ride := clearingtest.MetroGate, clearingtest.BusValidator
	update := func(m *message.Tap) { m.Movement = message.Movement_MOVEMENT_UPDATE }
	for _, test := range []struct {
		name   string
		tap    []byte
		others [][]byte
		want   transit.Claim
	}{
		{"claims none", tap(ride, 0, nil), nil, transit.Unclaimed},
		{"no tap", []byte{0xFF}, nil, transit.Unclaimed},
		{"the trip has not come", tap(ride, 0, claims(1, -10)), nil, transit.Unseen},
		{"another trip has come", tap(ride, 0, claims(1, -10)), [][]byte{tap(trip, -11, nil)}, transit.Unseen},
		{"a bus of that second has come", tap(ride, 0, claims(1, -10)), [][]byte{tap(ride, -10, nil)}, transit.Unseen},
		{"the trip has come", tap(ride, 0, claims(1, -10)), [][]byte{{0xFF}, tap(trip, -10, nil)}, transit.Holds},
		{"the trip of another operator", tap(ride, 0, claims(2, -10)), [][]byte{tap(trip, -10, nil)}, transit.OtherRide},
		{"a bus led to the trip", tap(ride, 0, claims(1, -10)), [][]byte{tap(trip, -10, nil), tap(ride, -40, nil)}, transit.LeadsNowhere},
		{"a bus too early for the trip", tap(ride, 0, claims(1, -10)), [][]byte{tap(trip, -10, nil), tap(ride, -121, nil)}, transit.Holds},
		{"a desk after the bus", tap(ride, 0, claims(1, -10)), [][]byte{tap(trip, -10, nil), tap(ride, -40, nil), tap(trip, -35, update)}, transit.Holds},
	} {
		if got := rules.CheckClaim(edition, test.tap, test.others); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

package gate_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/capp"
	"citycard/terminals/card"
	"citycard/terminals/counter"
	"citycard/terminals/gate"
	"citycard/terminals/modes"
	"citycard/terminals/terminalstest"
)

const (
	trainFault = message.ServiceMode_SERVICE_MODE_TRAIN_FAULT
	noOrder    = message.ServiceMode_SERVICE_MODE_NO_ORDER
	noTime     = message.ServiceMode_SERVICE_MODE_NO_TIME
	noFare     = message.ServiceMode_SERVICE_MODE_NO_FARE
	noDate     = message.ServiceMode_SERVICE_MODE_NO_DATE
	emergency  = message.ServiceMode_SERVICE_MODE_EMERGENCY

	refused = message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_REFUSED
	free    = message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_FREE
	lowest  = message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_LOWEST
	highest = message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_HIGHEST
)

// atStation is a mode at a station that is in force all day.
func atStation(kind message.ServiceMode, number uint32, unentered message.ExitWithoutEntry) *message.ModeEntry {
	return &message.ModeEntry{
		Id: kind.Code() + unentered.Code() + string(rune('0'+number)), Kind: kind, Transport: message.Mode_MODE_METRO, Station: number, From: "20261124000000", ExitWithoutEntry: unentered,
	}
}

func modeList(t *testing.T, entries ...*message.ModeEntry) *modes.List {
	t.Helper()
	list, err := modes.Open(filepath.Join(t.TempDir(), "modes"))
	must(t, err)
	list.Replace(&message.ModeList{Version: 1, Modes: entries})
	return list
}

// passing is how a card passes a gate.
type passing func(*gate.Gate, context.Context, apdu.Card, time.Time) (*message.Tap, error)

func list(entries ...*message.ModeEntry) []*message.ModeEntry { return entries }

func kinds(all ...message.ServiceMode) []message.ServiceMode { return all }

// TestModes passes cards through the gates of station 3 while modes are in force. By the fares a
// trip from station 1 costs 400, from any station at least 200, and 900 past 240 minutes.
func TestModes(t *testing.T) {
	at := atStation
	const minute, long = time.Minute, 241 * time.Minute
	in, out := (*gate.Gate).Enter, (*gate.Gate).Exit
	for _, test := range []struct {
		name    string
		modes   []*message.ModeEntry
		entered time.Duration // so long ago at station 1; 0: not
		expired bool
		pass    passing
		fen     uint32
		err     error
		kinds   []message.ServiceMode
	}{
		{"nothing, entry", nil, 0, false, in, 0, nil, nil},
		{"nothing, exit", nil, minute, false, out, 400, nil, nil},

		{"train fault, entry", list(at(trainFault, 3, 0)), 0, false, in, 0, nil, kinds(trainFault)},
		{"train fault, entry after entry", list(at(trainFault, 3, 0)), minute, false, in, 0, gate.ErrInside, nil},
		{"train fault here and there", list(at(trainFault, 3, 0), at(trainFault, 1, 0)), minute, false, out, 0, nil, kinds(trainFault)},
		{"train fault here and there, long ago", list(at(trainFault, 3, 0), at(trainFault, 1, 0)), long, false, out, 0, nil, kinds(trainFault)},
		{"train fault only here", list(at(trainFault, 3, 0)), minute, false, out, 400, nil, kinds(trainFault)},
		{"train fault only there", list(at(trainFault, 1, 0)), minute, false, out, 400, nil, nil},
		{"train fault, exit without entry", list(at(trainFault, 3, 0)), 0, false, out, 0, gate.ErrNotInside, nil},

		{"no order, entry after entry", list(at(noOrder, 3, free)), minute, false, in, 0, nil, kinds(noOrder)},
		{"no order, exit", list(at(noOrder, 3, free)), minute, false, out, 400, nil, kinds(noOrder)},
		{"no order, long", list(at(noOrder, 3, free)), long, false, out, 900, nil, kinds(noOrder)},
		{"no order, refused", list(at(noOrder, 3, refused)), 0, false, out, 0, gate.ErrNotInside, nil},
		{"no order, free", list(at(noOrder, 3, free)), 0, false, out, 0, nil, kinds(noOrder)},
		{"no order, lowest", list(at(noOrder, 3, lowest)), 0, false, out, 200, nil, kinds(noOrder)},
		{"no order, highest", list(at(noOrder, 3, highest)), 0, false, out, 900, nil, kinds(noOrder)},
		{"no order elsewhere", list(at(noOrder, 1, free)), 0, false, out, 0, gate.ErrNotInside, nil},

		{"no time, long", list(at(noTime, 3, 0)), long, false, out, 400, nil, kinds(noTime)},
		{"no time, entry in the future", list(at(noTime, 3, 0)), -minute, false, out, 400, nil, kinds(noTime)},
		{"no time, entry after entry", list(at(noTime, 3, 0)), minute, false, in, 0, gate.ErrInside, nil},
		{"no time, exit without entry", list(at(noTime, 3, 0)), 0, false, out, 0, gate.ErrNotInside, nil},

		{"no fare", list(at(noFare, 3, 0)), minute, false, out, 0, nil, kinds(noFare)},
		{"no fare, long", list(at(noFare, 3, 0)), long, false, out, 0, nil, kinds(noFare)},
		{"no fare, exit without entry", list(at(noFare, 3, 0)), 0, false, out, 0, gate.ErrNotInside, nil},
		{"no fare and no order, exit without entry", list(at(noFare, 3, 0), at(noOrder, 3, highest)), 0, false, out, 0, nil, kinds(noOrder, noFare)},

		{"expired", nil, 0, true, in, 0, card.ErrExpired, nil},
		{"no date, expired, entry", list(at(noDate, 3, 0)), 0, true, in, 0, nil, kinds(noDate)},
		{"no date, expired, exit", list(at(noDate, 3, 0)), minute, true, out, 400, nil, kinds(noDate)},
		{"no date and no time", list(at(noDate, 3, 0), at(noTime, 3, 0)), long, true, out, 400, nil, kinds(noTime, noDate)},

		{"emergency, entry", list(at(emergency, 3, 0)), 0, false, in, 0, gate.ErrOpen, nil},
		{"emergency, exit", list(at(emergency, 3, 0), at(noFare, 3, 0)), minute, false, out, 0, gate.ErrOpen, nil},
		{"emergency, expired", list(at(emergency, 3, 0)), minute, true, out, 0, gate.ErrOpen, nil},
		{"emergency elsewhere", list(at(emergency, 1, 0)), minute, false, out, 400, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			expiry := "20401231"
			if test.expired {
				expiry = "20261123"
			}
			held := terminalstest.Card(t, 5000, func(o *counter.TransitOrder) { o.Expiry = expiry })
			now := morning.Add(5 * time.Hour)
			if test.entered != 0 {
				first := terminalstest.Gate(t, terminal, 1)
				first.Follow(modeList(t, at(noDate, 1, 0)))
				_, err := first.Enter(t.Context(), held, now.Add(-test.entered))
				must(t, err)
			}
			before, err := held.Image()
			must(t, err)
			g := terminalstest.Gate(t, terminal2, 3)
			g.Follow(modeList(t, test.modes...))
			tap, err := test.pass(g, t.Context(), held, now)
			if test.err != nil {
				after, failed := held.Image()
				must(t, failed)
				if tap != nil || !errors.Is(err, test.err) || string(before) != string(after) {
					t.Errorf("tap %v, error %v, the card has changed: %v; want %v and no change", tap, err, string(before) != string(after), test.err)
				}
				return
			}
			must(t, err)
			if got := tap.GetDebit().GetAmountFen(); got != test.fen || !slices.Equal(tap.GetServiceMode(), test.kinds) {
				t.Errorf("%d fen under %v, want %d under %v", got, tap.GetServiceMode(), test.fen, test.kinds)
			}
			writes(t, held, tap, test.entered)
		})
	}
}

// writes wants what the card keeps to tell of the tap: an exit closes the trip, whatever it costs.
func writes(t *testing.T, held *chip.Chip, tap *message.Tap, entered time.Duration) {
	t.Helper()
	if tap.GetMovement() == message.Movement_MOVEMENT_ENTRY {
		agrees(t, held, tap, tunion.JourneyEntry)
		return
	}
	agrees(t, held, tap, tunion.JourneyExit)
	station := uint32(1)
	if entered == 0 {
		station = 0
	}
	if r := trip(t, held); r.Status != tunion.TripLeft || tap.GetEntryStation() != station || (len(tap.GetEntryTime()) == 0) != (entered == 0) {
		t.Errorf("the exit has entry station %d and time %x, the card's trip %+v", tap.GetEntryStation(), tap.GetEntryTime(), r)
	}
}

// TestModeOfTheSignedSecond: a mode begins and ends between two cards, at its second.
func TestModeOfTheSignedSecond(t *testing.T) {
	entry := atStation(noFare, 3, 0)
	entry.From, entry.To = "20261124080102", "20261124080102"
	out, in := terminalstest.Gate(t, terminal2, 3), terminalstest.Gate(t, terminal, 1)
	out.Follow(modeList(t, entry))
	for after, want := range map[time.Duration]uint32{-time.Millisecond: 400, 0: 0, 999 * time.Millisecond: 0, time.Second: 400} {
		held := terminalstest.Card(t, 1000)
		_, err := in.Enter(t.Context(), held, morning.Add(-time.Minute))
		must(t, err)
		tap, err := out.Exit(t.Context(), held, morning.Add(after))
		must(t, err)
		if got := tap.GetDebit().GetAmountFen(); got != want || (len(tap.GetServiceMode()) == 1) != (want == 0) {
			t.Errorf("%v after the beginning: %d fen under %v, want %d", after, got, tap.GetServiceMode(), want)
		}
	}
}

// TestIssuers: cards of an issuer that the centre does not list are refused, in and out, and
// nothing is written to them; where none is listed, everybody's are taken.
func TestIssuers(t *testing.T) {
	own := &message.IssuerEntry{Institution: issuerID[:4], From: "20200101"}
	over := &message.IssuerEntry{Institution: issuerID[:4], From: "20200101", To: "20261123"}
	other := &message.IssuerEntry{Institution: []byte{1, 2, 3, 4}, From: "20200101"}
	for _, test := range []struct {
		name    string
		issuers []*message.IssuerEntry
		want    error
	}{
		{"none", nil, nil},
		{"its own", []*message.IssuerEntry{other, own}, nil},
		{"another one", []*message.IssuerEntry{other}, capp.ErrIssuer},
		{"until yesterday", []*message.IssuerEntry{over}, capp.ErrIssuer},
	} {
		held := terminalstest.Card(t, 5000)
		follow := modeList(t)
		follow.Replace(&message.ModeList{Version: 1, Issuers: test.issuers})
		enter, leave := terminalstest.Gate(t, terminal, 1), terminalstest.Gate(t, terminal2, 3)
		enter.Follow(follow)
		if _, err := enter.Enter(t.Context(), held, morning); !errors.Is(err, test.want) {
			t.Errorf("%s: to enter: %v, want %v", test.name, err, test.want)
		}
		if test.want != nil {
			_, err := terminalstest.Gate(t, terminal, 1).Enter(t.Context(), held, morning)
			must(t, err)
		}
		before, err := held.Image()
		must(t, err)
		leave.Follow(follow)
		if _, err := leave.Exit(t.Context(), held, morning.Add(time.Minute)); !errors.Is(err, test.want) {
			t.Errorf("%s: to leave: %v, want %v", test.name, err, test.want)
		}
		after, err := held.Image()
		must(t, err)
		if changed := string(before) != string(after); changed != (test.want == nil) {
			t.Errorf("%s: the card changed: %v", test.name, changed)
		}
	}
}

// TestNoOrderChargesOnce: who holds the card again after an exit, at whatever gate of the station,
// is not charged again, until the time of a trip has passed.
func TestNoOrderChargesOnce(t *testing.T) {
	held, first, next := terminalstest.Card(t, 5000), terminalstest.Gate(t, terminal, 3), terminalstest.Gate(t, terminal2, 3)
	for _, g := range []*gate.Gate{first, next} {
		g.Follow(modeList(t, atStation(noOrder, 3, highest)))
	}
	_, err := terminalstest.Gate(t, terminal, 1).Enter(t.Context(), held, morning.Add(-time.Minute))
	must(t, err)
	tap, err := first.Exit(t.Context(), held, morning)
	must(t, err)
	if fen := tap.GetDebit().GetAmountFen(); fen != 400 {
		t.Fatalf("the exit costs %d fen", fen)
	}
	for _, after := range []time.Duration{0, 6 * time.Second, 11 * time.Minute, 240 * time.Minute} {
		for _, g := range []*gate.Gate{first, next} {
			if tap, err := g.Exit(t.Context(), held, morning.Add(after)); tap != nil || !errors.Is(err, gate.ErrNotInside) {
				t.Errorf("%v later: %v, %v", after, tap, err)
			}
		}
	}
	tap, err = next.Exit(t.Context(), held, morning.Add(241*time.Minute))
	must(t, err)
	if fen := tap.GetDebit().GetAmountFen(); fen != 900 {
		t.Errorf("long after it costs %d fen, want 900", fen)
	}
}

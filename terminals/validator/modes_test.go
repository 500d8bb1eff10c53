package validator_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/capp"
	"citycard/terminals/card"
	"citycard/terminals/modes"
)

// TestModes rides, within and past the days of the card, while modes are in force on this line, on
// another one, and on the metro line of the same number. A ride costs what it did without a mode,
// unless fares are not charged.
func TestModes(t *testing.T) {
	plain, err := newValidator(t).Ride(t.Context(), newCard(t, 1000), morning)
	must(t, err)
	fare, line := plain.GetDebit().GetAmountFen(), plain.GetLine()
	past := time.Date(2099, 1, 1, 8, 0, 0, 0, morning.Location())
	of := func(kind message.ServiceMode, on message.Mode, line uint32) *message.ModeEntry {
		return &message.ModeEntry{Id: kind.Code(), Kind: kind, Transport: on, Lines: []uint32{line}, From: "20261124000000"}
	}
	const bus, metro = message.Mode_MODE_BUS, message.Mode_MODE_METRO
	const noFare, noDate = message.ServiceMode_SERVICE_MODE_NO_FARE, message.ServiceMode_SERVICE_MODE_NO_DATE
	for _, test := range []struct {
		name  string
		modes []*message.ModeEntry
		at    time.Time
		fen   uint32
		err   error
		kinds []message.ServiceMode
	}{
		{"no fare", []*message.ModeEntry{of(noFare, bus, line)}, morning, 0, nil, []message.ServiceMode{noFare}},
		{"no fare on another line", []*message.ModeEntry{of(noFare, bus, line+1)}, morning, fare, nil, nil},
		{"no fare in the metro", []*message.ModeEntry{of(noFare, metro, line)}, morning, fare, nil, nil},
		{"no date", []*message.ModeEntry{of(noDate, bus, line)}, morning, fare, nil, []message.ServiceMode{noDate}},
		{"expired", []*message.ModeEntry{of(noFare, bus, line)}, past, 0, card.ErrExpired, nil},
		{"expired, no date", []*message.ModeEntry{of(noDate, bus, line)}, past, fare, nil, []message.ServiceMode{noDate}},
		{"both", []*message.ModeEntry{of(noDate, bus, line), of(noFare, bus, line)}, past, 0, nil, []message.ServiceMode{noFare, noDate}},
	} {
		held, v := newCard(t, 1000), newValidator(t)
		list, err := modes.Open(filepath.Join(t.TempDir(), "modes"))
		must(t, err)
		list.Replace(&message.ModeList{Version: 1, Modes: test.modes})
		v.Follow(list)
		tap, err := v.Ride(t.Context(), held, test.at)
		if !errors.Is(err, test.err) {
			t.Errorf("%s: %v, want %v", test.name, err, test.err)
		}
		if err != nil {
			continue
		}
		if journey := held.Describe().Transit.Journeys[0]; journey.Type != tunion.JourneySingle || journey.AmountFen != test.fen {
			t.Errorf("%s: the card has the journey %+v", test.name, journey)
		}
		if got := tap.GetDebit().GetAmountFen(); got != test.fen || !slices.Equal(tap.GetServiceMode(), test.kinds) {
			t.Errorf("%s: %d fen under %v, want %d under %v", test.name, got, tap.GetServiceMode(), test.fen, test.kinds)
		}
	}
}

// TestIssuers: a card of an issuer that the centre does not list is refused.
func TestIssuers(t *testing.T) {
	list, err := modes.Open(filepath.Join(t.TempDir(), "modes"))
	must(t, err)
	for institution, want := range map[string]error{"\x99\x99\x49\x10": nil, "\x99\x99\x49\x11": capp.ErrIssuer} {
		list.Replace(&message.ModeList{Version: 1, Issuers: []*message.IssuerEntry{{Institution: []byte(institution), From: "20200101"}}})
		v := newValidator(t)
		v.Follow(list)
		if _, err := v.Ride(t.Context(), newCard(t, 1000), morning); !errors.Is(err, want) {
			t.Errorf("where %x is listed: %v, want %v", institution, err, want)
		}
	}
}

package gate_test

import (
	"errors"
	"testing"
	"time"

	"citycard/clearing/message"
	"citycard/terminals/capp"
	"citycard/terminals/card"
	"citycard/terminals/counter"
	"citycard/terminals/terminalstest"
)

// TestTripOverMidnight: a card that came in on its last day, or on the last day of its issuer, gets
// out after midnight, as long as a trip may take (240 minutes), and does not get in again.
func TestTripOverMidnight(t *testing.T) {
	own := &message.IssuerEntry{Institution: issuerID[:4], From: "20200101", To: "20261124"}
	day := time.Date(2026, 11, 24, 0, 0, 0, 0, zone)
	last := day.Add(24*time.Hour - time.Second) // of the day
	for _, test := range []struct {
		name    string
		issuer  bool // is over, and not the card
		entered time.Time
		left    time.Time
		over    bool
	}{
		{"on the last day", false, last.Add(-time.Hour), last, false},
		{"after a second", false, last, last.Add(time.Second), false},
		{"after a part of a second", false, last.Add(999 * time.Millisecond), last.Add(time.Second), false},
		{"as long as a trip may take", false, last, last.Add(240 * time.Minute), false},
		{"within the same second", false, last, last.Add(240*time.Minute + 999*time.Millisecond), false},
		{"a second longer", false, last, last.Add(240*time.Minute + time.Second), true},
		{"an issuer's, after a second", true, last, last.Add(time.Second), false},
		{"an issuer's, as long as a trip may take", true, last, last.Add(240 * time.Minute), false},
		{"an issuer's, a second longer", true, last, last.Add(240*time.Minute + time.Second), true},
	} {
		held := terminalstest.Card(t, 5000, func(o *counter.TransitOrder) {
			if !test.issuer {
				o.Expiry = "20261124"
			}
		})
		in, out, want := terminalstest.Gate(t, terminal, 1), terminalstest.Gate(t, terminal2, 3), card.ErrExpired
		if test.issuer {
			list := modeList(t)
			list.Replace(&message.ModeList{Version: 1, Issuers: []*message.IssuerEntry{own}})
			in.Follow(list)
			out.Follow(list)
			want = capp.ErrIssuer
		}
		_, err := in.Enter(t.Context(), held, test.entered)
		must(t, err)
		if test.left.After(last.Add(time.Second)) {
			if _, err := in.Enter(t.Context(), held, test.left); !errors.Is(err, want) {
				t.Errorf("%s: it enters again: %v", test.name, err)
			}
		}
		tap, err := out.Exit(t.Context(), held, test.left)
		if test.over {
			if tap != nil || !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", test.name, err, want)
			}
			continue
		}
		if err != nil || tap.GetDebit().GetAmountFen() != 400 || tap.GetEntryStation() != 1 {
			t.Errorf("%s: %v, %v; want a trip of 400 fen", test.name, tap, err)
			continue
		}
		if _, err := out.Exit(t.Context(), held, last.Add(time.Second)); !errors.Is(err, want) && test.left.After(last) {
			t.Errorf("%s: without an entry it leaves: %v", test.name, err)
		}
	}
}

package transit_test

import (
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/transit"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// TestTripOverMidnight ends trips after the last day of a card, 30 June 2025, or of an issuer, 31
// December 2025. A trip that began before and took at most 180 minutes may end; by hand: from
// 23:59:59 that is until 02:59:59.
func TestTripOverMidnight(t *testing.T) {
	const (
		exit, entry, update = message.Movement_MOVEMENT_EXIT, message.Movement_MOVEMENT_ENTRY, message.Movement_MOVEMENT_UPDATE
		overTravel          = message.UpdateReason_UPDATE_REASON_OVER_TRAVEL
		hasEntry            = message.UpdateReason_UPDATE_REASON_HAS_ENTRY
		expired, ours       = verdict.CardExpired, clearingtest.ExpiredCard
		theirs              = "99999999999999990001"
		theirIssuer         = "0102030500000000"
	)
	town := clearingtest.New(t, func(files map[string]string) {
		files["issuers.csv"] = "issuer,name,name_en,kind,effective_from,effective_to\n" + clearingtest.Issuer + ",本市,Own,own,20200101,\n" +
			theirIssuer + ",邻市,Next,interoperable,20250101,20251231\n"
	})
	judge := &transit.Judge{
		Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(town.Keys.Held()), Rules: town.Rules.Transit,
		Dates: transit.Plausible{DaysBack: 400, DaysAhead: 1},
	}
	for _, test := range []struct {
		name          string
		card          string
		movement      message.Movement
		reason        message.UpdateReason
		entered, left string // empty: no entry
		want          verdict.Reason
	}{
		{"on the last day", ours, exit, 0, "20250630200000", "20250630235959", verdict.None},
		{"the last second of the day", ours, exit, 0, "20250630235959", "20250630235959", verdict.None},
		{"a second later", ours, exit, 0, "20250630235959", "20250701000000", verdict.None},
		{"as long as a trip may take", ours, exit, 0, "20250630235959", "20250701025959", verdict.None},
		{"a second longer", ours, exit, 0, "20250630235959", "20250701030000", expired},
		{"entered too late", ours, exit, 0, "20250701000000", "20250701000001", expired},
		{"entered after it left", ours, exit, 0, "20250630235959", "20250630235958", verdict.None}, // that day it is valid
		{"entered in the future", ours, exit, 0, "20250701000002", "20250701000001", expired},
		{"entered at no time", ours, exit, 0, "20251330235959", "20250701000000", expired},
		{"without an entry", ours, exit, 0, "", "20250701000000", expired},
		{"an entry", ours, entry, 0, "20250630235959", "20250701000000", expired},
		{"corrected at the desk, as it is short", ours, update, overTravel, "20250630235959", "20250701000000", verdict.None},
		{"corrected too late", ours, update, overTravel, "20250630235959", "20250701030000", expired},
		{"corrected to enter again", ours, update, hasEntry, "20250630235959", "20250701000000", expired},
		{"another city's, on its last day", theirs, exit, 0, "20251231200000", "20251231235959", verdict.None},
		{"another city's", theirs, exit, 0, "20251231235959", "20260101000000", verdict.None},
		{"another city's, as long as a trip may take", theirs, exit, 0, "20251231235959", "20260101025959", verdict.None},
		{"another city's, a second longer", theirs, exit, 0, "20251231235959", "20260101030000", verdict.IssuerNotAccepted},
		{"another city's, entered too late", theirs, exit, 0, "20260101000000", "20260101000001", verdict.IssuerNotAccepted},
	} {
		at, err := time.Parse("20060102150405", test.left)
		if err != nil {
			t.Fatal(err)
		}
		m := town.Tap(clearingtest.Tap{Card: test.card, Terminal: clearingtest.MetroGate, Sequence: 7, Fen: 200, At: at})
		if test.card == theirs {
			m.Debit.Issuer = clearingtest.Hex(theirIssuer)
		}
		m.Line, m.Station, m.Mode, m.Movement = 1, 1, message.Mode_MODE_METRO, test.movement
		if test.reason != 0 {
			m.Update = &message.Update{Reason: test.reason}
		}
		if test.entered != "" {
			m.EntryLine, m.EntryStation, m.EntryTime = 2, 2, clearingtest.Hex(test.entered)
		}
		d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay}, 1)
		if err := judge.Rule(t.Context(), []docket.Record{{Value: clearingtest.Encode(m)}}, nil, d); err != nil {
			t.Fatal(err)
		}
		if got := d.Rulings[0].Reason; got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

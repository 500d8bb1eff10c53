package fare

import (
	"testing"

	"citycard/clearing/message"
)

// A correction at a desk costs what a gate takes, also while service modes are in force.
func TestUpdateUnderModes(t *testing.T) {
	table := cityTable(t)
	late := func(t *message.Tap) { t.Debit.Time = bcdTime("2026-01-31 11:00:01") }
	for name, c := range map[string]struct {
		tap    *message.Tap
		relief Relief
		want   Finding
	}{
		"past the limit":                {updateTap(message.UpdateReason_UPDATE_REASON_EXIT_TIMEOUT, late), Relief{}, Finding{Outcome: AmountDiffers, ExpectedFen: 500}},
		"time does not count":           {updateTap(message.UpdateReason_UPDATE_REASON_EXIT_TIMEOUT, late), Relief{Untimed: true}, Finding{Outcome: Match, ExpectedFen: 285}},
		"nothing is charged":            {updateTap(message.UpdateReason_UPDATE_REASON_HAS_ENTRY, func(t *message.Tap) { t.Debit.AmountFen = 0 }), Relief{Free: true}, Finding{Outcome: Match, ExpectedFen: 0}},
		"charged all the same":          {updateTap(message.UpdateReason_UPDATE_REASON_HAS_ENTRY, func(*message.Tap) {}), Relief{Free: true}, Finding{Outcome: AmountDiffers, ExpectedFen: 0}},
		"charged all the same, in cash": {updateTap(message.UpdateReason_UPDATE_REASON_HAS_ENTRY, func(t *message.Tap) { t.Debit.AmountFen, t.Update.CashFen = 0, 285 }), Relief{Free: true}, Finding{Outcome: AmountDiffers, ExpectedFen: 0}},
		"no entry, nothing is charged": {updateTap(message.UpdateReason_UPDATE_REASON_NO_ENTRY, func(t *message.Tap) {
			t.EntryStation, t.EntryTime, t.Debit.AmountFen = 0, nil, 0
		}), Relief{Free: true}, Finding{Outcome: Match, ExpectedFen: 0}},
		"no entry to end, order does not count": {updateTap(message.UpdateReason_UPDATE_REASON_HAS_ENTRY, func(t *message.Tap) {
			t.EntryStation, t.Debit.AmountFen = 0, 0
		}), Relief{Unentered: message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_FREE}, Finding{Outcome: UnknownStation, ExpectedFen: 0}},
	} {
		if got := table.CheckUnder(c.tap, c.relief); got != c.want {
			t.Errorf("%s: %v %d, want %v %d", name, got.Outcome, got.ExpectedFen, c.want.Outcome, c.want.ExpectedFen)
		}
	}
}

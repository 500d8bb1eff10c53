package fare

import (
	"testing"
	"time"

	"citycard/clearing/message"
)

func bcdTime(clock string) []byte {
	t, err := time.Parse("2006-01-02 15:04:05", clock)
	if err != nil {
		return nil
	}
	return message.AppendTime(nil, t)
}

// exitTap is a trip from 1 to 4, 10 km: 300 * 0.95 = 285 fen.
func exitTap(alter func(*message.Tap)) *message.Tap {
	tap := &message.Tap{
		Debit: &message.Debit{AmountFen: 285, Time: bcdTime("2026-01-31 08:40:00")},
		Mode:  message.Mode_MODE_METRO, Movement: message.Movement_MOVEMENT_EXIT,
		Line: 1, Station: 4, EntryStation: 1, EntryTime: bcdTime("2026-01-31 08:00:00"), CardType: 1,
	}
	alter(tap)
	return tap
}

// busTap is one ride on line 501: 200 * 0.80 = 160 fen.
func busTap(alter func(*message.Tap)) *message.Tap {
	tap := &message.Tap{
		Debit: &message.Debit{AmountFen: 160, Time: bcdTime("2026-01-31 08:40:00")},
		Mode:  message.Mode_MODE_BUS, Movement: message.Movement_MOVEMENT_SINGLE, Line: 501, CardType: 1,
	}
	alter(tap)
	return tap
}

// updateTap is a correction that ends the same trip.
func updateTap(reason message.UpdateReason, alter func(*message.Tap)) *message.Tap {
	return exitTap(func(t *message.Tap) {
		t.Movement, t.Update = message.Movement_MOVEMENT_UPDATE, &message.Update{Reason: reason}
		alter(t)
	})
}

func TestCheck(t *testing.T) {
	table := cityTable(t)
	for _, c := range []struct {
		name     string
		tap      *message.Tap
		outcome  Outcome
		expected int64
	}{
		{"exit", exitTap(func(*message.Tap) {}), Match, 285},
		{"exit, a fen too much", exitTap(func(t *message.Tap) { t.Debit.AmountFen = 286 }), AmountDiffers, 285},
		{"exit, free", exitTap(func(t *message.Tap) { t.Debit.AmountFen = 0 }), AmountDiffers, 285},
		{"exit, student", exitTap(func(t *message.Tap) { t.CardType, t.Debit.AmountFen = 2, 150 }), Match, 150},
		{"exit after 180 minutes", exitTap(func(t *message.Tap) { t.Debit.Time = bcdTime("2026-01-31 11:00:00") }), Match, 285},
		{"exit a second later, highest fare", exitTap(func(t *message.Tap) {
			t.Debit.Time, t.Debit.AmountFen = bcdTime("2026-01-31 11:00:01"), 500
		}), Match, 500},
		{"exit a second later, by distance", exitTap(func(t *message.Tap) { t.Debit.Time = bcdTime("2026-01-31 11:00:01") }), AmountDiffers, 500},
		{"exit past midnight", exitTap(func(t *message.Tap) {
			t.EntryTime, t.Debit.Time = bcdTime("2026-01-31 23:50:00"), bcdTime("2026-02-01 00:20:00")
		}), Match, 285},
		{"exit in the second of the entry", exitTap(func(t *message.Tap) { t.EntryTime = t.Debit.Time }), Match, 285},
		{"exit before entry", exitTap(func(t *message.Tap) { t.EntryTime = bcdTime("2026-01-31 08:40:01") }), BadTimes, 0},
		{"exit without entry time", exitTap(func(t *message.Tap) { t.EntryTime = nil }), BadTimes, 0},
		{"exit with a broken time", exitTap(func(t *message.Tap) { t.Debit.Time = []byte{0x20, 0x26, 0x13, 1, 1, 1, 1} }), BadTimes, 0},
		{"exit without entry", exitTap(func(t *message.Tap) { t.EntryStation = 0 }), UnknownStation, 0},
		{"exit nowhere", exitTap(func(t *message.Tap) { t.Station = 7 }), UnknownStation, 0},
		{"exit, unknown card type", exitTap(func(t *message.Tap) { t.CardType = 5 }), UnknownCardType, 0},
		{"entry", exitTap(func(t *message.Tap) {
			t.Movement, t.Debit.AmountFen = message.Movement_MOVEMENT_ENTRY, 0
		}), Match, 0},
		{"entry that costs", exitTap(func(t *message.Tap) { t.Movement = message.Movement_MOVEMENT_ENTRY }), AmountDiffers, 0},
		{"entry nowhere", exitTap(func(t *message.Tap) { t.Movement, t.Station = message.Movement_MOVEMENT_ENTRY, 0 }), UnknownStation, 0},
		{"bus", busTap(func(*message.Tap) {}), Match, 160},
		{"bus, full price", busTap(func(t *message.Tap) { t.Debit.AmountFen = 200 }), AmountDiffers, 160},
		{"bus, other line", busTap(func(t *message.Tap) { t.Line, t.Debit.AmountFen = 7, 80 }), Match, 80},
		{"bus, unknown line", busTap(func(t *message.Tap) { t.Line = 8 }), UnknownLine, 0},
		{"bus exit", busTap(func(t *message.Tap) { t.Movement = message.Movement_MOVEMENT_EXIT }), UnknownMovement, 0},
		{"no mode", busTap(func(t *message.Tap) { t.Mode = message.Mode_MODE_UNSPECIFIED }), UnknownMovement, 0},
		{"mode of another version", busTap(func(t *message.Tap) { t.Mode = 99 }), UnknownMovement, 0},
		{"ends a trip", updateTap(message.UpdateReason_UPDATE_REASON_HAS_ENTRY, func(*message.Tap) {}), Match, 285},
		{"ends a trip, in cash", updateTap(message.UpdateReason_UPDATE_REASON_OVER_TRAVEL, func(t *message.Tap) {
			t.Debit.AmountFen, t.Update.CashFen = 0, 285
		}), Match, 285},
		{"ends a trip, partly in cash", updateTap(message.UpdateReason_UPDATE_REASON_OVER_TRAVEL, func(t *message.Tap) {
			t.Debit.AmountFen, t.Update.CashFen = 100, 185
		}), Match, 285},
		{"ends a trip, a fen short in cash", updateTap(message.UpdateReason_UPDATE_REASON_OVER_TRAVEL, func(t *message.Tap) {
			t.Debit.AmountFen, t.Update.CashFen = 100, 184
		}), AmountDiffers, 285},
		{"ends a trip past the limit", updateTap(message.UpdateReason_UPDATE_REASON_EXIT_TIMEOUT, func(t *message.Tap) {
			t.Debit.Time, t.Debit.AmountFen = bcdTime("2026-01-31 11:00:01"), 500
		}), Match, 500},
		{"ends a trip, no entry", updateTap(message.UpdateReason_UPDATE_REASON_ENTRY_TIMEOUT, func(t *message.Tap) { t.EntryTime = nil }), BadTimes, 0},
		{"writes an entry", updateTap(message.UpdateReason_UPDATE_REASON_NO_ENTRY, func(t *message.Tap) {
			t.EntryTime, t.Debit.AmountFen = nil, 0
		}), Match, 0},
		{"writes an entry that costs", updateTap(message.UpdateReason_UPDATE_REASON_NO_ENTRY, func(*message.Tap) {}), AmountDiffers, 0},
		{"writes an entry nowhere", updateTap(message.UpdateReason_UPDATE_REASON_NO_ENTRY, func(t *message.Tap) { t.EntryStation = 7 }), UnknownStation, 0},
		{"no entry, and no station is named", updateTap(message.UpdateReason_UPDATE_REASON_NO_ENTRY, func(t *message.Tap) {
			t.EntryStation, t.EntryTime, t.Debit.AmountFen = 0, nil, 500
		}), Match, 500},
		{"correction without a reason", updateTap(message.UpdateReason_UPDATE_REASON_UNSPECIFIED, func(*message.Tap) {}), UnknownMovement, 0},
		{"correction for a reason of another version", updateTap(99, func(*message.Tap) {}), UnknownMovement, 0},
		{"exit in cash", exitTap(func(t *message.Tap) { t.Debit.AmountFen, t.Update = 0, &message.Update{CashFen: 285} }), UnknownMovement, 0},
		{"exit that says it is a correction", exitTap(func(t *message.Tap) {
			t.Update = &message.Update{Reason: message.UpdateReason_UPDATE_REASON_HAS_ENTRY}
		}), UnknownMovement, 0},
		{"bus in cash", busTap(func(t *message.Tap) { t.Debit.AmountFen, t.Update = 0, &message.Update{CashFen: 160} }), UnknownMovement, 0},
		{"correction on a bus", busTap(func(t *message.Tap) { t.Movement = message.Movement_MOVEMENT_UPDATE }), UnknownMovement, 0},
		{"nothing", &message.Tap{}, UnknownCardType, 0},
		{"no debit", exitTap(func(t *message.Tap) { t.Debit = nil }), BadTimes, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := table.Check(c.tap)
			if want := (Finding{Outcome: c.outcome, ExpectedFen: c.expected}); got != want {
				t.Errorf("%v %d, want %v %d", got.Outcome, got.ExpectedFen, want.Outcome, want.ExpectedFen)
			}
			if got.OK() != (c.outcome == Match) {
				t.Errorf("OK is %t with %v", got.OK(), got.Outcome)
			}
		})
	}
}

// Check stands in the hot path: it allocates nothing.
func TestCheckAllocatesNothing(t *testing.T) {
	table, tap := cityTable(t), exitTap(func(*message.Tap) {})
	if n := testing.AllocsPerRun(100, func() { table.Check(tap) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

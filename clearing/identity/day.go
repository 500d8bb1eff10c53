package identity

import (
	"citycard/cardos/bcd"
	"citycard/ledger"
)

// NoDay is the effective day of a record whose signed date is not in the
// calendar: a fixed one, so that the identity still holds.
const NoDay ledger.Day = 19000101

// SignedDay reads the date from a card time (7 bytes BCD) that a TAC covers. ok
// is false where it names no day, and then the day is NoDay.
func SignedDay(at [7]byte) (day ledger.Day, ok bool) {
	n, ok := bcd.Number(at[:4])
	if day = ledger.Day(n); !ok || !day.Valid() {
		return NoDay, false
	}
	return day, true
}

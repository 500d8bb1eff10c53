package identity

import "citycard/ledger"

// NoDay is the effective day of a record whose signed date is not in the
// calendar: a fixed one, so that the identity still holds.
const NoDay ledger.Day = 19000101

// SignedDay reads the date from a card time (7 bytes BCD) that a TAC covers. ok
// is false where it names no day, and then the day is NoDay.
func SignedDay(bcd [7]byte) (day ledger.Day, ok bool) {
	var n int32
	for _, b := range bcd[:4] {
		if b>>4 > 9 || b&15 > 9 {
			return NoDay, false
		}
		n = n*100 + int32(b>>4)*10 + int32(b&15)
	}
	day = ledger.Day(n)
	if !day.Valid() {
		return NoDay, false
	}
	return day, true
}

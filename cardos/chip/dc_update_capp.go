package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/tunion"
)

// maxCached is how many records one composite purchase may update.
const maxCached = 8

// updateCAPP is UPDATE CAPP DATA CACHE (80 DC P1 P2 Lc record; P2 SFI<<3): keeps one
// record until the DEBIT. A journey (file 001E) becomes the newest record; a
// trip (file 001A) replaces the record of its identifier, a monthly ticket the record
// that P1 numbers. Without an initialized
// composite purchase 6985.
func (c *Chip) updateCAPP(cmd apdu.Command) apdu.Status {
	deal := &c.session.deal
	if deal.state != caching {
		return apdu.ConditionsNotSatisfied
	}
	if cmd.P2&3 != 0 {
		return apdu.WrongParameters
	}
	f := c.session.current.bySFI(cmd.P2 >> 3)
	switch {
	case f == nil:
		return apdu.FileNotFound
	case !f.composite:
		return apdu.SecurityNotSatisfied
	case !f.fits(cmd.Data):
		return apdu.WrongLength
	case len(deal.updates) == maxCached:
		return apdu.NoSpace
	}
	slot := -1
	if f.structure == linear {
		if slot = compositeSlot(f, cmd.P1, cmd.Data); slot < 0 {
			return apdu.RecordNotFound
		}
	}
	start := len(deal.arena)
	deal.arena = append(deal.arena, cmd.Data...)
	deal.updates = append(deal.updates, update{f, slot, deal.arena[start:]})
	return apdu.OK
}

// compositeSlot is the place of a record in a linear file, or -1: a trip's, or the
// number that P1 gives.
func compositeSlot(f *file, p1 byte, data []byte) int {
	switch {
	case f.sfi == tunion.TripSFI:
		return tripSlot(f, p1, data)
	case p1 >= 1 && int(p1) <= len(f.records):
		return int(p1) - 1
	default:
		return -1
	}
}

// tripSlot finds the record of file 001A that data is meant for. Readers name it in P1 by the low
// byte of its identifier, by number, or not at all, and the two may collide; so the identifier
// inside the record decides. First comes the record that has it, then the place where it is known
// to belong, then P1 as the number of a record without identifier.
func tripSlot(f *file, p1 byte, data []byte) int {
	if len(data) < 2 {
		return -1
	}
	for i, r := range f.records {
		if len(r) >= 2 && r[0] == data[0] && r[1] == data[1] {
			return i
		}
	}
	number := int(p1)
	switch uint16(data[0])<<8 | uint16(data[1]) {
	case tunion.TripRailID:
		number = int(tunion.TripRail)
	case tunion.TripBusID:
		number = int(tunion.TripBus)
	}
	if number < 1 || number > len(f.records) {
		return -1
	}
	if r := f.records[number-1]; len(r) >= 2 && (r[0] != 0 || r[1] != 0) {
		return -1
	}
	return number - 1
}

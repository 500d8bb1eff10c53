package fare

import "citycard/clearing/message"

// Relief is what is left out of a price beside what the record says: by service modes, or since a
// claim of the record is not so. The zero value leaves out nothing.
type Relief struct {
	Free    bool // nothing is charged
	Untimed bool // how long a trip took does not count
	// Unentered is what an exit without an entry costs.
	Unentered message.ExitWithoutEntry
	// Misnamed: the operator that the tap names for its terminal is another one's number, so no
	// transfer led to it.
	Misnamed bool
}

// priceUnentered is the price of an exit without an entry.
func (t *Table) priceUnentered(ride *message.Ride, relief Relief) (int64, Outcome) {
	if _, ok := t.Metro(ride.CardType, ride.Station, ride.Station, 0); !ok {
		return 0, UnknownStation
	}
	switch {
	case relief.Free, relief.Unentered == message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_FREE:
		return 0, Match
	case relief.Unentered == message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_LOWEST:
		return t.lowest(ride.CardType, ride.Station, t.BandAt(ride.Time)), Match
	}
	fen, _ := t.Highest(ride.CardType)
	return fen, Match
}

// lowest is the lowest price of a trip that ends at a station of the table, in a band.
func (t *Table) lowest(cardType, exit uint32, band int) int64 {
	lowest, _ := t.Metro(cardType, exit, exit, band)
	for entry := uint32(1); entry <= t.stations; entry++ {
		fen, _ := t.Metro(cardType, entry, exit, band)
		lowest = min(lowest, fen)
	}
	return lowest
}

package fare

import "citycard/clearing/message"

// price is what a ride costs, and what the transfer that led to it took off.
type price struct {
	fen, off int64
	transfer int // its number in the table, from 1 on; 0 for none
}

// transferTo is the number of the transfer that led to a ride, 0 for none, by what the tap
// claims of the ride before. A claim counts if it is of no later than some minutes before the
// ride begins, and never of a time after that. Whether the ride before led on, where a transfer
// holds once, the terminal has read from the card.
func (t *Table) transferTo(ride *message.Ride, begins [message.TimeLen]byte, relief Relief) int {
	b := &ride.Before
	if b.Mode == message.Mode_MODE_UNSPECIFIED || relief.Misnamed {
		return 0
	}
	return t.message.TransferAt(message.Leg{Mode: b.Mode, Operator: b.Operator}, message.Leg{Mode: ride.Mode, Operator: b.Here}, b.Time, begins)
}

// busAfter is the price of a ride by bus after a transfer; fen is its price without.
func (t *Table) busAfter(ride *message.Ride, band int, fen int64, transfer int) price {
	if transfer == 0 {
		return price{fen: fen}
	}
	after := int64(t.message.Transfers[transfer-1].Takes(uint32(fen)))
	if t.message.Transfers[transfer-1].Listed() {
		after = t.cards[ride.CardType].prices[band].reduced[transfer-1].bus[ride.Line]
	}
	return price{after, fen - after, transfer}
}

// metroAfter does the same for a trip.
func (t *Table) metroAfter(ride *message.Ride, band int, fen int64, transfer int) price {
	if transfer == 0 {
		return price{fen: fen}
	}
	after := int64(t.message.Transfers[transfer-1].Takes(uint32(fen)))
	if t.message.Transfers[transfer-1].Listed() {
		class := t.class[(ride.EntryStation-1)*t.stations+ride.Station-1]
		after = int64(t.cards[ride.CardType].prices[band].reduced[transfer-1].metro[class])
	}
	return price{after, fen - after, transfer}
}

// NumberOf reports whether the rules of the table give an operator of the registry a number in
// cards' records. An operator without one may have any that is nobody's.
func (t *Table) NumberOf(operator string, number uint32) bool {
	for _, o := range t.rules.Operators {
		if o.Operator == operator || o.Number == number {
			return o.Operator == operator && o.Number == number
		}
	}
	return true
}

// Number is what cards' records call an operator of the registry; 0 where the rules do not say.
func (t *Table) Number(operator string) uint32 {
	for _, o := range t.rules.Operators {
		if o.Operator == operator {
			return o.Number
		}
	}
	return 0
}

package crowd

import (
	"citycard/clearing/message"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
)

// past is a ride that a card has made on the day, in seconds from midnight. A card is taken to show
// none of the days before, nor of a ride that comes late or at a slow clock.
type past struct {
	rode, metro bool
	operator    uint16
	began, paid int32
}

// before is a ride as the tap after it claims it; without a mode it is none.
type before struct {
	mode     uint8
	operator uint16
	paid     int32
}

// ridden is the ride as truth looks at it.
func (p *past) ridden() truth.Ridden {
	return truth.Ridden{Metro: p.metro, Operator: int(p.operator), Began: int64(p.began), Paid: int64(p.paid)}
}

// transfer is what leads to a ride from those of its card, the last one first, at the prices of the
// ride; the ride is the last one then.
func (p *prices) transfer(now past, rode *[2]past) (number int) {
	switch {
	case !p.transfers:
	case rode[1].rode:
		number = p.fares.Transfer(now.ridden(), rode[0].ridden(), rode[1].ridden())
	case rode[0].rode:
		number = p.fares.Transfer(now.ridden(), rode[0].ridden())
	}
	return number
}

// busFen is what a ride by bus costs a card type after those of its card, in fen.
func (l *lot) busFen(t *tap, kind byte, rode *[2]past) uint32 {
	signed := l.dates.moment(t.at, t.odd&plan.Slow != 0)
	prices := l.grid.at(signed).prices
	if t.odd&(plan.Slow|plan.Late) != 0 {
		*rode = [2]past{}
		return prices.ride(kind, t.seat, signed, 0)
	}
	now := past{rode: true, operator: l.grid.seats[t.seat].operator, began: t.at, paid: t.at}
	usual, fen := prices.ride(kind, t.seat, signed, 0), prices.ride(kind, t.seat, signed, prices.transfer(now, rode))
	t.claims(fen < usual, now, rode)
	return fen
}

// tripFen does the same for a trip by metro.
func (l *lot) tripFen(t *tap, kind byte, rode *[2]past) uint32 {
	seat, entered, left := &l.grid.seats[t.seat], l.dates.moment(t.at-t.took, false), l.dates.moment(t.at, false)
	prices := l.grid.at(left).prices
	now := past{rode: true, metro: true, operator: seat.operator, began: t.at - t.took, paid: t.at}
	usual := prices.trip(kind, t.entry, seat.station, t.took, entered, left, 0)
	fen := prices.trip(kind, t.entry, seat.station, t.took, entered, left, prices.transfer(now, rode))
	t.claims(fen < usual, now, rode)
	return fen
}

// claims makes the tap claim the ride before where that makes it cheaper; then the ride is the
// card's last one.
func (t *tap) claims(cheaper bool, now past, rode *[2]past) {
	if cheaper {
		t.before = before{uint8(message.Mode_MODE_BUS), rode[0].operator, rode[0].paid}
		if rode[0].metro {
			t.before.mode = uint8(message.Mode_MODE_METRO)
		}
	}
	*rode = [2]past{now, rode[0]}
}

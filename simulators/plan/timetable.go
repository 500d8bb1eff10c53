package plan

// Seconds of the day.
const (
	FirstTrain = 5*3600 + 45*60
	LastTrain  = 23 * 3600
	midnight   = 24 * 3600
	evening    = 21 * 3600 // yesterday's late rides begin here
)

// overstayMinutes is how long beyond the fares' limit somebody stays who stays too long.
const overstayMinutes = 10

// Overstay is how many seconds of a metro trip are more than the fares allow.
func (p *Period) Overstay() int { return int(p.Prices.Limit().Seconds()) + overstayMinutes*60 }

// Count draws how many rides a card in good order takes.
func (d *Day) Count(dice Dice) int { return Between(dice, max(1, d.Rides*2/3), max(1, d.Rides*4/3)) }

// FatefulRides is how many rides a card takes that is not in good order.
const FatefulRides = 3

// Slots plans rides in slots of equal length until the last train: each has a start, and may take
// so many seconds at most that it ends before the next begins.
func Slots(d Dice, from, count int, ride func(start, longest int)) {
	slot := (LastTrain - from) / max(count, 1)
	for i := range count {
		ride(from+i*slot+d.Below(max(1, slot/4)), slot*2/3)
	}
}

// A trip over midnight begins so many seconds before it, and takes so many.
const (
	BeforeMidnight = 600
	OverMidnight   = 1200
)

// LateRides plans rides of yesterday evening, whose seconds are negative.
func LateRides(d Dice, count int, ride func(start int)) {
	for i := range count {
		ride(evening - midnight + i*1500 + d.Below(300))
	}
}

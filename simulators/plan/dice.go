package plan

// Dice give random numbers.
type Dice interface {
	Below(n int) int           // 0..n-1
	Chance(share float64) bool // true for a share of the calls, 0 to 1; with share 0 no number is drawn
}

// Between draws from low..high, both included.
func Between(d Dice, low, high int) int { return low + d.Below(high-low+1) }

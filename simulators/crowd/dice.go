package crowd

// dice is a stream of random numbers (SplitMix64) in one word. Every card has its own stream, so
// that its actions do not depend on other cards.
type dice uint64

// mixed makes dice from a seed and what they are for.
func mixed(seed uint64, what ...uint64) dice {
	d := dice(seed)
	for _, w := range what {
		d = dice(d.next() ^ w*0xD1342543DE82EF95)
	}
	return d
}

// The purposes of dice.
const (
	forCard uint64 = iota + 1
	forRides
	forLot
	forOrder
	forNoise
	forVisitor
	forForgery
)

func (d *dice) next() uint64 {
	*d += 0x9E3779B97F4A7C15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// Below draws from 0..n-1.
func (d *dice) Below(n int) int { return int((d.next() >> 32) * uint64(n) >> 32) }

// Chance reports true for a share of the calls, 0 to 1.
func (d *dice) Chance(share float64) bool {
	return share > 0 && float64(d.next()>>11)*0x1p-53 < share
}

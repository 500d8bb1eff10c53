package city

import (
	"hash/fnv"
	"math/rand/v2"

	"citycard/simulators/plan"
)

// dice are random numbers for one thing.
type dice struct{ *rand.Rand }

// newDice gives the random numbers for one purpose and one seed; they do not depend on earlier
// draws.
func newDice(seed uint64, what string, index int) dice {
	h := fnv.New64a()
	h.Write([]byte(what))
	return dice{rand.New(rand.NewPCG(seed, h.Sum64()+uint64(index)*0x9E3779B97F4A7C15))}
}

// Below draws from 0..n-1.
func (d dice) Below(n int) int { return d.IntN(n) }

// Chance reports true for a share of the calls, 0 to 1.
func (d dice) Chance(share float64) bool { return share > 0 && d.Float64() < share }

// fen draws an amount of whole steps from low..high.
func (d dice) fen(low, high, step int) int64 {
	return int64(plan.Between(d, low/step, high/step) * step)
}

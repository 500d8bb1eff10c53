package city

import (
	"hash/fnv"
	"math/rand/v2"
)

// dice gives the random numbers for one thing of one seed: the same whatever
// else was drawn before.
func dice(seed uint64, what string, index int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(what))
	return rand.New(rand.NewPCG(seed, h.Sum64()+uint64(index)*0x9E3779B97F4A7C15))
}

// chance reports true for a share of the calls, 0 to 1.
func chance(r *rand.Rand, share float64) bool { return share > 0 && r.Float64() < share }

// between draws from low..high, both included.
func between(r *rand.Rand, low, high int) int { return low + r.IntN(high-low+1) }

package access

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// strangersRate is how many requests a second of one address may fail, and strangersBurst how
	// many at once: more get a shorter answer, which says when to come again.
	strangersRate  = 5
	strangersBurst = 20
	// mostRates is how many credentials or addresses are told apart.
	mostRates = 4096
	// sweepEvery is how often those that have been quiet are forgotten, where there is no room.
	sweepEvery = time.Second
)

// Rates limits how often something happens, for each key by itself. Beyond mostRates keys the
// others share one limit. Use NewRates.
type Rates[K comparable] struct {
	limit rate.Limit
	burst int

	mu    sync.Mutex
	by    map[K]*rate.Limiter
	rest  *rate.Limiter
	swept time.Time
}

// NewRates makes limits of so many a second, and of burst at once, for each key.
func NewRates[K comparable](perSecond float64, burst int) *Rates[K] {
	r := &Rates[K]{limit: rate.Limit(perSecond), burst: burst, by: map[K]*rate.Limiter{}}
	r.rest = rate.NewLimiter(r.limit, burst)
	return r
}

// Take counts one for a key; if that is one too many, it says how long to wait.
func (r *Rates[K]) Take(key K, now time.Time) (wait time.Duration) {
	reserved := r.of(key, now).ReserveN(now, 1)
	if wait = reserved.DelayFrom(now); wait > 0 {
		reserved.CancelAt(now)
	}
	return wait
}

func (r *Rates[K]) of(key K, now time.Time) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if of := r.by[key]; of != nil {
		return of
	}
	if len(r.by) >= mostRates {
		r.sweep(now)
	}
	if len(r.by) >= mostRates {
		return r.rest
	}
	of := rate.NewLimiter(r.limit, r.burst)
	r.by[key] = of
	return of
}

// sweep forgets the keys that have been quiet for so long that forgetting them changes nothing.
func (r *Rates[K]) sweep(now time.Time) {
	if now.Sub(r.swept) < sweepEvery {
		return
	}
	r.swept = now
	for key, of := range r.by {
		if of.TokensAt(now) >= float64(r.burst) {
			delete(r.by, key)
		}
	}
}

// PlaceOf is where a request comes from, as far as it is counted: an IPv4 address, or the 64 bits
// of a network in which one machine has all addresses.
func PlaceOf(remote string) netip.Addr {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	addr := at.Addr().Unmap()
	if addr.Is6() {
		network, err := addr.WithZone("").Prefix(64)
		if err != nil {
			return netip.Addr{}
		}
		return network.Addr()
	}
	return addr
}

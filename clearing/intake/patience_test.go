package intake

import (
	"testing"
	"time"
)

// TestPatience spends patience on a fault that does not pass, hour after hour. At first all of it
// is spent, then at most a tenth of the time, in pieces that are long enough to open an account. If
// a fault passes soon, there is patience again for the next one that comes later.
func TestPatience(t *testing.T) {
	const most = 2 * time.Minute
	start := time.Unix(1_000_000, 0)
	w := patience{most: most}
	at, waited, piece := start, time.Duration(0), time.Duration(0)
	pieces := map[time.Duration]int{}
	for at.Before(start.Add(10 * time.Hour)) {
		left := w.now(at)
		if left <= 0 {
			if piece > 0 {
				pieces[piece.Truncate(time.Second)]++
			}
			piece = 0
			at = at.Add(10 * time.Millisecond) // a record is kept alone
			continue
		}
		wait := min(left, time.Second)
		at = at.Add(wait)
		w.spend(at)
		waited, piece = waited+wait, piece+wait
	}
	if pieces[most] != 1 {
		t.Errorf("waited in pieces of %v, want the whole patience once", pieces)
	}
	if limit := most + 10*time.Hour/patienceReturns; waited > limit || waited < limit/2 {
		t.Errorf("waited %s of ten hours, want at most %s and not much less", waited, limit)
	}
	for piece, n := range pieces {
		if piece < most/patienceReturns {
			t.Errorf("waited %d times for %s, want no less than %s", n, piece, most/patienceReturns)
		}
	}

	w = patience{most: most}
	for hour := range 3 {
		at := start.Add(time.Duration(hour) * time.Hour)
		if left := w.now(at); left != most {
			t.Errorf("hour %d: %s are left, want all", hour, left)
		}
		w.spend(at.Add(3 * time.Second))
	}
}

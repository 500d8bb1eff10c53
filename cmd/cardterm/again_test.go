package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestAgain: pauses double to a minute, and begin with a second once an attempt got on. After the
// end of the context nothing is tried and nothing is told.
func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		began, why := time.Now(), errors.New("away")
		var attempts, pauses []time.Duration
		again(ctx, func(context.Context) (bool, error) {
			attempts = append(attempts, time.Since(began))
			if len(attempts) == 12 {
				cancel()
			}
			return len(attempts) == 9, why
		}, func(err error, pause time.Duration) {
			if !errors.Is(err, why) {
				t.Errorf("told %v", err)
			}
			pauses = append(pauses, pause)
		})
		const s = time.Second
		if want := []time.Duration{1 * s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s, 1 * s, 2 * s, 4 * s}; !slices.Equal(pauses, want) {
			t.Errorf("pauses %v, want %v", pauses, want)
		}
		if want := []time.Duration{0, 1 * s, 3 * s, 7 * s, 15 * s, 31 * s, 63 * s, 123 * s, 183 * s, 184 * s, 186 * s, 190 * s}; !slices.Equal(attempts, want) {
			t.Errorf("attempts after %v, want %v", attempts, want)
		}
	})
}

package main

import (
	"context"
	"time"
)

// The pause between two attempts to reach the brokers: from one second, doubling, to one minute.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// again attempts something again and again until ctx ends. failed is told why an attempt ended and
// how long the pause is until the next one. The pause is short again after an attempt that got on.
func again(ctx context.Context, attempt func(ctx context.Context) (gotOn bool, err error), failed func(err error, pause time.Duration)) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		gotOn, err := attempt(ctx)
		if ctx.Err() != nil {
			return
		}
		if gotOn {
			pause = firstPause
		}
		failed(err, pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

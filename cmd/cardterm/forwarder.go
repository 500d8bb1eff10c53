package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/terminals/outbox"
)

// Between two tries to forward: from one second, doubling, to one minute. It
// goes on for ever: records wait on the disk, and the metric tells how many.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// startForwarder forwards the outbox in the background and returns what stops it.
func startForwarder(log *slog.Logger, out *outbox.Log, brokers []string, registry *prometheus.Registry) func(context.Context) error {
	failures := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "cardterm_forward_failures_total", Help: "Times that forwarding stopped with an error and was begun again.",
	})
	registry.MustRegister(failures)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		pause := firstPause
		for {
			before := out.Status().Position
			err := forwardOnce(ctx, out, brokers)
			if ctx.Err() != nil {
				return
			}
			failures.Inc()
			if out.Status().Position > before {
				pause = firstPause
			}
			log.Error("records wait in the outbox", "waiting", out.Status().Waiting(), "again_in", pause, logged(err))
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, lastPause)
		}
	}()
	return func(stop context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-stop.Done():
			return errors.New("forwarding did not stop")
		}
	}
}

func forwardOnce(ctx context.Context, out *outbox.Log, brokers []string) error {
	client, err := kgo.NewClient(outbox.ProducerOptions(brokers...)...)
	if err != nil {
		return err
	}
	defer client.Close()
	return out.Forward(ctx, client)
}

package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/outbox"
)

// uplink is the way to the brokers. What they ask for is read again for every attempt: a wrong or
// changed password can be corrected in its file while the terminal goes on taking taps.
type uplink struct {
	brokers []string
	access  broker.Access
}

func (u uplink) options() ([]kgo.Opt, error) { return u.access.Options(strings.Join(u.brokers, ",")) }

// startForwarder forwards the outbox in the background. The attempts never end: records wait on the
// disk, and a metric shows how many.
func startForwarder(ctx context.Context, stack *service.Stack, log *slog.Logger, out *outbox.Log, up uplink, registry *prometheus.Registry) {
	failures := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "cardterm_forward_failures_total", Help: "Times that forwarding stopped with an error and was begun again.",
	})
	registry.MustRegister(failures)
	stack.Go(ctx, "forwarder", func(ctx context.Context) {
		again(ctx, func(ctx context.Context) (gotOn bool, err error) {
			before := out.Status().Position
			err = forwardOnce(ctx, log, out, up)
			return out.Status().Position > before, err
		}, func(err error, pause time.Duration) {
			failures.Inc()
			log.Error("records wait in the outbox", "waiting", out.Status().Waiting(), "again_in", pause, logged(err))
		})
	})
}

// askLimit is how long brokers may take to accept or refuse the terminal's connection.
const askLimit = 10 * time.Second

// ask connects to the brokers over a separate connection. away is true if the broker is not there,
// and false if it refuses the connection.
func (u uplink) ask(ctx context.Context, opts []kgo.Opt) (away bool, err error) {
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(u.brokers...), kgo.RequestRetries(1)}, opts...)...)
	if err != nil {
		return false, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if err = client.Ping(ctx); err == nil {
		return false, nil
	}
	var network net.Error
	if errors.As(err, &network) || ctx.Err() != nil {
		return true, language.Textf("the brokers do not answer: %w", err)
	}
	return false, language.Textf("the brokers refuse the connection, look at the terminal's user, password and certificate authority: %w", err)
}

// forwardOnce forwards until ctx ends or the brokers refuse it. The client alone would wait
// silently, both for a broker that is away and for one that refuses it.
func forwardOnce(ctx context.Context, log *slog.Logger, out *outbox.Log, up uplink) error {
	opts, err := up.options()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append(outbox.ProducerOptions(up.brokers...), opts...)...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, refuse := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if err := watch(ctx, log, out, up, opts); err != nil {
			refuse(err)
		}
	}()
	err = out.Forward(ctx, client)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	refuse(nil)
	<-watched
	return err
}

// askEvery is how often brokers are asked why records wait.
const askEvery = time.Minute

// watch asks the brokers at the start, and again whenever records wait and nothing was sent for a
// while. It returns when ctx ends, or with the brokers' refusal.
func watch(ctx context.Context, log *slog.Logger, out *outbox.Log, up uplink, opts []kgo.Opt) error {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		before := out.Status()
		away, err := up.ask(ctx, opts)
		switch {
		case ctx.Err() != nil:
			return nil
		case away:
			log.Warn("records wait in the outbox", "waiting", before.Waiting(), logged(err))
		case err != nil:
			return err
		}
		for stuck := false; !stuck; {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			now := out.Status()
			stuck = now.Waiting() > 0 && now.Position == before.Position
			before = now
		}
	}
}

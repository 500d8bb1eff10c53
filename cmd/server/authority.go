package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// startAuthority serves the load authority.
func (c *Server) startAuthority(ctx context.Context, s *Settings, dir string, ops *service.Ops, stack *service.Stack, log *slog.Logger) error {
	addr := s.API
	tokens, err := c.channelTokens(s.Tokens, dir)
	if err != nil {
		return err
	}
	// The address comes first, then the stream: a process that cannot serve must not take the
	// stream from one that can.
	listener, err := service.Listen(ctx, "api", addr)
	if err != nil {
		return err
	}
	gatherer, err := c.Books.NewGatherer(ctx, "authorised/"+c.instance, c.Owner, 0, 2*time.Millisecond)
	if err != nil {
		return errors.Join(language.Textf("load authority: %w", err), listener.Close())
	}
	stack.Push("load postings", func(context.Context) error { gatherer.Close(); return nil })
	authority := &load.Authority{
		Registry: c.Registry, Keys: c.keys, Poster: gatherer, Books: c.Books.Ledger, Rules: c.Inputs.Rules.Loads, Fresh: c.Inputs.Rules.Fresh, Tokens: tokens,
		Now: func() time.Time { return time.Now().In(c.zone) },
	}
	answers := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "citycard_load_answers_total", Help: "Answers of the load authority, by reason of refusal (empty: authorised).",
	}, []string{"reason"})
	ops.Registry().MustRegister(answers)
	ops.Check("load authority", gatherer.Check)
	stack.Go(ctx, "load authority's watch", func(ctx context.Context) { c.watchPoster(ctx, gatherer, watchEvery) })

	mux := http.NewServeMux()
	mux.Handle(load.Path, authority.Handler(log, func(r verdict.Reason) { answers.WithLabelValues(string(r)).Inc() }))
	c.API = "http://" + listener.Addr().String()
	c.answer(listener, mux, stack)
	return nil
}

// answer serves the load authority. If the load authority ends, the process ends too: otherwise it
// would say that it is ready, and answer no channel.
func (c *Server) answer(listener net.Listener, handler http.Handler, stack *service.Stack) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			c.fail(language.Textf("the load authority has stopped: %w", err))
		}
	}()
	stack.Push("load authority", server.Shutdown)
}

// watchEvery is the interval at which the load authority's stream is checked: an idle process would
// not notice that it has lost the stream.
const watchEvery = 2 * time.Second

// watchPoster ends the process when another one has taken the load authority's stream. The stream
// belongs to the instance's name, so both processes would go on under one name, and the older one
// could only answer that the outcome is unknown.
func (c *Server) watchPoster(ctx context.Context, poster *ledger.Gatherer, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := poster.Check(ctx); errors.Is(err, ledger.ErrFenced) {
			c.fail(language.Textf("another process serves as --instance %q and has taken over the load authority: %w", c.instance, err))
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

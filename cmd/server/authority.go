package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/clearing/people/access"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// startAuthority serves the load authority. If the API ends, the process ends too: otherwise it
// would say that it is ready, and answer no channel.
func (c *Server) startAuthority(ctx context.Context, s *Settings, dir string, ops *service.Ops, stack *service.Stack, log *slog.Logger) error {
	// The address comes first, then the stream: a process that cannot serve must not take the
	// stream from one that can.
	api, err := listen(ctx, &s.API)
	if err != nil {
		return err
	}
	now := func() time.Time { return time.Now().In(c.zone) }
	gatherer, err := load.NewPoster(ctx, c.Books.Ledger, "authorised/"+c.instance, c.Owner, 2*time.Millisecond, load.CountedBy(c.Inputs.Rules.Contracts, now))
	if err != nil {
		return errors.Join(language.Textf("load authority: %w", err), api.listener.Close())
	}
	stack.Push("load postings", func(context.Context) error { gatherer.Close(); return nil })
	authority := &load.Authority{
		Registry: c.Registry, Keys: c.loads, Poster: gatherer, Books: c.Books.Ledger, Rules: c.Inputs.Rules.Loads, Fresh: c.Inputs.Rules.Fresh,
		Now: now, Contracts: c.Inputs.Rules.Contracts, Stream: "waiting/" + c.instance, Owner: c.Owner,
	}
	answers := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "citycard_load_answers_total", Help: "Answers of the load authority, by reason of refusal (empty: authorised).",
	}, []string{"reason"})
	ops.Registry().MustRegister(answers)
	ops.Check("load authority", gatherer.Check)
	stack.Go(ctx, "watch of channels' caps", func(ctx context.Context) { c.watchCaps(ctx, authority.Contracts, log) })
	stack.Go(ctx, "load authority's watch", func(ctx context.Context) { c.watchPoster(ctx, gatherer, watchEvery) })

	api.openDoor(ctx, &access.Store{Ledger: c.Books.Ledger}, ops, stack, log)
	counted := func(r verdict.Reason) { answers.WithLabelValues(string(r)).Inc() }
	api.mux.Handle(load.Path, access.Handler(api.door, authority.Endpoint(log, counted)))
	api.mux.Handle(load.PathOrders, api.either(authority.OrdersHandler(api.door, log, counted)))
	api.mux.Handle(load.PathGroups, access.Handler(api.door, authority.GroupEndpoint(log, counted)))
	api.mux.Handle(load.PathWaiting, api.either(access.Handler(api.door, authority.WaitingEndpoint(log))))
	if err := c.startPeople(ctx, api, dir, ops, stack, log); err != nil {
		return errors.Join(err, api.listener.Close())
	}
	c.API = api.url()
	api.serve(stack, c.fail, log)
	stack.Push("imports of persons", func(context.Context) error { c.people.Stop(); return nil })
	return nil
}

// watchEvery is the interval at which the load authority's stream is checked: an idle process would
// not notice that it has lost the stream.
const watchEvery = 2 * time.Second

// capsEvery is the interval at which caps are compared with contracts.
const capsEvery = 30 * time.Second

// watchCaps warns of each channel whose account's cap is not what its contract in force says: once,
// until one of them changes.
func (c *Server) watchCaps(ctx context.Context, contracts func() *load.Contracts, log *slog.Logger) {
	tick := time.NewTicker(capsEvery)
	defer tick.Stop()
	for warned := map[string]bool{}; ; {
		now := map[string]bool{}
		if accounts, err := c.Books.Accounts(ctx); err != nil {
			log.Warn("caps of channels are not compared with their contracts", "error", err)
			now = warned
		} else if of := contracts(); of != nil {
			for _, differs := range of.CapsThatDiffer(ledger.DayOf(time.Now().In(c.zone)), accounts.All()) {
				text := differs.String()
				if now[text] = true; !warned[text] {
					log.Warn("the cap of a channel's account is not the limit of its contract", "channel", text)
				}
			}
		}
		warned = now
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

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

package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/terminals/outbox"
)

// forwarder sends the records of all lanes over one client. The attempts never end: records wait
// on the disk, and a metric shows how many.
type forwarder struct {
	log      *slog.Logger
	up       uplink
	failures *prometheus.CounterVec
	refused  *prometheus.CounterVec

	mu      sync.Mutex
	lanes   map[string]*sending
	session *session // nil while there is no client
	changed chan struct{}
}

// sending is a lane's outbox.
type sending struct{ out *outbox.Log }

// session is a client while it works. Its context ends when the client is to be closed.
type session struct {
	ctx    context.Context
	refuse context.CancelCauseFunc
	client *kgo.Client
	users  sync.WaitGroup
}

// startForwarder begins to reach the brokers; add adds lanes.
func startForwarder(ctx context.Context, stack *service.Stack, log *slog.Logger, up uplink, registry *prometheus.Registry) *forwarder {
	f := &forwarder{
		log: log, up: up, lanes: map[string]*sending{}, changed: make(chan struct{}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cardterm_forward_failures_total", Help: "Times that forwarding the records of a lane stopped with an error and was begun again.",
		}, []string{"lane"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cardterm_forward_refused_total", Help: "Records about open payments, and exit tickets, that the brokers did not take, at each attempt: no such topic, or no right to write to it. Those of topic intents are dropped, the others wait.",
		}, []string{"lane", "topic"}),
	}
	registry.MustRegister(f.failures, f.refused)
	stack.Go(ctx, "forwarder", func(ctx context.Context) {
		again(ctx, func(ctx context.Context) (gotOn bool, err error) {
			_, before := f.status()
			err = f.once(ctx)
			_, after := f.status()
			return after > before, err
		}, func(err error, pause time.Duration) {
			waiting, _ := f.status()
			for _, name := range f.names() {
				f.failures.WithLabelValues(name).Inc()
			}
			log.Error("records wait in the outbox", "waiting", waiting, "again_in", pause, logged(err))
		})
	})
	return f
}

// add forwards the outbox of a lane until the function that it returns is called, which waits for
// the end.
func (f *forwarder) add(ctx context.Context, name string, out *outbox.Log) (stop func()) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	f.failures.WithLabelValues(name)
	f.mu.Lock()
	f.lanes[name] = &sending{out}
	f.mu.Unlock()
	go func() {
		defer close(ended)
		again(running, func(ctx context.Context) (gotOn bool, err error) {
			before := out.Status().Position
			err = f.lane(ctx, name, out)
			return out.Status().Position > before, err
		}, func(err error, pause time.Duration) {
			f.failures.WithLabelValues(name).Inc()
			f.log.Error("records wait in the outbox", "lane", name, "waiting", out.Status().Waiting(), "again_in", pause, logged(err))
		})
	}()
	return func() {
		cancel()
		<-ended
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.lanes, name)
	}
}

// lesser are the topics of a lane that do not stop its taps: what it tells other lanes of a payment
// stands on its own disk too, and what it tells the clearing centre of payments and of exit tickets
// may come later.
func (f *forwarder) lesser(name string) []outbox.Lesser {
	told := func(topic, done string) func(int, error) {
		f.refused.WithLabelValues(name, topic)
		return func(records int, why error) {
			f.refused.WithLabelValues(name, topic).Add(float64(records))
			f.log.Error("the brokers do not take what the lane says beside its taps; taps go on", "lane", name, "topic", topic, "records", records, "done", done, logged(why))
		}
	}
	return []outbox.Lesser{
		{Topic: message.TopicIntents, Drop: true, Refused: told(message.TopicIntents, "dropped")},
		{Topic: message.TopicTapsUnconfirmed, Refused: told(message.TopicTapsUnconfirmed, "sent again later")},
		{Topic: message.TopicExitTickets, Refused: told(message.TopicExitTickets, "sent again later")},
	}
}

// lane forwards an outbox over one client after the other. It returns when ctx ends, or with an
// error of the outbox itself, which is no other lane's matter.
func (f *forwarder) lane(ctx context.Context, name string, out *outbox.Log) error {
	for ctx.Err() == nil {
		s := f.join(ctx)
		if s == nil {
			break
		}
		both, cancel := context.WithCancel(ctx)
		stop := context.AfterFunc(s.ctx, cancel)
		err := out.Forward(both, s.client, f.lesser(name)...)
		stop()
		cancel()
		closing := s.ctx.Err() != nil
		if !closing && ctx.Err() == nil && outbox.Refused(err) {
			s.refuse(err)
			closing = true
		}
		s.users.Done()
		if closing || ctx.Err() != nil {
			f.await(ctx, s)
			continue
		}
		return err
	}
	return ctx.Err()
}

// join waits for a client and uses it; nil when ctx ends.
func (f *forwarder) join(ctx context.Context) *session {
	for {
		f.mu.Lock()
		s, changed := f.session, f.changed
		if s != nil && s.ctx.Err() == nil {
			s.users.Add(1)
			f.mu.Unlock()
			return s
		}
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// await waits until a client is no longer the forwarder's.
func (f *forwarder) await(ctx context.Context, old *session) {
	for {
		f.mu.Lock()
		s, changed := f.session, f.changed
		f.mu.Unlock()
		if s != old {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// offer makes a client the one that lanes use; nil takes it back.
func (f *forwarder) offer(s *session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.session = s
	close(f.changed)
	f.changed = make(chan struct{})
}

// once lets the lanes use a client until ctx ends or the brokers refuse it. The client alone would
// wait silently, both for a broker that is away and for one that refuses it.
func (f *forwarder) once(ctx context.Context) error {
	opts, err := f.up.options()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append(outbox.ProducerOptions(f.up.brokers...), opts...)...)
	if err != nil {
		return err
	}
	defer client.Close()
	s := &session{client: client}
	s.ctx, s.refuse = context.WithCancelCause(ctx)
	f.offer(s)
	if err := f.watch(s.ctx, opts); err != nil {
		s.refuse(err)
	}
	f.offer(nil)
	s.users.Wait()
	err = context.Cause(s.ctx)
	s.refuse(nil)
	return err
}

// status is how many records wait, and how many have been sent, of all lanes.
func (f *forwarder) status() (waiting, sent uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.lanes {
		s := l.out.Status()
		waiting, sent = waiting+s.Waiting(), sent+s.Position
	}
	return waiting, sent
}

func (f *forwarder) names() (names []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name := range f.lanes {
		names = append(names, name)
	}
	return names
}

// askEvery is how often brokers are asked why records wait.
const askEvery = time.Minute

// watch asks the brokers at the start, and again whenever records wait and nothing was sent for a
// while. It returns when ctx ends, or with the brokers' refusal.
func (f *forwarder) watch(ctx context.Context, opts []kgo.Opt) error {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		waiting, sent := f.status()
		away, err := f.up.ask(ctx, opts)
		switch {
		case ctx.Err() != nil:
			return nil
		case away:
			f.log.Warn("records wait in the outbox", "waiting", waiting, logged(err))
		case err != nil:
			return err
		}
		for stuck := false; !stuck; {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			waits, now := f.status()
			stuck = waits > 0 && now == sent
			sent = now
		}
	}
}

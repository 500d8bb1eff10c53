package keyserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"

	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cmd/service"
	"citycard/language"
)

// Limits of one connection. A client that sends its headers or body too slowly is cut off.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	answerTimeout = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	headerLimit   = 8 << 10 // bytes
	stopLimit     = 30 * time.Second
)

const (
	// headEvery is how often the head of the log of uses is logged, to stand elsewhere too.
	headEvery = time.Hour
)

// testMasters is the notice of a service that uses TEST masters.
const testMasters = "TEST masters are in use: anybody can make cards, taps and loads that verify"

// Open opens the backend of a program. The stack closes what it needs.
type Open func(ctx context.Context, stack *service.Stack, log *slog.Logger) (keyservice.Backend, error)

// Run is a key service, until ctx ends.
func Run(ctx context.Context, s *Settings, program string, open Open) (err error) {
	log := s.Logger()
	if err := s.check(); err != nil {
		return err
	}
	dir, err := service.OpenClosedDir(s.Data, DataPurpose)
	if err != nil {
		return err
	}
	stack := service.NewStack(log, stopLimit)
	stack.Push("data directory", func(context.Context) error { return dir.Close() })
	defer func() {
		err = errors.Join(err, stack.Close())
	}()
	p := &process{Settings: s, program: program, log: log, failed: make(chan error, 1), ops: service.NewOps(program, log)}
	if p.backend, err = open(ctx, stack, log); err != nil {
		return err
	}
	if err := p.start(ctx, dir, stack); err != nil {
		return err
	}
	service.NotifyReady(log)
	defer service.NotifyStopping(log)
	select {
	case <-ctx.Done():
		return nil
	case err := <-p.failed:
		return service.Fail("the key service stopped").Todo("nothing was lost; start again once what it names is put right").Because(err)
	}
}

// process is a running key service.
type process struct {
	*Settings
	program string
	log     *slog.Logger
	ops     *service.Ops
	backend keyservice.Backend
	uses    *keyservice.Uses
	made    *keyservice.Made
	clients followed[keyservice.Clients]
	orders  followed[keyservice.Orders]
	failed  chan error
}

func (p *process) fail(err error) {
	select {
	case p.failed <- err:
	default:
	}
}

// start starts all parts. The clients' requests come last, so the first one finds everything.
func (p *process) start(ctx context.Context, dir *service.DataDir, stack *service.Stack) error {
	p.clients.what, p.clients.path, p.clients.read = "clients' file", p.Clients, ReadClients
	if err := p.clients.open(); err != nil {
		return err
	}
	tacs, err := keys.FollowTACs(ctx, p.backend)
	if err != nil {
		return service.Fail("the masters cannot be used").Because(err)
	}
	if err := service.AllowKeys(tacs.Held().Test(), p.Data, p.Demo); err != nil {
		return err
	}
	samples := tacs.Held().Test()
	p.orders.what, p.orders.path = "orders file", p.Orders
	p.orders.read = func(path string) (*keyservice.Orders, error) { return ReadOrders(path, samples) }
	if err := p.orders.open(); err != nil {
		return err
	}
	listener, err := service.Listen(ctx, "listen", p.Address)
	if err != nil {
		return err
	}
	if err := p.openLogs(dir.Path, stack); err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &keyservice.Server{
		Backend: p.backend, Clients: p.clients.now.Load, Orders: p.orders.now.Load, Uses: p.uses, Made: p.made,
		Now: time.Now, Log: p.log, Done: p.counts(),
	}
	p.checks(tacs)
	stack.Go(ctx, "clients' file", func(ctx context.Context) { p.clients.follow(ctx, p.log) })
	stack.Go(ctx, "orders file", func(ctx context.Context) { p.orders.follow(ctx, p.log) })
	stack.Go(ctx, "head of the log of uses", p.tellHead)
	if err := p.ops.Start(ctx, p.Ops, p.fail); err != nil {
		return errors.Join(err, listener.Close())
	}
	stack.Push("metrics and health", p.ops.Close)
	p.serve(listener, server, stack)
	p.log.Info("key service: answers", "at", listener.Addr().String(), "ops", p.ops.Addr(), "clients", p.clients.now.Load().Len(), "version", tacs.Held().Version())
	for _, client := range p.clients.now.Load().Describe() {
		p.log.Info("key service: client", "client", client)
	}
	for _, order := range p.orders.now.Load().Describe() {
		p.log.Info("key service: order", "order", order)
	}
	return nil
}

func (p *process) openLogs(dir string, stack *service.Stack) error {
	_, made := os.Stat(MadePath(dir))
	if _, used := os.Stat(UsesPath(dir)); used == nil && errors.Is(made, fs.ErrNotExist) {
		return service.Fail("there is a log of uses and no log of cards in %s", dir).
			Todo("put it back from its backup: without it the service does not know which cards were made")
	}
	if err := p.openMade(dir, stack); err != nil {
		return err
	}
	return p.openUses(dir, stack)
}

// openMade opens the log of cards, which is read whole.
func (p *process) openMade(dir string, stack *service.Stack) error {
	made, cut, err := keyservice.OpenMade(MadePath(dir))
	if err != nil {
		return service.Fail("the log of cards cannot be gone on with").
			Todo("put it back from its backup: without it the service does not know which cards were made").Because(err)
	}
	p.made = made
	if cut > 0 {
		p.log.Warn("key service: the end of the log of cards was torn and is cut off: what stood there was not answered", "bytes", cut)
	}
	stack.Push("log of cards", func(context.Context) error { return made.Log().Close() })
	return nil
}

// openUses opens the log of uses and notes the start in it, and at last the stop.
func (p *process) openUses(dir string, stack *service.Stack) error {
	uses, cut, err := keyservice.OpenUses(UsesPath(dir))
	if err != nil {
		return service.Fail("the log of uses cannot be gone on with").
			Todo("put its newest file elsewhere and keep it: the log then goes on behind the file before").Because(err)
	}
	p.uses = uses
	if err := p.made.After(uses.LastNote()); err != nil {
		return errors.Join(service.Fail("the log of cards cannot be gone on with").
			Todo("put it back from its backup: without it the service does not know which cards were made").Because(err), uses.Close())
	}
	if cut > 0 {
		p.log.Warn("key service: the end of the log of uses was torn and is cut off: what stood there was not answered", "bytes", cut)
	}
	stack.Push("log of uses", func(context.Context) error {
		err := errors.Join(uses.Note(time.Now(), "stopped", p.made.Note()), uses.Close())
		number, head := uses.Head()
		p.log.Info("key service: stopped", "uses", number, "chain", head)
		return err
	})
	return uses.Note(time.Now(), "started", fmt.Sprintf("%s %s, %d bytes of a torn end cut off; %s", p.program, service.ReadVersion(p.program).Number, cut, p.made.Note()))
}

// counts are the metrics of what is done.
func (p *process) counts() func(keyservice.Operation, string) {
	done := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "citycard_keyservice_operations_total", Help: "Operations of the key service, by outcome; refused requests have no operation.",
	}, []string{"operation", "outcome"})
	p.ops.Registry().MustRegister(done, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "citycard_keyservice_uses", Help: "Number of the newest line in the log of uses.",
	}, func() float64 { number, _ := p.uses.Head(); return float64(number) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "citycard_keyservice_clients", Help: "Clients in the clients' file that is in use.",
		}, func() float64 { return float64(p.clients.now.Load().Len()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "citycard_keyservice_orders", Help: "Orders in the orders file that is in use.",
		}, func() float64 { return float64(p.orders.now.Load().Len()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "citycard_keyservice_cards", Help: "Different cards that have got their keys.",
		}, func() float64 { return float64(p.made.Cards()) }))
	for _, w := range keyservice.WatchedOutcomes() { // so that the first of them is a rise
		done.WithLabelValues(string(w.Operation), w.Outcome)
	}
	return func(o keyservice.Operation, outcome string) { done.WithLabelValues(string(o), outcome).Inc() }
}

// checks are the conditions of readiness.
func (p *process) checks(tacs *keys.TACs) {
	p.ops.Check("masters", tacs.Refresh)
	p.ops.Check("log of uses", func(context.Context) error { return p.uses.Check() })
	p.ops.Check("log of cards", func(context.Context) error { return p.made.Log().Check() })
	p.ops.Check("clients", p.clients.check)
	p.ops.Check("orders", p.orders.check)
	p.ops.Check("certificate", func(context.Context) error {
		pair, err := tls.LoadX509KeyPair(p.Certificate, p.Key)
		if err == nil && time.Now().After(pair.Leaf.NotAfter) {
			return language.Textf("the key service's certificate has ended on %s", pair.Leaf.NotAfter.UTC().Format(time.DateOnly))
		}
		return err
	})
	test := func() float64 { return 0 }
	if tacs.Held().Test() {
		test = func() float64 { return 1 }
		p.ops.Notice(func() string { return testMasters })
	}
	p.ops.Registry().MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "citycard_test_masters", Help: "1 where there are TEST masters, which anybody can make, else 0.",
	}, test))
}

// tellHead logs the heads of the logs of uses and of cards from time to time: who has it elsewhere
// sees whether the log was cut.
func (p *process) tellHead(ctx context.Context) {
	tick := time.NewTicker(headEvery)
	defer tick.Stop()
	for {
		number, head := p.uses.Head()
		p.log.Info("key service: log of uses", "uses", number, "chain", head)
		number, head = p.made.Log().Head()
		p.log.Info("key service: log of cards", "lines", number, "chain", head)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// serve answers clients.
func (p *process) serve(listener net.Listener, handler http.Handler, stack *service.Stack) {
	mux := http.NewServeMux()
	mux.Handle(keyservice.Path, handler)
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: answerTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: headerLimit, TLSConfig: p.tls(),
		// Strangers cause its lines: a handshake that fails, a header that is none.
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := server.ServeTLS(netutil.LimitListener(listener, p.connections), "", ""); !errors.Is(err, http.ErrServerClosed) {
			p.fail(language.Textf("the key service's address has stopped: %w", err))
		}
	}()
	stack.Push("key service", server.Shutdown)
}

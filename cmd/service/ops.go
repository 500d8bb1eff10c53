package service

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"citycard/language"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyTimeout is the time limit of one answer of /readyz; a check that still runs then counts as
// failed.
const readyTimeout = 2 * time.Second

// How long a client may take to read an answer, and keep a connection without a request.
const (
	answerTimeout = 30 * time.Second
	idleTimeout   = 2 * time.Minute
)

// Ops serves the operators' pages of a program: /metrics for Prometheus, /healthz (the process
// answers), /readyz (every check passes), and other pages that are added with Handle. It has no
// authentication: bind it to loopback or to a network that only operators use.
type Ops struct {
	log      *slog.Logger
	registry *prometheus.Registry
	mux      *http.ServeMux
	server   *http.Server
	listener net.Listener
	done     chan struct{}
	answer   time.Duration
	idle     time.Duration

	mu      sync.Mutex
	checks  []check
	notices []func() string
}

type check struct {
	name string
	run  func(ctx context.Context) error
}

// NewOps makes the pages of a program; nothing listens before Start. The registry has the Go
// runtime's and the process's own metrics in it, the program's version and its readiness.
func NewOps(program string, log *slog.Logger) *Ops {
	o := &Ops{log: log, registry: prometheus.NewRegistry(), mux: http.NewServeMux(), answer: answerTimeout, idle: idleTimeout}
	o.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		ReadVersion(program).metric(), newReadyMetrics(program, o))
	o.mux.Handle("GET /metrics", promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{Registry: o.registry}))
	o.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	o.mux.HandleFunc("GET /readyz", o.ready)
	return o
}

// Registry is where the program's parts register their metrics.
func (o *Ops) Registry() *prometheus.Registry { return o.registry }

// Handle adds a page; the pattern is one of http.ServeMux. Call it before Start.
func (o *Ops) Handle(pattern string, handler http.Handler) { o.mux.Handle(pattern, handler) }

// Check adds a condition of readiness: nil means ready. It is asked at every
// /readyz, at most two seconds long, together with the others.
func (o *Ops) Check(name string, run func(ctx context.Context) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.checks = append(o.checks, check{name, run})
}

// Notice adds a text that /readyz shows whenever it is not empty. It does not change readiness; it
// is information that every reader of the page should have.
func (o *Ops) Notice(text func() string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.notices = append(o.notices, text)
}

// Start listens on addr ("127.0.0.1:0" takes a free port) and serves until Close. If the pages end
// before that, failed is called with the reason.
func (o *Ops) Start(ctx context.Context, addr string, failed func(error)) error {
	listener, err := Listen(ctx, "ops", addr)
	if err != nil {
		return err
	}
	o.listener = listener
	o.server = &http.Server{
		Handler: o.mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: o.answer, IdleTimeout: o.idle,
		ErrorLog: slog.NewLogLogger(o.log.Handler(), slog.LevelWarn),
	}
	o.done = make(chan struct{})
	go func() {
		defer close(o.done)
		if err := o.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed(language.Textf("the metrics and health pages have stopped: %w", err))
		}
	}()
	return nil
}

// Listen listens on the address that the flag name gives.
func Listen(ctx context.Context, name, addr string) (net.Listener, error) {
	var config net.ListenConfig
	if addr == "" {
		return nil, usage("--%s is empty", name).Todo("give it as HOST:PORT")
	}
	listener, err := config.Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, Taken("cannot listen on %s", addr).Todo("end the other process, or choose another --%s", name).Because(syscall.EADDRINUSE)
	case err != nil:
		return nil, Fail("cannot listen on %s", addr).Todo("choose another --%s", name).Because(innermost(err))
	}
	return listener, nil
}

// TryListen tells whether Listen would succeed, so that nothing is started that could not be
// reached.
func TryListen(ctx context.Context, name, addr string) error {
	listener, err := Listen(ctx, name, addr)
	if err != nil {
		return err
	}
	return listener.Close()
}

// Addr is the address that Start took, "" before.
func (o *Ops) Addr() string {
	if o.listener == nil {
		return ""
	}
	return o.listener.Addr().String()
}

// Close lets running requests end, until ctx does, and stops listening.
func (o *Ops) Close(ctx context.Context) error {
	if o.server == nil {
		return nil
	}
	err := o.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, o.server.Close())
	}
	<-o.done
	return err
}

// passes is what /readyz says of a check that passes.
const passes = "ok"

// readiness is the body of /readyz; a check maps to "ok" or its error.
type readiness struct {
	Ready   bool              `json:"ready"`
	Checks  map[string]string `json:"checks"`
	Notices []string          `json:"notices,omitempty"`
}

func (o *Ops) ready(w http.ResponseWriter, r *http.Request) {
	answer := o.readiness(r.Context())
	code := http.StatusOK
	if !answer.Ready {
		code = http.StatusServiceUnavailable
	}
	writeJSON(w, code, answer)
}

func (o *Ops) readiness(ctx context.Context) readiness {
	o.mu.Lock()
	checks, notices := slices.Clone(o.checks), slices.Clone(o.notices)
	o.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()

	answers := make([]chan error, len(checks))
	for i, c := range checks {
		answers[i] = make(chan error, 1)
		go func() { answers[i] <- c.run(ctx) }()
	}
	result := readiness{Ready: true, Checks: map[string]string{}}
	for _, notice := range notices {
		if text := notice(); text != "" {
			result.Notices = append(result.Notices, text)
		}
	}
	for i, c := range checks {
		err := await(ctx, answers[i], language.Textf("no answer in time"))
		result.Checks[c.name] = passes
		if err != nil {
			result.Ready = false
			result.Checks[c.name] = err.Error()
		}
	}
	return result
}

func writeJSON[T any](w http.ResponseWriter, code int, body T) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone; nobody else to tell
}

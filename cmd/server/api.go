package server

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"

	"citycard/clearing/people/access"
	peopleapi "citycard/clearing/people/api"
	"citycard/cmd/service"
	"citycard/language"
)

// APISettings are the flags of the API for units' systems.
type APISettings struct {
	Address     string
	Certificate string // the file of the server's own
	Key         string
	Proxied     bool // a proxy in front of it does TLS
	Rate        int  // requests a second of one credential
	Connections int
}

func (s *APISettings) register(fs *flag.FlagSet) {
	fs.StringVar(&s.Address, "api", s.Address, "`address` of the API: the load authority")
	fs.StringVar(&s.Certificate, "api-tls-cert", "", "`file` of the API's certificate, PEM with what leads to its root; it is read for each connection")
	fs.StringVar(&s.Key, "api-tls-key", "", "`file` of its private key")
	fs.BoolVar(&s.Proxied, "api-behind-proxy", false, "a proxy does TLS: take tokens in clear at an address that others reach")
	s.Rate, s.Connections = 500, 1000
	service.Whole(fs, &s.Rate, "api-rate", 1, 1_000_000, "`number` of requests a second that one credential may make at this process")
	service.Whole(fs, &s.Connections, "api-connections", 1, 1_000_000, "`number` of connections to the API; more wait until others end")
}

// Limits of one connection. A client that sends its headers or body too slowly is cut off.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	answerTimeout = 30 * time.Second
	idleTimeout   = time.Minute
	headerLimit   = 8 << 10 // bytes
)

// check refuses settings with which tokens could be read on their way.
func (s *APISettings) check() error {
	if (s.Certificate == "") != (s.Key == "") {
		return service.Exit(service.ExitUsage, language.Textf("want both --api-tls-cert and --api-tls-key, or neither"))
	}
	if s.Certificate != "" {
		if _, err := tls.LoadX509KeyPair(s.Certificate, s.Key); err != nil {
			return service.Fail("the API's certificate cannot be used").Todo("correct --api-tls-cert and --api-tls-key").Because(err)
		}
		return nil
	}
	if !s.Proxied && !onLoopback(s.Address) {
		return service.Refuse("the API at %s would take tokens without TLS", s.Address).
			Todo("give --api-tls-cert and --api-tls-key, or --api-behind-proxy where a proxy does TLS, or an address on 127.0.0.1")
	}
	return nil
}

// onLoopback reports whether nobody but this machine reaches an address. One that cannot be read is
// refused when it is listened on.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil || host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// tls is how the API's connections are encrypted; nil if they are not. The certificate is read for
// each connection, so a renewed one is taken up. Clients are asked for theirs, and whether one is
// known is the door's to say.
func (s *APISettings) tls() *tls.Config {
	if s.Certificate == "" {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(s.Certificate, s.Key)
			return &pair, err
		},
	}
}

// isHost reports whether a host, with or without a port, is this server: a name of its certificate,
// or without one this machine's. What a proxy in front of it is called only the proxy knows.
func (s *APISettings) isHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	switch {
	case s.Certificate == "" && s.Proxied:
		return true
	case s.Certificate == "":
		return onLoopback(net.JoinHostPort(name, "0"))
	}
	pair, err := tls.LoadX509KeyPair(s.Certificate, s.Key)
	return err == nil && pair.Leaf.VerifyHostname(name) == nil
}

// api is the API of units' systems, at its address.
type api struct {
	settings *APISettings
	listener net.Listener
	mux      *http.ServeMux
	door     *access.Door
	open     atomic.Int64 // connections
	staff    http.Handler // people's requests; nil where they come to the socket alone
}

// either serves people who sign what they look at, and with other the rest: units' systems.
func (a *api) either(other http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.staff != nil && r.Header.Get(peopleapi.LookHeader) != "" {
			a.staff.ServeHTTP(w, r)
			return
		}
		other.ServeHTTP(w, r)
	})
}

// listen takes the API's address.
func listen(ctx context.Context, s *APISettings) (*api, error) {
	listener, err := service.Listen(ctx, "api", s.Address)
	if err != nil {
		return nil, err
	}
	return &api{settings: s, listener: listener, mux: http.NewServeMux()}, nil
}

// url is where the API is reached.
func (a *api) url() string {
	scheme := "http"
	if a.settings.Certificate != "" {
		scheme = "https"
	}
	return scheme + "://" + a.listener.Addr().String()
}

// openDoor begins to read who may come in.
func (a *api) openDoor(ctx context.Context, store *access.Store, ops *service.Ops, stack *service.Stack, log *slog.Logger) {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "citycard_api_refused_total", Help: "Requests over the API that were refused before anything was done, by reason.",
	}, []string{"reason"})
	for _, reason := range access.Reasons() {
		refused.WithLabelValues(string(reason))
	}
	ops.Registry().MustRegister(refused, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "citycard_api_connections", Help: "Connections to the API that are open.",
	}, func() float64 { return float64(a.open.Load()) }))
	a.door = access.NewDoor(access.Settings{
		Store: store, Now: time.Now, Log: log, Rate: a.settings.Rate,
		Refused: func(reason access.Reason) { refused.WithLabelValues(string(reason)).Inc() },
	})
	ops.Registry().MustRegister(ends{a.door})
	ops.Check("access", a.door.Check)
	ops.Notice(a.door.Notice)
	if a.settings.Certificate != "" {
		ops.Check("api certificate", func(context.Context) error {
			_, err := tls.LoadX509KeyPair(a.settings.Certificate, a.settings.Key)
			return err
		})
	}
	stack.Go(ctx, "access", a.door.Follow)
}

// ends are the gauges of when units' credentials end.
type ends struct{ door *access.Door }

func endsDesc() *prometheus.Desc {
	return prometheus.NewDesc("citycard_access_ends_timestamp_seconds",
		"When the last credential of a unit ends, or has ended within the last 30 days, Unix time.", []string{"unit"}, nil)
}

// Describe names the gauge.
func (e ends) Describe(out chan<- *prometheus.Desc) { out <- endsDesc() }

// Collect shows what was read last.
func (e ends) Collect(out chan<- prometheus.Metric) {
	for unit, end := range e.door.Ends() {
		out <- prometheus.MustNewConstMetric(endsDesc(), prometheus.GaugeValue, float64(end.Unix()), string(unit))
	}
}

// count keeps the number of open connections.
func (a *api) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		a.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		a.open.Add(-1)
	case http.StateActive, http.StateIdle:
	}
}

// serve answers. Connections beyond the limit wait until others end. HTTP/1 alone is spoken, so
// each has one request at a time. If the API ends, failed is called with the reason.
func (a *api) serve(stack *service.Stack, failed func(error), log *slog.Logger) {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler: a.mux, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: answerTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: headerLimit, Protocols: protocols, TLSConfig: a.settings.tls(), ConnState: a.count,
		// Strangers cause its lines: a handshake that fails, a header that is none.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	listener := netutil.LimitListener(a.listener, a.settings.Connections)
	go func() {
		serve := server.Serve
		if server.TLSConfig != nil {
			serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
		}
		if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed(language.Textf("the load authority has stopped: %w", err))
		}
	}()
	stack.Push("load authority", server.Shutdown)
}

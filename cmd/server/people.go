package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"

	"citycard/clearing/cards"
	peopleapi "citycard/clearing/people/api"
	"citycard/clearing/persons"
	"citycard/clearing/rules"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

const (
	// peopleRate is how many requests a second one person's key may make.
	peopleRate = 100
	// socketConnections is how many connections the socket takes at once; more wait.
	socketConnections = 256
	// actTimeout is how long an act of people may take.
	actTimeout = 10 * time.Minute
)

// NewPeople is the API by which people act on the books of a program's ledger.
func NewPeople(program *Program, log *slog.Logger) (*peopleapi.Server, error) {
	l := program.Ledger
	office, err := Proposals(l)
	if err != nil {
		return nil, err
	}
	rehearsal, err := Proposals(ledger.New(l.Pool(), l.Dialect(), ledger.WithRehearsal(), ledger.WithLog(log)))
	if err != nil {
		return nil, err
	}
	zone := func(ctx context.Context) (*time.Location, error) {
		zone, err := (&rules.Store{Ledger: l}).Zone(ctx)
		if errors.Is(err, rules.ErrEmpty) { // people come before rules
			zone, err = new(service.Zone).Location(), nil
		}
		return zone, err
	}
	data := func(ctx context.Context, l *ledger.Ledger) (*persons.Store, error) {
		store, err := program.Persons(ctx)
		if err != nil {
			return nil, explained(err)
		}
		zone, err := zone(ctx)
		if err != nil {
			return nil, err
		}
		return persons.NewStore(l, store, zone)
	}
	known := new(inForce)
	return peopleapi.New(peopleapi.Settings{
		Office: office, Rehearsal: rehearsal, Version: service.ReadVersion("citycard").Number, Now: time.Now, Log: log, Rate: peopleRate,
		Program: program.Acts(), Hosts: program.Hosts,
		Zone: func(ctx context.Context) (string, error) {
			zone, err := zone(ctx)
			if err != nil {
				return "", err
			}
			return zone.String(), nil
		},
		Persons: data,
		Cards: func(_ context.Context, l *ledger.Ledger) (*cards.Office, error) {
			office := cardsOffice(l, known, zone, data)
			office.Full = program.Full
			return office, nil
		},
		Owed: Owed,
	}), nil
}

// ServePeople answers people's requests at the socket of a directory, until the function that it
// gives is called. If it ends before that, failed is called with the reason.
func ServePeople(ctx context.Context, people *peopleapi.Server, dir string, failed func(error), log *slog.Logger) (stop func(context.Context) error, err error) {
	listener, err := peopleapi.ListenSocket(ctx, dir)
	if err != nil {
		return nil, service.Fail("cannot listen at %s", peopleapi.SocketPath(dir)).Todo("make the data directory writable for this user, and free some space").Because(err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler: people.Local(), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: actTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: headerLimit, Protocols: protocols, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := server.Serve(netutil.LimitListener(listener, socketConnections)); !errors.Is(err, http.ErrServerClosed) {
			failed(language.Textf("the API for people has stopped: %w", err))
		}
	}()
	return func(ctx context.Context) error {
		people.Stop()
		return server.Shutdown(ctx)
	}, nil
}

// ServeAlone answers people's requests at a socket that nobody else finds, until stop is called.
func ServeAlone(ctx context.Context, program *Program) (socket string, stop func(context.Context) error, err error) {
	people, err := NewPeople(program, program.Log)
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "citycard-")
	if err != nil {
		return "", nil, err
	}
	end, err := ServePeople(ctx, people, dir, func(error) {}, program.Log)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return peopleapi.SocketPath(dir), func(ctx context.Context) error { return errors.Join(end(ctx), os.RemoveAll(dir)) }, nil
}

// startPeople serves people at the socket of the data directory and, where that is safe, at the
// address of the API.
func (c *Server) startPeople(ctx context.Context, a *api, dir string, ops *service.Ops, stack *service.Stack, log *slog.Logger) error {
	program := c.program(dir, log)
	program.Hosts = a.settings.isHost
	full := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "citycard_listings_refused_total", Help: "Cards that were not listed because a clerk or a channel had as many listed on that day without a proof as the rules allow.",
	})
	ops.Registry().MustRegister(full)
	program.Full = func(order *cards.Order, person string) {
		full.Inc()
		log.Warn("no more cards are listed today without a proof", "channel", order.Channel, "counter", order.Counter, "person", person)
	}
	people, err := NewPeople(program, log)
	if err != nil {
		return err
	}
	if a.settings.Certificate != "" || onLoopback(a.settings.Address) {
		a.mux.Handle(peopleapi.Path, people.Remote())
		a.staff = people.Remote()
	}
	stop, err := ServePeople(ctx, people, dir, c.fail, log)
	if err != nil {
		return err
	}
	stack.Push("API for people", stop)
	c.people = people
	c.Socket = peopleapi.SocketPath(dir)
	client := peopleapi.AtSocket(c.Socket, language.Language{})
	ops.Check("people", func(ctx context.Context) error {
		_, err := client.Books(ctx)
		return err
	})
	return nil
}

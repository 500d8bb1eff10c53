package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/prometheus/client_golang/prometheus"

	"citycard/broker"
	"citycard/cmd/service"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
)

// Roles of an agent.
const (
	roleWatch     = "watch"
	roleGate      = "gate"
	roleValidator = "validator"
)

// agent is `cardterm` itself: one reader, served until it is stopped.
type agent struct {
	service.Common
	readerFlags
	module moduleFlags
	place  placeFlags
	role   string
	kafka  string
	access broker.Access
	fares  string
	ops    string
	zone   string
	trace  bool
}

func agentCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm", flag.ContinueOnError)
	a := &agent{Common: service.Common{Data: "cardterm-data"}}
	a.Register(flags)
	flags.StringVar(&a.name, "reader", "", "`NAME` of the reader, or a part of it; the first one where empty")
	flags.StringVar(&a.role, "role", roleWatch, "the terminal's `ROLE`: watch (show cards), gate (metro), validator (bus)")
	flags.StringVar(&a.kafka, "kafka", "", "`HOST:PORT` of the brokers, by commas; gates and validators")
	a.access.Register(flags)
	flags.StringVar(&a.fares, "fares", "", "`FILE` with a fare table in JSON; empty: those of topic fares, as they are published")
	flags.StringVar(&a.ops, "ops", "", "`ADDRESS` for /metrics, /healthz, /readyz; none where empty")
	flags.StringVar(&a.zone, "zone", "Asia/Shanghai", "time `ZONE` of the city")
	flags.BoolVar(&a.trace, "trace", false, "print the dialogue with every card, explained, as it goes on")
	a.module.register(flags)
	a.place.register(flags)
	return &ffcli.Command{
		Name: "cardterm", ShortUsage: "cardterm [flags] | cardterm read | cardterm trace | cardterm issue",
		ShortHelp: "terminal agent for one reader",
		LongHelp: "With --trace each command to a card and its answer is printed on standard output with its fields and\n" +
			"its status word in words, as cardterm trace does, in every role. Keys, PINs and the holder's data are\n" +
			"never shown. A card is never kept waiting: what the output does not take in time is left out.",
		FlagSet: flags, Exec: a.exec,
	}
}

func (a *agent) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	zone, err := time.LoadLocation(a.zone)
	if err != nil {
		return service.Exit(service.ExitUsage, service.Fail("unknown time zone %s", a.zone).Todo("give --zone as Area/City"))
	}
	switch a.role {
	case roleWatch, roleGate, roleValidator:
	default:
		return service.Exit(service.ExitUsage, service.Fail("unknown role %q", a.role).Todo("give --role watch, gate or validator"))
	}
	log := a.Logger()
	stack := service.NewStack(log, 10*time.Second)
	defer func() { err = errors.Join(err, stack.Close()) }()
	pages := service.NewOps("cardterm", log)
	l := &lane{name: a.name, log: log, zone: zone, taps: newTapCounter(pages.Registry())}
	stack.Push("reader", func(context.Context) error { return l.leave() })
	if err := openAtLast(ctx, log, l.reopen); err != nil {
		return stoppedWaiting(ctx, err)
	}
	pages.Check("reader", l.ready)
	log.Info("reader open", "reader", l.reader.Name(), "role", a.role)
	if a.trace {
		signal.Ignore(syscall.SIGPIPE)
		l.live = startLive(os.Stdout, a.Language, log)
		stack.Push("trace", l.live.Close)
	}
	l.serve = l.watch
	if a.role != roleWatch {
		if err := a.open(ctx, stack, l, pages); err != nil {
			return stoppedWaiting(ctx, err)
		}
		l.serve = l.charge
	}
	running, end := context.WithCancelCause(ctx)
	defer end(nil)
	if a.ops != "" {
		if err := pages.Start(ctx, a.ops, end); err != nil {
			return err
		}
		stack.Push("pages", pages.Close)
	}
	service.NotifyReady(log)
	defer service.NotifyStopping(log)
	if err := l.run(running); err != nil || ctx.Err() != nil {
		return err
	}
	return context.Cause(running)
}

// stoppedWaiting returns nil if the program was told to stop while it waited, else the error.
func stoppedWaiting(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// open opens everything that a lane needs to take fares.
func (a *agent) open(ctx context.Context, stack *service.Stack, l *lane, pages *service.Ops) error {
	if a.kafka == "" {
		return service.Exit(service.ExitUsage, service.Fail("no broker").Todo("give --kafka HOST:PORT"))
	}
	up := uplink{brokers: strings.Split(a.kafka, ","), access: a.access}
	if _, err := up.options(); err != nil {
		return service.Exit(service.ExitUsage, err)
	}
	dir, err := service.OpenDataDir(a.Data, "agent")
	if err != nil {
		return err
	}
	stack.Push("data directory", func(context.Context) error { return dir.Close() })
	fares, err := a.openFares(ctx, stack, l, dir.Join("fares"), up, pages.Registry())
	if err != nil {
		return err
	}
	list, err := openHotlist(dir.Join("hotlist"), l.log)
	if err != nil {
		return err
	}
	out, err := outbox.Open(dir.Join("outbox"))
	if err != nil {
		return err
	}
	stack.Push("outbox", func(context.Context) error { return out.Close() })
	l.out = out
	if l.book, err = intent.Open(out, a.place.passages(a.role)); err != nil {
		return err
	}
	stack.Push("intents", func(context.Context) error { return l.book.Close() })
	equip := func() error {
		if l.seat, err = a.module.open(ctx, dir.Join("sam.img")); err != nil {
			return err
		}
		if l.role, err = a.place.role(a.role, l.seat.module, fares.Schedule, list, l.book.Begin); err != nil {
			return service.Fail("cannot take fares here").Todo("correct --line and --station, or publish fares that know them").Because(err)
		}
		return nil
	}
	if err := openAtLast(ctx, l.log, equip); err != nil {
		return err
	}
	if a.module.reader != "" {
		l.equip = equip
	}
	watchOutbox(pages, out)
	pages.Check("fares", fares.ready)
	startForwarder(ctx, stack, l.log, out, up, pages.Registry())
	followHotlist(ctx, stack, l.log, list, up, pages.Registry())
	l.log.Info("taking fares", append([]any{"terminal", fmt.Sprintf("%x", l.seat.module.Terminal())}, fares.state().attrs()...)...)
	return nil
}

// newTapCounter counts the cards served, by outcome.
func newTapCounter(registry *prometheus.Registry) *prometheus.CounterVec {
	taps := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cardterm_taps_total", Help: "Cards held to the reader, by outcome.",
	}, []string{"outcome"})
	registry.MustRegister(taps)
	return taps
}

// watchOutbox shows the outbox on the pages.
func watchOutbox(pages *service.Ops, out *outbox.Log) {
	pages.Registry().MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "cardterm_outbox_waiting", Help: "Records that the broker has not acknowledged.",
	}, func() float64 { return float64(out.Status().Waiting()) }))
	pages.Check("outbox", func(context.Context) error { return out.Ready() })
}

// logged is an error as an attribute of a log line.
func logged(err error) slog.Attr { return slog.String("error", err.Error()) }

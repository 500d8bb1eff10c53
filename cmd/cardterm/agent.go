package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/broker"
	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/terminals/hotlist"
	"citycard/terminals/reader"
)

// Roles of a lane.
const (
	roleWatch     = "watch"
	roleGate      = "gate"
	roleValidator = "validator"
	roleStation   = "station" // a desk's, of cardterm station
)

// agent is `cardterm` itself: the lanes of one machine, served until it is stopped.
type agent struct {
	service.Common
	laneFlags
	keys   keyFlags
	given  texts // --lane
	file   string
	spares texts
	kafka  string
	access broker.Access
	fares  string
	follow followFlags
	policy policyFlags
	ops    string
	zone   string
	trace  bool
	screen string // --display
	// unconfirmed is how long an outcome may stay unknown until clearing is told.
	unconfirmed time.Duration
}

func agentCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm", flag.ContinueOnError)
	a := newAgent()
	a.registerAll(flags)
	return &ffcli.Command{
		Name: "cardterm", ShortUsage: "cardterm [flags] | cardterm COMMAND",
		ShortHelp: "terminal agent for the readers of one machine",
		LongHelp: "Without --lane and --lanes there is one lane, called 1, as the flags say. With them each lane has a reader\n" +
			"and a SAM, an outbox and metrics of its own; a lane that cannot work does not stop the others.\n" +
			"Readers, cards and pcscd may come and go: a lane says in one line why it is out of service, and goes on by itself.\n\n" +
			"With --trace each command to a card and its answer is printed on standard output with its fields and\n" +
			"its status word in words, as cardterm trace does, in every role. Keys, PINs and the holder's data are\n" +
			"never shown. A card is never kept waiting: what the output does not take in time is left out.",
		FlagSet: flags, Exec: a.exec,
	}
}

func newAgent() agent {
	return agent{Common: service.Common{Data: "cardterm-data"}, laneFlags: laneFlags{role: roleWatch, place: anyPlace(), repeat: 5 * time.Second, notice: noticeFlags{expiryDays: 30}}}
}

// registerAll registers the flags of the agent.
func (a *agent) registerAll(flags *flag.FlagSet) {
	a.Register(flags)
	a.register(flags)
	a.keys.register(flags)
	flags.Var(&a.given, "lane", "a lane of its own `SETTINGS`: name=gate-3,reader=…,sam=…,direction=out; once for each lane, what it does not name is as the flags say")
	flags.StringVar(&a.file, "lanes", "", "`FILE` with the lanes in JSON, in place of --lane")
	flags.Var(&a.spares, "spare-sam", "a SAM that takes the place of a lane's own which fails: `SETTINGS` sam=…,line=…,station=…,operator=…; only for lanes of that line, station and operator")
	flags.StringVar(&a.kafka, "kafka", "", "`HOST:PORT` of the brokers, by commas; gates and validators")
	a.access.Register(flags)
	flags.StringVar(&a.fares, "fares", "", "`FILE` with a fare table in JSON; empty: those of topic fares, as they are published")
	a.follow.register(flags)
	a.policy.register(flags)
	flags.StringVar(&a.ops, "ops", "", "`ADDRESS` for /metrics, /healthz, /readyz; none where empty")
	flags.StringVar(&a.zone, "zone", "Asia/Shanghai", "time `ZONE` of the city")
	flags.StringVar(&a.screen, "display", "", "`WHERE` results go as lines of JSON, for displays: stdout, or unix:PATH, a socket at which they are read")
	flags.DurationVar(&a.unconfirmed, "unconfirmed-after", 24*time.Hour, "tell the clearing centre of a payment whose outcome is still not known after `DURATION`")
	flags.BoolVar(&a.trace, "trace", false, "print the dialogue with every card, explained, as it goes on")
}

func (a *agent) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	zone, err := time.LoadLocation(a.zone)
	if err != nil {
		return service.Exit(service.ExitUsage, service.Fail("unknown time zone %s", a.zone).Todo("give --zone as Area/City"))
	}
	settings, spares, err := a.lanes()
	if err != nil {
		return err
	}
	log := a.Logger()
	stack := service.NewStack(log, 10*time.Second)
	defer func() { err = errors.Join(err, stack.Close()) }()
	pages := service.NewOps("cardterm", log)
	common := &shared{log: log, zone: zone, keys: a.keys, readers: reader.Observe(), spares: &spareSAMs{all: spares}}
	stack.Push("readers", func(context.Context) error { return common.readers.Close() })
	if err := a.show(ctx, stack, common, pages); err != nil {
		return err
	}
	if a.trace {
		signal.Ignore(syscall.SIGPIPE)
		common.live = startLive(os.Stdout, a.Language, log)
		stack.Push("trace", common.live.Close)
	}
	if err := a.open(ctx, stack, common, settings, pages); err != nil {
		return stoppedWaiting(ctx, err)
	}
	taps := newTapCounter(pages.Registry())
	lanes := make([]*lane, len(settings))
	for i, s := range settings {
		lanes[i] = laneOf(common, s, taps)
		pages.Check("lane "+s.name, lanes[i].ready)
	}
	pages.Registry().MustRegister(newLaneGauges(lanes, common.left))
	if common.fares != nil {
		pages.Registry().MustRegister(newModeGauges(lanes))
		stack.Go(ctx, "modes of lanes", func(ctx context.Context) { watchModes(ctx, lanes) })
		told := &acks{shared: common, lanes: lanes, up: common.up, said: map[string]*message.Ack{}}
		stack.Go(ctx, "acks", told.run)
	}
	running, end := context.WithCancelCause(ctx)
	defer end(nil)
	if a.ops != "" {
		if err := pages.Start(ctx, a.ops, end); err != nil {
			return err
		}
		stack.Push("pages", pages.Close)
	}
	runAll(running, log, lanes)
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(running)
}

// show begins to show results, if that is asked for.
func (a *agent) show(ctx context.Context, stack *service.Stack, common *shared, pages *service.Ops) (err error) {
	switch {
	case a.screen == "":
		return nil
	case a.trace && a.screen == "stdout":
		return service.Exit(service.ExitUsage, service.Fail("--trace and --display stdout write to the same place").Todo("give --display unix:PATH"))
	}
	signal.Ignore(syscall.SIGPIPE)
	if common.display, err = startDisplay(ctx, a.screen, common.log, pages.Registry()); err == nil {
		stack.Push("display", common.display.Close)
	}
	return err
}

// runAll runs the lanes until ctx ends.
func runAll(ctx context.Context, log *slog.Logger, lanes []*lane) {
	openAll(ctx, lanes)
	var all sync.WaitGroup
	for _, l := range lanes {
		all.Go(func() { l.run(ctx) })
	}
	for _, l := range lanes {
		select {
		case <-l.tried:
		case <-ctx.Done():
		}
	}
	if ctx.Err() == nil {
		service.NotifyReady(log)
		all.Go(func() {
			service.NotifyAlive(ctx, log, func() bool {
				return !slices.ContainsFunc(lanes, func(l *lane) bool { return l.hangs(time.Now()) })
			})
		})
	}
	<-ctx.Done()
	service.NotifyStopping(log)
	all.Wait()
}

// stoppedWaiting returns nil if the program was told to stop while it waited, else the error.
func stoppedWaiting(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// shared is what the lanes of an agent have in common. Where no lane takes fares, it is only the
// first part.
type shared struct {
	log     *slog.Logger
	zone    *time.Location
	keys    keyFlags
	readers *reader.Observer
	spares  *spareSAMs
	live    *live    // or nil
	display *display // or nil

	dir     *service.DataDir
	up      uplink
	fares   *fares
	hot     *hotlist.List
	hotRead *atomic.Int64 // when hot was last known to be the published one, in seconds since 1970
	forward *forwarder
	intents *neighbours
	left    []*leftLane // outboxes without a lane
	policy  *policy
	modes   *serviceModes
}

// open opens what lanes need to take fares.
func (a *agent) open(ctx context.Context, stack *service.Stack, common *shared, lanes []laneFlags, pages *service.Ops) (err error) {
	charging := lanes[:0:0]
	for _, l := range lanes {
		if l.charges() {
			charging = append(charging, l)
		}
	}
	if len(charging) == 0 {
		return nil
	}
	if a.kafka == "" {
		return service.Exit(service.ExitUsage, service.Fail("no broker").Todo("give --kafka HOST:PORT"))
	}
	up := uplink{brokers: strings.Split(a.kafka, ","), access: a.access}
	if _, err := up.options(); err != nil {
		return service.Exit(service.ExitUsage, err)
	}
	publisher, err := a.follow.key()
	if err != nil {
		return err
	}
	if common.dir, err = service.OpenDataDir(a.Data, "agent"); err != nil {
		return err
	}
	stack.Push("data directory", func(context.Context) error { return common.dir.Close() })
	if up.trust, err = openTrust(common.dir.Join("publisher"), publisher, common.log); err != nil {
		return err
	}
	common.up = up
	if common.fares, err = a.openFares(ctx, stack, common, charging, up, pages.Registry()); err != nil {
		return err
	}
	pages.Check("fares", common.fares.ready)
	if common.hot, err = openHotlist(common.dir.Join("hotlist"), common.log); err != nil {
		return err
	}
	if common.modes, err = openModes(common.dir.Join("modes"), common.log); err != nil {
		return err
	}
	common.forward = startForwarder(ctx, stack, common.log, up, pages.Registry())
	common.hotRead = followHotlist(ctx, stack, common.log, common.zone, common.hot, up, pages.Registry())
	common.modes.follow(ctx, stack, common.log, common.zone, up, pages.Registry())
	common.policy = openPolicy(a.policy, common.log, common.dir.Join("current"), a.latest(common))
	pages.Registry().MustRegister(common.policy.gauge())
	common.intents = startNeighbours(ctx, stack, common, charging, a.unconfirmed, up)
	common.left, err = a.openLeft(ctx, stack, common, lanes)
	return err
}

// latest says when the lanes last had all that is published, in seconds since 1970. What a file
// gives is not published.
func (a *agent) latest(common *shared) func() int64 {
	if a.fares != "" {
		return func() int64 { return min(common.hotRead.Load(), common.modes.read.Load()) }
	}
	return func() int64 {
		return min(common.hotRead.Load(), common.modes.read.Load(), common.fares.read.Load())
	}
}

// logged is an error as an attribute of a log line.
func logged(err error) slog.Attr { return slog.String("error", err.Error()) }

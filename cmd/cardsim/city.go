package main

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/simulators/city"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
	"citycard/terminals/counter"
	"citycard/terminals/downlink"
	"citycard/terminals/outbox"
	"citycard/terminals/tariff"
)

// fareWait is how long the day waits for a broker and a fare table, if not told otherwise.
const fareWait = 2 * time.Minute

// dayInTheCity is the command `cardsim city`.
type dayInTheCity struct {
	settings
	kafka  string
	access broker.Access
	opts   []kgo.Opt // that access asks for
	api    string
	tokens string
	rides  int
	days   int
	wait   time.Duration
	shares plan.Shares
	vpcd   list
	taps   int
	tills  bool
	ask    func(reason string, from int) // for an update at the desk
	serve  func(context.Context, city.Ask) error
	flags  *flag.FlagSet

	// without chips
	hot       string
	orderSeed uint64
	part      string
}

func cityCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardsim city", flag.ContinueOnError)
	var c dayInTheCity
	c.register(flags)
	flags.StringVar(&c.kafka, "kafka", "127.0.0.1:9092", "`HOST:PORT[,HOST:PORT]` of the message log")
	c.access.Register(flags)
	flags.StringVar(&c.api, "api", "http://"+service.LoadAuthority, "`URL` of the load authority")
	flags.StringVar(&c.tokens, "tokens", "", "`DIR` with the channels' tokens, ID.token each, as citycard access issue --out writes them")
	flags.IntVar(&c.rides, "rides", 0, "rides of a card in a day, about, a `NUMBER`; 0: 15, direct 4")
	flags.IntVar(&c.days, "days", 1, "`NUMBER` of days in a row")
	flags.DurationVar(&c.wait, "wait", fareWait, "`TIME` to wait for Kafka and for the fares that citycard serve publishes")
	registerShares(flags, &c.shares)
	flags.Var(&c.vpcd, "vpcd", "`HOST:PORT` of a slot of the virtual readers, once for each slot that the city was issued with; lanes of cardterm serve there")
	flags.IntVar(&c.taps, "reader-taps", 0, "`NUMBER` of taps at the lanes")
	flags.BoolVar(&c.tills, "counters", false, "before the lanes serve, cards are sold, loaded and taken back at these readers: what is wanted is said on standard output, and a line of standard input says that it was done")
	c.registerDirect(flags)
	flags.StringVar(&c.hot, "hot-operator", "", "direct: `ID` of the operator that has most of the rides")
	flags.Uint64Var(&c.orderSeed, "order-seed", 0, "direct: `NUMBER` that shuffles the order of sending; 0: as it happened")
	flags.StringVar(&c.part, "part", "", "direct: send only part `N/M` of the day, in turn; the truth is the whole day's")
	c.flags = flags
	return &ffcli.Command{
		Name:       "city",
		ShortUsage: "cardsim city --keys FILE [flags]",
		ShortHelp:  "play days of the city into Kafka and write the truth beside them",
		LongHelp: "With --direct, or above 200000 cards, taps come straight from compact state, with the TACs that the cards would\n" +
			"have made: no chips, loads, claims or pensions; purses are those of registry/purses.csv. Such a day may be played\n" +
			"again after an interruption; its records are the same.",
		FlagSet: flags,
		Exec:    c.exec,
	}
}

func (c *dayInTheCity) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	store, err := c.store()
	if err != nil {
		return err
	}
	day, err := c.midnight(time.Now())
	if err != nil {
		return err
	}
	if c.days < 1 || c.days > 366 {
		return service.Exit(service.ExitUsage, language.Textf("--days %d: want 1 to 366", c.days))
	}
	if err := c.shares.Check(); err != nil {
		return service.Exit(service.ExitUsage, err)
	}
	if c.slots = len(c.vpcd); c.taps < 0 || (c.taps > 0 || c.tills) && c.slots == 0 {
		return service.Exit(service.ExitUsage, service.Fail("taps and counters at readers need their slots").Todo("give --vpcd for each"))
	}
	if names := c.onlyDirect(); !c.direct() && len(names) > 0 {
		return service.Exit(service.ExitUsage, language.Textf("%s: only with --direct", strings.Join(names, " ")))
	}
	if c.opts, err = c.access.Options(c.kafka); err != nil {
		return service.Exit(service.ExitUsage, err)
	}
	dir, err := c.directory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	progress := newProgress(os.Stdout, time.Now)
	c.ask = progress.ask
	if c.tills {
		c.serve = newTills(progress, os.Stdin).serve
	}
	issued, town, _, err := c.issue(ctx, day, "", store, counter.Maker{}, progress)
	if err != nil {
		return err
	}
	play := c.playChips
	if issued.Direct() {
		play = c.playDirect
	}
	for i := range c.days {
		date := day.AddDate(0, 0, i)
		fares, err := c.fares(ctx, date)
		if err != nil {
			return err
		}
		err = play(ctx, plan.Day{
			Dir: c.Data, City: issued, Town: town, Keys: store, Fares: fares, Date: date,
			Shares: c.shares, Rides: c.rides, Progress: progress.report,
		})
		if err != nil {
			return err
		}
	}
	return progress.Err()
}

// playChips plays one day with real card dialogues and writes its truth.
func (c *dayInTheCity) playChips(ctx context.Context, day plan.Day) error {
	played, err := c.play(ctx, day)
	if err != nil {
		return err
	}
	if err := truth.Write(filepath.Join(c.Data, "truth"), played.Records, played.Purses, played.Summary); err != nil {
		return service.Fail("truth not written").Todo("check the disk").Because(err)
	}
	return nil
}

func (c *dayInTheCity) brokers() []string { return strings.Split(c.kafka, ",") }

// fares waits until a table holds at the day's midnight, and reads all that are published.
func (c *dayInTheCity) fares(ctx context.Context, day time.Time) (*tariff.Schedule, error) {
	ctx, cancel := context.WithTimeout(ctx, c.wait)
	defer cancel()
	fares, err := downlink.Fares(ctx, c.brokers(), day, func(why error) {
		c.Logger().Info("waiting for serve to be ready", "for", "fares from Kafka", "kafka", c.kafka, "at_most", c.wait, "why", why)
	}, c.opts...)
	if errors.Is(err, tariff.ErrNone) {
		return nil, service.Fail("topic fares has no table that has begun").Todo("start citycard serve first: it publishes them; citycard rules show lists their days")
	}
	if err != nil {
		return nil, service.Unreachable("cannot read the fares from Kafka at %s", c.kafka).Todo("start the broker or correct --kafka, --kafka-user and --kafka-tls-ca").Because(err)
	}
	return fares, nil
}

// play plays the day while the outbox is forwarded, and waits until the broker
// has acknowledged everything.
func (c *dayInTheCity) play(ctx context.Context, day plan.Day) (played *city.Played, err error) {
	box, err := outbox.Open(filepath.Join(c.Data, "outbox"))
	if err != nil {
		return nil, service.Fail("the outbox cannot be used").Todo("see what it says; free some space").Because(err)
	}
	authority, err := c.authority()
	if err != nil {
		return nil, errors.Join(err, box.Close())
	}
	client, err := kgo.NewClient(slices.Concat(outbox.ProducerOptions(c.brokers()...), []kgo.Opt{kgo.AlwaysRetryEOF()}, c.opts)...)
	if err != nil {
		return nil, errors.Join(service.Fail("bad address of the message log").Todo("correct --kafka").Because(err), box.Close())
	}
	forwarding, stop := context.WithCancelCause(ctx)
	gone := make(chan error, 1)
	go func() {
		err := box.Forward(forwarding, client)
		stop(language.Textf("records cannot be sent: %w", err))
		gone <- err
	}()
	defer func() {
		stop(nil)
		<-gone
		client.Close()
		err = errors.Join(err, box.Close())
	}()
	played, err = city.Play(forwarding, city.Options{Day: day, Authority: authority, Outbox: box, Readers: city.Readers{Slots: c.vpcd, Taps: c.taps, Ask: c.ask, Serve: c.serve}})
	if err == nil {
		err = box.Drain(forwarding)
	}
	if errors.Is(err, city.ErrUnfinished) {
		err = service.Refuse("a day in %s was interrupted; its cards no longer fit the books", c.Data).Todo("give an empty directory with --data")
	}
	if err != nil && forwarding.Err() != nil && ctx.Err() == nil {
		err = service.Unreachable("Kafka at %s does not take the records", c.kafka).Todo("look at the broker's log").Because(context.Cause(forwarding))
	}
	return played, err
}

// authority asks the load authority over HTTP, for many lots in parallel. If there is no answer it
// repeats the request for about two minutes.
func (c *dayInTheCity) authority() (counter.LoadAuthority, error) {
	client := &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute},
	}
	tokens, err := readTokens(c.tokens)
	if err != nil {
		return nil, err
	}
	once, err := counter.NewHTTPAuthority(c.api, tokens, client)
	if err != nil {
		return nil, service.Fail("bad address of the load authority").Todo("correct --api").Because(err)
	}
	return city.Persistent{Authority: once, Tries: 60, First: 50 * time.Millisecond, Longest: 2 * time.Second}, nil
}

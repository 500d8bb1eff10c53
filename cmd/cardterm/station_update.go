package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"
	"golang.org/x/term"

	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/card"
	"citycard/terminals/exits"
	"citycard/terminals/reader"
	"citycard/terminals/station"
)

// sendWait is how long the command waits for the brokers to take its record.
const sendWait = 5 * time.Second

// stationProgram is what the commands of a desk with a SAM have in common: an agent with one lane.
type stationProgram struct {
	agent
	wait  time.Duration // for a card
	exits exitFlags
}

func newStationProgram() stationProgram {
	p := stationProgram{agent: newAgent()}
	p.name, p.role, p.repeat = "desk", roleStation, 0
	p.exits.minutes = 15
	return p
}

// registerStation registers the flags of a desk.
func (p *stationProgram) registerStation(flags *flag.FlagSet) {
	p.Register(flags)
	flags.StringVar(&p.reader, "reader", "", "`NAME` of the reader, or a part of it; the first one where empty")
	flags.DurationVar(&p.wait, "wait", 10*time.Second, "wait for a card for `DURATION`")
	p.module.register(flags)
	p.place.registerDesk(flags)
	p.exits.register(flags)
	p.keys.register(flags)
	flags.StringVar(&p.kafka, "kafka", "", "`HOST:PORT` of the brokers, by commas")
	p.access.Register(flags)
	flags.StringVar(&p.agent.fares, "fares", "", "`FILE` with a fare table in JSON; empty: those of topic fares, as they are published")
	p.follow.register(flags)
	p.policy.register(flags)
	flags.StringVar(&p.zone, "zone", "Asia/Shanghai", "time `ZONE` of the city")
	flags.DurationVar(&p.unconfirmed, "unconfirmed-after", 24*time.Hour, "tell the clearing centre of a payment whose outcome is still not known after `DURATION`")
}

// check refuses a desk that could never work.
func (p *stationProgram) check() error {
	if p.module.reader == "" && p.module.terminal == "" {
		return language.Textf("no SAM: want sam (a reader), or for development terminal (12 digits)")
	}
	if err := p.exits.check(); err != nil {
		return err
	}
	return p.place.check(roleGate)
}

// start starts the desk; the stack ends it.
func (p *stationProgram) start(ctx context.Context, stack *service.Stack, pages *service.Ops) (*desk, error) {
	zone, err := time.LoadLocation(p.zone)
	if err != nil {
		return nil, service.Exit(service.ExitUsage, service.Fail("unknown time zone %s", p.zone).Todo("give --zone as Area/City"))
	}
	if err := p.check(); err != nil {
		return nil, service.Exit(service.ExitUsage, service.Fail("a desk cannot work so").Todo("correct it; cardterm station update --help lists the flags").Because(err))
	}
	log := p.Logger()
	common := &shared{log: log, zone: zone, keys: p.keys, readers: reader.Observe(), spares: &spareSAMs{}}
	stack.Push("readers", func(context.Context) error { return common.readers.Close() })
	if err := p.open(ctx, stack, common, []laneFlags{p.laneFlags}, pages); err != nil {
		return nil, err
	}
	d := deskOf(laneOf(common, p.laneFlags, newTapCounter(pages.Registry())))
	pages.Check("desk", d.ready)
	pages.Registry().MustRegister(newLaneGauges([]*lane{d.lane}, common.left))
	stack.Go(ctx, "desk", d.run)
	select {
	case <-d.tried:
		return d, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// updateProgram is `cardterm station update`.
type updateProgram struct {
	stationProgram
	reason string
	from   uint
	line   uint // of that station
	pay    string
	staff  string
	ticket bool // give one afterwards
	yes    bool
	dry    bool
	json   bool
}

func stationUpdateCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm station update", flag.ContinueOnError)
	p := &updateProgram{stationProgram: newStationProgram(), pay: string(station.FromCard)}
	p.LogLevel = 4 // warnings; what was done is on standard output
	p.registerStation(flags)
	flags.StringVar(&p.reason, "reason", "", "`CODE` of the update: 01 inside for too long, 02 trip beyond the balance, 03 no entry, 10 has an entry, 12 has an old entry")
	flags.UintVar(&p.from, "from", 0, "with 03: `STATION` at which the passenger got in; 0 where nobody can say, then the trip ends here for the highest fare")
	flags.UintVar(&p.line, "from-line", 0, "with --from: `NUMBER` of a line of that station, for service modes that are of a line; 0 where nobody says")
	flags.StringVar(&p.pay, "pay", p.pay, "`HOW` it is paid: card, cash, or both, where the card pays what it holds and cash the rest")
	flags.StringVar(&p.staff, "staff", "", "name or number of `WHO` does it; must be given where cash is taken")
	flags.BoolVar(&p.ticket, "ticket", false, "give an exit ticket afterwards, with an update that ends a trip inside: 01, 02, or 03 without --from; it wants --staff")
	flags.BoolVar(&p.yes, "yes", false, "do not ask")
	flags.BoolVar(&p.dry, "dry-run", false, "show what would be done, and do not change the card")
	flags.BoolVar(&p.json, "json", false, "print JSON")
	return &ffcli.Command{
		Name: "update", ShortUsage: "cardterm station update --reason CODE [flags]", ShortHelp: "correct the card in the reader, for what the fares in force say",
		LongHelp: "Shows what the update does and costs, asks, and does it on that card in that state alone. The record is on the\n" +
			"disk before the card is told to pay, like a gate's; it is sent at once, or later by the next run of the desk.\n" +
			"All updates but 03 with --from end the trip here for what a gate takes.",
		FlagSet: flags, Exec: p.exec,
	}
}

func (p *updateProgram) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	reason, err := station.ParseCode(p.reason)
	if err != nil {
		return service.Exit(service.ExitUsage, service.Fail("--reason %q", p.reason).Todo("give one that cardterm station look names").Because(err))
	}
	ask := station.Request{Reason: reason, From: uint32(min(p.from, 0xFFFF)), FromLine: uint32(min(p.line, 1<<17)), Pay: station.Payment(p.pay), Staff: p.staff}
	if p.ticket && (!ask.LetsOut() || p.staff == "") {
		return service.Exit(service.ExitUsage, service.Fail("no exit ticket for this").Todo("leave --ticket out, or give --staff and an update that ends a trip inside: 01, 02, or 03 without --from"))
	}
	stack := service.NewStack(p.Logger(), 10*time.Second)
	defer func() { err = errors.Join(err, stack.Close()) }()
	d, err := p.start(ctx, stack, service.NewOps("cardterm", p.Logger()))
	if err != nil {
		return stoppedWaiting(ctx, err)
	}
	tap, err := p.update(ctx, d, ask)
	if err != nil || tap == nil {
		return err
	}
	if done := (station.Request{Reason: tap.GetUpdate().GetReason(), From: tap.GetEntryStation()}); p.ticket && done.LetsOut() {
		defer func() { err = errors.Join(err, p.letOut(ctx, d, tap)) }()
	}
	sent := d.sent(ctx, sendWait)
	if err := d.policy.keep(time.Now()); err != nil {
		d.log.Warn("when the desk last had all that is published is not written down", logged(err))
	}
	return p.done(os.Stdout, tap, sent)
}

// letOut gives the exit ticket of an update that was done.
func (p *updateProgram) letOut(ctx context.Context, d *desk, tap *message.Tap) error {
	t, err := d.give(exits.Request{
		Reason: message.ExitReason_EXIT_REASON_TRIP_ENDED, Update: tap.GetUpdate().GetReason(), Card: tap.GetDebit().GetCard(), Staff: p.staff,
	}, p.exits.valid())
	if err != nil {
		return service.Fail("the update is done, and there is no exit ticket").Todo("cardterm station ticket give --reason ended").Because(err)
	}
	out := &ticketProgram{stationProgram: p.stationProgram, json: p.json}
	if err := out.printed(ctx, d, t); err != nil {
		return err
	}
	d.sent(ctx, sendWait)
	return nil
}

// update looks, asks, and does it. The tap is nil if nothing was to be done.
func (p *updateProgram) update(ctx context.Context, d *desk, ask station.Request) (*message.Tap, error) {
	here, err := d.here()
	if err != nil {
		return nil, err
	}
	var r station.Reading
	var at time.Time
	var paid *message.Tap
	if p.dry {
		r, at, err = d.peek(ctx, p.wait)
	} else {
		r, at, paid, err = d.look(ctx, p.wait)
	}
	if err != nil || paid != nil {
		return paid, err
	}
	o, err := here.Offer(&r, ask, at)
	if err != nil {
		return nil, service.Refuse("no update").Todo("cardterm station look says what helps").Because(err)
	}
	if p.dry {
		return nil, p.offer(os.Stdout, &o)
	}
	if !p.yes {
		if err := p.agree(&o); err != nil {
			return nil, err
		}
	}
	tap, err := d.correct(ctx, p.wait, o)
	return tap, p.failed(tap, err)
}

// failed says what an error of an update means. A tap beside it is a payment that was made.
func (p *updateProgram) failed(tap *message.Tap, err error) error {
	_, unknown := errors.AsType[*card.UnknownError](err)
	switch {
	case err == nil, tap != nil:
		return nil
	case unknown:
		return service.Fail("whether the card has paid is not known").Todo("give the same command again with the same card: it tells, and pays once").Because(err)
	case errors.Is(err, station.ErrChanged):
		return service.Refuse("nothing was done").Todo("give the command again").Because(err)
	}
	return err
}

// agree shows the offer on a terminal and asks.
func (p *updateProgram) agree(o *station.Offer) error {
	nothing := service.Refuse("nothing was done")
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nothing.Todo("give --yes").Because(language.Textf("here is no terminal to ask on"))
	}
	if err := showOffer(os.Stderr, o, p.Language); err != nil {
		return err
	}
	p.Say("type yes to do it:")
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if word := strings.TrimSpace(answer); err != nil || word != "yes" && word != "是" {
		return nothing.Because(language.Textf("the answer was no"))
	}
	return nil
}

// offer prints what would be done.
func (p *updateProgram) offer(out io.Writer, o *station.Offer) error {
	if !p.json {
		return showOffer(out, o, p.Language)
	}
	return printJSON(out, &updated{Update: o.Reason.Code(), Card: maskedCard(o.Card.ASN[:]), Fen: o.Fen, Cash: o.Cash, Balance: o.Left(), Entry: o.Entry, Staff: o.Staff})
}

// updated is an update as JSON.
type updated struct {
	Done    bool   `json:"done"`
	Sent    bool   `json:"sent"` // the brokers have it; else it waits on the disk
	Update  string `json:"update"`
	Card    string `json:"card"` // masked
	Fen     uint32 `json:"amount_fen"`
	Cash    uint32 `json:"cash_fen"`
	Balance int32  `json:"balance_fen"` // below 0: overdrawn
	Entry   uint32 `json:"entry_station,omitempty"`
	Staff   string `json:"staff,omitempty"`
	Time    string `json:"time,omitempty"` // as signed, YYYYMMDDhhmmss
}

// done prints what was done.
func (p *updateProgram) done(out io.Writer, tap *message.Tap, sent bool) error {
	u, d := tap.GetUpdate(), tap.GetDebit()
	if p.json {
		return printJSON(out, &updated{
			Done: true, Sent: sent, Update: u.GetReason().Code(), Card: maskedCard(d.GetCard()), Fen: d.GetAmountFen(), Cash: u.GetCashFen(),
			Balance: tap.GetBalanceFen(), Entry: tap.GetEntryStation(), Staff: u.GetStaff(), Time: fmt.Sprintf("%x", d.GetTime()),
		})
	}
	p.Print("update %s done: %s yuan from the card, %s in cash; it holds %s", u.GetReason().Code(), yuan(d.GetAmountFen()), yuan(u.GetCashFen()), yuan(tap.GetBalanceFen()))
	if !sent {
		p.Say("its record waits on the disk; the next run of the desk sends it")
	}
	return nil
}

func printJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

func maskedCard(asn []byte) string { return tunion.Masked(fmt.Sprintf("%x", asn)) }

// showOffer prints an offer for people.
func showOffer(out io.Writer, o *station.Offer, l language.Language) error {
	table := &service.Table{}
	table.Add(l.Of("card number"), maskedCard(o.Card.ASN[:]))
	table.Add(l.Of("update"), o.Reason.Code()+" "+station.Name(o.Reason).In(l))
	table.Add(l.Of("what it does"), o.Text().In(l))
	table.Add(l.Of("from the card"), language.Textf("%s yuan", yuan(o.Fen)).In(l))
	table.Add(l.Of("in cash"), language.Textf("%s yuan", yuan(o.Cash)).In(l))
	table.Add(l.Of("balance"), language.Textf("%s yuan, afterwards %s", yuan(o.Balance), yuan(o.Left())).In(l))
	table.Add(l.Of("fares"), o.Fares)
	return table.Write(out)
}

// sent waits until the brokers have everything, and reports whether they do.
func (d *desk) sent(ctx context.Context, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if box := d.box.Load(); box != nil && box.Status().Waiting() == 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

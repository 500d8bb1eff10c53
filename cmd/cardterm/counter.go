package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/broker"
	"citycard/clearing/message"
	"citycard/clearing/verdict"
	"citycard/cmd/keyserver"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/counter"
	"citycard/terminals/outbox"
	"citycard/terminals/reader"
)

const (
	// counterPurpose marks the data directory of a counter.
	counterPurpose = "counter"
	// receiptDays is how long receipts that were printed are kept.
	receiptDays = 90
	// authorityLimit is how long the load authority may take to answer once.
	authorityLimit = 8 * time.Second
)

// counterProgram is what the commands of a counter have in common.
type counterProgram struct {
	service.Common
	readerFlags
	kafka  string
	access broker.Access
	zone   string
	centre officeFlags
	till   tillFlags
	module moduleFlags // at which cards that are taken back pay their balance
	// keyService secures what is written on cards.
	keyService keyserver.ClientSettings
	print      printerFlags
	json       bool
	typed      typing
}

// tillFlags say whose counter it is, and where it asks for money.
type tillFlags struct {
	counter  string
	channel  string
	token    string
	loads    string
	loadsCA  string
	terminal string
	city     string
}

func newCounterProgram() counterProgram {
	return counterProgram{Common: service.Common{Data: "counter-data"}}
}

// registerCounter registers the flags of a counter.
func (p *counterProgram) registerCounter(flags *flag.FlagSet, wait time.Duration) {
	p.Register(flags)
	p.readerFlags.register(flags, wait)
	t := &p.till
	flags.StringVar(&t.counter, "counter", "c1", "`NAME` of the counter, the beginning of its order numbers: letters and digits")
	flags.StringVar(&t.channel, "channel", "", "`ID` of the channel that takes the money, as the registry has it")
	flags.StringVar(&t.token, "token", "", "`FILE` with the channel's token")
	flags.StringVar(&t.loads, "loads", "", "`URL` of the load authority, https://HOST:PORT")
	flags.StringVar(&t.loadsCA, "loads-ca", "", "PEM `FILE` of who signed the load authority's certificate; empty: those that the system trusts")
	flags.StringVar(&t.terminal, "terminal", "", "the counter's terminal number, 12 `DIGITS`")
	flags.StringVar(&p.module.reader, "sam", "", "`READER` that holds the counter's SAM, at which cards that are taken back pay their balance")
	p.module.keyFlags.registerAlone(flags)
	p.keyService.Register(flags)
	flags.StringVar(&t.city, "city", "", "clearing centre of the city, 4 `DIGITS`; empty: cards of other cities are not told apart")
	flags.StringVar(&p.kafka, "kafka", "", "`HOST:PORT` of the brokers, by commas; empty: records wait on the disk")
	p.access.Register(flags)
	flags.StringVar(&p.zone, "zone", "Asia/Shanghai", "time `ZONE` of the city")
	p.centre.register(flags)
	p.print.register(flags)
	flags.BoolVar(&p.json, "json", false, "print JSON")
}

// till is an open counter: its orders, its receipts and its reader.
type till struct {
	*counterProgram
	zoned    *time.Location
	dir      *service.DataDir
	out      *outbox.Log // orders, and the confirmations of their cards
	purse    *outbox.Log // payments of cards that are taken back
	desk     *counter.Desk
	receipts *counter.Receipts
	drawer   *counter.Drawer
	office   *office // nil: nobody is signed in
	loads    *counter.HTTPAuthority
	seat     *seat // nil: the SAM is not opened yet, or there is none
	drain    *counter.Drain
	stand    *stand
	forward  *forwarder // nil without brokers
}

// now is the time in the city.
func (t *till) now() time.Time { return time.Now().In(t.zoned) }

// openTill opens the counter; the stack closes it. asks says that it will ask for money.
func (p *counterProgram) openTill(ctx context.Context, stack *service.Stack, registry *prometheus.Registry, asks bool) (*till, error) {
	t := &till{counterProgram: p, stand: newStand(p.name)}
	stack.Push("reader", func(context.Context) error { return t.stand.close() })
	var err error
	if t.zoned, err = time.LoadLocation(p.zone); err != nil {
		return nil, service.Exit(service.ExitUsage, service.Fail("unknown time zone %s", p.zone).Todo("give --zone as Area/City"))
	}
	if t.dir, err = service.OpenDataDir(p.Data, counterPurpose); err != nil {
		return nil, err
	}
	stack.Push("data directory", func(context.Context) error { return t.dir.Close() })
	if t.receipts, err = counter.OpenReceipts(t.dir.Join("receipts"), time.Now().AddDate(0, 0, -receiptDays)); err != nil {
		return nil, err
	}
	if t.out, err = outbox.Open(t.dir.Join("orders")); err != nil {
		return nil, err
	}
	stack.Push("orders", func(context.Context) error { return t.out.Close() })
	if t.purse, err = outbox.Open(t.dir.Join("purse")); err != nil {
		return nil, err
	}
	stack.Push("payments", func(context.Context) error { return t.purse.Close() })
	stack.Push("SAM", func(context.Context) error { return t.closeSAM() })
	book, err := counter.OpenBook(t.out)
	if err != nil {
		return nil, err
	}
	if t.drawer, err = counter.OpenDrawer(t.dir.Join("drawer"), book); err != nil {
		return nil, err
	}
	stack.Push("drawer", func(context.Context) error { return t.drawer.Close() })
	t.desk = &counter.Desk{Book: book, Channel: p.till.channel, Medium: message.Medium_MEDIUM_CONTACT, Written: t.written}
	if asks {
		if err := t.authority(); err != nil {
			return nil, service.Exit(service.ExitUsage, service.Fail("the counter cannot ask for money").Todo("correct it; cardterm counter top-up --help lists the flags").Because(err))
		}
	}
	return t, t.send(ctx, stack, registry)
}

// authority prepares to ask for money.
func (t *till) authority() error {
	f := &t.till
	terminal, err := hex.DecodeString(f.terminal)
	switch {
	case f.channel == "":
		return language.Textf("--channel is missing: want the channel's id")
	case err != nil || len(terminal) != 6:
		return language.Textf("--terminal: %q, want 12 digits", f.terminal)
	case !laneName.MatchString(f.counter):
		return language.Textf("--counter: %q, want 1 to 32 letters, digits, - and _", f.counter)
	case f.token == "":
		return language.Textf("--token is missing: want the file of the channel's token; citycard access issue makes one")
	}
	t.desk.Terminal = [6]byte(terminal)
	token, err := os.ReadFile(f.token)
	if err != nil {
		return language.Textf("--token: %w", err)
	}
	client, err := httpsClient(f.loadsCA, authorityLimit)
	if err != nil {
		return language.Textf("--loads-ca: %w", err)
	}
	t.loads, err = counter.NewHTTPAuthority(f.loads, map[string]string{f.channel: strings.TrimSpace(string(token))}, client)
	if err != nil {
		return language.Textf("--loads: %w", err)
	}
	t.desk.Authority = t.loads
	return nil
}

// send begins to send the counter's records, where there are brokers.
func (t *till) send(ctx context.Context, stack *service.Stack, registry *prometheus.Registry) error {
	if t.kafka == "" {
		return nil
	}
	up := uplink{brokers: strings.Split(t.kafka, ","), access: t.access}
	if _, err := up.options(); err != nil {
		return service.Exit(service.ExitUsage, err)
	}
	t.forward = startForwarder(ctx, stack, t.Logger(), up, registry)
	for name, out := range map[string]*outbox.Log{"orders": t.out, "purse": t.purse} {
		stop := t.forward.add(ctx, name, out)
		stack.Push("forwarding of "+name, func(context.Context) error { stop(); return nil })
	}
	return nil
}

// number is a new order's number. Whatever a disk has forgotten, it was not given before.
func (t *till) number(at time.Time) (string, error) {
	var chance [4]byte
	if _, err := rand.Read(chance[:]); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s-%s-%x", t.till.counter, at.Format("20060102150405"), chance), nil
}

// written keeps the receipt of a load that its card has confirmed, and counts its cash.
func (t *till) written(placer string, l *message.Load) error {
	if err := t.receipts.Put(counter.LoadReceipt(placer, l)); err != nil {
		t.Logger().Error("a receipt is not kept", "order", l.GetOrder(), logged(err))
	}
	if placer != "" { // nobody has paid for it here
		return nil
	}
	return t.drawer.Wrote(t.own(l.GetOrder()))
}

// own is the name of an order that is paid here.
func (t *till) own(number string) counter.Name {
	return counter.OfChannel(t.till.channel, number)
}

// room says that a new order has no room on the disk.
func (t *till) room() error {
	if err := t.out.Ready(); err != nil {
		return service.Fail("no money is taken").Todo("make room on the disk of --data, or start the counter again").Because(err)
	}
	return nil
}

// said is what a command prints at its end: whether the records are with the brokers.
func (t *till) said(ctx context.Context) (sent bool) {
	if t.forward == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, sendWait)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for t.out.Status().Waiting()+t.purse.Status().Waiting() > 0 {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// counterError says for staff what an error of the counter means.
func counterError(err error) error {
	var refused *counter.RefusedError
	var open *counter.OpenError
	why := err
	if errors.As(err, &refused) {
		why = language.Textf("the load authority refuses: %w", reasonText(refused.Reason))
	}
	switch {
	case err == nil:
		return nil
	case errors.As(err, &open):
		return service.Fail("order %s is not finished", open.Order).Todo("put the same card in and give cardterm counter resolve; give no money back before").Because(cause(open, why))
	case errors.Is(err, counter.ErrSwapped), errors.Is(err, counter.ErrOpen), errors.As(err, new(*counter.DeniedError)), refused != nil:
		return service.Refuse("nothing was done").Todo("give the customer the money back, or correct it and try again").Because(why)
	case errors.Is(err, reader.ErrNoCard):
		return service.Refuse("nothing was done").Todo("put the card in").Because(err)
	}
	return err
}

// cause is why an order is open: in words, if the authority has refused it.
func cause(open *counter.OpenError, why error) error {
	if errors.As(open.Err, new(*counter.RefusedError)) {
		return why
	}
	return open.Err
}

// reasonText is what a code of the authority means.
func reasonText(code string) error { return &codeText{verdict.Reason(code)} }

// codeText is a reason as an error, in words.
type codeText struct{ reason verdict.Reason }

func (c *codeText) Error() string { return c.In(language.Language{}) }

// In says it in a language.
func (c *codeText) In(l language.Language) string { return c.reason.In(l) }

// httpsClient is a client that trusts the authorities in a file, or those of the system.
func httpsClient(ca string, limit time.Duration) (*http.Client, error) {
	trusted, err := trustOf(ca)
	if err != nil {
		return nil, err
	}
	return &http.Client{Timeout: limit, Transport: &http.Transport{TLSClientConfig: trusted, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute}}, nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"os"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/personalisation"
	"citycard/cmd/keyserver"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/counter"
	"citycard/terminals/reader"
)

// maxOrder bounds one line of input, in bytes.
const maxOrder = 64 << 10

// issueProgram is `cardterm issue`.
type issueProgram struct {
	service.Common
	readerFlags
	keyFlags
	service keyserver.ClientSettings
	order   string // of the key service's orders file
	batch   string // of blanks, with --keys
	job     string
	report  string
	dry     bool
	// unstocked blanks have no serials.
	unstocked bool
}

func issueCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm issue", flag.ContinueOnError)
	p := &issueProgram{Common: service.Common{Data: "cardterm-data"}}
	p.Register(flags)
	p.readerFlags.register(flags, time.Minute)
	p.keyFlags.register(flags)
	p.service.Register(flags)
	flags.StringVar(&p.order, "order", "", "`NAME` of the order, in the key service's orders file, by which the cards are made")
	flags.StringVar(&p.batch, "batch", personalisation.Samples, "with --keys: `NAME` of the batch of the blanks, whose transport key the store has; samples have the published one, for TEST masters")
	flags.StringVar(&p.job, "job", "", "make the cards of a job `FILE`, JSON lines or CSV, one after the other, in place of standard input")
	flags.StringVar(&p.report, "report", "", "`FILE` that says which cards of --job are made, and which were spoilt; empty: FILE.report beside the job")
	flags.BoolVar(&p.unstocked, "unstocked", false, "with --job: the blanks are in no stock, so their serials are not asked for; citycard card issued does not take such cards in")
	flags.BoolVar(&p.dry, "dry-run", false, "with --job: check the job, say how many cards are left to be made, and make none")
	return &ffcli.Command{
		Name: "issue", ShortUsage: "cardterm issue --key-service URL --order NAME [--job FILE] [flags] < ORDERS",
		ShortHelp: "personalise cards, one JSON order a line",
		LongHelp: "Reads one order a line, waits for a blank card, personalises it, and prints one JSON result a line:\n" +
			`  {"ok":true,"issued":{…},"seconds":0.03} or {"ok":false,"error":"…"}` + "\n" +
			"Then it waits until the card is taken out, and asks for that. A smart card service that is away is waited for. A failed order does not end it; its exit code is 1 then.\n\n" +
			"The keys of a card come from the key service, which knows this counter by its certificate, for that card alone, under\n" +
			"the transport key of the blanks that --order is for. --keys opens all masters here, for development.\n\n" +
			"With --job it checks every line first, says when to put a card in and to take it out, and keeps a report; the same\n" +
			"command goes on with the first card that is not made. A card that was pulled is put in once more: it may be finished.\n" +
			"The serial of each blank is in the job, or is read from standard input, where a scanner types it.",
		FlagSet: flags, Exec: p.exec,
	}
}

func (p *issueProgram) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	if p.job != "" {
		return p.runJob(ctx)
	}
	maker, err := p.maker(p.Logger())
	if err != nil {
		return err
	}
	d := &issueDesk{issueProgram: p, by: maker, log: p.Logger(), readers: reader.Observe()}
	d.standing.log = d.log
	defer func() { err = errors.Join(err, d.readers.Close()) }()
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.reader.Close()) }()
	lines, failed := scan(os.Stdin), 0
	results := json.NewEncoder(os.Stdout)
	for n := 1; ; n++ {
		line, err := lines.next(ctx)
		if errors.Is(err, errNotTyped) {
			break
		}
		if err != nil && ctx.Err() == nil {
			return service.Fail("cannot read orders").Todo("one JSON order a line, at most %d kB each", maxOrder>>10).Because(err)
		}
		if err != nil {
			return err
		}
		if line == "" {
			continue
		}
		r, fatal := d.one(ctx, []byte(line))
		if !r.OK {
			failed++
		}
		if err := results.Encode(r); err != nil {
			return language.Textf("print the result of order %d: %w", n, err)
		}
		if fatal != nil {
			return fatal
		}
		if r.waited {
			if err := d.emptied(ctx); err != nil {
				return err
			}
		}
	}
	if failed > 0 {
		return service.Fail("orders that failed: %d", failed).Todo("see the results on standard output")
	}
	return nil
}

// maker asks who knows the keys of new cards.
func (p *issueProgram) maker(log *slog.Logger) (m counter.Maker, err error) {
	switch {
	case p.service.Given() && p.path != "":
		return m, service.Exit(service.ExitUsage, language.Textf("with --key-service there is no key store here: leave --keys out"))
	case p.service.Given() && p.order == "":
		return m, service.Exit(service.ExitUsage, service.Fail("no order").Todo("give --order NAME, as the key service's orders file has it"))
	case p.service.Given():
		client, err := p.service.Open()
		return counter.Maker{Issuer: client, Order: p.order}, err
	case p.path == "":
		return m, service.Fail("no key service").Todo("give --key-service URL, or for development --keys FILE")
	}
	store, err := p.keyFlags.open()
	if err != nil {
		return m, err
	}
	if p.batch == personalisation.Samples && !store.Test() {
		return m, service.Refuse("no card is made").Todo("give --batch NAME").
			Because(language.Textf("the transport key of samples is published, and only cards of TEST masters are made of them"))
	}
	log.Warn("all masters of the city are opened at this counter: that is for development; use --key-service", "keys", p.path)
	return counter.Maker{Issuer: keyservice.Software{Keyring: keys.NewKeyring(store)}, Batch: p.batch}, nil
}

// result is one line of output.
type result struct {
	OK      bool            `json:"ok"`
	Issued  *counter.Issued `json:"issued,omitempty"`
	Error   string          `json:"error,omitempty"`
	Seconds float64         `json:"seconds"` // personalisation alone, without waiting

	waited bool // a card is in the reader and has to come out
}

// issueDesk is a reader at which cards are made.
type issueDesk struct {
	*issueProgram
	by       counter.Maker
	log      *slog.Logger
	readers  *reader.Observer
	reader   *reader.Reader
	standing standing
	typed    *inputLines
}

// begin opens the reader for the first time. It waits for the service, and not for a reader that
// the running service does not have.
func (d *issueDesk) begin(ctx context.Context) error {
	var missing error
	err := comeBack(ctx, &d.standing, func() error {
		err := d.open(ctx)
		if errors.Is(err, reader.ErrNoReader) {
			missing = err
			return nil
		}
		return err
	})
	return errors.Join(missing, err)
}

// open opens the reader, even if it was open before.
func (d *issueDesk) open(ctx context.Context) error {
	if d.reader != nil {
		_ = d.reader.Close() // its service has gone
	}
	rd, err := d.readers.Open(ctx, d.name)
	if err == nil {
		d.reader = rd
	}
	return err
}

// withReader runs a function with the reader, and runs it again whenever the smart card service has
// gone and come back meanwhile.
func (d *issueDesk) withReader(ctx context.Context, act func() error) error {
	err := act()
	for (errors.Is(err, reader.ErrNoService) || errors.Is(err, reader.ErrNoReader) || errors.Is(err, reader.ErrStalled)) && ctx.Err() == nil {
		d.standing.stop(err)
		if err = comeBack(ctx, &d.standing, func() error { return d.open(ctx) }); err == nil {
			err = act()
		}
	}
	return err
}

// patience is how long a card may stay in the reader before the clerk is asked to take it out.
const patience = time.Second

// emptied asks for the card to be taken out and waits until it is.
func (d *issueDesk) emptied(ctx context.Context) error {
	asked := false
	return d.withReader(ctx, func() error {
		soon, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		err := d.reader.WaitEmpty(soon)
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return err
		}
		if !asked {
			d.log.Info("take the card out")
		}
		asked = true
		return d.reader.WaitEmpty(ctx)
	})
}

// one carries out one order. A fatal error ends the program: without a reader the next order would
// fail too.
func (d *issueDesk) one(ctx context.Context, line []byte) (result, error) {
	order, err := counter.ParseOrder(line)
	if err != nil {
		return result{Error: err.Error()}, nil
	}
	var card *reader.Card
	err = d.withReader(ctx, func() (err error) {
		card, err = d.card(ctx, d.reader)
		return err
	})
	if err != nil {
		if errors.Is(err, reader.ErrNoCard) && ctx.Err() == nil || errors.Is(err, reader.ErrUnresponsive) {
			return result{Error: err.Error()}, nil
		}
		return result{Error: err.Error()}, err
	}
	begin := time.Now()
	issued, err := counter.Issue(ctx, card, card.ATR(), d.by, order)
	if failed := card.Close(); failed != nil { // the card is what it is
		d.log.Warn("card not let go", logged(failed))
	}
	r := result{OK: err == nil, Seconds: time.Since(begin).Seconds(), waited: true}
	if err != nil {
		r.Error = err.Error()
		if keyservice.Failed(err) { // the next card would get no keys either
			return r, err
		}
	} else {
		r.Issued = &issued
	}
	return r, nil
}

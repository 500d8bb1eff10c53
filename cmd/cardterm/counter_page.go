package main

import (
	"context"
	"errors"
	"flag"
	"sync"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	staff "citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/clearing/people/api"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/page"
)

// idleLimit is how long a clerk stays signed in who does nothing.
const idleLimit = 15 * time.Minute

// officeLimit is how long the centre may take for what the page shows besides.
const officeLimit = 3 * time.Second

// counterPageProgram is `cardterm counter --page`.
type counterPageProgram struct {
	counterProgram
	page string
	ops  string
}

// counterCommand is `cardterm counter`.
func counterCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm counter", flag.ContinueOnError)
	p := &counterPageProgram{counterProgram: newCounterProgram()}
	p.registerCounter(flags, lookWait)
	flags.StringVar(&p.page, "page", "", "`ADDRESS` on loopback at which the counter's page is served, such as 127.0.0.1:0")
	flags.StringVar(&p.ops, "ops", "", "`ADDRESS` for /metrics, /healthz, /readyz; none where empty")
	return &ffcli.Command{
		Name: "counter", ShortUsage: "cardterm counter --page ADDRESS [flags] | cardterm counter COMMAND", ShortHelp: "a card counter: what is on a card, and money onto it",
		LongHelp: "With --page it prints the address of a page for the clerk of this machine, and serves it until it is stopped.\n" +
			"The address has a token in it; who has it can top cards up here.\n\n" +
			"Every order is on the disk before its money is asked for, and stays there until its card has told what became of it.",
		FlagSet: flags, Exec: p.exec,
		Subcommands: append([]*ffcli.Command{
			counterLookCommand(), counterTopUpCommand(), counterResolveCommand(), counterOrdersCommand(), counterReceiptCommand(), counterPINCommand(),
			counterShiftCommand(), counterAgainCommand(),
		}, counterStepCommands()...),
	}
}

func (p *counterPageProgram) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	if p.page == "" {
		return service.Exit(service.ExitUsage, service.Fail("which command?").Todo("give --page ADDRESS, or a command; cardterm counter --help lists them"))
	}
	log := p.Logger()
	stack := service.NewStack(log, 10*time.Second)
	defer func() { err = errors.Join(err, stack.Close()) }()
	pages := service.NewOps("cardterm", log)
	t, err := p.openTill(ctx, stack, pages.Registry(), true)
	if err != nil {
		return err
	}
	pages.Check("orders", func(context.Context) error { return t.out.Ready() })
	running, end := context.WithCancelCause(ctx)
	defer end(nil)
	if p.ops != "" {
		if err := pages.Start(ctx, p.ops, end); err != nil {
			return err
		}
		stack.Push("pages", pages.Close)
	}
	clerk := &clerk{till: t}
	stack.Push("the clerk's session", clerk.signOut)
	served, err := p.serve(ctx, clerk, end)
	if err != nil {
		return err
	}
	stack.Push("the counter's page", served.Close)
	p.Print("%s", served.Address())
	service.NotifyReady(log)
	stack.Go(running, "watchdog", func(ctx context.Context) { service.NotifyAlive(ctx, log, func() bool { return true }) })
	<-running.Done()
	service.NotifyStopping(log)
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(running)
}

// serve serves the counter's page; end is called if that ends by itself.
func (p *counterPageProgram) serve(ctx context.Context, c *clerk, end context.CancelCauseFunc) (*page.Server, error) {
	pages, err := page.NewCounter(page.Till{State: c.state, Plan: c.plan, SignIn: c.signIn, SignOut: c.signOut, Receipt: c.reprint, Now: time.Now})
	if err != nil {
		return nil, err
	}
	return servePage(ctx, p.page, pages, p.Logger(), end)
}

// clerk is the session of who sits at the page.
type clerk struct {
	*till

	mu   sync.Mutex
	used time.Time
	sold *api.ProductPage // what is sold; nil: not known
}

// signIn opens the key of a clerk. The session is bound to the counter's channel.
func (c *clerk) signIn(ctx context.Context, who string, passphrase []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.office != nil {
		return nil
	}
	o, err := c.centre.signIn(ctx, c.Language, who, func() ([]byte, error) { return passphrase, nil })
	if err != nil {
		return err
	}
	if unit := access.Channel(c.till.till.channel); o.person.Unit != unit && o.person.Unit != staff.Issuer {
		return errors.Join(service.Refuse("nobody is signed in").Because(language.Textf("%s is of %s, and this counter is of %s", o.person.ID, o.person.Unit, unit)), o.close())
	}
	c.office, c.used = o, time.Now()
	limited, cancel := context.WithTimeout(ctx, officeLimit)
	defer cancel()
	if sold, err := o.client.Products(limited, 0); err == nil { // else the product is typed
		c.sold = &sold
	}
	return nil
}

// signOut forgets the key.
func (c *clerk) signOut(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.office == nil {
		return nil
	}
	err := c.office.close()
	c.office, c.sold = nil, nil
	return err
}

// present is who is signed in; a session that nobody uses ends.
func (c *clerk) present(ctx context.Context) *office {
	c.mu.Lock()
	o, idle := c.office, time.Since(c.used) > idleLimit
	c.used = time.Now()
	c.mu.Unlock()
	if o != nil && idle {
		_ = c.signOut(ctx) // its key is wiped
		return nil
	}
	return o
}

// reprint prints a receipt.
func (c *clerk) reprint(ctx context.Context, number string) error {
	if c.print.printer == "" {
		return service.Refuse("nothing is printed").Todo("start the counter with --printer").Because(language.Textf("this counter has no printer"))
	}
	return c.printNow(ctx, number)
}

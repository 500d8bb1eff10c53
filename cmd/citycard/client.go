package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	staff "citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/clearing/verify"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
)

// asks makes the command a client of the API by which people act. With changes it has --dry-run. To
// make a command with one signature such a client:
//
//   - its request and its answer get types and an operation in clearing/people/api (messages.go,
//     operations.go): the operation takes a Signature, makes a ledger.Approval of it with
//     people.Store.SignedFor, and does the act, as found does; a reading one calls looks instead.
//     Then go test ./clearing/people/api -run TestDocument -update;
//   - Client gets a method that signs what is done and asks;
//   - the command ends with asks in place of reads or changes. person whoami is the smallest one.
func (c *command) asks(changes bool, of *identityFlags, do func(context.Context, *api.Client) error) *ffcli.Command {
	c.flags.StringVar(&c.server, "server", "", "`URL` of a citycard serve elsewhere, https://HOST:PORT; empty: the one of --data, or none if none runs")
	c.flags.StringVar(&c.books, "books", "", "`identity` of the books that --server must have, also where it had others before; empty: those that it had when you first asked it")
	if changes {
		c.registerDry(&c.dry)
	}
	if of == nil {
		of = c.registerIdentity() // reading over a network is signed
	}
	return c.runs(func(ctx context.Context) error { return c.asking(ctx, changes, of, do) })
}

// acts makes the command a client of the API at the socket, for an act of the program, which nobody
// signs. It has --dry-run.
func (c *command) acts(do func(context.Context, *api.Client) error) *ffcli.Command {
	c.registerDry(&c.dry)
	return c.runs(func(ctx context.Context) error {
		return c.asking(ctx, true, nil, func(ctx context.Context, client *api.Client) error { return c.goesOn(ctx, do(ctx, client)) })
	})
}

// goesOn says to who has interrupted an act of the program that the server goes on with it.
func (c *command) goesOn(ctx context.Context, err error) error {
	if ctx.Err() != nil && c.served && !c.dry {
		c.Say("citycard serve goes on with it; the same command says how it ends")
	}
	return err
}

// asking finds the server, opens the key, if one is given and is needed, and asks.
func (c *command) asking(ctx context.Context, changes bool, of *identityFlags, do func(context.Context, *api.Client) error) error {
	client, done, err := c.reach(ctx, changes)
	if err != nil {
		return err
	}
	defer client.Close()
	client.Knows(verify.Entries())
	if c.server != "" {
		if err := c.knows(ctx, client); err != nil {
			return errors.Join(err, done())
		}
	}
	if of != nil && of.file != "" && (changes || c.server != "") {
		key, err := of.key()
		if err != nil {
			return errors.Join(notAllowed(err), done())
		}
		defer key.Close()
		client.As(key, time.Now)
		if err := fits(ctx, client, key); err != nil {
			return errors.Join(err, done())
		}
	}
	return errors.Join(do(ctx, client), done())
}

// fits refuses a key file under no passphrase that is not a service's.
func fits(ctx context.Context, client *api.Client, key *staff.Identity) error {
	if !key.Plain() {
		return nil
	}
	person, err := client.Whoami(ctx, key.Public().Fingerprint())
	if err == nil && person.Service {
		return nil
	}
	if p, answered := errors.AsType[*api.Problem](err); answered && (p.Type == api.Unavailable || p.Type == api.Failed) {
		return refusedBy(language.Textf("nothing is done"), err)
	}
	return notAllowed(key.Fits(false))
}

// reach finds the server: the one of --server, else the one that serves the data directory. If none
// does, the command opens the books and serves them itself until done.
func (c *command) reach(ctx context.Context, changes bool) (client *api.Client, done func() error, err error) {
	in := c.Language
	if c.asJSON || c.LogFormat == service.LogJSON {
		in = language.Language{} // programs read English
	}
	done = func() error { return nil }
	if c.server == "" && c.books != "" {
		return nil, nil, service.Exit(service.ExitUsage, language.Textf("--books goes with --server"))
	}
	if c.server != "" {
		if client, err = api.At(c.server, in); err != nil {
			err = service.Exit(service.ExitUsage, language.Textf("--server: %w", err))
		}
		return client, done, err
	}
	serving, ok, err := books.Serving(ctx, c.Data, c.Logger())
	if err != nil {
		return nil, nil, err
	}
	if ok && serving.Socket != "" {
		client = api.AtSocket(serving.Socket, in)
		_, err := client.Books(ctx)
		if err == nil {
			c.served = true
			return client, done, nil
		}
		if p, answered := errors.AsType[*api.Problem](err); service.InUse(c.Data) || !answered || p.Type != api.Unavailable {
			return nil, nil, service.Unreachable("citycard serve of %s does not answer", c.Data).Todo("try again; run the command as the user who runs serve").Because(err)
		}
	}
	return c.serveMyself(ctx, changes, in)
}

// serveMyself serves the books of the data directory, at a socket that nobody else finds.
func (c *command) serveMyself(ctx context.Context, changes bool, in language.Language) (client *api.Client, done func() error, err error) {
	right := books.ToRead
	switch {
	case c.dry:
		right = books.ToRehearse
	case changes:
		right = books.ToChange
	}
	log := c.Logger()
	b, err := books.Own(ctx, right, c.Data, log)
	if err != nil {
		return nil, nil, err
	}
	stack := service.NewStack(log, server.StopLimit)
	stack.Push("books", b.Close)
	c.settings.Common = c.Common
	socket, stop, err := server.ServeAlone(ctx, c.settings.Alone(b.Ledger, log))
	if err != nil {
		return nil, nil, errors.Join(err, stack.Close())
	}
	stack.Push("API for people", stop)
	return api.AtSocket(socket, in), stack.Close, nil
}

// refusedBy says why a server has refused something, and what to do.
func refusedBy(what *language.Text, err error) error {
	p, ok := errors.AsType[*api.Problem](err)
	if !ok {
		if errors.As(err, new(*staff.Refusal)) {
			return notAllowed(err)
		}
		return err
	}
	var failure *service.Failure
	switch p.Type {
	case api.UnknownOutcome:
		failure = service.Fail("it is not known whether it was done")
	case api.Unavailable:
		failure = service.Fail("%w", what)
	case api.Failed, api.NoBooks:
		return failedBy(err)
	default:
		failure = service.Refuse("%w", what)
	}
	if p.Todo != "" {
		failure = failure.Todo("%w", errors.New(p.Todo))
	}
	if strings.Contains(p.Detail, "\n") { // faults of files, each in a line
		return server.BadRules(failure, errors.New(p.Detail))
	}
	return failure.Because(p)
}

// failedBy is the failure with which a server has answered, as if the command had met it itself.
func failedBy(err error) error {
	p, ok := errors.AsType[*api.Problem](err)
	if !ok {
		return err
	}
	fails := service.Fail
	switch p.Type {
	case api.Failed, api.Invalid, api.UnknownOutcome:
	case api.Unavailable:
		fails = service.Unreachable
	case api.NoBooks:
		fails = service.NoBooks
	default:
		fails = service.Refuse
	}
	failure := fails("%w", p)
	if p.Todo != "" {
		failure = failure.Todo("%w", errors.New(p.Todo))
	}
	if p.Type == api.Invalid {
		return service.Exit(service.ExitUsage, failure)
	}
	return failure
}

// booksOf are the identity of a server's books, and the zone of their city.
func booksOf(ctx context.Context, client *api.Client) (id string, zone zoned, err error) {
	b, err := client.Books(ctx)
	if err != nil {
		return "", zoned{}, refusedBy(language.Textf("it cannot be shown"), err)
	}
	location, err := time.LoadLocation(b.Zone)
	return b.Books, zoned{location}, err
}

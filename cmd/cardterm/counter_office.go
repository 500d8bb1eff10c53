package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"time"

	staff "citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/cmd/service"
	"citycard/language"
)

// officeFlags say where the clearing centre is, and whose key signs what is done with cards.
type officeFlags struct {
	server     string
	books      string
	identity   string // a key, or a folder of them
	clerk      string // whose of a folder
	passphrase string // the file of it
	demo       bool
}

func (f *officeFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&f.server, "server", "", "`URL` of the clearing centre, https://HOST:PORT, or unix:PATH of its socket on this machine; empty: the counter works without it")
	flags.StringVar(&f.books, "books", "", "`identity` of the books that --server must have; empty: those that it says")
	flags.StringVar(&f.identity, "identity", "", "key `FILE` with which you sign; one that ends in .pub: the ssh-agent has the key; or a folder with a key for each clerk, NAME.key or NAME.pub")
	flags.StringVar(&f.clerk, "clerk", "", "with a folder of keys: `NAME` of yours; the page asks for it")
	flags.StringVar(&f.passphrase, "identity-passphrase-file", "", "`FILE` of the passphrase of --identity; empty: it is asked for")
	service.RegisterDemo(flags, &f.demo)
}

// office is the clearing centre, and who acts there.
type office struct {
	client *api.Client
	key    *staff.Identity
	person api.Person
}

// errNoOffice: the counter has no way to the centre.
var errNoOffice = language.Textf("this needs the clearing centre: the counter was started without --server")

// reach is a client of the centre that nobody signs for yet.
func (f *officeFlags) reach(l language.Language) (*api.Client, error) {
	if f.server == "" {
		return nil, service.Exit(service.ExitUsage, service.Fail("nothing was done").Todo("give --server").Because(errNoOffice))
	}
	if path, ok := strings.CutPrefix(f.server, "unix:"); ok {
		return api.AtSocket(path, l), nil
	}
	client, err := api.At(f.server, l)
	if err != nil {
		return nil, service.Exit(service.ExitUsage, language.Textf("--server: %w", err))
	}
	return client, nil
}

// signIn opens a clerk's key and asks the centre whose it is. secret is asked for the passphrase.
func (f *officeFlags) signIn(ctx context.Context, l language.Language, clerk string, secret func() ([]byte, error)) (*office, error) {
	client, err := f.reach(l)
	if err != nil {
		return nil, err
	}
	if f.identity == "" {
		return nil, service.Exit(service.ExitUsage, service.Fail("nobody is signed in").Todo("give --identity FILE; citycard person key makes one"))
	}
	path, err := f.keyOf(clerk)
	if err != nil {
		return nil, err
	}
	key, err := staff.Open(path, staff.Opening{Passphrase: secret, Agent: os.Getenv("SSH_AUTH_SOCK"), Demo: f.demo})
	if err != nil {
		return nil, signInFailed(err)
	}
	client.As(key, time.Now)
	if f.books != "" {
		client.Of(f.books)
	}
	o := &office{client: client, key: key}
	if o.person, err = client.Whoami(ctx, key.Public().Fingerprint()); err != nil {
		return nil, errors.Join(officeError(err), o.close())
	}
	if !o.person.InForce {
		return nil, errors.Join(service.Refuse("nobody is signed in").Because(language.Textf("the key is not in force")), o.close())
	}
	return o, nil
}

// signInFailed says why a key is not taken.
func signInFailed(err error) error {
	refusal, ok := errors.AsType[*staff.Refusal](err)
	if !ok {
		return err
	}
	failure := service.Refuse("nobody is signed in")
	if refusal.Todo != nil {
		failure = failure.Todo("%w", refusal.Todo)
	}
	return failure.Because(refusal.Text)
}

func (o *office) close() error {
	o.client.Close()
	return o.key.Close()
}

// secret reads the passphrase from its file, or asks for it on the terminal.
func (f *officeFlags) secret(l language.Language) func() ([]byte, error) {
	return func() ([]byte, error) {
		return service.KeyPassphrase(f.passphrase, language.Textf("passphrase of your key: ").In(l))
	}
}

// unanswered reports whether an answer leaves it open whether the act was done.
func unanswered(err error) bool {
	p, ok := errors.AsType[*api.Problem](err)
	return ok && p.Type == api.UnknownOutcome
}

// unreachable reports whether the centre does not answer, and nothing was done.
func unreachable(err error) bool {
	p, ok := errors.AsType[*api.Problem](err)
	return ok && (p.Type == api.Unavailable || p.Type == api.NoBooks)
}

// officeError says for staff what the centre has answered.
func officeError(err error) error {
	p, ok := errors.AsType[*api.Problem](err)
	switch {
	case !ok:
		return err
	case p.Type == api.UnknownOutcome:
		return service.Fail("it is not known whether it was done").Todo("give cardterm counter again: the same order is done once").Because(p)
	case unreachable(err):
		return service.Unreachable("the clearing centre does not answer, and nothing was done").Todo("the counter still looks at cards, finishes orders, changes PINs and prints receipts, and tops up as long as the load authority answers").Because(p)
	}
	failure := service.Refuse("nothing was done")
	if p.Todo != "" {
		failure = failure.Todo("%w", errors.New(p.Todo))
	}
	if len(p.Errors) > 0 { // of what was typed
		return failure.Because(language.Textf("%w: %s: %s", p, p.Errors[0].Location, p.Errors[0].Message))
	}
	return failure.Because(p)
}

package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/hsm"
	"citycard/cardos/keys"
	"citycard/cmd/service"
	"citycard/language"
)

// command has the settings of every command.
type command struct {
	service.Common
	holder
	flags *flag.FlagSet
	dry   bool
}

// holder says where the masters are.
type holder struct {
	library string // the PKCS#11 library
	token   string // its label
	pin     string // the file of it
}

// pinFlag names the file of the PIN.
const pinFlag = "--pin-file"

// begin makes the settings of a command with the flags that all have.
func begin(name string) *command {
	c := &command{flags: flag.NewFlagSet("cardhsm "+name, flag.ContinueOnError)}
	c.Register(c.flags)
	c.registerLibrary(c.flags)
	return c
}

func (h *holder) registerLibrary(flags *flag.FlagSet) {
	flags.StringVar(&h.library, "library", "", "`FILE` of the PKCS#11 library of the module's maker")
}

// newCommand makes a command of settings that have all flags.
func newCommand(c *command, name, short, long string, run func(context.Context) error) *ffcli.Command {
	return &ffcli.Command{
		Name: name, ShortUsage: "cardhsm " + name + " --library FILE [flags]", ShortHelp: short, LongHelp: long, FlagSet: c.flags,
		Exec: func(ctx context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			return c.Ended(run(ctx))
		},
	}
}

// registerToken adds the flags of a command that logs in.
func (h *holder) registerToken(flags *flag.FlagSet) {
	flags.StringVar(&h.token, "token", "", "`NAME` of the token with the masters, as cardhsm tokens lists it")
	flags.StringVar(&h.pin, "pin-file", "", "`FILE` of the token's PIN, which only its owner may read; empty: it is asked for on the terminal")
}

func (c *command) registerDry() {
	c.flags.BoolVar(&c.dry, "dry-run", false, "say what would be done, and do nothing")
}

// load loads the library.
func (h *holder) load() (*hsm.Module, error) {
	if h.library == "" {
		return nil, service.Exit(service.ExitUsage, service.Fail("no PKCS#11 library").Todo("give --library FILE, such as /usr/lib/softhsm/libsofthsm2.so"))
	}
	module, err := hsm.Load(h.library)
	if err != nil {
		return nil, explain(err)
	}
	return module, nil
}

// open logs in to the token.
func (h *holder) open(sessions int, l language.Language, log *slog.Logger) (*hsm.Module, *hsm.Token, error) {
	if h.token == "" {
		return nil, nil, service.Exit(service.ExitUsage, service.Fail("no token is named").Todo(`give --token NAME; "cardhsm tokens" lists them`))
	}
	module, err := h.load()
	if err != nil {
		return nil, nil, err
	}
	pin, err := readPIN(h.pin, pinFlag, language.Textf("PIN of the token %s: ", h.token), false, l)
	if err != nil {
		return nil, nil, errors.Join(err, module.Close())
	}
	token, err := module.Open(h.token, pin, sessions, log)
	if err != nil {
		return nil, nil, errors.Join(explain(err), module.Close())
	}
	return module, token, nil
}

// within logs in, runs an act and logs out.
func (c *command) within(act func(*hsm.Token) error) error {
	module, token, err := c.open(1, c.Language, c.Logger())
	if err != nil {
		return err
	}
	return errors.Join(act(token), token.Close(), module.Close())
}

// explain says what to do about an error of the token.
func explain(err error) error {
	for _, known := range []struct {
		is   error
		says *service.Failure
	}{
		{hsm.ErrModule, service.Fail("the PKCS#11 library cannot be used").Todo("correct --library, and look whether the module's own tools see it")},
		{hsm.ErrAway, service.Unreachable("the token is not there").Todo(`put it in or connect the module; "cardhsm tokens" lists what is there`)},
		{hsm.ErrTwoTokens, service.Refuse("two tokens would have this name").Todo("name another one")},
		{hsm.ErrPIN, service.Fail("the token refuses the PIN; it was tried once").Todo("correct the PIN, since the token locks itself after a few wrong ones")},
		{hsm.ErrLocked, service.Fail("the token has locked itself after wrong PINs").Todo("have its security officer set a new PIN, with the module's own tools")},
		{hsm.ErrNoMasters, service.Fail("the token holds no masters").Todo(`make them with "cardhsm make", or bring them in with "cardhsm import"`)},
		{hsm.ErrMasters, service.Refuse("the token holds masters already").Todo(`masters in use are never replaced; "cardhsm rotate" adds a generation`)},
		{keys.ErrBatchKnown, service.Refuse("the token has another transport key of a batch").Todo("find out which of the two the maker states; the module's own tools take the other one out of the token")},
		{hsm.ErrBroken, service.Fail("the masters in the token are not those that were made").Todo("restore the token from its backup; do not make masters, since cards that are out have keys of the old ones")},
		{hsm.ErrUnable, service.Fail("the token cannot do what is needed").Todo("compare its mechanisms and its policy with docs/hsm.md")},
	} {
		if errors.Is(err, known.is) {
			err = known.says.Because(err)
			if known.is == hsm.ErrPIN || known.is == hsm.ErrLocked { // a start with the same settings would try it again
				return service.Exit(service.ExitUsage, err)
			}
			return err
		}
	}
	return err
}

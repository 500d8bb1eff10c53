package main

import (
	"bytes"
	"errors"
	"flag"
	"os"

	staff "citycard/clearing/people"
	"citycard/cmd/service"
	"citycard/language"
)

// identityFlags are the flags by which a person signs. They are registered behind those of the key
// store, with which they share --demo.
type identityFlags struct {
	of         *command // whose language questions have; nil: English
	flags      *flag.FlagSet
	file       string
	passphrase string // the file of it
}

func (c *command) registerIdentity() *identityFlags {
	i := &identityFlags{of: c}
	i.register(c.flags)
	return i
}

func (i *identityFlags) register(flags *flag.FlagSet) {
	i.flags = flags
	flags.StringVar(&i.file, "identity", "", "key `file` with which you sign; one that ends in .pub: the ssh-agent has the key")
	flags.StringVar(&i.passphrase, "identity-passphrase-file", "", "`file` of the passphrase of --identity; empty: it is asked for on the terminal")
	if flags.Lookup("demo") == nil {
		flags.Bool("demo", false, "this is a demonstration or a trial: a key without a passphrase may be used")
	}
}

func (i *identityFlags) check() error {
	if i.file == "" {
		return language.Textf("--identity is missing: want the file of your key; citycard person key makes one")
	}
	return nil
}

// key opens the key. The caller asks whether it fits its person.
func (i *identityFlags) key() (*staff.Identity, error) {
	return staff.Open(i.file, staff.Opening{
		Passphrase: func() ([]byte, error) { return i.secret(false) },
		Agent:      os.Getenv("SSH_AUTH_SOCK"),
		Demo:       i.flags.Lookup("demo").Value.String() == "true",
		Service:    true,
	})
}

// secret reads the passphrase from its file, or asks for it, twice for a new one.
func (i *identityFlags) secret(twice bool) ([]byte, error) {
	ask := func(question *language.Text) ([]byte, error) {
		text := question.Error()
		if i.of != nil {
			text = question.In(i.of.Language)
		}
		return service.KeyPassphrase(i.passphrase, text)
	}
	secret, err := ask(language.Textf("passphrase of your key: "))
	if err != nil || !twice || i.passphrase != "" {
		return secret, err
	}
	again, err := ask(language.Textf("once more: "))
	if err == nil && !bytes.Equal(secret, again) {
		err = service.Fail("the passphrases differ").Todo("try again")
	}
	return secret, err
}

// notAllowed says why a person, a key or a signature was refused. Another error stays as it is.
func notAllowed(err error) error {
	var refusal *staff.Refusal
	var denied *staff.DeniedError
	switch {
	case errors.As(err, &refusal):
		failure := service.Refuse("nothing is done")
		switch refusal.Why {
		case staff.BadFile, staff.NoAgent, staff.BadKey, staff.BadPerson:
			failure = service.Fail("nothing is done")
		}
		if refusal.Todo != nil {
			failure = failure.Todo("%w", refusal.Todo)
		}
		return failure.Because(refusal.Text)
	case errors.As(err, &denied):
		return service.Refuse("nothing is done").Todo("ask somebody who may; the policy is in docs/people.md").Because(denied)
	}
	return err
}

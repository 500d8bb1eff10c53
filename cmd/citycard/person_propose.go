package main

import (
	"context"
	"os"

	"github.com/peterbourgon/ff/v3/ffcli"

	staff "citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/cmd/service"
	"citycard/language"
)

func personEnrolCommand() *ffcli.Command {
	p := newProposing("person enrol", "(--token TOKEN | --unit UNIT --role ROLE --public FILE) --id ID --name NAME", "become a keeper with a token; or propose, as a keeper, to enrol somebody",
		"With --token, which person found has printed, you become a keeper, with the key of --identity; there is nothing to\n"+
			"approve, and no reason is needed. Without it a keeper proposes somebody, and another keeper approves it.")
	var token string
	var e staff.Enrolment
	p.flags.StringVar(&token, "token", "", "`token` that person found printed; it works once")
	p.flags.StringVar(&e.ID, "id", "", "`id` by which the person is known from now on: letters, digits, dots and hyphens")
	p.flags.StringVar(&e.Name, "name", "", "the person's `name`")
	p.flags.BoolVar(&e.Service, "service", false, "it is a program, a clerk, whose key may be under no passphrase; it proposes and looks, and never approves")
	unit, role, public := registerStaff(p)
	p.check = func() error {
		switch {
		case e.ID == "" || e.Name == "":
			return language.Textf("--token, --id or --name is missing")
		case token != "" && (*unit != "" || *role != "" || *public != "" || e.Service):
			return language.Textf("with --token you become a keeper of the issuer with your own key: --unit, --role, --public and --service do not go with it")
		case token != "":
			return p.key.check()
		case *unit == "" || *role == "" || *public == "":
			return language.Textf("want --token, or --unit, --role and --public")
		}
		return p.complete()
	}
	return p.asks(true, p.key, func(ctx context.Context, client *api.Client) (err error) {
		if token != "" {
			return p.becomeKeeper(ctx, client, staff.Newcomer{Token: token, ID: e.ID, Name: e.Name})
		}
		e.Unit, e.Role = staff.Unit(*unit), staff.Role(*role)
		if e.Key, err = publicOf(*public); err != nil {
			return err
		}
		return propose(ctx, p, client, staff.ActEnrol, e)
	})
}

func registerStaff(p *proposer) (unit, role, public *string) {
	return p.flags.String("unit", "", "`unit`: issuer, city, pension, operator:ID, hospital:ID or channel:ID"),
		p.flags.String("role", "", "`role`: clerk, supervisor, auditor or keeper"),
		p.flags.String("public", "", "`file` of the person's public key, whose name ends in .pub")
}

// publicOf reads the public key of a .pub file; none where no file is named.
func publicOf(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	line, err := os.ReadFile(file)
	if err != nil {
		return "", service.Fail("cannot read the public key").Todo("correct --public").Because(err)
	}
	key, err := staff.ParsePublicKey(string(line))
	return key.String(), notAllowed(err)
}

// becomeKeeper enrols who holds a token of a founding.
func (p *proposer) becomeKeeper(ctx context.Context, client *api.Client, n staff.Newcomer) error {
	person, err := client.Found(ctx, n, p.dry)
	if err != nil {
		return refusedBy(language.Textf("nothing is done"), err)
	}
	key, err := staff.ParsePublicKey(person.Key)
	if err != nil {
		return err
	}
	p.Print("%s is a keeper, with the key %s", n.ID, key.Fingerprint())
	return nil
}

func personChangeCommand() *ffcli.Command {
	p := newProposing("person change", "--id ID [--name NAME] [--unit UNIT] [--role ROLE] [--public FILE]", "propose, as a keeper, another name, unit, role or key of somebody",
		"What is not given stays. With another key the one before ends, and with it what the person proposed with it.")
	var c staff.Change
	p.flags.StringVar(&c.ID, "id", "", "`id` of the person")
	p.flags.StringVar(&c.Name, "name", "", "the person's `name`")
	unit, role, public := registerStaff(p)
	p.check = func() error {
		if c.ID == "" || c.Name+*unit+*role+*public == "" {
			return language.Textf("want --id, and what is to be changed")
		}
		return nil
	}
	return proposes(p, staff.ActChange, func(context.Context) (_ staff.Change, err error) {
		c.Unit, c.Role = staff.Unit(*unit), staff.Role(*role)
		c.Key, err = publicOf(*public)
		return c, err
	})
}

func personDisableCommand() *ffcli.Command {
	p := newProposing("person disable", "--id ID", "propose, as a keeper, to disable somebody for good", "")
	var d staff.Disabling
	p.flags.StringVar(&d.ID, "id", "", "`id` of the person")
	p.check = func() error {
		if d.ID == "" {
			return language.Textf("--id is missing")
		}
		return nil
	}
	return proposes(p, staff.ActDisable, func(context.Context) (staff.Disabling, error) { return d, nil })
}

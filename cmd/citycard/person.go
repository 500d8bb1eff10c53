package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	staff "citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/cmd/books"
	"citycard/cmd/demostaff"
	"citycard/cmd/service"
	"citycard/durable"
	"citycard/language"
)

func personCommand() *ffcli.Command {
	return group("person", "the people who act: their keys, and who they are",
		"Each has a key of their own, with which every act is signed. The first two keepers enrol themselves with the\n"+
			"tokens of person found; from then on keepers enrol everybody else.",
		personKeyCommand(), personFoundCommand(), personEnrolCommand(), personChangeCommand(), personDisableCommand(), personDeputyCommand(), personListCommand(), personHistoryCommand(), personWhoamiCommand())
}

func personKeyCommand() *ffcli.Command {
	c := newCommand("person key", "FILE", "make your key, under a passphrase",
		"Writes FILE, an OpenSSH private key that only you can read, and FILE.pub, its public half, by which you are\n"+
			"enrolled. ssh-keygen -t ed25519 makes such a key too, and ssh-add gives it to an ssh-agent.")
	c.takesWords(1)
	c.registerDry(&c.dry)
	i := identityFlags{of: c}
	c.flags.StringVar(&i.passphrase, "passphrase-file", "", "`file` of the passphrase; empty: it is asked for on the terminal")
	of := c.flags.Bool("service", false, "the key of a service: under no passphrase, so that a program can use it")
	algorithm := c.flags.String("algorithm", staff.Algorithm, "`algorithm` of the key; there is one")
	c.check = func() error {
		if *of && i.passphrase != "" {
			return language.Textf("--service and --passphrase-file exclude each other")
		}
		if *algorithm != staff.Algorithm {
			return language.Textf("--algorithm %q: want %s", *algorithm, staff.Algorithm)
		}
		return nil
	}
	return c.runs(func(context.Context) error {
		path := c.arguments[0]
		for _, name := range []string{path, path + ".pub"} {
			if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
				return service.Fail("no key was made").Todo("name a file that does not exist").Because(existing(name, err))
			}
		}
		var passphrase []byte
		if !*of {
			var err error
			if passphrase, err = i.secret(true); err != nil {
				return err
			}
		}
		private, public, err := staff.MakeKey(rand.Reader, filepath.Base(path), passphrase, *of)
		if err != nil {
			return notAllowed(err)
		}
		if c.dry {
			c.Print("%s: made; its fingerprint is printed then", path)
			return nil
		}
		for _, file := range []struct{ name, text string }{{path, string(private)}, {path + ".pub", public}} {
			err := durable.WriteNew(file.name, func(w io.Writer) error {
				_, err := io.WriteString(w, file.text)
				return err
			})
			if err != nil {
				return service.Fail("cannot write %s", file.name).Todo("check the directory").Because(err)
			}
		}
		key, err := staff.ParsePublicKey(public)
		if err != nil {
			return err
		}
		c.Print("%s: made, %s; give %s to a keeper, and the key to nobody", path, key.Fingerprint(), path+".pub")
		return nil
	})
}

// existing says that a file is there, or why it cannot be looked at.
func existing(name string, err error) error {
	if err != nil {
		return err
	}
	return language.Textf("%s exists", name)
}

func personFoundCommand() *ffcli.Command {
	c := newCommand("person found", "", "print the tokens with which the first two keepers enrol",
		"Prints two one-time tokens, for two people: each enrols with one of them, within a week. Once a keeper is enrolled it\n"+
			"is refused. If the keepers' keys are lost, --seal-key signs it with the seal key of --data, if it is pinned in the books.\n"+
			"For a trial, --demo --people FOLDER enrols the keepers kim and lee and the supervisors ann and bob at once.")
	sealed := c.flags.Bool("seal-key", false, "the keepers' keys are lost: sign with the seal key")
	reason := c.flags.String("reason", "", "`text` that is kept with --seal-key")
	demo := c.flags.Bool("demo", false, "mark the people as those of a demonstration")
	crew := c.flags.String("people", "", "with --demo: enrol people of a trial, and write their keys, under no passphrase, into a new `folder`")
	c.check = func() error {
		if *crew != "" && (!*demo || *sealed) {
			return language.Textf("--people goes with --demo, and not with --seal-key")
		}
		if *sealed == (*reason == "") {
			return language.Textf("--reason goes with --seal-key, and --seal-key with a reason")
		}
		return nil
	}
	return c.acts(func(ctx context.Context, client *api.Client) error {
		if *crew != "" {
			return c.foundCrew(ctx, client, *crew)
		}
		tokens, err := client.Refound(ctx, api.Refounding{Demo: *demo, Sealed: *sealed, Reason: *reason}, c.dry)
		if err != nil {
			return refusedBy(language.Textf("nothing is done"), err)
		}
		if c.dry {
			c.Print("two tokens are printed then")
			return nil
		}
		c.Print("give each of these to another person, until %s:", tokens.Expires.Format(time.RFC3339))
		for _, token := range tokens.Keepers {
			c.Print("citycard person enrol --token %s --id ID --name NAME --identity FILE", token)
		}
		return nil
	})
}

// foundCrew enrols the people of a trial.
func (c *command) foundCrew(ctx context.Context, client *api.Client, folder string) error {
	if !c.dry { // each step is rolled back before the next
		if _, err := demostaff.Enrol(ctx, client, folder); err != nil {
			return refusedBy(language.Textf("nobody is enrolled"), err)
		}
	}
	c.Print("%s are enrolled for a trial, with keys in %s", strings.Join(demostaff.IDs(), ", "), folder)
	return nil
}

// personLine is a person as it is printed.
type personLine struct {
	ID    string     `json:"id"`
	Name  string     `json:"name"`
	Unit  staff.Unit `json:"unit"`
	Role  staff.Role `json:"role"`
	Since string     `json:"since"`
	Ended string     `json:"ended,omitempty"`
	Demo  bool       `json:"demo,omitempty"`
	// Service is true of a program.
	Service bool   `json:"service,omitempty"`
	Key     string `json:"key"`
	// Stands are those for whom the person stands in, now or later.
	Stands []standingLine `json:"stands_for,omitempty"`
	Odd    string         `json:"odd,omitempty"` // why the key cannot be read
}

// standingLine is for whom a deputy stands in.
type standingLine struct {
	For   string `json:"for"`
	From  string `json:"from"`
	Until string `json:"until"`
}

func (p *personLine) stands() string {
	texts := make([]string, len(p.Stands))
	for i, s := range p.Stands {
		texts[i] = fmt.Sprintf("%s %s/%s", s.For, s.From, s.Until)
	}
	return strings.Join(texts, ", ")
}

const personHeader = "ID\tNAME\tUNIT\tROLE\tSINCE\tENDED\tKEY\tSTANDS FOR"

func lineOf(p staff.Person) personLine {
	l := personLine{ID: p.ID, Name: p.Name, Unit: p.Unit, Role: p.Role, Since: p.Since.UTC().Format(time.RFC3339), Demo: p.Demo, Key: p.Key.Fingerprint(), Service: p.Service}
	if p.Disabled() {
		l.Ended = p.Ended.UTC().Format(time.RFC3339)
	}
	for _, s := range p.Stands {
		l.Stands = append(l.Stands, standingLine{s.For, s.From.UTC().Format(time.RFC3339), s.Until.UTC().Format(time.RFC3339)})
	}
	if p.Odd != nil {
		l.Odd = p.Odd.Error()
	}
	return l
}

func (p personLine) cells(l language.Language) []string {
	role := roleOf(p.Role, l)
	if p.Service {
		role += l.Choose(" (service)", "（服务）")
	}
	if p.Odd != "" {
		return []string{p.ID, p.Name, string(p.Unit), role, p.Since, p.Ended, p.Odd, p.stands()}
	}
	return []string{p.ID, p.Name, string(p.Unit), role, p.Since, p.Ended, p.Key, p.stands()}
}

func roleOf(role staff.Role, l language.Language) string {
	return l.Coded(string(role), string(role), map[staff.Role]string{staff.Clerk: "经办", staff.Supervisor: "主管", staff.Auditor: "审计", staff.Keeper: "保管员"}[role])
}

func personListCommand() *ffcli.Command {
	c := newCommand("person list", "", "who may act, with unit, role and key", "")
	all := c.flags.Bool("all", false, "those who were disabled, too")
	c.registerJSON(jsonLines)
	return c.reads(func(ctx context.Context, b *books.Books) error {
		store, err := staff.NewStore(b.Ledger)
		if err != nil {
			return err
		}
		people, err := store.List(ctx, *all)
		if err != nil {
			return err
		}
		lines := make([]personLine, len(people))
		for i := range people {
			lines[i] = lineOf(people[i])
		}
		return listAll(c, personHeader, personLine.cells, lines)
	})
}

// eventLine is an act on a person as it is printed.
type eventLine struct {
	At     string     `json:"at"`
	Act    string     `json:"act"`
	By     string     `json:"by"`
	And    string     `json:"and,omitempty"`
	Reason string     `json:"reason"`
	Name   string     `json:"name,omitempty"`
	Unit   staff.Unit `json:"unit,omitempty"`
	Role   staff.Role `json:"role,omitempty"`
	Key    string     `json:"key,omitempty"`
}

const eventHeader = "AT\tACT\tBY\tAND\tREASON\tNAME\tUNIT\tROLE\tKEY"

func (e eventLine) cells(l language.Language) []string {
	role := ""
	if e.Role != "" {
		role = roleOf(e.Role, l)
	}
	act := l.Coded(e.Act, e.Act, map[string]string{
		staff.ActDeputy: "委任代行人", staff.ActEndDeputy: "终止代行",
		staff.ActEnrolKeeper: "保管员登记", staff.ActEnrol: "登记人员", staff.ActChange: "变更人员", staff.ActDisable: "停用人员",
	}[e.Act])
	return []string{e.At, act, e.By, e.And, e.Reason, e.Name, string(e.Unit), role, e.Key}
}

func personHistoryCommand() *ffcli.Command {
	c := newWithArguments("person history", "ID", "what was done to a person, and by whom", 1)
	c.registerJSON(jsonLines)
	return c.reads(func(ctx context.Context, b *books.Books) error {
		events, err := staff.History(ctx, b.Ledger, c.arguments[0])
		if err != nil {
			return notAllowed(err)
		}
		lines := make([]eventLine, len(events))
		for i, e := range events {
			lines[i] = eventLine{e.At.UTC().Format(time.RFC3339), e.Act, e.First, e.Second, e.Reason, e.Person.Name, e.Person.Unit, e.Person.Role, e.Person.Key.Fingerprint()}
		}
		return listAll(c, eventHeader, eventLine.cells, lines)
	})
}

func personWhoamiCommand() *ffcli.Command {
	c := newCommand("person whoami", "--identity FILE", "who you are by your key", "It needs no passphrase, except with --server: the public half tells.")
	of := c.registerIdentity()
	c.check = of.check
	c.registerJSON("print for machines")
	return c.asks(false, of, func(ctx context.Context, client *api.Client) error {
		key, err := staff.ReadPublic(of.file)
		if err != nil {
			return notAllowed(err)
		}
		person, err := client.Whoami(ctx, key.Fingerprint())
		if err != nil {
			return refusedBy(language.Textf("nothing is done"), err)
		}
		if !person.InForce {
			c.Say("the key is no longer in force: nothing can be signed with it")
		}
		line := personLine{ID: person.ID, Name: person.Name, Unit: person.Unit, Role: person.Role, Since: person.Since.Format(time.RFC3339), Demo: person.Demo, Key: key.Fingerprint(), Service: person.Service}
		if person.Ended != nil {
			line.Ended = person.Ended.Format(time.RFC3339)
		}
		for _, s := range person.Stands {
			line.Stands = append(line.Stands, standingLine{s.For, s.From.Format(time.RFC3339), s.Until.Format(time.RFC3339)})
		}
		return listAll(c, personHeader, personLine.cells, []personLine{line})
	})
}

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/people/api"
	"citycard/clearing/persons"
	"citycard/cmd/service"
	"citycard/language"
)

func personsCommand() *ffcli.Command {
	return group("persons", "the people whom the city knows: rosters, reports, one person",
		"A roster is a CSV file with the columns "+persons.Header+".\n"+
			"Names and numbers are kept encrypted under a key of the key store; they stand in no message and in no list.",
		personsImportCommand(), personsReportCommand(), personsFindCommand())
}

// registerOwnKeys registers the flags of the key store of a command that serves the books to
// itself.
func (c *command) registerOwnKeys() {
	c.flags.StringVar(&c.settings.Keys, "keys", "", "key store `file`, where no citycard serve runs; empty: keys.age in the data directory")
	service.RegisterPassphrase(c.flags, &c.settings.Passphrase)
	c.settings.KeyService.Register(c.flags)
	service.RegisterDemo(c.flags, &c.settings.Demo)
}

func personsImportCommand() *ffcli.Command {
	c := newCommand("persons import", "FILE --identity FILE --reason TEXT", "import a roster of persons, and report what matched",
		"You sign the roster's hash and size, and the audit keeps that from the beginning. An import that was interrupted\n"+
			"goes on with the same file; somebody else who goes on with it signs, too. A dry run compares the roster with what is\n"+
			"known, as an import does: you sign that, and the audit keeps it.")
	c.takesWords(1)
	c.registerJSON(jsonLines)
	c.registerOwnKeys()
	i := c.registerIdentity()
	var rows int
	var charset charsetFlag
	reason := c.flags.String("reason", "", "`text` that is kept with it")
	undo := c.flags.Bool("undo", false, "undo an import that has not ended: of another roster, in another encoding, or under another key store")
	c.flags.Var(&charset, "encoding", "`encoding` of the file: utf-8, or gb18030 for that and GBK")
	service.Whole(c.flags, &rows, "rows", 0, 0, "how many rows the roster has, a `number` that its sender says; 0: not said")
	c.check = func() error {
		if strings.TrimSpace(*reason) == "" {
			return language.Textf("--reason is missing: want why it is imported")
		}
		return i.check()
	}
	return c.asks(true, i, func(ctx context.Context, client *api.Client) error {
		file, err := os.Open(c.arguments[0])
		if err != nil {
			return service.Fail("nothing was imported").Todo("name a file that can be read").Because(err)
		}
		defer file.Close()
		from, err := persons.SourceOf(file)
		if err != nil {
			return notImported(false, err)
		}
		shown := importing{command: c, next: time.Now().Add(progressEvery)}
		last, begun, err := client.ImportPersons(ctx, &api.RosterOrder{
			Source: from, Charset: charset.charset(), Rows: int64(rows), Undo: *undo, Reason: *reason, Dry: c.dry,
		}, shown.line)
		if err != nil {
			return notImported(begun, err)
		}
		number := last.Import.Number
		if more := last.Done.Faults - shown.faults; more > 0 {
			c.Say("and %d more; citycard persons report %d --rejects lists all", more, number)
		}
		switch {
		case last.Done.Again:
			c.Say("import %d was of this roster; nothing is changed", number)
		case last.Done.Resumed:
			c.Say("import %d had stored a part of this roster already, and went on", number)
		}
		return c.personsReport(ctx, client, last.Import.Report())
	})
}

// progressEvery is how often it is said how far an import has come.
const progressEvery = 10 * time.Second

// importing shows what is said while a roster is imported.
type importing struct {
	*command
	faults int64
	next   time.Time // when it is said next how far it has come
}

func (i *importing) line(l *api.ImportLine) {
	if l.Fault != nil {
		i.faults++
		of := l.Fault.Reject()
		i.Say("line %d, %s: %w", of.Line, of.Field, of.Wrong())
	}
	if now := time.Now(); l.Import != nil && !now.Before(i.next) {
		i.next = now.Add(progressEvery)
		i.Say("%d of %d rows", l.Import.Next-persons.FirstLine, l.Rows)
	}
}

// notImported says what became of a roster that was not imported.
func notImported(begun bool, err error) error {
	if file, ok := errors.AsType[*persons.FileError](err); ok {
		return service.Fail("nothing was imported").Todo("correct the file and import it again").Because(file.What)
	}
	p, ok := errors.AsType[*api.Problem](err)
	if !ok {
		return notAllowed(err)
	}
	what, todo := language.Textf("nothing was imported"), language.Textf("import the file again")
	switch {
	case begun:
		what = language.Textf("the import is not ended")
		todo = language.Textf("import the file again, and it goes on: what was stored of it does not count yet")
	case p.Type == api.UnknownOutcome:
		what = language.Textf("it is not known whether it was imported")
	}
	failure := service.Fail("%w", what)
	switch p.Type {
	case api.Refused, api.Denied, api.BadSignature, api.Unsigned, api.Stale, api.TooMany:
		failure = service.Refuse("%w", what)
	}
	if p.Todo != "" {
		return failure.Todo("%w", errors.New(p.Todo)).Because(p)
	}
	return failure.Todo("%w", todo).Because(p)
}

// charsetFlag is a roster's charset; the zero value is UTF-8.
type charsetFlag struct{ of persons.Charset }

func (f *charsetFlag) charset() persons.Charset {
	if f.of == "" {
		return persons.UTF8
	}
	return f.of
}

func (f *charsetFlag) String() string { return string(f.charset()) }

func (f *charsetFlag) Set(text string) (err error) {
	f.of, err = persons.ParseCharset(text)
	return err
}

// foundLine is a person as it is printed.
type foundLine struct {
	Status      string `json:"status"`
	Since       string `json:"since"`
	Certificate string `json:"certificate"`
	Number      string `json:"number_masked"`
	Name        string `json:"name_masked"`
	Import      int32  `json:"import"`
}

const foundHeader = "STATUS\tSINCE\tCERTIFICATE\tNUMBER\tNAME\t>IMPORT"

func (f foundLine) cells(l language.Language) []string {
	return []string{statusOf(f.Status, l), f.Since, certificateOf(f.Certificate, l), f.Number, f.Name, number(int64(f.Import))}
}

func statusOf(code string, l language.Language) string {
	return l.Coded(code, code, map[string]string{"present": "在册", "moved": "迁出", "died": "死亡"}[code])
}

func certificateOf(code string, l language.Language) string {
	return l.Coded(code, code, map[string]string{
		"resident": "居民身份证", "residence_permit": "港澳台居民居住证", "foreigner": "外国人永久居留身份证", "passport": "护照",
	}[code])
}

func personsFindCommand() *ffcli.Command {
	c := newCommand("persons find", "--identity FILE --reason TEXT", "one person by the number of a certificate",
		"Reads the number from standard input, since process lists show flags. That somebody asks, and why, is written\n"+
			"into the audit before the answer is printed; of the number, the audit has the first bytes of its token.\n"+
			"Name and number are masked. A dry run shows no person.")
	c.cli.ShortUsage += " < NUMBER"
	c.registerJSON("print for machines")
	c.registerOwnKeys()
	i := c.registerIdentity()
	reason := c.flags.String("reason", "", "`text` that is kept with it")
	c.check = func() error {
		if strings.TrimSpace(*reason) == "" {
			return language.Textf("--reason is missing: why you ask")
		}
		return i.check()
	}
	return c.asks(true, i, func(ctx context.Context, client *api.Client) error {
		certificate, err := oneNumber(os.Stdin)
		if err != nil {
			return service.Fail("nobody is looked for").Todo("give one number on standard input").Because(err)
		}
		p, err := client.FindPerson(ctx, certificate, *reason, c.dry)
		switch {
		case err != nil:
			return notFound(err)
		case c.dry:
			c.Print("the audit would have this read; a dry run shows no person")
			return nil
		}
		return listAll(c, foundHeader, foundLine.cells, []foundLine{{p.Status, p.Since, p.Certificate, p.Number, p.Name, p.Import}})
	})
}

// notFound says why nobody was found.
func notFound(err error) error {
	p, ok := errors.AsType[*api.Problem](err)
	if !ok || p.Type != api.NotFound {
		return refusedBy(language.Textf("nobody is looked for"), err)
	}
	return service.Fail("%w", p).Todo("%w", errors.New(p.Todo))
}

// oneNumber reads the one number that stands in a text; an error shows none of it.
func oneNumber(r io.Reader) (c persons.Certificate, err error) {
	lines := bufio.NewScanner(r)
	n := 0
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		if n++; n > 1 {
			return c, language.Textf("there is more than one line")
		}
		var wrong *persons.Wrong
		if c, wrong = persons.ParseCertificate(lines.Text()); wrong != nil {
			return c, wrong
		}
	}
	if err := lines.Err(); err != nil {
		return c, err
	}
	if n == 0 {
		return c, language.Textf("there is no number in it")
	}
	return c, nil
}

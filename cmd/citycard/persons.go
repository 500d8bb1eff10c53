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

	staff "citycard/clearing/people"
	"citycard/clearing/persons"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

func personsCommand() *ffcli.Command {
	return group("persons", "the people whom the city knows: rosters, reports, one person",
		"A roster is a CSV file with the columns "+persons.Header+".\n"+
			"Names and numbers are kept encrypted under a key of the key store; they stand in no message and in no list.",
		personsImportCommand(), personsReportCommand(), personsFindCommand())
}

func personsImportCommand() *ffcli.Command {
	c := newCommand("persons import", "FILE --identity FILE --reason TEXT", "import a roster of persons, and report what matched",
		"You sign the roster's hash and size, and the audit keeps that from the beginning. An import that was interrupted\n"+
			"goes on with the same file; somebody else who goes on with it signs, too.")
	c.takesWords(1)
	c.registerJSON(jsonLines)
	keyStore := c.registerKeys()
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
	return c.changes(func(ctx context.Context, b *books.Books) error {
		keys, err := keyStore.open()
		if err != nil {
			return err
		}
		who, err := importer(ctx, i, b.Ledger, *reason)
		if err != nil {
			return err
		}
		defer who.close()
		zone, err := server.Zone(ctx, b.Ledger)
		if err != nil {
			return err
		}
		store, err := persons.NewStore(b.Ledger, keys, zone)
		if err != nil {
			return err
		}
		file, err := os.Open(c.arguments[0])
		if err != nil {
			return service.Fail("nothing was imported").Todo("name a file that can be read").Because(err)
		}
		defer file.Close()
		told := 0
		done, err := store.Import(ctx, file, persons.Order{
			Charset: charset.charset(), Rows: int64(rows), Undo: *undo, Person: who.ID, At: time.Now(),
			Sign: func(act, what string) (ledger.Approval, error) { return who.alone(ctx, act, what, *reason) },
			Faults: func(r *persons.Reject) {
				if told++; told <= faultsTold {
					c.Say("line %d, %s: %w", r.Line, r.Field, r.Wrong())
				}
			},
		})
		if err != nil {
			return notImported(done.Number != 0, err)
		}
		if more := told - faultsTold; more > 0 {
			c.Say("and %d more; citycard persons report %d --rejects lists all", more, done.Number)
		}
		switch {
		case done.Again:
			c.Say("import %d was of this roster; nothing is changed", done.Number)
		case done.Resumed:
			c.Say("import %d had stored a part of this roster already, and went on", done.Number)
		}
		return c.personsReport(done.Import)
	})
}

// importer is the person who signs an import. A signature that nothing keeps shows that the key is
// there, also where the person goes on with an import of their own, and that they may import: who
// may not is told so before the roster is read.
func importer(ctx context.Context, i *identityFlags, l *ledger.Ledger, reason string) (*acting, error) {
	store, err := staff.NewStore(l)
	if err != nil {
		return nil, err
	}
	who, err := i.acts(ctx, store)
	if err != nil {
		return nil, err
	}
	if _, err := who.alone(ctx, persons.ActImport, "a roster", reason); err != nil {
		who.close()
		return nil, err
	}
	return who, nil
}

// faultsTold is how many lines of a roster are named while it is imported.
const faultsTold = 20

// notImported says what became of a roster that was not imported.
func notImported(begun bool, err error) error {
	var unfit *ledger.BatchError
	var file *persons.FileError
	var refused *service.Failure
	switch {
	case errors.As(err, &refused): // of the person who signs
		return err
	case errors.As(err, &file):
		return service.Fail("nothing was imported").Todo("correct the file and import it again").Because(file.What)
	case errors.Is(err, persons.ErrUnfinished):
		return service.Refuse("nothing was imported").Todo("import that roster again, and it goes on; or give --undo, which takes away what it has stored").Because(err)
	case errors.Is(err, persons.ErrUndoing):
		return service.Refuse("nothing was imported").Todo("give --undo, which goes on with taking it away").Because(err)
	case errors.Is(err, persons.ErrCharset):
		return service.Refuse("nothing was imported").Todo("give the --encoding with which it was begun; or give --undo, which takes away what it has stored").Because(err)
	case errors.Is(err, persons.ErrKeys):
		return service.Refuse("nothing was imported").Todo("give the key store of this city's persons with --keys; or --undo, if the import that has not ended was begun under a wrong one").Because(err)
	case errors.Is(err, persons.ErrTaken):
		return service.Refuse("the import is not ended").Todo("wait for the other process, or start again once it has ended").Because(err)
	case begun && errors.Is(err, persons.ErrChanged):
		return service.Fail("the import is not ended").Todo("import the file as it was, and it goes on; or as it is now, with --undo").Because(err)
	case errors.As(err, &unfit):
		return service.Refuse("nothing was imported").Todo("correct --reason").Because(unfit.What)
	}
	if !begun {
		return service.Fail("nothing was imported").Todo("import the file again").Because(err)
	}
	return service.Fail("the import is not ended").Todo("import the file again, and it goes on: what was stored of it does not count yet").Because(err)
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
	keyStore := c.registerKeys()
	i := c.registerIdentity()
	reason := c.flags.String("reason", "", "`text` that is kept with it")
	c.check = func() error {
		if strings.TrimSpace(*reason) == "" {
			return language.Textf("--reason is missing: why you ask")
		}
		return i.check()
	}
	return c.changes(func(ctx context.Context, b *books.Books) error {
		certificate, err := oneNumber(os.Stdin)
		if err != nil {
			return service.Fail("nobody is looked for").Todo("give one number on standard input").Because(err)
		}
		keys, err := keyStore.open()
		if err != nil {
			return err
		}
		store, err := persons.NewStore(b.Ledger, keys, time.UTC)
		if err != nil {
			return err
		}
		by, err := i.alone(ctx, b.Ledger, persons.ActRead, "one person, by the number of a certificate", *reason)
		if err != nil {
			return err
		}
		person, found, err := store.Find(ctx, certificate, by)
		switch {
		case errors.Is(err, persons.ErrKeys):
			return service.Refuse("nobody is looked for").Todo("give the key store of this city's persons with --keys").Because(err)
		case err != nil:
			return notAllowed(err)
		case c.dry:
			c.Print("the audit would have this read; a dry run shows no person")
			return nil
		case !found:
			return service.Fail("no person with this number is known").Todo("check the number")
		}
		return listAll(c, foundHeader, foundLine.cells, []foundLine{{
			Status: person.Status.String(), Since: person.Since.String(), Certificate: person.Certificate.Kind.String(),
			Number: person.Certificate.Masked(), Name: person.Masked(), Import: person.Import,
		}})
	})
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

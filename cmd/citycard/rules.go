package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/rules"
	"citycard/clearing/transit/fare"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/durable"
	"citycard/language"
)

func rulesCommand() *ffcli.Command {
	return group("rules", "the documents by which the city prices, pays and settles",
		"Documents are files in one folder, KIND.json each (network, fares, loads, contracts, medical, pension, payouts, products) and\n"+
			"calendar.csv. One person proposes those that changed, another approves them: citycard proposal approve. Serving\n"+
			"processes take an approved edition up within seconds, without a restart. What documents say of past days stays,\n"+
			"but for medical tables and bounds of pensions.",
		rulesTemplateCommand(), rulesCheckCommand(), rulesTryCommand(), rulesProposeCommand(),
		rulesStatusCommand(), rulesHistoryCommand(), rulesShowCommand(), rulesCalendarCommand(), rulesDiffCommand())
}

func rulesTemplateCommand() *ffcli.Command {
	c := newWithArguments("rules template", "DIR", "write an example of each document into a folder, to begin with, and their schemas for editors", 1)
	c.registerDry(&c.dry)
	return c.runs(func(context.Context) error {
		dir := c.arguments[0]
		makeDir := durable.MkdirAll
		if c.dry {
			makeDir = service.CheckDirectory
		}
		if err := makeDir(dir); err != nil {
			return service.Fail("cannot make %s", dir).Todo("name another folder").Because(err)
		}
		for _, kind := range rules.Kinds() {
			if err := c.writeTemplate(kind.PathIn(dir), kind.Example()); err != nil {
				return err
			}
		}
		for _, kind := range rules.Kinds() {
			path, schema := kind.SchemaPathIn(dir), kind.Schema()
			if schema == nil {
				continue
			}
			if !c.dry {
				if err := durable.MkdirAll(filepath.Dir(path)); err != nil {
					return service.Fail("cannot make %s", filepath.Dir(path)).Todo("name another folder").Because(err)
				}
			}
			if err := c.writeTemplate(path, schema); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeTemplate writes a file that must not be there yet, and prints its path.
func (c *command) writeTemplate(path string, content []byte) error {
	write := durable.WriteNew
	if c.dry {
		write = wouldWrite
	}
	err := write(path, func(out io.Writer) error {
		_, err := out.Write(content)
		return err
	})
	switch {
	case errors.Is(err, os.ErrExist):
		return service.Refuse("%s exists", path).Todo("name a folder without documents; none is replaced")
	case err != nil:
		return service.Fail("cannot write %s", path).Todo("check the directory").Because(err)
	}
	c.Print("%s", path)
	return nil
}

// wouldWrite only says whether the file is there already.
func wouldWrite(path string, _ func(io.Writer) error) error {
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	return nil
}

func rulesCheckCommand() *ffcli.Command {
	c := newCommand("rules check", "FILE…|DIR", "check documents, and name every fault",
		"A folder must have a document of each kind; they are checked together. Files are checked one by one. What a\n"+
			"change would say of past days is checked when it is proposed.")
	c.takes = func(given []string) error {
		if c.arguments = given; len(given) == 0 {
			return service.Exit(service.ExitUsage, language.Textf("no file is given, want documents or their folder"))
		}
		return nil
	}
	return c.runs(func(context.Context) error {
		var faulty []string
		var faults []error
		for _, path := range c.arguments {
			err := checkDocuments(path)
			if err == nil {
				c.Print("%s: no faults", path)
				continue
			}
			faulty = append(faulty, path)
			for line := range strings.SplitSeq(err.Error(), "\n") {
				faults = append(faults, fmt.Errorf("%s: %s", path, line))
			}
			if len(c.arguments) == 1 {
				faults = []error{err}
			}
		}
		if len(faulty) == 0 {
			return nil
		}
		return server.BadRules(service.Fail("%s has faults", strings.Join(faulty, ", ")).Todo("correct what is named"), errors.Join(faults...))
	})
}

// checkDocuments checks a folder of documents, or one file.
func checkDocuments(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		contents, err := server.ReadDocuments(path)
		if err == nil {
			_, err = rules.Read(contents)
			return err
		}
		faults := []error{err}
		for _, kind := range rules.Kinds() {
			if content, read := contents[kind]; read {
				faults = append(faults, rules.CheckFile(kind, content)...)
			}
		}
		return errors.Join(faults...)
	}
	kind := rules.KindOfFile(path)
	if !kind.Known() {
		return language.Textf("the file's name must be one of %s", strings.Join(rules.Files(), ", "))
	}
	content, err := server.ReadDocument(path)
	if err != nil {
		return err
	}
	return rules.Check(kind, content)
}

func rulesProposeCommand() *ffcli.Command {
	p := newProposing("rules propose", "DIR", "propose the documents of a folder that are not those in force", "")
	p.takesWords(1)
	accepted := p.flags.Bool("accept-change", false, "propose fares that change a price, or the limit itself, by more than the fares in force allow without this word, or that shorten the time limit of trips")
	p.completes = true
	return proposes(p, rules.ChangeName, func(context.Context) (r rules.Request, err error) {
		r.Accepted = *accepted
		if r.Documents, err = server.ReadDocuments(p.arguments[0]); err != nil {
			return r, server.BadRules(service.Fail("nothing is proposed").Todo("correct what is named"), err)
		}
		if len(r.Documents) == 0 {
			return r, service.Fail("there is no document in %s", p.arguments[0]).Todo("citycard rules template writes examples to begin with")
		}
		var faults []error
		for _, kind := range rules.Kinds() {
			if content, given := r.Documents[kind]; given {
				faults = append(faults, rules.CheckFile(kind, content)...)
			}
		}
		if len(faults) > 0 {
			return r, server.BadRules(service.Refuse("nothing is proposed").Todo("correct what is named and propose again"), errors.Join(faults...))
		}
		return r, nil
	})
}

// kindsIn lists kinds with their words.
func kindsIn(l language.Language, kinds []rules.Kind) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = l.Coded(string(kind), string(kind), kind.Chinese())
	}
	return strings.Join(names, l.Choose(", ", "、"))
}

// changeText says by how much prices change.
func changeText(c fare.Change) *language.Text {
	var rest []error
	if c.Appeared > 0 {
		rest = append(rest, language.Textf("%d new prices, such as of %w", c.Appeared, priceText(c.New)))
	}
	if c.Vanished > 0 {
		rest = append(rest, language.Textf("%d prices go, such as of %w", c.Vanished, priceText(c.Gone)))
	}
	if c.Minutes.From != "" {
		rest = append(rest, language.Textf("the time limit of a trip goes from %d to %d minutes, from %s on", c.Minutes.Before, c.Minutes.After, c.Minutes.From))
	}
	switch b := c.Bands; {
	case b.From == "":
	case b.Before == "":
		rest = append(rest, language.Textf("bands begin, from %s on: %s", b.From, b.After))
	case b.After == "":
		rest = append(rest, language.Textf("bands end, from %s on: %s", b.From, b.Before))
	default:
		rest = append(rest, language.Textf("the bands were %s, and from %s on are %s", b.Before, b.From, b.After))
	}
	if t := c.Transfers; t.From != "" {
		rest = append(rest, language.Textf("the transfers were %q, and from %s on are %q", t.Before, t.From, t.After))
	}
	if c.Share.From != "" {
		rest = append(rest, language.Textf("the share by which later fares may change a price without --accept-change goes from %s to %s, from %s on", c.Share.Before, c.Share.After, c.Share.From))
	}
	text := language.Textf("no price of before changes")
	switch {
	case c.Prices == 0 && c.Before != c.After:
		text = language.Textf("against the fares in force most of all %w changes, from %s to %s yuan, from %s on; more than %s of it needs to be accepted", priceText(c.Price), yuan(c.Before), yuan(c.After), c.From, c.Limit)
	case c.Prices > 0 && c.Large:
		text = language.Textf("%d prices change; against the table before or the fares in force most of all %w from %s to %s yuan, by more than %s of it, from %s on", c.Prices, priceText(c.Price), yuan(c.Before), yuan(c.After), c.Limit, c.From)
	case c.Prices > 0:
		text = language.Textf("%d prices change, none of them by more than %s of it; against the table before or the fares in force most of all %w from %s to %s yuan, from %s on", c.Prices, c.Limit, priceText(c.Price), yuan(c.Before), yuan(c.After), c.From)
	}
	for _, more := range rest {
		text = language.Textf("%w; %w", text, more)
	}
	return text
}

// priceText names a price.
func priceText(p fare.Price) *language.Text {
	if band := p.Band; band != "" {
		p.Band = ""
		return language.Textf("%w in the band %s", priceText(p), band)
	}
	switch {
	case p.Line != 0:
		return language.Textf("card type %d on bus line %d", p.CardType, p.Line)
	case p.Entry == 0:
		return language.Textf("card type %d past the time limit", p.CardType)
	}
	return language.Textf("card type %d from station %d to %d", p.CardType, p.Entry, p.Exit)
}

const editionHeader = "EDITION\tDOCUMENTS\tSINCE\tPROPOSED\tAPPROVED\tREASON\tCHANGE OF PRICES"

func editionCells(e rules.Entry, l language.Language) []string {
	change := ""
	if e.Change != (fare.Change{}) {
		change = changeText(e.Change).In(l)
	}
	return []string{e.Edition, kindsIn(l, e.Kinds), e.At.Format(time.RFC3339), e.Proposer, approverIn(l, e.Proposer, e.Approver), e.Reason, change}
}

func rulesHistoryCommand() *ffcli.Command {
	c := newWithArguments("rules history", "", "all editions: who changed the rules, when, and why", 0)
	return c.reads(func(ctx context.Context, b *books.Books) error {
		all, err := (&rules.Store{Ledger: b.Ledger}).History(ctx)
		if err != nil {
			return err
		}
		return listAll(c, editionHeader, editionCells, all)
	})
}

func rulesStatusCommand() *ffcli.Command {
	c := newWithArguments("rules status", "", "the edition in force", 0)
	return c.reads(func(ctx context.Context, b *books.Books) error {
		all, err := (&rules.Store{Ledger: b.Ledger}).History(ctx)
		if err != nil {
			return err
		}
		if err := listAll(c, editionHeader, editionCells, all[max(len(all)-1, 0):]); err != nil {
			return err
		}
		return c.saysWaiting(ctx, b, rules.ChangeName)
	})
}

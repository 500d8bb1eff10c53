package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/rulefile"
	"citycard/clearing/rules"
	"citycard/clearing/transit/fare"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
)

// proposedMark begins the name of a proposal where an edition may stand too.
const proposedMark = "proposal:"

// editionOf reads an edition by its number or name, or what a proposal would put in force; empty:
// the edition in force.
func editionOf(ctx context.Context, b *books.Books, text string) (set *rules.Set, err error) {
	store := &rules.Store{Ledger: b.Ledger}
	if number, proposed := strings.CutPrefix(text, proposedMark); proposed || text == "" {
		if set, err = store.InForce(ctx); err == nil && proposed {
			n, bad := strconv.ParseInt(number, 10, 64)
			if bad != nil {
				return nil, service.Exit(service.ExitUsage, language.Textf("proposal %q is not a number", number))
			}
			set, err = store.Proposed(ctx, n, set)
		}
	} else {
		number, _, _ := strings.Cut(text, "+")
		n, bad := strconv.ParseInt(number, 10, 64)
		if bad != nil {
			return nil, service.Exit(service.ExitUsage, language.Textf("edition %q: want its number, such as 3", text))
		}
		set, err = store.At(ctx, n)
		if err == nil && strings.Contains(text, "+") && set.Edition.String() != text {
			return nil, service.Fail("edition %d is %s, not %s", n, set.Edition.String(), text).Todo("see citycard rules history")
		}
	}
	switch {
	case errors.Is(err, rules.ErrEmpty):
		return nil, service.NoBooks("the database holds no rules yet").Todo("citycard serve founds them from --rules")
	case err != nil:
		return nil, service.Fail("the edition cannot be read").Todo("see citycard rules history").Because(err)
	}
	return set, nil
}

// termLine is a version of a document as it is printed.
type termLine struct {
	Kind    rules.Kind `json:"kind"`
	Version string     `json:"version"`
	From    string     `json:"from,omitempty"` // a day, or a time of day; empty: all that was before
	To      string     `json:"to,omitempty"`   // the last day, or second; empty: no end
}

func newTermLine(kind rules.Kind, t rulefile.Term) termLine {
	from, to := t.Bounds()
	return termLine{kind, t.Name, from, to}
}

func (t termLine) cells(l language.Language) []string {
	return []string{l.Coded(string(t.Kind), string(t.Kind), t.Kind.Chinese()), t.Version, t.From, t.To}
}

const termHeader = "DOCUMENT\tVERSION\tFROM\tTO"

func rulesShowCommand() *ffcli.Command {
	c := newCommand("rules show", "[KIND] [--edition EDITION]", "the versions of all documents, or one document as the city wrote it", "")
	edition := c.flags.String("edition", "", "`edition` as a batch's note or citycard rules history names it, or proposal:2; empty: the one in force")
	c.takes = func(given []string) error {
		if c.arguments = given; len(given) > 1 || len(given) == 1 && !rules.Kind(given[0]).Known() {
			return service.Exit(service.ExitUsage, language.Textf("%q: want one of %s, or nothing", strings.Join(given, " "), strings.Join(kindNames(), ", ")))
		}
		return nil
	}
	return c.reads(func(ctx context.Context, b *books.Books) error {
		set, err := editionOf(ctx, b, *edition)
		if err != nil {
			return err
		}
		if len(c.arguments) == 1 {
			_, err := os.Stdout.Write(set.Content(rules.Kind(c.arguments[0])))
			return err
		}
		if !c.asJSON {
			if err := c.printChange(ctx, b, *edition); err != nil {
				return err
			}
		}
		return list(c, termHeader, termLine.cells, func(add func(termLine) error) error {
			for _, kind := range rules.Kinds() {
				for _, t := range set.Terms(kind) {
					if err := add(newTermLine(kind, t)); err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
}

// printChange prints how much a proposal changes prices.
func (c *command) printChange(ctx context.Context, b *books.Books, edition string) error {
	number, proposed := strings.CutPrefix(edition, proposedMark)
	if !proposed {
		return nil
	}
	all, err := (&rules.Store{Ledger: b.Ledger}).History(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		if strconv.FormatInt(p.Number, 10) == number && p.Change != (fare.Change{}) {
			c.Print("%w", changeText(p.Change))
		}
	}
	return nil
}

func kindNames() (names []string) {
	for _, kind := range rules.Kinds() {
		names = append(names, string(kind))
	}
	return names
}

// fieldChange is a field in which two documents differ.
type fieldChange struct {
	Kind   rules.Kind `json:"kind"`
	Field  string     `json:"field"`
	Before string     `json:"before,omitempty"`
	After  string     `json:"after,omitempty"`
}

func (f fieldChange) cells(language.Language) []string {
	return []string{string(f.Kind), f.Field, f.Before, f.After}
}

func rulesDiffCommand() *ffcli.Command {
	c := newWithArguments("rules diff", "A B", "the fields in which two editions, proposals (proposal:2) or folders of documents differ, and the days of their calendars", 2)
	return c.reads(func(ctx context.Context, b *books.Books) error {
		var sides [2]map[rules.Kind][]byte
		for i, text := range c.arguments {
			side, err := documentsOf(ctx, b, text)
			if err != nil {
				return err
			}
			sides[i] = side
		}
		return list(c, "DOCUMENT\tFIELD\tBEFORE\tAFTER", fieldChange.cells, func(add func(fieldChange) error) error {
			for _, kind := range rules.Kinds() {
				if sides[0][kind] == nil || sides[1][kind] == nil {
					continue // a folder without the document says nothing of it
				}
				if err := eachChange(kind, sides[0][kind], sides[1][kind], add); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// documentsOf are those of a folder or of an edition.
func documentsOf(ctx context.Context, b *books.Books, text string) (map[rules.Kind][]byte, error) {
	if info, err := os.Stat(text); err == nil && info.IsDir() {
		contents, err := server.ReadDocuments(text)
		if err != nil {
			return nil, service.Fail("the documents in %s cannot be read", text).Todo("correct what is named").Because(err)
		}
		return contents, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	set, err := editionOf(ctx, b, text)
	if err != nil {
		return nil, err
	}
	contents := map[rules.Kind][]byte{}
	for _, kind := range rules.Kinds() {
		contents[kind] = set.Content(kind)
	}
	return contents, nil
}

// eachChange compares two documents field by field. Versions are matched by their names, and the
// days of calendars by their dates.
func eachChange(kind rules.Kind, before, after []byte, add func(fieldChange) error) error {
	if kind == rules.Calendar {
		return eachDayChanged(before, after, add)
	}
	was, err := fieldsOf(before)
	if err != nil {
		return service.Fail("%s is no JSON document", kind.File()).Because(err)
	}
	is, err := fieldsOf(after)
	if err != nil {
		return service.Fail("%s is no JSON document", kind.File()).Because(err)
	}
	all := maps.Clone(was)
	maps.Copy(all, is)
	for _, field := range slices.Sorted(maps.Keys(all)) {
		if was[field] != is[field] {
			if err := add(fieldChange{kind, field, was[field], is[field]}); err != nil {
				return err
			}
		}
	}
	return nil
}

// fieldsOf flattens a document: each value under its path, versions by their names.
func fieldsOf(document []byte) (map[string]string, error) {
	fields := map[string]string{}
	if len(document) == 0 {
		return fields, nil
	}
	text, err := rulefile.Text(document)
	if err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return nil, err
	}
	flatten(fields, "", value)
	return fields, nil
}

func flatten(fields map[string]string, path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			flatten(fields, strings.TrimPrefix(path+"."+name, "."), inner)
		}
	case []any:
		for i, inner := range value {
			name := strconv.Itoa(i)
			if object, ok := inner.(map[string]any); ok {
				if version, ok := object["version"].(string); ok {
					name = version
				}
			}
			flatten(fields, path+"["+name+"]", inner)
		}
	default:
		text, err := json.Marshal(value)
		if err != nil {
			text = []byte(fmt.Sprint(value))
		}
		fields[path] = strings.Trim(string(text), `"`)
	}
}

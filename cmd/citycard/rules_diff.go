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

const fieldHeader = "DOCUMENT\tFIELD\tBEFORE\tAFTER"

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
	c := newCommand("rules diff", "A B|proposal:N", "the fields in which two editions, proposals (proposal:2) or folders of documents differ, and the days of their calendars",
		"Of a proposal alone it is all that approving it changes: prices, versions and fields.")
	c.takes = func(given []string) error {
		if c.arguments = given; len(given) == 2 || len(given) == 1 && strings.HasPrefix(given[0], proposedMark) {
			return nil
		}
		return service.Exit(service.ExitUsage, language.Textf("%q: want two editions, proposals or folders, or one proposal such as proposal:2", strings.Join(given, " ")))
	}
	return c.reads(func(ctx context.Context, b *books.Books) error {
		if len(c.arguments) == 1 {
			number, err := strconv.ParseInt(strings.TrimPrefix(c.arguments[0], proposedMark), 10, 64)
			if err != nil {
				return service.Exit(service.ExitUsage, language.Textf("proposal %q is not a number", c.arguments[0]))
			}
			return c.showsProposal(ctx, b, number)
		}
		var sides [2]map[rules.Kind][]byte
		for i, text := range c.arguments {
			side, err := documentsOf(ctx, b, text)
			if err != nil {
				return err
			}
			sides[i] = side
		}
		return list(c, fieldHeader, fieldChange.cells, func(add func(fieldChange) error) error { return eachField(sides[0], sides[1], add) })
	})
}

// eachField compares the documents that both sides have.
func eachField(before, after map[rules.Kind][]byte, add func(fieldChange) error) error {
	for _, kind := range rules.Kinds() {
		if before[kind] == nil || after[kind] == nil {
			continue // a folder without the document says nothing of it
		}
		if err := eachChange(kind, before[kind], after[kind], add); err != nil {
			return err
		}
	}
	return nil
}

// versionChange is a version of a document that a proposal adds or takes away. One whose content
// changes is both, since its name has the hash of that.
type versionChange struct {
	termLine
	Added bool `json:"added"`
}

func (v versionChange) cells(l language.Language) []string {
	effect := l.Choose("goes", "移除")
	if v.Added {
		effect = l.Choose("comes", "新增")
	}
	return append(v.termLine.cells(l), effect)
}

// versionChanges compares the versions of all documents.
func versionChanges(before, after *rules.Set) (changes []versionChange) {
	for _, kind := range rules.Kinds() {
		was, is := termLines(before, kind), termLines(after, kind)
		for _, t := range was {
			if !slices.Contains(is, t) {
				changes = append(changes, versionChange{t, false})
			}
		}
		for _, t := range is {
			if !slices.Contains(was, t) {
				changes = append(changes, versionChange{t, true})
			}
		}
	}
	return changes
}

func termLines(set *rules.Set, kind rules.Kind) (lines []termLine) {
	for _, t := range set.Terms(kind) {
		lines = append(lines, newTermLine(kind, t))
	}
	return lines
}

// showsProposal shows all that a proposal changes of the edition that it was made for.
func (c *command) showsProposal(ctx context.Context, b *books.Books, number int64) error {
	content, err := requestOf[rules.Content](ctx, b, rules.ChangeName, number)
	if err != nil {
		return err
	}
	if c.asJSON {
		err := writeJSON(os.Stdout, struct {
			Proposal int64 `json:"proposal"`
			rules.Content
		}{number, content})
		if err != nil {
			return err
		}
	}
	return c.showsDocuments(ctx, &rules.Store{Ledger: b.Ledger}, content)
}

// showsDocuments shows the versions and the fields that documents change.
func (c *command) showsDocuments(ctx context.Context, store *rules.Store, content rules.Content) error {
	before, err := store.At(ctx, content.Base)
	if err != nil {
		return err
	}
	after, err := store.Proposed(ctx, content, before)
	if err != nil {
		return service.Fail("the documents cannot be shown").Todo("citycard verify names what was altered").Because(err)
	}
	if content.Change != (fare.Change{}) && !c.asJSON {
		c.Print("%w", changeText(content.Change))
	}
	if err := listAll(c, termHeader+"\tEFFECT", versionChange.cells, versionChanges(before, after)); err != nil {
		return err
	}
	return list(c, fieldHeader, fieldChange.cells, func(add func(fieldChange) error) error {
		was, is := map[rules.Kind][]byte{}, map[rules.Kind][]byte{}
		for _, kind := range rules.Kinds() {
			was[kind], is[kind] = before.Content(kind), after.Content(kind)
		}
		return eachField(was, is, add)
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

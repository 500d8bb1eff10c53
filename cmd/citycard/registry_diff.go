package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/registry"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
)

// shownRows is how many rows of each kind are printed.
const shownRows = 20

func registryDiffCommand() *ffcli.Command {
	c := newWithArguments("registry diff", "proposal:N|CHANGE|DIR", "what a proposal, a change that is in force, or the files in a directory would do: each row with the row before", 1)
	limit := c.flags.Int64("limit", shownRows, "print this `number` of rows of each kind; 0: all")
	c.registerJSON("one JSON object a line: the counts, and then all rows")
	c.check = func() error {
		if *limit < 0 {
			return language.Textf("--limit %d: want 0 or more", *limit)
		}
		return nil
	}
	return c.reads(func(ctx context.Context, b *books.Books) error {
		store := registry.NewStore(b.Pool())
		d, err := c.diffOf(ctx, b, store)
		if err != nil {
			return err
		}
		if c.asJSON {
			return writeDiff(ctx, d)
		}
		return c.printDiff(ctx, d, *limit)
	})
}

// diffOf finds the change or the proposal that was given, or reads the directory.
func (c *command) diffOf(ctx context.Context, b *books.Books, store *registry.Store) (*registry.Diff, error) {
	name := c.arguments[0]
	text, proposed := strings.CutPrefix(name, proposedMark)
	number, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil && proposed:
		return nil, service.Exit(service.ExitUsage, language.Textf("proposal %q is not a number", text))
	case err != nil:
		draft, err := readChange(ctx, b, store, name)
		if err != nil {
			return nil, server.BadFiles(service.Fail("the files cannot be compared").Todo("correct the files named"), err)
		}
		return store.DiffDraft(draft), nil
	case proposed:
		content, err := requestOf[registry.Content](ctx, b, registry.ChangeName, number)
		if err != nil {
			return nil, err
		}
		number = content.Change
	}
	d, err := store.Diff(ctx, number)
	if err != nil {
		return nil, service.Fail("change %d cannot be shown", number).Todo("see citycard registry history").Because(err)
	}
	return d, nil
}

// requestOf reads the request of a proposal of a kind.
func requestOf[T any](ctx context.Context, b *books.Books, kind string, number int64) (request T, err error) {
	office, err := server.Proposals(b.Ledger)
	if err != nil {
		return request, err
	}
	p, err := office.Read(ctx, number)
	if err == nil && p.Kind != kind {
		err = language.Textf("proposal %d is one of %q", number, p.Kind)
	}
	if errors.As(err, new(*language.Text)) {
		return request, service.Fail("proposal %d cannot be shown", number).Todo("citycard proposal list --all shows them").Because(err)
	}
	if err != nil {
		return request, err
	}
	return request, json.Unmarshal(p.Body, &request)
}

// readChange reads the files of a change and checks them against what is in force.
func readChange(ctx context.Context, b *books.Books, store *registry.Store, dir string) (*registry.Draft, error) {
	base, err := store.Load(ctx)
	if err != nil && !errors.Is(err, registry.ErrEmpty) {
		return nil, err
	}
	set, err := server.InForce(ctx, b.Ledger)
	if err != nil {
		return nil, err
	}
	return server.ReadChange(dir, base, set.Loads)
}

// sumLine is a Sum for machines.
type sumLine struct {
	Kind      string          `json:"kind"`
	Rows      int64           `json:"rows"`
	Added     int64           `json:"added"`
	Changed   int64           `json:"changed"`
	Corrected int64           `json:"corrected"`
	Ended     int64           `json:"ended"`
	Last      []registry.Size `json:"last,omitempty"`
}

// writeDiff writes the counts in one line, and each row in its own.
func writeDiff(ctx context.Context, d *registry.Diff) error {
	sums, err := d.Sums(ctx)
	if err != nil {
		return err
	}
	var kinds []sumLine
	for _, s := range sums {
		e := s.Effects
		kinds = append(kinds, sumLine{s.Kind.String(), s.Rows, e[registry.Added], e[registry.Changed], e[registry.Corrected], e[registry.Ended], s.Last})
	}
	encoder := json.NewEncoder(os.Stdout)
	err = encoder.Encode(struct {
		Change int64     `json:"change,omitempty"`
		Base   int64     `json:"base"`
		Rows   int64     `json:"rows"`
		Kinds  []sumLine `json:"kinds"`
	}{d.Change, d.Base, d.Rows, kinds})
	if err != nil {
		return err
	}
	for _, s := range sums {
		err := d.Each(ctx, s.Kind, 0, func(difference *registry.Difference) error {
			return encoder.Encode(struct {
				Kind string `json:"kind"`
				*registry.Difference
			}{s.Kind.String(), difference})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// printDiff prints counts, and then the first rows of each kind, each under the row before.
func (c *command) printDiff(ctx context.Context, d *registry.Diff, limit int64) error {
	sums, err := d.Sums(ctx)
	if err != nil {
		return err
	}
	if d.Change > 0 {
		c.Print("change %d, compared with version %d; rows: %d", d.Change, d.Base, d.Rows)
	} else {
		c.Print("compared with version %d; rows: %d", d.Base, d.Rows)
	}
	err = listAll(c, "KIND\t>ROWS\t>ADDED\t>CHANGED\t>CORRECTED\t>ENDED\tROWS OF THE LAST APPROVED CHANGES", sumCells, sums)
	for _, sum := range sums {
		if err != nil {
			return err
		}
		err = c.printRows(ctx, d, sum, limit)
	}
	return err
}

func sumCells(s registry.Sum, _ language.Language) []string {
	cells := []string{s.Kind.String(), strconv.FormatInt(s.Rows, 10)}
	for _, effect := range registry.Effects() {
		cells = append(cells, strconv.FormatInt(s.Effects[effect], 10))
	}
	var last []string
	for _, size := range s.Last {
		last = append(last, strconv.FormatInt(size.Rows, 10))
	}
	return append(cells, strings.Join(last, ", "))
}

// printRows prints a table of the first rows of a kind, in pieces that need little memory.
func (c *command) printRows(ctx context.Context, d *registry.Diff, sum registry.Sum, limit int64) error {
	const piece = 1000
	columns := sum.Kind.Columns()
	head := []string{c.Language.Of("KIND"), c.Language.Of("EFFECT")}
	for _, column := range columns {
		head = append(head, c.Language.Choose(strings.ToUpper(column), column))
	}
	head = append(head, c.Language.Of("DIFFERS"))
	table := service.Table{Language: c.Language}
	add := func(effect string, row map[string]string, differs []string) {
		cells := []string{sum.Kind.String(), effect}
		for _, column := range columns {
			cells = append(cells, row[column])
		}
		table.Add(append(cells, strings.Join(differs, ", "))...)
	}
	var shown int64
	err := d.Each(ctx, sum.Kind, limit, func(difference *registry.Difference) error {
		if shown%piece == 0 {
			if err := table.Write(os.Stdout); err != nil {
				return err
			}
			table.Add(slices.Clone(head)...) // names of columns are those of the files
		}
		shown++
		if difference.Before != nil {
			add(c.Language.Of("before"), difference.Before, nil)
		}
		add(effectOf(difference.Effect, c.Language), difference.Row, difference.Differs)
		return nil
	})
	if err := errors.Join(err, table.Write(os.Stdout)); err != nil {
		return err
	}
	if more := sum.Rows - shown; more > 0 {
		c.Print("and %d more of %s; citycard registry diff with --limit 0 prints all", more, sum.Kind.String())
	}
	return nil
}

// effectOf is what a row does, for people.
func effectOf(e registry.Effect, l language.Language) string {
	switch e {
	case registry.Added:
		return l.Choose("added", "新增")
	case registry.Changed:
		return l.Choose("changed", "变更")
	case registry.Corrected:
		return l.Choose("corrected", "更正")
	case registry.Ended:
		return l.Choose("ended", "终止")
	}
	return string(e)
}

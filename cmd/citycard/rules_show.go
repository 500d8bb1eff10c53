package main

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/rulefile"
	"citycard/clearing/rules"
	"citycard/clearing/transit/fare"
	"citycard/cmd/books"
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
			content, failed := requestOf[rules.Content](ctx, b, rules.ChangeName, n)
			if failed != nil {
				return nil, failed
			}
			set, err = store.Proposed(ctx, content, set)
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
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return err
	}
	content, err := requestOf[rules.Content](ctx, b, rules.ChangeName, n)
	if err == nil && content.Change != (fare.Change{}) {
		c.Print("%w", changeText(content.Change))
	}
	return err
}

func kindNames() (names []string) {
	for _, kind := range rules.Kinds() {
		names = append(names, string(kind))
	}
	return names
}

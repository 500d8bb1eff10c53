package main

import (
	"strings"

	"citycard/cmd/service"
	"citycard/language"
)

// newWithArguments makes a command that takes a given number of arguments.
func newWithArguments(name, usage, short string, words int) *command {
	c := newCommand(name, usage, short, "")
	c.takesWords(words)
	return c
}

// takesWords makes the command take a given number of arguments.
func (c *command) takesWords(words int) {
	c.takes = func(given []string) error {
		if c.arguments = given; len(given) != words {
			return service.Exit(service.ExitUsage, language.Textf("%d arguments, want %d: %s", len(given), words, c.cli.ShortUsage))
		}
		return nil
	}
}

// proposing is a command with which one person proposes a change, or decides about one.
type proposing struct {
	*command
	person string
}

func newChange(name, usage, short string) *proposing {
	c := &proposing{command: newWithArguments(name, usage+" --by NAME", short, 1)}
	c.registerJSON(jsonLines)
	c.flags.StringVar(&c.person, "by", "", "`name` of the person who does it")
	c.check = func() error {
		if strings.TrimSpace(c.person) == "" {
			return language.Textf("--by is missing: want the name of who does this")
		}
		return nil
	}
	return c
}

package main

import (
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

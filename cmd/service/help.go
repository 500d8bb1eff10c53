package service

import (
	"flag"
	"fmt"
	"strings"

	"citycard/language"

	"github.com/peterbourgon/ff/v3/ffcli"
)

// help is the text that --help prints for a command, in a language; that of the whole program has
// the exit codes too.
func help(program string, c *ffcli.Command, whole bool, l language.Language) string {
	var b strings.Builder
	if c.ShortHelp != "" {
		fmt.Fprintf(&b, "%s\n\n", l.Of(c.ShortHelp))
	}
	short := c.ShortUsage
	if short == "" {
		short = c.Name
	}
	fmt.Fprintf(&b, "%s\n  %s\n", l.Of("Usage:"), short)
	if c.LongHelp != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(l.Of(c.LongHelp)))
	}
	var table Table
	if len(c.Subcommands) > 0 {
		fmt.Fprintf(&b, "\n%s\n", l.Of("Commands:"))
		for _, sub := range c.Subcommands {
			table.Add("  "+sub.Name, l.Of(sub.ShortHelp))
		}
		_ = table.Write(&b) // into a strings.Builder, which cannot fail
	}
	flags := 0
	c.FlagSet.VisitAll(func(f *flag.Flag) {
		if flags++; flags == 1 {
			fmt.Fprintf(&b, "\n%s\n", l.Of("Flags:"))
		}
		said := *f
		said.Usage = l.Of(f.Usage)
		value, text := flag.UnquoteUsage(&said)
		left := "--" + f.Name
		if value != "" {
			left += " " + value
		}
		if f.DefValue != "" && f.DefValue != "false" {
			text = language.Textf("%s (default %s)", text, f.DefValue).In(l)
		}
		table.Add("  "+left, text)
	})
	_ = table.Write(&b) // into a strings.Builder, which cannot fail
	if flags > 0 {
		elsewhere := language.Textf("Every flag can also be set in the environment as %s_FLAG_NAME.", strings.ToUpper(program))
		if c.FlagSet.Lookup(configFlag) != nil {
			elsewhere = language.Textf("Every flag can also be set in the environment as %s_FLAG_NAME,\nor as a line \"flag value\" in the file that --config names.", strings.ToUpper(program))
		}
		fmt.Fprintf(&b, "\n%s\n", elsewhere.In(l))
	}
	if !whole {
		return b.String()
	}
	fmt.Fprintf(&b, "\n%s\n", l.Of("Exit codes:"))
	for _, code := range Codes() {
		table.Add(fmt.Sprintf("  %3d", code.Number), l.Of(code.Meaning))
	}
	_ = table.Write(&b) // into a strings.Builder, which cannot fail
	return b.String()
}

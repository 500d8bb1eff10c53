package service

import (
	"slices"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"
)

// arrange finds the chain of commands that the arguments name, the root first, and puts the flags
// of the last one before its arguments: package flag stops at the first argument, and flags after
// it would be ignored. Flags before a command's name are refused, since they would belong to the
// command above. Words after "--" are not flags.
func arrange(name string, root *ffcli.Command, args []string) (path []*ffcli.Command, ordered []string, err error) {
	a := arrangement{name: name, path: []*ffcli.Command{root}}
	for len(args) > 0 && err == nil {
		args, err = a.next(args)
	}
	if last := a.last(); err == nil && len(last.Subcommands) > 0 && len(a.arguments) > 0 && !a.help && !a.unknown {
		err = noCommand(last, a.arguments, seeHelp(name, a.path))
	}
	return a.path, a.ordered(), err
}

type arrangement struct {
	name             string
	path             []*ffcli.Command
	flags, arguments []string
	help             bool // was asked for
	unknown          bool // a flag was, so what is behind it may be its value
}

func (a *arrangement) last() *ffcli.Command { return a.path[len(a.path)-1] }

// next takes the first of the arguments, with its value if it is a flag that has one.
func (a *arrangement) next(args []string) (rest []string, err error) {
	arg, rest := args[0], args[1:]
	switch {
	case arg == "--":
		a.arguments = append(a.arguments, rest...)
		return nil, nil
	case len(arg) > 1 && arg[0] == '-':
		taken := a.values(arg)
		if taken > len(rest) {
			return nil, usage("flag --%s needs a value", flagName(arg)).Todo("%w", seeHelp(a.name, a.path))
		}
		a.flags = append(append(a.flags, arg), rest[:taken]...)
		return rest[taken:], nil
	}
	sub := subcommand(a.last(), arg)
	switch {
	case sub == nil, a.help, len(a.arguments) > 0 && !a.unknown:
		a.arguments = append(a.arguments, arg)
		return rest, nil
	case len(a.flags) > 0:
		return nil, usage("flag --%s stands before the command; flags follow the command", flagName(a.flags[0])).Todo("%w", seeHelp(a.name, append(a.path, sub)))
	}
	a.path = append(a.path, sub)
	return rest, nil
}

// values says how many of the arguments behind a flag are its value: one or none.
func (a *arrangement) values(arg string) int {
	f := a.last().FlagSet.Lookup(flagName(arg))
	if f == nil {
		help := flagName(arg) == "help" || flagName(arg) == "h"
		a.help, a.unknown = a.help || help, a.unknown || !help
		return 0
	}
	if boolean, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && boolean.IsBoolFlag() || strings.Contains(arg, "=") {
		return 0
	}
	return 1
}

func flagName(arg string) string {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	return name
}

// ordered returns the arguments in an order in which package flag reads all of them.
func (a *arrangement) ordered() []string {
	var words []string
	for _, c := range a.path[1:] {
		words = append(words, c.Name)
	}
	words = append(words, a.flags...)
	if slices.ContainsFunc(a.arguments, func(arg string) bool { return strings.HasPrefix(arg, "-") }) {
		words = append(words, "--")
	}
	return append(words, a.arguments...)
}

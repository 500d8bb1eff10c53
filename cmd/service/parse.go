package service

import (
	"errors"
	"flag"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"citycard/language"

	"github.com/peterbourgon/ff/v3"
	"github.com/peterbourgon/ff/v3/ffcli"
)

// configFlag is the flag that names the configuration file.
const configFlag = "config"

// parse selects the command, which is the last of the path, and fills its flags.
func (p *program) parse() error {
	known := map[string]bool{}
	p.walk(p.root, func(c *ffcli.Command) {
		if c.FlagSet.Lookup(languageFlag) == nil {
			registerLanguage(c.FlagSet, new(language.Language)) // Run itself reads it
		}
		c.FlagSet.VisitAll(func(f *flag.Flag) { known[f.Name] = true })
	})
	p.walk(p.root, func(c *ffcli.Command) {
		c.FlagSet.Init(c.Name, flag.ContinueOnError)
		c.FlagSet.SetOutput(io.Discard)
		c.UsageFunc = func(*ffcli.Command) string { return "" }
		c.Options = append(c.Options, ff.WithEnvVarPrefix(p.name),
			ff.WithConfigFileFlag(configFlag), ff.WithConfigFileParser(configParser(c.FlagSet, known)))
	})
	path, ordered, err := arrange(p.name, p.root, p.args)
	p.path = path
	if err != nil {
		return err
	}
	err = p.root.Parse(ordered)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return err
	}
	if none, ok := errors.AsType[ffcli.NoExecError](err); ok {
		return noCommand(none.Command, nil, seeHelp(p.name, path))
	}
	return refusal(err, p.command().FlagSet, seeHelp(p.name, path))
}

// command is the command that is run.
func (p *program) command() *ffcli.Command { return p.path[len(p.path)-1] }

// walk visits the tree, giving each command a flag set where it has none.
func (p *program) walk(c *ffcli.Command, visit func(*ffcli.Command)) {
	if c.FlagSet == nil {
		c.FlagSet = flag.NewFlagSet(c.Name, flag.ContinueOnError)
	}
	visit(c)
	for _, sub := range c.Subcommands {
		p.walk(sub, visit)
	}
}

func subcommand(c *ffcli.Command, name string) *ffcli.Command {
	for _, sub := range c.Subcommands {
		if strings.EqualFold(sub.Name, name) {
			return sub
		}
	}
	return nil
}

// seeHelp is where a command is explained.
func seeHelp(name string, path []*ffcli.Command) *language.Text {
	words := []string{name}
	for _, c := range path[1:] {
		words = append(words, c.Name)
	}
	return language.Textf("see %q", strings.Join(words, " ")+" --help")
}

// noCommand is the error if no command of c was named, or one that c does not have.
func noCommand(c *ffcli.Command, args []string, hint *language.Text) error {
	var names []string
	for _, sub := range c.Subcommands {
		names = append(names, sub.Name)
	}
	choice := strings.Join(names, ", ")
	if len(names) == 0 {
		return usage("arguments missing").Todo("%w", hint)
	}
	if len(args) > 0 {
		return usage("unknown command %q", args[0]).Todo("commands: %s; %w", choice, hint)
	}
	return usage("no command given").Todo("commands: %s; %w", choice, hint)
}

// keyError is a line of the configuration file that was refused.
type keyError struct {
	file string
	line int
	key  string
	err  error // nil: no command knows the key
}

func (e *keyError) Error() string { return e.In(language.Language{}) }

// In says it in a language.
func (e *keyError) In(l language.Language) string {
	if e.err == nil {
		return language.Textf("unknown key %q in configuration file %s, line %d", e.key, e.file, e.line).In(l)
	}
	return language.Textf("key %q in configuration file %s, line %d: %w", e.key, e.file, e.line, e.err).In(l)
}

func (e *keyError) Unwrap() error { return e.err }

// configParser reads "flag value" lines; a flag alone means true, '#' begins a comment at the start
// of a line or after white space. Keys of the program's other commands are ignored, so that one
// file can serve all commands.
func configParser(flags *flag.FlagSet, known map[string]bool) ff.ConfigFileParser {
	return func(r io.Reader, set func(name, value string) error) error {
		file := flags.Lookup(configFlag).Value.String()
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(text), "\n") {
			name, value := keyAndValue(line)
			switch {
			case name == "":
				continue
			case !known[name] || name == configFlag:
				return &keyError{file: file, line: i + 1, key: name}
			case flags.Lookup(name) == nil:
				continue
			}
			if err := set(name, value); err != nil {
				return &keyError{file: file, line: i + 1, key: name, err: language.Textf("invalid value %q: %w", value, wanted(flags, name, innermost(err)))}
			}
		}
		return nil
	}
}

// keyAndValue splits a line of the configuration file; no name: nothing there.
func keyAndValue(line string) (name, value string) {
	if comment := strings.Index(" "+strings.ReplaceAll(line, "\t", " "), " #"); comment >= 0 {
		line = line[:comment]
	}
	line = strings.TrimSpace(line)
	if gap := strings.IndexAny(line, " \t"); gap >= 0 {
		return strings.TrimLeft(line[:gap], "-"), strings.TrimSpace(line[gap:])
	}
	return strings.TrimLeft(line, "-"), "true"
}

// refusal turns an error of the flag packages into a text for the user.
func refusal(err error, flags *flag.FlagSet, hint *language.Text) error {
	if key, ok := errors.AsType[*keyError](err); ok {
		return usage("%w", key).Todo("correct or remove that line; %w", hint)
	}
	if file, ok := errors.AsType[*os.PathError](err); ok {
		if f := flags.Lookup(configFlag); f != nil && f.Value.String() == file.Path {
			return usage("cannot read configuration file %s", file.Path).Todo("correct --config").Because(file.Err)
		}
	}
	text := innermost(err).Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		return usage("unknown flag --%s", name).Todo("%w", hint)
	}
	if m := wrongValue.FindStringSubmatch(text); m != nil {
		// Package flag keeps of the value's error only its text: it is asked for again.
		if value, unquoted := strconv.Unquote(m[1]); unquoted == nil && flags.Lookup(m[2]) != nil {
			reason := wanted(flags, m[2], flags.Set(m[2], value))
			return usage("wrong setting").Because(language.Textf("invalid value %q for flag --%s: %w", value, m[2], reason)).Todo("%w", hint)
		}
	}
	if m := wrongVariable.FindStringSubmatch(err.Error()); m != nil {
		reason := wanted(flags, m[1], innermost(err))
		return usage("wrong setting").Because(language.Textf("error setting flag %q from environment variable %q: %w", m[1], m[2], reason)).Todo("%w", hint)
	}
	return usage("wrong setting").Because(innermost(err)).Todo("%w", hint)
}

var (
	// wrongValue finds the value and the flag in an error of package flag.
	wrongValue = regexp.MustCompile(`^invalid (?:boolean )?value ("(?:[^"\\]|\\.)*") for (?:flag )?-([a-z0-9-]+): `)
	// wrongVariable finds the flag and its variable in an error of package ff.
	wrongVariable = regexp.MustCompile(`error setting flag "([a-z0-9-]+)" from environment variable "([A-Z0-9_]+)": `)
)

// wanted says which values a flag accepts; package flag only says that the given one is wrong.
func wanted(flags *flag.FlagSet, name string, err error) error {
	f := flags.Lookup(name)
	if err == nil || f == nil || err.Error() != "parse error" && err.Error() != "value out of range" {
		return err
	}
	getter, ok := f.Value.(flag.Getter)
	if !ok {
		return err
	}
	switch getter.Get().(type) {
	case bool:
		return language.Textf("want true or false")
	case int, int64:
		return language.Textf("want a whole number")
	case uint, uint64:
		return language.Textf("want a whole number from 0 on")
	case float64:
		return language.Textf("want a number such as 0.01")
	case time.Duration:
		return language.Textf("want a time such as 90s or 2m")
	}
	return err
}

// innermost follows the chain of wrapped errors to its end.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

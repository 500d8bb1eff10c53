package service

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3"
	"github.com/peterbourgon/ff/v3/ffcli"
)

// configFlag is the flag that names the configuration file.
const configFlag = "config"

// parse selects the command, which is the last of the path, and fills its flags.
func (p *program) parse() error {
	known := map[string]bool{}
	p.walk(p.root, func(c *ffcli.Command) {
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
func seeHelp(name string, path []*ffcli.Command) string {
	words := []string{name}
	for _, c := range path[1:] {
		words = append(words, c.Name)
	}
	return fmt.Sprintf("see %q", strings.Join(words, " ")+" --help")
}

// noCommand is the error if no command of c was named, or one that c does not have.
func noCommand(c *ffcli.Command, args []string, hint string) error {
	var names []string
	for _, sub := range c.Subcommands {
		names = append(names, sub.Name)
	}
	choice := "commands: " + strings.Join(names, ", ")
	if len(names) == 0 {
		return usage("arguments missing / 缺少参数", hint, nil)
	}
	if len(args) > 0 {
		return usage(fmt.Sprintf("unknown command %q / 未知命令", args[0]), choice+"; "+hint, nil)
	}
	return usage("no command given / 缺少命令", choice+"; "+hint, nil)
}

// keyError is a line of the configuration file that was refused.
type keyError struct {
	file string
	line int
	key  string
	err  error // nil: no command knows the key
}

func (e *keyError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("unknown key %q in configuration file %s, line %d / 配置文件中有未知的键", e.key, e.file, e.line)
	}
	return fmt.Sprintf("key %q in configuration file %s, line %d / 配置文件中的值无效: %v", e.key, e.file, e.line, e.err)
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
				return &keyError{file: file, line: i + 1, key: name, err: fmt.Errorf("%q: %s", value, wanted(flags, name, innermost(err).Error()))}
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
func refusal(err error, flags *flag.FlagSet, hint string) error {
	if key, ok := errors.AsType[*keyError](err); ok {
		return usage(key.Error(), "correct or remove that line; "+hint, nil)
	}
	if file, ok := errors.AsType[*os.PathError](err); ok {
		if f := flags.Lookup(configFlag); f != nil && f.Value.String() == file.Path {
			return usage(fmt.Sprintf("cannot read configuration file %s / 无法读取配置文件", file.Path),
				"correct --config", file.Err)
		}
	}
	text := innermost(err).Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		return usage(fmt.Sprintf("unknown flag --%s / 未知选项", name), hint, nil)
	}
	text = dashes.Replace(err.Error())
	if m := wrongValue.FindStringSubmatchIndex(text); m != nil {
		text = text[:m[4]] + wanted(flags, text[m[2]:m[3]], text[m[4]:m[5]])
	}
	return usage("wrong setting / 设置有误", hint, errors.New(text))
}

// dashes writes flags the way the help does.
var dashes = strings.NewReplacer("error parsing commandline arguments: ", "",
	"error parsing environment variables: ", "", " for flag -", " for flag --", "invalid boolean value", "invalid value", " for -", " for flag --")

// wrongValue finds the flag in an error of the flag packages, and their short text about its value.
var wrongValue = regexp.MustCompile(`(?: for flag --|setting flag ")([a-z0-9-]+)"?.*: (parse error|value out of range)$`)

// wanted says which values a flag accepts; the flag package only says that the given one is wrong.
func wanted(flags *flag.FlagSet, name, text string) string {
	f := flags.Lookup(name)
	if f == nil || text != "parse error" && text != "value out of range" {
		return text
	}
	getter, ok := f.Value.(flag.Getter)
	if !ok {
		return text
	}
	switch getter.Get().(type) {
	case bool:
		return "want true or false"
	case int, int64:
		return "want a whole number"
	case uint, uint64:
		return "want a whole number from 0 on"
	case float64:
		return "want a number such as 0.01"
	case time.Duration:
		return "want a time such as 90s or 2m"
	}
	return text
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

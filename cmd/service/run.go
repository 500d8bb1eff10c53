package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"citycard/language"

	"github.com/peterbourgon/ff/v3/ffcli"
)

// Run parses the program's arguments against the tree of commands, runs the
// chosen one under a context that SIGINT, SIGTERM and SIGHUP cancel, prints an error as
// one line, and returns the exit code for os.Exit. Name is the program's name:
// in capitals it is the prefix of its environment variables.
//
// Each command's flag set is changed to return errors instead of exiting; a flag named
// config, where one is registered (Common does), names the configuration file.
func Run(name string, root *ffcli.Command) int {
	p := program{name: name, root: root, args: os.Args[1:], stdout: os.Stdout, stderr: os.Stderr}
	return p.run()
}

type program struct {
	name           string
	root           *ffcli.Command
	args           []string
	path           []*ffcli.Command // that the arguments name, the root first
	stdout, stderr io.Writer
}

func (p *program) run() int {
	if slices.Equal(p.args, []string{versionFlag}) {
		p.args = []string{"version"}
	}
	err := p.parse()
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, err = fmt.Fprint(p.stdout, help(p.name, p.command(), len(p.path) == 1, p.language()))
		return p.report(err)
	case err != nil:
		return p.report(err)
	}
	for _, name := range p.unknownVariables(os.Environ()) {
		p.say(slog.LevelWarn, language.Textf("no setting is called %s; the variable is not read", name))
	}
	warnings, err := completeDatabases(p.command().FlagSet, p.args)
	if err != nil {
		return p.report(err)
	}
	for _, warning := range warnings {
		p.say(slog.LevelWarn, warning)
	}

	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup asked for that
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)
	// If the reader of the output has gone, the write returns an error. The process must not end at
	// that point, since it would leave behind what it has started.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() {
		select {
		case s := <-signals:
			// From here on the signals have their default effect again, so that
			// the second one kills.
			signal.Stop(signals)
			p.say(slog.LevelInfo, language.Textf("stopping (%v); once more to stop at once", s))
			cancel(&interrupted{s})
		case <-ctx.Done():
		}
	}()
	return p.report(p.outcome(ctx, p.root.Run(ctx)))
}

// outcome turns the cancellation that a signal caused into the exit code a shell
// expects of a program that was interrupted.
func (p *program) outcome(ctx context.Context, err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return noCommand(p.command(), nil, seeHelp(p.name, p.path))
	}
	stop, ok := errors.AsType[*interrupted](context.Cause(ctx))
	if !ok || !(errors.Is(err, context.Canceled) || errors.Is(err, stop)) {
		return err
	}
	switch stop.signal {
	case syscall.SIGTERM:
		return Exit(ExitSIGTERM, stop)
	case syscall.SIGHUP:
		return Exit(ExitSIGHUP, stop)
	}
	return Exit(ExitSIGINT, stop)
}

func (p *program) report(err error) int {
	if errors.Is(err, syscall.EPIPE) {
		return ExitSIGPIPE
	}
	if exit, ok := silent(err); ok {
		return exit.code
	}
	if err == nil {
		return ExitOK
	}
	if many, ok := errors.AsType[*faultList](err); ok {
		for _, fault := range many.lines {
			p.sayPlain(slog.LevelError, fault)
		}
	}
	p.say(slog.LevelError, err, slog.Int("exit_code", ExitCode(err)))
	return ExitCode(err)
}

// say writes a line on standard error: for people in their language and with the program's name
// before it, or in English as a line of the log where that is written as JSON.
func (p *program) say(level slog.Level, text error, attrs ...slog.Attr) {
	if p.logFormat() == LogJSON {
		p.log(level, oneLine(text.Error()), attrs...)
		return
	}
	fmt.Fprintf(p.stderr, "%s: %s\n", p.name, oneLine(language.Error(p.language(), text)))
}

func (p *program) log(level slog.Level, text string, attrs ...slog.Attr) {
	attrs = append(attrs, slog.String("program", p.name))
	newLogger(p.stderr, LogJSON, level).LogAttrs(context.Background(), level, text, attrs...)
}

// sayPlain is say without the program's name: one of many lines.
func (p *program) sayPlain(level slog.Level, text error) {
	if p.logFormat() == LogJSON {
		p.log(level, oneLine(text.Error()))
		return
	}
	fmt.Fprintln(p.stderr, oneLine(language.Error(p.language(), text)))
}

// logFormat is how the log of the command is written. If not all of its flags could be read, the
// environment may still have the format.
func (p *program) logFormat() LogFormat {
	f := p.command().FlagSet.Lookup(logFormatFlag)
	if f == nil {
		return LogText
	}
	format := LogFormat(f.Value.String())
	if variable := os.Getenv(variableOf(p.name, logFormatFlag)); format != LogJSON && !isSet(p.command().FlagSet, logFormatFlag) && variable != "" {
		format = LogFormat(variable)
	}
	return format
}

// language is that of the command, from its flag, variable, configuration file or locale. If not
// all of its flags could be read, the flag counts wherever it stands, and the variable.
func (p *program) language() language.Language {
	l := language.Found(os.Getenv)
	if flags := p.command().FlagSet; isSet(flags, languageFlag) {
		_ = l.Set(flags.Lookup(languageFlag).Value.String())
		return l
	}
	_ = l.Set(os.Getenv(variableOf(p.name, languageFlag))) // a wrong or no value changes nothing
	for i, arg := range p.args {
		name, value, given := strings.Cut(arg, "=")
		if !given && i+1 < len(p.args) {
			value = p.args[i+1]
		}
		if name == "--" {
			break
		}
		if strings.TrimLeft(name, "-") == languageFlag && name != languageFlag {
			_ = l.Set(value)
		}
	}
	return l
}

func isSet(flags *flag.FlagSet, name string) (set bool) {
	flags.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// interrupted is the cause of a context that a signal cancelled.
type interrupted struct{ signal os.Signal }

func (i *interrupted) Error() string { return i.In(language.Language{}) }

// In says it in a language.
func (i *interrupted) In(l language.Language) string {
	return language.Textf("interrupted (%v) before the end", i.signal).In(l)
}

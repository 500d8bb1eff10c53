package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/peterbourgon/ff/v3/ffcli"
)

// Run parses the program's arguments against the tree of commands, runs the
// chosen one under a context that SIGINT, SIGTERM and SIGHUP cancel, prints an error as
// one line, and returns the exit code for os.Exit. Name is the program's name:
// in capitals it is the prefix of its environment variables.
//
// Each command's flag set is made to report instead of exit; a flag named
// config, where one is registered (Common does), names the configuration file.
func Run(name string, root *ffcli.Command) int {
	p := program{name: name, root: root, args: os.Args[1:], stdout: os.Stdout, stderr: os.Stderr}
	return p.run()
}

type program struct {
	name           string
	root           *ffcli.Command
	args           []string
	stdout, stderr io.Writer
}

func (p *program) run() int {
	if slices.Equal(p.args, []string{versionFlag}) {
		p.args = []string{"version"}
	}
	asked, err := p.parse()
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(p.stdout, help(p.name, asked))
		return ExitOK
	case err != nil:
		return p.report(err)
	}
	path := p.selected()
	warning, err := completeDatabase(path[len(path)-1].FlagSet, p.args)
	if err != nil {
		return p.report(err)
	}
	if warning != "" {
		fmt.Fprintf(p.stderr, "%s: %s\n", p.name, warning)
	}

	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup asked for that
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)
	// A reader of the output that has gone is an error of the write, not the end of
	// the process: what it started would be left behind.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() {
		select {
		case s := <-signals:
			// From here on the signals have their default effect again, so that
			// the second one kills.
			signal.Stop(signals)
			fmt.Fprintf(p.stderr, "%s: stopping (%v); once more to stop at once / 正在停止\n", p.name, s)
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
		path := p.selected()
		return noCommand(path[len(path)-1], fmt.Sprintf("see %q", commandLine(p.name, path)+" --help"))
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
	if exit, ok := errors.AsType[*exitError](err); ok && exit.err == nil {
		return exit.code
	}
	if err != nil {
		fmt.Fprintf(p.stderr, "%s: %s\n", p.name, oneLine(err.Error()))
	}
	return exitCode(err)
}

// interrupted is the cause of a context that a signal cancelled.
type interrupted struct{ signal os.Signal }

func (i *interrupted) Error() string {
	return fmt.Sprintf("interrupted (%v) before the end / 被中断", i.signal)
}

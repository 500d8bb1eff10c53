package service

import (
	"errors"
	"fmt"
	"strings"
)

// Exit codes of the programs; the package comment explains them.
const (
	ExitOK       = 0
	ExitFailed   = 1
	ExitUsage    = 2
	ExitFindings = 3
	ExitSIGHUP   = 129
	ExitSIGINT   = 130
	ExitSIGPIPE  = 141
	ExitSIGTERM  = 143
)

// Failure is an error meant for the person at the keyboard: what went wrong,
// why, and what to do about it.
type Failure struct {
	What string // "cannot reach Kafka at 10.0.0.5:9092"
	Todo string // "start the broker or correct --kafka"; may be empty
	Err  error  // the cause; may be nil
}

// Error gives the whole story in one line: what: cause; what to do.
func (f *Failure) Error() string {
	var b strings.Builder
	b.WriteString(f.What)
	if f.Err != nil {
		b.WriteString(": ")
		b.WriteString(f.Err.Error())
	}
	if f.Todo != "" {
		b.WriteString("; ")
		b.WriteString(f.Todo)
	}
	return b.String()
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Fail makes a Failure. The cause may be nil, the hint empty.
func Fail(what, todo string, err error) error {
	return &Failure{What: what, Todo: todo, Err: err}
}

// exitError carries the exit code that its error should end the program with.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// Exit makes an error that ends the program with code. With a nil err nothing
// is printed: the command has said everything itself, in its report.
func Exit(code int, err error) error {
	return &exitError{code: code, err: err}
}

// usage is a Failure that ends with ExitUsage.
func usage(what, todo string, err error) error {
	return Exit(ExitUsage, Fail(what, todo, err))
}

// NoArguments refuses arguments left over after the flags. Every command that
// takes none calls it first, so that a mistyped subcommand is an error and not
// ignored.
func NoArguments(args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage(fmt.Sprintf("unexpected argument %q / 多余的参数", args[0]), "see --help", nil)
}

// exitCode is the code that err ends the program with.
func exitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.code
	}
	return ExitFailed
}

// oneLine folds every run of white space, line breaks included, into a blank.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}

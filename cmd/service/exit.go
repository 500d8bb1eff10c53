package service

import (
	"cmp"
	"errors"
	"fmt"

	"citycard/language"
)

// Exit codes of the programs; Codes says what they mean.
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitFindings    = 3
	ExitUnreachable = 4
	ExitInUse       = 5
	ExitNoBooks     = 6
	ExitRefused     = 7
	ExitSIGHUP      = 129
	ExitSIGINT      = 130
	ExitSIGPIPE     = 141
	ExitSIGTERM     = 143
)

// Code is an exit code and what it means.
type Code struct {
	Number  int
	Meaning string // in English
}

// Codes is the table of all exit codes, which --help prints.
func Codes() []Code {
	return []Code{
		{Number: ExitOK, Meaning: "done; a service that was asked to stop ends with 0 too"},
		{Number: ExitFailed, Meaning: "failed; one line on standard error says what is wrong and what to do"},
		{Number: ExitUsage, Meaning: "wrong use: a flag, an argument, the environment or the configuration file"},
		{Number: ExitFindings, Meaning: "ran to its end, and what it checked does not hold"},
		{Number: ExitUnreachable, Meaning: "the database, Kafka, the key service or serve does not answer; the same command may do once it does"},
		{Number: ExitInUse, Meaning: "a data directory or a port is in use by another process"},
		{Number: ExitNoBooks, Meaning: "no books: the database or the directory has none, or those of another version"},
		{Number: ExitRefused, Meaning: "refused: the books, the rules or the rights do not allow it; nothing was changed"},
		{Number: ExitSIGHUP, Meaning: "interrupted before its end, by SIGHUP"},
		{Number: ExitSIGINT, Meaning: "interrupted before its end, by SIGINT"},
		{Number: ExitSIGPIPE, Meaning: "nobody reads its output any more"},
		{Number: ExitSIGTERM, Meaning: "interrupted before its end, by SIGTERM"},
	}
}

// exitError carries an error and the exit code with which it ends the program.
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

// silent finds the exit code of an error that says nothing. With other errors beside it, these are
// said.
func silent(err error) (*exitError, bool) {
	exit, ok := errors.AsType[*exitError](err)
	return exit, ok && exit.err == nil && err.Error() == exit.Error()
}

func failWith(code int, format string, args []any) *Failure {
	return &Failure{what: language.Textf(format, args...), code: code}
}

// usage is a Failure that ends with ExitUsage.
func usage(format string, args ...any) *Failure { return failWith(ExitUsage, format, args) }

// Unreachable is a Failure that ends with ExitUnreachable.
func Unreachable(format string, args ...any) *Failure {
	return failWith(ExitUnreachable, format, args)
}

// Taken is a Failure that ends with ExitInUse.
func Taken(format string, args ...any) *Failure { return failWith(ExitInUse, format, args) }

// NoBooks is a Failure that ends with ExitNoBooks.
func NoBooks(format string, args ...any) *Failure { return failWith(ExitNoBooks, format, args) }

// Refuse is a Failure that ends with ExitRefused.
func Refuse(format string, args ...any) *Failure { return failWith(ExitRefused, format, args) }

// ExitCode is the exit code for err: the outermost that is given.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	return cmp.Or(givenCode(err), ExitFailed)
}

// givenCode is the outermost exit code that an error or what it wraps has, 0 if none has.
func givenCode(err error) (code int) {
	if given, ok := err.(interface{ exits() int }); ok && given.exits() != 0 {
		return given.exits()
	}
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		if inner := err.Unwrap(); inner != nil {
			return givenCode(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range err.Unwrap() {
			if code = givenCode(inner); code != 0 {
				return code
			}
		}
	}
	return 0
}

func (e *exitError) exits() int { return e.code }

func (f *Failure) exits() int { return f.code }

package service

import (
	"fmt"
	"strings"
)

// Failure is an error for the user: what went wrong, why, and what to do about it.
type Failure struct {
	What string // "cannot reach Kafka at 10.0.0.5:9092"
	Todo string // "start the broker or correct --kafka"; may be empty
	Err  error  // the cause; may be nil
}

// Error gives all parts in one line: what: cause; what to do.
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

// FailMany makes a Failure of many causes: each is printed on its own line, and the last line has
// their number.
func FailMany(what, todo string, count int, lines []string) error {
	return Fail(what, todo, &faultList{count, lines})
}

// faultList is the cause of a Failure that has many.
type faultList struct {
	count int
	lines []string
}

func (l *faultList) Error() string {
	if l.count == 1 {
		return "1 fault / 1 处错误"
	}
	return fmt.Sprintf("%d faults / %d 处错误", l.count, l.count)
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

// oneLine folds every run of white space, line breaks included, into a blank.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}

package service

import (
	"strings"

	"citycard/language"
)

// Failure is an error for the user: what went wrong, why, and what to do about it.
type Failure struct {
	what, todo *language.Text // "cannot reach Kafka"; "start the broker or correct --kafka" or nil
	err        error          // the cause; may be nil
	code       int            // with which the program ends; 0: that of the cause, or ExitFailed
}

// Fail makes a Failure that says what went wrong, in the format of package fmt.
func Fail(format string, args ...any) *Failure {
	return &Failure{what: language.Textf(format, args...)}
}

// Todo adds what to do about it, in the format of package fmt.
func (f *Failure) Todo(format string, args ...any) *Failure {
	f.todo = language.Textf(format, args...)
	return f
}

// Because adds the cause, which may be nil.
func (f *Failure) Because(err error) *Failure {
	f.err = err
	return f
}

// BecauseOf adds many causes: each is printed on its own line, and the last line has their number.
// More of them may have been counted than are kept.
func (f *Failure) BecauseOf(count int, lines []error) *Failure {
	return f.Because(&faultList{Faults(count), lines})
}

// Faults is a number of faults in words.
func Faults(count int) *language.Text {
	if count == 1 {
		return language.Textf("1 fault")
	}
	return language.Textf("%d faults", count)
}

// Error gives all parts in one line, in English: what: cause; what to do.
func (f *Failure) Error() string { return f.In(language.Language{}) }

// In gives the same in a language.
func (f *Failure) In(l language.Language) string {
	var b strings.Builder
	b.WriteString(f.what.In(l))
	if f.err != nil {
		b.WriteString(l.Choose(": ", "："))
		b.WriteString(language.Error(l, f.err))
	}
	if f.todo != nil {
		b.WriteString(l.Choose("; ", "；"))
		b.WriteString(f.todo.In(l))
	}
	return b.String()
}

// Parts are what to do about it, which may be nil, and what went wrong, with its cause.
func (f *Failure) Parts() (todo *language.Text, what error) {
	return f.todo, &Failure{what: f.what, err: f.err, code: f.code}
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.err }

// faultList is the cause of a Failure that has many.
type faultList struct {
	*language.Text
	lines []error
}

// NoArguments refuses arguments left over after the flags. Every command that
// takes none calls it first, so that a mistyped subcommand is an error and not
// ignored.
func NoArguments(args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage("unexpected argument %q", args[0]).Todo("see --help")
}

// oneLine folds every run of white space, line breaks included, into a blank.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}

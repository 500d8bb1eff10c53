package language

import (
	"errors"
	"fmt"
	"strings"
)

// Text is a text for a user. It is an error too, which is in English as all errors are.
type Text struct {
	format string
	args   []any
	err    error // what fmt.Errorf makes of them
}

// Textf is the text that fmt.Errorf makes of the arguments; what %w stands for is wrapped.
func Textf(format string, args ...any) *Text {
	return &Text{format: format, args: args, err: fmt.Errorf(format, args...)}
}

// Error is the text in English.
func (t *Text) Error() string { return t.err.Error() }

// Unwrap gives what the text wraps.
func (t *Text) Unwrap() []error {
	switch err := t.err.(type) {
	case interface{ Unwrap() error }:
		return []error{err.Unwrap()}
	case interface{ Unwrap() []error }:
		return err.Unwrap()
	}
	return nil
}

// In is the text in a language. Arguments that are texts, or errors that wrap some, are in that
// language too.
func (t *Text) In(l Language) string {
	args := make([]any, len(t.args))
	for i, arg := range t.args {
		if err, ok := arg.(error); ok {
			arg = errors.New(Error(l, err))
		}
		args[i] = arg
	}
	return fmt.Errorf(l.Of(t.format), args...).Error()
}

// Error is what an error says, with each text that it wraps in the language. What the errors around
// them add stays in English.
func Error(l Language, err error) string {
	if own, ok := err.(interface{ In(l Language) string }); ok {
		return own.In(l)
	}
	said := err.Error()
	var wrapped []error
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		wrapped = []error{err.Unwrap()}
	case interface{ Unwrap() []error }:
		wrapped = err.Unwrap()
	}
	for _, inner := range wrapped {
		if inner != nil {
			said = strings.Replace(said, inner.Error(), Error(l, inner), 1)
		}
	}
	return said
}

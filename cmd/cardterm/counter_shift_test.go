package main

import (
	"bufio"
	"errors"
	"strings"
	"testing"

	"citycard/clearing/cards"
)

// Who is told that a shift is being opened is told the command by which it is: with what makes it a
// supervisor's.
func TestOpeningFirst(t *testing.T) {
	for want, otherwise := range map[string]bool{
		"give cardterm counter shift open --start 20.00 --otherwise --reason WHY": true,
		"give cardterm counter shift open --start 20.00":                          false,
	} {
		err := openingFirst(&cards.ShiftOrder{Start: 20_00, Otherwise: otherwise})
		if !strings.HasSuffix(err.Error(), "; "+want) {
			t.Errorf("%v", err)
		}
	}
}

// Lines come as they are typed; what ended them is said: the end, or a line that is too long.
func TestBarCodes(t *testing.T) {
	for input, want := range map[string]error{"": errNotTyped, strings.Repeat("1", bufio.MaxScanTokenSize): bufio.ErrTooLong} {
		codes := scan(strings.NewReader(" 12 \n" + input))
		if line, err := codes.next(t.Context()); line != "12" || err != nil {
			t.Errorf("%q, %v", line, err)
		}
		if _, err := codes.next(t.Context()); !errors.Is(err, want) {
			t.Errorf("at the end: %v, want %v", err, want)
		}
	}
}

package service

import (
	"io"
	"slices"
	"strings"
	"unicode"

	"citycard/language"

	"github.com/mattn/go-runewidth"
)

// Table prints rows of cells for people. Columns are aligned by the width that a terminal gives
// their cells, where a Chinese character is as wide as two others.
type Table struct {
	// Language is that of the names in Head.
	Language language.Language
	// Numbers are the columns of numbers, counted from 0: they are aligned at their right ends, and
	// thousands are separated.
	Numbers []int

	rows [][]string
}

// Head adds a row of names, which are given in English; those that begin with ">" are of columns of
// numbers.
func (t *Table) Head(names ...string) {
	for i, name := range names {
		name, number := strings.CutPrefix(name, ">")
		if number {
			t.Numbers = append(t.Numbers, i)
		}
		names[i] = t.Language.Of(name)
	}
	t.rows = append(t.rows, names)
}

// Add adds a row. Control characters in its cells become spaces, so that a row stays one line and
// no text that somebody gave looks like more rows.
func (t *Table) Add(cells ...string) {
	for i := range cells {
		cells[i] = strings.Map(visible, cells[i])
		if slices.Contains(t.Numbers, i) {
			cells[i] = thousands(cells[i])
		}
	}
	t.rows = append(t.rows, cells)
}

// Write writes the rows, and forgets them.
func (t *Table) Write(out io.Writer) error {
	// The width of a character does not depend on where the program runs.
	terminal := runewidth.Condition{}
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], terminal.StringWidth(cell))
		}
	}
	var text strings.Builder
	for _, row := range t.rows {
		line := ""
		for i, cell := range row {
			fill := strings.Repeat(" ", widths[i]-terminal.StringWidth(cell))
			if slices.Contains(t.Numbers, i) {
				cell = fill + cell
			} else {
				cell += fill
			}
			if line += cell; i < len(row)-1 {
				line += "  "
			}
		}
		text.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	t.rows = nil
	_, err := io.WriteString(out, text.String())
	return err
}

func visible(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}

// thousands separates the thousands of a decimal number; what is none stays.
func thousands(number string) string {
	if strings.Trim(number, "-.0123456789") != "" {
		return number
	}
	whole, _, _ := strings.Cut(number, ".")
	first := len(whole) - len(strings.TrimLeft(whole, "-"))
	for i := len(whole) - 3; i > first; i -= 3 {
		number = number[:i] + "," + number[i:]
	}
	return number
}

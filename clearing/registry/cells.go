package registry

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"citycard/cardos/tunion"
	"citycard/clearing/registry/index"
	"citycard/clearing/settlement"
	"citycard/ledger"
)

// cells reads the fields of one row and keeps the first error. Stored rows are read by less strict
// rules: rows that are older than a rule must stay readable, or no later change could correct them.
type cells struct {
	fields []string
	stored bool
	err    error
}

func (c *cells) fail(i int, want string) {
	if c.err == nil {
		c.err = fmt.Errorf("column %d is %q, want %s", i+1, c.fields[i], want)
	}
}

// text reads a name. It refuses a name that cannot be written into a settlement file.
func (c *cells) text(i int) string {
	if c.stored {
		return c.fields[i]
	}
	s := strings.TrimSpace(c.fields[i])
	if settlement.CheckName(s) != nil || strings.ContainsRune(s, '\uFFFD') {
		c.fail(i, fmt.Sprintf("at most %d bytes of UTF-8 text on one line, without control characters", settlement.NameLimit))
	}
	return s
}

func (c *cells) id(i int) string {
	s := c.fields[i]
	if s == "" || len(s) > 32 || strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}) {
		c.fail(i, "1 to 32 letters, digits, - or _")
	}
	return s
}

// oneOf gives the place of the value among those allowed.
func (c *cells) oneOf(i int, values []string) int {
	at := slices.Index(values, c.fields[i])
	if at < 0 {
		c.fail(i, "one of "+strings.Join(values, ", "))
		return 0
	}
	return at
}

func (c *cells) mode(i int) string { return modes()[c.oneOf(i, modes())] }

func modes() []string { return []string{"metro", "bus"} }

// holder is who has a terminal: an operator, or with channel: before its id a channel, at whose
// counter purses are emptied.
func (c *cells) holder(i int) (id string, channel bool) {
	if id, channel = strings.CutPrefix(c.fields[i], index.ChannelHolder); !channel {
		return c.id(i), false
	}
	of := cells{fields: []string{id}}
	if of.id(0); of.err != nil {
		c.fail(i, "an operator's id, or channel: and a channel's")
	}
	return id, true
}

func (c *cells) hex(i int, dst []byte) {
	text := c.fields[i]
	if len(text) == 2*len(dst) {
		if _, err := hex.Decode(dst, []byte(text)); err == nil {
			return
		}
	}
	c.fail(i, fmt.Sprintf("%d hexadecimal digits", 2*len(dst)))
}

// cardNumber is an application serial number: 0 and the nineteen digits that are printed on the
// card. An invalid one is not quoted in the error, except for its end: it may be a real number
// written in another way.
func (c *cells) cardNumber(i int) (n index.Number) {
	text := c.fields[i]
	if len(text) != 2*len(n) || text[0] != '0' || strings.Trim(text, "0123456789") != "" {
		if c.err == nil {
			c.err = fmt.Errorf("column %d is %q, %d characters, want %d decimal digits that begin with 0", i+1, tunion.Masked(text), len(text), 2*len(n))
		}
		return n
	}
	c.hex(i, n[:])
	return n
}

// prefix is the beginning of printed card numbers, or nothing.
func (c *cells) prefix(i int) string {
	text := c.fields[i]
	if len(text) > 19 || strings.Trim(text, "0123456789") != "" {
		c.fail(i, "at most 19 digits, which printed card numbers begin with, or nothing")
	}
	return text
}

func (c *cells) number(i int) uint32 {
	if c.fields[i] == "" {
		return 0
	}
	n, err := strconv.ParseUint(c.fields[i], 10, 16)
	if err != nil {
		c.fail(i, "a whole number up to 65535")
	}
	return uint32(n)
}

// percent is a share, of which there is always one.
func (c *cells) percent(i int) uint32 {
	n, err := strconv.ParseUint(c.fields[i], 10, 16)
	if err != nil || n > 1000 {
		c.fail(i, "whole percent, 0 to 1000")
	}
	return uint32(n)
}

// purseLimit is the most that a purse may hold where no rule sets less. The balance on a card has
// four bytes, and the rules for loads allow at most half of what these can express.
const purseLimit ledger.Fen = 1<<31 - 1

// fen is an amount up to a limit.
func (c *cells) fen(i int, most ledger.Fen) ledger.Fen {
	n, err := strconv.ParseInt(c.fields[i], 10, 64)
	if err != nil || n < 0 || !c.stored && n > int64(most) {
		c.fail(i, fmt.Sprintf("an amount in whole fen, at most %d", int64(most)))
	}
	return ledger.Fen(n)
}

func (c *cells) day(i int) ledger.Day {
	d, err := ledger.ParseDay(c.fields[i])
	if err != nil {
		c.fail(i, "a date YYYYMMDD")
	}
	return d
}

// cardDay is a day that a packed card can have.
func (c *cells) cardDay(i int) ledger.Day {
	d := c.day(i)
	if d < index.FirstDay || d > index.LastDay {
		c.fail(i, fmt.Sprintf("a date from %d to %d", index.FirstDay, index.LastDay))
	}
	return d
}

func (c *cells) month(i int) int32 {
	s := c.fields[i]
	if s == "" {
		return 0
	}
	d, err := ledger.ParseDay(s + "01")
	if err != nil {
		c.fail(i, "a month YYYYMM or nothing")
	}
	return int32(d) / 100
}

func (c *cells) span(from, to int) index.Span {
	s := index.Span{From: c.day(from)}
	if c.fields[to] != "" {
		s.To = c.day(to)
		if s.To < s.From {
			c.fail(to, "a day not before the first")
		}
	}
	return s
}

func (c *cells) moment(i int) index.Moment {
	m, ok := index.ParseMoment(c.fields[i])
	if !ok {
		c.fail(i, fmt.Sprintf("a local time YYYYMMDDhhmmss from %d to %d", index.FirstYear, index.LastYear))
	}
	return m
}

// optional is a number as a cell, empty for 0.
func optional(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

package registry

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"citycard/ledger"
)

// Fault is one bad row or file of an import.
type Fault struct {
	File string
	Line int // 1 is the header; 0 means the file as a whole
	Text string
}

// ImportError lists what is wrong, up to a limit, and how much more there is.
type ImportError struct {
	Faults []Fault
	More   int
}

const faultLimit = 20

// Error gives one line a fault.
func (e *ImportError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "registry: %d faults", len(e.Faults)+e.More)
	for _, f := range e.Faults {
		fmt.Fprintf(&b, "\n  %s", f.File)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d", f.Line)
		}
		fmt.Fprintf(&b, ": %s", f.Text)
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\n  and %d more", e.More)
	}
	return b.String()
}

// Import reads operators.csv, terminals.csv, cards.csv, channels.csv,
// hospitals.csv, persons.csv and purses.csv from dir. It checks every row of every file and
// fails with one *ImportError that names them all; a registry is used whole or
// not at all.
func Import(dir string) (*Registry, error) {
	in := &importer{dir: dir, digest: sha256.New(), registry: &Registry{
		operators: map[string][]Operator{}, terminals: map[[6]byte][]Terminal{}, cards: map[CardID]Card{},
		channels: map[string][]Channel{}, hospitals: map[string][]Hospital{}, persons: map[Token]Person{},
		purses: map[CardID]Purse{},
	}}
	in.table("operators.csv", "id,name,name_en,mode,effective_from,effective_to", in.operator)
	in.table("terminals.csv", "terminal,operator,mode,line,station,effective_from,effective_to", in.terminal)
	in.table("cards.csv", "card,issuer,type,status,effective_from,expires", in.card)
	in.table("channels.csv", "id,name,name_en,effective_from,effective_to", in.channel)
	in.table("hospitals.csv", "id,name,name_en,class,effective_from,effective_to", in.hospital)
	in.table("persons.csv", "token,insurance,status,personal_account_fen,pension_fen,certified_until,effective_from", in.person)
	in.table("purses.csv", "card,fen,day", in.purse)
	if len(in.faults.Faults) > 0 {
		return nil, &in.faults
	}
	in.registry.version = hex.EncodeToString(in.digest.Sum(nil))[:16]
	return in.registry, nil
}

type importer struct {
	dir      string
	digest   hash.Hash
	registry *Registry
	faults   ImportError
}

func (in *importer) fault(file string, line int, text string) {
	if len(in.faults.Faults) == faultLimit {
		in.faults.More++
		return
	}
	in.faults.Faults = append(in.faults.Faults, Fault{file, line, text})
}

func (in *importer) table(name, header string, row func([]string) error) {
	file, err := os.Open(filepath.Join(in.dir, name))
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("no such file in %s", in.dir)
		}
		in.fault(name, 0, err.Error())
		return
	}
	defer file.Close()
	fmt.Fprintf(in.digest, "%s\n", name)
	columns := strings.Split(header, ",")
	r := csv.NewReader(io.TeeReader(file, in.digest))
	r.FieldsPerRecord = len(columns)
	r.ReuseRecord = true
	first, err := r.Read()
	switch {
	case err == io.EOF:
		in.fault(name, 1, "empty file, want the header "+header)
		return
	case err != nil:
		in.fault(name, 1, err.Error())
		return
	case !slices.Equal(first, columns):
		in.fault(name, 1, fmt.Sprintf("header is %q, want %q", strings.Join(first, ","), header))
		return
	}
	for {
		fields, err := r.Read()
		if err == io.EOF {
			return
		}
		line, _ := r.FieldPos(0)
		if err != nil {
			// A parse error leaves the reader's place in the file uncertain.
			in.fault(name, line, err.Error())
			return
		}
		if err := row(fields); err != nil {
			in.fault(name, line, err.Error())
		}
	}
}

func (in *importer) operator(f []string) error {
	c := cells{fields: f}
	o := Operator{ID: c.id(0), Name: c.text(1), NameEN: c.text(2), Mode: c.oneOf(3, "metro", "bus"), Span: c.span(4, 5)}
	return c.add(addDated(in.registry.operators, o.ID, o, func(o Operator) Span { return o.Span }))
}

func (in *importer) terminal(f []string) error {
	c := cells{fields: f}
	var number [6]byte
	c.hex(0, number[:])
	t := Terminal{Operator: c.id(1), Mode: c.oneOf(2, "metro", "bus"), Line: c.number(3), Station: c.number(4), Span: c.span(5, 6)}
	if c.err == nil && len(in.registry.operators[t.Operator]) == 0 {
		return fmt.Errorf("operator %q is not in operators.csv", t.Operator)
	}
	return c.add(addDated(in.registry.terminals, number, t, func(t Terminal) Span { return t.Span }))
}

func (in *importer) card(f []string) error {
	c := cells{fields: f}
	var id CardID
	c.hex(0, id[:])
	var card Card
	c.hex(1, card.Issuer[:])
	var kind [1]byte
	c.hex(2, kind[:])
	card.Type = kind[0]
	card.Blocked = c.oneOf(3, "active", "blocked") == "blocked"
	card.From, card.Expires = c.day(4), c.day(5)
	if c.err != nil {
		return c.err
	}
	if _, twice := in.registry.cards[id]; twice {
		return fmt.Errorf("card %s occurs twice", id)
	}
	in.registry.cards[id] = card
	return nil
}

func (in *importer) channel(f []string) error {
	c := cells{fields: f}
	ch := Channel{ID: c.id(0), Name: c.text(1), NameEN: c.text(2), Span: c.span(3, 4)}
	return c.add(addDated(in.registry.channels, ch.ID, ch, func(c Channel) Span { return c.Span }))
}

func (in *importer) hospital(f []string) error {
	c := cells{fields: f}
	h := Hospital{ID: c.id(0), Name: c.text(1), NameEN: c.text(2), Class: c.oneOf(3, "community", "1", "2", "3"), Span: c.span(4, 5)}
	return c.add(addDated(in.registry.hospitals, h.ID, h, func(h Hospital) Span { return h.Span }))
}

func (in *importer) person(f []string) error {
	c := cells{fields: f}
	var token Token
	c.hex(0, token[:])
	p := Person{
		Insurance: c.oneOf(1, "employee", "resident", "none"), Status: c.oneOf(2, "working", "retired", "resident"),
		PersonalAccount: c.fen(3), Pension: c.fen(4), CertifiedUntil: c.month(5), From: c.day(6),
	}
	if c.err != nil {
		return c.err
	}
	if _, twice := in.registry.persons[token]; twice {
		return fmt.Errorf("person %s occurs twice", token)
	}
	in.registry.persons[token] = p
	return nil
}

// purse is what a card held before; the card need not be registered, since the
// money is there all the same.
func (in *importer) purse(f []string) error {
	c := cells{fields: f}
	var id CardID
	c.hex(0, id[:])
	p := Purse{Fen: c.fen(1), Day: c.day(2)}
	if c.err == nil && p.Fen == 0 {
		c.fail(1, "an amount above zero")
	}
	if c.err != nil {
		return c.err
	}
	if _, twice := in.registry.purses[id]; twice {
		return fmt.Errorf("card %s occurs twice", id)
	}
	in.registry.purses[id] = p
	return nil
}

// addDated appends a row; rows of one key must not overlap in time.
func addDated[K comparable, T any](rows map[K][]T, key K, row T, span func(T) Span) error {
	s := span(row)
	for _, old := range rows[key] {
		o := span(old)
		if o.Holds(s.From) || s.Holds(o.From) {
			return fmt.Errorf("%v: overlaps the row effective from %d", key, o.From)
		}
	}
	rows[key] = append(rows[key], row)
	return nil
}

// cells reads the fields of one row and keeps the first error.
type cells struct {
	fields []string
	err    error
}

func (c *cells) fail(i int, want string) {
	if c.err == nil {
		c.err = fmt.Errorf("column %d is %q, want %s", i+1, c.fields[i], want)
	}
}

// add keeps err only where the row itself was readable.
func (c *cells) add(err error) error {
	if c.err != nil {
		return c.err
	}
	return err
}

func (c *cells) text(i int) string { return strings.TrimSpace(c.fields[i]) }

func (c *cells) id(i int) string {
	s := c.fields[i]
	if s == "" || len(s) > 32 || strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}) {
		c.fail(i, "1 to 32 letters, digits, - or _")
	}
	return s
}

func (c *cells) oneOf(i int, values ...string) string {
	if !slices.Contains(values, c.fields[i]) {
		c.fail(i, "one of "+strings.Join(values, ", "))
	}
	return c.fields[i]
}

func (c *cells) hex(i int, dst []byte) {
	b, err := hex.DecodeString(c.fields[i])
	if err != nil || len(b) != len(dst) {
		c.fail(i, fmt.Sprintf("%d hexadecimal digits", 2*len(dst)))
		return
	}
	copy(dst, b)
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

func (c *cells) fen(i int) ledger.Fen {
	n, err := strconv.ParseInt(c.fields[i], 10, 64)
	if err != nil || n < 0 {
		c.fail(i, "an amount in whole fen")
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

func (c *cells) month(i int) string {
	s := c.fields[i]
	if s == "" {
		return s
	}
	if _, err := ledger.ParseDay(s + "01"); err != nil {
		c.fail(i, "a month YYYYMM or nothing")
	}
	return s
}

func (c *cells) span(from, to int) Span {
	s := Span{From: c.day(from)}
	if c.fields[to] != "" {
		s.To = c.day(to)
		if s.To < s.From {
			c.fail(to, "a day not before the first")
		}
	}
	return s
}

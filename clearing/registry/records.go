package registry

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// row is a row of any kind, as files and the database have it.
type row struct {
	kind   Kind
	key    []byte
	from   int64    // YYYYMMDD, of the hotlist YYYYMMDDhhmmss
	record []string // every column
}

// each calls fn for all rows, in order of kind, key and day.
func (c *content) each(fn func(row) error) error {
	for _, l := range layouts() {
		if err := l.each(c, fn); err != nil {
			return err
		}
	}
	return nil
}

func eachRow[K comparable, T dated](t *timelines[K, T], kind Kind, compare func(a, b K) int, key func(K) []byte, record func(T) []string, fn func(row) error) error {
	inHex := layouts()[kind-1].hexKey > 0
	for _, k := range t.keys(compare) {
		for _, r := range t.rows(k) {
			b := key(k)
			text := string(b)
			if inHex {
				text = hex.EncodeToString(b)
			}
			if err := fn(row{kind, b, int64(r.since()), append([]string{text}, record(r)...)}); err != nil {
				return err
			}
		}
	}
	return nil
}

func eachNamed[T dated](t *timelines[string, T], kind Kind, record func(T) []string, fn func(row) error) error {
	return eachRow(t, kind, strings.Compare, func(id string) []byte { return []byte(id) }, record, fn)
}

// cells are the two columns of a span.
func (s Span) cells() (from, to string) { return s.From.String(), optional(int64(s.To)) }

func (c *content) eachOperator(fn func(row) error) error {
	return eachNamed(&c.operators, Operators, func(o Operator) []string {
		from, to := o.cells()
		return []string{o.Name, o.NameEN, o.Mode, from, to}
	}, fn)
}

func (c *content) eachIssuer(fn func(row) error) error {
	for _, k := range c.issuers.keys(compareBytes) {
		for _, i := range c.issuers.rows(k) {
			from, to := i.cells()
			kind := issuerKinds()[1]
			if i.Own {
				kind = issuerKinds()[0]
			}
			if err := fn(row{Issuers, k[:], int64(i.From), []string{hex.EncodeToString(i.ID[:]), i.Name, i.NameEN, kind, from, to, i.Prefix}}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *content) eachCardType(fn func(row) error) error {
	return eachRow(&c.types, CardTypes, cmp.Compare[byte], func(code byte) []byte { return []byte{code} }, func(t CardType) []string {
		from, to := t.cells()
		return []string{t.Name, t.NameEN, from, to}
	}, fn)
}

func (c *content) eachLine(fn func(row) error) error {
	return eachNamed(&c.lines, Lines, func(l Line) []string {
		from, to := l.cells()
		return []string{l.Operator, l.Mode, optional(int64(l.Number)), l.Name, l.NameEN, from, to}
	}, fn)
}

func (c *content) eachVehicle(fn func(row) error) error {
	return eachNamed(&c.vehicles, Vehicles, func(v Vehicle) []string {
		from, to := v.cells()
		return []string{v.Operator, v.Line, from, to}
	}, fn)
}

func (c *content) eachTerminal(fn func(row) error) error {
	return eachRow(&c.terminals, Terminals, compareBytes, func(number [6]byte) []byte { return number[:] }, func(t Terminal) []string {
		from, to := t.cells()
		return []string{t.Operator, t.Mode, optional(int64(t.Line)), optional(int64(t.Station)), from, to}
	}, fn)
}

func (c *content) eachSAM(fn func(row) error) error {
	return eachRow(&c.sams, SAMs, compareBytes, func(terminal [6]byte) []byte { return terminal[:] }, func(s SAM) []string {
		from, to := s.cells()
		return []string{hex.EncodeToString(s.Number[:]), from, to}
	}, fn)
}

func (c *content) eachCard(fn func(row) error) error {
	for _, page := range c.cards.pages {
		for i := range page.n {
			id := page.ids[i]
			for _, r := range c.cards.rowsOf(id, page.rows[i]) {
				card := c.cards.unpack(id, r)
				holder := holders()[1]
				if card.Registered {
					holder = holders()[2]
				}
				if err := fn(row{Cards, bytes.Clone(id[:]), int64(card.From), []string{
					Number(card.ID.ASN).Digits(), hex.EncodeToString(card.ID.Issuer[:]), hex.EncodeToString([]byte{card.Type}), card.Status.String(),
					card.From.String(), card.Expires.String(), holder,
				}}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (c *content) eachChannel(fn func(row) error) error {
	return eachNamed(&c.channels, Channels, func(ch Channel) []string {
		from, to := ch.cells()
		return []string{ch.Name, ch.NameEN, from, to}
	}, fn)
}

func (c *content) eachHospital(fn func(row) error) error {
	return eachNamed(&c.hospitals, Hospitals, func(h Hospital) []string {
		from, to := h.cells()
		return []string{h.Name, h.NameEN, h.Class, from, to}
	}, fn)
}

func (c *content) eachPerson(fn func(row) error) error {
	compare := func(a, b Token) int { return bytes.Compare(a[:], b[:]) }
	return eachRow(&c.persons, Persons, compare, func(t Token) []byte { return t[:] }, func(p person) []string {
		return []string{
			insurances()[p.insurance], personStatuses()[p.status], strconv.FormatInt(int64(p.account), 10),
			strconv.FormatInt(int64(p.pension), 10), optional(int64(p.certified)), p.from.String(),
		}
	}, fn)
}

func (c *content) eachPurse(fn func(row) error) error {
	for _, digits := range c.purses.keys(compareBytes) {
		for _, p := range c.purses.rows(digits) {
			if err := fn(row{Purses, digits[:], int64(p.Day), []string{
				Number(p.ID.ASN).Digits(), hex.EncodeToString(p.ID.Issuer[:]), strconv.FormatInt(int64(p.Fen), 10), p.Day.String(),
			}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// joinRecord writes a record as one line of CSV, without its end.
func joinRecord(fields []string) (string, error) {
	for _, f := range fields {
		if strings.ContainsAny(f, "\",\r\n") || strings.HasPrefix(f, " ") {
			var b strings.Builder
			w := csv.NewWriter(&b)
			if err := w.Write(fields); err != nil {
				return "", fmt.Errorf("write a record: %w", err)
			}
			w.Flush()
			return strings.TrimSuffix(b.String(), "\n"), w.Error()
		}
	}
	return strings.Join(fields, ","), nil
}

// splitRecord reads what joinRecord wrote.
func splitRecord(dst []string, line string) ([]string, error) {
	if strings.Contains(line, `"`) {
		return csv.NewReader(strings.NewReader(line)).Read()
	}
	for {
		field, rest, more := strings.Cut(line, ",")
		dst = append(dst, field)
		if !more {
			return dst, nil
		}
		line = rest
	}
}

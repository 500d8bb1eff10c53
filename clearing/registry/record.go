package registry

import (
	"cmp"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"citycard/clearing/registry/index"
)

// record is a row of any kind, as files and the database have it.
type record struct {
	kind   Kind
	key    []byte
	from   int64    // YYYYMMDD, of the hotlist and of modes YYYYMMDDhhmmss
	fields []string // of every column
}

// records calls fn for all rows, in order of kind, key and day.
func records(rows *index.Rows, fn func(record) error) error {
	for _, l := range layouts() {
		if err := l.each(rows, fn); err != nil {
			return err
		}
	}
	return nil
}

func eachRow[K comparable, T index.Dated](t *index.Timelines[K, T], kind Kind, compare func(a, b K) int, key func(K) []byte, fields func(T) []string, fn func(record) error) error {
	inHex := layouts()[kind-1].hexKey > 0
	for k, row := range t.All(compare) {
		b := key(k)
		text := string(b)
		if inHex {
			text = hex.EncodeToString(b)
		}
		if err := fn(record{kind, b, int64(row.Since()), append([]string{text}, fields(row)...)}); err != nil {
			return err
		}
	}
	return nil
}

func eachNamed[T index.Dated](t *index.Timelines[string, T], kind Kind, fields func(T) []string, fn func(record) error) error {
	return eachRow(t, kind, strings.Compare, func(id string) []byte { return []byte(id) }, fields, fn)
}

// spanFields are the two columns of a span.
func spanFields(s index.Span) (from, to string) { return s.From.String(), optional(int64(s.To)) }

func eachOperator(rows *index.Rows, fn func(record) error) error {
	return eachNamed(&rows.Operators, Operators, func(o index.Operator) []string {
		from, to := spanFields(o.Span)
		return []string{o.Name, o.NameEN, o.Mode, from, to}
	}, fn)
}

func eachIssuer(rows *index.Rows, fn func(record) error) error {
	for k, i := range rows.Issuers.All(index.Compare) {
		from, to := spanFields(i.Span)
		kind := issuerKinds()[1]
		if i.Own {
			kind = issuerKinds()[0]
		}
		if err := fn(record{Issuers, k[:], int64(i.From), []string{hex.EncodeToString(i.ID[:]), i.Name, i.NameEN, kind, from, to, i.Prefix}}); err != nil {
			return err
		}
	}
	return nil
}

func eachCardType(rows *index.Rows, fn func(record) error) error {
	return eachRow(&rows.CardTypes, CardTypes, cmp.Compare[byte], func(code byte) []byte { return []byte{code} }, func(t index.CardType) []string {
		from, to := spanFields(t.Span)
		return []string{t.Name, t.NameEN, from, to}
	}, fn)
}

func eachLine(rows *index.Rows, fn func(record) error) error {
	return eachNamed(&rows.Lines, Lines, func(l index.Line) []string {
		from, to := spanFields(l.Span)
		return []string{l.Operator, l.Mode, optional(int64(l.Number)), l.Name, l.NameEN, from, to}
	}, fn)
}

func eachVehicle(rows *index.Rows, fn func(record) error) error {
	return eachNamed(&rows.Vehicles, Vehicles, func(v index.Vehicle) []string {
		from, to := spanFields(v.Span)
		return []string{v.Operator, v.Line, from, to}
	}, fn)
}

func eachTerminal(rows *index.Rows, fn func(record) error) error {
	return eachRow(&rows.Terminals, Terminals, index.Compare, func(number [6]byte) []byte { return number[:] }, func(t index.Terminal) []string {
		from, to := spanFields(t.Span)
		return []string{t.Operator, t.Mode, optional(int64(t.Line)), optional(int64(t.Station)), from, to}
	}, fn)
}

func eachSAM(rows *index.Rows, fn func(record) error) error {
	return eachRow(&rows.SAMs, SAMs, index.Compare, func(terminal [6]byte) []byte { return terminal[:] }, func(s index.SAM) []string {
		from, to := spanFields(s.Span)
		return []string{hex.EncodeToString(s.Number[:]), from, to}
	}, fn)
}

func eachCard(rows *index.Rows, fn func(record) error) error {
	for card := range rows.Cards.All() {
		holder := holders()[1]
		if card.Registered {
			holder = holders()[2]
		}
		digits := card.ID.Digits()
		if err := fn(record{Cards, digits[:], int64(card.From), []string{
			index.Number(card.ID.ASN).Digits(), hex.EncodeToString(card.ID.Issuer[:]), hex.EncodeToString([]byte{card.Type}), card.Status.String(),
			card.From.String(), card.Expires.String(), holder,
		}}); err != nil {
			return err
		}
	}
	return nil
}

func eachChannel(rows *index.Rows, fn func(record) error) error {
	return eachNamed(&rows.Channels, Channels, func(ch index.Channel) []string {
		from, to := spanFields(ch.Span)
		return []string{ch.Name, ch.NameEN, from, to}
	}, fn)
}

func eachHospital(rows *index.Rows, fn func(record) error) error {
	return eachNamed(&rows.Hospitals, Hospitals, func(h index.Hospital) []string {
		from, to := spanFields(h.Span)
		return []string{h.Name, h.NameEN, h.Class, from, to}
	}, fn)
}

func eachPerson(rows *index.Rows, fn func(record) error) error {
	return eachRow(&rows.Persons, Persons, index.Compare, func(t index.Token) []byte { return t[:] }, func(p index.Person) []string {
		return []string{
			p.Insurance.String(), p.Status.String(), strconv.FormatInt(int64(p.PersonalAccount), 10),
			strconv.FormatInt(int64(p.Pension), 10), optional(int64(p.CertifiedUntil)), p.From.String(),
		}
	}, fn)
}

func eachPurse(rows *index.Rows, fn func(record) error) error {
	for digits, p := range rows.Purses.All(index.Compare) {
		if err := fn(record{Purses, digits[:], int64(p.Day), []string{
			index.Number(p.ID.ASN).Digits(), hex.EncodeToString(p.ID.Issuer[:]), strconv.FormatInt(int64(p.Fen), 10), p.Day.String(),
		}}); err != nil {
			return err
		}
	}
	return nil
}

func eachListing(rows *index.Rows, fn func(record) error) error {
	for l := range rows.Hotlist.All() {
		digits := l.Card.Signed()
		if err := fn(record{Hotlist, digits[:], l.From.Number(), []string{l.Card.Digits(), l.Reason, l.From.String(), l.To.End()}}); err != nil {
			return err
		}
	}
	return nil
}

func eachListBounds(rows *index.Rows, fn func(record) error) error {
	return eachNamed(&rows.ListBounds, ListBounds, func(b index.ListBounds) []string {
		from, to := spanFields(b.Span)
		number := func(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
		return []string{number(b.Few), number(b.Grow), number(b.Shrink), number(b.Share), from, to}
	}, fn)
}

func eachCounter(rows *index.Rows, fn func(record) error) error {
	return eachRow(&rows.Counters, Counters, index.Compare, func(terminal [6]byte) []byte { return terminal[:] }, func(c index.Counter) []string {
		from, to := spanFields(c.Span)
		return []string{c.Channel, c.Name, from, to}
	}, fn)
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

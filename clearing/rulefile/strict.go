package rulefile

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

const (
	// MostFaults is how many faults of a document are named.
	MostFaults  = 1000
	mostRows    = 10_000
	longestText = 4000 // characters of any text in a document
	shownText   = 40   // characters of a wrong value or name that a fault shows
)

// Numbers have one way of writing them: whole numbers without decimals or an exponent, and decimals
// in quotation marks, so that no program on the way makes 0.95 into 0.9499999.
var (
	wholeNumber   = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
	decimalNumber = regexp.MustCompile(`^(0|[1-9][0-9]{0,11})(\.[0-9]{1,18})?$`)
)

// decode reads one JSON document strictly into a struct, and names every fault by its place, such
// as versions[0].metro.base_fen. A field must be one of the struct's, letter by letter, and stand
// there once; only a field with omitempty or omitzero may be left out; nothing may be null. What is
// at fault stays zero in the struct, and the rest is read.
func decode(data []byte, into any) []error {
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return []error{syntaxFault(data, err)}
	}
	r := &reader{tokens: json.NewDecoder(bytes.NewReader(data))}
	r.tokens.UseNumber()
	r.read(reflect.ValueOf(into).Elem(), "")
	return r.faults
}

// syntaxFault says where a document ceases to be JSON.
func syntaxFault(data []byte, err error) error {
	syntax := (*json.SyntaxError)(nil)
	if !errors.As(err, &syntax) {
		return err
	}
	before := data[:min(max(syntax.Offset-1, 0), int64(len(data)))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	return fmt.Errorf("line %d, character %d: no JSON: %w", line, column, err)
}

var errMore = errors.New("and more faults, which are not named here")

// reader reads the tokens of a document that is JSON.
type reader struct {
	tokens *json.Decoder
	ended  bool
	faults []error
}

// fault adds a fault.
func (r *reader) fault(place, format string, values ...any) {
	switch {
	case len(r.faults) == MostFaults:
		r.faults = append(r.faults, errMore)
	case len(r.faults) < MostFaults:
		r.faults = append(r.faults, errors.New(cmp.Or(place, "the document")+": "+fmt.Sprintf(format, values...)))
	}
}

// next is the next token. There is one, since the document is JSON.
func (r *reader) next() json.Token {
	token, err := r.tokens.Token()
	r.ended = r.ended || err != nil
	return token
}

// read reads the next value into a field at a place.
func (r *reader) read(into reflect.Value, place string) {
	token := r.next()
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	switch target := into.Addr().Interface().(type) {
	case *decimal.Decimal:
		*target, _ = r.decimal(token, place)
		return
	case *decimal.NullDecimal:
		target.Decimal, target.Valid = r.decimal(token, place)
		return
	}
	switch into.Kind() {
	case reflect.Struct:
		if r.opens(token, '{', place, "an object {…}") {
			r.object(into, place)
		}
	case reflect.Slice:
		if r.opens(token, '[', place, "a list […]") {
			r.list(into, place)
		}
	case reflect.String:
		if text, ok := r.text(token, place, "a text in quotation marks"); ok {
			into.SetString(text)
		}
	case reflect.Bool:
		if flag, ok := token.(bool); ok {
			into.SetBool(flag)
		} else {
			r.wrong(token, place, "true or false")
		}
	default:
		r.whole(token, into, place)
	}
}

// opens reports whether a token begins an object or a list.
func (r *reader) opens(token json.Token, want json.Delim, place, wanted string) bool {
	if token == want {
		return true
	}
	r.wrong(token, place, wanted)
	return false
}

// wrong names a value of another type, and passes over it.
func (r *reader) wrong(token json.Token, place, want string) {
	is := ""
	switch token := token.(type) {
	case nil:
		is = "null"
	case json.Delim:
		is = map[json.Delim]string{'{': "an object {…}", '[': "a list […]"}[token]
		r.skip(1)
	case string:
		is = strconv.Quote(shorten(token))
	case json.Number:
		is = shorten(token.String())
	default:
		is = fmt.Sprint(token)
	}
	r.fault(place, "%s, want %s", is, want)
}

// skip passes over all up to the end of the objects and lists that are open.
func (r *reader) skip(open int) {
	for open > 0 && !r.ended {
		switch r.next() {
		case json.Delim('{'), json.Delim('['):
			open++
		case json.Delim('}'), json.Delim(']'):
			open--
		}
	}
}

// skipValue passes over the next value.
func (r *reader) skipValue() {
	if token := r.next(); token == json.Delim('{') || token == json.Delim('[') {
		r.skip(1)
	}
}

func (r *reader) object(into reflect.Value, place string) {
	fields := fieldsOf(into)
	seen := map[string]bool{}
	for r.tokens.More() {
		name, _ := r.next().(string)
		at := strings.TrimPrefix(place+"."+plain(name), ".")
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		switch {
		case i < 0:
			r.fault(at, "no such field, want %s", namesOf(fields))
			r.skipValue()
		case seen[name]:
			r.fault(at, "again, want each field once")
			r.skipValue()
		default:
			seen[name] = true
			r.read(fields[i].value, at)
		}
	}
	r.next() // the closing brace
	for _, f := range fields {
		if !seen[f.name] && !f.optional {
			r.fault(strings.TrimPrefix(place+"."+f.name, "."), "missing")
		}
	}
}

func (r *reader) list(into reflect.Value, place string) {
	into.Set(reflect.MakeSlice(into.Type(), 0, 0)) // an empty list is not one that was not read
	for i := 0; r.tokens.More(); i++ {
		if i == mostRows {
			r.fault(place, "more than %d rows", mostRows)
			r.skip(1)
			return
		}
		into.Grow(1)
		into.SetLen(i + 1)
		r.read(into.Index(i), fmt.Sprintf("%s[%d]", place, i))
	}
	r.next() // the closing bracket
}

func (r *reader) text(token json.Token, place, want string) (string, bool) {
	text, ok := token.(string)
	if !ok {
		r.wrong(token, place, want)
		return "", false
	}
	if err := CheckText(text); err != nil {
		r.fault(place, "%s", err)
		return "", false
	}
	return text, true
}

// CheckText finds what a text of a document may not have: too many characters, and such as cannot
// be seen, which make a text look like another one.
func CheckText(text string) error {
	if long := utf8.RuneCountInString(text); long > longestText {
		return fmt.Errorf("%d characters, want at most %d", long, longestText)
	}
	for _, c := range text {
		if !unicode.IsGraphic(c) || c == utf8.RuneError {
			return fmt.Errorf("the character %U in it, want only characters that can be seen", c)
		}
	}
	return nil
}

func (r *reader) decimal(token json.Token, place string) (d decimal.Decimal, ok bool) {
	const want = `a number in quotation marks, such as "0.95"`
	text, ok := r.text(token, place, want)
	if !ok {
		return d, false
	}
	if !decimalNumber.MatchString(text) {
		r.fault(place, "%q, want %s", shorten(text), want)
		return d, false
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		r.fault(place, "%q, want %s", shorten(text), want)
	}
	return d, err == nil
}

func (r *reader) whole(token json.Token, into reflect.Value, place string) {
	const want = "a whole number, written with digits alone"
	number, ok := token.(json.Number)
	if !ok {
		r.wrong(token, place, want)
		return
	}
	text := number.String()
	if !wholeNumber.MatchString(text) {
		r.fault(place, "%s, want %s", shorten(text), want)
		return
	}
	bits := into.Type().Bits()
	if into.CanUint() {
		n, err := strconv.ParseUint(text, 10, bits)
		if err != nil {
			r.fault(place, "%s, want 0 to %d", shorten(text), uint64(1)<<bits-1)
			return
		}
		into.SetUint(n)
		return
	}
	n, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		r.fault(place, "%s, want at most 18 digits", shorten(text))
		return
	}
	into.SetInt(n)
}

// field is a field of an object, with those of embedded structs.
type field struct {
	name     string
	optional bool
	value    reflect.Value
}

func fieldsOf(object reflect.Value) (fields []field) {
	for i := range object.NumField() {
		f := object.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "" && f.Anonymous:
			fields = append(fields, fieldsOf(object.Field(i))...)
		case name != "":
			optional := options == "omitempty" || options == "omitzero"
			fields = append(fields, field{name, optional, object.Field(i)})
		}
	}
	return fields
}

func namesOf(fields []field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return strings.Join(names, ", ")
}

// plain is a field's name as it stands in a place: quoted where it is none that a field could have.
func plain(name string) string {
	if name = shorten(name); !IsName(strings.ReplaceAll(strings.TrimPrefix(name, "$"), "_", "-")) {
		return strconv.Quote(name)
	}
	return name
}

func shorten(text string) string {
	if utf8.RuneCountInString(text) <= shownText {
		return text
	}
	return string([]rune(text)[:shownText]) + "…"
}

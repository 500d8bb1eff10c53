package rules_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"citycard/clearing/rules"
)

// breakage is one way to break a document.
type breakage struct {
	name   string
	places []string // that the faults must name
	scope  string   // what lies within it must be as it was; empty: the whole document
	apply  func(document *node)
}

// middle are places in rows that are neither the first two nor, in the medical table, among the
// last: what they are like is broken in other rows.
var middle = regexp.MustCompile(`schemes\[([2-9]|1[0-9]|2[0-2])\]|(steps|stops|stations|cards|contracts|products)\[[2-9]\]`)

// breakages are the ways to break each value of a document by itself, by what is right there.
func breakages(t testing.TB, kind rules.Kind, document *node) (all []breakage) {
	document.walk("", func(place string, n *node) {
		if middle.MatchString(place) {
			return
		}
		f, ok := formOf(kind, place)
		if !ok {
			t.Fatalf("%s: nothing is known of %s", kind, place)
		}
		for _, leaf := range slices.Concat(f.wrongTypes(n), f.wrongValues(n)) {
			all = append(all, breakage{"becomes " + brief(leaf), []string{place}, place, func(d *node) { d.at(place).set(leaf) }})
		}
		if f.sort == list && f.min > 0 {
			all = append(all, breakage{"is empty", []string{place}, place, func(d *node) { d.at(place).set("[]") }})
		}
		if !strings.HasSuffix(place, "]") {
			all = append(all, f.fieldBreakages(place, n)...)
		}
	})
	return all
}

// fieldBreakages leave a field out, write its name wrongly, and write it twice.
func (f form) fieldBreakages(place string, n *node) (all []breakage) {
	holder, last := split(place)
	if !f.optional {
		all = append(all, breakage{"is left out", []string{place}, place, func(d *node) { d.remove(place) }})
	}
	for _, wrong := range []string{last[:len(last)-1], last + "s", strings.ToUpper(last[:1]) + last[1:], strings.ToUpper(last), last + " ", " " + last, strings.ReplaceAll(last, "_", "-") + "-", "x"} {
		if wrong == last || wrong == "" {
			continue
		}
		shown := wrong
		if strings.ContainsAny(wrong, " $") {
			shown = strconv.Quote(wrong)
			if wrong[0] == '$' && !strings.Contains(wrong, " ") {
				shown = wrong
			}
		}
		places := []string{strings.TrimPrefix(holder+"."+shown, ".")}
		if !f.optional {
			places = append(places, place)
		}
		all = append(all, breakage{"is called " + wrong, places, place, func(d *node) { d.rename(place, wrong) }})
	}
	return append(all,
		breakage{"stands there twice", []string{place}, place, func(d *node) { d.double(place, "") }},
		breakage{"stands there again, as null", []string{place}, place, func(d *node) { d.double(place, "null") }})
}

// wrongTypes are values of every other type.
func (f form) wrongTypes(n *node) []string {
	itself := string(n.text())
	all := []string{"null", "{}", "[null]", "[[[[[[[[]]]]]]]]", `{"value": ` + itself + `}`, "[" + itself + "]", strings.Repeat("[", 9000) + strings.Repeat("]", 9000)}
	switch f.sort {
	case mark:
		return append(all, `"true"`, "1", "0", `""`)
	case whole:
		return append(all, "true", strconv.Quote(itself), `""`)
	case object:
		return append(slices.DeleteFunc(all, func(leaf string) bool { return leaf == "{}" || strings.HasPrefix(leaf, "{") }), "true", "7", `"{}"`, "[]")
	case list:
		return append(slices.DeleteFunc(all, func(leaf string) bool { return strings.HasPrefix(leaf, "[") }), "true", "7", `"[]"`, `""`)
	}
	return append(all, "true", "7", "0.5", "-1", "20270101")
}

// wrongValues are values of the right type that are wrong.
func (f form) wrongValues(n *node) []string {
	unseen := []string{`"a\u0000b"`, `"a\u0007b"`, `"a\nb"`, `"a\tb"`, `"\u202eab"`, `"a\ufeffb"`, `"\ud800"`, `"a\ufffdb"`, `"a\u2028b"`}
	long := func(n int) string { return `"` + strings.Repeat("站", n) + `"` }
	switch f.sort {
	case whole:
		return f.wrongNumbers(n.leaf)
	case share, part:
		all := []string{`"1.000000001"`, `"2"`, `"-0.1"`, `"-0"`, `"+0.5"`, `"NaN"`, `"nan"`, `"Infinity"`, `"-Infinity"`, `"1e-3"`, `"1e999999999"`, `"1e-999999999"`, `"5E-1"`, `".5"`, `"5."`, `"0."`, `"00.5"`, `"0,5"`, `"０.５"`, `"½"`, `"50%"`, `"1/2"`, `" 0.5"`, `"0.5 "`, `"0.5.5"`, `"0_5"`, `"0x1"`, `"0.0000000001"`, `"0.` + strings.Repeat("1", 5000) + `"`, `""`, `" "`, `"half"`, `"null"`, `"18446744073709551616"`}
		if f.sort == part {
			all = append(all, `"1"`, `"1.0"`)
		}
		return append(all, unseen...)
	case length:
		return append([]string{`"0"`, `"0.000"`, `"-6"`, `"10000.001"`, `"10001"`, `"0.0001"`, `"6.0000"`, `"6km"`, `"NaN"`, `"Inf"`, `"6e0"`, `"06"`, `"6,5"`, `"+6"`, `""`, `"1e30"`, `".6"`, `"6."`, `" 6"`}, unseen...)
	case name:
		return append([]string{`""`, `" "`, `" a"`, `"a "`, `"　a"`, `"a\u00a0"`, long(101), long(350_000)}, unseen...)
	case translation:
		return append([]string{`" "`, `" a"`, `"a "`, long(101), long(350_000)}, unseen...)
	case word:
		return append([]string{`""`, `" "`, `"none"`, `"other"`, strconv.Quote(strings.ToUpper(strings.Trim(n.leaf, `"`)) + "X"), strconv.Quote(" " + strings.Trim(n.leaf, `"`)), strconv.Quote(strings.Trim(n.leaf, `"`) + " "), `"4"`, `"住院"`, long(350_000)}, unseen...)
	case text:
		return append([]string{`""`, `" "`, `"　"`, long(4001), long(350_000)}, unseen...)
	case free:
		return append([]string{long(4001), long(350_000)}, unseen...)
	case label:
		return append([]string{`""`, `" "`, `"a b"`, `"a+b"`, `"a,b"`, `"a_b"`, `"票价"`, `"ａ"`, `"é"`, strconv.Quote(strings.Repeat("v", 41)), long(350_000), `"v\n"`}, unseen...)
	case clock:
		return append([]string{`""`, `" "`, `"7:00"`, `"07:60"`, `"24:01"`, `"25:00"`, `"0700"`, `"07:00:00"`, `"07.00"`, `"-7:00"`, `"+7:00"`, `" 7:00"`, `"０７:００"`, `"noon"`}, unseen...)
	case day, moment:
		return append(wrongDays(), unseen...)
	}
	return nil
}

func wrongDays() []string {
	return []string{
		`"20261301"`, `"20260001"`, `"20260100"`, `"20260132"`, `"20260431"`, `"20270229"`, `"21000229"`, `"2027010"`, `"202701011"`, `"00000000"`, `"99999999"`,
		`"2027-01-01"`, `"2027/01/01"`, `"2027.01.01"`, `"01012027"`, `"tomorrow"`, `" "`, `" 20270101"`, `"20270101 "`, `"+2027101"`, `"-2027101"`, `"2027 101"`, `"２０２７０１０１"`, `"2027年1月1日"`,
		`"20270101T04:00"`, `"2027-01-01 04:00"`, `"2027-01-01T25:00"`, `"2027-01-01T24:00"`, `"2027-01-01T04:60"`, `"2027-01-01T4:00"`, `"2027-01-01T04"`, `"2027-01-01T04:00Z"`, `"2027-01-01T04:00+08:00"`, `"2027-01-01T04:00:00.5"`, `"2027-02-29T04:00"`, `"2027-1-1T04:00"`, `"20270101040000"`, `"NaN"`, `"1e8"`,
	}
}

// wrongNumbers are out of range, or written otherwise than with digits alone.
func (f form) wrongNumbers(itself string) []string {
	all := []string{
		fmt.Sprint(f.min - 1), fmt.Sprint(f.max + 1), "-1", "-2147483648", "-9223372036854775808", "-9223372036854775809", "9223372036854775807", "9223372036854775808",
		"18446744073709551615", "18446744073709551616", "1" + strings.Repeat("0", 30), strings.Repeat("9", 100_000), itself + ".0", itself + ".5", itself + "e0", itself + "E+0", "1e3", "1E400", "1e-1", "0.1", "-0", "-0.0", "-1.5",
		strconv.Quote(itself), `"NaN"`, `"Infinity"`, `"0x10"`, `"` + itself + `元"`,
	}
	return slices.DeleteFunc(slices.Compact(all), func(leaf string) bool {
		n, err := strconv.ParseInt(leaf, 10, 64)
		return err == nil && leaf != "-0" && f.min <= n && n <= f.max
	})
}

// brief is how a value is shown.
func brief(leaf string) string {
	if len(leaf) > 40 {
		return fmt.Sprintf("%.30s… of %d bytes", leaf, len(leaf))
	}
	return leaf
}

package rules_test

import (
	"strconv"
	"strings"
	"testing"

	"citycard/clearing/rules"
)

// unsayable reports whether a schema cannot refuse what a place becomes, for a reason of JSON
// Schema that docs/configuration.md names.
func unsayable(f form, b breakage, place, leaf string) bool {
	switch {
	case strings.HasPrefix(b.name, "stands there"): // another program takes the last of both
		return true
	case leaf == "":
		return false
	case f.sort == whole: // 7.0 and 7e0 are the number 7
		n, err := strconv.ParseFloat(leaf, 64)
		return err == nil && n == float64(int64(n)) && float64(f.min) <= n && n <= float64(f.max)
	case f.sort == length: // that it is not zero, and the bound behind the point
		return leaf == `"0"` || leaf == `"0.000"` || leaf == `"10000.001"`
	case f.sort == day || f.sort == moment: // which days there are, and which kinds begin with a day
		text, err := strconv.Unquote(leaf)
		return err == nil && (days.MatchString(text) || moments.MatchString(text))
	case f.sort == name || f.sort == translation || f.sort == text || f.sort == free: // what cannot be seen
		return strings.Contains(leaf, `\u`) || strings.Contains(leaf, `\n`) || strings.Contains(leaf, `\t`) || strings.TrimSpace(strings.Trim(leaf, `"`)) != strings.Trim(leaf, `"`)
	}
	return false
}

// TestSchemaSays holds every broken value against the published schema: it refuses all but what no
// schema can say. What it refuses, the reader refuses (TestBrokenValues).
func TestSchemaSays(t *testing.T) {
	for _, kind := range documentKinds() {
		compiled := compile(t, kind)
		document := parse(t, kind.Example())
		if err, _ := validate(t, kind, compiled, kind.Example()); err != nil {
			t.Errorf("the schema refuses the example: %v", err)
		}
		said, unsaid := 0, 0
		for _, b := range breakages(t, kind, document) {
			broken := document.clone()
			b.apply(broken)
			leaf := ""
			if strings.HasPrefix(b.name, "becomes ") {
				leaf = string(broken.at(b.scope).text())
			}
			if len(leaf) > 5000 {
				continue // only to spare time
			}
			refused, ok := validate(t, kind, compiled, broken.text())
			f, _ := formOf(kind, b.scope)
			switch {
			case !ok:
			case refused != nil:
				said++
			case unsayable(f, b, b.scope, leaf):
				unsaid++
			default:
				t.Errorf("%s: %s %s: the schema takes it", kind, b.scope, b.name)
			}
		}
		t.Logf("%s: %d refused by the schema too, %d only by the reader", kind, said, unsaid)
	}
}

// TestSchemaTakes holds documents at the ends of what is right against the schema and the reader:
// neither refuses them.
func TestSchemaTakes(t *testing.T) {
	for _, kind := range documentKinds() {
		compiled := compile(t, kind)
		document := parse(t, kind.Example())
		takes := func(name string, text []byte) {
			t.Helper()
			if refused, ok := validate(t, kind, compiled, text); refused != nil || !ok {
				t.Errorf("%s with %s: the schema refuses it: %v", kind, name, refused)
			}
			if err := rules.Check(kind, text); err != nil {
				t.Errorf("%s with %s: the reader refuses it: %v", kind, name, err)
			}
		}
		document.walk("", func(place string, n *node) {
			f, _ := formOf(kind, place)
			if f.optional && !middle.MatchString(place) && !strings.Contains(place, "to_km") && !strings.Contains(place, "up_to_fen") {
				less := document.clone()
				less.remove(place)
				takes("no "+place, less.text())
			}
			for _, leaf := range f.ends(place) {
				at := document.clone()
				at.at(place).set(leaf)
				takes(place+" "+leaf, at.text())
			}
		})
		withMore(document, kind, "20300101")
		takes("a second version", document.text())
	}
}

// bound are places whose right values depend on others.
var bound = map[string]bool{"number": true, "station": true, "metres": true, "first": true, "last": true, "to_km": true, "base_km": true, "maximum_fen": true, "multiple_of_fen": true, "person_fen": true, "batch_fen": true, "up_to_fen": true, "card_type": true}

// ends are the outermost values that are right at a place by themselves.
func (f form) ends(place string) []string {
	if _, last := split(place); bound[last] || strings.Contains(place, "bus_lines[") {
		return nil
	}
	switch f.sort {
	case whole:
		return []string{strconv.FormatInt(f.min, 10), strconv.FormatInt(f.max, 10)}
	case share:
		return []string{`"0"`, `"1"`, `"1.000000000"`, `"0.000000001"`, `"0.999999999"`, `"0.5"`}
	case part:
		return []string{`"0"`, `"0.999999999"`, `"0.000000001"`}
	case length:
		return []string{`"0.001"`, `"10000"`, `"10000.000"`, `"9999.999"`}
	case name:
		return []string{`"` + strings.Repeat("站", 100) + `"`, `"x"`, `"A B"`}
	case text, free:
		return []string{`"` + strings.Repeat("站", 4000) + `"`}
	case label:
		return []string{`"` + strings.Repeat("v", 40) + `"`, `"."`, `"V-1.0"`}
	case mark:
		return []string{"true", "false"}
	case moment:
		return []string{`"20270101"`, `"2027-01-01T04:00"`, `"2027-01-01T23:59:59"`, `"20280229"`}
	}
	return nil
}

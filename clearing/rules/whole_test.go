package rules_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"citycard/clearing/rules"
)

// wholes are ways to break a document as a text, each with the beginning of its fault.
func wholes(t *testing.T, kind rules.Kind) map[string]struct {
	text  []byte
	fault string
} {
	t.Helper()
	all := map[string]struct {
		text  []byte
		fault string
	}{}
	add := func(name, text, fault string) {
		all[name] = struct {
			text  []byte
			fault string
		}{[]byte(text), fault}
	}
	document := parse(t, kind.Example())
	good := string(document.text())
	for part := range 120 {
		cut := len(good) * part / 120 // always before the closing brace
		line := "line "
		if cut > 0 {
			line = fmt.Sprintf("line %d, ", 1+strings.Count(good[:cut-1], "\n"))
		}
		text := good[:cut]
		if !validUTF8(text) {
			line = "not UTF-8"
		}
		add(fmt.Sprintf("cut after %d of 120 parts", part), text, line)
	}
	last := 1 + strings.Count(good, "\n")
	for name, tail := range map[string]string{"a brace": "}", "another document": good, "a word": "null", "a comma": ",", "a comment": "// end", "a list": "[]"} {
		add("followed by "+name, good+tail, fmt.Sprintf("line %d, ", last))
		add("followed by lines and "+name, good+"\n\n"+tail, fmt.Sprintf("line %d, ", last+2))
	}
	lines := strings.SplitAfter(good, "\n")
	for i := range min(len(lines)-1, 30) {
		rest := strings.Join(lines[i+1:], "")
		before, line := strings.Join(lines[:i], ""), strings.TrimSuffix(lines[i], "\n")
		at := fmt.Sprintf("line %d, ", i+1)
		add("a comment in "+at, before+line+" // why\n"+rest, at)
		add("a sign too much in "+at, before+line+";\n"+rest, at)
		add("two commas in "+at, before+line+",,\n"+rest, at)
		if strings.HasSuffix(line, ",") {
			add("a comma less in "+at, before+strings.TrimSuffix(line, ",")+"\n"+rest, fmt.Sprintf("line %d, ", i+2))
		}
	}
	for name, leaf := range map[string]string{"NaN": "NaN", "infinity": "Infinity", "less infinity": "-Infinity", "hexadecimal": "0x10", "leading zeros": "007", "a plus sign": "+7", "half a number": "7.", "no digit": ".7", "an exponent alone": "1e", "Python": "None", "capitals": "TRUE", "single quotes": "'a'", "no quotes": "tomorrow", "a raw line end": "\"a\nb\"", "a raw tab": "\"a\tb\"", "a bad escape": `"\x41"`, "half an escape": `"\u12"`, "typographic quotes": "“a”"} {
		broken := document.clone()
		broken.at("versions[0].effective_from").set(leaf)
		text := string(broken.text())
		add(name, text, fmt.Sprintf("line %d, ", 1+strings.Count(text[:strings.Index(text, leaf)], "\n")))
	}
	for name, text := range map[string]string{"nothing": "", "spaces": " \n ", "null": "null", "a number": "7", "a text": `"versions"`, "a list": "[]", "true": "true"} {
		fault := map[bool]string{true: "line ", false: "the document: "}[strings.TrimSpace(text) == ""]
		add(name+" alone", text, fault)
	}
	add("empty", "{}", "versions: missing")
	add("a million lists", strings.Repeat("[", 1_000_000), "line 1, character ")
	add("a million closed lists", strings.Repeat("[", 1_000_000)+strings.Repeat("]", 1_000_000), "line 1, character ")
	add("a million lists as versions", `{"versions": `+strings.Repeat("[", 1_000_000)+strings.Repeat("]", 1_000_000)+`}`, "line 1, character ")
	add("a million objects", strings.Repeat(`{"versions":`, 500_000), "line 1, character ")
	add("10001 versions", `{"versions": [`+strings.Repeat("{},", 10_000)+`{}]}`, "versions[0].version: missing")
	add("millions of versions", `{"versions": [`+strings.Repeat("{},", 2_700_000)+`{}]}`, "versions[0].version: missing")
	add("millions of fields", `{`+strings.Repeat(`"a":1,`, 1_300_000)+`"b":2}`, "a: no such field")
	add("9 MB of spaces", good+strings.Repeat(" ", 9<<20), fmt.Sprint(len(good)+9<<20, " bytes, want at most 8388608"))
	add("9 MB of a note", `{"note": "`+strings.Repeat("x", 9<<20)+`"}`, "9437196 bytes, want at most 8388608")
	add("a byte too much", good+strings.Repeat(" ", rules.MaxBytes+1-len(good)), "8388609 bytes, want at most 8388608")
	addEncodings(t, document, add)
	return all
}

// addEncodings are the document in other encodings. It has a Chinese word, without which GBK would
// be the same.
func addEncodings(t *testing.T, document *node, add func(name, text, fault string)) {
	t.Helper()
	document = document.clone()
	document.at("note").set(`"票价"`)
	good := string(document.text())
	for name, encode := range map[string]func(string) (string, error){
		"GBK": simplifiedchinese.GBK.NewEncoder().String, "GB18030": simplifiedchinese.GB18030.NewEncoder().String,
		"UTF-16LE": unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String, "UTF-16BE": unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String,
		"UTF-16LE without a mark": unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String, "UTF-16BE without a mark": unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().String,
	} {
		text, err := encode(good)
		if err != nil {
			t.Fatal(err)
		}
		fault := "not UTF-8, GBK perhaps"
		if strings.HasPrefix(name, "UTF-16") {
			fault = "not UTF-8, UTF-16 perhaps"
		}
		add("in "+name, text, fault)
	}
	for i, wrong := range []string{"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe7\xa5"} {
		add(fmt.Sprint("a wrong sequence ", i), strings.Replace(good, "票价", wrong, 1), "not UTF-8, GBK perhaps")
	}
	add("a zero byte", strings.Replace(good, "票价", "\x00", 1), "not UTF-8, UTF-16 perhaps")
	add("two byte-order marks", "\xEF\xBB\xBF\xEF\xBB\xBF"+good, "line 1, ")
}

func validUTF8(text string) bool { return strings.ToValidUTF8(text, "") == text }

// TestBrokenWhole breaks each document as a text.
func TestBrokenWhole(t *testing.T) {
	for _, kind := range documentKinds() {
		count := 0
		for name, c := range wholes(t, kind) {
			if bytes.Equal(c.text, kind.Example()) {
				continue
			}
			count++
			refused(t, kind, string(kind)+" "+name, c.text, []string{c.fault})
		}
		if count < least {
			t.Errorf("%s: broken in %d ways, want at least %d", kind, count, least)
		}
	}
}

// TestTaken reads documents as editors may save them.
func TestTaken(t *testing.T) {
	for _, kind := range documentKinds() {
		good := string(parse(t, kind.Example()).text())
		for name, text := range map[string]string{
			"a byte-order mark": "\xEF\xBB\xBF" + good, "lines of Windows": strings.ReplaceAll(good, "\n", "\r\n"), "a line end": good + "\n", "spaces": " \t\n" + good + " \r\n",
			"as long as it may be": good + strings.Repeat(" ", rules.MaxBytes-len(good)), "escapes": strings.ReplaceAll(good, `"versions"`, `"\u0076ersions"`),
		} {
			if err := rules.Check(kind, []byte(text)); err != nil {
				t.Errorf("%s with %s: %v", kind, name, err)
			}
		}
	}
}

// TestBrokenAcross breaks what documents say together, each of which is right alone.
func TestBrokenAcross(t *testing.T) {
	for name, c := range map[string]struct {
		kind   rules.Kind
		leaves map[string]string
		places []string
	}{
		"bus lines without a fare":      {rules.Network, map[string]string{"versions[0].bus_lines": "[1, 501, 5000, 1000000]"}, []string{"fares.json: versions[0].bus.lines: no fare for line 5000", "fares.json: versions[0].bus.lines: no fare for line 1000000"}},
		"a gap between ranges":          {rules.Fares, map[string]string{"versions[0].bus.lines[1].first": "502"}, []string{"fares.json: versions[0].bus.lines: no fare for line 501"}},
		"a gap before the first range":  {rules.Fares, map[string]string{"versions[0].bus.lines[0].first": "2"}, []string{"fares.json: versions[0].bus.lines: no fare for line 1 "}},
		"an end before the last line":   {rules.Fares, map[string]string{"versions[0].bus.lines[1].last": "500"}, []string{"fares.json: versions[0].bus.lines: no fare for line 501"}},
		"no ranges":                     {rules.Fares, map[string]string{"versions[0].bus.lines": "[]"}, []string{"fares.json: versions[0].bus.lines: no fare for line 1 ", "fares.json: versions[0].bus.lines: no fare for line 501"}},
		"a metro fare beyond the purse": {rules.Fares, map[string]string{"versions[0].metro.base_fen": "99901"}, []string{"fares.json: versions[0].metro: highest fare 100001 fen"}},
		"the dearest fares there are":   {rules.Fares, map[string]string{"versions[0].metro.base_fen": "2147483647", "versions[0].metro.steps[0].fen": "2147483647", "versions[0].metro.steps[0].per_km": `"0.001"`}, []string{"fares.json: versions[0].metro: highest fare "}},
		"a bus fare beyond the purse":   {rules.Fares, map[string]string{"versions[0].bus.lines[1].fen": "100001"}, []string{"fares.json: versions[0].bus.lines: line 501 "}},
		"both beyond the purse":         {rules.Loads, map[string]string{"versions[0].maximum_fen": "199", "versions[0].multiple_of_fen": "1"}, []string{"fares.json: versions[0].metro: highest fare 300 fen", "fares.json: versions[0].bus.lines: line 501 "}},
		"farther than fares go":         {rules.Network, map[string]string{"versions[0].lines[0].stops[1].metres": "200000", "versions[0].bus_lines": "[7000]"}, []string{"fares.json: versions[0].bus.lines: no fare for line 7000"}},
	} {
		document := parse(t, c.kind.Example())
		for place, leaf := range c.leaves {
			document.at(place).set(leaf)
		}
		contents := examples()
		contents[c.kind] = document.text()
		if err := rules.Check(c.kind, contents[c.kind]); err != nil {
			t.Errorf("%s: not right alone: %v", name, err)
		}
		if _, err := rules.Read(contents); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			names(t, name, err, c.places)
		}
	}
}

// TestTableFitsIntoAMessage writes fares and a network for which a table has more bytes than
// brokers take.
func TestTableFitsIntoAMessage(t *testing.T) {
	var cards, lines []string
	for n := range 100 {
		cards = append(cards, fmt.Sprintf(`{"card_type": %d, "name": "C%[1]d", "metro": "1", "bus": "1", "source": "invented"}`, n))
	}
	for n := 1; n <= 2000; n++ {
		lines = append(lines, fmt.Sprint(n))
	}
	contents := examples()
	contents[rules.Fares] = []byte(`{"versions": [{"version": "large", "effective_from": "20200101", "rounding": "up", "metro": {"base_fen": 200, "base_km": "6", "steps": [{"per_km": "7", "fen": 100}], "limit_minutes": 180, "source": "invented"},
		"bus": {"lines": [{"first": 1, "last": 2000, "fen": 200}], "source": "invented"}, "cards": [` + strings.Join(cards, ",") + `]}]}`)
	contents[rules.Network] = []byte(`{"versions": [{"version": "large", "effective_from": "20200101", "stations": [], "lines": [], "bus_lines": [` + strings.Join(lines, ",") + `], "source": "invented"}]}`)
	if _, err := rules.Read(contents); err == nil || !strings.Contains(err.Error(), "want at most 900000, which a broker takes as one message") {
		t.Errorf("a table too large for a message: %v", err)
	}
}

// TestPricesHaveClasses: a table names each full price of the metro by one byte.
func TestPricesHaveClasses(t *testing.T) {
	fares := parse(t, rules.Fares.Example())
	fares.at("versions[0].metro.steps[0].per_km").set(`"0.001"`)
	fares.at("versions[0].metro.steps[0].fen").set("1")
	var stations, stops []string
	for n := 1; n <= 100; n++ {
		stations = append(stations, fmt.Sprintf(`{"number": %d, "name": "S%[1]d"}`, n))
		stops = append(stops, fmt.Sprintf(`{"station": %d, "metres": %d}`, n, min(n-1, 1)*(900+n)))
	}
	contents := examples()
	contents[rules.Fares] = fares.text()
	contents[rules.Network] = []byte(`{"versions": [{"version": "large", "effective_from": "20200101", "stations": [` + strings.Join(stations, ",") +
		`], "lines": [{"number": 1, "name": "1", "stops": [` + strings.Join(stops, ",") + `]}], "bus_lines": [1], "source": "invented"}]}`)
	if _, err := rules.Read(contents); err == nil || !strings.Contains(err.Error(), "different prices over network large, want at most 256") {
		t.Errorf("too many prices: %v", err)
	}
}

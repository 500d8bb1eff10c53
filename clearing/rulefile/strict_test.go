package rulefile

import (
	"errors"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
)

// form is a document with a field of each type.
type form struct {
	Between
	Count   uint32              `json:"count"`
	Fen     int64               `json:"fen"`
	Share   decimal.Decimal     `json:"share"`
	Ceiling *int64              `json:"ceiling,omitempty"`
	Second  decimal.NullDecimal `json:"second,omitzero"`
	Rows    []row               `json:"rows"`
	Figures
}

type row struct {
	Name string `json:"name"`
}

const formed = `{"$schema": "s", "note": "n", "versions": [{"version": "v-1", "effective_from": "20200101", "effective_to": "", "count": 7, "fen": -8, "share": "0.95", "ceiling": 9,
	"second": "1", "rows": [{"name": "一"}, {"name": "b"}], "example": true, "source": "decree"}]}`

// TestDecode reads every field, and names the place of each way to get one wrong.
func TestDecode(t *testing.T) {
	var good File[form]
	if faults := decode([]byte(formed), &good); len(faults) > 0 {
		t.Fatal(faults)
	}
	v := good.Versions[0]
	if v.Version != "v-1" || v.Count != 7 || v.Fen != -8 || v.Share.String() != "0.95" || *v.Ceiling != 9 || !v.Second.Valid || v.Rows[1].Name != "b" || !v.Example || v.Source != "decree" {
		t.Errorf("read as %+v", v)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"count": 7`, `"Count": 7`, "versions[0].Count: no such field, want version, effective_from, effective_to, count, "},
		{`"count": 7`, `"Count": 7`, "versions[0].count: missing"},
		{`"count": 7`, `"count": 7, "count": 7`, "versions[0].count: again, want each field once"},
		{`"count": 7`, `"count": 4294967296`, "versions[0].count: 4294967296, want 0 to 4294967295"},
		{`"count": 7`, `"count": 7.0`, "versions[0].count: 7.0, want a whole number"},
		{`"count": 7`, `"count": "7"`, `versions[0].count: "7", want a whole number`},
		{`"count": 7`, `"count": null`, "versions[0].count: null, want a whole number"},
		{`"count": 7`, `"count": [[[7], {"a": null}]]`, "versions[0].count: a list […], want a whole number"},
		{`"fen": -8`, `"fen": -0`, "versions[0].fen: -0, want a whole number"},
		{`"fen": -8`, `"fen": 8e3`, "versions[0].fen: 8e3, want a whole number"},
		{`"fen": -8`, `"fen": 9223372036854775808`, "versions[0].fen: 9223372036854775808, want at most 18 digits"},
		{`"fen": -8`, `"fen": 08`, "line 1, character 133: no JSON: "},
		{`"0.95"`, `0.95`, "versions[0].share: 0.95, want a number in quotation marks"},
		{`"0.95"`, `"00.95"`, `versions[0].share: "00.95", want a number in quotation marks`},
		{`"0.95"`, `"9e-1"`, `versions[0].share: "9e-1", want a number in quotation marks`},
		{`"ceiling": 9`, `"ceiling": null`, "versions[0].ceiling: null, want a whole number"},
		{`"second": "1"`, `"second": null`, "versions[0].second: null, want a number in quotation marks"},
		{`{"name": "b"}`, `"b"`, `versions[0].rows[1]: "b", want an object {…}`},
		{`{"name": "b"}`, `{}`, "versions[0].rows[1].name: missing"},
		{`"b"`, `"b\u0007"`, "versions[0].rows[1].name: the character U+0007 in it"},
		{`"b"`, `"\ud800"`, "versions[0].rows[1].name: the character U+FFFD in it"},
		{`"b"`, `"` + strings.Repeat("b", 4001) + `"`, "versions[0].rows[1].name: 4001 characters, want at most 4000"},
		{`"b"`, `true`, "versions[0].rows[1].name: true, want a text in quotation marks"},
		{`"example": true`, `"example": 1`, "versions[0].example: 1, want true or false"},
		{`"rows": [`, `"` + strings.Repeat("x", 50) + `": 1, "rows": [`, "versions[0]." + strings.Repeat("x", 40) + "…\": no such field"},
		{`"decree"}]}`, `"decree"}]`, "line 2, character 93: no JSON: unexpected end"},
		{`"decree"}]}`, `"decree"}]}x`, "line 2, character 95: no JSON: invalid character 'x' after top-level value"},
	} {
		var read File[form]
		err := errors.Join(decode([]byte(strings.Replace(formed, c.old, c.new, 1)), &read)...)
		want := strings.Replace(c.want, "."+strings.Repeat("x", 40), `."`+strings.Repeat("x", 40), 1)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", c.new, err, want)
		}
	}
}

// TestDecodeNamesAll reads a document with more faults than are named.
func TestDecodeNamesAll(t *testing.T) {
	var read File[form]
	faults := decode([]byte(`{"versions": [`+strings.Repeat(`{},`, 5000)+`{}]}`), &read)
	if len(faults) != MostFaults+1 || !errors.Is(faults[MostFaults], errMore) || len(read.Versions) != 5001 {
		t.Errorf("%d faults, the last is %v", len(faults), faults[len(faults)-1])
	}
	many := strings.Replace(formed, `{"name": "b"}`, `{"name": "b"}`+strings.Repeat(`, {"name": "b"}`, mostRows), 1)
	if faults = decode([]byte(many), &read); len(faults) != 1 || faults[0].Error() != "versions[0].rows: more than 10000 rows" || read.Versions[0].Source != "decree" {
		t.Errorf("too many rows: %v", faults)
	}
	if faults = decode([]byte(strings.Replace(formed, `{"name": "b"}`, strings.Repeat(`{"name": "b"},`, mostRows-2)+`{"name": "b"}`, 1)), &read); len(faults) > 0 {
		t.Errorf("as many rows as there may be: %v", faults)
	}
}

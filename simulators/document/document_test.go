package document_test

import (
	"strings"
	"testing"

	"citycard/simulators/document"
)

type rule struct {
	document.Head
	Fen   int64 `json:"fen"`
	Steps []struct {
		Fen int64 `json:"fen"`
	} `json:"steps"`
}

// TestTwice: of a field that stands twice in one object nobody knows which one counts. The same
// field in another object is another one.
func TestTwice(t *testing.T) {
	const version = `{"version": "a", "effective_from": "20260101", "fen": 1, "steps": [{"fen": 2}, {"fen": 3}]}`
	if rules, err := document.Versions[rule]("fares.json", []byte(`{"versions": [`+version+`]}`)); err != nil || rules[0].Steps[1].Fen != 3 {
		t.Fatalf("%+v, %v", rules, err)
	}
	for want, edit := range map[string][2]string{
		"fares.json: versions[0].version stands twice":      {`"fen": 1`, `"fen": 1, "version": "b"`},
		"fares.json: versions[0].fen stands twice":          {`"fen": 1`, `"fen": 1, "fen": 1`},
		"fares.json: versions[0].steps[1].fen stands twice": {`"fen": 3`, `"fen": 3, "fen": 4`},
		"fares.json: versions[0].steps stands twice":        {`"fen": 1`, `"fen": 1, "steps": null`},
		"fares.json: versions stands twice":                 {version, version + `], "versions": [` + version},
	} {
		data := strings.Replace(`{"versions": [`+version+`]}`, edit[0], edit[1], 1)
		if _, err := document.Versions[rule]("fares.json", []byte(data)); err == nil || err.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

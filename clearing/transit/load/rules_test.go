package load_test

import (
	"strings"
	"testing"

	"citycard/clearing/rulefile"
	"citycard/clearing/transit/load"
	"citycard/ledger"
)

// dated are rules by which purses held 1000 yuan, then 500, then 2000.
const dated = `{"note": "", "versions": [
  {"version": "a", "effective_from": "20200101", "maximum_fen": 100000, "multiple_of_fen": 1000, "refund_after_days": 30, "example": true, "source": "test"},
  {"version": "b", "effective_from": "2026-01-05T04:00", "maximum_fen": 50000, "multiple_of_fen": 500, "refund_after_days": 10, "example": false, "source": "test"},
  {"version": "c", "effective_from": "20270101", "maximum_fen": 200000, "multiple_of_fen": 1000, "refund_after_days": 30, "example": false, "source": "test"}]}`

func datedRules(t *testing.T) *load.Rules {
	t.Helper()
	rules, err := load.LoadRules([]byte(dated))
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestRulesAreDated(t *testing.T) {
	rules := datedRules(t)
	for at, want := range map[rulefile.Moment]struct {
		version string
		fen     ledger.Fen
	}{
		0: {"a", 100_000}, 20200101_000000: {"a", 100_000}, 20260105_035959: {"a", 100_000},
		20260105_040000: {"b", 50_000}, 20261231_235959: {"b", 50_000}, 20270101_000000: {"c", 200_000}, 29991231_235959: {"c", 200_000},
	} {
		if got := rules.At(at).Version; got != want.version {
			t.Errorf("at %s: %s, want %s", at, got, want.version)
		}
		if got := rules.PurseMaximum(at); got != want.fen {
			t.Errorf("at %s a purse holds %d, want %d", at, got, want.fen)
		}
	}
	if all := rules.Examples(); len(all) != 1 || all[0] != "a" {
		t.Errorf("examples %v, want a", all)
	}
	if terms := rules.Terms(); len(terms) != 3 || !strings.HasPrefix(terms[0].Name, "a+") || terms[0].First != 0 || terms[0].Last != 20260105_035959 {
		t.Errorf("versions %v, want three with hashes, the first up to the second before the second begins", terms)
	}
	example, err := load.LoadRules(load.ExampleJSON())
	if err != nil {
		t.Fatal(err)
	}
	if want := "zhengzhou-load-2013-12+8e252a6e"; example.Terms()[0].Name != want {
		t.Errorf("records name it %q, as stored %q", example.Terms()[0].Name, want)
	}
}

func TestLoadRulesRefuses(t *testing.T) {
	for want, change := range map[string][2]string{
		"versions: empty":                            {dated, `{"versions": []}`},
		"after top-level value":                      {dated, dated + "{}"},
		"notes: no such field":                       {`"note"`, `"notes"`},
		"versions[0].version":                        {`"a"`, `""`},
		`versions[1].version: "a" again`:             {`"b"`, `"a"`},
		`versions[0].effective_from: "20200230"`:     {"20200101", "20200230"},
		"versions[1].effective_from: 20200101, want": {"2026-01-05T04:00", "20200101"},
		"versions[1].maximum_fen: 0":                 {`"maximum_fen": 50000`, `"maximum_fen": 0`},
		"versions[1].multiple_of_fen: 50001":         {`"multiple_of_fen": 500`, `"multiple_of_fen": 50001`},
		"versions[1].refund_after_days: 0":           {`"refund_after_days": 10`, `"refund_after_days": 0`},
		"versions[2].source":                         {`"refund_after_days": 30, "example": false, "source": "test"`, `"refund_after_days": 30, "example": false, "source": ""`},
	} {
		if _, err := load.LoadRules([]byte(strings.Replace(dated, change[0], change[1], 1))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

package load_test

import (
	"strings"
	"testing"

	"citycard/clearing/transit/load"
	"citycard/ledger"
)

// dated are rules by which purses held 1000 yuan, then 500, then 2000.
const dated = `{"note": "", "versions": [
  {"version": "a", "effective_from": 20200101, "maximum_fen": 100000, "multiple_of_fen": 1000, "refund_after_days": 30, "example": true, "source": "test"},
  {"version": "b", "effective_from": 20260105, "maximum_fen": 50000, "multiple_of_fen": 500, "refund_after_days": 10, "example": false, "source": "test"},
  {"version": "c", "effective_from": 20270101, "maximum_fen": 200000, "multiple_of_fen": 1000, "refund_after_days": 30, "example": false, "source": "test"}]}`

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
	for day, want := range map[ledger.Day]string{19000101: "a", 20200101: "a", 20260104: "a", 20260105: "b", 20261231: "b", 20270101: "c", 29991231: "c"} {
		if got := rules.On(day).Version; got != want {
			t.Errorf("on %s: %s, want %s", day, got, want)
		}
	}
	for _, c := range []struct {
		first, last ledger.Day
		want        ledger.Fen
	}{
		{20250101, 20260104, 100_000},
		{20250101, 20260105, 50_000},
		{20260105, 20261231, 50_000},
		{20260104, 20280101, 50_000},
		{20270101, 29991231, 200_000},
		{19000101, 19991231, 100_000},
	} {
		if got := rules.PurseMaximum(c.first, c.last); got != c.want {
			t.Errorf("from %s to %s a purse holds %d, want %d", c.first, c.last, got, c.want)
		}
	}
	if all := rules.Examples(); len(all) != 1 || all[0] != "a" {
		t.Errorf("examples %v, want a", all)
	}
	if terms := rules.Terms(); len(terms) != 3 || !strings.HasPrefix(terms[0].Name, "a+") || terms[0].First != 0 || terms[0].Last != 20260104 {
		t.Errorf("versions %v, want three with hashes, the first up to the day before the second", terms)
	}
	example, err := load.LoadRules(load.ExampleJSON())
	if err != nil {
		t.Fatal(err)
	}
	if want := "zhengzhou-load-2013-12+c955ef4f"; example.Terms()[0].Name != want {
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
		"versions[0].effective_from: 20200230":       {"20200101", "20200230"},
		"versions[1].effective_from: 20200101, want": {"20260105", "20200101"},
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

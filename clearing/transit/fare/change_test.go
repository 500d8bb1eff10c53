package fare

import (
	"strings"
	"testing"

	"citycard/clearing/rulefile"
)

// eve is the last second before the later fares.
const eve rulefile.Moment = 20261231_235959

// tablesOf are the tables of the small city, whose fares of the example are followed by others.
func tablesOf(t testing.TB, later ...*strings.Replacer) *Tables {
	t.Helper()
	text := string(ExampleJSON())
	_, first, _ := strings.Cut(text, `"versions": [`)
	first = first[:strings.LastIndex(first, "]")]
	all := first
	for _, r := range later {
		all += "," + r.Replace(first)
	}
	rules, err := LoadRules([]byte(`{"versions": [` + all + "]}"))
	if err != nil {
		t.Fatal(err)
	}
	tables, err := Build(rules, cityNetwork(t), always(), purse)
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// TestChange compares tables. The city's largest fares are worked by hand: card type 1 pays 0.95 of
// 200, 300, 400 and 500 fen, type 2 half of it, type 3 as 1; on the buses 80 and 160, 50 and 100,
// 80 and 160.
func TestChange(t *testing.T) {
	now := tablesOf(t)
	later := func(pairs ...string) *strings.Replacer {
		return strings.NewReplacer(append([]string{`"zz-2013"`, `"later"`, `"20131223"`, `"20270101"`}, pairs...)...)
	}
	for name, c := range map[string]struct {
		later *strings.Replacer
		want  Change
	}{
		"the same prices": {later(), Change{}},
		// 200 to 250: 190 -> 238 (237.5), more than a quarter; for type 2 100 -> 125 is one.
		// All trips are dearer by 50 before the share: 36 pairs and the highest, for three types.
		"a dearer base": {later(`"base_fen": 200`, `"base_fen": 250`), Change{
			Price: Price{CardType: 1, Entry: 1, Exit: 1}, Before: 190, After: 238, From: "20270101", Limit: "0.3", Prices: 3 * 37,
		}},
		// Bus lines 500 to 999: 160 -> 240 for type 1, exactly half more.
		"dearer buses": {later(`"last": 999, "fen": 200`, `"last": 999, "fen": 300`), Change{
			Price: Price{CardType: 1, Line: 501}, Before: 160, After: 240, From: "20270101", Limit: "0.3", Over: true, Prices: 3,
		}},
		// 30 % is not more than 30 %: 100 -> 130 are 80 -> 104, 50 -> 65.
		"at the limit": {later(`"last": 499, "fen": 100`, `"last": 499, "fen": 130`), Change{
			Price: Price{CardType: 1, Line: 7}, Before: 80, After: 104, From: "20270101", Limit: "0.3", Prices: 3,
		}},
		// Type 2 goes, type 4 comes, with 36 + 1 + 2 prices each. None of the others changes.
		"another card type": {later(`"card_type": 2`, `"card_type": 4`), Change{
			Limit: "0.3", Appeared: 39, New: Price{CardType: 4, Entry: 1, Exit: 1}, Vanished: 39, Gone: Price{CardType: 2, Entry: 1, Exit: 1},
		}},
	} {
		if got := tablesOf(t, c.later).ChangeFrom(now, eve); got != c.want {
			t.Errorf("%s: %+v\nwant %+v", name, got, c.want)
		}
	}

	// From nothing to anything is more than any share, also than the whole.
	free := tablesOf(t, strings.NewReplacer(`"zz-2013"`, `"free"`, `"20131223"`, `"20140101"`, `"last": 499, "fen": 100`, `"last": 499, "fen": 0`, `"rounding"`, `"largest_change": "1", "rounding"`))
	paid := tablesOf(t, strings.NewReplacer(`"zz-2013"`, `"free"`, `"20131223"`, `"20140101"`, `"last": 499, "fen": 100`, `"last": 499, "fen": 0`, `"rounding"`, `"largest_change": "1", "rounding"`),
		later(`"last": 499, "fen": 100`, `"last": 499, "fen": 1`))
	if got := paid.ChangeFrom(free, eve); !got.Over || got.Before != 0 || got.After != 1 || got.Line != 7 || got.Limit != "1" {
		t.Errorf("no longer free: %+v", got)
	}
	// What a proposal says of the limit does not rule it.
	lax := later(`"rounding"`, `"largest_change": "1", "rounding"`, `"last": 999, "fen": 200`, `"last": 999, "fen": 300`)
	if got := tablesOf(t, lax).ChangeFrom(now, eve); !got.Over || got.Limit != "0.3" {
		t.Errorf("a proposal with its own limit: %+v", got)
	}
}

// TestChangeInSteps raises a fare by a quarter twice: the second is compared with today's too. What
// was compared when it was proposed is not compared again.
func TestChangeInSteps(t *testing.T) {
	now := tablesOf(t)
	first := strings.NewReplacer(`"zz-2013"`, `"a"`, `"20131223"`, `"20270101"`, `"last": 999, "fen": 200`, `"last": 999, "fen": 250`)
	second := strings.NewReplacer(`"zz-2013"`, `"b"`, `"20131223"`, `"20270102"`, `"last": 999, "fen": 200`, `"last": 999, "fen": 312`)
	// Type 1: 160 -> 200 -> 250 (249.6).
	got := tablesOf(t, first, second).ChangeFrom(now, eve)
	if !got.Over || got.Before != 160 || got.After != 250 || got.From != "20270102" || got.Prices != 6 {
		t.Errorf("both at once: %+v", got)
	}
	if got := tablesOf(t, first, second).ChangeFrom(tablesOf(t, first, second), eve); got != (Change{}) {
		t.Errorf("known tables: %+v", got)
	}
}

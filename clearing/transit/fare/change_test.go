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
	tables, err := Build(rules, cityNetwork(t), always(), purse, nil)
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
			Price: Price{CardType: 1, Line: 501}, Before: 160, After: 240, From: "20270101", Limit: "0.3", Large: true, Over: true, Prices: 3,
		}},
		// 30 % is not more than 30 %: 100 -> 130 are 80 -> 104, 50 -> 65.
		"at the limit": {later(`"last": 499, "fen": 100`, `"last": 499, "fen": 130`), Change{
			Price: Price{CardType: 1, Line: 7}, Before: 80, After: 104, From: "20270101", Limit: "0.3", Prices: 3,
		}},
		// A trip of two minutes would cost the highest price.
		"a shorter time limit": {later(`"limit_minutes": 180`, `"limit_minutes": 1`), Change{
			Limit: "0.3", Over: true, Minutes: Turn[uint32]{180, 1, "20270101"},
		}},
		"a longer time limit": {later(`"limit_minutes": 180`, `"limit_minutes": 200`), Change{
			Limit: "0.3", Minutes: Turn[uint32]{180, 200, "20270101"},
		}},
		"a larger limit": {later(`"rounding"`, `"largest_change": "0.31", "rounding"`), Change{
			Limit: "0.3", Over: true, Share: Turn[string]{"0.3", "0.31", "20270101"},
		}},
		"a smaller limit": {later(`"rounding"`, `"largest_change": "0.2", "rounding"`), Change{
			Limit: "0.3", Share: Turn[string]{"0.3", "0.2", "20270101"},
		}},
		"the limit in words": {later(`"rounding"`, `"largest_change": "0.30", "rounding"`), Change{}},
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

// TestChangeByDetour takes card type 2 away for a minute, and brings it back with twice the fares
// of buses: 50 -> 100 on line 7, 100 -> 200 on line 501. Its 37 prices of the metro come back as
// they were.
func TestChangeByDetour(t *testing.T) {
	without := strings.NewReplacer(`"zz-2013"`, `"a"`, `"20131223"`, `"2027-01-01T00:00"`, `"card_type": 2`, `"card_type": 4`)
	back := strings.NewReplacer(`"zz-2013"`, `"b"`, `"20131223"`, `"2027-01-01T00:01"`, `"metro": "0.50", "bus": "0.50"`, `"metro": "0.50", "bus": "1.00"`)
	all := tablesOf(t, without, back)
	want := Change{
		Price: Price{CardType: 2, Line: 501}, Before: 100, After: 200, From: "2027-01-01T00:01", Limit: "0.3", Large: true, Over: true, Prices: 2,
		Appeared: 39 + 37, New: Price{CardType: 4, Entry: 1, Exit: 1}, Vanished: 2 * 39, Gone: Price{CardType: 2, Entry: 1, Exit: 1},
	}
	if got := all.ChangeFrom(tablesOf(t), eve); got != want {
		t.Errorf("both at once: %+v\nwant %+v", got, want)
	}
	// The minute has begun when the second is proposed, so that the fares in force lack the type.
	want.Appeared, want.New, want.Vanished, want.Gone = 37, want.Gone, 39, want.New
	if got := all.ChangeFrom(tablesOf(t, without), 20270101_000030); got != want {
		t.Errorf("one after the other: %+v\nwant %+v", got, want)
	}
}

// TestChangeOfBandsInSteps: a band that begins changes a price by less than the limit, and changes
// again by less; against the fares in force both are more. Every turn of the bands and of the
// transfers is kept.
func TestChangeOfBandsInSteps(t *testing.T) {
	banded := func(version, from, to, share, minutes string) *strings.Replacer {
		return strings.NewReplacer(`"zz-2013"`, `"`+version+`"`, `"20131223"`, `"`+from+`"`, `"limit_minutes": 180`, `"limit_minutes": 180, "band_by": "exit"`,
			`"cards": [`, `"bands": [{"name": "night", "from": "22:00", "to": "`+to+`", "source": "invented"}],
			"transfers": [{"name": "on", "from": {"mode": "bus"}, "to": {"mode": "bus"}, "minutes": `+minutes+`, "repeat": "once", "off": "0.1", "floor_fen": 0, "bearer": "city", "apply": "terminal", "source": "invented"}],
			"cards": [`,
			`"bus": "0.80", "example": false`, `"bus": "0.80", "bands": [{"band": "night", "bus": "`+share+`"}], "example": false`)
	}
	c := tablesOf(t, banded("one", "20270101", "23:00", "0.6", "30"), banded("two", "20280101", "24:00", "0.5", "60")).ChangeFrom(tablesOf(t), eve)
	if !c.Large || c.Band != "night" || c.Before != 160 || c.After != 100 || c.From != "20280101" {
		t.Errorf("the largest change is %+v", c)
	}
	for _, turn := range []Turn[string]{c.Bands, c.Transfers} {
		if turn.Before != "" || turn.From != "20270101" || !strings.Contains(turn.After, "; from 20280101 on: ") {
			t.Errorf("a turn is %+v", turn)
		}
	}
}

// TestChangeOnceAccepted has fares to come in force whose buses cost half more. A proposal after
// them that makes the metro dearer by one fen is not charged with the buses again. A return ride of
// the metro costs 190 -> 191 (190.95) and 100 -> 101 (100.5).
func TestChangeOnceAccepted(t *testing.T) {
	accepted := strings.NewReplacer(`"zz-2013"`, `"a"`, `"20131223"`, `"20270101"`, `"last": 999, "fen": 200`, `"last": 999, "fen": 300`)
	next := strings.NewReplacer(`"zz-2013"`, `"b"`, `"20131223"`, `"20270102"`, `"last": 999, "fen": 200`, `"last": 999, "fen": 300`, `"base_fen": 200`, `"base_fen": 201`)
	want := Change{Price: Price{CardType: 2, Entry: 1, Exit: 1}, Before: 100, After: 101, From: "20270102", Limit: "0.3", Prices: 3 * 37}
	if got := tablesOf(t, accepted, next).ChangeFrom(tablesOf(t, accepted), eve); got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

// TestChangeOfWhatIsToCome changes fares to come whose name stays: their limit, of which the table
// says nothing, and a price, with a hash that happens to be the same.
func TestChangeOfWhatIsToCome(t *testing.T) {
	pairs := []string{`"zz-2013"`, `"a"`, `"20131223"`, `"20270101"`}
	approved := tablesOf(t, strings.NewReplacer(pairs...))
	lax := tablesOf(t, strings.NewReplacer(append(pairs, `"rounding"`, `"largest_change": "1", "rounding"`)...))
	if got, want := lax.ChangeFrom(approved, eve), (Change{Limit: "0.3", Over: true, Share: Turn[string]{"0.3", "1", "20270101"}}); got != want {
		t.Errorf("another limit: %+v\nwant %+v", got, want)
	}
	forged := tablesOf(t, strings.NewReplacer(append(pairs, `"last": 999, "fen": 200`, `"last": 999, "fen": 300`)...))
	forged.entries[1].table.message.Version = approved.entries[1].table.Version()
	want := Change{Price: Price{CardType: 1, Line: 501}, Before: 160, After: 240, From: "20270101", Limit: "0.3", Large: true, Over: true, Prices: 3}
	if got := forged.ChangeFrom(approved, eve); got != want {
		t.Errorf("another price under the same name: %+v\nwant %+v", got, want)
	}
}

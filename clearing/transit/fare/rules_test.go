package fare

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

func exampleRules(t testing.TB) *Rules {
	t.Helper()
	rules, err := LoadRules(ExampleJSON())
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// The published rule: 2 yuan to 6 km, then 1 yuan a begun 7 km to 13, a begun
// 8 km to 21, a begun 9 km beyond.
func TestDistanceFare(t *testing.T) {
	m := exampleRules(t).versions[0].Metro
	for _, c := range []struct {
		metres, fen int64
	}{
		{0, 200},      // the entry station again: first band
		{1, 200},      //
		{6000, 200},   // the bound belongs to the band below
		{6001, 300},   // 200 + 1 begun of 7 km
		{13000, 300},  // 200 + exactly 1 of 7 km
		{13001, 400},  // 300 + 1 begun of 8 km
		{21000, 400},  // 300 + exactly 1 of 8 km
		{21001, 500},  // 400 + 1 begun of 9 km
		{30000, 500},  // 21 + 9
		{30001, 600},  // 400 + 2 begun of 9 km
		{39000, 600},  // 21 + 2*9
		{39001, 700},  // 400 + 3 begun
		{66001, 1000}, // 45.001 km past 21: 6 begun
	} {
		if got := m.fullFen(c.metres, nil); got != c.fen {
			t.Errorf("%d m: %d fen, want %d", c.metres, got, c.fen)
		}
	}
}

// A band may hold several steps, and its last step may be cut off by the bound.
func TestSeveralStepsInOneBand(t *testing.T) {
	m := metro{
		BaseFen: 300, BaseKM: decimal.RequireFromString("2.5"),
		Steps: []step{
			{ToKM: decimal.NewNullDecimal(decimal.RequireFromString("10")), PerKM: decimal.RequireFromString("3"), Fen: 50},
			{PerKM: decimal.RequireFromString("0.5"), Fen: 10},
		},
	}
	for _, c := range []struct {
		metres, fen int64
	}{
		{2500, 300},
		{5500, 350},  // one of 3 km
		{5501, 400},  // two begun
		{8501, 450},  // three begun, the third cut off at 10 km
		{10000, 450}, //
		{10001, 460}, // 450 + one of 500 m
		{11000, 470}, // 450 + two of 500 m
	} {
		if got := m.fullFen(c.metres, nil); got != c.fen {
			t.Errorf("%d m: %d fen, want %d", c.metres, got, c.fen)
		}
	}
}

func TestRounding(t *testing.T) {
	for _, c := range []struct {
		mode  rounding
		full  int64
		share string
		want  int64
	}{
		{halfUp, 300, "0.95", 285},  // 285.00
		{halfUp, 205, "0.5", 103},   // 102.50 up
		{halfUp, 203, "0.95", 193},  // 192.85
		{halfUp, 201, "0.95", 191},  // 190.95
		{halfUp, 209, "0.95", 199},  // 198.55
		{halfUp, 208, "0.951", 198}, // 197.808
		{halfUp, 101, "0.333", 34},  // 33.633
		{halfUp, 100, "0.333", 33},  // 33.3
		{down, 205, "0.5", 102},     // 102.50 down
		{down, 101, "0.333", 33},    //
		{up, 100, "0.333", 34},      // 33.3 up
		{up, 200, "0.5", 100},       // whole: nothing to round
		{halfUp, 500, "0", 0},       // free
		{up, 500, "1", 500},         // full
	} {
		if got := c.mode.price(c.full, decimal.RequireFromString(c.share)); got != c.want {
			t.Errorf("%s %d * %s: %d fen, want %d", c.mode, c.full, c.share, got, c.want)
		}
	}
}

// A longer way is never cheaper, no price is negative, and no discount makes a
// ride dearer.
func TestFareProperties(t *testing.T) {
	v := exampleRules(t).versions[0]
	rapid.Check(t, func(t *rapid.T) {
		near := rapid.Int64Range(0, 200_000).Draw(t, "near")
		far := near + rapid.Int64Range(0, 50_000).Draw(t, "more")
		low, high := v.Metro.fullFen(near, nil), v.Metro.fullFen(far, nil)
		if low < 0 || low > high {
			t.Fatalf("%d m cost %d, %d m cost %d", near, low, far, high)
		}
		mode := rapid.SampledFrom([]rounding{halfUp, down, up}).Draw(t, "mode")
		share := decimal.New(rapid.Int64Range(0, 1000).Draw(t, "thousandths"), -3)
		if got := mode.price(high, share); got < 0 || got > high {
			t.Fatalf("%d * %s = %d", high, share, got)
		}
		if mode.price(low, share) > mode.price(high, share) {
			t.Fatalf("the discount turned %d < %d around", low, high)
		}
	})
}

// The metro rule and the ordinary card's discounts were published; the rest of
// the example must not pass for it.
func TestExampleIsMarked(t *testing.T) {
	want := []string{"zz-2013: bus", "zz-2013: card type 2", "zz-2013: card type 3"}
	if got := exampleRules(t).Examples(); !slices.Equal(got, want) {
		t.Errorf("marked as examples: %v, want %v", got, want)
	}
}

// Every fault is named by row and field, all in one error.
func TestRuleFileFaults(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		want           []string
	}{
		{"misspelt field", `"base_fen"`, `"base_fem"`, []string{"versions[0].metro.base_fem: no such field", "versions[0].metro.base_fen: missing"}},
		{"negative base", `"base_fen": 200`, `"base_fen": -1`, []string{"versions[0].metro.base_fen: -1, want 0 to"}},
		{"no distance", `"base_km": "6"`, `"base_km": "0"`, []string{"versions[0].metro.base_km: 0"}},
		{"bounds fall", `"to_km": "21"`, `"to_km": "12"`, []string{"versions[0].metro.steps[1].to_km: want more than 13"}},
		{"endless step", `"per_km": "9"`, `"per_km": "0"`, []string{"versions[0].metro.steps[2].per_km: 0"}},
		{"huge exponent", `"per_km": "9"`, `"per_km": "1e9999"`, []string{"versions[0].metro.steps[2].per_km"}},
		{"no limit", `"limit_minutes": 180`, `"limit_minutes": 0`, []string{"versions[0].metro.limit_minutes: 0, want 1 to 1440"}},
		{"ranges overlap", `"first": 500`, `"first": 499`, []string{"versions[0].bus.lines[1].first: 499, want more than 499"}},
		{"dearer than full", `"bus": "0.80", "example": false`, `"bus": "1.2", "example": false`, []string{"versions[0].cards[0].bus: want a share from 0 to 1"}},
		{"card type twice", `"card_type": 2`, `"card_type": 1`, []string{"versions[0].cards[1].card_type: 1 again"}},
		{"date", `"20131223"`, `"20131323"`, []string{`versions[0].effective_from: "20131323", want a day YYYYMMDD or a time of day YYYY-MM-DDThh:mm`}},
		{"has an end", `"rounding"`, `"effective_to": "20991231", "rounding"`, []string{"versions[0].effective_to: no such field"}},
		{"rounding", `"half_up"`, `"bankers"`, []string{`versions[0].rounding: "bankers", want half_up, down or up`}},
		{"version name", `"zz-2013"`, `"zz+2013"`, []string{`versions[0].version: "zz+2013"`}},
		{"no source", `"source": "zynews 2013-12-24: bus 80 %, metro 95 %"`, `"source": ""`, []string{"versions[0].cards[0].source: empty"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantFaults(t, func(data []byte) error { _, err := LoadRules(data); return err }, string(ExampleJSON()), c.old, c.new, c.want)
		})
	}
	t.Run("two at once", func(t *testing.T) {
		text := strings.Replace(string(ExampleJSON()), `"base_fen": 200`, `"base_fen": -1`, 1)
		wantFaults(t, func(data []byte) error { _, err := LoadRules(data); return err }, text, `"half_up"`, `""`, []string{"base_fen", "rounding"})
	})
	t.Run("trailing text", func(t *testing.T) {
		if _, err := LoadRules(append(ExampleJSON(), "{}"...)); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("no versions", func(t *testing.T) {
		if _, err := LoadRules([]byte(`{"versions": []}`)); err == nil {
			t.Error("accepted")
		}
	})
}

func TestVersionsFollowEachOther(t *testing.T) {
	first := exampleRules(t).versions[0]
	second := first
	second.Version = "zz-2021"
	for from, want := range map[string]string{
		"2021-01-01T04:00": "",
		"20131224":         "",
		"20131223":         "versions[1].effective_from: 20131223, want later than 20131223, when versions[0] begins",
		"20121231":         "versions[1].effective_from: 20121231, want later",
	} {
		second.EffectiveFrom = from
		data, err := json.Marshal(map[string][]version{"versions": {first, second}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = LoadRules(data); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("from %s: %v, want %q", from, err, want)
		}
	}
}

// wantFaults changes one place of a good file and expects the error to name it.
func wantFaults(t *testing.T, load func([]byte) error, text, old, replacement string, want []string) {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("the good file holds no %s", old)
	}
	err := load([]byte(strings.Replace(text, old, replacement, 1)))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

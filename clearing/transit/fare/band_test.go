package fare

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/clearing/message"
	"citycard/clearing/rulefile"
	"citycard/ledger"
)

// banded are the fares of the book of journeys.
func banded(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "cmd", "citycard", "testdata", "journeys", "fares.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestBadBands changes one text of the first version that is right, and names the place.
func TestBadBands(t *testing.T) {
	const morning = `{"name": "morning", "days": ["workday"], "from": "07:00", "to": "09:00"`
	for name, c := range map[string]struct{ old, with, want string }{
		"past 24:00":         {`"from": "22:00", "to": "24:00"`, `"from": "22:00", "to": "24:01"`, `versions[0].bands[3].to: "24:01", want HH:MM, at most 24:00`},
		"25 hours":           {`"from": "22:00", "to": "24:00"`, `"from": "22:00", "to": "25:00"`, `versions[0].bands[3].to: "25:00"`},
		"from 24:00":         {`"from": "22:00", "to": "24:00"`, `"from": "24:00", "to": "24:00"`, `versions[0].bands[3].from: "24:00", want HH:MM, 00:00 to 23:59`},
		"no time":            {`"from": "22:00"`, `"from": "22:60"`, `versions[0].bands[3].from: "22:60"`},
		"one digit":          {`"from": "07:00"`, `"from": "7:00"`, `versions[0].bands[0].from: "7:00"`},
		"over midnight":      {`"from": "22:00", "to": "24:00"`, `"from": "22:00", "to": "02:00"`, "versions[0].bands[3].to: 02:00, want later than 22:00; a time that crosses midnight is two bands"},
		"overlap":            {`"from": "17:00", "to": "19:00"`, `"from": "08:59", "to": "19:00"`, "versions[0].bands[1]: 08:59 to 19:00 overlaps bands[0], 07:00 to 09:00, on days of one kind"},
		"overlap, every day": {`"from": "22:00"`, `"from": "18:59"`, "versions[0].bands[3]: 18:59 to 24:00 overlaps bands[1]"},
		"unknown day":        {morning, strings.Replace(morning, "workday", "monday", 1), `versions[0].bands[0].days[0]: "monday", want each of [workday restday holiday] at most once`},
		"day twice":          {morning, strings.Replace(morning, `"workday"`, `"workday", "workday"`, 1), `versions[0].bands[0].days[1]: "workday", want each`},
		"name twice":         {`"name": "evening"`, `"name": "morning"`, "versions[0].bands[1].name"},
		"unknown band":       {`{"band": "evening", "metro": "1"}`, `{"band": "noon", "metro": "1"}`, `versions[0].cards[0].bands[1].band: "noon", want each band of the version at most once`},
		"band twice":         {`{"band": "evening", "metro": "1"}`, `{"band": "morning", "metro": "1"}`, `versions[0].cards[0].bands[1].band: "morning"`},
		"share above one":    {`"metro": "0.5", "bus": "0"`, `"metro": "1.5", "bus": "0"`, "versions[0].cards[0].bands[2].metro: 1.5, want a share from 0 to 1"},
		"share and price":    {`"metro": "0.5", "bus": "0"`, `"metro": "0.5", "metro_fen": 1, "bus": "0"`, "versions[0].cards[0].bands[2].metro_fen: 1 beside a share, want one of them"},
		"negative":           {`"bus_fen": 55`, `"bus_fen": -1`, "versions[0].cards[0].bands[3].bus_fen: -1"},
		"by nothing":         {`, "band_by": "entry"`, ``, `versions[0].metro.band_by: "", want entry or exit`},
		"by noon":            {`"band_by": "entry"`, `"band_by": "noon"`, `versions[0].metro.band_by: "noon", want entry or exit`},
		"no source":          {morning + `, "example": true, "source": "invented"`, morning + `, "example": true, "source": ""`, "versions[0].bands[0].source"},
	} {
		text := strings.Replace(banded(t), c.old, c.with, 1)
		if text == banded(t) {
			t.Fatalf("%s: nothing to change", name)
		}
		if _, err := LoadRules([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// TestBandedPriceAboveAPurse: prices in bands are held against what a purse may hold, and against
// the highest fare.
func TestBandedPriceAboveAPurse(t *testing.T) {
	for name, c := range map[string]struct{ old, with, want string }{
		"as they are":   {"invented", "invented", ""},
		"bus":           {`"bus_fen": 55`, `"bus_fen": 100001`, "versions[0].cards[0].bands[3].bus_fen: 100001 fen, want at most 100000, which a purse may hold"},
		"bus, at bound": {`"bus_fen": 55`, `"bus_fen": 100000`, ""},
		"metro":         {`"metro_fen": 90`, `"metro_fen": 100001`, "versions[0].cards[0].bands[3].metro_fen: 100001 fen, want at most 100000"},
		"highest":       {`"metro_fen": 90`, `"metro_fen": 301`, "versions[0].cards[0].bands[3].metro_fen: 301 fen, want at most 300, the highest fare over network"},
		"as high":       {`"metro_fen": 90`, `"metro_fen": 300`, ""},
	} {
		rules, err := LoadRules([]byte(strings.Replace(banded(t), c.old, c.with, 1)))
		if err != nil {
			t.Fatal(err)
		}
		networks := exampleNetworks(t)
		_, err = Build(rules, networks, always(), func(rulefile.Moment) ledger.Fen { return 100_000 }, nil)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestBandsNameTheTable: whatever the bands say is in the hash of the table.
func TestBandsNameTheTable(t *testing.T) {
	built := func(text string) *Table {
		rules, err := LoadRules([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		tables, err := Build(rules, exampleNetworks(t), always(), purse, nil)
		if err != nil {
			t.Fatal(err)
		}
		return tables.All()[0]
	}
	seen := map[string]string{built(banded(t)).Version(): "nothing"}
	for _, c := range [][2]string{
		{`"from": "07:00"`, `"from": "07:01"`},
		{`"to": "09:00"`, `"to": "08:59"`},
		{`["restday", "holiday"]`, `["restday"]`},
		{`"band_by": "entry"`, `"band_by": "exit"`},
		{`"metro_fen": 90`, `"metro_fen": 91`},
		{`"bus_fen": 55`, `"bus_fen": 56`},
		{`"bus": "0.905"`, `"bus": "0.9"`},
	} {
		version := built(strings.Replace(banded(t), c[0], c[1], 1)).Version()
		if before, again := seen[version]; again {
			t.Errorf("%s: the table has the name of that with %s", c[1], before)
		}
		seen[version] = c[1]
	}
}

// TestChangeOfBands: fares with bands against the same without them. What changes by the
// largest share is a ride by bus that costs nothing.
func TestChangeOfBands(t *testing.T) {
	text := banded(t)
	head, first, _ := strings.Cut(text, `"versions": [`)
	first, _, _ = strings.Cut(first, ",\n    {\n      \"version\": \"by-exit\"")
	later := strings.NewReplacer("by-entry", "later", "20260101", "20270101").Replace(first)
	plain := first[:strings.Index(first, `      "bands"`)] + first[strings.Index(first, `      "cards"`):]
	plain = plain[:strings.Index(plain, `, "bands": [`)] + "},\n" + plain[strings.Index(plain, `        {"card_type": 2`):]
	build := func(versions ...string) *Tables {
		rules, err := LoadRules([]byte(head + `"versions": [` + strings.Join(versions, ",") + "]}"))
		if err != nil {
			t.Fatal(err)
		}
		tables, err := Build(rules, exampleNetworks(t), always(), purse, nil)
		if err != nil {
			t.Fatal(err)
		}
		return tables
	}
	c := build(plain, later).ChangeFrom(build(plain), rulefile.StartOf(20260601))
	if c.Prices == 0 || !c.Over || c.Bands.Before != "" || !strings.HasPrefix(c.Bands.After, "morning 07:00-09:00 workday, evening 17:00-19:00 workday, ") || !strings.HasSuffix(c.Bands.After, "; metro by entry") {
		t.Errorf("with bands: %+v", c)
	}
	if c.Band != "leisure" || c.Line == 0 || c.Before == 0 || c.After != 0 {
		t.Errorf("the largest change is %+v, want a ride for nothing", c.Price)
	}
	moved := strings.Replace(later, `"to": "09:00"`, `"to": "09:30"`, 1)
	c = build(first, moved).ChangeFrom(build(first), rulefile.StartOf(20260601))
	if c.Prices != 0 || !c.Over || !strings.Contains(c.Bands.After, "morning 07:00-09:30") {
		t.Errorf("a longer morning: %+v", c)
	}
	if c = build(first, later).ChangeFrom(build(first), rulefile.StartOf(20260601)); c.Over || c.Bands.From != "" {
		t.Errorf("nothing changes: %+v", c)
	}
}

// TestNoAllocationInABand: a tap is priced without an allocation, with bands and a calendar.
func TestNoAllocationInABand(t *testing.T) {
	rules, err := LoadRules([]byte(banded(t)))
	if err != nil {
		t.Fatal(err)
	}
	tables, err := Build(rules, exampleNetworks(t), always(), purse, &message.DayKinds{First: "20260101", Kinds: []byte{3, 1, 2, 2, 1}})
	if err != nil {
		t.Fatal(err)
	}
	table := tables.All()[0]
	tap := &message.Tap{
		Debit: &message.Debit{AmountFen: 200, Time: []byte{0x20, 0x26, 1, 5, 8, 0x20, 0}}, CardType: 1, Station: 2, EntryStation: 1,
		Mode: message.Mode_MODE_METRO, Movement: message.Movement_MOVEMENT_EXIT, EntryTime: []byte{0x20, 0x26, 1, 5, 8, 0, 0},
	}
	if n := testing.AllocsPerRun(100, func() {
		if !table.Check(tap).OK() {
			t.Error("another price")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestQuoteInABand: a quote names the band by which the table prices the ride, and one price that
// stands there for every trip.
func TestQuoteInABand(t *testing.T) {
	rules, err := LoadRules([]byte(banded(t)))
	if err != nil {
		t.Fatal(err)
	}
	// 5 January 2026 is a workday.
	tables, err := Build(rules, exampleNetworks(t), always(), purse, &message.DayKinds{First: "20260105", Kinds: []byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		begins rulefile.Moment
		ride   Ride
		band   string
		fixed  bool
		fen    int64
	}{
		{20260105_08_59_59, Ride{CardType: 1, From: 1, To: 3, Stay: time.Hour}, "morning", false, 300},
		{20260105_09_00_00, Ride{CardType: 1, From: 1, To: 3, Stay: time.Hour}, "", false, 285},
		{20260105_23_30_00, Ride{CardType: 1, From: 1, To: 3, Stay: time.Hour}, "night", true, 90},
		{20260105_22_00_00, Ride{CardType: 1, From: 1, To: 3, Stay: 181 * time.Minute}, "night", false, 300},
		{20260105_07_00_00, Ride{CardType: 1, Line: 1}, "morning", false, 91},
		{20260105_22_00_00, Ride{CardType: 1, Line: 501}, "night", true, 55},
		{20260106_08_00_00, Ride{CardType: 1, Line: 1}, "", false, 80},
		{20260701_06_50_00, Ride{CardType: 1, From: 1, To: 2, Stay: 10 * time.Minute}, "", false, 190}, // no kind of day is known
		{20260701_21_50_00, Ride{CardType: 1, From: 1, To: 2, Stay: 10 * time.Minute}, "night", false, 67},
	} {
		q, err := tables.Quote(c.begins, c.ride)
		if err != nil || q.Band != c.band || q.Fixed != c.fixed || q.Fen != c.fen {
			t.Errorf("%+v: %q, %t, %d fen, %v", c, q.Band, q.Fixed, q.Fen, err)
		}
	}
}

// TestBandUnderModes: where times do not count, a trip is in the band of its exit, whatever it says
// of its entry; so is an exit without an entry that costs the lowest fare.
func TestBandUnderModes(t *testing.T) {
	rules, err := LoadRules([]byte(banded(t)))
	if err != nil {
		t.Fatal(err)
	}
	tables, err := Build(rules, exampleNetworks(t), always(), purse, &message.DayKinds{First: "20260105", Kinds: []byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	table := tables.All()[0]
	exit := func(hour byte, entry uint32, entered ...byte) *message.Tap {
		return &message.Tap{
			Debit: &message.Debit{Time: []byte{0x20, 0x26, 1, 5, hour, 0, 0}}, CardType: 1, Station: 2, EntryStation: entry, EntryTime: entered,
			Mode: message.Mode_MODE_METRO, Movement: message.Movement_MOVEMENT_EXIT,
		}
	}
	lowest := Relief{Unentered: message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_LOWEST}
	for name, c := range map[string]struct {
		tap    *message.Tap
		relief Relief
		fen    int64
	}{
		"entered in the morning":     {exit(0x10, 1, 0x20, 0x26, 1, 5, 8, 0x30, 0), Relief{}, 200},
		"untimed":                    {exit(0x10, 1, 0x20, 0x26, 1, 5, 8, 0x30, 0), Relief{Untimed: true}, 190},
		"untimed, left in it":        {exit(0x08, 1, 0x20, 0x26, 1, 5, 6, 0x30, 0), Relief{Untimed: true}, 200},
		"untimed, from tomorrow":     {exit(0x08, 1, 0x20, 0x26, 1, 6, 6, 0x30, 0), Relief{Untimed: true}, 200},
		"untimed, entry of no time":  {exit(0x10, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF), Relief{Untimed: true}, 190},
		"lowest outside all bands":   {exit(0x10, 0), lowest, 190},
		"lowest in the morning":      {exit(0x08, 0), lowest, 200},
		"lowest at night: one price": {exit(0x22, 0), lowest, 90},
	} {
		if found := table.CheckUnder(c.tap, c.relief); found.ExpectedFen != c.fen {
			t.Errorf("%s: %+v, want %d", name, found, c.fen)
		}
	}
	if found := table.Check(exit(0x10, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF)); found.Outcome != BadTimes {
		t.Errorf("an entry of no time: %+v", found)
	}
}

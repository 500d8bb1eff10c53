package registry_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"citycard/clearing/clearingtest"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
)

const modesHeader = "id,kind,area,effective_from,effective_to,exit_without_entry\n"

// withModes are the files of a town with lines, and modes.
func withModes(modes string) map[string]string {
	files := clearingtest.Files()
	files["lines.csv"] = "id,operator,mode,number,name,name_en,effective_from,effective_to\n" +
		"m1,metro,metro,1,一号线,Line 1,20200101,\nb1,bus,bus,1,一路,Bus 1,20200101,\nnone,bus,bus,,无号,Numberless,20200101,\n"
	files["modes.csv"] = modesHeader + modes
	return files
}

// modesAt are the ids of the modes that are in force at a terminal at a moment, in order.
func modesAt(t *testing.T, e *index.Edition, terminal, at string) string {
	t.Helper()
	place, ok := e.Terminal([6]byte(clearingtest.Hex(terminal)), 20260105)
	if !ok {
		t.Fatalf("terminal %s is not registered", terminal)
	}
	var ids []string
	for _, m := range e.ModesAt(place, 1, 1, [7]byte(clearingtest.Hex(at))) {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// TestModes asks at a gate and in a bus for the modes in force, in the seconds around their
// beginnings and ends; a later change ends one early and begins another.
func TestModes(t *testing.T) {
	base, err := registry.Import(clearingtest.WriteFiles(t, withModes("a,train_fault,station:1,20260105080000,20260105083000,\n"+
		"b,no_order,operator:metro,20260105080001,,lowest\nc,no_fare,line:b1,20260105080000,20260105080000,\nd,emergency,line:m1,20260106000000,,\n")))
	if err != nil {
		t.Fatal(err)
	}
	draft, err := registry.Read(clearingtest.WriteFiles(t, map[string]string{"modes.csv": modesHeader +
		"a,train_fault,station:1,20260105080000,20260105081500,\n" + // ended early
		"d,emergency,line:m1,20260106000000,,\n" + // as it is
		",no_order,operator:metro,,20260105090000,\n" + // ends b
		",no_date,operator:metro,20260105080000,,\n"}), base) // begins one
	if err != nil {
		t.Fatal(err)
	}
	if draft.Rows() != 3 {
		t.Errorf("the change has %d rows, want 3", draft.Rows())
	}
	next := draft.On(base)
	for _, test := range []struct{ terminal, at, base, next string }{
		{clearingtest.MetroGate, "20260105075959", "", ""},
		{clearingtest.MetroGate, "20260105080000", "a", "5 a"},
		{clearingtest.MetroGate, "20260105080001", "a b", "5 a b"},
		{clearingtest.MetroGate, "20260105081500", "a b", "5 a b"},
		{clearingtest.MetroGate, "20260105081501", "a b", "5 b"},
		{clearingtest.MetroGate, "20260105083000", "a b", "5 b"},
		{clearingtest.MetroGate, "20260105083001", "b", "5 b"},
		{clearingtest.MetroGate, "20260105090001", "b", "5"},
		{clearingtest.MetroGate, "20260106000000", "b d", "5 d"},
		{clearingtest.BusValidator, "20260105080000", "c", "c"},
		{clearingtest.BusValidator, "20260105080001", "", ""},
	} {
		if got := modesAt(t, base, test.terminal, test.at); got != test.base {
			t.Errorf("%s at %s: %q, want %q", test.terminal, test.at, got, test.base)
		}
		if got := modesAt(t, next, test.terminal, test.at); got != test.next {
			t.Errorf("%s at %s, after the change: %q, want %q", test.terminal, test.at, got, test.next)
		}
	}
	for area, want := range map[index.Area]index.Reach{
		{Operator: "metro"}: {Mode: "metro", Lines: []uint32{1}},
		{Operator: "bus"}:   {Mode: "bus", Lines: []uint32{1}},
		{Line: "b1"}:        {Mode: "bus", Lines: []uint32{1}},
		{Station: 1}:        {Mode: "metro", Station: 1},
	} {
		if got := next.Reach(area, 20260105, 20260105); got.Mode != want.Mode || got.Station != want.Station || !slices.Equal(got.Lines, want.Lines) {
			t.Errorf("%s reaches %+v, want %+v", area, got, want)
		}
	}
}

// TestWrongModes is told what is wrong with modes that no terminal could act by.
func TestWrongModes(t *testing.T) {
	const good = "a,train_fault,station:1,20260105080000,20260105083000,\n"
	base, err := registry.Import(clearingtest.WriteFiles(t, withModes(good)))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ row, want string }{
		{"b,fire,station:1,20260105080000,,", `column 2 is "fire", want one of train_fault, no_order`},
		{"b,no_time,station:2,20260105080000,,", "station 2 has no gate"},
		{"b,no_time,line:m2,20260105080000,,", `line "m2" is neither in lines.csv nor registered`},
		{"b,no_time,operator:tram,20260105080000,,", `operator "tram" is neither in operators.csv nor registered`},
		{"b,no_time,station:01,20260105080000,,", `column 3 is "station:01", want line:ID, station:NUMBER or operator:ID`},
		{"b,no_time,station:0,20260105080000,,", `column 3 is "station:0"`},
		{"b,no_time,metro,20260105080000,,", `column 3 is "metro"`},
		{"b,no_time,line:,20260105080000,,", `column 3 is "line:"`},
		{"b,no_time,station:1,20260105,,", `column 4 is "20260105", want a local time YYYYMMDDhhmmss`},
		{"b,no_time,station:1,20260105080000,20260105075959,", "a moment not before the first"},
		{"b,no_time,station:1,20260105080000,20260105087000,", `column 5 is "20260105087000"`},
		{"b b,no_time,station:1,20260105080000,,", `column 1 is "b b"`},
		{"b,train_fault,station:1,20260105083000,,", "mode b overlaps mode a, which is of the same kind and area"},
		{"b,train_fault,station:1,20260105070000,20260105080000,", "mode b overlaps mode a"},
		{"b,no_time,station:1,20260105080000,,\nb,no_time,station:1,20260105080000,20260105090000,", "mode b occurs twice"},
		{"b,no_time,station:1,20260105080000,,\nc,no_time,station:1,20260105090000,,", "mode b overlaps mode c"},
		{"a,train_fault,station:1,20260105080001,,", "one that begins at another moment has another id"},
		{"b,no_order,station:1,20260105080000,,", "exit_without_entry is empty, want one of refused, free, lowest, highest"},
		{"b,no_order,station:1,20260105080000,,cheap", `column 6 is "cheap"`},
		{"b,no_time,station:1,20260105080000,,free", "only no_order has it"},
		{"b,emergency,line:b1,20260105080000,,", "it is of gates, and there are none on a bus"},
		{"b,train_fault,operator:bus,20260105080000,,", "it is of gates, and there are none on a bus"},
		{"b,no_fare,line:none,20260105080000,,", "line:none has no line with a number"},
		{",train_fault,station:1,,20260105083001,", `mode train_fault of station:1 is not in force at "20260105083001"`},
		{",no_time,station:1,,20260105081000,", "is not in force at"},
		{",train_fault,station:1,,,", `is not in force at ""`},
	} {
		_, err := registry.Read(clearingtest.WriteFiles(t, map[string]string{"modes.csv": modesHeader + test.row + "\n"}), base)
		if _, ok := errors.AsType[*registry.ImportError](err); !ok || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.row, err, test.want)
		}
	}
	// What is in force already is no change, by its id or without one.
	draft, err := registry.Read(clearingtest.WriteFiles(t, map[string]string{"modes.csv": modesHeader + good + good[1:]}), base)
	if err != nil || draft.Rows() != 0 {
		t.Errorf("the same again: %v", err)
	}
	// In one change an end makes room for the next one, whatever their order.
	draft, err = registry.Read(clearingtest.WriteFiles(t, map[string]string{"modes.csv": modesHeader +
		"b,train_fault,station:1,20260105082000,,\n,train_fault,station:1,,20260105081959,\n"}), base)
	if err != nil || draft.Rows() != 2 {
		t.Errorf("an end and a beginning: %v", err)
	}
}

// TestSharedLines: terminals of a line know its number, and not whose they are. A mode of an
// operator is refused where those of another one stand at its lines while it is in force, and is
// never told to them, also if they come later.
func TestSharedLines(t *testing.T) {
	const (
		operators = "id,name,name_en,mode,effective_from,effective_to\ntram,电车,Tram,metro,20200101,\n"
		terminals = "terminal,operator,mode,line,station,effective_from,effective_to\n"
		lines     = "id,operator,mode,number,name,name_en,effective_from,effective_to\n"
		m2        = "m2,metro,metro,2,二号线,Line 2,20200101,\n"
		row       = "a,no_fare,operator:metro,20260105080000,20260131080000,\n"
		refused   = "terminals of other operators stand at lines [1] too"
	)
	for _, test := range []struct {
		name, terminals, lines string
		want                   string   // refused with
		reach                  []uint32 // if they come when the mode is registered
	}{
		{"at a line of its own", "310000000009,tram,metro,3,3,20200101,\n", m2, "", []uint32{1, 2}},
		{"at the same line", "310000000009,tram,metro,1,1,20200101,\n", m2, refused, []uint32{2}},
		{"at the same line from tomorrow on", "310000000009,tram,metro,1,1,20260131,\n", m2, refused, []uint32{2}},
		{"at the same line until then", "310000000009,tram,metro,1,1,20200101,20260104\n", m2, "", []uint32{1, 2}},
		{"at the same line until it moves", "310000000009,tram,metro,1,1,20200101,20260104\n310000000009,tram,metro,3,3,20260105,\n", m2, "", []uint32{1, 2}},
		{"at the same line afterwards", "310000000009,tram,metro,1,1,20260201,\n", m2, "", []uint32{1, 2}},
		{"at no line, and has others", "310000000009,tram,metro,,3,20200101,\n", m2 + "t3,tram,metro,3,三号线,Line 3,20200101,\n", "", []uint32{1, 2}},
		{"at no line, and has the same", "310000000009,tram,metro,,3,20200101,\n", m2 + "t1,tram,metro,1,一号线,Line 1,20200101,\n", refused, []uint32{2}},
		{"at no line, and has none", "310000000009,tram,metro,,3,20200101,\n", m2, "at lines [1 2] too", nil},
		{"of buses", "310000000009,bus,bus,1,,20200101,\n", m2, "", []uint32{1, 2}},
	} {
		town, err := registry.Import(clearingtest.WriteFiles(t, withModes("")))
		if err != nil {
			t.Fatal(err)
		}
		more := map[string]string{"operators.csv": operators, "terminals.csv": terminals + test.terminals, "lines.csv": lines + test.lines}
		first, err := registry.Read(clearingtest.WriteFiles(t, map[string]string{"modes.csv": modesHeader + row}), town)
		if err != nil {
			t.Fatal(err)
		}
		later, err := registry.Read(clearingtest.WriteFiles(t, more), first.On(town))
		if err != nil {
			t.Fatal(err)
		}
		both := later.On(first.On(town))
		if got := both.Reach(index.Area{Operator: "metro"}, 20260105, 20260131); !slices.Equal(got.Lines, test.reach) {
			t.Errorf("%s: the mode reaches lines %v, want %v", test.name, got.Lines, test.reach)
		}
		// Its end is always taken.
		if _, err := registry.Read(clearingtest.WriteFiles(t, map[string]string{"modes.csv": modesHeader + ",no_fare,operator:metro,,20260106000000,\n"}), both); err != nil {
			t.Errorf("%s: the end of the mode: %v", test.name, err)
		}
		more["modes.csv"] = modesHeader + row
		if _, err = registry.Read(clearingtest.WriteFiles(t, more), town); test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// TestNamesakes: terminals of a line know its number, and not its id. A mode of a line is refused
// where a line of another operator has its transport and number while it is in force, and is told
// to nobody if such a line comes later.
func TestNamesakes(t *testing.T) {
	const (
		operators = "id,name,name_en,mode,effective_from,effective_to\ntram,电车,Tram,metro,20200101,\n"
		lines     = "id,operator,mode,number,name,name_en,effective_from,effective_to\n"
		row       = "a,no_fare,line:m1,20260105080000,20260131080000,\n"
	)
	for _, test := range []struct {
		name, line string
		refused    bool
	}{
		{"another number", "t3,tram,metro,3,三号线,Line 3,20200101,", false},
		{"no number", "t1,tram,metro,,一号线,Line 1,20200101,", false},
		{"the same number", "t1,tram,metro,1,一号线,Line 1,20200101,", true},
		{"the same number on the last day", "t1,tram,metro,1,一号线,Line 1,20260131,", true},
		{"the same number before", "t1,tram,metro,1,一号线,Line 1,20200101,20260104", false},
		{"the same number afterwards", "t1,tram,metro,1,一号线,Line 1,20260201,", false},
		{"of buses", "c1,bus,bus,1,一路,Route 1,20200101,", false},
		{"of the same operator", "m1a,metro,metro,1,一号线支线,Line 1 branch,20200101,", false},
	} {
		town, err := registry.Import(clearingtest.WriteFiles(t, withModes("")))
		if err != nil {
			t.Fatal(err)
		}
		more := map[string]string{"operators.csv": operators, "lines.csv": lines + test.line + "\n"}
		first, err := registry.Read(clearingtest.WriteFiles(t, map[string]string{"modes.csv": modesHeader + row}), town)
		if err != nil {
			t.Fatal(err)
		}
		later, err := registry.Read(clearingtest.WriteFiles(t, more), first.On(town))
		if err != nil {
			t.Fatal(err)
		}
		both := later.On(first.On(town))
		if got := both.Reach(index.Area{Line: "m1"}, 20260105, 20260131); (len(got.Lines) == 0) != test.refused {
			t.Errorf("%s: the mode reaches lines %v", test.name, got.Lines)
		}
		// Its end is always taken.
		if _, err := registry.Read(clearingtest.WriteFiles(t, map[string]string{"modes.csv": modesHeader + ",no_fare,line:m1,,20260106000000,\n"}), both); err != nil {
			t.Errorf("%s: the end of the mode: %v", test.name, err)
		}
		more["modes.csv"] = modesHeader + row
		_, err = registry.Read(clearingtest.WriteFiles(t, more), town)
		if refused := err != nil && strings.Contains(err.Error(), "lines of other operators have the number of line:m1 too"); refused != test.refused || err != nil && !refused {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// TestUnpublished: a change is refused after which terminals would take no list any more. What was
// over before it does not count.
func TestUnpublished(t *testing.T) {
	minutes := func(n int, area string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "n%d,no_fare,%s,202601%02d%02d%02d00,202601%02d%02d%02d59,\n", i, area, 5+i/1440, i/60%24, i%60, 5+i/1440, i/60%24, i%60)
		}
		return b.String()
	}
	var lines, issuers strings.Builder
	for i := 2; i < 600; i++ {
		fmt.Fprintf(&lines, "m%d,metro,metro,%d,线,Line,20200101,\n", i, 1000+i)
	}
	for i := range message.MostModes + 1 {
		fmt.Fprintf(&issuers, "%08xffffffff,市%d,City %d,interoperable,20260101,20260105\n", 0x01020000+i, i, i)
	}
	modes := modesHeader + minutes(message.MostModes+1, "station:1")
	for _, test := range []struct {
		name   string
		change map[string]string
		at     string
		want   string
	}{
		{"as many modes as they take", map[string]string{"modes.csv": modesHeader + minutes(message.MostModes, "station:1")}, "20260105000000", ""},
		{"a mode more", map[string]string{"modes.csv": modes}, "20260105000059", "modes.csv: 1001 service modes are in force or to come, and terminals take 1000: end some"},
		{"one of them is over", map[string]string{"modes.csv": modes}, "20260105000100", ""},
		{"modes of many lines", map[string]string{
			"modes.csv": modesHeader + minutes(500, "operator:metro"),
			"lines.csv": "id,operator,mode,number,name,name_en,effective_from,effective_to\n" + lines.String(),
		}, "20260105000000", "bytes, and terminals take 524288"},
		{"an issuer more", map[string]string{
			"issuers.csv": "issuer,name,name_en,kind,effective_from,effective_to\n" + clearingtest.Issuer + ",本市,Own,own,20200101,\n" + issuers.String(),
		}, "20260106000000", "issuers.csv: 1002 rows of issuers are not over, and terminals take 1000"},
		{"issuers of the past", map[string]string{
			"issuers.csv": "issuer,name,name_en,kind,effective_from,effective_to\n" + clearingtest.Issuer + ",本市,Own,own,20200101,\n" + issuers.String(),
		}, "20260107000000", ""},
	} {
		town, err := registry.Import(clearingtest.WriteFiles(t, withModes("")))
		if err != nil {
			t.Fatal(err)
		}
		at, _ := index.ParseMoment(test.at)
		_, err = registry.Bounds{At: at}.Read(clearingtest.WriteFiles(t, test.change), town)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %.300v, want %q", test.name, err, test.want)
		}
	}
}

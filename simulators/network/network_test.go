package network_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"citycard/simulators/network"
)

func zhengzhou(t *testing.T) network.Ruled {
	t.Helper()
	maps, err := network.ReadMaps(network.Zhengzhou())
	if err != nil {
		t.Fatal(err)
	}
	return network.Ruled{Maps: maps, CardTypes: []int{1, 2, 3}, Classes: []string{"community", "1", "2", "3"}}
}

func TestZhengzhou(t *testing.T) {
	ruled := zhengzhou(t)
	m := ruled.Maps.At(0)
	if len(m.Stations) != 45 || len(m.Lines) != 2 || len(m.Bus) != 20 {
		t.Errorf("%d stations, want 30 of line 1 and 16 of line 2 with one interchange; %d lines, %d bus lines", len(m.Stations), len(m.Lines), len(m.Bus))
	}
	shared := map[string]int{}
	for _, l := range m.Lines {
		for _, s := range l.Stops {
			shared[m.Stations[s.Station-1].Name]++
		}
	}
	for name, lines := range shared {
		if (lines == 2) != (name == "紫荆山") {
			t.Errorf("%s lies on %d lines", name, lines)
		}
	}
	if len(ruled.Maps.Gates()) != 46 {
		t.Errorf("%d places for gates", len(ruled.Maps.Gates()))
	}
	city, err := network.ReadCity(network.ZhengzhouCity(), ruled)
	if err != nil {
		t.Fatal(err)
	}
	if id, number := city.Operator(network.Bus, 401); id != "simbus-b" || number != 3 {
		t.Errorf("bus line 401 is run by %s, operator %d", id, number)
	}
}

// TestTemplateFits: the file to begin with fits the example network that citycard writes, and a
// byte-order mark does no harm.
func TestTemplateFits(t *testing.T) {
	data, err := os.ReadFile("../../clearing/transit/fare/example_network.json")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := network.ReadMaps(data)
	if err != nil {
		t.Fatal(err)
	}
	ruled := network.Ruled{Maps: maps, CardTypes: []int{1, 2, 3}, Classes: []string{"community", "1", "2", "3"}}
	if _, err := network.ReadCity(append([]byte("\xEF\xBB\xBF"), network.Template()...), ruled); err != nil {
		t.Error(err)
	}
}

// TestLoop: a loop has its first station once, and lines of later versions follow those before.
func TestLoop(t *testing.T) {
	data, err := os.ReadFile("../truth/testdata/network.json")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := network.ReadMaps(data)
	if err != nil {
		t.Fatal(err)
	}
	want := []network.Gate{{1, 1}, {1, 2}, {1, 3}, {1, 4}, {2, 3}, {2, 5}, {2, 6}, {3, 1}, {3, 6}}
	if got := maps.Gates(); !slices.Equal(got, want) {
		t.Errorf("gates at %v, want %v", got, want)
	}
	if got := maps.BusLines(); !slices.Equal(got, []int{1, 70, 71}) {
		t.Errorf("bus lines %v", got)
	}
	if maps.At(20261124_11_59_59).Version != "loop-1" || maps.At(20261124_12_00_00).Version != "loop-2" {
		t.Error("the second version does not begin at noon")
	}
}

// TestReadCityRefuses names every fault of a city's file by its field.
func TestReadCityRefuses(t *testing.T) {
	ruled := zhengzhou(t)
	good := string(network.ZhengzhouCity())
	for _, test := range []struct {
		want     string
		old, new string
	}{
		{`unknown field "nme"`, `"name": "郑州`, `"nme": "郑州`},
		{`operators[1].lines[1]: 1 is no bus line of network.json`, `902, 903`, `1, 903`},
		{`operators[0].lines[1]: 901 is no metro line of network.json`, `[1, 2]`, `[1, 901, 2]`},
		{`operators[2].lines[0]: bus line 901 is in operators[1] too, want one operator`, `[401`, `[901, 401`},
		{`operators[1].lines[1]: bus line 901 is in operators[1] too`, `901, 902`, `901, 901, 902`},
		{`operators: nobody runs bus line 406 of network.json`, `, 406`, ``},
		{`operators[0].lines: empty, want the lines that zzmetro runs`, `[1, 2]`, `[]`},
		{`operators: nobody runs metro line 2 of network.json`, `[1, 2]`, `[]`},
		{`operators[0].mode: "tram", want metro or bus`, `"mode": "metro"`, `"mode": "tram"`},
		{`operators[1].id: "zzmetro" again, want each once`, `simbus-a`, `zzmetro`},
		{`operators[1].id: empty`, `simbus-a`, ``},
		{`operators[0].name: empty, want a name`, `郑州地铁(模拟)`, ``},
		{`channels[1].name_en: empty, want a name in English`, `Simulated mobile top-up`, ``},
		{`card_types[1].card_type: fares.json has no card type 9, want one of [1 2 3]`, `"card_type": 3`, `"card_type": 9`},
		{`card_types[1].card_type: 2 again, want each once`, `"card_type": 3`, `"card_type": 2`},
		{`card_types[1].card_type: 256, want 1 to 255`, `"card_type": 3`, `"card_type": 256`},
		{`card_types[1].percent: 0, want 1 or more`, `"percent": 8`, `"percent": 0`},
		{`card_types: 101 percent together, want 100`, `"percent": 8`, `"percent": 9`},
		{`visitor_card_type: fares.json has no card type 4`, `"visitor_card_type": 1`, `"visitor_card_type": 4`},
		{`hospitals[0].class: "4" has no table in medical.json, want one of ["community" "1" "2" "3"]`, `"class": "community"`, `"class": "4"`},
		{`hospitals[1].id: "h-101" again`, `h-102`, `h-101`},
		{`not UTF-8, GBK perhaps`, `郑州`, "\xd6\xa3\xd6\xdd"},
		{`text behind the document`, "  ]\n}", "  ]\n}{}"},
	} {
		bad := strings.Replace(good, test.old, test.new, 1)
		if bad == good {
			t.Errorf("the file has no %s", test.old)
		}
		if _, err := network.ReadCity([]byte(bad), ruled); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s → %s: %v, want %q", test.old, test.new, err, test.want)
		}
	}
	two := strings.NewReplacer(`"percent": 8`, `"percent": 9`, `"class": "2"`, `"class": "two"`).Replace(good)
	if _, err := network.ReadCity([]byte(two), ruled); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("want three faults, a line each: %v", err)
	}
	for _, empty := range []string{`"channels": [`, `"hospitals": [`} {
		name := strings.Trim(strings.Fields(empty)[0], `":`)
		bad := good[:strings.Index(good, empty)] + empty + "]" + good[strings.Index(good, empty)+len(empty)+strings.Index(good[strings.Index(good, empty)+len(empty):], "\n  ]")+4:]
		if _, err := network.ReadCity([]byte(bad), ruled); err == nil || !strings.Contains(err.Error(), name+": empty, want one or more") {
			t.Errorf("no %s: %v", name, err)
		}
	}
}

// TestNumbersThatNoTerminalTakes: the numbers of lines must fit a card and a simulated gate.
func TestNumbersThatNoTerminalTakes(t *testing.T) {
	const file = `{"versions": [{"version": "v", "effective_from": "20200101",
		"stations": [{"number": 1, "name": "a", "name_en": "a"}, {"number": 2, "name": "b", "name_en": "b"}],
		"lines": [{"number": 312, "name": "l", "name_en": "l", "stops": [{"station": 1, "metres": 0}, {"station": 2, "metres": 1}]}],
		"bus_lines": [65536], "example": false, "source": "x"}]}`
	maps, err := network.ReadMaps([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	city := strings.NewReplacer(`"lines": [1, 2]`, `"lines": [312]`).Replace(string(network.ZhengzhouCity()))
	_, err = network.ReadCity([]byte(city), network.Ruled{Maps: maps, CardTypes: []int{1, 2, 3}, Classes: []string{"community", "1", "2", "3"}})
	for _, want := range []string{"metro line 312: a simulated terminal takes numbers from 1 to 311", "bus line 65536: a simulated terminal takes numbers from 1 to 65535"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

package fare

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A small city. Line 1 runs 1-2-3-4, line 2 crosses it at 2 and 4:
//
//	1 --5000-- 2 --4000-- 3 --4001-- 4
//	           2 --2500-- 5 --2500-- 4 --20000-- 6
const city = `{"versions": [{
  "version": "test-1", "effective_from": "20200101", "source": "invented for tests",
  "stations": [
    {"number": 1, "name": "甲", "name_en": "A"}, {"number": 2, "name": "乙"}, {"number": 3, "name": "丙"},
    {"number": 4, "name": "丁"}, {"number": 5, "name": "戊"}, {"number": 6, "name": "己"}],
  "lines": [
    {"number": 1, "name": "1号线", "stops": [{"station": 1, "metres": 0}, {"station": 2, "metres": 5000}, {"station": 3, "metres": 4000}, {"station": 4, "metres": 4001}]},
    {"number": 2, "name": "2号线", "stops": [{"station": 2, "metres": 0}, {"station": 5, "metres": 2500}, {"station": 4, "metres": 2500}, {"station": 6, "metres": 20000}]}],
  "bus_lines": [7, 501]
}]}`

func cityNetwork(t testing.TB) *Networks {
	t.Helper()
	networks, err := LoadNetworks([]byte(city))
	if err != nil {
		t.Fatal(err)
	}
	return networks
}

// only is a series of one version.
func only(n *Network) *Networks { return &Networks{[]Network{*n}} }

func metresOf(ways []reach) (metres []int64) {
	for _, w := range ways {
		metres = append(metres, w.metres)
	}
	return metres
}

func TestShortestWay(t *testing.T) {
	hops := cityNetwork(t).versions[0].hops()
	for _, c := range []struct {
		start int
		want  []int64
	}{
		// From 1: 4 by way of 5 is 5000+2500+2500, shorter than 13001 by way of 3.
		{1, []int64{0, 5000, 9000, 10000, 7500, 30000}},
		// From 3: 5 by way of 2 is 4000+2500, shorter than 4001+2500 by way of 4.
		{3, []int64{9000, 4000, 0, 4001, 6500, 24001}},
		{6, []int64{30000, 25000, 24001, 20000, 22500, 0}},
	} {
		if got := metresOf(hops.from(c.start - 1)); !slices.Equal(got, c.want) {
			t.Errorf("from station %d: %v, want %v", c.start, got, c.want)
		}
	}
}

func TestNetworkFaults(t *testing.T) {
	for _, c := range []struct {
		name, old, new, want string
	}{
		{"station number twice", `{"number": 2, "name": "乙"}`, `{"number": 1, "name": "乙"}`, "stations[1].number: 1, want each of 1 to 6 once"},
		{"station without name", `"name": "乙"`, `"name": ""`, "stations[1].name: empty"},
		{"unknown stop", `{"station": 5, "metres": 2500}`, `{"station": 9, "metres": 2500}`, "lines[1].stops[1].station: 9, want 1 to 6"},
		{"no distance", `"metres": 4001`, `"metres": 0`, "lines[0].stops[3].metres: 0, want 1 to"},
		{"first stop away", `{"station": 1, "metres": 0}`, `{"station": 1, "metres": 5}`, "lines[0].stops[0].metres: 5, want 0"},
		{"bus line twice", `[7, 501]`, `[7, 7]`, "bus_lines[1]: 7"},
		{"cut off", `, {"station": 6, "metres": 20000}`, ``, "lines: no way from station 1 to station 6"},
		{"line number", `{"number": 2, "name": "2号线"`, `{"number": 1, "name": "2号线"`, "lines[1].number: 1"},
		{"no source", `"source": "invented for tests"`, `"source": ""`, "source: empty"},
		{"unknown field", `"source"`, `"sauce"`, "versions[0].sauce: no such field"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantFaults(t, func(data []byte) error { _, err := LoadNetworks(data); return err }, city, c.old, c.new, []string{c.want})
		})
	}
	over := &Network{Stations: make([]Station, maxStations+1)}
	if faults := over.check(""); !slices.ContainsFunc(faults, func(err error) bool { return strings.Contains(err.Error(), "want at most 512") }) {
		t.Error("too many stations: accepted")
	}
}

// randomNetwork is a line through every station and some shortcuts.
func randomNetwork(t *rapid.T) *Network {
	count := rapid.IntRange(1, 12).Draw(t, "stations")
	network := &Network{BusLines: []uint32{1}}
	hop := func(a, b int) Line {
		return Line{Number: uint32(len(network.Lines) + 1), Stops: []Stop{
			{Station: uint32(a)},
			{Station: uint32(b), Metres: rapid.Int64Range(1, 15_000).Draw(t, "metres")},
		}}
	}
	for n := 1; n <= count; n++ {
		network.Stations = append(network.Stations, Station{Number: uint32(n), Name: "站"})
		if n > 1 {
			network.Lines = append(network.Lines, hop(n-1, n))
		}
	}
	for range rapid.IntRange(0, 5).Draw(t, "shortcuts") {
		a, b := rapid.IntRange(1, count).Draw(t, "a"), rapid.IntRange(1, count).Draw(t, "b")
		network.Lines = append(network.Lines, hop(a, b))
	}
	return network
}

// Distances are a metric: nothing to oneself, the same both ways, no detour shorter.
func TestDistancesAreAMetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		network := randomNetwork(t)
		hops := network.hops()
		metres := make([][]int64, len(hops))
		for i := range hops {
			metres[i] = metresOf(hops.from(i))
		}
		for i := range metres {
			for j := range metres {
				if (i == j) != (metres[i][j] == 0) || metres[i][j] != metres[j][i] {
					t.Fatalf("%d to %d: %d and %d", i+1, j+1, metres[i][j], metres[j][i])
				}
				for via := range metres {
					if metres[i][via]+metres[via][j] < metres[i][j] {
						t.Fatalf("%d to %d: a detour by %d is shorter", i+1, j+1, via+1)
					}
				}
			}
		}
	})
}

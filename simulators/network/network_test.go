package network

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestZhengzhou(t *testing.T) {
	n, err := Zhengzhou()
	if err != nil {
		t.Fatal(err)
	}
	if got := n.Stations(); got != 45 {
		t.Errorf("%d stations, want 30 of line 1 and 16 of line 2 with one interchange", got)
	}
	shared := map[string]int{}
	for _, l := range n.Metro {
		for _, s := range l.Stations {
			shared[s.Chinese]++
		}
	}
	for name, lines := range shared {
		if (lines == 2) != (name == "紫荆山") {
			t.Errorf("%s lies on %d lines", name, lines)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	good := string(zhengzhou)
	for name, edit := range map[string][2]string{
		"unknown field":     {`"about"`, `"abuot"`},
		"gap in numbers":    {`"station": 45`, `"station": 46`},
		"no distance":       {`"metres": 1350`, `"metres": 0`},
		"two names":         {`"station": 2,`, `"station": 3,`},
		"unknown operator":  {`"id": "simbus-a"`, `"id": "simbus-x"`},
		"unknown class":     {`"class": "community"`, `"class": "4"`},
		"operator and mode": {`"mode": "metro"`, `"mode": "tram"`},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(good, edit[0], edit[1], 1)
			if bad == good {
				t.Fatalf("the file has no %s", edit[0])
			}
			if _, err := read(strings.NewReader(bad)); err == nil {
				t.Error("read without an error")
			}
		})
	}
}

func TestFareNetwork(t *testing.T) {
	n, err := Zhengzhou()
	if err != nil {
		t.Fatal(err)
	}
	data, err := n.FareNetwork()
	if err != nil {
		t.Fatal(err)
	}
	var all fareNetworks
	if err := json.Unmarshal(data, &all); err != nil || len(all.Versions) != 1 {
		t.Fatal(len(all.Versions), err)
	}
	got := all.Versions[0]
	if len(got.Stations) != 45 || got.Stations[17].Chinese != "紫荆山" || len(got.Lines) != 2 || len(got.BusLines) != 20 {
		t.Errorf("%d stations (number 18 is %s), %d lines, %d bus lines", len(got.Stations), got.Stations[17].Chinese, len(got.Lines), len(got.BusLines))
	}
	if first := got.Lines[1].Stops[0]; first.Station != 31 || first.Metres != 0 {
		t.Errorf("line 2 begins with %+v", first)
	}
}

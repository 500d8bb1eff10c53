package city

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/simulators/document"
	"citycard/simulators/network"
	"citycard/simulators/plan"
	"citycard/simulators/plan/plantest"
	"citycard/simulators/truth"
	"citycard/terminals/outbox"
)

// banded is the built-in city with dearer rides at the ends of a workday and free ones before five
// in the afternoon of a restday, by the entry of a trip; and the kinds of two days.
func banded(t *testing.T) (*plan.Town, *message.DayKinds) {
	t.Helper()
	documents := plantest.Documents(t, "../..")
	for _, change := range [][2]string{
		{`"limit_minutes": 180,`, `"limit_minutes": 180, "band_by": "entry",`},
		{`      "cards": [`, `      "bands": [
			{"name": "morning", "days": ["workday"], "from": "07:00", "to": "09:00", "source": "invented"},
			{"name": "evening", "days": ["workday"], "from": "17:00", "to": "19:00", "source": "invented"},
			{"name": "leisure", "days": ["restday"], "from": "00:00", "to": "17:00", "source": "invented"}],
		"cards": [`},
		{`"metro": "0.95", "bus": "0.80",`, `"metro": "0.95", "bus": "0.80", "bands": [
			{"band": "morning", "metro": "1", "bus": "1"}, {"band": "evening", "metro": "1"}, {"band": "leisure", "metro_fen": 0, "bus": "0"}],`},
	} {
		text := bytes.ReplaceAll(documents["fares.json"], []byte(change[0]), []byte(change[1]))
		if bytes.Equal(text, documents["fares.json"]) {
			t.Fatalf("the example has no %s", change[0])
		}
		documents["fares.json"] = text
	}
	documents["calendar.csv"] = []byte("date,kind,source\n20261124,workday,test\n20261125,restday,test\n")
	town, err := plan.NewTown(network.ZhengzhouCity(), documents)
	if err != nil {
		t.Fatal(err)
	}
	return town, &message.DayKinds{First: "20261124", Kinds: []byte{1, 2}}
}

// TestCityWithBands plays a workday and a restday by bands: what gates and validators take is what
// the truth works out from the documents, or the day would fail. Some rides are in bands.
func TestCityWithBands(t *testing.T) {
	store, dir := keys.GenerateTest(11), t.TempDir()
	town, kinds := banded(t)
	days, err := message.NewCalendar(kinds)
	if err != nil {
		t.Fatal(err)
	}
	fares := plantest.Fares(t, town, document.Midnight(20200101), nil)
	fares.Set(days, fares.All()...)
	people, err := NewPopulation(small(), town)
	if err != nil {
		t.Fatal(err)
	}
	if err := Issue(t.Context(), IssueOptions{Dir: dir, Population: people, Keys: store}); err != nil {
		t.Fatal(err)
	}
	box, err := outbox.Open(filepath.Join(dir, "outbox"))
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	for _, test := range []struct {
		day  int
		paid map[string][]int64 // prices that only a ride in a band has, and the usual one, by purpose
	}{
		{24, map[string][]int64{truth.Bus: {200, 80}, truth.MetroExit: {400, 190}}},
		{25, map[string][]int64{truth.Bus: {0, 80}, truth.MetroExit: {0, 190}}},
	} {
		played, err := Play(t.Context(), Options{
			Day: plan.Day{
				Dir: dir, City: small(), Town: town, Keys: store, Fares: fares, Date: time.Date(2026, 11, test.day, 0, 0, 0, 0, beijing()), Rides: 5,
			},
			Authority: pastLoads{store}, Outbox: box,
		})
		if err != nil {
			t.Fatal(err)
		}
		for purpose, prices := range test.paid {
			for _, fen := range prices {
				if !slices.ContainsFunc(played.Records, func(r truth.Record) bool { return r.Purpose == purpose && r.Fen == fen }) {
					t.Errorf("on the %dth nobody pays %d fen for a %s", test.day, fen, purpose)
				}
			}
		}
	}
}

package city

import (
	"testing"
	"time"

	"citycard/simulators/plan"
	"citycard/simulators/truth"
)

func TestRidesFollowEachOther(t *testing.T) {
	day := plan.Day{Town: zhengzhou(t), Fares: publicFares(t), Date: time.Date(2026, 11, 24, 0, 0, 0, 0, beijing())}
	periods, err := day.Periods()
	if err != nil {
		t.Fatal(err)
	}
	lines := timetable{&day, periods}
	long, changes, buses, total := 0, 0, 0, 0
	for i := range 2000 {
		r := newDice(3, "rides", i)
		ends := 0
		for _, ride := range lines.rides(r, plan.Between(r, 10, 20), i%50 == 0) {
			if ride.start < plan.FirstTrain || ride.start < ends || ride.start+ride.took > 24*3600 {
				t.Fatalf("card %d: %+v begins before %d or ends after midnight", i, ride, ends)
			}
			ends = ride.start + ride.took
			total++
			if !ride.metro {
				buses++
				continue
			}
			if ride.entry < 1 || ride.entry > 45 || ride.exit < 1 || ride.exit > 45 || ride.took < platformSeconds {
				t.Fatalf("card %d: %+v", i, ride)
			}
			if ride.took > 180*60 {
				long++
			}
			if ride.line != ride.exitLine {
				changes++
			}
		}
	}
	if long != 40 {
		t.Errorf("%d trips over 180 minutes, want one for each of 40 cards", long)
	}
	if changes == 0 || buses < total/3 || buses > total*2/3 {
		t.Errorf("of %d rides %d by bus, %d change lines", total, buses, changes)
	}
}

func TestStepsInOrder(t *testing.T) {
	steps := []step{{at: 5, card: 2}, {at: 5, card: 1, out: true}, {at: -1, card: 9}, {at: 5, card: 1}}
	inOrder(steps)
	want := []step{{at: -1, card: 9}, {at: 5, card: 1}, {at: 5, card: 1, out: true}, {at: 5, card: 2}}
	for i := range want {
		if steps[i] != want[i] {
			t.Fatalf("order %+v, want %+v", steps, want)
		}
	}
}

func TestVisitsAddUp(t *testing.T) {
	n := zhengzhou(t)
	faults := map[string]int{}
	for i := range 2000 {
		for _, v := range visits(5, i, n.Hospitals, plan.Shares{Claim: 0.1}) {
			sum := v.costs.ownPay + v.costs.overLimit + v.costs.firstPay + v.costs.inScope
			if (sum != v.costs.total) != (v.fault == "amounts_disagree") {
				t.Fatalf("visit %+v adds up to %d", v, sum)
			}
			faults[v.fault]++
		}
	}
	if faults[""] < 1000 || faults["unknown_hospital"] == 0 || faults["amounts_disagree"] == 0 {
		t.Errorf("visits by fault: %v", faults)
	}
}

func TestLettersWaitTheirTurn(t *testing.T) {
	s := newSender(nil, func(int) {})
	letterOf := func(name string) letter {
		return letter{key: "card", entry: truth.Entry{Topic: "taps", Value: []byte(name), Fault: name, Key: truth.Key{Day: 1, Subject: name, ID: "01"}}}
	}
	s.hold(letterOf("late"), 3)
	s.hold(letterOf("later"), 3)
	s.hold(letterOf("soon"), 1)
	for _, name := range []string{"a", "b", "c"} {
		if err := s.send(letterOf(name)); err != nil {
			t.Fatal(err)
		}
	}
	var got string
	for _, r := range s.records {
		got += r.Fault + " "
	}
	if want := "a soon b late later c "; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}

package dayclose_test

import (
	"slices"
	"strings"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/registry"
	"citycard/clearing/settlement"
	"citycard/ledger"
)

const operatorsHeader = "id,name,name_en,mode,effective_from,effective_to\n"

func (o *office) smuggleOperator(id, name string) {
	o.Helper()
	clearingtest.Smuggle(o, o.ledger.Pool(), clearingtest.Smuggled{
		Kind: registry.Operators, Key: []byte(id), From: 20200101, Record: []string{id, name, "", "bus", "20200101", ""},
	})
	edition, err := registry.NewStore(o.ledger.Pool()).Load(o.Context())
	o.must(err)
	o.must(o.ledger.OpenAccounts(o.Context(), chart.Accounts(edition)))
}

// TestCorrectionReachesAStandingClose has a name in force that no settlement file can state,
// from before imports refused it. The close stands; a change that corrects the name lets it
// go on, with everybody paid once.
func TestCorrectionReachesAStandingClose(t *testing.T) {
	o := newOffice(t)
	o.smuggleOperator("bus", "公\u0085交")
	for range 2 {
		if _, err := o.closer.Close(t.Context(), today, today.Next()); err == nil || !strings.Contains(err.Error(), "operator:bus: name") {
			t.Fatalf("the close ended with %v, want the name of operator:bus", err)
		}
	}
	clearingtest.Change(t, o.ledger.Pool(), map[string]string{"operators.csv": operatorsHeader + "bus,公交,Bus,bus,20200101,\n"})
	result, err := o.closer.Close(t.Context(), today, today.Next())
	o.must(err)
	if _, err := settlement.Verify(result.Files); err != nil {
		t.Error(err)
	}
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 0, "hospital:h1": 0, chart.Reserve: 260})
}

// TestTwinsClose has two operators in force whose ids differ in capitals alone, from before
// imports refused that, both with money: the day closes. Once a change has ended the second,
// it gets no file any more, but on a day on which something was booked for it.
func TestTwinsClose(t *testing.T) {
	o := newOffice(t)
	o.smuggleOperator("BUS", "公交")
	o.post("taps/0", 0, move(20, today, chart.Float, "operator:BUS", 70, chart.PurposeBus))
	close := func(day ledger.Day) (codes []string) {
		t.Helper()
		result, err := o.closer.Close(t.Context(), day, day.Next())
		o.must(err)
		_, err = settlement.Verify(result.Files)
		o.must(err)
		for _, p := range result.Positions {
			codes = append(codes, p.Participant.Code)
		}
		return codes
	}
	if codes := close(today); !slices.Contains(codes, "operator:BUS") || !slices.Contains(codes, "operator:bus") {
		t.Errorf("files for %v, want both operators", codes)
	}
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 0, "operator:BUS": 0, chart.Reserve: 330})
	clearingtest.Change(t, o.ledger.Pool(), map[string]string{"operators.csv": operatorsHeader + "BUS,公交,Bus,bus,20200101,20200101\n"})
	o.post("taps/0", 0, move(21, today, chart.Float, "operator:BUS", 5, chart.PurposeBus))
	next := today.Next()
	if codes := close(next); !slices.Contains(codes, "operator:BUS") {
		t.Errorf("files for %v, want one for the operator that has ended and was owed something", codes)
	}
	if codes := close(next.Next()); slices.Contains(codes, "operator:BUS") || !slices.Contains(codes, "operator:bus") {
		t.Errorf("files for %v, want none for the operator that has ended", codes)
	}
	o.wantBalances(map[string]ledger.Fen{"operator:BUS": 0, chart.Reserve: 335})
}

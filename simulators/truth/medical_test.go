package truth

import "testing"

func TestSettle(t *testing.T) {
	rules := exampleRules(t)
	inpatient := Claim{Kind: "inpatient", Class: "3", Total: 1_100_000, OwnPay: 50_000, FirstPay: 50_000, InScope: 1_000_000}
	visit := Claim{Kind: "outpatient", Class: "1", Total: 10_005, InScope: 10_005}
	for _, c := range []struct {
		name    string
		patient Patient
		claims  []Claim
		want    []Split
		refused string
	}{
		// 6000 yuan above the deductible of 2000 at 55 %, 2000 yuan more at 65 %.
		{"resident in hospital", Patient{Insurance: "resident", Status: "resident"}, []Claim{inpatient}, []Split{{460_000, 0, 640_000}}, ""},
		// (10005 - 4000) at 60 % is 3603; the account holds 5000.
		{"worker's visit", Patient{Insurance: "employee", Status: "working", Account: 5_000}, []Claim{visit, visit}, []Split{{3_603, 5_000, 1_402}, {3_603, 0, 6_402}}, ""},
		// 9100 yuan at 85 %; the second time the deductible is half.
		{"worker in hospital twice", Patient{Insurance: "employee", Status: "working"}, []Claim{inpatient, inpatient}, []Split{{773_500, 0, 326_500}, {811_750, 0, 288_250}}, ""},
		{"below the deductible", Patient{Insurance: "employee", Status: "retired", Account: 9_000}, []Claim{{Kind: "outpatient", Class: "2", Total: 3_000, InScope: 3_000}}, []Split{{0, 3_000, 0}}, ""},
		// 50 % of 60.01 yuan is 30.005, half-up 30.01; the yearly ceiling is 300 yuan.
		{"half a fen", Patient{Insurance: "resident", Status: "resident"}, []Claim{{Kind: "outpatient", Class: "1", Total: 6_001, InScope: 6_001}}, []Split{{3_001, 0, 3_000}}, ""},
		{"ceiling", Patient{Insurance: "resident", Status: "resident"}, []Claim{
			{Kind: "outpatient", Class: "1", Total: 50_000, InScope: 50_000},
			{Kind: "outpatient", Class: "1", Total: 50_000, InScope: 50_000},
		}, []Split{{25_000, 0, 25_000}, {5_000, 0, 45_000}}, ""},
		{"a new year", Patient{Insurance: "resident", Status: "resident"}, []Claim{
			{Day: 20261231, Kind: "outpatient", Class: "1", Total: 50_000, InScope: 50_000},
			{Day: 20270101, Kind: "outpatient", Class: "1", Total: 50_000, InScope: 50_000},
		}, []Split{{25_000, 0, 25_000}, {25_000, 0, 25_000}}, ""},
		{"not insured", Patient{Insurance: "none", Status: "resident"}, []Claim{visit}, []Split{{}}, "not_insured"},
		{"sum wrong", Patient{Insurance: "employee", Status: "working"}, []Claim{{Kind: "outpatient", Class: "1", Total: 10, InScope: 9}}, []Split{{}}, "amounts_disagree"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, claim := range c.claims {
				if claim.Day == 0 {
					claim.Day = 20261124
				}
				got, refused := rules.Settle(&c.patient, claim)
				if got != c.want[i] || refused != c.refused {
					t.Errorf("claim %d: %+v, refused %q; want %+v, %q", i+1, got, refused, c.want[i], c.refused)
				}
				if refused == "" && got.Fund+got.Account+got.Cash != claim.Total {
					t.Errorf("claim %d: %+v does not add up to %d", i+1, got, claim.Total)
				}
			}
		})
	}
	claim := Claim{Day: 20261124, Kind: "dental", Class: "1"}
	if _, refused := rules.Settle(&Patient{Insurance: "employee", Status: "working"}, claim); refused != "no_rule" {
		t.Errorf("a kind without a rule: refused %q", refused)
	}
}

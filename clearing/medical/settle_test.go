package medical

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"citycard/clearing/verdict"
)

func exampleRules(t testing.TB) *Rules {
	t.Helper()
	rules, err := LoadRules(ExampleJSON())
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// exampleVersion is part of stored records: it changes with the file, and only then.
const exampleVersion = "example-2019+81950507"

func on(date string) time.Time {
	t, err := time.Parse("20060102", date)
	if err != nil {
		return time.Time{}
	}
	return t
}

// wholly is a claim whose every fen is in scope.
func wholly(kind Kind, fen int64) Claim { return Claim{Kind: kind, TotalFen: fen, InScopeFen: fen} }

var ( // the people of the tables below
	worker   = Person{Employee, Working}
	retiree  = Person{Employee, Retired}
	resident = Person{Resident, ResidentStatus}
)

// settleCase is one claim on 31 January 2026. The figures are those of the
// example file; each row says its arithmetic.
type settleCase struct {
	name    string
	person  Person
	class   Class
	year    YearSoFar
	claim   Claim
	account int64
	want    Split
}

func checkSettle(t *testing.T, cases []settleCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.want.RuleVersion = exampleVersion
			got, reason, err := Settle(exampleRules(t), c.person, c.class, c.year, c.claim, on("20260131"), c.account)
			if err != nil || reason != verdict.None {
				t.Fatal(reason, err)
			}
			if got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestEmployeesInHospital(t *testing.T) {
	again := YearSoFar{Year: 2026, Inpatient: Used{Settlements: 1}}
	checkSettle(t, []settleCase{
		// 10,000 - 900 deductible = 9,100; 85 % = 7,735; share 1,365; patient 2,265, account has
		// 1,000.
		{
			"class 3, working", worker, Class3,
			YearSoFar{},
			wholly(Inpatient, 1000000), 100000,
			Split{TotalFen: 1000000, DeductibleFen: 90000, ShareFen: 136500, FundFen: 773500, AccountFen: 100000, CashFen: 126500},
		},
		// Again in the year: deductible 450; 9,550 * 85 % = 8,117.50; share 1,432.50.
		{
			"class 3, working, again", worker, Class3, again, wholly(Inpatient, 1000000), 0,
			Split{TotalFen: 1000000, DeductibleFen: 45000, ShareFen: 143250, FundFen: 811750, CashFen: 188250},
		},
		// Outpatient visits do not make it an admission again.
		{
			"class 3, after a visit", worker, Class3,
			YearSoFar{Year: 2026, Outpatient: Used{Settlements: 9}},
			wholly(Inpatient, 1000000), 0,
			Split{TotalFen: 1000000, DeductibleFen: 90000, ShareFen: 136500, FundFen: 773500, CashFen: 226500},
		},
		// Last year's admission does not count: full deductible.
		{
			"class 3, new year", worker, Class3,
			YearSoFar{Year: 2025, Inpatient: Used{Settlements: 3, FundFen: 1}},
			wholly(Inpatient, 1000000), 0,
			Split{TotalFen: 1000000, DeductibleFen: 90000, ShareFen: 136500, FundFen: 773500, CashFen: 226500},
		},
		// 10,000 - 600 = 9,400; 95 % = 8,930; the account pays all of the patient's 1,070.
		{
			"class 2, retired, rich account", retiree, Class2,
			YearSoFar{},
			wholly(Inpatient, 1000000), 99999999,
			Split{TotalFen: 1000000, DeductibleFen: 60000, ShareFen: 47000, FundFen: 893000, AccountFen: 107000},
		},
	})
}

func TestDeductible(t *testing.T) {
	checkSettle(t, []settleCase{
		// 1,000 total: 100 own pay, 50 over limit, 50 first pay, 800 in scope; 800 - 300 = 500; 95
		// % = 475.
		{
			"class 1, all four parts", worker, Class1,
			YearSoFar{},
			Claim{Inpatient, 100000, 10000, 5000, 5000, 80000},
			0,
			Split{TotalFen: 100000, DeductibleFen: 30000, ShareFen: 2500, FundFen: 47500, CashFen: 52500},
		},
		// Nothing in scope: nothing from the fund, no deductible borne.
		{
			"all own pay", worker, Class1,
			YearSoFar{},
			Claim{Kind: Inpatient, TotalFen: 5000, OwnPayFen: 5000},
			2000,
			Split{TotalFen: 5000, AccountFen: 2000, CashFen: 3000},
		},
		// Below the deductible: what is in scope is all deductible.
		{
			"below the deductible", worker, Class3,
			YearSoFar{},
			wholly(Inpatient, 89999), 0,
			Split{TotalFen: 89999, DeductibleFen: 89999, CashFen: 89999},
		},
		{
			"at the deductible", worker, Class3,
			YearSoFar{},
			wholly(Inpatient, 90000), 0,
			Split{TotalFen: 90000, DeductibleFen: 90000, CashFen: 90000},
		},
		// One fen above: 0.85 fen, half-up 1.
		{
			"a fen above the deductible", worker, Class3,
			YearSoFar{},
			wholly(Inpatient, 90001), 0,
			Split{TotalFen: 90001, DeductibleFen: 90000, FundFen: 1, CashFen: 90000},
		},
	})
}

func TestResidentsInHospital(t *testing.T) {
	again := YearSoFar{Year: 2026, Inpatient: Used{Settlements: 1}}
	checkSettle(t, []settleCase{
		// Resident, class 3: 2,000 deductible; 2,000..8,000 55 % = 3,300; 8,000..10,000 65 % =
		// 1,300; fund 4,600.
		{
			"resident, two bands", resident, Class3,
			YearSoFar{},
			wholly(Inpatient, 1000000), 0,
			Split{TotalFen: 1000000, DeductibleFen: 200000, ShareFen: 340000, FundFen: 460000, CashFen: 540000},
		},
		// Exactly to the bound: 6,000 * 55 % = 3,300.
		{
			"resident, to the bound", resident, Class3,
			YearSoFar{},
			wholly(Inpatient, 800000), 0,
			Split{TotalFen: 800000, DeductibleFen: 200000, ShareFen: 270000, FundFen: 330000, CashFen: 470000},
		},
		// No halving is stated for residents: again costs the same.
		{
			"resident, again", resident, Class3, again, wholly(Inpatient, 800000), 0,
			Split{TotalFen: 800000, DeductibleFen: 200000, ShareFen: 270000, FundFen: 330000, CashFen: 470000},
		},
		// Rounded once: community 150 deductible; 850.00 * 80 % = 680.00; 0.03 * 90 % = 0.027:
		// 680.027 -> 680.03.
		{
			"resident, rounded once", resident, Community,
			YearSoFar{},
			wholly(Inpatient, 100003), 0,
			Split{TotalFen: 100003, DeductibleFen: 15000, ShareFen: 17000, FundFen: 68003, CashFen: 32000},
		},
		// Ceiling 150,000 with 149,000 used: of 4,600 due only 1,000 come, 3,600 are over.
		{
			"resident, ceiling reached", resident, Class3,
			YearSoFar{Year: 2026, Inpatient: Used{Settlements: 4, FundFen: 14900000}},
			wholly(Inpatient, 1000000), 0,
			Split{TotalFen: 1000000, DeductibleFen: 200000, ShareFen: 340000, OverCeilingFen: 360000, FundFen: 100000, CashFen: 900000},
		},
		{
			"resident, ceiling used up", resident, Class3,
			YearSoFar{Year: 2026, Inpatient: Used{Settlements: 4, FundFen: 15000000}},
			wholly(Inpatient, 1000000), 0,
			Split{TotalFen: 1000000, DeductibleFen: 200000, ShareFen: 340000, OverCeilingFen: 460000, CashFen: 1000000},
		},
		// A ceiling lowered during the year: nothing comes, nothing is taken back.
		{
			"resident, past the ceiling", resident, Class3,
			YearSoFar{Year: 2026, Inpatient: Used{Settlements: 4, FundFen: 15000001}},
			wholly(Inpatient, 1000000), 0,
			Split{TotalFen: 1000000, DeductibleFen: 200000, ShareFen: 340000, OverCeilingFen: 460000, CashFen: 1000000},
		},
	})
}

func TestVisits(t *testing.T) {
	checkSettle(t, []settleCase{
		// A visit: 100 - 40 = 60; 60 % = 36; patient 64, the account pays it.
		{
			"visit, class 2", worker, Class2,
			YearSoFar{},
			wholly(Outpatient, 10000), 6400,
			Split{TotalFen: 10000, DeductibleFen: 4000, ShareFen: 2400, FundFen: 3600, AccountFen: 6400},
		},
		// The next visit has its own 40 yuan.
		{
			"visit, again", worker, Class2,
			YearSoFar{Year: 2026, Outpatient: Used{Settlements: 1, DeductibleFen: 4000, FundFen: 3600}},
			wholly(Outpatient, 10000), 0,
			Split{TotalFen: 10000, DeductibleFen: 4000, ShareFen: 2400, FundFen: 3600, CashFen: 6400},
		},
		// Retired +10 points: 60 * 70 % = 42. Ceiling 2,300 with 2,299.99 used: 1 fen comes.
		{
			"visit, retired, last fen", retiree, Class2,
			YearSoFar{Year: 2026, Outpatient: Used{Settlements: 70, FundFen: 229999}},
			wholly(Outpatient, 10000), 0,
			Split{TotalFen: 10000, DeductibleFen: 4000, ShareFen: 1800, OverCeilingFen: 4199, FundFen: 1, CashFen: 9999},
		},
		// A negative account pays nothing and costs nothing.
		{
			"overdrawn account", worker, Class2,
			YearSoFar{},
			wholly(Outpatient, 10000), -1,
			Split{TotalFen: 10000, DeductibleFen: 4000, ShareFen: 2400, FundFen: 3600, CashFen: 6400},
		},
		// The largest amount the interface carries, 99,999,999,999,999.99 yuan:
		// (9999999999999999 - 30000) * 0.97 = 9699999999970899.03.
		{
			"largest", retiree, Class1,
			YearSoFar{},
			wholly(Inpatient, maxFen), 0,
			Split{TotalFen: maxFen, DeductibleFen: 30000, ShareFen: 299999999999100, FundFen: 9699999999970899, CashFen: 300000000029100},
		},
	})
}

func TestRefusals(t *testing.T) {
	uninsured := Person{None, Working}
	for _, c := range []struct {
		name   string
		person Person
		claim  Claim
		want   verdict.Reason
	}{
		{"negative part", worker, Claim{Inpatient, 100, -1, 0, 0, 101}, verdict.InvalidField},
		{"too large", worker, wholly(Inpatient, maxFen+1), verdict.InvalidField},
		{"nothing", worker, Claim{Kind: Inpatient}, verdict.InvalidField},
		{"unknown kind", worker, wholly("dental", 100), verdict.InvalidField},
		{"no insurance", uninsured, wholly(Inpatient, 100), verdict.NotInsured},
		{"a fen missing", worker, Claim{Inpatient, 100, 10, 10, 10, 69}, verdict.AmountsDisagree},
		{"a fen too much", worker, Claim{Inpatient, 100, 10, 10, 10, 71}, verdict.AmountsDisagree},
		// Precedence: field, then insurance, then sums.
		{"field before insurance", uninsured, wholly(Inpatient, -5), verdict.InvalidField},
		{"insurance before sums", uninsured, Claim{Inpatient, 100, 0, 0, 0, 99}, verdict.NotInsured},
	} {
		t.Run(c.name, func(t *testing.T) {
			split, reason, err := Settle(exampleRules(t), c.person, Class1, YearSoFar{}, c.claim, on("20260131"), 100)
			if err != nil || reason != c.want {
				t.Errorf("reason %q, error %v, want %q", reason, err, c.want)
			}
			if split != (Split{}) {
				t.Errorf("a refused claim has a split: %+v", split)
			}
		})
	}
}

// A claim finds no rule on a day before the first version, nor for a group without a row; on
// the first day and for a group that has one it is settled.
func TestNoRule(t *testing.T) {
	for _, c := range []struct {
		name   string
		person Person
		class  Class
		day    string
		want   verdict.Reason
	}{
		{"before the first version", worker, Class1, "20181231", verdict.NoRule},
		{"on its first day", worker, Class1, "20190101", verdict.None},
		{"unknown class", worker, "4", "20260131", verdict.NoRule},
		{"retired resident", Person{Resident, Retired}, Class1, "20260131", verdict.NoRule},
		{"retired employee", Person{Employee, Retired}, Class1, "20260131", verdict.None},
	} {
		split, reason, err := Settle(exampleRules(t), c.person, c.class, YearSoFar{}, wholly(Inpatient, 100), on(c.day), 0)
		if err != nil || reason != c.want {
			t.Errorf("%s: reason %q, error %v, want %q", c.name, reason, err, c.want)
		}
		if settled := split != (Split{}); settled != (c.want == verdict.None) {
			t.Errorf("%s: split %+v", c.name, split)
		}
	}
}

// Three admissions and a visit in one year, then the next year.
func TestYearCarriedForward(t *testing.T) {
	rules := exampleRules(t)
	var year YearSoFar
	for _, step := range []struct {
		day   string
		claim Claim
		fund  int64
		want  YearSoFar
	}{
		// 1,900 - 900 = 1,000; 85 % = 850.
		{"20260105", wholly(Inpatient, 190000), 85000, YearSoFar{2026, Used{1, 90000, 85000}, Used{}}},
		// 1,450 - 450 = 1,000; 850.
		{"20260301", wholly(Inpatient, 145000), 85000, YearSoFar{2026, Used{2, 135000, 170000}, Used{}}},
		// A visit: (140 - 40) * 55 % = 55.
		{"20260302", wholly(Outpatient, 14000), 5500, YearSoFar{2026, Used{2, 135000, 170000}, Used{1, 4000, 5500}}},
		// All below the deductible still counts as an admission.
		{"20261231", wholly(Inpatient, 45000), 0, YearSoFar{2026, Used{3, 180000, 170000}, Used{1, 4000, 5500}}},
		// The new year starts from nothing: 1,900 - 900.
		{"20270101", wholly(Inpatient, 190000), 85000, YearSoFar{2027, Used{1, 90000, 85000}, Used{}}},
	} {
		split, reason, err := Settle(rules, worker, Class3, year, step.claim, on(step.day), 0)
		if err != nil || reason != verdict.None {
			t.Fatal(reason, err)
		}
		if split.FundFen != step.fund {
			t.Errorf("%s: fund %d, want %d", step.day, split.FundFen, step.fund)
		}
		if year, err = year.After(step.claim.Kind, on(step.day), split); err != nil || year != step.want {
			t.Errorf("%s: %+v %v, want %+v", step.day, year, err, step.want)
		}
	}
	// A claim of 2026 that comes late needs the tally of 2026.
	if _, _, err := Settle(rules, worker, Class3, year, wholly(Inpatient, 100), on("20261231"), 0); err == nil {
		t.Error("a claim of 2026 against the tally of 2027: accepted")
	}
	if _, err := year.After(Inpatient, on("20261231"), Split{}); err == nil {
		t.Error("carried back in time")
	}
}

// A split that was altered does not pass its own check.
func TestSplitCheck(t *testing.T) {
	claim := Claim{Inpatient, 100000, 10000, 5000, 5000, 80000}
	split, reason, err := Settle(exampleRules(t), worker, Class1, YearSoFar{}, claim, on("20260131"), 1000)
	if err != nil || reason != verdict.None {
		t.Fatal(reason, err)
	}
	for name, alter := range map[string]func(*Split){
		"fund":         func(s *Split) { s.FundFen++ },
		"account":      func(s *Split) { s.AccountFen-- },
		"cash":         func(s *Split) { s.CashFen++ },
		"fund to cash": func(s *Split) { s.FundFen--; s.CashFen++ },
		"deductible":   func(s *Split) { s.DeductibleFen++ },
		"total":        func(s *Split) { s.TotalFen++; s.CashFen++ },
		"negative":     func(s *Split) { s.AccountFen, s.CashFen = -1, s.CashFen+s.AccountFen+1 },
	} {
		altered := split
		alter(&altered)
		if altered.Check(claim) == nil {
			t.Errorf("%s altered: passes", name)
		}
	}
}

// drawClaim gives a claim whose parts agree.
func drawClaim(t *rapid.T) Claim {
	amount := rapid.Int64Range(0, 20_000_000)
	c := Claim{
		Kind:         rapid.SampledFrom(kinds()).Draw(t, "kind"),
		OwnPayFen:    amount.Draw(t, "own"),
		OverLimitFen: amount.Draw(t, "over"),
		FirstPayFen:  amount.Draw(t, "first"),
		InScopeFen:   rapid.Int64Range(1, 40_000_000).Draw(t, "scope"),
	}
	c.TotalFen = c.OwnPayFen + c.OverLimitFen + c.FirstPayFen + c.InScopeFen
	return c
}

func TestSettleProperties(t *testing.T) {
	rules := exampleRules(t)
	day := on("20260131")
	rapid.Check(t, func(t *rapid.T) {
		person := rapid.SampledFrom(groups()).Draw(t, "person")
		class := rapid.SampledFrom(classes()).Draw(t, "class")
		claim := drawClaim(t)
		used := Used{rapid.IntRange(0, 3).Draw(t, "settled"), 0, rapid.Int64Range(0, 16_000_000).Draw(t, "used")}
		year := YearSoFar{2026, used, used}
		account := rapid.Int64Range(-100, 90_000_000).Draw(t, "account")
		settle := func(class Class, claim Claim, account int64) Split {
			split, reason, err := Settle(rules, person, class, year, claim, day, account)
			if err != nil || reason != verdict.None {
				t.Fatal(reason, err)
			}
			if err := split.Check(claim); err != nil {
				t.Fatal(err)
			}
			return split
		}
		split := settle(class, claim, account)
		if split.AccountFen > max(0, account) || split.AccountFen < max(0, account) && split.CashFen > 0 {
			t.Fatalf("cash is paid while the account of %d holds money: %+v", account, split)
		}
		// A dearer treatment never lowers what the fund pays, nor what the patient bears.
		more := rapid.Int64Range(0, 1_000_000).Draw(t, "more")
		dearer := claim
		dearer.TotalFen += more
		dearer.InScopeFen += more
		if d := settle(class, dearer, account); d.FundFen < split.FundFen || d.PatientFen() < split.PatientFen() {
			t.Fatalf("%d fen more in scope: %+v, before %+v", more, d, split)
		}
		// The account changes who pays the patient's part, never how large it is.
		if poor := settle(class, claim, 0); poor.FundFen != split.FundFen || poor.CashFen != split.PatientFen() {
			t.Fatalf("without account %+v, with %+v", poor, split)
		}
	})
}

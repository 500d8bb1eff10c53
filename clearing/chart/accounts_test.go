package chart_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// TestAccounts opens what every posting needs: each suspended reason has an
// account, each fund and person's account refuses to be overdrawn, no two codes
// share a number.
func TestAccounts(t *testing.T) {
	town := clearingtest.New(t, nil)
	accounts := map[string]ledger.Account{}
	numbers := map[ledger.AccountID]string{}
	for _, a := range chart.Accounts(town.Registry.Current()) {
		if _, twice := accounts[a.Code]; twice {
			t.Errorf("%s occurs twice", a.Code)
		}
		accounts[a.Code] = a
		if other, taken := numbers[ledger.IDOfCode(a.Code)]; taken {
			t.Errorf("%s and %s have one number", a.Code, other)
		}
		numbers[ledger.IDOfCode(a.Code)] = a.Code
	}
	// What a tap of any partition may be booked to is no single row, at which partitions would wait
	// for each other.
	for code, a := range accounts {
		of, _, _ := strings.Cut(code, ":")
		if slices.Contains([]string{chart.Centre, "float", "operator", "pending", "suspense"}, of) && a.Shards < 16 {
			t.Errorf("%s has %d shards", code, a.Shards)
		}
	}
	for _, entry := range verdict.List() {
		_, open := accounts[chart.Suspense(entry.Reason)]
		if open != (entry.Verdict == verdict.Suspended) {
			t.Errorf("suspense account of %s (%s): open %v", entry.Reason, entry.Verdict, open)
		}
	}
	for _, code := range []string{"fund:employee", "fund:resident", chart.PensionFund, "personal:" + clearingtest.Worker} {
		if accounts[code].Flags&ledger.DebitsMustNotExceedCredits == 0 {
			t.Errorf("%s may be overdrawn", code)
		}
	}
	for _, code := range []string{"operator:bus", "operator:metro", "hospital:h1", "channel:counter", chart.Float, chart.Unwritten, chart.Reserve, chart.Deposits, chart.Passes, chart.Fees} {
		if _, open := accounts[code]; !open {
			t.Errorf("%s is not opened", code)
		}
	}
}

// TestStoredPurposes holds the numbers of purposes, and their names in reports and settlement
// files, to those that stand in books and files. A new one is added to the file.
func TestStoredPurposes(t *testing.T) {
	stored, err := os.ReadFile(filepath.Join("testdata", "purposes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for p := chart.PurposeMetroExit; p <= chart.PurposeCorrection; p++ {
		fmt.Fprintf(&lines, "%d %s\n", p, chart.PurposeName(p))
	}
	if got := lines.String(); got != string(stored) {
		t.Errorf("the purposes are\n%s\nwant\n%s", got, stored)
	}
}

package truth

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLargeComparison compares more than its share of memory can hold, with one fault of each kind,
// and leaves no files behind.
func TestLargeComparison(t *testing.T) {
	const count = 60_000
	dir := filepath.Join(t.TempDir(), "comparison")
	c := NewComparison(dir)
	var errs []error
	for i := range count {
		subject := fmt.Sprintf("%020d", i/3)
		r := Record{
			Topic: "taps", Verdict: Cleared, Purpose: Bus, Fen: 160, Day: 20261124, Subject: subject, ID: fmt.Sprintf("0109%020d", i),
			Payee: "operator:a", SHA256: fmt.Sprintf("%064x", i),
		}
		row := Row{Key: r.Key(), Fen: r.Fen, Credit: r.Payee}
		switch i {
		case 100:
			row.Fen++
		case 50_000:
			row.Credit = "operator:b"
		}
		errs = append(errs, c.Expect(&r))
		if i != 59_999 {
			errs = append(errs, c.Row(row))
		}
		if i%3 == 0 {
			errs = append(errs, c.Purse(&Purse{Card: subject, Fen: 500}), c.Shadow(subject, int64(500+i/30_000)))
		}
	}
	errs = append(errs, c.Shadow("99999999999999999999", 1), c.Shadow("88888888888888888888", 0))
	if entries, err := os.ReadDir(dir); err != nil || len(entries) < parts/2 {
		t.Errorf("%d files, %v; want one for most pieces", len(entries), err)
	}
	r, err := c.Result()
	if err := errors.Join(append(errs, err, c.Close())...); err != nil {
		t.Fatal(err)
	}
	if r.Lost != 1 || r.Wrong != 2 || r.Doubled+r.Unexpected != 0 || r.Purses != 10_001 || r.Sent != count || len(r.Found) != foundLimit {
		t.Errorf("%+v", r)
	}
	want := map[string]Position{"operator:a": {count * 160, (count-2)*160 + 1}, "operator:b": {0, 160}}
	if fmt.Sprint(r.Positions) != fmt.Sprint(want) {
		t.Errorf("positions %v, want %v", r.Positions, want)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("files are left: %v", err)
	}
}

// TestForeign checks the verdict on another city's card: reasons that this city cannot determine
// are ignored, the others keep their order. A pending record posts only to the operator's pending
// account.
func TestForeign(t *testing.T) {
	e := Entry{Topic: "taps", Value: []byte("x"), Key: SpendKey(20261124, card(), 9, gate(), 1), Purpose: Bus, Fen: 160, Payee: "operator:a"}
	for _, test := range []struct {
		facts                  Facts
		verdict, reason, payee string
	}{
		{Facts{}, Pending, "", "pending:a"},
		{Facts{Forged: true, UnknownCard: true, Expired: true, Blocked: true}, Pending, "", "pending:a"},
		{Facts{Listed: true, Blocked: true}, Suspended, "card_listed", "suspense:card_listed"},
		{Facts{Listed: true, NotAccepted: true}, Suspended, "issuer_not_accepted", "suspense:issuer_not_accepted"},
		{Facts{NotAccepted: true}, Suspended, "issuer_not_accepted", "suspense:issuer_not_accepted"},
		{Facts{NotAccepted: true, ImplausibleDate: true}, Suspended, "implausible_date", "suspense:implausible_date"},
		{Facts{ImplausibleDate: true, UnknownTerminal: true}, Suspended, "unknown_terminal", "suspense:unknown_terminal"},
		{Facts{AbovePurse: true}, Suspended, "amount_too_high", "suspense:amount_too_high"},
		{Facts{AbovePurse: true, UnknownTerminal: true, NotAccepted: true, Listed: true}, Suspended, "amount_too_high", "suspense:amount_too_high"},
		{Facts{AbovePurse: true, Invalid: true}, Rejected, "invalid_field", ""},
		{Facts{Invalid: true, UnknownTerminal: true}, Rejected, "invalid_field", ""},
	} {
		e.Facts = test.facts
		e.Facts.Foreign = true
		if r := Alone(&e); r.Verdict != test.verdict || r.Reason != test.reason || r.Payee != test.payee {
			t.Errorf("%+v: %s %s to %q, want %s %s to %q", e.Facts, r.Verdict, r.Reason, r.Payee, test.verdict, test.reason, test.payee)
		}
	}
	e.Facts = Facts{Foreign: true}
	r := Alone(&e)
	for _, test := range []struct {
		rows []Row
		good bool
	}{
		{[]Row{{r.Key(), 160, "pending:a"}}, true},
		{[]Row{{r.Key(), 160, "operator:a"}}, false},
		{[]Row{{r.Key(), 161, "pending:a"}}, false},
		{nil, false},
	} {
		if got := compare(t, []Record{r}, observed{Rows: test.rows}); got.Agrees() != test.good {
			t.Errorf("rows %v: %+v", test.rows, got)
		}
	}
}

// TestAppendJSON compares the fast encoding with encoding/json.
func TestAppendJSON(t *testing.T) {
	records := append(someDay(t), Record{}, Record{Topic: "<&>\"\\\n\x7f郑州", Fault: "\u2028", Fen: -5, Line: "l"})
	for _, r := range records {
		want, err := json.Marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSuffix(string(r.AppendJSON(nil)), "\n"); got != string(want) {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

// TestDaysAdd reads two days, written one after the other, as one truth, and counts a day that is
// written again only once.
func TestDaysAdd(t *testing.T) {
	dir := t.TempDir()
	for _, day := range []int{20261124, 20261125, 20261125} {
		records := someDay(t)
		purses := []Purse{{Card: "03105070200000000001", Fen: int64(day)}}
		if err := Write(dir, records, purses, Summarise(day, 7, records, purses)); err != nil {
			t.Fatal(err)
		}
	}
	records, err := ReadRecords(dir)
	if err != nil || len(records) != 26 {
		t.Errorf("%d records, %v", len(records), err)
	}
	s, err := ReadSummary(dir)
	if err != nil || s.Sent != 26 || s.Cleared != 12 || s.Day != 20261125 || s.PursesFen != 20261125 || s.Cards != 1 || s.Payees["operator:zzmetro"] != 570 {
		t.Errorf("summary %+v, %v", s, err)
	}
	if _, err := ReadRecords(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty directory: %v", err)
	}
}

package pension

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"citycard/clearing/verdict"
	"citycard/ledger"
)

func TestEntitlementCheck(t *testing.T) {
	good := Entitlement{State: Eligible, ApprovedFen: 320050, CertifiedUntil: 202606}
	stopped := Entitlement{State: Stopped, ApprovedFen: 320050, CertifiedUntil: 202606, LastMonth: 202603}
	for _, c := range []struct {
		name   string
		e      Entitlement
		month  Month
		amount ledger.Fen
		want   verdict.Reason
	}{
		{"owed", good, 202601, 320050, ""},
		{"last certified month", good, 202606, 320050, ""},
		{"month after certification", good, 202607, 320050, verdict.CertificationLapsed},
		{"a fen more", good, 202601, 320051, verdict.AmountDiffers},
		{"a fen less", good, 202601, 320049, verdict.AmountDiffers},
		{"nothing asked", good, 202601, 0, verdict.AmountDiffers},
		{"nothing approved", Entitlement{State: Eligible, CertifiedUntil: 202606}, 202601, 0, verdict.NotEntitled},
		{"unknown person", Entitlement{}, 202601, 320050, verdict.NotEntitled},
		{"unknown state", Entitlement{State: "asleep", ApprovedFen: 1, CertifiedUntil: 202606}, 202601, 1, verdict.NotEntitled},
		{"never certified", Entitlement{State: Eligible, ApprovedFen: 1}, 202601, 1, verdict.CertificationLapsed},
		{"suspended", Entitlement{State: Suspended, ApprovedFen: 1, CertifiedUntil: 202606}, 202601, 1, verdict.CertificationLapsed},
		// Stopped from the month after death; the month of the death is owed.
		{"month of the death", stopped, 202603, 320050, ""},
		{"month after the death", stopped, 202604, 320050, verdict.NotEntitled},
		{"stopped without a last month", Entitlement{State: Stopped, ApprovedFen: 1, CertifiedUntil: 202606}, 202601, 1, verdict.NotEntitled},
		// Precedence: entitlement, certification, amount.
		{"stopped, lapsed, wrong amount", stopped, 202701, 5, verdict.NotEntitled},
		{"lapsed, wrong amount", good, 202701, 5, verdict.CertificationLapsed},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.e.Check(c.month, c.amount)
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestMonth(t *testing.T) {
	for text, want := range map[string]Month{"202601": 202601, "202612": 202612, "190001": 190001} {
		got, err := ParseMonth(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "2026", "202613", "202600", "20260101", "2026-1", "189912", " 202601"} {
		if got, err := ParseMonth(text); err == nil {
			t.Errorf("%q: accepted as %v", text, got)
		}
	}
	if got := Month(0).String(); got != "" {
		t.Errorf("no month: %q", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(0, 4_000_000_000).Draw(t, "at"), 0).UTC()
		m := MonthOf(at)
		next := MonthOf(time.Date(at.Year(), at.Month()+1, 1, 0, 0, 0, 0, time.UTC))
		if m.Next() != next || next <= m {
			t.Fatalf("after %s comes %s, want %s", m, m.Next(), next)
		}
	})
}

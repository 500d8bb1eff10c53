package pension

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestEntitlementCheck(t *testing.T) {
	good := Entitlement{State: Eligible, ApprovedFen: 320050, CertifiedUntil: 202606}
	stopped := Entitlement{State: Stopped, ApprovedFen: 320050, CertifiedUntil: 202606, LastMonth: 202603}
	for _, c := range []struct {
		name   string
		e      Entitlement
		month  Month
		amount int64
		want   string
	}{
		{"owed", good, 202601, 320050, ""},
		{"last certified month", good, 202606, 320050, ""},
		{"month after certification", good, 202607, 320050, CodeCertificationLapsed},
		{"a fen more", good, 202601, 320051, CodeAmountDiffers},
		{"a fen less", good, 202601, 320049, CodeAmountDiffers},
		{"nothing asked", good, 202601, 0, CodeAmountDiffers},
		{"nothing approved", Entitlement{State: Eligible, CertifiedUntil: 202606}, 202601, 0, CodeNotEntitled},
		{"unknown person", Entitlement{}, 202601, 320050, CodeNotEntitled},
		{"unknown state", Entitlement{State: "asleep", ApprovedFen: 1, CertifiedUntil: 202606}, 202601, 1, CodeNotEntitled},
		{"never certified", Entitlement{State: Eligible, ApprovedFen: 1}, 202601, 1, CodeCertificationLapsed},
		{"suspended", Entitlement{State: Suspended, ApprovedFen: 1, CertifiedUntil: 202606}, 202601, 1, CodeCertificationLapsed},
		// Stopped from the month after death; the month of the death is owed.
		{"month of the death", stopped, 202603, 320050, ""},
		{"month after the death", stopped, 202604, 320050, CodeNotEntitled},
		{"stopped without a last month", Entitlement{State: Stopped, ApprovedFen: 1, CertifiedUntil: 202606}, 202601, 1, CodeNotEntitled},
		// Precedence: entitlement, certification, amount.
		{"stopped, lapsed, wrong amount", stopped, 202701, 5, CodeNotEntitled},
		{"lapsed, wrong amount", good, 202701, 5, CodeCertificationLapsed},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got string
			if refusal := c.e.Check(c.month, c.amount); refusal != nil {
				got = refusal.Code
			}
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

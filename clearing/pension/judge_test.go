package pension

import (
	"testing"

	"citycard/clearing/registry/index"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

func TestOwed(t *testing.T) {
	good := index.Person{Pension: 320050, CertifiedUntil: 202606}
	for _, c := range []struct {
		name   string
		person index.Person
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
		{"nothing approved", index.Person{CertifiedUntil: 202606}, 202601, 0, verdict.NotEntitled},
		{"unknown person", index.Person{}, 202601, 320050, verdict.NotEntitled},
		{"never certified", index.Person{Pension: 1}, 202601, 1, verdict.CertificationLapsed},
		// Precedence: entitlement, certification, amount.
		{"nothing approved, lapsed, wrong amount", index.Person{CertifiedUntil: 202606}, 202701, 5, verdict.NotEntitled},
		{"lapsed, wrong amount", good, 202701, 5, verdict.CertificationLapsed},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := owed(c.person, c.month, c.amount); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

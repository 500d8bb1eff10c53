package fare

import (
	"fmt"

	"github.com/shopspring/decimal"

	"citycard/clearing/rulefile"
)

const (
	maxPriceFen     = 1<<31 - 1 // keeps sums in range; Build checks the limit of a fare
	maxLimitMinutes = 24 * 60   // beyond a day the time limit means nothing
	maxCardType     = 255       // one byte on the card
	maxKM           = 10_000    // longer than any metro
	maxLine         = 1_000_000 // bounds the file, not the field's format
)

func (v *version) check(where string) []error {
	var faults []error
	if v.Rounding != halfUp && v.Rounding != down && v.Rounding != up {
		faults = append(faults, fmt.Errorf("%s.rounding: %q, want half_up, down or up", where, v.Rounding))
	}
	if v.LargestChange.Valid && !rulefile.IsShare(v.LargestChange.Decimal) {
		faults = append(faults, fmt.Errorf("%s.largest_change: %s, want a share from 0 to 1", where, v.LargestChange.Decimal))
	}
	faults = append(faults, v.Metro.check(where+".metro")...)
	faults = append(faults, v.Bus.check(where+".bus")...)
	faults = append(faults, checkCards(where+".cards", v.Cards)...)
	faults = append(faults, v.checkBands(where)...)
	return append(faults, v.checkTransfers(where)...)
}

func (m metro) check(where string) []error {
	faults := rulefile.Range(where+".base_fen", m.BaseFen, 0, maxPriceFen)
	if !isKM(m.BaseKM) {
		faults = append(faults, fmt.Errorf("%s.base_km: %s, want 0.001 to %d with at most 3 decimals", where, m.BaseKM, maxKM))
	}
	faults = append(faults, rulefile.Range(where+".minimum_fen", m.MinimumFen, 0, maxPriceFen)...)
	faults = append(faults, rulefile.Range(where+".limit_minutes", m.LimitMinutes, 1, maxLimitMinutes)...)
	faults = append(faults, m.CheckSource(where)...)
	if len(m.Steps) == 0 {
		faults = append(faults, fmt.Errorf("%s.steps: empty, want at least one", where))
	}
	below := m.BaseKM
	for i, s := range m.Steps {
		row := fmt.Sprintf("%s.steps[%d]", where, i)
		last := i == len(m.Steps)-1
		switch {
		case last && s.ToKM.Valid:
			faults = append(faults, fmt.Errorf("%s.to_km: %s, want none in the last step", row, s.ToKM.Decimal))
		case !last && (!s.ToKM.Valid || !isKM(s.ToKM.Decimal) || s.ToKM.Decimal.LessThanOrEqual(below)):
			faults = append(faults, fmt.Errorf("%s.to_km: want more than %s, to %d, with at most 3 decimals", row, below, maxKM))
		}
		if !isKM(s.PerKM) {
			faults = append(faults, fmt.Errorf("%s.per_km: %s, want 0.001 to %d with at most 3 decimals", row, s.PerKM, maxKM))
		}
		faults = append(faults, rulefile.Range(row+".fen", s.Fen, 0, maxPriceFen)...)
		below = s.ToKM.Decimal
	}
	return faults
}

func (b bus) check(where string) []error {
	faults := append(b.CheckSource(where), rulefile.Range(where+".minimum_fen", b.MinimumFen, 0, maxPriceFen)...)
	var below uint32
	for i, r := range b.Lines {
		row := fmt.Sprintf("%s.lines[%d]", where, i)
		if r.First <= below || r.First > maxLine {
			faults = append(faults, fmt.Errorf("%s.first: %d, want more than %d and at most %d", row, r.First, below, maxLine))
		}
		if r.Last < r.First || r.Last > maxLine {
			faults = append(faults, fmt.Errorf("%s.last: %d, want first to %d", row, r.Last, maxLine))
		}
		faults = append(faults, rulefile.Range(row+".fen", r.Fen, 0, maxPriceFen)...)
		below = max(below, r.Last)
	}
	return faults
}

func checkCards(where string, cards []card) []error {
	var faults []error
	if len(cards) == 0 {
		faults = append(faults, fmt.Errorf("%s: empty, want at least one card type", where))
	}
	seen := make(map[uint32]bool)
	names := rulefile.Names{}
	for i, c := range cards {
		row := fmt.Sprintf("%s[%d]", where, i)
		faults = append(faults, names.Check(row+".name", c.Name)...)
		faults = append(faults, rulefile.Range(row+".card_type", c.CardType, 0, maxCardType)...)
		if seen[c.CardType] {
			faults = append(faults, fmt.Errorf("%s.card_type: %d again, want each type once", row, c.CardType))
		}
		seen[c.CardType] = true
		if !c.Metro.Valid || !rulefile.IsShare(c.Metro.Decimal) {
			faults = append(faults, fmt.Errorf("%s.metro: want a share from 0 to 1", row))
		}
		if !c.Bus.Valid || !rulefile.IsShare(c.Bus.Decimal) {
			faults = append(faults, fmt.Errorf("%s.bus: want a share from 0 to 1", row))
		}
		faults = append(faults, c.CheckSource(row)...)
	}
	return faults
}

// isKM reports whether d is a usable length: whole metres, more than zero.
func isKM(d decimal.Decimal) bool {
	return d.Exponent() >= -3 && d.Exponent() <= 4 && d.IsPositive() && d.LessThanOrEqual(decimal.NewFromInt(maxKM))
}

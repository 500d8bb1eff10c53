package medical

import (
	"fmt"
	"slices"

	"citycard/clearing/rulefile"
)

// groups are the people a table must cover, each at every class and kind, so
// that a claim of an insured person always finds its row.
func groups() []Person {
	return []Person{{Employee, Working}, {Employee, Retired}, {Resident, ResidentStatus}}
}

func kinds() []Kind { return []Kind{Outpatient, Inpatient} }

func classes() []Class { return []Class{Community, Class1, Class2, Class3} }

func (f *versionFile) check(where string) (faults []error) {
	if f.Rounding != "half_up" {
		faults = append(faults, fmt.Errorf("%s.rounding: %q, want half_up", where, f.Rounding))
	}
	return append(faults, f.checkSchemes(where)...)
}

func (f *versionFile) checkSchemes(where string) []error {
	want := make(map[schemeKey]bool)
	for _, person := range groups() {
		for _, kind := range kinds() {
			for _, class := range classes() {
				want[schemeKey{person.Insurance, person.Status, kind, class}] = true
			}
		}
	}
	var faults []error
	seen := make(map[schemeKey]bool)
	for i, s := range f.Schemes {
		row := fmt.Sprintf("%s.schemes[%d]", where, i)
		key := s.key()
		unknown := s.checkWords(row)
		faults = append(faults, unknown...)
		switch {
		case len(unknown) > 0:
		case !want[key]:
			faults = append(faults, fmt.Errorf("%s: no such group: insurance %q, status %q, kind %q, class %q", row, s.Insurance, s.Status, s.Kind, s.Class))
		case seen[key]:
			faults = append(faults, fmt.Errorf("%s: %s/%s/%s/%s again, want each group once", row, s.Insurance, s.Status, s.Kind, s.Class))
		}
		seen[key] = true
		faults = append(faults, s.check(row)...)
	}
	for _, person := range groups() {
		for _, kind := range kinds() {
			for _, class := range classes() {
				if !seen[schemeKey{person.Insurance, person.Status, kind, class}] {
					faults = append(faults, fmt.Errorf("%s.schemes: no row for %s/%s/%s/%s", where, person.Insurance, person.Status, kind, class))
				}
			}
		}
	}
	return faults
}

// checkWords finds words that no group of people, kind of treatment or class of hospitals has.
func (s schemeFile) checkWords(row string) []error {
	return slices.Concat(
		checkWord(row+".insurance", s.Insurance, Employee, Resident),
		checkWord(row+".status", s.Status, Working, Retired, ResidentStatus),
		checkWord(row+".kind", s.Kind, kinds()...),
		checkWord(row+".class", s.Class, classes()...),
	)
}

func checkWord[W ~string](where string, word W, known ...W) []error {
	if slices.Contains(known, word) {
		return nil
	}
	return []error{fmt.Errorf("%s: %q, want one of %v", where, word, known)}
}

func (s schemeFile) check(row string) []error {
	faults := append(s.CheckSource(row), rulefile.Range(row+".deductible_fen", s.DeductibleFen, 0, maxFen)...)
	if s.CeilingFen != nil {
		faults = append(faults, rulefile.Range(row+".ceiling_fen", *s.CeilingFen, 0, maxFen)...)
	}
	add := func(format string, values ...any) {
		faults = append(faults, fmt.Errorf(row+format, values...))
	}
	if s.ReadmissionRatio.Valid && !rulefile.IsShare(s.ReadmissionRatio.Decimal) {
		add(".readmission_ratio: %s, want 0 to 1", s.ReadmissionRatio.Decimal)
	}
	if len(s.Bands) == 0 {
		add(".bands: empty, want at least one")
	}
	var below int64
	for i, b := range s.Bands {
		last := i == len(s.Bands)-1
		switch {
		case last && b.UpToFen != 0:
			add(".bands[%d].up_to_fen: %d, want none in the last band", i, b.UpToFen)
		case !last && (b.UpToFen <= below || b.UpToFen > maxFen):
			add(".bands[%d].up_to_fen: %d, want more than %d", i, b.UpToFen, below)
		}
		if !b.Ratio.Valid || !rulefile.IsShare(b.Ratio.Decimal) {
			add(".bands[%d].ratio: want a number from 0 to 1", i)
		}
		below = b.UpToFen
	}
	return faults
}

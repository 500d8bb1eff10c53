package medical

import (
	_ "embed" // the example table
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"citycard/clearing/rulefile"
	"citycard/ledger"
)

//go:embed example.json
var example string

// ExampleJSON is the example rule file: a starting point for an operator, and
// what demonstrations run on. Its figures are nobody's official rule.
func ExampleJSON() []byte { return []byte(example) }

// Insurance is the scheme a person belongs to.
type Insurance string

// The schemes. None means registered but not insured.
const (
	Employee Insurance = "employee"
	Resident Insurance = "resident"
	None     Insurance = "none"
)

// Status is a person's standing inside the scheme.
type Status string

// Standings: employees are working or retired, residents have one.
const (
	Working        Status = "working"
	Retired        Status = "retired"
	ResidentStatus Status = "resident"
)

// Class is the grade of a hospital; a lower grade usually has a lower
// deductible and a higher ratio.
type Class string

// The grades.
const (
	Community Class = "community"
	Class1    Class = "1"
	Class2    Class = "2"
	Class3    Class = "3"
)

// Kind is the kind of treatment.
type Kind string

// The kinds of treatment.
const (
	Outpatient Kind = "outpatient"
	Inpatient  Kind = "inpatient"
)

// Rules are all versions of the table, ordered by date.
type Rules struct {
	versions []version
}

type version struct {
	rulefile.Between
	schemes  map[schemeKey]scheme
	examples []string
}

type schemeKey struct {
	insurance Insurance
	status    Status
	kind      Kind
	class     Class
}

type scheme struct {
	deductibleFen int64
	readmission   decimal.NullDecimal // share of the deductible from the second settlement of the year on
	bands         []band
	ceilingFen    int64
	hasCeiling    bool
}

// band covers in-scope cost above the band before it, up to and including upToFen.
type band struct {
	upToFen int64 // 0 in the last band: no end
	ratio   decimal.Decimal
}

// Document is a document of medical tables.
type Document = rulefile.File[versionFile]

// versionFile is a table, until the next begins.
type versionFile struct {
	rulefile.Between
	// Rounding of a share to a whole fen.
	Rounding string `json:"rounding" jsonschema:"enum=half_up"`
	// Schemes has a row for each group of people, kind of treatment and class of hospitals.
	Schemes []schemeFile `json:"schemes" jsonschema:"minItems=1"`
}

// schemeFile is what holds for a group of people, at a class of hospitals.
type schemeFile struct {
	// Insurance is the scheme to which people belong.
	Insurance Insurance `json:"insurance" jsonschema:"enum=employee,enum=resident"`
	// Status is their standing in it: working or retired employees, residents.
	Status Status `json:"status" jsonschema:"enum=working,enum=retired,enum=resident"`
	// Kind of treatment.
	Kind Kind `json:"kind" jsonschema:"enum=outpatient,enum=inpatient"`
	// Class of the hospital.
	Class Class `json:"class" jsonschema:"enum=community,enum=1,enum=2,enum=3"`
	// DeductibleFen is what people pay themselves before the fund pays anything.
	DeductibleFen int64 `json:"deductible_fen" jsonschema:"minimum=0,maximum=9999999999999999"`
	// ReadmissionRatio is the share of the deductible from the second settlement of a year on.
	ReadmissionRatio decimal.NullDecimal `json:"readmission_ratio,omitzero" jsonschema:"pattern=^(0(\\.[0-9]{1\\,9})?|1(\\.0{1\\,9})?)$"`
	// Bands of cost, from the lowest on.
	Bands []bandFile `json:"bands" jsonschema:"minItems=1"`
	// CeilingFen is the most that the fund pays in a year; none without it.
	CeilingFen *int64 `json:"ceiling_fen,omitempty" jsonschema:"minimum=0,maximum=9999999999999999"`
	rulefile.Figures
}

// bandFile covers cost above the band before it, up to and including up_to_fen.
type bandFile struct {
	UpToFen int64               `json:"up_to_fen,omitempty" jsonschema:"minimum=0,maximum=9999999999999999"` // none in the last band
	Ratio   decimal.NullDecimal `json:"ratio" jsonschema:"pattern=^(0(\\.[0-9]{1\\,9})?|1(\\.0{1\\,9})?)$"`  // what the fund pays
}

// LoadRules reads and validates a rule file. The error names every fault by
// version, row and field, so that an operator can correct the file in one go.
func LoadRules(data []byte) (*Rules, error) {
	versions, err := rulefile.Read(data, (*versionFile).check)
	if err != nil {
		return nil, err
	}
	rules := &Rules{}
	for i := range versions {
		rules.versions = append(rules.versions, versions[i].build())
	}
	return rules, nil
}

// build makes a checked version ready for use.
func (f *versionFile) build() version {
	v := version{Between: f.Between, schemes: make(map[schemeKey]scheme)}
	for _, row := range f.Schemes {
		if row.Example {
			v.examples = append(v.examples, fmt.Sprintf("%s: %s/%s/%s/%s", f.Version, row.Insurance, row.Status, row.Kind, row.Class))
		}
		s := scheme{deductibleFen: row.DeductibleFen, readmission: row.ReadmissionRatio}
		for _, b := range row.Bands {
			s.bands = append(s.bands, band{upToFen: b.UpToFen, ratio: b.Ratio.Decimal})
		}
		if row.CeilingFen != nil {
			s.ceilingFen, s.hasCeiling = *row.CeilingFen, true
		}
		v.schemes[row.key()] = s
	}
	return v
}

func (s schemeFile) key() schemeKey {
	return schemeKey{s.Insurance, s.Status, s.Kind, s.Class}
}

// at finds the version in force on the calendar day of t, in t's location.
func (r *Rules) at(t time.Time) (*version, bool) {
	return rulefile.Holding(r.versions, ledger.DayOf(t))
}

// Last are rules of the last version alone, which holds on every day of the calendar.
func (r *Rules) Last() *Rules {
	last := r.versions[len(r.versions)-1]
	last.EffectiveFrom, last.EffectiveTo = "19000101", ""
	return &Rules{versions: []version{last}}
}

// Examples names the rows that the file marks as examples: figures that nobody
// answers for. A city that settles real claims must have none.
func (r *Rules) Examples() []string {
	var all []string
	for _, v := range r.versions {
		all = append(all, v.examples...)
	}
	return all
}

// Terms are the versions with their days.
func (r *Rules) Terms() []rulefile.Term { return rulefile.Terms(r.versions) }

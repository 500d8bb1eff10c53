package fare

import (
	_ "embed" // the example rules
	"fmt"

	"github.com/shopspring/decimal"

	"citycard/clearing/rulefile"
)

//go:embed example.json
var example string

// ExampleJSON is the example rule file: Zhengzhou's published metro rule, and
// operator-set values (marked) where no source was found.
func ExampleJSON() []byte { return []byte(example) }

// Rules are all versions of the fare rules, by their beginnings.
type Rules struct{ versions []version }

// Document is a document of fares.
type Document = rulefile.File[version]

// version is one dated set of rules, until the next begins.
type version struct {
	rulefile.Since
	Rounding rounding `json:"rounding" jsonschema:"enum=half_up,enum=down,enum=up"` // of a discounted price to a whole fen
	// Metro is what a trip costs, by its length.
	Metro metro `json:"metro"`
	// Bus is what a ride costs, by its line.
	Bus bus `json:"bus"`
	// Cards are the card types, and what share of a price each pays.
	Cards []card `json:"cards" jsonschema:"minItems=1"`
	// Bands are the times of day at which rides may have prices of their own.
	Bands []band `json:"bands,omitempty" jsonschema:"maxItems=32"`
	// Operators are the numbers of operators in cards' records, of those that transfers name.
	Operators []operator `json:"operators,omitempty" jsonschema:"maxItems=1000"`
	// Transfers make a ride cheaper after another one.
	Transfers []transfer `json:"transfers,omitempty" jsonschema:"maxItems=16"`
	// LargestChange is the share of a price by which later fares may change it without being
	// accepted as a large change.
	LargestChange decimal.NullDecimal `json:"largest_change,omitzero" jsonschema:"pattern=^(0(\\.[0-9]{1\\,9})?|1(\\.0{1\\,9})?)$"`
}

// metro is a distance fare: base_fen up to base_km, then fen for each begun
// per_km of every step. A bound belongs to the step below it. The last step has
// no to_km. Staying longer than limit_minutes costs the network's highest
// undiscounted fare.
type metro struct {
	// BaseFen is the fare up to base_km.
	BaseFen int64 `json:"base_fen" jsonschema:"minimum=0,maximum=2147483647"`
	// BaseKM is how far the base fare goes, in kilometres.
	BaseKM decimal.Decimal `json:"base_km" jsonschema:"pattern=^(0|[1-9][0-9]{0\\,3}|10000)(\\.[0-9]{1\\,3})?$"`
	// Steps are what is added beyond, band by band.
	Steps []step `json:"steps" jsonschema:"minItems=1"`
	// LimitMinutes is how long a trip may last; a longer one costs the highest fare.
	LimitMinutes uint32 `json:"limit_minutes" jsonschema:"minimum=1,maximum=1440"`
	// MinimumFen is what a card must hold to get in. One below zero never gets in.
	MinimumFen int64 `json:"minimum_fen,omitempty" jsonschema:"minimum=0,maximum=2147483647"`
	// Overdraft lets a card that holds too little pay an exit, once, out of the allowance that its
	// product gives it; the next load covers it.
	Overdraft bool `json:"overdraft,omitempty"`
	// BandBy is by which of its seconds a trip is in a band; must be given where there are bands.
	BandBy bandBy `json:"band_by,omitempty" jsonschema:"enum=entry,enum=exit"`
	rulefile.Figures
}

type step struct {
	ToKM decimal.NullDecimal `json:"to_km,omitzero" jsonschema:"pattern=^(0|[1-9][0-9]{0\\,3}|10000)(\\.[0-9]{1\\,3})?$"` // none in the last step
	// PerKM is the length of a step in kilometres; a begun one counts whole.
	PerKM decimal.Decimal `json:"per_km" jsonschema:"pattern=^(0|[1-9][0-9]{0\\,3}|10000)(\\.[0-9]{1\\,3})?$"`
	Fen   int64           `json:"fen" jsonschema:"minimum=0,maximum=2147483647"` // for each begun per_km
}

// bus is a flat fare per line, given for ranges of line numbers.
type bus struct {
	// Lines are ranges of line numbers, in their order and apart from each other.
	Lines []lineRange `json:"lines"`
	// MinimumFen is what a card must hold to board. One below zero never boards.
	MinimumFen int64 `json:"minimum_fen,omitempty" jsonschema:"minimum=0,maximum=2147483647"`
	// Overdraft lets a card pay a ride, once, out of its allowance.
	Overdraft bool `json:"overdraft,omitempty"`
	rulefile.Figures
}

// lineRange has the full price of a ride on each of its lines.
type lineRange struct {
	// First line of the range.
	First uint32 `json:"first" jsonschema:"minimum=1,maximum=1000000"`
	// Last line of the range.
	Last uint32 `json:"last" jsonschema:"minimum=1,maximum=1000000"`
	// Fen is the price of a ride without a discount.
	Fen int64 `json:"fen" jsonschema:"minimum=0,maximum=2147483647"`
}

// card is what one card type (file 0017, offset 10) pays, as a share of the full price.
type card struct {
	// CardType as the card has it.
	CardType uint32 `json:"card_type" jsonschema:"minimum=0,maximum=255"`
	// Name for people, which no other card type has.
	Name string `json:"name" jsonschema:"minLength=1,maxLength=100"`
	// Metro is the share of the full price in the metro.
	Metro decimal.NullDecimal `json:"metro" jsonschema:"pattern=^(0(\\.[0-9]{1\\,9})?|1(\\.0{1\\,9})?)$"`
	// Bus is the share of the full price in a bus.
	Bus decimal.NullDecimal `json:"bus" jsonschema:"pattern=^(0(\\.[0-9]{1\\,9})?|1(\\.0{1\\,9})?)$"`
	// Bands are what it pays otherwise in bands.
	Bands []cardBand `json:"bands,omitempty" jsonschema:"maxItems=32"`
	rulefile.Figures
}

// rounding says how a discounted price becomes a whole fen.
type rounding string

const (
	halfUp rounding = "half_up"
	down   rounding = "down"
	up     rounding = "up"
)

// price is the one place where a fare is rounded: the full price times the
// card's share, to a whole fen by the file's rule. Full prices are whole fen and
// shares lie between 0 and 1, so the result never exceeds the full price.
func (r rounding) price(fullFen int64, share decimal.Decimal) int64 {
	exact := exactly(fullFen, share)
	switch r {
	case down:
		return exact.Floor().IntPart()
	case up:
		return exact.Ceil().IntPart()
	default:
		return exact.Round(0).IntPart()
	}
}

// exactly is a price before it is rounded.
func exactly(fullFen int64, share decimal.Decimal) decimal.Decimal {
	return decimal.NewFromInt(fullFen).Mul(share)
}

// Part is what one stretch of the way adds to a distance fare: the first one the base fare, each
// other one an amount per begun unit of length.
type Part struct {
	From decimal.Decimal `json:"from_metres"`
	To   decimal.Decimal `json:"to_metres"`
	Unit decimal.Decimal `json:"unit_metres,omitzero"` // zero for the base fare
	// Units begun, each of which costs as much.
	Units   int64 `json:"units,omitempty"`
	UnitFen int64 `json:"unit_fen,omitempty"`
	Fen     int64 `json:"fen"`
}

// fullFen is the undiscounted fare over a distance. It passes each part of it to explain, unless
// that is nil.
func (m metro) fullFen(metres int64, explain func(Part)) int64 {
	const perKM = 1000
	distance := decimal.New(metres, 0)
	fen := m.BaseFen
	from := m.BaseKM.Mul(decimal.NewFromInt(perKM))
	if explain != nil {
		explain(Part{To: from, Fen: m.BaseFen})
	}
	for _, s := range m.Steps {
		if distance.LessThanOrEqual(from) {
			break
		}
		to := distance
		if s.ToKM.Valid {
			to = decimal.Min(distance, s.ToKM.Decimal.Mul(decimal.NewFromInt(perKM)))
		}
		unit := s.PerKM.Mul(decimal.NewFromInt(perKM))
		whole, rest := to.Sub(from).QuoRem(unit, 0)
		begun := whole.IntPart()
		if rest.IsPositive() {
			begun++
		}
		fen += begun * s.Fen
		if explain != nil {
			explain(Part{From: from, To: to, Unit: unit, Units: begun, UnitFen: s.Fen, Fen: begun * s.Fen})
		}
		from = to
	}
	return fen
}

// line finds the range of lines, with their full price, to which a bus line belongs.
func (b bus) line(number uint32) (lineRange, bool) {
	for _, r := range b.Lines {
		if r.First <= number && number <= r.Last {
			return r, true
		}
	}
	return lineRange{}, false
}

// LoadRules reads and validates a rule file. The error names every fault by
// version, row and field.
func LoadRules(data []byte) (*Rules, error) {
	versions, err := rulefile.Read(data, (*version).check)
	if err != nil {
		return nil, err
	}
	return &Rules{versions}, nil
}

// Examples names the parts that the file marks as examples: figures that nobody
// answers for. A city that charges real fares must have none.
func (r *Rules) Examples() []string {
	var all []string
	for _, v := range r.versions {
		if v.Metro.Example {
			all = append(all, v.Version+": metro")
		}
		if v.Bus.Example {
			all = append(all, v.Version+": bus")
		}
		for _, b := range v.Bands {
			if b.Example {
				all = append(all, fmt.Sprintf("%s: band %s", v.Version, b.Name))
			}
		}
		for _, t := range v.Transfers {
			if t.Example {
				all = append(all, fmt.Sprintf("%s: transfer %s", v.Version, t.Name))
			}
		}
		for _, c := range v.Cards {
			if c.Example {
				all = append(all, fmt.Sprintf("%s: card type %d", v.Version, c.CardType))
			}
		}
	}
	return all
}

// Terms are the versions with their moments.
func (r *Rules) Terms() []rulefile.Term { return rulefile.Terms(r.versions) }

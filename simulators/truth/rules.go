package truth

import (
	"fmt"
	"slices"

	"citycard/simulators/document"
	"citycard/simulators/network"
)

// Rules are a city's rule documents in the form in which truth calculates with them. They do not
// change.
type Rules struct {
	Maps network.Maps

	fares   []fareVersion
	loads   []loadVersion
	medical []medicalVersion
	pension []PensionRule
	days    calendar
	priced  [][]*Fares // by version of the fares and of the map
}

// loadVersion says how much a purse may hold and how it is loaded.
type loadVersion struct {
	document.Head
	Maximum         int64 `json:"maximum_fen"`
	Multiple        int64 `json:"multiple_of_fen"`
	RefundAfterDays int   `json:"refund_after_days"` // no simulated load is refunded
	// No simulated load is larger than these allow, and no simulated order is for a group.
	CounterSingle int64 `json:"counter_single_fen"`
	MachineSingle int64 `json:"machine_single_fen"`
	AgentSingle   int64 `json:"agent_single_fen"`
	OnlineSingle  int64 `json:"online_single_fen"`
	GroupCards    int   `json:"group_cards"`
	Group         int64 `json:"group_fen"`
	GroupTransfer int64 `json:"group_transfer_fen"`
	document.Source
}

// check names a limit that is missing: a sum is divided by it, or nothing would be allowed.
func (v loadVersion) check() error {
	switch {
	case v.Maximum < 1:
		return fmt.Errorf("maximum_fen: %d, want at least 1", v.Maximum)
	case v.Multiple < 1:
		return fmt.Errorf("multiple_of_fen: %d, want at least 1", v.Multiple)
	}
	return nil
}

// documents are the names of those that truth reads.
const (
	networkDocument = "network.json"
	faresDocument   = "fares.json"
	loadsDocument   = "loads.json"
	medicalDocument = "medical.json"
	pensionDocument = "pension.json"
)

// Read reads rule documents, by the names of their files. Those that rule nothing which a simulated
// city does are not looked at.
func Read(documents map[string][]byte) (r *Rules, err error) {
	for _, name := range []string{networkDocument, faresDocument, loadsDocument, medicalDocument, pensionDocument} {
		if documents[name] == nil {
			return nil, fmt.Errorf("there is no document %s", name)
		}
	}
	r = new(Rules)
	if r.Maps, err = network.ReadMaps(documents[networkDocument]); err != nil {
		return nil, err
	}
	if r.fares, err = versions[fareVersion](documents, faresDocument); err != nil {
		return nil, err
	}
	if r.loads, err = versions[loadVersion](documents, loadsDocument); err != nil {
		return nil, err
	}
	if r.medical, err = versions[medicalVersion](documents, medicalDocument); err != nil {
		return nil, err
	}
	if r.pension, err = versions[PensionRule](documents, pensionDocument); err != nil {
		return nil, err
	}
	if data := documents[calendarDocument]; data != nil {
		if r.days, err = readCalendar(data); err != nil {
			return nil, err
		}
	}
	return r, r.price()
}

// versions reads the versions of a document and checks each.
func versions[V interface {
	Begins() document.Moment
	check() error
}](documents map[string][]byte, name string) ([]V, error) {
	all, err := document.Versions[V](name, documents[name])
	if err != nil {
		return nil, err
	}
	for i, v := range all {
		if err := v.check(); err != nil {
			return nil, fmt.Errorf("%s: versions[%d].%w", name, i, err)
		}
	}
	return all, nil
}

// price measures each map once and combines it with all versions of the fares.
func (r *Rules) price() error {
	ways := make([][][]int, len(r.Maps))
	for i := range r.Maps {
		ways[i] = r.Maps[i].Shortest()
	}
	for i := range r.fares {
		row := make([]*Fares, len(r.Maps))
		for j := range r.Maps {
			var err error
			if row[j], err = newFares(&r.fares[i], &r.Maps[j], ways[j], r.days); err != nil {
				return fmt.Errorf("%s, version %s: %w", networkDocument, r.Maps[j].Version, err)
			}
		}
		r.priced = append(r.priced, row)
	}
	return nil
}

// Fares are the prices at a moment. They are the same value as long as neither the fares nor the
// network changes.
func (r *Rules) Fares(at document.Moment) *Fares {
	return r.priced[document.At(r.fares, at)][document.At(r.Maps, at)]
}

// Changes are the moments between two at which the fares, the network or the purses begin to be
// others.
func (r *Rules) Changes(first, last document.Moment) (changes []document.Moment) {
	add := func(at document.Moment) {
		if first < at && at < last {
			changes = append(changes, at)
		}
	}
	for _, v := range r.fares {
		add(v.From)
	}
	for _, v := range r.Maps {
		add(v.From)
	}
	for _, v := range r.loads {
		add(v.From)
	}
	slices.Sort(changes)
	return slices.Compact(changes)
}

// PurseMaximum is the most that a purse may hold at a moment. A larger debit is impossible.
func (r *Rules) PurseMaximum(at document.Moment) int64 {
	return r.loads[document.At(r.loads, at)].Maximum
}

// LoadMultiple is of what a load must be a multiple, in fen.
func (r *Rules) LoadMultiple(at document.Moment) int64 {
	return r.loads[document.At(r.loads, at)].Multiple
}

// LeastPurse is the smallest of the purse limits of all versions: a purse with so much is allowed
// at every moment.
func (r *Rules) LeastPurse() int64 {
	least := r.loads[0].Maximum
	for _, v := range r.loads {
		least = min(least, v.Maximum)
	}
	return least
}

// Ruled is what a city's own file may name.
func (r *Rules) Ruled() network.Ruled {
	ruled := network.Ruled{Maps: r.Maps}
	for _, v := range r.fares {
		for _, c := range v.Cards {
			if !slices.Contains(ruled.CardTypes, int(c.CardType)) {
				ruled.CardTypes = append(ruled.CardTypes, int(c.CardType))
			}
		}
	}
	for _, v := range r.medical {
		for _, s := range v.Schemes {
			if !slices.Contains(ruled.Classes, s.Class) {
				ruled.Classes = append(ruled.Classes, s.Class)
			}
		}
	}
	return ruled
}

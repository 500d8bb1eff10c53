package people

import (
	"bytes"
	"cmp"
	_ "embed" // the policy
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"citycard/language"
)

//go:embed policy.json
var policyFile []byte

// Rule says who may do an act.
type Rule struct {
	Act  string `json:"act"`            // as the audit names it
	Kind string `json:"kind,omitempty"` // of the proposals of it; empty: named as the act
	// Program is true if the program does it, or somebody before there are people.
	Program bool `json:"program,omitempty"`
	// Proposal is true of what is done to proposals: the rule of the proposal's kind says who may.
	Proposal bool     `json:"proposal,omitempty"`
	By       []Holder `json:"by,omitempty"`  // who do it, or propose it if it takes two
	And      []Holder `json:"and,omitempty"` // who approve it; none: it takes one person
	// Several is true if one decision may be several entries of the audit.
	Several bool `json:"several,omitempty"`
	// Unstaffed is true if the act is done with names, too, as long as no keeper was ever enrolled.
	// From then on its transaction refuses them (ledger.Unstaffed), and commands take keys always.
	Unstaffed bool `json:"unstaffed,omitempty"`
	// Days is how long a proposal of it waits; 0: a week.
	Days int `json:"days,omitempty"`
}

// Two reports whether the act takes two people.
func (r *Rule) Two() bool { return len(r.And) > 0 }

// Holder is a role in a unit.
type Holder struct {
	Role Role
	Unit Unit
}

// Own stands for the unit whose money or rows an act is about.
const Own Unit = "own"

// UnmarshalText reads "supervisor issuer".
func (h *Holder) UnmarshalText(text []byte) error {
	role, unit, _ := strings.Cut(string(text), " ")
	if _, err := ParseRole(role); err != nil {
		return err
	}
	if h.Role, h.Unit = Role(role), Unit(unit); h.Unit == Own {
		return nil
	}
	_, err := ParseUnit(unit)
	return err
}

// Policy is who may do what.
type Policy struct {
	rules map[string]Rule   // by act
	kinds map[string]string // of proposals: the act
}

// ReadPolicy reads a policy: strictly, and each act once.
func ReadPolicy(text []byte) (*Policy, error) {
	var rules []Rule
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&rules); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("policy: there is more behind it")
	}
	p := &Policy{map[string]Rule{}, map[string]string{}}
	for _, r := range rules {
		nobodys := r.Program || r.Proposal
		if r.Act == "" || p.rules[r.Act].Act != "" || nobodys != (len(r.By) == 0) || nobodys && r.Two() || r.Days < 0 {
			return nil, fmt.Errorf("policy: the row of %q is there twice, or says of nobody, or of people and the program, that they do it", r.Act)
		}
		p.rules[r.Act] = r
		if r.Kind != "" {
			if p.kinds[r.Kind] != "" {
				return nil, fmt.Errorf("policy: two rows of proposals of the kind %q", r.Kind)
			}
			p.kinds[r.Kind] = r.Act
		}
	}
	return p, nil
}

// OwnPolicy is the policy of these programs.
func OwnPolicy() (*Policy, error) { return ReadPolicy(policyFile) }

// Rule is the rule of an act, or of a kind of proposals.
func (p *Policy) Rule(name string) (Rule, bool) {
	if act := p.kinds[name]; act != "" {
		name = act
	}
	rule, found := p.rules[name]
	return rule, found
}

// Acts are all acts that have a rule, in order.
func (p *Policy) Acts() []string { return slices.Sorted(maps.Keys(p.rules)) }

// Expiry is how long a proposal of a kind waits.
func (p *Policy) Expiry(kind string) time.Duration {
	rule, _ := p.Rule(kind)
	return time.Duration(cmp.Or(rule.Days, 7)) * 24 * time.Hour
}

// DeniedError says that a person may not do something.
type DeniedError struct {
	Person  Person
	Act     string
	Unit    Unit // whose money or rows it is about; empty: nobody's in particular
	Approve bool // to approve it, not to do or propose it
}

func (e *DeniedError) Error() string { return e.In(language.Language{}) }

// In says it in a language.
func (e *DeniedError) In(l language.Language) string {
	switch {
	case e.Approve && e.Unit != "":
		return language.Textf("%s, %s of %s, may not approve %q for %s", e.Person.ID, string(e.Person.Role), string(e.Person.Unit), e.Act, string(e.Unit)).In(l)
	case e.Approve:
		return language.Textf("%s, %s of %s, may not approve %q", e.Person.ID, string(e.Person.Role), string(e.Person.Unit), e.Act).In(l)
	case e.Unit != "":
		return language.Textf("%s, %s of %s, may not do or propose %q for %s", e.Person.ID, string(e.Person.Role), string(e.Person.Unit), e.Act, string(e.Unit)).In(l)
	}
	return language.Textf("%s, %s of %s, may not do or propose %q", e.Person.ID, string(e.Person.Role), string(e.Person.Unit), e.Act).In(l)
}

// MayPropose says whether a person may do an act that takes one, or propose an act that takes two.
// unit is whose money or rows it is about, or empty. The error is a *DeniedError.
func (p *Policy) MayPropose(person Person, name string, unit Unit) error {
	if rule, found := p.Rule(name); !found || person.Disabled() || !person.among(rule.By, unit) {
		return &DeniedError{Person: person, Act: name, Unit: unit}
	}
	return nil
}

// MayApprove says whether a person may approve an act that takes two. A service never may.
func (p *Policy) MayApprove(person Person, name string, unit Unit) error {
	if rule, found := p.Rule(name); !found || person.Disabled() || person.Service || !person.among(rule.And, unit) {
		return &DeniedError{Person: person, Act: name, Unit: unit, Approve: true}
	}
	return nil
}

// Sees says whether a person is shown what is about a unit, or about who works for it. Who works
// for an operator, a hospital or a channel sees its own alone.
func (p *Person) Sees(unit Unit) bool { return !p.Unit.Partner() || unit == p.Unit }

func (p *Person) among(holders []Holder, unit Unit) bool {
	return slices.ContainsFunc(holders, func(h Holder) bool {
		return (h.Role == p.Role || h.Role == Supervisor && p.deputises()) && (h.Unit == p.Unit || h.Unit == Own && unit != "" && unit == p.Unit)
	})
}

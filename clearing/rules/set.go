package rules

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"citycard/clearing/calendar"
	"citycard/clearing/cards"
	"citycard/clearing/dayclose"
	"citycard/clearing/medical"
	"citycard/clearing/pension"
	"citycard/clearing/rulefile"
	"citycard/clearing/transit/fare"
	"citycard/clearing/transit/load"
)

// MaxBytes is how long a document may be.
const MaxBytes = 8 << 20

// Set is one document of each kind, checked.
type Set struct {
	Edition Edition // zero if it is in no database

	Tables    *fare.Tables // the prices of its fares over its network
	Loads     *load.Rules
	Contracts *load.Contracts
	Medical   *medical.Rules
	Pension   *pension.Rules
	Payouts   *dayclose.Rules
	Products  *cards.Rules
	Calendar  *calendar.Calendar

	contents  map[Kind][]byte
	documents map[Kind]document
}

// Edition names what was in force.
type Edition struct {
	Number int64
	Head   [sha256.Size]byte // over all documents up to it
}

// String is the number and the beginning of the head, such as 3+1a2b3c4d.
func (e Edition) String() string { return fmt.Sprintf("%d+%x", e.Number, e.Head[:4]) }

// Next is the edition that a proposal with a digest makes of this one. Its head is SHA-256 over
// "citycard rules 1", the head before, and the digest.
func (e Edition) Next(digest [sha256.Size]byte) Edition {
	b := append([]byte("citycard rules 1"), e.Head[:]...)
	return Edition{e.Number + 1, sha256.Sum256(append(b, digest[:]...))}
}

// Read checks documents, one of each kind. The error names every fault, by kind, version, row and
// field.
func Read(contents map[Kind][]byte) (*Set, error) {
	s := &Set{contents: maps.Clone(contents), documents: map[Kind]document{}}
	var faults []error
	for kind := range contents {
		if !kind.Known() {
			faults = append(faults, fmt.Errorf("%q is no kind of document, want one of %v", kind, Kinds()))
		}
	}
	networks, fares := new(fare.Networks), new(fare.Rules)
	for _, kind := range Kinds() {
		content, given := contents[kind]
		if !given {
			faults = append(faults, fmt.Errorf("%s: there is no such document, want one of each kind", kind))
			continue
		}
		read, err := s.read(kind, content, &networks, &fares)
		if err != nil {
			faults = append(faults, inFile(kind, err)...)
			continue
		}
		s.documents[kind] = read
	}
	if len(faults) == 0 {
		s.Pension = s.Pension.With(s.Calendar)
		s.Loads = s.Loads.With(s.Products.Overdraft)
		var err error
		if s.Tables, err = fare.Build(fares, networks, s.Loads.Terms(), s.Loads.PurseMaximum, s.Calendar.Message()); err != nil {
			faults = append(faults, inFile(Fares, err)...)
		}
	}
	return s, errors.Join(faults...)
}

// inFile names the file in each of the faults that an error joins.
func inFile(kind Kind, err error) (faults []error) {
	lines := strings.Split(err.Error(), "\n")
	if len(lines) == 1 {
		return []error{fmt.Errorf("%s: %w", kind.File(), err)}
	}
	for _, line := range lines {
		faults = append(faults, fmt.Errorf("%s: %s", kind.File(), line))
	}
	return faults
}

// CheckFile checks one document alone, and names its file in each fault.
func CheckFile(kind Kind, content []byte) []error {
	if err := Check(kind, content); err != nil {
		return inFile(kind, err)
	}
	return nil
}

// Check checks one document alone.
func Check(kind Kind, content []byte) error {
	networks, fares := new(fare.Networks), new(fare.Rules)
	_, err := new(Set).read(kind, content, &networks, &fares)
	return err
}

// read checks one document.
func (s *Set) read(kind Kind, content []byte, networks **fare.Networks, fares **fare.Rules) (d document, err error) {
	if len(content) > MaxBytes {
		return nil, fmt.Errorf("%d bytes, want at most %d", len(content), MaxBytes)
	}
	if content, err = rulefile.Text(content); err != nil {
		return nil, err
	}
	switch kind {
	case Network:
		*networks, err = fare.LoadNetworks(content)
		return *networks, err
	case Fares:
		*fares, err = fare.LoadRules(content)
		return *fares, err
	case Loads:
		s.Loads, err = load.LoadRules(content)
		return s.Loads, err
	case Contracts:
		s.Contracts, err = load.LoadContracts(content)
		return s.Contracts, err
	case Medical:
		s.Medical, err = medical.LoadRules(content)
		return s.Medical, err
	case Pension:
		s.Pension, err = pension.LoadRules(content)
		return s.Pension, err
	case Products:
		s.Products, err = cards.LoadRules(content)
		return s.Products, err
	case Calendar:
		s.Calendar, err = calendar.Load(content)
		return s.Calendar, err
	}
	s.Payouts, err = dayclose.LoadRules(content)
	return s.Payouts, err
}

// Content is a document as the city wrote it.
func (s *Set) Content(kind Kind) []byte { return s.contents[kind] }

// Terms are the versions of a document with their moments.
func (s *Set) Terms(kind Kind) []rulefile.Term { return s.documents[kind].Terms() }

// Examples names what the documents mark as examples, each with its file.
func (s *Set) Examples() []string {
	var all []string
	for _, kind := range Kinds() {
		for _, part := range s.documents[kind].Examples() {
			all = append(all, kind.File()+": "+part)
		}
	}
	return all
}

// With replaces documents by others and checks them with the rest.
func (s *Set) With(contents map[Kind][]byte) (*Set, error) {
	all := map[Kind][]byte{}
	maps.Copy(all, s.contents)
	maps.Copy(all, contents)
	return Read(all)
}

// Differs lists the kinds whose documents are others than those of a set; of nil all are.
func (s *Set) Differs(from *Set) (kinds []Kind) {
	for _, kind := range Kinds() {
		if from == nil || !bytes.Equal(s.contents[kind], from.contents[kind]) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// fits returns an error that names why the set cannot follow the one before it after a last moment.
func (s *Set) fits(before *Set, last rulefile.Moment) error {
	return errors.Join(slices.Concat(s.keeps(before, last), s.keepsDays(before, last.Day()), s.uncovered(last.Day()))...)
}

// keeps names what the set says otherwise than the one before it, of moments up to a last one for
// which it must not.
func (s *Set) keeps(before *Set, last rulefile.Moment) (faults []error) {
	for _, kind := range Kinds() {
		if !kind.beginsLater() {
			continue
		}
		now, then := s.Terms(kind), before.Terms(kind)
		for _, at := range turns(now, then, last) {
			if is, was := holding(now, at), holding(then, at); is.Content != was.Content {
				faults = append(faults, fmt.Errorf("%s: %s would hold at %s, where %s held; want what was in force up to %s unchanged, and versions that begin after it",
					kind.File(), named(is), at, named(was), last))
				break
			}
		}
	}
	return faults
}

// turns are the moments up to a last one at which one of two series of versions may turn, in order.
func turns(a, b []rulefile.Term, last rulefile.Moment) []rulefile.Moment {
	all := []rulefile.Moment{last}
	for _, t := range slices.Concat(a, b) {
		if t.First < last {
			all = append(all, t.First)
		}
		if t.Last < last {
			all = append(all, t.Last.Add(1))
		}
	}
	slices.Sort(all)
	return all
}

// holding is the version that holds at a moment, the zero Term if there is none.
func holding(terms []rulefile.Term, at rulefile.Moment) rulefile.Term {
	for _, t := range terms {
		if t.Holds(at) {
			return t
		}
	}
	return rulefile.Term{}
}

func named(t rulefile.Term) string {
	if t.Name == "" {
		return "nothing"
	}
	return t.Name
}

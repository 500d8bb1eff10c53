package verify

import (
	"fmt"
	"strings"
	"time"

	"citycard/clearing/people"
	"citycard/ledger/chain"
)

// used is where the audit has a statement first.
type used struct {
	number int64
	act    string
	first  string
}

// signatures checks the signatures of an entry, with the people and keys that there were before it.
func (s *staff) signatures(e *chain.AuditEntry) {
	names := []string{}
	for _, name := range []string{e.First, e.Second} {
		if name != "" {
			names = append(names, name)
		}
	}
	rule, _ := s.policy.Rule(e.Act)
	nobody := rule.Unstaffed && len(s.people) == 0 || rule.Program && e.First == ""
	if len(e.Signed) == 0 && nobody {
		return
	}
	if rule.Two() && len(names) != 2 {
		s.unsigned(e, "it takes two people, and has %d", len(names))
		return
	}
	if len(e.Signed) != len(names) || len(names) == 0 {
		s.unsigned(e, "it has %d people and %d signatures", len(names), len(e.Signed))
		return
	}
	if len(names) == 2 && (names[0] == names[1] || e.Signed[0].Key == e.Signed[1].Key) {
		s.unsigned(e, "it takes two people, and both are %q, or sign with one key", names[0])
	}
	var statements []*people.Statement
	for i, signature := range e.Signed {
		if statement := s.signature(e, names[i], signature); statement != nil {
			statements = append(statements, statement)
		}
	}
	if len(statements) != len(names) {
		return
	}
	s.fits(e, statements)
	s.may(e, statements)
	for i, signature := range e.Signed {
		s.use(e, i, statements[i], signature)
	}
}

func (s *staff) unsigned(e *chain.AuditEntry, format string, args ...any) {
	s.fault(Signature, fmt.Sprintf("audit entry %d, %s", e.Number, e.Act), format, args...)
}

// signature checks one signature: of whom it is, whether they could sign then, and that it is of
// this text.
func (s *staff) signature(e *chain.AuditEntry, name string, signature chain.Signature) *people.Statement {
	var key people.PublicKey
	var err error
	if name == people.SealKey && e.Act == people.ActFound {
		key, err = s.sealed(e)
	} else {
		row, known := s.keys[signature.Key]
		person := s.people[name]
		switch {
		case !known || row.person != name:
			s.unsigned(e, "the key %s is not one of %q", signature.Key, name)
			return nil
		case row.ended != 0:
			s.unsigned(e, "the key %s of %q was no longer in force", signature.Key, name)
			return nil
		case person.Disabled():
			s.unsigned(e, "%q was disabled", name)
			return nil
		}
		key, err = people.ParsePublicKey(row.public)
	}
	if err != nil {
		s.unsigned(e, "the key of %q cannot be read: %v", name, err)
		return nil
	}
	statement, err := people.Verify(signature, key)
	switch {
	case err != nil:
		s.unsigned(e, "of %q: %v", name, err)
		return nil
	case statement.Person != name:
		s.unsigned(e, "%q signed in the name of %q", name, statement.Person)
	case statement.Books != s.books:
		s.unsigned(e, "%q signed for the books %s, and these are %s", name, statement.Books, s.books)
	}
	return statement
}

// fits compares an entry with what was signed. Two people sign a proposal and its approval; or both
// the act.
func (s *staff) fits(e *chain.AuditEntry, statements []*people.Statement) {
	first, last := statements[0], statements[len(statements)-1]
	if at := last.At.Truncate(time.Second); !at.Equal(e.At) || first.Reason != e.Reason {
		s.unsigned(e, "at second %d for %q; signed was %d for %q", e.At.Unix(), e.Reason, at.Unix(), first.Reason)
	}
	if len(statements) == 1 {
		if first.Act != e.Act {
			s.unsigned(e, "%q signed the act %q", e.First, first.Act)
		}
		return
	}
	if first.Act == e.Act && last.Act == e.Act && s.onPerson(e, first) && s.onPerson(e, last) {
		return
	}
	if first.Act != people.ActPropose || last.Act != people.ActApprove {
		s.unsigned(e, "%q signed the act %q, and %q the act %q, not a proposal and its approval", e.First, first.Act, e.Second, last.Act)
		return
	}
	kind, hash, ok := people.ProposalOf(first.What)
	approved, isOne := people.ApprovedHash(last.What)
	rule, known := s.policy.Rule(kind)
	closes, _ := s.policy.Rule(e.Act)
	if !ok || !isOne || hash != approved || !known || rule.Act != e.Act && !closes.Proposal {
		s.unsigned(e, "%q signed %q, and %q signed %q", e.First, first.What, e.Second, last.What)
	}
}

// use notes a statement. It may be used once; that of a proposer is in the proposal's entry and in
// that of the act.
func (s *staff) use(e *chain.AuditEntry, place int, statement *people.Statement, signature chain.Signature) {
	hash := people.Hash(signature.Statement)
	before, again := s.used[hash]
	proposes := statement.Act == people.ActPropose && e.Act != people.ActPropose
	rule, _ := s.policy.Rule(e.Act)
	switch {
	case proposes && (place != 0 || !again || before.act != people.ActPropose || before.first != e.First):
		s.unsigned(e, "%q signed a proposal that the audit does not have", statement.Person)
	case proposes:
		return
	case again && !(rule.Several && before.act == e.Act):
		s.unsigned(e, "the statement of %q was used before, in entry %d", statement.Person, before.number)
		return
	case again:
		return
	}
	s.used[hash] = used{e.Number, strings.Clone(e.Act), strings.Clone(e.First)}
}

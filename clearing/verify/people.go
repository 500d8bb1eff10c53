package verify

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"citycard/clearing/people"
	offered "citycard/clearing/people/proposal"
	"citycard/ledger/chain"
)

// staffKey is a key, as a row of the table has it.
type staffKey struct {
	person, public         string
	revision, since, ended int64
}

// staffToken is a token of a founding, as a row of the table has it.
type staffToken struct {
	founding, expires int64
	demo              bool
	person            string
}

// staff is what the audit makes of people, up to one of its entries.
type staff struct {
	*check
	policy   *people.Policy
	books    string
	people   map[string]people.Person
	keys     map[string]staffKey // by fingerprint
	tokens   map[string]staffToken
	founding int64
	used     map[[32]byte]used // statements
	open     map[int64]open    // proposals
	deputies map[int64]deputyRow
	owners   map[string]shiftOwner // by unit and counter
	pinned   string                // the seal key, in hexadecimal
	keeper   bool                  // one was ever enrolled
}

// staff replays the acts on people, checks each signature at its place in the audit, and compares
// the tables with what the acts make.
func (c *check) staff(ctx context.Context) error {
	policy, err := people.OwnPolicy()
	if err != nil {
		return err
	}
	s := &staff{
		check: c, policy: policy, people: map[string]people.Person{}, keys: map[string]staffKey{}, tokens: map[string]staffToken{}, used: map[[32]byte]used{},
		open: map[int64]open{}, deputies: map[int64]deputyRow{}, owners: map[string]shiftOwner{},
	}
	if err := c.tx.QueryRow(ctx, "SELECT coalesce((SELECT id::TEXT FROM books WHERE one = 1), '')").Scan(&s.books); err != nil {
		return err
	}
	if err := s.replay(ctx); err != nil {
		return err
	}
	for _, compare := range []func(context.Context) error{s.compareStaff, s.compareKeys, s.compareTokens, s.compareUsed, s.compareDeputies} {
		if err := compare(ctx); err != nil {
			return err
		}
	}
	return nil
}

// replayed are the acts that people sign, and those that the others depend on.
func replayed(policy *people.Policy) (acts []string) {
	for _, act := range policy.Acts() {
		if rule, _ := policy.Rule(act); !rule.Program {
			acts = append(acts, act)
		}
	}
	return append(acts, people.ActFound, people.ActEnrolKeeper, chain.ActPinSealKey)
}

func (s *staff) replay(ctx context.Context) error {
	var e chain.AuditEntry
	var at int64
	var signed string
	return s.each(ctx, "SELECT number, at, act, what, first, second, reason, signed FROM audit WHERE act = ANY($1) OR signed <> '' ORDER BY number",
		[]any{&e.Number, &at, &e.Act, &e.What, &e.First, &e.Second, &e.Reason, &signed}, func() error {
			e.At, e.Signed = time.Unix(at, 0), chain.StoredSignatures(signed)
			if e.Act == people.ActEnrolKeeper { // it signs with the key that it brings
				s.act(&e)
				s.signatures(&e)
			} else {
				s.signatures(&e)
				s.act(&e)
			}
			return nil
		}, replayed(s.policy))
}

func (s *staff) wrong(e *chain.AuditEntry, format string, args ...any) {
	s.fault(StaffAct, fmt.Sprintf("audit entry %d, %s", e.Number, e.Act), format, args...)
}

// act does to the people what an entry says.
func (s *staff) act(e *chain.AuditEntry) {
	switch e.Act {
	case people.ActDeputy, people.ActEndDeputy:
		s.deputy(e)
	case chain.ActPinSealKey:
		if key, _, err := e.SealKeyPinned(); err == nil { // package ledger/verify names one that cannot be read
			s.pinned = hex.EncodeToString(key)
		}
	case people.ActFound:
		toldBy(s.check, e, func(f people.Founding) { s.found(e, f) })
	case people.ActEnrolKeeper, people.ActEnrol:
		toldBy(s.check, e, func(p people.Enrolled) { s.enrol(e, p) })
	case people.ActChange:
		toldBy(s.check, e, func(p people.Enrolled) { s.change(e, p) })
	case people.ActDisable:
		toldBy(s.check, e, func(g people.Gone) {
			p, there := s.people[g.ID]
			if !there || p.Disabled() || p.Revision != g.Revision {
				s.wrong(e, "%q is not there at revision %d, or was disabled before", g.ID, g.Revision)
				return
			}
			p.Ended = e.At
			s.people[g.ID] = p
			s.endKey(g.ID, e.At)
		})
	}
}

func (s *staff) found(e *chain.AuditEntry, f people.Founding) {
	if f.Founding != s.founding+1 {
		s.wrong(e, "it is founding %d, expected %d", f.Founding, s.founding+1)
	}
	if bySealKey := e.First == people.SealKey; bySealKey != (f.Signer != "") {
		s.wrong(e, "it names the seal key %q, and %q signed", f.Signer, e.First)
	}
	keeper := func(p people.Person) bool { return p.Role == people.Keeper }
	if e.First != people.SealKey && slices.ContainsFunc(slices.Collect(maps.Values(s.people)), keeper) {
		s.wrong(e, "a keeper was enrolled, and the seal key did not sign")
	}
	s.founding = f.Founding
	for _, hash := range f.Tokens {
		s.tokens[hash] = staffToken{f.Founding, f.Expires, f.Demo, ""}
	}
}

// person is the person whom an entry leaves.
func (s *staff) person(e *chain.AuditEntry, of people.Enrolled) (people.Person, bool) {
	p := people.Person{ID: of.ID, Name: of.Name, Unit: of.Unit, Role: of.Role, Revision: of.Revision, Since: e.At, Demo: of.Demo, Service: of.Service}
	key, err := people.ParsePublicKey(of.Key)
	if err != nil || key.String() != of.Key {
		s.wrong(e, "the key %q of %q cannot be read", of.Key, of.ID)
		return p, false
	}
	if p.Key = key; p.Service && p.Role != people.Clerk {
		s.wrong(e, "the service %q is %s, not a clerk", p.ID, p.Role)
	}
	return p, true
}

func (s *staff) enrol(e *chain.AuditEntry, of people.Enrolled) {
	p, ok := s.person(e, of)
	if !ok {
		return
	}
	for id := range s.people {
		if people.Form(id) == people.Form(p.ID) {
			s.wrong(e, "the id %q was given before, as %q", p.ID, id)
			return
		}
	}
	if p.Revision != 1 {
		s.wrong(e, "it begins with revision %d", p.Revision)
	}
	if e.Act == people.ActEnrolKeeper {
		token, there := s.tokens[of.Token]
		if !there || token.founding != s.founding || token.person != "" || e.At.Unix() >= token.expires || p.Role != people.Keeper || e.First != p.ID {
			s.wrong(e, "no token of the last founding was free for %q", p.ID)
			return
		}
		token.person = p.ID
		s.tokens[of.Token] = token
	}
	s.people[p.ID], s.keeper = p, s.keeper || p.Role == people.Keeper
	s.addKey(e, &p)
}

func (s *staff) change(e *chain.AuditEntry, of people.Enrolled) {
	before, there := s.people[of.ID]
	after, ok := s.person(e, of)
	if !ok {
		return
	}
	if !there || before.Disabled() || after.Revision != before.Revision+1 || after.Service != before.Service {
		s.wrong(e, "%q is not there at revision %d, or was disabled before", of.ID, after.Revision-1)
		return
	}
	s.altered[e.Number] = alteredOf(&before, &after)
	after.Since = before.Since
	s.people[of.ID] = after
	if after.Key.String() != before.Key.String() {
		s.endKey(of.ID, e.At)
		s.addKey(e, &after)
	}
}

// alteredOf names the fields in which a person differs, as a proposal's change does.
func alteredOf(before, after *people.Person) (fields string) {
	for _, f := range []offered.Field{
		{Name: "name", Is: before.Name, Becomes: after.Name},
		{Name: "unit", Is: string(before.Unit), Becomes: string(after.Unit)},
		{Name: "role", Is: string(before.Role), Becomes: string(after.Role)},
		{Name: "key", Is: before.Key.String(), Becomes: after.Key.String()},
	} {
		if f.Is != f.Becomes {
			fields += " " + f.Name
		}
	}
	return fields
}

func (s *staff) addKey(e *chain.AuditEntry, p *people.Person) {
	fingerprint := p.Key.Fingerprint()
	if other, taken := s.keys[fingerprint]; taken {
		s.wrong(e, "the key %s is that of %q", fingerprint, other.person)
		return
	}
	s.keys[fingerprint] = staffKey{p.ID, p.Key.String(), p.Revision, e.At.Unix(), 0}
}

func (s *staff) endKey(id string, at time.Time) {
	for fingerprint, key := range s.keys {
		if key.person == id && key.ended == 0 {
			key.ended = at.Unix()
			s.keys[fingerprint] = key
		}
	}
}

// sealed is the key that signed a founding in the name of the seal key.
func (s *staff) sealed(e *chain.AuditEntry) (key people.PublicKey, err error) {
	toldBy(s.check, e, func(f people.Founding) {
		var public []byte
		if public, err = hex.DecodeString(f.Signer); err == nil && len(public) == ed25519.PublicKeySize {
			key, err = people.OfKey(public)
		}
		if (s.pinned != "" || s.keeper) && s.pinned != f.Signer {
			s.unsigned(e, "the seal key %q signed, and %q was pinned", f.Signer, s.pinned)
		}
	})
	return key, err
}

// compare holds the rows of a table against what the audit makes.
func compare[K comparable, V comparable](c *check, table string, want, is map[K]V) {
	defer c.inOrder()()
	for key, row := range is {
		if wanted, there := want[key]; !there {
			c.fault(StaffRow, fmt.Sprintf("%s %v", table, key), "the audit makes no such row")
		} else if wanted != row {
			c.fault(StaffRow, fmt.Sprintf("%s %v", table, key), "%+v; the audit makes %+v", row, wanted)
		}
	}
	for key := range want {
		if _, there := is[key]; !there {
			c.fault(StaffRow, fmt.Sprintf("%s %v", table, key), "it is not there, as the audit makes it")
		}
	}
}

// staffRow is a row of the table of people.
type staffRow struct {
	form, name, unit, role string
	revision, since, ended int64
	demo, service          bool
}

func (s *staff) compareStaff(ctx context.Context) error {
	want, is := map[string]staffRow{}, map[string]staffRow{}
	for id, p := range s.people {
		row := staffRow{people.Form(id), p.Name, string(p.Unit), string(p.Role), p.Revision, p.Since.Unix(), 0, p.Demo, p.Service}
		if p.Disabled() {
			row.ended = p.Ended.Unix()
		}
		want[id] = row
	}
	var id string
	var row staffRow
	err := s.each(ctx, "SELECT id, form, name, unit, role, revision, since, ended, demo, service FROM staff ORDER BY id",
		[]any{&id, &row.form, &row.name, &row.unit, &row.role, &row.revision, &row.since, &row.ended, &row.demo, &row.service}, func() error {
			is[id] = row
			return nil
		})
	compare(s.check, "person", want, is)
	return err
}

func (s *staff) compareKeys(ctx context.Context) error {
	is := map[string]staffKey{}
	var fingerprint string
	var row staffKey
	err := s.each(ctx, "SELECT fingerprint, person, public, revision, since, ended FROM staff_keys ORDER BY fingerprint",
		[]any{&fingerprint, &row.person, &row.public, &row.revision, &row.since, &row.ended}, func() error {
			is[fingerprint] = row
			return nil
		})
	compare(s.check, "key", s.keys, is)
	return err
}

func (s *staff) compareTokens(ctx context.Context) error {
	is := map[string]staffToken{}
	var hash []byte
	var row staffToken
	err := s.each(ctx, "SELECT hash, founding, expires, demo, person FROM staff_tokens ORDER BY hash",
		[]any{&hash, &row.founding, &row.expires, &row.demo, &row.person}, func() error {
			is[hex.EncodeToString(hash)] = row
			return nil
		})
	compare(s.check, "token", s.tokens, is)
	return err
}

func (s *staff) compareUsed(ctx context.Context) error {
	want, is := map[string]bool{}, map[string]bool{}
	for hash := range s.used {
		want[hex.EncodeToString(hash[:])] = true
	}
	var hash []byte
	err := s.each(ctx, "SELECT hash FROM used_statements ORDER BY hash", []any{&hash}, func() error {
		is[hex.EncodeToString(hash)] = true
		return nil
	})
	compare(s.check, "used statement", want, is)
	return err
}

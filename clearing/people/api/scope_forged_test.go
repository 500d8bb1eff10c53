package api_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/clearing/people/api"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/clearing/persons"
	"citycard/ledger/chain"
)

// signedAct is an act that somebody may do, with its statement.
type signedAct struct {
	name string
	by   string
	st   people.Statement
	send func(api.Signature) api.Kind
	// free is true if the reason is the signer's own and stands nowhere else.
	free bool
}

// signedActs are one of each kind of act that is signed. Each can be done.
func (r *realm) signedActs() []signedAct {
	r.Helper()
	const act = "refund load"
	waits := func() api.View {
		v, kind := r.propose("clerk-issuer", act, people.Issuer)
		if kind != "" {
			r.Fatal(kind)
		}
		return v
	}
	decides := func(how, by, act string) signedAct {
		v := waits()
		return signedAct{how, by, r.statement(by, act, v.What, "because"), func(signed api.Signature) api.Kind {
			path := fmt.Sprintf("/v1/proposals/%d/%s", v.Number, how)
			if how == "approve" {
				kind, _ := send(r, path, api.Approving{Hash: v.Hash, Signed: signed})
				return kind
			}
			kind, _ := send(r, path, api.Deciding{Reason: "because", Signed: signed})
			return kind
		}, false}
	}
	name, body, hash := r.drafted(act, people.Issuer)
	order := access.Order{Unit: access.Channel("counter"), Kind: access.Token, Hash: access.HashToken("a token"), Days: 3}
	if kind := r.issue("supervisor-issuer", "another token"); kind != "" {
		r.Fatal(kind)
	}
	if kind := r.imports("clerk-issuer", oneRow, false); kind != "" {
		r.Fatal(kind)
	}
	return []signedAct{
		{"propose", "clerk-issuer", r.statement("clerk-issuer", proposal.ActPropose, proposal.StatementOfKind(name, hash), "because"), func(signed api.Signature) api.Kind {
			kind, _ := send(r, "/v1/proposals", api.Proposing{Kind: name, Request: body, Reason: "because", Signed: signed})
			return kind
		}, false},
		decides("approve", "supervisor-issuer", people.ActApprove),
		decides("reject", "supervisor-issuer", proposal.ActReject),
		decides("withdraw", "clerk-issuer", proposal.ActWithdraw),
		{"issue", "keeper-issuer", r.statement("keeper-issuer", access.ActIssue, order.What(), "contract"), func(signed api.Signature) api.Kind {
			kind, _ := send(r, "/v1/credentials", api.Issuing{Unit: order.Unit, Kind: order.Kind, Hash: order.Hash.String(), Days: order.Days, Signed: signed})
			return kind
		}, true},
		{"revoke", "keeper-issuer", r.statement("keeper-issuer", access.ActRevoke, (&access.Ended{Credential: 1}).What(), "lost"), func(signed api.Signature) api.Kind {
			kind, _ := send(r, "/v1/credentials/1/revoke", api.Revoking{Signed: signed})
			return kind
		}, true},
		{"find", "auditor-city", r.statement("auditor-city", persons.ActRead, persons.ReadText, "complaint"), r.find, true},
		r.importAct("import", "USA-71", true),
		r.importAct("import by the header", "USA-72", false),
		r.counterAct(),
	}
}

// forger alters what an act is signed with. It gives no signature where it cannot be done of the
// act.
type forger struct {
	name  string
	forge func(*realm, *rand.Rand, *signedAct) (signed api.Signature, ok bool)
}

// altered signs another statement than the act's, by the key of who does it.
func altered(name string, alter func(*rand.Rand, *signedAct, *people.Statement) bool) forger {
	return forger{name, func(r *realm, random *rand.Rand, a *signedAct) (api.Signature, bool) {
		st := a.st
		st.At = time.Now()
		if !alter(random, a, &st) {
			return api.Signature{}, false
		}
		return r.sign(a.by, st), true
	}}
}

// touched signs the act, and alters what was signed.
func touched(name string, touch func(*rand.Rand, *api.Signature)) forger {
	return forger{name, func(r *realm, random *rand.Rand, a *signedAct) (api.Signature, bool) {
		signed := r.sign(a.by, a.st)
		was := signed
		for signed == was {
			touch(random, &signed)
		}
		return signed, true
	}}
}

// another is a text that differs in one character.
func another(random *rand.Rand, text string) string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/=\"{}: "
	b := []byte(text)
	b[random.IntN(len(b))] = letters[random.IntN(len(letters))]
	return string(b)
}

// forgers are the ways in which the signature of an act is wrong.
func forgers(members []people.Enrolment) []forger {
	ids := []string{"max", "nobody", "ann", "bob", "cleo", "omar", "kim"} // max is disabled
	for _, m := range members {
		ids = append(ids, m.ID)
	}
	acts := []string{proposal.ActPropose, people.ActApprove, proposal.ActReject, proposal.ActWithdraw, access.ActIssue, access.ActRevoke, people.Looking, "read a person"}
	return []forger{
		altered("of another time", func(random *rand.Rand, _ *signedAct, st *people.Statement) bool {
			apart := 5*time.Minute + 10*time.Second + time.Duration(random.Int64N(int64(48*time.Hour)))
			st.At = st.At.Add(apart * time.Duration(1-2*random.IntN(2)))
			return true
		}),
		altered("of other books", func(random *rand.Rand, _ *signedAct, st *people.Statement) bool {
			st.Books = another(random, strings.Repeat("0", len(st.Books)))
			return true
		}),
		altered("of another act", func(random *rand.Rand, a *signedAct, st *people.Statement) bool {
			st.Act = acts[random.IntN(len(acts))]
			return st.Act != a.st.Act
		}),
		altered("of an act that is tried", func(_ *rand.Rand, a *signedAct, st *people.Statement) bool {
			st.Act = people.Tried(a.st.Act)
			return true
		}),
		altered("of something else", func(random *rand.Rand, a *signedAct, st *people.Statement) bool {
			st.What = another(random, a.st.What)
			return st.What != a.st.What
		}),
		altered("for another reason", func(random *rand.Rand, a *signedAct, st *people.Statement) bool {
			st.Reason = another(random, a.st.Reason)
			return st.Reason != a.st.Reason && !a.free
		}),
		altered("of another person", func(random *rand.Rand, a *signedAct, st *people.Statement) bool {
			st.Person = ids[random.IntN(len(ids))]
			return st.Person != a.by
		}),
		{"by another's key", func(r *realm, random *rand.Rand, a *signedAct) (api.Signature, bool) {
			id := ids[random.IntN(len(ids))]
			return r.sign(id, a.st), id != a.by
		}},
		{"by somebody who may not", func(r *realm, random *rand.Rand, a *signedAct) (api.Signature, bool) {
			m := members[random.IntN(len(members))]
			st := a.st
			st.Person = m.ID
			mayNot := m.Unit != people.Issuer || m.Role == people.Auditor
			if strings.Contains(a.st.Act, "person") {
				mayNot = m.Unit.Partner()
			}
			return r.sign(m.ID, st), mayNot
		}},
		touched("its statement touched", func(random *rand.Rand, s *api.Signature) { s.Statement = another(random, s.Statement) }),
		touched("its statement longer", func(random *rand.Rand, s *api.Signature) { s.Statement += []string{" ", "\n", "{}"}[random.IntN(3)] }),
		touched("its key touched", func(random *rand.Rand, s *api.Signature) { s.Key = another(random, s.Key) }),
		touched("its signature touched", func(random *rand.Rand, s *api.Signature) {
			blob, err := base64.StdEncoding.DecodeString(s.Signature)
			if err == nil {
				blob[random.IntN(len(blob))] ^= 1 << random.IntN(8)
			}
			s.Signature = base64.StdEncoding.EncodeToString(blob)
		}),
		touched("its signature's text touched", func(random *rand.Rand, s *api.Signature) { s.Signature = another(random, s.Signature) }),
		{"another act's signature", func(r *realm, random *rand.Rand, a *signedAct) (api.Signature, bool) {
			signed, other := r.sign(a.by, a.st), a.st
			other.Reason += "!"
			signed.Signature = r.sign(a.by, other).Signature
			return signed, true
		}},
	}
}

// TestForgedActs sends each act that is signed with a thousand signatures that are wrong in one
// thing: none is done, and none leaves a trace. Then each is done with the right one; and that one
// again, for the same act and for others, does nothing.
func TestForgedActs(t *testing.T) {
	const seed, many = 15, 1000
	r, _ := newRealm(t)
	acts, ways := r.signedActs(), forgers(r.members)
	random := rand.New(rand.NewPCG(seed, 0))
	refusals := []api.Kind{api.Invalid, api.BadSignature, api.Denied, api.Stale, api.NotFound, api.Refused}
	tried := map[string]int{}
	for n := 0; n < many; {
		a, way := &acts[random.IntN(len(acts))], &ways[random.IntN(len(ways))]
		signed, ok := way.forge(r, random, a)
		if !ok {
			continue
		}
		n++
		tried[a.name+" "+way.name]++
		before := r.traces()
		kind := a.send(signed)
		if after := r.traces(); !slices.Contains(refusals, kind) || before != after {
			text, _ := json.Marshal(signed)
			t.Errorf("seed %d, %d: %s, %s: %q, in the books %s -> %s: %s", seed, n, a.name, way.name, kind, before, after, text)
		}
	}
	if want := len(acts)*len(ways) - 6; len(tried) < want { // a reason of one's own is never another
		t.Errorf("%d ways were tried, want %d", len(tried), want)
	}
	done := make([]api.Signature, len(acts))
	for i, a := range acts {
		st := a.st
		st.At = time.Now()
		done[i] = r.sign(a.by, st)
		r.tried(a.name, a.by, true, func() api.Kind { return a.send(done[i]) })
	}
	for i, a := range acts {
		for j := range done {
			before := r.traces()
			kind := a.send(done[j])
			if after := r.traces(); before != after {
				t.Errorf("%s with the used signature of %s: %q, in the books %s -> %s", a.name, acts[j].name, kind, before, after)
			}
			if i == j && a.name == "approve" && kind != "" {
				t.Errorf("an approval that is repeated: %s", kind)
			}
		}
	}
}

// TestKeyThatEnded has somebody act with the key before, and a statement of theirs that another key
// of theirs has signed.
func TestKeyThatEnded(t *testing.T) {
	r, _ := newRealm(t)
	const id, next = "supervisor-issuer", "supervisor-issuer's second"
	v, kind := r.propose("clerk-issuer", "refund load", people.Issuer)
	if kind != "" {
		t.Fatal(kind)
	}
	r.must(r.staff.Change(t.Context(), people.Change{ID: id, Key: peopletest.Key(t, next).Public().String()}, people.StateOf(1),
		r.staff.Two(t, "kim", "lee", people.ActChange, id, "test")))
	approve := func(key string) api.Kind {
		var signed chain.Signature
		signed, err := people.Sign(peopletest.Key(t, key), r.statement(id, people.ActApprove, v.What, "because"))
		r.must(err)
		kind, _ := send(r, fmt.Sprintf("/v1/proposals/%d/approve", v.Number), api.Approving{Hash: v.Hash, Signed: signatureOf(signed)})
		return kind
	}
	r.tried("approve with a key that ended", id, false, func() api.Kind { return approve(id) }, api.BadSignature)
	r.tried("approve with the key that followed", id, true, func() api.Kind { return approve(next) })
}

package proposal_test

import (
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/ledgertest"
)

// attempt is one approval of a proposal by somebody, perhaps with something wrong about it.
type attempt struct {
	*town
	random  *rand.Rand
	p       *proposal.View
	by      string // who signs
	hash    string // what they say that they were shown
	sign    proposal.Sign
	earlier []chain.Signature // that were used before
	other   *proposal.View    // another proposal, which waits
	putBack func()
}

// forgeries are what may be wrong. Each makes an approval that must not happen, by anybody.
var forgeries = map[string]func(*attempt){
	"own":             func(a *attempt) { a.by = a.p.Proposer; a.sign = a.as(a.by) },
	"hash of another": func(a *attempt) { a.hash = hashOf(a.other.Proposal) },
	"statement of another": func(a *attempt) {
		a.alters(func(st *people.Statement) { st.What = proposal.StatementOf(a.other.Number, a.other.Hash) })
	},
	"number of another": func(a *attempt) {
		a.alters(func(st *people.Statement) { st.What = proposal.StatementOf(a.other.Number, a.p.Hash) })
	},
	"another hash": func(a *attempt) {
		a.alters(func(st *people.Statement) { st.What = proposal.StatementOf(a.p.Number, a.other.Hash) })
	},
	"another act":    func(a *attempt) { a.alters(func(st *people.Statement) { st.Act = proposal.ActReject }) },
	"other books":    func(a *attempt) { a.alters(func(st *people.Statement) { st.Books = "other" }) },
	"another person": func(a *attempt) { a.alters(func(st *people.Statement) { st.Person = a.p.Proposer }) },
	"an hour off":    func(a *attempt) { a.alters(func(st *people.Statement) { st.At = st.At.Add(time.Hour) }) },
	"an hour late":   func(a *attempt) { a.alters(func(st *people.Statement) { st.At = st.At.Add(-time.Hour) }) },
	"another's key": func(a *attempt) {
		a.sign = func(st people.Statement) (chain.Signature, error) {
			st.Person, st.At = a.by, time.Now()
			return people.Sign(peopletest.Key(a, a.p.Proposer), st)
		}
	},
	"nobody's key": func(a *attempt) {
		a.sign = func(st people.Statement) (chain.Signature, error) {
			st.Person, st.At = a.by, time.Now()
			return people.Sign(peopletest.Key(a, "nobody"), st)
		}
	},
	"a bit of the signature": func(a *attempt) {
		a.signs(func(s *chain.Signature) {
			blob, err := base64.StdEncoding.DecodeString(s.Signature)
			a.must(err)
			blob[a.random.IntN(len(blob))] ^= 1 << a.random.IntN(8)
			s.Signature = base64.StdEncoding.EncodeToString(blob)
		})
	},
	"a text behind its signature": func(a *attempt) {
		a.signs(func(s *chain.Signature) {
			s.Statement = strings.Replace(s.Statement, `"reason":"`, `"reason":"very `, 1)
		})
	},
	"white space": func(a *attempt) {
		a.signs(func(s *chain.Signature) { s.Statement = strings.Replace(s.Statement, `,"person"`, `, "person"`, 1) })
	},
	"used before": func(a *attempt) {
		used := a.earlier[a.random.IntN(len(a.earlier))]
		a.sign = func(people.Statement) (chain.Signature, error) { return used, nil }
	},
	"row moved": func(a *attempt) {
		before := a.cap("fund:one")
		meanwhile := a.limit("dan", "fund:one", before+7)
		_, err := a.approve("bob", meanwhile.Proposal)
		a.must(err)
	},
	"request altered": func(a *attempt) {
		a.cell("body", string(a.body(chart.LimitRequest{Account: "fund:one", Cap: 99_999_999})))
	},
	"change altered": func(a *attempt) {
		a.cell("change", strings.Replace(a.text("change"), `"becomes":"`, `"becomes":"9`, 1))
	},
	"kind altered":     func(a *attempt) { a.cell("kind", transferName) },
	"unit altered":     func(a *attempt) { a.cell("unit", "operator:metro") },
	"reason altered":   func(a *attempt) { a.cell("reason", "another") },
	"proposer altered": func(a *attempt) { a.cell("proposer", a.by); a.by = a.p.Proposer; a.sign = a.as(a.by) },
	"expiry altered": func(a *attempt) {
		a.number("expires", a.p.Expires.Add(time.Hour).Unix())
	},
	"expired": func(a *attempt) { a.number("expires", a.p.At.Unix()-1) },
	"hash and change altered": func(a *attempt) { // as somebody who may write the whole database would
		body := string(a.body(chart.LimitRequest{Account: "fund:one", Cap: 99_999_999}))
		change := strings.Replace(a.text("change"), `"becomes":"`, `"becomes":"9`, 1)
		hash, err := proposal.Hash(a.p.Kind, body, change)
		a.must(err)
		a.cell("body", body)
		back := a.putBack
		a.cell("change", change)
		also := a.putBack
		_, err = a.Ledger.Pool().Exec(a.Context(), "UPDATE proposals SET hash = $2 WHERE number = $1", a.p.Number, hash[:])
		a.must(err)
		a.hash = hex.EncodeToString(hash[:])
		a.putBack = func() {
			back()
			also()
			_, err := a.Ledger.Pool().Exec(a.Context(), "UPDATE proposals SET hash = $2 WHERE number = $1", a.p.Number, a.p.Hash[:])
			a.must(err)
		}
	},
	"signature of another proposal": func(a *attempt) {
		signed, err := chain.SignaturesText([]chain.Signature{a.other.Signed})
		a.must(err)
		a.cell("signed", signed)
	},
}

// alters signs a statement that is not what it should be.
func (a *attempt) alters(alter func(*people.Statement)) {
	key := a.keys[a.by]
	a.sign = func(st people.Statement) (chain.Signature, error) {
		st.Person, st.At = a.by, time.Now()
		alter(&st)
		return people.Sign(key, st)
	}
}

// signs alters what was signed.
func (a *attempt) signs(alter func(*chain.Signature)) {
	sign := a.sign
	a.sign = func(st people.Statement) (chain.Signature, error) {
		s, err := sign(st)
		alter(&s)
		return s, err
	}
}

func (a *attempt) text(column string) (text string) {
	a.Helper()
	a.must(a.Ledger.Pool().QueryRow(a.Context(), "SELECT "+column+" FROM proposals WHERE number = $1", a.p.Number).Scan(&text))
	return text
}

// cell alters a cell of the table; it is put back after the attempt.
func (a *attempt) cell(column, text string) {
	a.Helper()
	before := a.text(column)
	set := func(text string) {
		_, err := a.Ledger.Pool().Exec(a.Context(), "UPDATE proposals SET "+column+" = $2 WHERE number = $1", a.p.Number, text)
		a.must(err)
	}
	set(text)
	a.putBack = func() { set(before) }
}

func (a *attempt) number(column string, number int64) {
	a.Helper()
	set := func(number int64) {
		_, err := a.Ledger.Pool().Exec(a.Context(), "UPDATE proposals SET "+column+" = $2 WHERE number = $1", a.p.Number, number)
		a.must(err)
	}
	set(number)
	a.putBack = func() { set(a.p.Expires.Unix()) }
}

// TestForged makes a thousand approvals by everybody who is enrolled, most of them forged, altered,
// replayed or stale. The model is one line: an approval happens if nothing is wrong with it, the
// approver is a supervisor of the issuer and not who proposed it. Everything else changes nothing.
func TestForged(t *testing.T) {
	w := newTown(t)
	seed := ledgertest.Setting(t, ledgertest.SoakSeed, 20260105)
	random := rand.New(rand.NewPCG(seed, seed))
	var names []string
	for name := range forgeries {
		names = append(names, name)
	}
	slices.Sort(names)
	supervisors := []string{"ann", "bob", "dan"}
	everybody := []string{"ann", "bob", "dan", "cleo", "otto", "mei", "bus", "omar", "kim", "lee"}
	first := w.limit("ann", "fund:two", 5000)
	done, err := w.approve("bob", first.Proposal)
	w.must(err)
	used := []chain.Signature{first.Signed, done.Decided}
	other := w.limit("ann", "fund:two", 4321)
	happened, tried, refused := 0, map[string]int{}, 0
	var p *proposal.View
	for n := range 1000 {
		if p == nil {
			by := []string{"ann", "bob", "dan", "cleo"}[random.IntN(4)]
			p = w.limit(by, "fund:one", ledger.Fen(100_000+10*n))
		}
		a := &attempt{town: w, random: random, p: p, hash: hashOf(p.Proposal), earlier: used, other: other, putBack: func() {}}
		wrong := names[random.IntN(len(names))]
		a.by = supervisors[random.IntN(len(supervisors))]
		if random.IntN(3) == 0 {
			wrong, a.by = "", everybody[random.IntN(len(everybody))]
		}
		a.sign = w.as(a.by)
		want := wrong == "" && slices.Contains(supervisors, a.by) && a.by != p.Proposer
		if wrong != "" {
			forgeries[wrong](a)
		}
		before, entries := w.cap("fund:one"), w.entries()
		out, err := w.Approve(t.Context(), p.Number, a.hash, a.sign)
		tried[wrong]++
		after := w.cap("fund:one")
		if (err == nil) != want || (after != before) != want || (w.entries() != entries) != want {
			t.Fatalf("approval %d by %s of what %s proposed, %q: %v, cap %v -> %v, %d entries more", n, a.by, p.Proposer, wrong, err, before, after, w.entries()-entries)
		}
		a.putBack()
		if !want {
			refused++
		}
		if want {
			happened++
			used = append(used, out.Decided)
			p = nil
		} else if wrong == "row moved" {
			p = nil
		}
	}
	for _, name := range append(names, "") {
		if tried[name] == 0 {
			t.Errorf("never tried: %q", name)
		}
	}
	if happened < 50 || happened+refused != 1000 {
		t.Errorf("%d happened, %d were refused", happened, refused)
	}
	if got := w.entries(chain.ActChangeLimit); got != happened+1+tried["row moved"] {
		t.Errorf("%d changes in the audit, want %d", got, happened+1+tried["row moved"])
	}
	t.Logf("%d happened, %d were refused", happened, refused)
	w.holds()
}

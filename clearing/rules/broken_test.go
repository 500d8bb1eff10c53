package rules_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"citycard/clearing/rules"
)

// documentKinds are the kinds whose documents are JSON.
func documentKinds() []rules.Kind {
	var all []rules.Kind
	for _, kind := range rules.Kinds() {
		if strings.HasSuffix(kind.File(), ".json") {
			all = append(all, kind)
		}
	}
	return all
}

// refused makes sure that a document is refused and each place named.
func refused(t *testing.T, kind rules.Kind, name string, content []byte, places []string) bool {
	t.Helper()
	err := rules.Check(kind, content)
	if err == nil {
		t.Errorf("%s: accepted", name)
		return false
	}
	return names(t, name, err, places)
}

// names makes sure that each place begins a line of an error.
func names(t *testing.T, name string, err error, places []string) bool {
	t.Helper()
	for _, place := range places {
		if !strings.Contains("\n"+err.Error(), "\n"+place) {
			t.Errorf("%s: want %s named; the faults are %.600s", name, place, err)
			return false
		}
	}
	return true
}

// colons ends each place where its name ends.
func colons(places []string) (ended []string) {
	for _, place := range places {
		ended = append(ended, place+":")
	}
	return ended
}

// example is a kind's example with its first version alone.
func example(t testing.TB, kind rules.Kind) *node {
	t.Helper()
	document := parse(t, kind.Example())
	versions := document.at("versions")
	versions.inner = versions.inner[:1]
	return document
}

// least is in how many ways each document is broken.
const least = 200

// TestBrokenValues breaks every value and field of each document by itself. It is refused, and the
// place is named.
func TestBrokenValues(t *testing.T) {
	for _, kind := range documentKinds() {
		t.Run(string(kind), func(t *testing.T) {
			document := example(t, kind)
			count, seen := 0, map[string]bool{}
			for _, b := range breakages(t, kind, document) {
				broken := document.clone()
				b.apply(broken)
				content := broken.text()
				if seen[string(content)] {
					continue
				}
				seen[string(content)] = true
				refused(t, kind, b.places[0]+" "+b.name, content, colons(b.places))
				count++
			}
			t.Logf("broken in %d ways", count)
			if count < least {
				t.Errorf("broken in %d ways, want at least %d", count, least)
			}
		})
	}
}

// TestBrokenTogether breaks what values say together.
func TestBrokenTogether(t *testing.T) {
	for _, kind := range documentKinds() {
		document := example(t, kind)
		for _, b := range together(kind) {
			broken := document.clone()
			b.apply(broken)
			refused(t, kind, string(kind)+" "+b.name, broken.text(), colons(b.places))
		}
		withMore(document, kind, "20300101")
		if err := rules.Check(kind, document.text()); err != nil {
			t.Errorf("%s with a second version: %v", kind, err)
		}
	}
}

// TestTwoBroken breaks two values of a document, of which neither is within the other. Both places
// are named.
func TestTwoBroken(t *testing.T) {
	for _, kind := range documentKinds() {
		t.Run(string(kind), func(t *testing.T) {
			document := example(t, kind)
			all := append(breakages(t, kind, document), together(kind)...)
			random := rand.New(rand.NewPCG(1, uint64(len(all))))
			for done := 0; done < least; {
				a, b := all[random.IntN(len(all))], all[random.IntN(len(all))]
				if within(a.scope, b.scope) || within(b.scope, a.scope) {
					continue
				}
				broken := document.clone()
				a.apply(broken)
				b.apply(broken)
				if !refused(t, kind, fmt.Sprintf("%s %s; %s %s", a.places[0], a.name, b.places[0], b.name), broken.text(), colons(append(a.places, b.places...))) {
					return
				}
				done++
			}
		})
	}
}

// within reports whether a place is another or lies within it.
func within(place, other string) bool {
	return other == "" || place == other || strings.HasPrefix(place, other+".") || strings.HasPrefix(place, other+"[")
}

// TestNothingHalfTaken proposes a document that may be taken together with a broken one of each
// kind: no row of the database is there more than before.
func TestNothingHalfTaken(t *testing.T) {
	o := newOffice(t)
	o.found()
	count := func() (rows int) {
		t.Helper()
		o.must(o.store.Ledger.Pool().QueryRow(t.Context(), `SELECT (SELECT count(*) FROM document_contents) + (SELECT count(*) FROM edition_documents)
			+ (SELECT count(*) FROM editions) + (SELECT count(*) FROM audit)`).Scan(&rows))
		return rows
	}
	before := count()
	for _, kind := range documentKinds() {
		good := rules.Medical
		if kind == good {
			good = rules.Pension
		}
		changed := parse(t, good.Example())
		changed.at("note").set(`"changed"`)
		broken := example(t, kind)
		broken.at("versions[0].version").set(`""`)
		for name, content := range map[string][]byte{"a fault": broken.text(), "GBK": []byte("\xc4\xe3"), "9 MB": make([]byte, 9<<20), "nothing": {}} {
			if _, err := o.store.Draft(t.Context(), map[rules.Kind][]byte{good: changed.text(), kind: content}, o.now); err == nil {
				t.Errorf("%s with %s: taken", kind, name)
			}
		}
	}
	if after := count(); after != before {
		t.Errorf("%d rows, %d before", after, before)
	}
	draft, err := o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Medical: parse(t, rules.Medical.Example()).text()}, o.now)
	o.must(err)
	_, err = o.store.Keep(t.Context(), draft)
	o.must(err)
	if after := count(); after != before+1 {
		t.Errorf("%d rows after a proposal of one document, %d before; want one more", after, before)
	}
}

// TestBrokenBook breaks every value and field of bands and transfers in the fares of the book of
// journeys. The reader refuses all, and the schema all but what no schema can say.
func TestBrokenBook(t *testing.T) {
	for name, what := range map[string]*regexp.Regexp{"fares.json": regexp.MustCompile("band"), "transfers.json": regexp.MustCompile("transfers|operators")} {
		t.Run(name, func(t *testing.T) { brokenBook(t, name, what) })
	}
}

func brokenBook(t *testing.T, name string, what *regexp.Regexp) {
	text, err := os.ReadFile(filepath.Join("..", "..", "cmd", "citycard", "testdata", "journeys", name))
	if err != nil {
		t.Fatal(err)
	}
	compiled, document := compile(t, rules.Fares), parse(t, text)
	versions := document.at("versions")
	versions.inner = versions.inner[:1]
	if err, _ := validate(t, rules.Fares, compiled, document.text()); err != nil {
		t.Errorf("the schema refuses the fares: %v", err)
	}
	count := 0
	for _, b := range breakages(t, rules.Fares, document) {
		if !what.MatchString(b.scope) {
			continue
		}
		broken := document.clone()
		b.apply(broken)
		content := broken.text()
		refused(t, rules.Fares, b.places[0]+" "+b.name, content, colons(b.places))
		leaf := ""
		if strings.HasPrefix(b.name, "becomes ") {
			leaf = string(broken.at(b.scope).text())
		}
		f, _ := formOf(rules.Fares, b.scope)
		if len(leaf) <= 5000 {
			if no, ok := validate(t, rules.Fares, compiled, content); ok && no == nil && !unsayable(f, b, b.scope, leaf) && f.sort != word {
				t.Errorf("%s %s: the schema takes it", b.scope, b.name)
			}
		}
		count++
	}
	t.Logf("broken in %d ways", count)
	if count < least {
		t.Errorf("broken in %d ways, want at least %d", count, least)
	}
}

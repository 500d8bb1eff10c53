package rules_test

import (
	"reflect"
	"testing"

	"citycard/clearing/rules"
)

func FuzzNetwork(f *testing.F) { fuzzDocument(f, rules.Network) }
func FuzzFares(f *testing.F)   { fuzzDocument(f, rules.Fares) }
func FuzzLoads(f *testing.F)   { fuzzDocument(f, rules.Loads) }
func FuzzMedical(f *testing.F) { fuzzDocument(f, rules.Medical) }
func FuzzPension(f *testing.F) { fuzzDocument(f, rules.Pension) }
func FuzzPayouts(f *testing.F) { fuzzDocument(f, rules.Payouts) }

// fuzzDocument reads documents of a kind. One that is taken alone is read together with the
// examples without a panic; if they are taken too, it says the same when it is written otherwise.
func fuzzDocument(f *testing.F, kind rules.Kind) {
	f.Add(kind.Example())
	document := parse(f, kind.Example())
	f.Add(document.text())
	withMore(document, kind, "20300101")
	f.Add(document.text())
	compiled := compile(f, kind)
	f.Fuzz(func(t *testing.T, content []byte) {
		if rules.Check(kind, content) != nil {
			return
		}
		mark := []byte("\xEF\xBB\xBF")
		text := content
		if len(content) >= 3 && string(content[:3]) == string(mark) {
			text = content[3:]
		}
		if refused, ok := validate(t, kind, compiled, text); refused != nil || !ok {
			t.Errorf("the schema refuses what is taken: %v", refused)
		}
		contents := examples()
		contents[kind] = content
		set, err := rules.Read(contents)
		if err != nil {
			return
		}
		contents[kind] = parse(t, text).text()
		again, err := rules.Read(contents)
		if err != nil || !reflect.DeepEqual(set.Terms(kind), again.Terms(kind)) {
			t.Errorf("written otherwise it says %v, %v; want %v", again.Terms(kind), err, set.Terms(kind))
		}
	})
}

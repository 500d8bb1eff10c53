package persons

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// modelled is a person of the model.
type modelled struct {
	name, status string
	since        int
}

// told is a row of a generated roster.
type told struct {
	person             int
	name, status, then string
	since              int
}

// model is written from what docs/persons.md says, not from the code: of a person holds the later
// day, a death stays unless it is restored, a name changes with the former one from a later day.
type model map[int]modelled

// roster applies the rows of a roster, and says what becomes of each.
func (m model) roster(rows []told) (outcomes []string) {
	before := model{}
	for n, p := range m {
		before[n] = p
	}
	for i, r := range rows {
		first, contradicted := i, false
		for j, other := range rows {
			if other.person == r.person {
				first = min(first, j)
				contradicted = contradicted || other != r
			}
		}
		known, isKnown := before[r.person]
		status := r.status
		if status == "restored" {
			status = "present"
		}
		switch {
		case contradicted:
			outcomes = append(outcomes, "conflicting")
		case first < i:
			outcomes = append(outcomes, "repeated")
		case !isKnown && r.status == "restored":
			outcomes = append(outcomes, "conflicting")
		case !isKnown:
			outcomes = append(outcomes, "new")
			m[r.person] = modelled{r.name, status, r.since}
		case r.name != known.name && r.then != known.name:
			outcomes = append(outcomes, "conflicting")
		case r.since < known.since:
			outcomes = append(outcomes, "older")
		case r.since == known.since && (status != known.status || r.name != known.name):
			outcomes = append(outcomes, "conflicting")
		case r.since > known.since && (known.status == "died") != (r.status == "restored"):
			outcomes = append(outcomes, "conflicting")
		default:
			if outcomes = append(outcomes, "exact"); r.name != known.name {
				outcomes[i] = "name_form"
			}
			m[r.person] = modelled{r.name, status, r.since}
		}
	}
	return outcomes
}

// TestModel imports generated rosters one after the other, each twice and some in parts that stop,
// and compares counts and people with the model.
func TestModel(t *testing.T) {
	names := []string{"张三", "李四", "买买提·艾力"}
	row := rapid.Custom(func(t *rapid.T) told {
		return told{
			rapid.IntRange(0, 4).Draw(t, "person"), rapid.SampledFrom(names[:rapid.IntRange(1, 3).Draw(t, "names")]).Draw(t, "name"),
			rapid.SampledFrom([]string{"present", "present", "moved", "died", "restored"}).Draw(t, "status"),
			rapid.SampledFrom([]string{"", "", names[0], names[1]}).Draw(t, "former"), rapid.IntRange(20200101, 20200105).Draw(t, "since"),
		}
	})
	w := newTown(t)
	rapid.Check(t, func(rt *rapid.T) {
		for _, table := range []string{"persons", "person_rejects", "person_parts", "person_imports"} {
			if _, err := w.ledger.Pool().Exec(t.Context(), "DELETE FROM "+table); err != nil {
				rt.Fatal(err)
			}
		}
		m := model{}
		files := map[string]bool{}
		for range rapid.IntRange(1, 4).Draw(rt, "rosters") {
			rows := rapid.SliceOfN(row, 1, 7).Draw(rt, "rows")
			var text []string
			for _, r := range rows {
				text = append(text, resident(r.person, r.name, r.status, r.since, r.then))
			}
			if key := fmt.Sprint(rows); files[key] {
				continue
			} else {
				files[key] = true
			}
			if stop := rapid.IntRange(0, 400).Draw(rt, "stop"); stop < 70*len(rows) {
				_, _ = w.Import(t.Context(), &breaking{ReadSeeker: file(text...), limit: int64(stop)}, w.order())
			}
			got := w.imports(text...).Counts
			want := map[string]int64{}
			for _, outcome := range m.roster(rows) {
				want[outcome]++
			}
			for outcome, n := range map[string]int64{
				"exact": got.Exact, "name_form": got.Form, "new": got.New, "conflicting": got.Conflicting, "older": got.Older, "repeated": got.Repeated, "refused": got.Refused,
			} {
				if n != want[outcome] {
					rt.Fatalf("%d rows %s, want %d: %q", n, outcome, want[outcome], text)
				}
			}
			if w.imports(text...).Counts != got {
				rt.Fatal("the same roster again has other counts")
			}
		}
		for n := range 5 {
			want := ""
			if p, known := m[n]; known {
				want = fmt.Sprintf("%s %s %d", p.name, p.status, p.since)
			}
			if w.is(numberOf(n), want); t.Failed() {
				rt.Fatal("see above")
			}
		}
	})
}

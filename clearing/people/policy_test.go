package people_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"citycard/clearing/people"
)

// acts are the values of all constants of the tree whose names begin with Act: what the audit has
// acts as, and what people sign.
func acts(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, room := range []string{"../../clearing", "../../ledger", "../../cmd"} {
		err := filepath.WalkDir(room, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				spec, ok := n.(*ast.ValueSpec)
				if !ok || spec.Type != nil { // a constant of another type is no act
					return true
				}
				for i, name := range spec.Names {
					if !strings.HasPrefix(name.Name, "Act") || i >= len(spec.Values) {
						continue
					}
					if literal, ok := spec.Values[i].(*ast.BasicLit); ok && literal.Kind == token.STRING {
						text, err := strconv.Unquote(literal.Value)
						if err != nil {
							t.Fatal(err)
						}
						found[text] = path
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// TestEveryActHasARule finds all acts in the code: each has a row in the policy, and each row an
// act. A constant of an act is named Act….
func TestEveryActHasARule(t *testing.T) {
	policy, err := people.OwnPolicy()
	if err != nil {
		t.Fatal(err)
	}
	found := acts(t)
	if len(found) < 25 {
		t.Errorf("found %d acts in the code", len(found))
	}
	for act, where := range found {
		if _, ruled := policy.Rule(act); !ruled {
			t.Errorf("%s: the act %q has no row in policy.json", where, act)
		}
	}
	for _, act := range policy.Acts() {
		if rule, _ := policy.Rule(act); found[act] == "" && !rule.Proposal {
			t.Errorf("policy.json has a row of %q, which is no act", act)
		}
	}
}

// TestPolicy tries every act by every role of every unit, for each unit's money: what is allowed is
// what the file says, read by other means.
func TestPolicy(t *testing.T) {
	policy, err := people.OwnPolicy()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("policy.json")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if _, row, found := strings.Cut(line, `{"act": "`); found {
			act, row, _ := strings.Cut(row, `"`)
			rows[act] = row
		}
	}
	units := []people.Unit{people.Issuer, people.City, people.Pension, "operator:metro", "operator:bus", "hospital:one", "channel:counter"}
	allowed := 0
	for _, act := range append(policy.Acts(), "fly") {
		_, by, _ := strings.Cut(rows[act], `"by"`)
		by, and, _ := strings.Cut(by, `"and"`)
		for _, role := range people.Roles() {
			for _, unit := range units {
				p := people.Person{ID: "x", Role: role, Unit: unit}
				for _, of := range append(units, "") {
					is := func(list string) bool {
						return strings.Contains(list, `"`+string(role)+" "+string(unit)+`"`) || of == unit && strings.Contains(list, `"`+string(role)+` own"`)
					}
					for _, way := range []struct {
						may  error
						want bool
					}{{policy.MayPropose(p, act, of), is(by)}, {policy.MayApprove(p, act, of), is(and)}} {
						var denied *people.DeniedError
						if (way.may == nil) != way.want || way.may != nil && !errors.As(way.may, &denied) {
							t.Errorf("%s of %s, %q for %q: %v", role, unit, act, of, way.may)
						}
						if way.may == nil {
							allowed++
						}
					}
				}
				if p.Service = true; policy.MayApprove(p, act, unit) == nil {
					t.Errorf("a service that is %s of %s may approve %q", role, unit, act)
				}
				p.Ended = time.Unix(1, 0)
				if policy.MayPropose(p, act, unit) == nil || policy.MayApprove(p, act, unit) == nil {
					t.Errorf("%s of %s, disabled, may %q", role, unit, act)
				}
			}
		}
	}
	if allowed == 0 {
		t.Error("nobody may do anything")
	}
	if policy.Expiry(people.ActEnrol) != 7*24*time.Hour {
		t.Errorf("a proposal waits %s", policy.Expiry(people.ActEnrol))
	}
}

// TestBadPolicy refuses a policy that says something twice, or that nobody can read.
func TestBadPolicy(t *testing.T) {
	const row = `{"act": "x", "by": ["clerk issuer"]}`
	if p, err := people.ReadPolicy([]byte("[" + row + "]")); err != nil || !slices.Equal(p.Acts(), []string{"x"}) {
		t.Fatal(err)
	}
	for _, text := range []string{
		"", "[", "[" + row + "," + row + "]", "[" + row + "] x", `[{"act": ""}]`, `[{"act": "x"}]`, `[{"act": "x", "program": true, "by": ["clerk issuer"]}]`,
		`[{"act": "x", "program": true, "and": ["clerk issuer"]}]`, `[{"act": "x", "by": ["boss issuer"]}]`, `[{"act": "x", "by": ["clerk moon"]}]`,
		`[{"act": "x", "by": ["clerk"]}]`, `[{"act": "x", "by": ["clerk issuer"], "days": -1}]`, `[{"act": "x", "to": []}]`,
		`[{"act": "x", "kind": "k", "by": ["clerk issuer"]}, {"act": "y", "kind": "k", "by": ["clerk issuer"]}]`,
	} {
		if _, err := people.ReadPolicy([]byte(text)); err == nil {
			t.Errorf("%s: read", text)
		}
	}
}

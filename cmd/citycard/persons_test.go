package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/clearingtest"
	"citycard/clearing/people/api"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/persons"
	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/cmd/service"
)

// office is a process that runs the commands of persons.
type office struct {
	*testing.T
	dir string
	url string // of the database, for verify
}

// openOffice is an office of a city with empty books and a key store.
func openOffice(t *testing.T, zone *time.Location) (*office, *books.Books) {
	t.Helper()
	t.Setenv("LC_ALL", "C")
	t.Setenv(service.PassphraseVariable, "secret")
	b, dir := bookstest.NewIn(t, zone)
	data, err := service.OpenDataDir(filepath.Join(dir, "data"), books.DataPurpose)
	if err == nil {
		err = errors.Join(data.Close(), b.OpenDay(t.Context(), 20260105))
	}
	if err == nil {
		err = keys.GenerateTest(1).WithWorkFactor(2).Create(filepath.Join(data.Path, "keys.age"), "secret")
	}
	if err != nil {
		t.Fatal(err)
	}
	serveBooks(t, b, &server.Settings{Common: service.Common{Data: data.Path}})
	return &office{t, data.Path, b.URL}, b
}

// run runs a command with a text on standard input; it gives what it prints on standard output and
// standard error, and its exit code.
func (o *office) run(input string, args ...string) (stdout, stderr string, code int) {
	o.Helper()
	var out, said strings.Builder
	if args[0] == "verify" {
		args = append(args, "--db", o.url)
	}
	command := exec.CommandContext(o.Context(), program(o, "citycard"), append(args, "--data", o.dir)...)
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(input), &out, &said
	if err := command.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		o.Fatalf("%q: %v", args, err)
	}
	return out.String(), said.String(), command.ProcessState.ExitCode()
}

// TestPersons imports rosters, reads the reports and finds a person, as an office types it, in both
// languages. No name and no whole number is printed by anything.
func TestPersons(t *testing.T) {
	o, b := openOffice(t, new(service.Zone).Location())
	const number, other = "419999196001010028", "USA-123456789"
	rosters := clearingtest.WriteFiles(t, map[string]string{
		"first.csv":  persons.Header + "\nresident," + number + ",张三,,present,20200101,\npassport," + other + ",\"DOE, JOHN\",,present,20200101,\n",
		"second.csv": persons.Header + "\nresident," + number + ",张　三,,moved,20260101,\npassport," + other + ",JOHN SMITH,,present,20200101,\nresident,419999196001010029,李四,,present,20200101,\n",
	})
	peopletest.New(t, b.Ledger)
	dir := t.TempDir()
	file := func(id string) string { return peopletest.KeyFile(t, dir, id, true) }
	ann, wang, omar, max, eve := file("ann"), file("cleo"), file("omar"), file("max"), file("eve")
	first, second := filepath.Join(rosters, "first.csv"), filepath.Join(rosters, "second.csv")
	for _, step := range []struct {
		args  []string
		input string
		code  int
		out   []string // parts of standard output
		said  []string // parts of standard error
	}{
		{[]string{"import", first, "--identity", ann, "--reason", "monthly", "--rows", "2", "--demo"}, "", service.ExitOK, []string{"import 1 of persons, begun by ann at ", "new                                                 2", "accuracy -: 0 rows", "usable 100.00 %: 2 rows"}, nil},
		{[]string{"import", first, "--identity", wang, "--reason", "monthly", "--demo"}, "", service.ExitOK, []string{"import 1 of persons, begun by ann"}, []string{"import 1 was of this roster; nothing is changed"}},
		{[]string{"import", second, "--identity", ann, "--reason", "monthly", "--demo"}, "", service.ExitOK, []string{"accuracy 50.00 %: 1 rows whose name agrees", "/ 2 rows with a valid certificate number", "usable 33.33 %"}, []string{"line 3, name: one number with two names\n", "line 4, number: the check character does not fit the digits\n"}},
		{[]string{"import", second, "--identity", ann, "--reason", "monthly", "--demo", "--language", "zh"}, "", service.ExitOK, []string{"准确率 50.00 %", "姓名异写匹配"}, []string{"导入 2 即为本名册，未作任何变更"}},
		{[]string{"import", "/dev/stdin", "--identity", ann, "--reason", "monthly", "--demo"}, persons.Header + "\n", service.ExitFailed, nil, []string{"nothing was imported: the file cannot be read more than once"}},
		{[]string{"report", "2", "--rejects"}, "", service.ExitOK, []string{"   3  name    two_names (one number with two names)", "number_check ("}, nil},
		{[]string{"report", "2", "--rejects", "--language", "zh"}, "", service.ExitOK, []string{"two_names（同一号码有两个姓名）"}, nil},
		{[]string{"report", "2", "--rejects", "--json"}, "", service.ExitOK, []string{`{"import":2,"line":3,"reason":"two_names","field":"name"}`}, nil},
		{[]string{"report", "9"}, "", service.ExitFailed, nil, []string{"there is no import 9 of persons"}},
		{[]string{"find", "--identity", wang, "--reason", "complaint 7", "--demo"}, number + "\n", service.ExitOK, []string{"moved   20260101  resident     419*************28  张*        2"}, nil},
		{[]string{"find", "--identity", wang, "--reason", "complaint 7", "--demo", "--language", "zh"}, number, service.ExitOK, []string{"moved（迁出）", "resident（居民身份证）"}, nil},
		{[]string{"find", "--identity", wang, "--reason", "complaint 7", "--demo", "--json"}, other, service.ExitOK, []string{`{"status":"present","since":"20200101","certificate":"passport","number_masked":"USA********89","name_masked":"D********","import":1}`}, nil},
		{[]string{"find", "--identity", wang, "--reason", "complaint 7", "--demo"}, "USA-1", service.ExitFailed, nil, []string{"no person with this number is known"}},
		{[]string{"find", "--identity", wang, "--reason", "complaint 7", "--demo"}, number + "\n" + other, service.ExitFailed, nil, []string{"there is more than one line"}},
		{[]string{"find", "--identity", wang, "--reason", "complaint 7", "--demo"}, number[:17] + "9", service.ExitFailed, nil, []string{"the check character does not fit the digits"}},
		{[]string{"find", "--identity", wang, "--demo"}, number, service.ExitUsage, nil, []string{"--reason is missing: why you ask"}},
		{[]string{"find", "--reason", "complaint 7", "--demo"}, number, service.ExitUsage, nil, []string{"--identity is missing"}},
		{[]string{"find", "--identity", omar, "--reason", "complaint 7", "--demo"}, number, service.ExitRefused, nil, []string{`omar, clerk of operator:metro, may not do or propose "read a person"; ask somebody who may`}},
		{[]string{"find", "--identity", max, "--reason", "complaint 7", "--demo"}, number, service.ExitRefused, nil, []string{"max is disabled since 20"}},
		{[]string{"find", "--identity", eve, "--reason", "complaint 7", "--demo"}, number, service.ExitRefused, nil, []string{"belongs to nobody; have two keepers enrol it"}},
		{[]string{"import", first, "--identity", ann, "--demo"}, "", service.ExitUsage, nil, []string{"--reason is missing: want why it is imported"}},
		{[]string{"import", first, "--reason", "monthly", "--demo"}, "", service.ExitUsage, nil, []string{"--identity is missing"}},
		{[]string{"import", first, "--identity", omar, "--reason", "monthly", "--demo"}, "", service.ExitRefused, nil, []string{`omar, clerk of operator:metro, may not do or propose "import persons"; ask somebody who may`}},
		{[]string{"import", first, "--identity", max, "--reason", "monthly", "--demo"}, "", service.ExitRefused, nil, []string{"max is disabled since 20"}},
		{[]string{"find", "--identity", wang, "--reason", "complaint 7", "--demo", "--dry-run"}, number, service.ExitOK, []string{"the audit would have this read; a dry run shows no person"}, nil},
	} {
		out, said, code := o.run(step.input, append([]string{"persons"}, step.args...)...)
		if code != step.code {
			t.Errorf("persons %q ended with %d, want %d: %s%s", step.args, code, step.code, out, said)
		}
		for _, want := range step.out {
			if !strings.Contains(out, want) {
				t.Errorf("persons %q printed\n%s%swant %q", step.args, out, said, want)
			}
		}
		for _, want := range step.said {
			if !strings.Contains(said, want) {
				t.Errorf("persons %q said %s, want %q", step.args, said, want)
			}
		}
		for _, personal := range []string{number, other, "张三", "张　三", "DOE, J", "SMITH", "李四", number[:17] + "9"} {
			if strings.Contains(out+said, personal) {
				t.Errorf("persons %q prints %s", step.args, personal)
			}
		}
	}
	o.reportHolds()
	entries, err := b.Audit(t.Context(), persons.ActRead)
	if err != nil || len(entries) != 4 {
		t.Errorf("%d reads in the audit, want 4: %v", len(entries), err)
	}
	if out, said, code := o.run("", "verify"); code != service.ExitOK || !strings.Contains(out, ": 0 faults\n") {
		t.Errorf("verify ended with %d: %s%s", code, out, said)
	}
}

// reportHolds computes the figures of a report for machines by its formulas.
func (o *office) reportHolds() {
	o.Helper()
	out, said, _ := o.run("", "persons", "report", "2", "--json")
	var report struct {
		Rows, Exact, New, Conflicting, Older, Repeated, Refused, Moved int64
		Form                                                           int64    `json:"name_form"`
		Known                                                          int64    `json:"known_before"`
		Agreed                                                         int64    `json:"name_agreed"`
		Accuracy                                                       *float64 `json:"accuracy_percent"`
		Usable                                                         *float64 `json:"usable_percent"`
		AccuracyFormula                                                string   `json:"accuracy_formula"`
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		o.Fatalf("%s%s: %v", out, said, err)
	}
	r := report
	if r.Rows != 3 || r.Form != 1 || r.Conflicting != 1 || r.Refused != 1 || r.Exact+r.New+r.Older+r.Repeated != 0 || r.Moved != 1 || r.Known != 2 || r.Agreed != 1 {
		o.Errorf("the report says %s", out)
	}
	if r.Accuracy == nil || *r.Accuracy != 50 || r.Usable == nil || fmt.Sprintf("%.2f", *r.Usable) != "33.33" || r.AccuracyFormula != "100 * name_agreed / known_before" {
		o.Errorf("the report says %s", out)
	}
}

// TestPersonsZone imports a person whose status holds from a day that has come in one city and not
// in another. Between the two zones are 25 hours, so their days always differ.
func TestPersonsZone(t *testing.T) {
	for name, want := range map[string]string{"Pacific/Kiritimati": "1 rows neither", "Pacific/Pago_Pago": "0 rows neither"} {
		zone, err := time.LoadLocation(name)
		east, err2 := time.LoadLocation("Pacific/Kiritimati")
		if err = errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		o, b := openOffice(t, zone)
		peopletest.New(t, b.Ledger)
		roster := clearingtest.WriteFiles(t, map[string]string{
			"roster.csv": persons.Header + "\nresident,419999196001010028,张三,,present," + time.Now().In(east).Format("20060102") + ",\n",
		})
		out, said, code := o.run("", "persons", "import", filepath.Join(roster, "roster.csv"), "--identity", peopletest.KeyFile(t, t.TempDir(), "ann", true), "--reason", "monthly", "--demo")
		if code != service.ExitOK || !strings.Contains(out, want) || strings.Contains(said, "a day that has not come") != (name == "Pacific/Pago_Pago") {
			t.Errorf("%s: ended with %d, %s%s", name, code, out, said)
		}
	}
}

// TestPersonsShares prints percentages: their digits are cut, and they are exact.
func TestPersonsShares(t *testing.T) {
	for want, share := range map[string]persons.Share{
		"8.20 %": {Part: 41, Of: 500}, "99.99 %": {Part: 99_999, Of: 100_000}, "100.00 %": {Part: 7, Of: 7},
		"0.00 %": {Part: 0, Of: 3}, "33.33 %": {Part: 1, Of: 3}, "0.07 %": {Part: 7, Of: 10_000}, "-": {},
	} {
		if got := shown(share); got != want {
			t.Errorf("%d of %d: %q, want %q", share.Part, share.Of, got, want)
		}
	}
}

// TestPersonsNotImported says of a roster that was not imported what became of it, and what to do.
func TestPersonsNotImported(t *testing.T) {
	for _, c := range []struct {
		kind  api.Kind
		todo  string
		begun bool
		want  string
	}{
		{api.Invalid, "correct it", false, "nothing was imported: why; correct it"},
		{api.Failed, "", false, "nothing was imported: why; import the file again"},
		{api.Failed, "", true, "the import is not ended: why; import the file again, and it goes on: what was stored of it does not count yet"},
		{api.Unavailable, "", true, "the import is not ended: why; import the file again, and it goes on: what was stored of it does not count yet"},
		{api.UnknownOutcome, "look", false, "it is not known whether it was imported: why; look"},
		{api.Refused, "", true, "the import is not ended: why; import the file again, and it goes on: what was stored of it does not count yet"},
		{api.Denied, "ask somebody who may", false, "nothing was imported: why; ask somebody who may"},
	} {
		err := notImported(c.begun, &api.Problem{Type: c.kind, Detail: "why", Todo: c.todo})
		if err.Error() != c.want {
			t.Errorf("%s, begun %t: %q, want %q", c.kind, c.begun, err, c.want)
		}
	}
}

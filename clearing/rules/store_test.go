package rules_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"citycard/clearing/clearingtest"
	"citycard/clearing/rulefile"
	"citycard/clearing/rules"
	"citycard/clearing/schema"
	"citycard/clearing/transit/fare"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

// office is a store with two people, on the morning of 5 January 2026.
type office struct {
	*testing.T
	store *rules.Store
	zone  *time.Location
	now   time.Time
}

func newOffice(t *testing.T) *office {
	t.Helper()
	url := ledgertest.New(t)
	if err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	o := &office{T: t, zone: zone, now: time.Date(2026, 1, 5, 9, 0, 0, 0, zone)}
	o.store = &rules.Store{Ledger: ledgertest.Connect(t, url, 4), Now: func() time.Time { return o.now }}
	return o
}

func (o *office) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

func (o *office) by(name string) ledger.Approval {
	return ledger.Approval{First: name, Reason: "council of 1 January", At: o.now}
}

// two are ann, who proposes, and bob, who approves; they do not sign.
func (o *office) two() ledger.Approval {
	by := o.by("ann")
	by.Second = "bob"
	return by
}

// examples are documents of every kind.
func examples() map[rules.Kind][]byte {
	all := map[rules.Kind][]byte{}
	for _, kind := range rules.Kinds() {
		all[kind] = kind.Example()
	}
	return all
}

func (o *office) found() *rules.Set {
	o.Helper()
	set, err := rules.Read(examples())
	o.must(err)
	o.must(o.store.Found(o.Context(), set, o.zone, o.by("server")))
	if err := o.store.Found(o.Context(), set, o.zone, o.by("server")); !errors.Is(err, rules.ErrFounded) {
		o.Errorf("founded twice: %v", err)
	}
	set, err = o.store.InForce(o.Context())
	o.must(err)
	return set
}

// dearer are the fares of the examples, and dearer ones from a moment on.
func dearer(from string) []byte {
	text := string(rules.Fares.Example())
	_, version, _ := strings.Cut(text, `"versions": [`)
	version = version[:strings.LastIndex(version, "]")]
	version = strings.NewReplacer(`"zz-2013"`, `"zz-2026"`, `"20131223"`, `"`+from+`"`, `"base_fen": 200`, `"base_fen": 250`).Replace(version)
	return []byte(text[:strings.LastIndex(text, "]")] + "," + version + "]}")
}

// TestEditions takes documents through founding, a proposal, its approval, and reads every edition
// again.
func TestEditions(t *testing.T) {
	o := newOffice(t)
	if _, err := o.store.InForce(t.Context()); !errors.Is(err, rules.ErrEmpty) {
		t.Errorf("an empty database: %v, want ErrEmpty", err)
	}
	first := o.found()
	if first.Edition.Number != 1 || len(first.Examples()) == 0 {
		t.Errorf("edition %s, examples %q; want the first, and examples", first.Edition, first.Examples())
	}
	draft, err := o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Fares: dearer("20260106"), rules.Loads: rules.Loads.Example()}, o.now)
	o.must(err)
	if len(draft.Contents) != 1 {
		t.Errorf("the draft has %d documents, want that which differs", len(draft.Contents))
	}
	number, err := o.store.Keep(t.Context(), draft)
	o.must(err)
	again, err := o.store.Keep(t.Context(), draft)
	if err != nil || !reflect.DeepEqual(again, number) {
		t.Errorf("kept again: %+v, %v; want %+v", again, err, number)
	}
	alone := o.two()
	alone.Second = " ANN "
	if err := o.store.Approve(t.Context(), number, alone); err == nil {
		t.Error("one person alone changed the rules")
	}
	o.must(o.store.Approve(t.Context(), number, o.two()))
	o.must(o.store.Approve(t.Context(), number, o.two())) // its outcome was not known
	second, err := o.store.InForce(t.Context())
	o.must(err)
	for day, want := range map[int]string{5: "zz-2013", 6: "zz-2026"} {
		table := second.Tables.At(rulefile.MomentOf(time.Date(2026, 1, day, 12, 0, 0, 0, o.zone)))
		if !strings.HasPrefix(table.Version(), want+"+") {
			t.Errorf("on day %d fares are %v, want %s", day, table, want)
		}
	}
	for number, want := range map[int64]*rules.Set{1: first, 2: second} {
		read, err := o.store.At(t.Context(), number)
		if err != nil || read.Edition != want.Edition || len(read.Differs(want)) > 0 {
			t.Errorf("edition %d reads as %s, %v; want %s", number, read.Edition, err, want.Edition)
		}
	}
	if _, err := o.store.At(t.Context(), 3); err == nil {
		t.Error("an edition that is not there was read")
	}
	history, err := o.store.History(t.Context())
	o.must(err)
	if len(history) != 2 || history[1].Proposer != "ann" || history[1].Approver != "bob" || history[1].Edition != second.Edition.String() || history[1].Kinds[0] != rules.Fares {
		t.Errorf("history: %+v", history)
	}
}

// TestPastStays proposes what would change the price of days that are over, or of today, and what
// would be approved too late.
func TestPastStays(t *testing.T) {
	o := newOffice(t)
	o.found()
	propose := func(contents map[rules.Kind][]byte) (rules.Content, error) {
		draft, err := o.store.Draft(t.Context(), contents, o.now)
		if err != nil {
			return rules.Content{}, err
		}
		return o.store.Keep(t.Context(), draft)
	}
	edited := func(kind rules.Kind, old, new string) map[rules.Kind][]byte {
		text := bytes.Replace(kind.Example(), []byte(old), []byte(new), 1)
		if bytes.Equal(text, kind.Example()) {
			t.Fatalf("%s: nothing to replace by %s", kind, new)
		}
		return map[rules.Kind][]byte{kind: text}
	}
	for name, c := range map[string]struct {
		contents map[rules.Kind][]byte
		want     string // "" if it is taken
	}{
		"fares of yesterday":       {map[rules.Kind][]byte{rules.Fares: dearer("20260104")}, "zz-2026"},
		"fares of today":           {map[rules.Kind][]byte{rules.Fares: dearer("20260105")}, "zz-2026"},
		"fares of tomorrow":        {map[rules.Kind][]byte{rules.Fares: dearer("20260106")}, ""},
		"fares of an hour ago":     {map[rules.Kind][]byte{rules.Fares: dearer("2026-01-05T08:00")}, "zz-2026+"},
		"fares of now":             {map[rules.Kind][]byte{rules.Fares: dearer("2026-01-05T09:00:30")}, "up to 2026-01-05T09:00:30 unchanged"},
		"fares of just after":      {map[rules.Kind][]byte{rules.Fares: dearer("2026-01-05T09:00:31")}, ""},
		"fares before the first":   {edited(rules.Fares, `"20131223"`, `"20131224"`), "fares.json"},
		"another price":            {edited(rules.Fares, `"base_fen": 200`, `"base_fen": 201`), "fares.json"},
		"another purse":            {edited(rules.Loads, `"maximum_fen": 100000`, `"maximum_fen": 90000`), "loads.json"},
		"another network":          {edited(rules.Network, `"metres": 4200`, `"metres": 4201`), "network.json"},
		"another medical table":    {edited(rules.Medical, `"deductible_fen": `, `"deductible_fen": 1`), ""},
		"a bus line without fares": {edited(rules.Network, `"bus_lines": [1, 501]`, `"bus_lines": [1, 501, 5000]`), "no fare for line 5000"},
	} {
		_, err := propose(c.contents)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}

	// A version of four o'clock is approved twenty seconds before, and a minute before.
	number, err := propose(map[rules.Kind][]byte{rules.Fares: dearer("2026-01-06T04:00")})
	o.must(err)
	four := time.Date(2026, 1, 6, 4, 0, 0, 0, o.zone)
	for _, before := range []time.Duration{20 * time.Second, rules.Lead} {
		o.now = four.Add(-before)
		if err := o.store.Approve(t.Context(), number, o.two()); err == nil || !strings.Contains(err.Error(), "zz-2026") {
			t.Errorf("approved %s before it begins: %v", before, err)
		}
	}
	o.now = four.Add(-time.Minute)
	o.must(o.store.Approve(t.Context(), number, o.two()))
}

// TestLaterPurse lets a purse hold less from a later day on: the table of fares that holds until
// then is the same, under the same name.
func TestLaterPurse(t *testing.T) {
	o := newOffice(t)
	first := o.found()
	text := string(rules.Loads.Example())
	_, version, _ := strings.Cut(text, `"versions": [`)
	version = version[:strings.LastIndex(version, "]")]
	later := strings.NewReplacer(`"version": "`, `"version": "later-`, "20131223", "20270101", "100000", "90000").Replace(version)
	draft, err := o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Loads: []byte(text[:strings.LastIndex(text, "]")] + "," + later + "]}")}, o.now)
	o.must(err)
	for at, want := range map[rulefile.Moment]bool{20260105_000000: true, 20261231_235959: true, 20270101_000000: false} {
		was, is := first.Tables.At(at), draft.Set.Tables.At(at)
		if (is.Version() == was.Version()) != want {
			t.Errorf("at %s the table is %s, it was %s; want the same: %v", at, is.Version(), was.Version(), want)
		}
	}
}

// TestZone founds rules for Shanghai and asks for a version of four o'clock from clocks elsewhere:
// moments are those of the founding's zone, and a zone that every machine reads otherwise founds
// nothing.
func TestZone(t *testing.T) {
	o := newOffice(t)
	if _, err := o.store.Zone(t.Context()); !errors.Is(err, rules.ErrEmpty) {
		t.Errorf("an empty database: %v, want ErrEmpty", err)
	}
	set, err := rules.Read(examples())
	o.must(err)
	for _, zone := range []*time.Location{time.Local, time.FixedZone("", 8*60*60), time.FixedZone("UTC+8", 8*60*60)} {
		if err := o.store.Found(t.Context(), set, zone, o.by("server")); err == nil {
			t.Errorf("founded for the zone %q", zone)
		}
	}
	o.found()
	if zone, err := o.store.Zone(t.Context()); err != nil || zone.String() != "Asia/Shanghai" {
		t.Errorf("the zone is %v, %v", zone, err)
	}
	for now, want := range map[string]bool{"2026-01-05T19:59:00Z": true, "2026-01-05T19:59:40Z": false, "2026-01-06T03:59:00Z": false} {
		at, err := time.Parse(time.RFC3339, now)
		o.must(err)
		_, err = o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Fares: dearer("2026-01-06T04:00")}, at)
		if (err == nil) != want {
			t.Errorf("drafted at %s: %v", now, err)
		}
	}
}

// TestNoExamplesLater founds rules that somebody answers for. A draft with examples is refused,
// since serve would not start with them again.
func TestNoExamplesLater(t *testing.T) {
	o := newOffice(t)
	real := examples()
	for kind, text := range real {
		text = bytes.ReplaceAll(text, []byte(",example: "), []byte(","))
		real[kind] = bytes.ReplaceAll(text, []byte(`"example": true`), []byte(`"example": false`))
	}
	set, err := rules.Read(real)
	o.must(err)
	o.must(o.store.Found(t.Context(), set, o.zone, o.by("server")))
	if _, err := o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Medical: rules.Medical.Example()}, o.now); err == nil || !strings.Contains(err.Error(), "marked as examples") {
		t.Errorf("examples were taken: %v", err)
	}
}

// TestLargeChange proposes a fare that is dearer by half. It takes saying that this is intended,
// and the history has it for the second person. A quarter, of which the history tells too, needs
// no word.
func TestLargeChange(t *testing.T) {
	o := newOffice(t)
	o.found()
	quarter := dearer("20260106")
	half := bytes.Replace(quarter, []byte(`"base_fen": 250`), []byte(`"base_fen": 300`), 1)
	draft, err := o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Fares: half}, o.now)
	o.must(err)
	var large *rules.LargeChangeError
	if _, err := o.store.Keep(t.Context(), draft); !errors.As(err, &large) || large.Before != 190 || large.After != 285 || large.Limit != "0.3" {
		t.Errorf("half more, and nobody says that it is intended: %v", err)
	}
	draft.Accepted = true
	accepted, err := o.store.Keep(t.Context(), draft)
	o.must(err)
	draft, err = o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Fares: quarter}, o.now)
	o.must(err)
	small, err := o.store.Keep(t.Context(), draft)
	o.must(err)
	unsaid := accepted
	unsaid.Accepted = false
	if err := o.store.Approve(t.Context(), unsaid, o.two()); !errors.As(err, &large) {
		t.Errorf("approved what nobody said is intended: %v", err)
	}
	o.must(o.store.Approve(t.Context(), accepted, o.two()))
	history, err := o.store.History(t.Context())
	o.must(err)
	got := []fare.Change{history[0].Change, history[1].Change, small.Change}
	for i, want := range []string{"0->0 false ", "190->285 true 20260106", "190->238 false 20260106"} {
		if c := got[i]; fmt.Sprintf("%d->%d %v %s", c.Before, c.After, c.Over, c.From) != want {
			t.Errorf("the change %d is %+v, want %s", i+1, c, want)
		}
	}
}

// TestLooserFares proposes fares that change no price, but shorten the time limit of trips, and let
// later ones change as they like. Each takes saying that it is intended, and the history tells it.
func TestLooserFares(t *testing.T) {
	o := newOffice(t)
	o.found()
	same := bytes.Replace(dearer("20260106"), []byte(`"base_fen": 250`), []byte(`"base_fen": 200`), 1)
	last := bytes.LastIndex(same, []byte(`"version": "zz-2026"`))
	for _, c := range []struct{ old, new, says string }{
		{`"limit_minutes": 180`, `"limit_minutes": 1`, "the time limit of a trip goes from 180 to 1 minutes"},
		{`"rounding"`, `"largest_change": "1", "rounding"`, "the largest change goes from 0.3 to 1"},
	} {
		later := bytes.Replace(same[last:], []byte(c.old), []byte(c.new), 1)
		draft, err := o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Fares: slices.Concat(same[:last], later)}, o.now)
		o.must(err)
		var large *rules.LargeChangeError
		if _, err := o.store.Keep(t.Context(), draft); !errors.As(err, &large) || err.Error() != c.says {
			t.Errorf("proposed with %v, want it refused: %s", err, c.says)
		}
		draft.Accepted = true
		kept, err := o.store.Keep(t.Context(), draft)
		o.must(err)
		if !kept.Accepted || !kept.Change.Over || kept.Change != draft.Change {
			t.Errorf("kept is %+v, the draft has %+v", kept, draft.Change)
		}
	}
}

// TestLoweredLimit shortens the time limit of trips together with the largest change. Only what
// has to be accepted is given as the reason.
func TestLoweredLimit(t *testing.T) {
	o := newOffice(t)
	o.found()
	text := string(bytes.Replace(dearer("20260106"), []byte(`"base_fen": 250`), []byte(`"base_fen": 200`), 1))
	last := strings.LastIndex(text, `"version": "zz-2026"`)
	later := strings.NewReplacer(`"limit_minutes": 180`, `"limit_minutes": 60`, `"rounding"`, `"largest_change": "0.1", "rounding"`).Replace(text[last:])
	draft, err := o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Fares: []byte(text[:last] + later)}, o.now)
	o.must(err)
	const want = "the time limit of a trip goes from 180 to 60 minutes"
	if _, err := o.store.Keep(t.Context(), draft); err == nil || err.Error() != want {
		t.Errorf("refused because of %v, want %s", err, want)
	}
	if share := draft.Change.Share; share.Before != "0.3" || share.After != "0.1" {
		t.Errorf("the largest change goes from %s to %s", share.Before, share.After)
	}
}

// TestStale approves of two proposals on one edition; the second is out of date.
func TestStale(t *testing.T) {
	o := newOffice(t)
	o.found()
	var numbers []rules.Content
	for _, from := range []string{"20260201", "20260202"} {
		draft, err := o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Fares: dearer(from)}, o.now)
		o.must(err)
		number, err := o.store.Keep(t.Context(), draft)
		o.must(err)
		numbers = append(numbers, number)
	}
	o.must(o.store.Approve(t.Context(), numbers[0], o.two()))
	if err := o.store.Approve(t.Context(), numbers[1], o.two()); !errors.Is(err, rules.ErrStale) {
		t.Errorf("approved on another edition: %v", err)
	}
	if _, err := o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Fares: dearer("20260201")}, o.now); !errors.Is(err, rules.ErrNothingNew) {
		t.Errorf("a draft of what is in force: %v", err)
	}
}

// TestAltered changes rows behind the store's back, and takes the change back.
func TestAltered(t *testing.T) {
	o := newOffice(t)
	o.found()
	exec := func(statement string) {
		t.Helper()
		_, err := o.store.Ledger.Pool().Exec(t.Context(), statement)
		o.must(err)
	}
	for _, c := range []struct{ name, change, back string }{
		{"a document", `UPDATE document_contents SET content = content || '\x20'`, `UPDATE document_contents SET content = substr(content, 1, length(content) - 1)`},
		{"a document's hash", `UPDATE edition_documents SET hash = hash || '\x20' WHERE kind = 'loads'`, `UPDATE edition_documents SET hash = substr(hash, 1, 32) WHERE kind = 'loads'`},
		{"a head", `UPDATE editions SET head = head || '\x20'`, `UPDATE editions SET head = substr(head, 1, 32)`},
	} {
		exec(c.change)
		if _, err := o.store.InForce(t.Context()); !errors.Is(err, rules.ErrAltered) {
			t.Errorf("%s changed: %v, want ErrAltered", c.name, err)
		}
		exec(c.back)
		if _, err := o.store.InForce(t.Context()); err != nil {
			t.Errorf("%s changed back: %v", c.name, err)
		}
	}
}

// TestAlteredProposal changes a document that waits for approval, its hash too. It is not approved,
// and the rules in force can be read.
func TestAlteredProposal(t *testing.T) {
	o := newOffice(t)
	o.found()
	draft, err := o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Fares: dearer("20260106")}, o.now)
	o.must(err)
	number, err := o.store.Keep(t.Context(), draft)
	o.must(err)
	other := dearer("20260107")
	sum := sha256.Sum256(other)
	was, err := hex.DecodeString(number.Documents[rules.Fares])
	o.must(err)
	_, err = o.store.Ledger.Pool().Exec(t.Context(), "UPDATE document_contents SET content = $2, hash = $3 WHERE hash = $1", was, other, sum[:])
	o.must(err)
	if err := o.store.Approve(t.Context(), number, o.two()); !errors.Is(err, rules.ErrAltered) {
		t.Errorf("approved what nobody has proposed: %v", err)
	}
	if set, err := o.store.InForce(t.Context()); err != nil || set.Edition.Number != 1 {
		t.Errorf("in force: %v, %v", set, err)
	}
}

// TestFoundedOnce founds by several processes at once: one does, and nothing of the others waits.
func TestFoundedOnce(t *testing.T) {
	o := newOffice(t)
	set, err := rules.Read(examples())
	o.must(err)
	ends := make(chan error, 3)
	for n := range cap(ends) {
		go func() { ends <- o.store.Found(t.Context(), set, o.zone, o.by(fmt.Sprintf("server %d", n))) }()
	}
	founded := 0
	for range cap(ends) {
		if err := <-ends; err == nil {
			founded++
		} else if !errors.Is(err, rules.ErrFounded) {
			t.Error(err)
		}
	}
	history, err := o.store.History(t.Context())
	o.must(err)
	if founded != 1 || len(history) != 1 || history[0].Proposer != "" {
		t.Errorf("%d processes founded the rules, and the history is %+v", founded, history)
	}
}

// TestMarksMayGo takes the marks of examples away and names other sources: no figure of the past
// changes.
func TestMarksMayGo(t *testing.T) {
	o := newOffice(t)
	o.found()
	marked := examples()
	for kind, text := range marked {
		text = bytes.ReplaceAll(text, []byte(",example: "), []byte(",decree 7; "))
		marked[kind] = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte(`"example": true`), []byte(`"example": false`)), []byte(`"source": "`), []byte(`"source": "decree 7; `))
	}
	draft, err := o.store.Draft(t.Context(), marked, o.now)
	if err != nil || len(draft.Contents) != len(rules.Kinds()) || len(draft.Set.Examples()) > 0 {
		t.Errorf("documents without marks: %v", err)
	}
}

// TestReadNamesEveryFault reads documents with a fault each, all at once.
func TestReadNamesEveryFault(t *testing.T) {
	contents := maps.Clone(examples())
	contents[rules.Loads] = []byte("\xEF\xBB\xBF" + string(rules.Loads.Example())) // as Excel saves it: taken
	contents[rules.Fares] = []byte(`{"versions": []}`)
	contents[rules.Medical] = []byte("\xc4\xe3")
	contents[rules.Pension] = bytes.Repeat([]byte(" "), rules.MaxBytes+1)
	contents["weather"] = []byte("{}")
	delete(contents, rules.Payouts)
	_, err := rules.Read(contents)
	if err == nil {
		t.Fatal("read")
	}
	for _, want := range []string{"fares.json: ", "medical.json: not UTF-8, GBK perhaps", "pension.json: 8388609 bytes", `"weather" is no kind`, "payouts: there is no such document"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant it to name %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "loads.json") {
		t.Errorf("%v: the byte-order mark is no fault", err)
	}
}

// TestTown makes sure that the documents of tests are valid.
func TestTown(t *testing.T) {
	if _, err := clearingtest.Rules(); err != nil {
		t.Error(err)
	}
}

package registry_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"citycard/clearing/clearingtest"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/schema"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

// archive is a store with a registry in a fresh database, and the people who use it.
type archive struct {
	*testing.T
	*registry.Store
	ledger *ledger.Ledger
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	url := ledgertest.New(t)
	if err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	l := ledgertest.Connect(t, url, 8)
	return &archive{T: t, Store: registry.NewStore(l.Pool()), ledger: l}
}

func founded(t *testing.T) *archive {
	t.Helper()
	a := newArchive(t)
	a.must(a.Found(t.Context(), a.read(clearingtest.Files(), nil), by("founder", "")))
	return a
}

func (a *archive) must(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}

// by is one person, or two.
func by(first, second string) ledger.Approval {
	return ledger.Approval{First: first, Second: second, Reason: "because", At: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)}
}

func (a *archive) read(files map[string]string, base *index.Edition) *registry.Draft {
	a.Helper()
	draft, err := registry.Read(clearingtest.WriteFiles(a, files), base)
	a.must(err)
	return draft
}

func (a *archive) load() *index.Edition {
	a.Helper()
	e, err := a.Load(a.Context())
	a.must(err)
	return e
}

// keep keeps the rows of files.
func (a *archive) keep(files map[string]string) registry.Content {
	a.Helper()
	content, err := a.Keep(a.Context(), a.read(files, a.load()))
	a.must(err)
	return content
}

// change puts files in force by ann and bob.
func (a *archive) change(files map[string]string) {
	a.Helper()
	a.must(a.Approve(a.Context(), a.keep(files), by("ann", "bob")))
}

const cardsHeader = "card,issuer,type,status,effective_from,expires,holder\n"

func block(card, from string) map[string]string {
	return map[string]string{"cards.csv": cardsHeader + card + "," + clearingtest.Issuer + ",01,blocked," + from + ",20401231,registered\n"}
}

// TestRoundTrip finds in the database what was in the files, under the same
// version as without a database, whatever the order of their rows.
func TestRoundTrip(t *testing.T) {
	a := newArchive(t)
	if _, err := a.Load(t.Context()); !errors.Is(err, registry.ErrEmpty) {
		t.Fatalf("an empty database loads with %v", err)
	}
	files := clearingtest.Files()
	maps.Copy(files, moreFiles())
	a.must(a.Found(t.Context(), a.read(files, nil), by("founder", "")))
	lines := strings.SplitAfter(files["cards.csv"], "\n")
	lines[1], lines[3] = lines[3], lines[1]
	files["cards.csv"] = strings.Join(lines, "")
	want, err := registry.Import(clearingtest.WriteFiles(t, files))
	a.must(err)
	got := a.load()
	if got.Version() != want.Version() || got.Number() != 1 {
		t.Errorf("version %s (%d), want %s (1)", got.Version(), got.Number(), want.Version())
	}
	if !maps.Equal(got.Counts(), want.Counts()) {
		t.Errorf("loaded %v, want %v", got.Counts(), want.Counts())
	}
	day := ledger.Day(20261124)
	for _, e := range []*index.Edition{got, want} {
		if v, ok := e.Rows().Vehicles.Latest("bus-7"); !ok || v.Line != "bus-1" || v.Operator != "bus" {
			t.Errorf("vehicle %+v (%v)", v, ok)
		}
		if l, ok := e.Line("bus-1", day); !ok || l.Number != 1 || l.Name != `一路,"快"` {
			t.Errorf("line %+v (%v)", l, ok)
		}
		issuer := [8]byte(clearingtest.Hex("0102030405060708"))
		if i, ok := e.Issuer(issuer, 20251231); !ok || i.Own {
			t.Errorf("issuer %+v (%v)", i, ok)
		}
		if _, ok := e.Issuer(issuer, day); ok {
			t.Error("the issuer is off the whitelist and still found")
		}
		if c, ok := e.Rows().CardTypes.Latest(1); !ok || c.NameEN != "Ordinary" {
			t.Errorf("card type %+v (%v)", c, ok)
		}
		if c, ok := e.Card(index.Number(clearingtest.Hex(clearingtest.Card)).Signed()); !ok || c.Blocked() || c.Registered || c.Expires != 20401231 {
			t.Errorf("card %+v (%v)", c, ok)
		}
		if p, ok := e.Person(index.Token(clearingtest.Hex(clearingtest.Retired))); !ok || p.Pension != 300000 || p.CertifiedUntil != 203012 || p.Status.String() != "retired" {
			t.Errorf("person %+v (%v)", p, ok)
		}
	}
	if err := a.Found(t.Context(), a.read(files, nil), by("founder", "")); !errors.Is(err, registry.ErrFounded) {
		t.Errorf("founding again ends with %v", err)
	}
}

// TestApprovals refuses changes that are not there, that were checked against another version and
// whose rows are others, and puts each in force once.
func TestApprovals(t *testing.T) {
	a := founded(t)
	first := a.load()
	blocked := index.Number(clearingtest.Hex(clearingtest.OtherCard)).Signed()
	change, other := a.keep(block(clearingtest.OtherCard, "20261101")), a.keep(block(clearingtest.Card, "20261101"))
	if again := a.keep(block(clearingtest.OtherCard, "20261101")); again != change {
		t.Errorf("the same rows are kept as %+v and %+v", change, again)
	}
	if e := a.load(); e.Version() != first.Version() {
		t.Fatal("rows that are only kept are in force")
	}
	none, short, another, rebased := change, change, change, other
	none.Change, short.Rows, another.Digest, rebased.Base = 99, 0, strings.Repeat("0", 64), 0
	for name, test := range map[string]struct {
		content registry.Content
		by      ledger.Approval
		want    error
	}{
		"one that is not there": {none, by("ann", "bob"), registry.ErrUnfinished},
		"without its rows":      {short, by("ann", "bob"), registry.ErrAltered},
		"of another digest":     {another, by("ann", "bob"), registry.ErrAltered},
		"of another version":    {rebased, by("ann", "bob"), registry.ErrAltered},
	} {
		if err := a.Approve(t.Context(), test.content, test.by); !errors.Is(err, test.want) {
			t.Errorf("%s: approval ends with %v, want %v", name, err, test.want)
		}
	}
	if err := a.Approve(t.Context(), change, by("ann", " ANN ")); err == nil {
		t.Error("one person alone changed the registry")
	}
	a.must(a.Approve(t.Context(), change, by("ann", "bob")))
	a.must(a.Approve(t.Context(), change, by("ann", "bob"))) // its outcome was not known
	if err := a.Approve(t.Context(), other, by("ann", "bob")); !errors.Is(err, registry.ErrStale) {
		t.Errorf("a change of the version before ends with %v", err)
	}
	if c, _ := a.load().Card(blocked); !c.Blocked() || !c.Registered {
		t.Errorf("after the change the card reads %+v", c)
	}
	versions, err := registry.History(t.Context(), a.ledger)
	a.must(err)
	if len(versions) != 2 || versions[0].Proposer != "" || versions[0].Approver != "founder" {
		t.Fatalf("history %+v, want the founding and one change", versions)
	}
	if v := versions[1]; v.Number != 2 || v.Change != change.Change || v.Proposer != "ann" || v.Approver != "bob" || !v.At.Equal(by("", "").At) || v.Hash != a.load().Version() || v.Reason != "because" {
		t.Errorf("history says %+v", v)
	}
}

// TestPast asks about past days, and about what was known at a past version.
func TestPast(t *testing.T) {
	a := founded(t)
	card := index.Number(clearingtest.Hex(clearingtest.Card)).Signed()
	a.change(block(clearingtest.Card, "20261101"))
	a.change(map[string]string{
		"operators.csv": "id,name,name_en,mode,effective_from,effective_to\ntram,电车,Tram,metro,20260601,\n",
		"terminals.csv": "terminal,operator,mode,line,station,effective_from,effective_to\n" + clearingtest.MetroGate + ",tram,metro,3,9,20260701,20261231\n",
	})
	gate := [6]byte(clearingtest.Hex(clearingtest.MetroGate))
	for _, test := range []struct {
		version  int64
		day      ledger.Day
		operator string
		blocked  bool
	}{
		{0, 20260630, "metro", false},
		{0, 20260701, "tram", false},
		{0, 20261031, "tram", false},
		{0, 20261101, "tram", true},
		{0, 20270101, "", true},
		{2, 20260701, "metro", false},
		{2, 20261101, "metro", true},
		{1, 20261101, "metro", false},
	} {
		e, err := a.LoadVersion(t.Context(), test.version)
		a.must(err)
		terminal, _ := e.Terminal(gate, test.day)
		c, ok := e.CardOn(card, test.day)
		if terminal.Operator != test.operator || c.Blocked() != test.blocked || !ok {
			t.Errorf("version %d, day %d: operator %q, blocked %v; want %q, %v", test.version, test.day, terminal.Operator, c.Blocked(), test.operator, test.blocked)
		}
	}
	rows, err := a.Rows(t.Context(), registry.Cards, clearingtest.Card)
	a.must(err)
	if len(rows) != 2 || rows[1].Change != 2 || rows[1].Version != 2 || rows[1].From != 20261101 || rows[1].Fields["status"] != "blocked" {
		t.Errorf("the card's rows are %+v", rows)
	}
	if _, err := a.Rows(t.Context(), registry.Cards, "12"); err == nil || !strings.Contains(err.Error(), "want 19 or 20") {
		t.Errorf("a short card number is shown with %v", err)
	}
}

// TestAltered changes a stored row behind the store's back.
func TestAltered(t *testing.T) {
	a := founded(t)
	_, err := a.ledger.Pool().Exec(t.Context(), "UPDATE registry_rows SET record = replace(record, 'blocked', 'active') WHERE kind = $1", int64(registry.Cards))
	a.must(err)
	if _, err := a.Load(t.Context()); !errors.Is(err, registry.ErrAltered) {
		t.Errorf("altered rows load with %v", err)
	}
}

// TestUpdateWhileLookingUp swaps editions under readers: each sees one version as
// a whole. Adoption comes before, and a failed one keeps the old edition.
func TestUpdateWhileLookingUp(t *testing.T) {
	a := founded(t)
	live := registry.New(a.load())
	running, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	one, other := index.Number(clearingtest.Hex(clearingtest.Card)).Signed(), index.Number(clearingtest.Hex(clearingtest.OtherCard)).Signed()
	for range 4 {
		readers.Go(func() {
			for running.Err() == nil {
				e := live.Current()
				x, _ := e.Card(one)
				y, _ := e.Card(other)
				if x.Blocked() != y.Blocked() || x.Blocked() != (e.Number()%2 == 0) {
					t.Errorf("version %d: %v and %v", e.Number(), x.Blocked(), y.Blocked())
					return
				}
			}
		})
	}
	status := []string{"blocked", "active"}
	for i := range 6 {
		day := string(rune('1' + i))
		text := cardsHeader
		for _, card := range []string{clearingtest.Card, clearingtest.OtherCard} {
			text += card + "," + clearingtest.Issuer + ",01," + status[i%2] + ",2026010" + day + ",20401231,\n"
		}
		a.change(map[string]string{"cards.csv": text})
		before := live.Version()
		refusal := errors.New("not now")
		err := live.Update(t.Context(), a.Store, func(context.Context, *index.Edition) error { return refusal })
		if !errors.Is(err, refusal) || live.Version() != before {
			t.Errorf("a failed adoption ends with %v at version %s", err, live.Version())
		}
		a.must(live.Update(t.Context(), a.Store, func(_ context.Context, rows *index.Edition) error {
			if n := rows.Counts()["cards"]; n != 2 || live.Version() != before {
				t.Errorf("adopting %d cards at version %s", n, live.Version())
			}
			return nil
		}))
	}
	stop()
	readers.Wait()
	if e := a.load(); e.Version() != live.Version() || live.Current().Number() != 7 {
		t.Errorf("the process is at %s, the database at %s", live.Version(), e.Version())
	}
}

// TestFollow waits for a process to read a change by itself.
func TestFollow(t *testing.T) {
	a := founded(t)
	live := registry.New(a.load())
	adopted := make(chan string)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		live.Follow(ctx, a.Store, time.Millisecond, func(_ context.Context, rows *index.Edition) error {
			adopted <- rows.Channels()[0].ID
			return nil
		}, slog.New(slog.DiscardHandler))
	}()
	a.change(map[string]string{"channels.csv": "id,name,name_en,effective_from,effective_to\nkiosk,自助机,Kiosk,20260101,\n"})
	if id := <-adopted; id != "kiosk" {
		t.Errorf("adopted channel %q", id)
	}
	stop()
	<-ended
}

// TestAlteredIsNotAdopted changes what was approved, in a row and in a head: a running process
// finds it before it opens an account or books an opening for it.
func TestAlteredIsNotAdopted(t *testing.T) {
	for _, statement := range []string{
		`UPDATE registry_versions SET head = '\x00' WHERE number = 2`,
		"UPDATE registry_rows SET record = replace(record, '100,', '900,') WHERE kind = 12",
		`UPDATE registry_changes SET digest = '\x00' WHERE number = (SELECT change FROM registry_versions WHERE number = 2)`,
	} {
		a := founded(t)
		live := registry.New(a.load())
		a.change(map[string]string{"purses.csv": "card,issuer,fen,day\n" + clearingtest.Card + "," + clearingtest.Issuer + ",100,20260101\n"})
		_, err := a.ledger.Pool().Exec(t.Context(), statement)
		a.must(err)
		err = live.Update(t.Context(), a.Store, func(_ context.Context, rows *index.Edition) error {
			t.Errorf("%s: adopted %d purses", statement, rows.Counts()["purses"])
			return nil
		})
		if !errors.Is(err, registry.ErrAltered) || live.Current().Number() != 1 {
			t.Errorf("%s: %v at version %d, want ErrAltered at 1", statement, err, live.Current().Number())
		}
	}
}

// TestIssuerCorrected registers a card under a wrong issuer and corrects that by a row of the
// same first day, which another day or another card does not.
func TestIssuerCorrected(t *testing.T) {
	a := founded(t)
	card := func(issuer, from string) map[string]string {
		return map[string]string{"cards.csv": cardsHeader + clearingtest.Stranger + "," + issuer + ",01,active," + from + ",20401231,\n"}
	}
	a.change(card("01014911ffffffff", "20260101"))
	for _, from := range []string{"20251231", "20260102"} {
		if _, err := registry.Read(clearingtest.WriteFiles(t, card(clearingtest.Issuer, from)), a.load()); err == nil {
			t.Errorf("another card with the same digits was accepted from %s", from)
		}
	}
	a.change(card(clearingtest.Issuer, "20260101"))
	got, ok := a.load().Card(index.Number(clearingtest.Hex(clearingtest.Stranger)).Signed())
	if !ok || got.ID.Issuer != [8]byte(clearingtest.Hex(clearingtest.Issuer)) {
		t.Errorf("the card reads %+v (%v), want the corrected issuer", got, ok)
	}
}

// TestFoundingRace lets several processes found at once: one does.
func TestFoundingRace(t *testing.T) {
	a := newArchive(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	founders := 0
	for range 4 {
		draft := a.read(clearingtest.Files(), nil)
		all.Go(func() {
			err := a.Found(t.Context(), draft, by("founder", ""))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				founders++
			} else if !errors.Is(err, registry.ErrFounded) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if founders != 1 || a.load().Number() != 1 {
		t.Errorf("%d founders, version %d", founders, a.load().Number())
	}
}

// TestNothingNew finds no change in files that say what is in force.
func TestNothingNew(t *testing.T) {
	a := founded(t)
	_, err := a.Keep(t.Context(), a.read(clearingtest.Files(), a.load()))
	if !errors.Is(err, registry.ErrNothingNew) {
		t.Errorf("the same files are proposed with %v", err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	a.must(os.Mkdir(empty, 0o755))
	if _, err := registry.Read(empty, a.load()); err == nil || !strings.Contains(err.Error(), "no file of a registry") {
		t.Errorf("an empty directory reads with %v", err)
	}
}

// TestUnfinished keeps rows of which some were lost on the way: they are kept once more, and the
// change that lacks them is not approved.
func TestUnfinished(t *testing.T) {
	a := founded(t)
	files := block(clearingtest.Card, "20261124")
	change := a.keep(files)
	_, err := a.ledger.Pool().Exec(t.Context(), "DELETE FROM registry_rows WHERE change = $1", change.Change)
	a.must(err)
	if err := a.Approve(t.Context(), change, by("ann", "bob")); !errors.Is(err, registry.ErrUnfinished) {
		t.Errorf("a change without its rows was approved: %v", err)
	}
	if again := a.keep(files); again.Change == change.Change || again.Digest != change.Digest {
		t.Errorf("kept as %+v after %+v", again, change)
	}
}

package dayclose_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/dayclose"
	"citycard/clearing/registry"
	"citycard/clearing/schema"
	"citycard/clearing/settlement"
	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/ledgertest"
	"citycard/ledger/verify"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

const today ledger.Day = 20260105

// move books a transfer on the effective day; id tells the transfers apart.
func move(id byte, day ledger.Day, debit, credit string, fen ledger.Fen, purpose ledger.Purpose) ledger.Transfer {
	return ledger.Transfer{
		Day: day, Subject: "s", ID: ledger.ID([]byte{id}), Debit: ledger.IDOfCode(debit), Credit: ledger.IDOfCode(credit),
		Amount: fen, Purpose: purpose,
	}
}

// office is a ledger with a town's accounts and a day that is nearly over.
type office struct {
	*testing.T
	town   *clearingtest.Town
	ledger *ledger.Ledger
	closer *dayclose.Closer
	dir    string
	url    string // of the database
}

func (o *office) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// post books transfers in the stream's day, or in the day given for a new one.
func (o *office) post(stream string, day ledger.Day, transfers ...ledger.Transfer) {
	o.Helper()
	lease, err := o.ledger.Lease(o.Context(), stream, "test", day)
	o.must(err)
	out, err := o.ledger.Post(o.Context(), &ledger.Batch{
		Stream: stream, Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: lease.Day, Transfers: transfers,
	})
	o.must(err)
	for i, decision := range out.Transfers {
		if decision.Result != ledger.Inserted {
			o.Fatalf("transfer %d: %s %v", i, decision.Result, decision.Err)
		}
	}
}

// files are the files of a folder by name.
func (o *office) files(dir string) map[string]string {
	o.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	o.must(err)
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		o.must(err)
		files[entry.Name()] = string(data)
	}
	return files
}

func (o *office) wantBalances(want map[string]ledger.Fen) {
	o.Helper()
	for code, fen := range want {
		sums, err := o.ledger.Balance(o.Context(), code)
		o.must(err)
		if got := sums.Credits - sums.Debits; got != fen {
			o.Errorf("%s holds %d, want %d", code, got, fen)
		}
	}
}

func newOffice(t *testing.T) *office {
	t.Helper()
	url := ledgertest.New(t)
	o := &office{T: t, town: clearingtest.New(t, nil), ledger: ledgertest.Connect(t, url, 8), dir: t.TempDir(), url: url}
	o.must(schema.Apply(t.Context(), url))
	o.town.Found(t, o.ledger.Pool())
	o.must(o.ledger.OpenDay(t.Context(), today))
	o.must(o.ledger.OpenAccounts(t.Context(), chart.Accounts(o.town.Registry.Current())))
	personal := chart.Personal([16]byte{15: 1})
	o.post("openings", 0, chart.Openings(o.town.Registry.Current())...)
	o.post("receipts", 0,
		move(1, today, chart.BankMedical, chart.Fund("employee"), 10_000, chart.PurposeReceipt),
		move(2, today, chart.BankPension, chart.PensionFund, 10_000, chart.PurposeReceipt))
	o.post("taps/0", 0,
		move(3, today, chart.Float, "operator:bus", 80, chart.PurposeBus),
		move(4, today, chart.Float, "operator:bus", 80, chart.PurposeBus),
		move(5, today-1, chart.Float, "operator:bus", 100, chart.PurposeBus),
		move(6, today, "channel:counter", chart.Unwritten, 5000, chart.PurposeLoadAuthorised),
		move(7, today, chart.Fund("employee"), "hospital:h1", 700, chart.PurposeMedicalFund),
		move(8, today, personal, "hospital:h1", 200, chart.PurposeMedicalAccount),
		move(9, today, chart.PensionFund, chart.PensionPayout, 3000, chart.PurposePension),
		move(10, today, chart.PensionPayout, chart.PensionReturned, 1000, chart.PurposePensionReturn))
	rules, err := dayclose.LoadRules(dayclose.ExampleJSON())
	o.must(err)
	seed := sha256.Sum256([]byte("test"))
	o.closer = &dayclose.Closer{
		Ledger: o.ledger, Owner: "test", Dir: filepath.Join(o.dir, "settlement"), Seals: filepath.Join(o.dir, "seals"),
		Signer: ed25519.NewKeyFromSeed(seed[:]), Rules: rules,
	}
	ledgertest.Pin(t, o.ledger, o.closer.Signer)
	return o
}

// TestClose closes a day with taps of two days, a medical settlement, pensions
// and a receipt, and closes it again: the positions and payments are those worked
// out below, once.
//
//	operator:bus   80 + 80 (today) + 100 (yesterday)   = 260, paid from the reserve
//	hospital:h1    700 (fund) + 200 (account)           = 900, paid from bank:medical
//	pension        3000 sent - 1000 returned            = 2000, paid from bank:pension
//	channel        -5000 authorised                     stays owed
func TestClose(t *testing.T) {
	o := newOffice(t)
	l, closer, must := o.ledger, o.closer, o.must
	result, err := closer.Close(t.Context(), today, today.Next())
	must(err)
	_, err = closer.Close(t.Context(), today, today.Next())
	must(err)
	left, err := l.NotAtZero(t.Context(), today)
	must(err)
	if len(left) != 0 {
		t.Errorf("the close left something on %+v", left)
	}
	seal, err := closer.Seal(t.Context(), today)
	must(err)

	positions := map[string]settlement.Position{}
	for _, p := range result.Positions {
		positions[p.Participant.Code] = p
	}
	for code, fen := range map[string]int64{
		"operator:bus": 260, "operator:metro": 0, "hospital:h1": 900, "channel:counter": -5000,
		"fund:employee": -700, "fund:resident": 0, "pension:fund": -3000, "pension:payout": 2000,
	} {
		if positions[code].Fen != fen {
			t.Errorf("position of %s is %d, want %d", code, positions[code].Fen, fen)
		}
	}
	if lines := positions["operator:bus"].Lines; len(lines) != 2 || lines[0].Day != 20260104 || lines[0].Fen != 100 || lines[1].Count != 2 {
		t.Errorf("lines of the bus operator are %+v, want yesterday's 100 apart from today's two", lines)
	}
	o.wantBalances(map[string]ledger.Fen{
		"operator:bus": 0, "hospital:h1": 0, chart.PensionPayout: 0, chart.PensionReturned: 1000, chart.Reserve: 260,
		"channel:counter": -5000, chart.BankPension: -10_000 + 2000, chart.BankMedical: -10_000 - 50_000 + 900,
	})
	if _, err := settlement.Verify(result.Files); err != nil {
		t.Error(err)
	}
	_, err = verify.Books(t.Context(), l, closer.Signer.Public().(ed25519.PublicKey), func(f verify.Fault) { t.Error(f) })
	must(err)
	checkSealFile(t, filepath.Join(o.dir, "seals", "20260105.json"), seal)

	// The sealed day takes no more.
	if lease, err := l.Lease(t.Context(), "taps/0", "test", 0); err != nil || lease.Day != today.Next() {
		t.Errorf("after the close taps/0 is in day %d (%v), want %d", lease.Day, err, today.Next())
	}
}

// TestCloseTogether closes a day on several machines at once. Each close that was in time for the
// day says the same, nothing is unpaid, and everybody is paid once.
func TestCloseTogether(t *testing.T) {
	o := newOffice(t)
	group, ctx := errgroup.WithContext(t.Context())
	results := make([]*dayclose.Result, 4)
	for i := range results {
		closer := *o.closer
		closer.Dir = t.TempDir()
		group.Go(func() error {
			result, err := closer.Close(ctx, today, today.Next())
			if errors.Is(err, ledger.ErrDay) { // it came when the day had ended
				return nil
			}
			if err == nil && len(result.Unpaid) > 0 {
				return fmt.Errorf("unpaid: %+v", result.Unpaid)
			}
			results[i] = result
			return err
		})
	}
	o.must(group.Wait())
	var said []map[string]string
	for _, result := range results {
		if result != nil {
			said = append(said, o.files(result.Files))
		}
	}
	if len(said) == 0 || len(said[0]) < 2 {
		t.Fatalf("the closes wrote %v", said)
	}
	for i, files := range said[1:] {
		if !maps.Equal(files, said[0]) {
			t.Errorf("close %d wrote %v, the first %v", i+1, files, said[0])
		}
	}
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 0, "hospital:h1": 0, chart.PensionPayout: 0, chart.Reserve: 260, chart.BankMedical: -10_000 - 50_000 + 900})
}

func checkSealFile(t *testing.T, path string, seal chain.Seal) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Day, Root, Signature, Signer string }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	read := chain.Seal{Day: today, Signature: clearingtest.Hex(file.Signature), Signer: clearingtest.Hex(file.Signer)}
	copy(read.Root[:], clearingtest.Hex(file.Root))
	if !read.Valid() || read.Root != seal.Root || file.Day != "20260105" {
		t.Errorf("the published seal %s does not verify", data)
	}
}

// TestReopen closes a day, reopens it by two people, books an adjustment in it and
// closes it again: the difference alone is paid, the files are written again beside
// the first ones, and after the seal nothing reopens it.
func TestReopen(t *testing.T) {
	o := newOffice(t)
	first, err := o.closer.Close(t.Context(), today, today.Next())
	o.must(err)
	by := ledger.Approval{First: "Li", Second: "Li", Reason: "a file came late", At: time.Date(2026, 1, 6, 9, 0, 0, 0, time.UTC)}
	if err := o.ledger.ReopenDay(t.Context(), today, by); err == nil {
		t.Error("one person reopened the day alone")
	}
	by.Second = "Wang"
	o.must(o.ledger.ReopenDay(t.Context(), today, by))
	o.post("adjustments/20260105", today, move(11, today, chart.Float, "operator:bus", 40, chart.PurposeBus))
	// Broken off once its files are written, with nothing paid yet: nobody books in the
	// day any more, and another close goes on.
	broken := *o.closer
	broken.Owner = strings.Repeat("x", 1000)
	if _, err := broken.Close(t.Context(), today, today.Next()); err == nil {
		t.Fatal("the close with a bad owner went through")
	}
	lease, err := o.ledger.Lease(t.Context(), "adjustments/20260105", "test", today)
	o.must(err)
	if lease.Day != today.Next() {
		t.Errorf("while the day is closed again its adjustments are booked on %s, want %s", lease.Day, today.Next())
	}
	second, err := o.closer.Close(t.Context(), today, today.Next())
	o.must(err)
	_, err = o.closer.Close(t.Context(), today, today.Next())
	o.must(err)
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 0, chart.Reserve: 300, "hospital:h1": 0})
	if first.Files == second.Files {
		t.Error("the second close wrote over the files of the first")
	}
	for _, result := range []*dayclose.Result{first, second} {
		if _, err := settlement.Verify(result.Files); err != nil {
			t.Error(err)
		}
	}
	_, err = o.closer.Seal(t.Context(), today)
	o.must(err)
	if err := o.ledger.ReopenDay(t.Context(), today, by); !errors.Is(err, ledger.ErrDay) {
		t.Errorf("a sealed day was reopened: %v", err)
	}
	_, err = verify.Books(t.Context(), o.ledger, o.closer.Signer.Public().(ed25519.PublicKey), func(f verify.Fault) { t.Error(f) })
	o.must(err)
}

// TestSealPublishedBefore: books that were brought back to a time before a day's seal do not take
// the published one's place without a word.
func TestSealPublishedBefore(t *testing.T) {
	o := newOffice(t)
	_, err := o.closer.Close(t.Context(), today, today.Next())
	o.must(err)
	o.must(os.MkdirAll(o.closer.Seals, 0o700))
	file := filepath.Join(o.closer.Seals, today.String()+".json")
	const published = "the seal that everybody was given"
	o.must(os.WriteFile(file, []byte(published), 0o600))
	_, err = o.closer.Seal(t.Context(), today)
	if refused := (*dayclose.PublishedError)(nil); !errors.As(err, &refused) || refused.File != file {
		t.Errorf("sealing: %v, want a refusal that names %s", err, file)
	}
	days, err := o.ledger.Days(t.Context())
	o.must(err)
	if text, err := os.ReadFile(file); err != nil || string(text) != published || days[0].State != ledger.DayClosed {
		t.Errorf("%s holds %q (%v), the day is %s", file, text, err, days[0].State)
	}
	o.must(os.Remove(file))
	for range 2 { // and again, once the books have it
		_, err = o.closer.Seal(t.Context(), today)
		o.must(err)
	}
}

// TestCloseInterrupted cuts a close off after each of its steps and closes again:
// the same files, and everybody paid once.
func TestCloseInterrupted(t *testing.T) {
	steps := map[string]func(o *office){
		"streams moved": func(o *office) {
			o.must(o.ledger.CloseDay(o.Context(), today, today.Next(), dayclose.StreamSettlement))
		},
		"files written": func(o *office) {
			o.must(o.ledger.CloseDay(o.Context(), today, today.Next(), dayclose.StreamSettlement))
			positions, _, err := dayclose.Positions(o.Context(), o.ledger, o.town.Registry.Current(), today)
			o.must(err)
			o.must(os.MkdirAll(o.closer.Dir, 0o755))
			_, err = settlement.Write(filepath.Join(o.closer.Dir, today.String()), today, positions)
			o.must(err)
		},
		"payments booked": func(o *office) {
			_, err := o.closer.Close(o.Context(), today, today.Next())
			o.must(err)
		},
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			step(o)
			// What comes meanwhile is tomorrow's.
			o.post("taps/0", 0, move(20, today, chart.Float, "operator:bus", 7, chart.PurposeBus))
			result, err := o.closer.Close(t.Context(), today, today.Next())
			o.must(err)
			if _, err := settlement.Verify(result.Files); err != nil {
				t.Error(err)
			}
			o.wantBalances(map[string]ledger.Fen{"operator:bus": 7, "hospital:h1": 0, chart.Reserve: 260})
		})
	}
}

// TestRegistryChanges breaks a close off once its files are written, renames an operator
// and adds another, and closes again: with the registry of the first attempt, the files
// stand. The next day is closed with the new one.
func TestRegistryChanges(t *testing.T) {
	o := newOffice(t)
	broken := *o.closer
	broken.Owner = strings.Repeat("x", 1000)
	if _, err := broken.Close(t.Context(), today, today.Next()); err == nil {
		t.Fatal("the close with a bad owner went through")
	}
	if _, err := os.Stat(filepath.Join(o.closer.Dir, today.String())); err != nil {
		t.Fatalf("the broken close wrote no files: %v", err)
	}

	files := clearingtest.Files()
	files["operators.csv"] += "tram,有轨电车,Tram,bus,20260101,\n"
	store := registry.NewStore(o.ledger.Pool())
	base, err := store.Load(t.Context())
	o.must(err)
	draft, err := registry.Read(clearingtest.WriteFiles(t, files), base)
	o.must(err)
	at := time.Date(2026, 1, 6, 9, 0, 0, 0, time.UTC)
	content, err := store.Keep(t.Context(), draft)
	o.must(err)
	o.must(store.Approve(t.Context(), content, ledger.Approval{First: "Li", Second: "Wang", Reason: "a new operator", At: at}))
	o.must(o.ledger.OpenAccounts(t.Context(), chart.Accounts(draft.Edition())))

	result, err := o.closer.Close(t.Context(), today, today.Next())
	o.must(err)
	if _, err := settlement.Verify(result.Files); err != nil {
		t.Error(err)
	}
	next, err := o.closer.Close(t.Context(), today.Next(), today.Next().Next())
	o.must(err)
	if len(next.Positions) != len(result.Positions)+1 {
		t.Errorf("%d participants on the next day, %d on the first, want one more", len(next.Positions), len(result.Positions))
	}
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 0, "hospital:h1": 0, chart.Reserve: 260})
}

// TestPreview previews a close while one payee's account is frozen and another's is closed: only
// the rest is shown as paid, and the close then leaves unpaid what the preview said. So it is when
// both are repeated, and on a day that was reopened because one account moves again.
func TestPreview(t *testing.T) {
	o := newOffice(t)
	rehearsing := *o.closer
	rehearsing.Ledger = ledgertest.Connect(t, o.url, 2, ledger.WithRehearsal())
	check := func(payments, unpaid map[string]ledger.Fen) {
		t.Helper()
		transfers, left, err := rehearsing.Preview(t.Context(), today, today.Next())
		o.must(err)
		found := map[string]ledger.Fen{}
		for _, p := range transfers {
			found[string(p.Subject)] = p.Amount
		}
		if !maps.Equal(found, payments) || len(transfers) != len(payments) {
			t.Errorf("it would pay %v, want %v", found, payments)
		}
		result := o.close(today)
		said := func(list []dayclose.Unpaid) (lines []string) {
			for _, u := range list {
				lines = append(lines, fmt.Sprint(u.Code, " ", int64(u.Fen), " ", u.Err))
			}
			return lines
		}
		if !slices.Equal(said(left), said(result.Unpaid)) {
			t.Errorf("it would leave unpaid %v, and the close left %v", said(left), said(result.Unpaid))
		}
		open := map[string]ledger.Fen{}
		for _, u := range left {
			open[u.Code] = u.Fen
		}
		if !maps.Equal(open, unpaid) {
			t.Errorf("it would leave unpaid %v, want %v", open, unpaid)
		}
	}
	o.must(o.ledger.MarkAccount(t.Context(), "operator:bus", ledger.Marks{Frozen: true}, clearingtest.Approved()))
	o.must(o.ledger.MarkAccount(t.Context(), "hospital:h1", ledger.Marks{Closed: true}, clearingtest.Approved()))
	check(map[string]ledger.Fen{chart.PensionPayout: 2000}, map[string]ledger.Fen{"operator:bus": 260, "hospital:h1": 900})
	check(map[string]ledger.Fen{}, map[string]ledger.Fen{"operator:bus": 260, "hospital:h1": 900})
	o.must(o.ledger.MarkAccount(t.Context(), "operator:bus", ledger.Marks{}, clearingtest.Approved()))
	o.must(o.ledger.ReopenDay(t.Context(), today, clearingtest.Approved()))
	check(map[string]ledger.Fen{"operator:bus": 260}, map[string]ledger.Fen{"hospital:h1": 900})
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 0, "hospital:h1": 900, chart.Reserve: 260, chart.PensionPayout: 0})
}

// TestFrozenPayee closes a day on which one operator's account is frozen: the others are
// paid, the day ends, what is left is named. When the account moves again the day is
// reopened, and closing it pays.
func TestFrozenPayee(t *testing.T) {
	o := newOffice(t)
	o.must(o.ledger.MarkAccount(t.Context(), "operator:bus", ledger.Marks{Frozen: true}, clearingtest.Approved()))
	for range 2 {
		result, err := o.closer.Close(t.Context(), today, today.Next())
		o.must(err)
		if len(result.Unpaid) != 1 || result.Unpaid[0].Code != "operator:bus" || result.Unpaid[0].Fen != 260 || result.Unpaid[0].Err == nil {
			t.Errorf("unpaid: %+v, want 260 to the bus operator", result.Unpaid)
		}
		o.wantBalances(map[string]ledger.Fen{"operator:bus": 260, "hospital:h1": 0, chart.PensionPayout: 0})
	}
	left, err := o.ledger.NotAtZero(t.Context(), today)
	o.must(err)
	if len(left) != 1 || left[0].Account.Code != "operator:bus" {
		t.Errorf("not at zero: %+v, want the bus operator", left)
	}
	o.must(o.ledger.MarkAccount(t.Context(), "operator:bus", ledger.Marks{}, clearingtest.Approved()))
	o.must(o.ledger.ReopenDay(t.Context(), today, ledger.Approval{First: "Li", Second: "Wang", Reason: "may be paid", At: time.Date(2026, 1, 6, 9, 0, 0, 0, time.UTC)}))
	result, err := o.closer.Close(t.Context(), today, today.Next())
	o.must(err)
	if len(result.Unpaid) != 0 {
		t.Errorf("unpaid after all: %+v", result.Unpaid)
	}
	o.wantBalances(map[string]ledger.Fen{"operator:bus": 0, chart.Reserve: 260})
}

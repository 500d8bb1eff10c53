package crowd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/simulators/document"
	"citycard/simulators/forgery"
	"citycard/simulators/plan"
	"citycard/simulators/plan/plantest"
	"citycard/simulators/truth"
)

func beijing() *time.Location { return time.FixedZone("Asia/Shanghai", 8*3600) }

func zhengzhou(t testing.TB) *plan.Town { return plantest.Town(t, "../..") }

// sent collects the letters of a day, by lot.
type sent struct {
	mu   sync.Mutex
	lots [plan.Lots][]Letter
}

func (s *sent) send(_ context.Context, lot int, letters []Letter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lots[lot] = append(s.lots[lot], slices.Clone(letters)...)
	return nil
}

func (s *sent) hash() string {
	h := sha256.New()
	for _, lot := range s.lots {
		for _, l := range lot {
			fmt.Fprintf(h, "%d %d\n", len(l.Key), len(l.Value))
			h.Write(l.Key)
			h.Write(l.Value)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (s *sent) all() []Letter { return slices.Concat(s.lots[:]...) }

// someFaults has every fault, more often than usual.
func someFaults() plan.Shares {
	s := plan.Shares{Duplicate: 0.02, OutOfOrder: 0.01, UnknownTerminal: 0.002}
	s.Foreign, s.Late, s.WrongClock = 0.02, 0.05, 0.01
	s.Tampered = 0.1
	s.Undecodable, s.Invalid, s.CounterGap, s.SAMGap = 0.003, 0.003, 0.01, 0.01
	return s
}

func options(t testing.TB, dir string, s *sent) Options {
	return Options{
		Day: plan.Day{
			Dir: dir, City: plan.City{Seed: 11, Cards: 3000, Riders: 2000, Day: 20261124}, Town: zhengzhou(t), Keys: keys.GenerateTest(3),
			Fares: plantest.Fares(t, zhengzhou(t), document.Midnight(20200101), nil), Date: time.Date(2026, 11, 24, 0, 0, 0, 0, beijing()), Shares: someFaults(),
		},
		Truth: filepath.Join(dir, "truth"), Send: s.send,
	}
}

func play(t testing.TB, o Options) *truth.Summary {
	t.Helper()
	summary, err := Play(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return summary
}

// golden is the hash of all letters of the test's day. It changes when, and only
// when, the bytes of a seed change.
const golden = "d8a6caa8f26321bd1414f92b11f210b6e4daea4bb05fb1b6402dfb37ce53e24f"

// TestSameSeedSameBytes plays a day twice, the second time after an interruption.
func TestSameSeedSameBytes(t *testing.T) {
	var first, second sent
	play(t, options(t, t.TempDir(), &first))
	if got := first.hash(); got != golden {
		t.Errorf("hash %s, want %s", got, golden)
	}
	dir := t.TempDir()
	o := options(t, dir, &second)
	broken := errors.New("no broker")
	o.Sent = func(context.Context) error { return broken }
	if _, err := Play(t.Context(), o); !errors.Is(err, broken) {
		t.Fatalf("%v, want %v", err, broken)
	}
	second = sent{}
	play(t, options(t, dir, &second))
	if second.hash() != first.hash() {
		t.Error("after an interruption the day is another one")
	}
	if _, err := Play(t.Context(), options(t, dir, &second)); !errors.Is(err, ErrPlayed) {
		t.Errorf("the day again: %v, want %v", err, ErrPlayed)
	}
}

// TestLettersAreTrue reads every letter and compares it with its line of the truth, using the
// cards' own keys: cleared records are signed, and no others are.
func TestLettersAreTrue(t *testing.T) {
	var s sent
	dir := t.TempDir()
	o := options(t, dir, &s)
	summary := play(t, o)
	records, err := truth.ReadRecords(o.Truth)
	letters := s.all()
	if err != nil || len(records) != len(letters) || summary.Sent != len(letters) {
		t.Fatalf("%d records, %d letters, %d counted, %v", len(records), len(letters), summary.Sent, err)
	}
	for i, r := range records {
		if sum := sha256.Sum256(letters[i].Value); r.SHA256 != hex.EncodeToString(sum[:]) {
			t.Fatalf("record %d is not that of its letter", i)
		}
		var m message.Tap
		err := proto.Unmarshal(letters[i].Value, &m)
		if (err != nil) != (r.Reason == "undecodable") {
			t.Fatalf("record %d, %s: %v", i, r.Fault, err)
		}
		if err != nil {
			continue
		}
		whole, err := proto.MarshalOptions{Deterministic: true}.Marshal(&m)
		if err != nil || !bytes.Equal(whole, letters[i].Value) {
			t.Fatalf("record %d: protobuf writes %x, %v; sent %x", i, whole, err, letters[i].Value)
		}
		if r.Reason == "invalid_field" || r.Reason == "transaction_type" {
			continue
		}
		if good := signed(o.Keys, m.GetDebit()); good != (r.Reason != "bad_tac" && !foreign(m.GetDebit())) {
			t.Fatalf("record %d, %s: TAC good %v", i, r.Fault, good)
		}
	}
	for _, fault := range []string{
		"duplicate", "late", "out_of_order", "undecodable", "invalid_field", "unknown_terminal", "wrong_clock", "unknown_card", "card_expired",
		"card_blocked", "card_listed", "foreign", "issuer_not_accepted", "counter_gap", "sam_gap", "tampered_card_0", "tampered_card_9",
	} {
		if summary.Faults[fault] == 0 {
			t.Errorf("no %s among %d records", fault, summary.Sent)
		}
	}
}

// TestEveryByteIsAltered alters most taps: every byte of every field that a tap has, before its
// original and after it.
func TestEveryByteIsAltered(t *testing.T) {
	var s sent
	o := options(t, t.TempDir(), &s)
	o.Shares = plan.Shares{Tampered: 0.9}
	play(t, o)
	records, err := truth.ReadRecords(o.Truth)
	if err != nil {
		t.Fatal(err)
	}
	fired, seen := map[string]int{}, map[truth.Key]bool{}
	for _, r := range records {
		if place, altered := strings.CutPrefix(r.Fault, "tampered_"); altered {
			if r.Day == 0 || seen[r.Key()] {
				fired[place+" after"]++
			}
			if r.Day == 0 || !seen[r.Key()] {
				fired[place+" before"]++
			}
		}
		seen[r.Key()] = true
	}
	whole := &message.Tap{
		Debit:     &message.Debit{Card: make([]byte, 10), Issuer: make([]byte, 8), Terminal: make([]byte, 6), Time: make([]byte, 7), Tac: make([]byte, 4)},
		EntryTime: make([]byte, 7), FareVersion: "test", Vehicle: "M00000",
	}
	for _, place := range forgery.Places(whole, nil) {
		for _, order := range []string{"before", "after"} {
			if fired[place.String()+" "+order] == 0 {
				t.Errorf("%s was never altered %s its original", place, order)
			}
		}
	}
}

func foreign(d *message.Debit) bool {
	issuer := [8]byte(d.GetIssuer())
	return issuer == plan.VisitorIssuer() || issuer == plan.FormerIssuer()
}

func signed(store *keys.Store, d *message.Debit) bool {
	id := keys.CardID{Issuer: [8]byte(d.GetIssuer()), ASN: [10]byte(d.GetCard())}
	return keys.PurchaseTAC(store.CardKeys(id).TAC(), keys.Purchase{
		Amount: d.GetAmountFen(), Type: byte(d.GetType()), Terminal: [6]byte(d.GetTerminal()), TerminalSequence: d.GetTerminalSequence(), Time: [7]byte(d.GetTime()),
	}) == keys.MAC(d.GetTac())
}

// TestMoneyAndSequences follows every card and SAM through two days: each purse holds its opening
// less its taps, and counters and sequences have exactly the gaps that were asked for.
func TestMoneyAndSequences(t *testing.T) {
	dir := t.TempDir()
	var s sent
	o := options(t, dir, &s)
	o.Shares = plan.Shares{CounterGap: 0.01, SAMGap: 0.01, Hot: 0.9}
	o.Hot = "simbus-a"
	gaps := 0
	play(t, o)
	o.Date = o.Date.AddDate(0, 0, 1)
	play(t, o)
	summary, err := truth.ReadSummary(o.Truth)
	if err != nil {
		t.Fatal(err)
	}
	if share := float64(summary.Payees["operator:simbus-a"]) / float64(summary.PayeesFen()); share < 0.85 {
		t.Errorf("the hot operator has %.2f of the money", share)
	}
	spent, counters, sequences := map[string]int64{}, map[string][]int{}, map[string][]int{}
	for _, l := range s.all() {
		var m message.Tap
		if err := proto.Unmarshal(l.Value, &m); err != nil {
			t.Fatal(err)
		}
		spent[truth.CardOf([8]byte(m.GetDebit().GetIssuer()), [10]byte(m.GetDebit().GetCard()))] += int64(m.GetDebit().GetAmountFen())
		counters[string(l.Key)] = append(counters[string(l.Key)], int(m.GetCardCounter()))
		sam := string(m.GetDebit().GetTerminal())
		sequences[sam] = append(sequences[sam], int(m.GetDebit().GetTerminalSequence())-1)
	}
	for _, list := range []map[string][]int{counters, sequences} {
		for _, numbers := range list {
			if !sort.IntsAreSorted(numbers) || len(slices.Compact(slices.Clone(numbers))) != len(numbers) {
				t.Fatalf("numbers go back or repeat: %v", numbers)
			}
			gaps += numbers[len(numbers)-1] + 1 - len(numbers)
		}
	}
	if want := summary.Faults["counter_gap"] + summary.Faults["sam_gap"]; gaps < want || gaps > want*21/20+2 {
		t.Errorf("%d numbers are missing, %d gaps named", gaps, want)
	}
	purses, err := truth.ReadPurses(o.Truth)
	if err != nil || len(purses) != o.City.Riders {
		t.Fatalf("%d purses, %v", len(purses), err)
	}
	for i, p := range purses {
		k, err := newCard(&o.City, o.Town, i)
		if err != nil || p.Card != truth.CardOf(plan.Issuer(), k.ASN) || p.Fen != int64(k.Opening)-spent[p.Card] {
			t.Fatalf("card %s holds %d, %v; began with %d, spent %d", p.Card, p.Fen, err, k.Opening, spent[p.Card])
		}
	}
}

// TestOrderAndParts sends the same day in another order and in two parts: the same
// records, the same truth, and of each tap the same version first.
func TestOrderAndParts(t *testing.T) {
	base := t.TempDir()
	var plain sent
	o := options(t, base, &plain)
	play(t, o)
	want := lines(t, o.Truth)

	var shuffled sent
	o = options(t, t.TempDir(), &shuffled)
	o.OrderSeed = 5
	play(t, o)
	if shuffled.hash() == plain.hash() {
		t.Error("the order seed changes nothing")
	}
	if got := lines(t, o.Truth); !slices.Equal(got, want) {
		t.Error("the order seed changes the truth")
	}

	dir := t.TempDir()
	var parts, part sent
	for n := 1; n <= 2; n++ {
		part = sent{}
		o = options(t, dir, &part)
		o.Part, o.Parts = n, 2
		play(t, o)
		for lot := range part.lots {
			if len(part.lots[lot]) == 0 {
				t.Errorf("part %d sends nothing of lot %d", n, lot)
			}
			parts.lots[lot] = append(parts.lots[lot], part.lots[lot]...)
		}
		if got := lines(t, o.Truth); !slices.Equal(got, want) {
			t.Errorf("part %d has another truth", n)
		}
	}
	if parts.hash() != plain.hash() {
		t.Error("the parts together are not the day")
	}
}

// lines are all records of a truth, sorted.
func lines(t *testing.T, dir string) []string {
	t.Helper()
	records, err := truth.ReadRecords(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, len(records))
	for i := range records {
		out[i] = string(records[i].AppendJSON(nil))
	}
	slices.Sort(out)
	return out
}

// TestIssue writes a registry: a row for every card but the unregistered ones, a
// purse for every rider.
func TestIssue(t *testing.T) {
	dir := t.TempDir()
	c := plan.City{Seed: 11, Cards: 1000, Riders: 400, Day: 20261124}
	if err := Issue(dir, c, zhengzhou(t), nil); err != nil {
		t.Fatal(err)
	}
	for name, rows := range map[string]int{"cards.csv": 1000 - 3, "purses.csv": 400, "persons.csv": 0, "hotlist.csv": 4} {
		data, err := os.ReadFile(filepath.Join(dir, "registry", name))
		if err != nil || strings.Count(string(data), "\n") != rows+1 {
			t.Errorf("%s: %d lines, %v; want %d rows", name, strings.Count(string(data), "\n"), err, rows)
		}
	}
	if got, ok, err := plan.Read(dir); got != c || !ok || err != nil {
		t.Errorf("read %+v, %v, %v", got, ok, err)
	}
	if _, ok, err := plan.Read(t.TempDir()); ok || err != nil {
		t.Errorf("an empty directory: %v, %v", ok, err)
	}
	empty := t.TempDir()
	c.Riders = 0
	if err := Issue(empty, c, zhengzhou(t), nil); !errors.Is(err, errChips) {
		t.Errorf("a city with chips: %v", err)
	}
	if _, ok, err := plan.Read(empty); ok || err != nil {
		t.Errorf("it was issued all the same: %v, %v", ok, err)
	}
}

// TestRefusals: a day that cannot be played is refused before anything is sent.
func TestRefusals(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"few cards":     func(o *Options) { o.City.Cards = 5 },
		"chips":         func(o *Options) { o.City.Riders = 0 },
		"more riders":   func(o *Options) { o.City.Riders = 4000 },
		"share":         func(o *Options) { o.Shares.Late = 1.5 },
		"unknown field": func(o *Options) { o.Shares.Fields = []string{"tac", "colour"} },
		"tampered":      func(o *Options) { o.Shares.Tampered = 1.2 },
		"hot nobody":    func(o *Options) { o.Shares.Hot = 0.9 },
		"hot stranger":  func(o *Options) { o.Shares.Hot, o.Hot = 0.9, "nobody" },
		"part 3 of 2":   func(o *Options) { o.Part, o.Parts = 3, 2 },
		"rides":         func(o *Options) { o.Rides = 100 },
		"other fares": func(o *Options) {
			o.Fares = plantest.Fares(t, zhengzhou(t), document.Midnight(20200101), func(m *message.FareTable) { m.Fares[0].Prices[0].MetroFen[1]++ })
		},
		"damaged state": func(o *Options) {
			if err := os.WriteFile(filepath.Join(o.Dir, stateFile), []byte("CROWDST1 and noise"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var s sent
			o := options(t, t.TempDir(), &s)
			change(&o)
			if _, err := Play(t.Context(), o); err == nil || len(s.all()) != 0 {
				t.Errorf("error %v, %d letters sent", err, len(s.all()))
			}
		})
	}
}

// BenchmarkDay generates a day of half a million riders without truth files and
// without a broker.
func BenchmarkDay(b *testing.B) {
	for _, files := range []bool{false, true} {
		b.Run(fmt.Sprintf("truth=%v", files), func(b *testing.B) {
			records := 0
			for b.Loop() {
				o := options(b, b.TempDir(), nil)
				o.City = plan.City{Seed: 1, Cards: 500_000, Riders: 200_000}
				o.Shares = plan.Shares{
					Duplicate: 0.02, OutOfOrder: 0.01, Late: 0.01, Tampered: 0.006, Undecodable: 0.0003, Invalid: 0.0002,
					UnknownTerminal: 0.002, WrongClock: 0.0005, Foreign: 0.005, CounterGap: 0.001, SAMGap: 0.001,
				}
				if !files {
					o.Truth = ""
				}
				o.Send = func(context.Context, int, []Letter) error { return nil }
				records += play(b, o).Sent
			}
			b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

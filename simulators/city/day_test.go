package city

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/simulators/document"
	"citycard/simulators/plan"
	"citycard/simulators/plan/plantest"
	"citycard/simulators/truth"
	"citycard/terminals/counter"
	"citycard/terminals/outbox"
	"citycard/terminals/tariff"
)

// publicFares are the fare tables that truth works out itself.
func publicFares(t testing.TB) *tariff.Schedule {
	t.Helper()
	return plantest.Fares(t, zhengzhou(t), document.Midnight(20200101), nil)
}

// manyFaults are shares with which every fault occurs in a small city.
func manyFaults() plan.Shares {
	return plan.Shares{
		Duplicate: 0.02, OutOfOrder: 0.03, Late: 0.1, Tampered: 0.05,
		Undecodable: 0.005, Invalid: 0.005, UnknownTerminal: 0.02, WrongClock: 0.02, Foreign: 0.05, Torn: 0.05, Claim: 0.05, Pension: 0.05,
	}
}

func small() plan.City { return plan.City{Seed: 11, Cards: 700, Day: 20261124} }

// smallCity issues a city of 700 cards in a new directory.
func smallCity(t *testing.T, store *keys.Store) string {
	t.Helper()
	dir := t.TempDir()
	people, err := NewPopulation(small(), zhengzhou(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := Issue(t.Context(), IssueOptions{Dir: dir, Population: people, Keys: store}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func playDay(t *testing.T, dir string, store *keys.Store, day time.Time, shares plan.Shares) *Played {
	t.Helper()
	box, err := outbox.Open(filepath.Join(dir, "outbox"))
	if err != nil {
		t.Fatal(err)
	}
	played, err := Play(t.Context(), Options{
		Day:       plan.Day{Dir: dir, City: small(), Town: zhengzhou(t), Keys: store, Fares: publicFares(t), Date: day, Shares: shares, Rides: 5},
		Authority: pastLoads{store}, Outbox: box,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	return played
}

func beijing() *time.Location { return time.FixedZone("CST", 8*3600) }

// fingerprint hashes the truth card by card: the order between lots is left to chance.
func fingerprint(t *testing.T, p *Played) string {
	t.Helper()
	bySubject := map[string][]truth.Record{}
	for _, r := range p.Records {
		bySubject[r.Subject] = append(bySubject[r.Subject], r)
	}
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, subject := range slices.Sorted(maps.Keys(bySubject)) {
		records := bySubject[subject]
		if subject == "" { // no card can be read from these
			slices.SortFunc(records, func(a, b truth.Record) int { return strings.Compare(a.SHA256, b.SHA256) })
		}
		if err := enc.Encode(records); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Encode(p.Purses); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// goldenCity is the fingerprint of a day of 700 cards. It changes when the city,
// the chips, the terminals or the messages change; then look at what changed and
// write the new one down.
const goldenCity = "545017ea3e65691ae303721e40dbf154091e9c09f603ade10e65c864d90c6316"

func TestSameSeedSameBytes(t *testing.T) {
	store := keys.GenerateTest(1)
	day := time.Date(2026, 11, 24, 0, 0, 0, 0, beijing())
	first := fingerprint(t, playDay(t, smallCity(t, store), store, day, manyFaults()))
	second := fingerprint(t, playDay(t, smallCity(t, store), store, day, manyFaults()))
	if first != second {
		t.Errorf("the same seed gave %s and %s", first, second)
	}
	if first != goldenCity {
		t.Errorf("fingerprint %s, written down is %s", first, goldenCity)
	}
}

// Every fault that package plan lists for cities with chips must occur in a small one, with its
// verdict.
func TestEveryFaultFires(t *testing.T) {
	store := keys.GenerateTest(1)
	dir := smallCity(t, store)
	p := playDay(t, dir, store, time.Date(2026, 11, 24, 0, 0, 0, 0, beijing()), manyFaults())
	verdicts := map[string]map[string]int{}
	for _, r := range p.Records {
		if verdicts[r.Fault] == nil {
			verdicts[r.Fault] = map[string]int{}
		}
		verdicts[r.Fault][strings.TrimSpace(r.Verdict+" "+r.Reason)]++
	}
	for fault, verdict := range map[string]string{
		"duplicate": "duplicate", "out_of_order": "cleared", "late": "cleared",
		"undecodable": "rejected undecodable", "invalid_field": "rejected invalid_field",
		"unknown_terminal": "suspended unknown_terminal", "wrong_clock": "suspended implausible_date",
		"unknown_card": "suspended unknown_card", "card_expired": "suspended card_expired", "card_blocked": "suspended card_blocked",
		"card_listed": "suspended card_listed",
		"foreign":     "pending", "issuer_not_accepted": "suspended issuer_not_accepted",
		"unknown_person": "rejected unknown_person", "unknown_hospital": "rejected unknown_hospital",
		"not_insured": "rejected not_insured", "amounts_disagree": "rejected amounts_disagree",
		"not_entitled": "rejected not_entitled", "certification_lapsed": "rejected certification_lapsed",
		"amount_differs": "rejected amount_differs", "repeated_batch": "duplicate", "returned": "cleared",
		"above_purse":    "suspended amount_too_high",
		"mistyped_month": "rejected implausible_month",
		"torn":           "unconfirmed", "proved_late": "cleared", "over_midnight": "cleared",
	} {
		if verdicts[fault][verdict] == 0 {
			t.Errorf("%s: no record is %s; %v", fault, verdict, verdicts[fault])
		}
	}
	if verdicts[""]["cleared"] == 0 || verdicts[""]["duplicate"] == 0 {
		t.Errorf("records without a fault: %v", verdicts[""])
	}
	for _, purpose := range []string{truth.MetroEntry, truth.MetroExit, truth.Bus, truth.Load, truth.MedicalFund, truth.MedicalAccount, truth.MedicalCash, truth.Pension, truth.PensionReturn} {
		if p.Summary.ByPurpose[purpose].Count == 0 {
			t.Errorf("nothing cleared for %s", purpose)
		}
	}
}

// The purses hold their old balance plus the loads less the spending, with each tap counted once.
func TestPursesFollowFromTheRecords(t *testing.T) {
	store := keys.GenerateTest(1)
	dir := smallCity(t, store)
	day := time.Date(2026, 11, 24, 0, 0, 0, 0, beijing())
	p := playDay(t, dir, store, day, manyFaults())
	shadow := map[string]int64{}
	people, err := NewPopulation(small(), zhengzhou(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range people.Transit {
		shadow[truth.CardOf(plan.Issuer(), c.ASN)] = int64(c.Opening)
	}
	for _, r := range p.Records {
		if !r.Posts() {
			continue
		}
		switch r.Purpose {
		case truth.Load:
			shadow[r.Subject] += r.Fen
		case truth.Bus, truth.MetroExit:
			shadow[r.Subject] -= r.Fen
		}
	}
	if found := truth.ComparePurses(p.Purses, shadow); len(found) > 0 {
		t.Errorf("%d purses of %d differ, first %+v", len(found), len(p.Purses), found[0])
	}
	// The next day begins with the cards' present contents, and none of its records has an identity
	// of the day before.
	next := playDay(t, dir, store, day.AddDate(0, 0, 1), manyFaults())
	keysOf := map[truth.Key]bool{}
	for _, r := range p.Records {
		if r.Posts() {
			keysOf[r.Key()] = true
		}
	}
	for _, r := range next.Records {
		if r.Posts() && r.Purpose != truth.Pension && r.Purpose != truth.PensionReturn && keysOf[r.Key()] {
			t.Fatalf("identity %s of the first day is posted on the second", r.Key())
		}
		if !r.Posts() {
			continue
		}
		switch r.Purpose {
		case truth.Load:
			shadow[r.Subject] += r.Fen
		case truth.Bus, truth.MetroExit:
			shadow[r.Subject] -= r.Fen
		}
	}
	if found := truth.ComparePurses(next.Purses, shadow); len(found) > 0 {
		t.Errorf("after two days %d purses of %d differ, first %+v", len(found), len(next.Purses), found[0])
	}
}

func TestPlayRefuses(t *testing.T) {
	store := keys.GenerateTest(1)
	options := Options{Day: plan.Day{
		Dir: t.TempDir(), City: small(), Town: zhengzhou(t), Keys: store, Fares: publicFares(t), Date: time.Date(2026, 11, 24, 0, 0, 0, 0, beijing()),
	}}
	if _, err := Play(t.Context(), options); !errors.Is(err, errNoImages) {
		t.Errorf("a day without cards: %v", err)
	}
	options.Dir = smallCity(t, store)
	options.Fares = plantest.Fares(t, zhengzhou(t), document.Midnight(20200101), func(m *message.FareTable) { m.Fares[0].Prices[0].Bus[0].Fen++ })
	if _, err := Play(t.Context(), options); err == nil || !strings.Contains(err.Error(), "worked out") {
		t.Errorf("a wrong fare table: %v", err)
	}
	options.Shares.Late = 2
	if _, err := Play(t.Context(), options); err == nil || !strings.Contains(err.Error(), "0 to 1") {
		t.Errorf("a share of 2: %v", err)
	}
}

// closed is a load authority that refuses everybody.
type closed struct{}

func (closed) AuthoriseLoad(context.Context, *message.LoadRequest) (*message.LoadAnswer, error) {
	return &message.LoadAnswer{Refusal: "above_limit"}, nil
}

func TestARefusedLoadEndsTheDay(t *testing.T) {
	store := keys.GenerateTest(1)
	dir := smallCity(t, store)
	box, err := outbox.Open(filepath.Join(dir, "outbox"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Play(t.Context(), Options{
		Day: plan.Day{
			Dir: dir, City: small(), Town: zhengzhou(t), Keys: store, Fares: publicFares(t), Rides: 5,
			Date: time.Date(2026, 11, 24, 0, 0, 0, 0, beijing()),
		},
		Authority: closed{}, Outbox: box,
	})
	if refused, ok := errors.AsType[*counter.RefusedError](err); !ok || refused.Reason != "above_limit" {
		t.Errorf("a day on which nobody may load: %v", err)
	}
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAnInterruptedDayIsNotGoneOnWith(t *testing.T) {
	store := keys.GenerateTest(1)
	dir := smallCity(t, store)
	box, err := outbox.Open(filepath.Join(dir, "outbox"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	options := Options{
		Day: plan.Day{
			Dir: dir, City: small(), Town: zhengzhou(t), Keys: store, Fares: publicFares(t), Rides: 5, Progress: func(string, int, int) { stop() },
			Date: time.Date(2026, 11, 24, 0, 0, 0, 0, beijing()),
		},
		Authority: pastLoads{store}, Outbox: box,
	}
	if _, err := Play(ctx, options); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	if _, err := Play(t.Context(), options); !errors.Is(err, ErrUnfinished) {
		t.Errorf("the same directory again: %v", err)
	}
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
}

// Cards of this city that were made elsewhere are taken unchanged; other cards are refused.
func TestIssueTakesMadeCards(t *testing.T) {
	store := keys.GenerateTest(1)
	people, err := NewPopulation(plan.City{Seed: 11, Cards: 100, Day: 20261124}, zhengzhou(t))
	if err != nil {
		t.Fatal(err)
	}
	orders, err := people.Orders(2)
	if err != nil {
		t.Fatal(err)
	}
	images := t.TempDir()
	var made [][]byte
	for i, blank := range []*chip.Chip{chip.NewTransit(77), chip.NewSocialSecurity(78)} {
		if _, err := counter.Personalise(t.Context(), blank, blank.PowerOn(), store, orders[i]); err != nil {
			t.Fatal(err)
		}
		blank.PowerOff()
		if err := SaveChip(filepath.Join(images, orderName(orders[i])), blank); err != nil {
			t.Fatal(err)
		}
		image, err := blank.Image()
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, image)
	}
	options := IssueOptions{Dir: t.TempDir(), Population: people, Keys: store, Images: images}
	if err := Issue(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	cards, err := readImages(filepath.Join(options.Dir, ImageFile))
	if err != nil {
		t.Fatal(err)
	}
	if len(cards) != 100 || !bytes.Equal(cards[0], made[0]) || !bytes.Equal(cards[80], made[1]) {
		t.Errorf("of %d cards the first of each kind are not those that were made before", len(cards))
	}
	for name, blank := range map[string]*chip.Chip{"blank": chip.NewTransit(1), "SAM": chip.NewPSAM([6]byte{1}, store.SAMKeys())} {
		stray := filepath.Join(images, "stray")
		if err := SaveChip(stray, blank); err != nil {
			t.Fatal(err)
		}
		if err := Issue(t.Context(), options); err == nil || !strings.Contains(err.Error(), stray) {
			t.Errorf("a %s among the cards: %v", name, err)
		}
	}
}

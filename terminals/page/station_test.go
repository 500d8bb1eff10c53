package page_test

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/terminals/counter"
	"citycard/terminals/gate"
	"citycard/terminals/outbox"
	"citycard/terminals/page"
	"citycard/terminals/sam"
	"citycard/terminals/station"
	"citycard/terminals/tariff"
)

var (
	update  = flag.Bool("update", false, "write the pages anew")
	zone    = time.FixedZone("Asia/Shanghai", 8*3600)
	morning = time.Date(2026, 11, 24, 8, 1, 2, 0, zone)
	issuer  = [8]byte{0x99, 0x99, 0x49, 0x10, 0xFF, 0xFF, 0xFF, 0xFF}
)

const number = "03105070200000000012"

// bench is a page with a real desk behind it, and a simulated card on its reader.
type bench struct {
	*testing.T
	base   string
	cookie *http.Cookie
	held   *chip.Chip // nil: the reader is empty
	now    time.Time
	desk   *station.Desk
	gate   *gate.Gate
	broken error // of the SAM, once the card has paid
	paid   *message.Tap
	out    *outbox.Log // with the exit tickets
	paper  []string    // that was printed
	jam    error       // of the printer
}

var errEmpty = errors.New("no card in the reader")

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, now: morning}
	store := keys.GenerateTest(7)
	fares, err := tariff.Of(&message.FareTable{
		Version: "test-1", EffectiveFrom: "20200101000000", MaximumFen: 100_000, MetroStations: 3, MetroClass: []byte{0, 1, 2, 3, 4, 5, 6, 7, 8}, MetroLimitMinutes: 240,
		Fares: []*message.CardFares{{CardType: 1, MetroHighestFen: 900, Prices: []*message.Prices{{MetroFen: []uint32{200, 300, 400, 300, 200, 300, 400, 300, 200}}}}},
	})
	must(t, err)
	module := func(n byte) *sam.Module {
		psam := chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 0, n}, store.SAMKeys())
		psam.PowerOn()
		m, err := sam.Open(t.Context(), psam)
		must(t, err)
		return m
	}
	place := gate.Place{City: 0x4910, Institution: issuer, Operator: 1, Line: 1, Station: 3, Medium: message.Medium_MEDIUM_CONTACTLESS}
	b.desk, err = station.New(module(1), station.Here{Place: place, Fares: fares})
	must(t, err)
	place.Station = 1
	b.gate, err = gate.New(module(2), fares, place)
	must(t, err)
	b.held = chip.NewTransit(1)
	_, err = counter.Personalise(t.Context(), b.held, b.held.PowerOn(), store, counter.Order{Kind: counter.Transit, Transit: &counter.TransitOrder{
		Number: number, Issuer: hex.EncodeToString(issuer[:]), Start: "20260101", Expiry: "20401231",
		CardType: 1, Province: "4900", City: "4910", Interoperable: true, PIN: "123456",
	}})
	must(t, err)
	pages, err := page.NewStation(page.Desk{Here: b.desk.Here, Look: b.look, Correct: b.correct, Now: func() time.Time { return b.now }, Tickets: b.tickets()})
	must(t, err)
	var token string
	b.base, token = served(t, pages)
	b.cookie = session(t, b.base, token)
	return b
}

func (b *bench) look(ctx context.Context) (station.Reading, time.Time, *message.Tap, error) {
	if b.held == nil {
		return station.Reading{}, b.now, nil, errEmpty
	}
	return station.Read(ctx, b.held), b.now, b.paid, nil
}

func (b *bench) correct(ctx context.Context, o station.Offer) (*message.Tap, error) {
	tap, err := b.desk.Update(ctx, b.held, o, b.now)
	return tap, errors.Join(err, b.broken)
}

// get and post are what a browser does in a language.
func (b *bench) get(path, language string) string {
	b.Helper()
	answer, text := call(b.T, http.MethodGet, b.base+path, "", b.browser(language))
	if answer.StatusCode != http.StatusOK {
		b.Fatalf("%s: %d: %s", path, answer.StatusCode, text)
	}
	return text
}

func (b *bench) post(path, language string, form url.Values, want int) string {
	b.Helper()
	answer, text := call(b.T, http.MethodPost, b.base+path, form.Encode(), b.browser(language))
	if answer.StatusCode != want {
		b.Fatalf("%s %v: %d, want %d: %s", path, form, answer.StatusCode, want, text)
	}
	return text
}

func (b *bench) browser(language string) func(*http.Request) {
	return func(r *http.Request) {
		r.AddCookie(b.cookie)
		r.Header.Set("Accept-Language", language)
	}
}

var offerID = regexp.MustCompile(`[0-9a-f]{64}`)

// wantPage compares a page with the one that is stored.
func (b *bench) wantPage(name, text string) {
	b.Helper()
	text = offerID.ReplaceAllString(text, "OFFER")
	path := filepath.Join("testdata", name+".html")
	if *update {
		must(b.T, os.WriteFile(path, []byte(text), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	must(b.T, err)
	if text != string(want) {
		b.Errorf("%s is now (-update stores it)\n%s", name, text)
	}
	if strings.Contains(text, number) || strings.Contains(text, "<script") || strings.Contains(text, "style=") {
		b.Errorf("%s has the card's number, a script or a style of its own", name)
	}
}

// The pages of an update, in both languages: what is wrong, what an update does, that it was done.
func TestStationPages(t *testing.T) {
	for _, l := range []string{"en", "zh"} {
		b := newBench(t)
		b.wantPage("never-used."+l, b.get("/", l))
		_, err := b.gate.Enter(t.Context(), b.held, morning.Add(-time.Hour))
		must(t, err)
		b.wantPage("look."+l, b.get("/", l))
		form := url.Values{"reason": {"02"}, "pay": {"cash"}, "staff": {"A17 <b>"}}
		offer := b.post("/offer", l, form, http.StatusOK)
		b.wantPage("offer."+l, offer)
		b.wantPage("done."+l, b.post("/update", l, url.Values{"offer": {offerID.FindString(offer)}}, http.StatusOK))
		b.held = nil
		b.wantPage("empty."+l, b.get("/", l))
	}
}

// The language that was chosen counts before the browser's.
func TestLanguage(t *testing.T) {
	b := newBench(t)
	answer, _ := call(t, http.MethodGet, b.base+"/?language=zh", "", b.browser("en"))
	if answer.StatusCode != http.StatusSeeOther || len(answer.Cookies()) != 1 {
		t.Fatalf("%d, %v", answer.StatusCode, answer.Cookies())
	}
	_, text := call(t, http.MethodGet, b.base+"/", "", func(r *http.Request) { b.browser("en")(r); r.AddCookie(answer.Cookies()[0]) })
	if !strings.Contains(text, `<html lang="zh-CN">`) {
		t.Error(text)
	}
}

// What was agreed to is done once, for the card and the price that were shown, and not later.
func TestAgreedOnce(t *testing.T) {
	form := url.Values{"reason": {"03"}, "from": {"1"}, "pay": {"card"}}
	for name, test := range map[string]struct {
		between func(b *bench, id string) string
		debits  int
	}{
		"twice": {func(b *bench, id string) string {
			b.post("/update", "en", url.Values{"offer": {id}}, http.StatusOK)
			return id
		}, 1},
		"never shown":    {func(*bench, string) string { return strings.Repeat("0", 64) }, 0},
		"no number":      {func(*bench, string) string { return "" }, 0},
		"shown long ago": {func(b *bench, id string) string { b.now = b.now.Add(2 * time.Minute); return id }, 0},
		"shown before":   {func(b *bench, id string) string { b.post("/offer", "en", form, http.StatusOK); return id }, 0},
		"used since": {func(b *bench, id string) string {
			_, err := b.gate.Enter(b.Context(), b.held, morning)
			must(b.T, err)
			return id
		}, 1},
		"the form itself": {func(*bench, string) string { return form.Encode() }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			id := offerID.FindString(b.post("/offer", "en", form, http.StatusOK))
			id = test.between(b, id)
			b.post("/update", "en", url.Values{"offer": {id}}, http.StatusConflict)
			if log := b.held.Describe().Transit.Log; len(log) != test.debits {
				t.Errorf("%d debits, want %d", len(log), test.debits)
			}
		})
	}
}

// Forms that no page has are refused, and nothing is shown to be agreed to.
func TestForms(t *testing.T) {
	b := newBench(t)
	for _, form := range []url.Values{
		{},
		{"reason": {"3"}, "pay": {"card"}},
		{"reason": {"04"}, "pay": {"card"}},
		{"reason": {"03"}},
		{"reason": {"03"}, "pay": {"gold"}},
		{"reason": {"03"}, "pay": {"card"}, "from": {"0"}},
		{"reason": {"03"}, "pay": {"card"}, "from": {"-1"}},
		{"reason": {"03"}, "pay": {"card"}, "from": {"4"}},
		{"reason": {"03"}, "pay": {"card"}, "from": {"65536"}},
		{"reason": {"03"}, "pay": {"cash"}},
		{"reason": {"10"}, "pay": {"card"}},
		{"reason": {"03"}, "pay": {"cash"}, "staff": {strings.Repeat("a", 33)}},
	} {
		if text := b.post("/offer", "en", form, http.StatusConflict); strings.Contains(text, `action="/update"`) || !strings.Contains(text, `role="alert"`) {
			t.Errorf("%v: %s", form, text)
		}
	}
	for _, path := range []string{"/offer", "/update", "/nothing"} {
		if answer, _ := call(t, http.MethodGet, b.base+path, "", b.browser("en")); answer.StatusCode == http.StatusOK {
			t.Errorf("GET %s", path)
		}
	}
}

// A card that has paid while the desk fails is shown as corrected, and so is one that tells it
// later.
func TestPaidAllTheSame(t *testing.T) {
	b := newBench(t)
	b.broken = errors.New("the SAM is gone")
	offer := b.post("/offer", "en", url.Values{"reason": {"03"}, "from": {"1"}, "pay": {"card"}}, http.StatusOK)
	text := b.post("/update", "en", url.Values{"offer": {offerID.FindString(offer)}}, http.StatusOK)
	if !strings.Contains(text, "the SAM is gone") || !strings.Contains(text, "03 no entry") {
		t.Error(text)
	}
	b.paid = &message.Tap{Debit: &message.Debit{Card: make([]byte, 10)}, Update: &message.Update{Reason: message.UpdateReason_UPDATE_REASON_HAS_ENTRY}}
	for _, text := range []string{b.get("/", "en"), b.post("/offer", "en", url.Values{"reason": {"02"}, "pay": {"card"}}, http.StatusOK)} {
		if !strings.Contains(text, "corrected before") || !strings.Contains(text, "10 has an entry") {
			t.Error(text)
		}
	}
}

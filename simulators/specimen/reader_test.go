package specimen_test

import (
	"encoding/json"
	"errors"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"citycard/cardos/chip"
	"citycard/simulators/pcscd/pcscdtest"
	"citycard/simulators/specimen"
	"citycard/simulators/vcard"
)

// These tests put specimens into real virtual readers and have them read by a program that
// shares no code with this project: testdata/reader.py, Python's standard library over
// libpcsclite, written from published layouts. Without pcscd, vpcd or Python they fail and say
// what to install.

func insert(t *testing.T, slot *vcard.Slot, card vcard.Card) {
	t.Helper()
	if err := slot.Insert(t.Context(), card); err != nil {
		t.Fatal(err)
	}
}

func take(t *testing.T, slot *vcard.Slot) {
	t.Helper()
	if err := slot.Remove(); err != nil && !errors.Is(err, vcard.ErrEmpty) {
		t.Error(err)
	}
}

// read runs the foreign reader until pcscd has noticed the card, and decodes what it
// prints.
func read(t *testing.T, into any, args ...string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is missing; on Debian: apt-get install python3")
	}
	deadline := time.Now().Add(15 * time.Second)
	for {
		out, err := exec.CommandContext(t.Context(), python, append([]string{"testdata/reader.py"}, args...)...).Output()
		if err == nil {
			if err := json.Unmarshal(out, into); err != nil {
				t.Fatalf("the reader printed %q: %v", out, err)
			}
			return
		}
		text := err.Error()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			text = string(exit.Stderr)
		}
		// No card, removed card, unpowered card, not transacted: pcscd checks its readers every 400
		// ms and still sees the previous card.
		unnoticed := slices.ContainsFunc([]string{"8010000C", "80100069", "80100066", "80100016", "80100067"},
			func(code string) bool { return strings.Contains(text, code) })
		if !unnoticed || time.Now().After(deadline) {
			t.Fatalf("reader.py %s: %s", strings.Join(args, " "), text)
		}
	}
}

// readTransit is what the foreign reader prints of a transit card; its names are those of
// the chip's description.
type readTransit struct {
	chip.TransitDescribed
	ATR            string     `json:"atr"`
	Names          []string   `json:"names"`
	HolderID       string     `json:"holder_id"`
	IssuerCity     string     `json:"issuer_city"`
	Interoperable  int        `json:"interoperable"`
	Balances       []uint32   `json:"balances"`
	CityUnion      *readUnion `json:"city_union"`
	NoCityUnion    string     `json:"city_union_ends"`
	FCIIsFile      bool       `json:"fci_is_file_0015"`
	LogEnds        string     `json:"log_ends"`
	TripIDs        []string   `json:"trip_ids"`
	OnlineSequence uint16     `json:"online_sequence"`
}

// readUnion is what the foreign reader prints of a city-union application.
type readUnion struct {
	chip.UnionDescribed
	FCI    bool   `json:"fci"`
	Listed string `json:"listed"`
}

// same compares what both sides have of the city-union application. Its issuer has the first
// digits of a postal code where the union's has a clearing centre.
func (r readTransit) same(want *chip.UnionDescribed) bool {
	if want == nil {
		return r.CityUnion == nil && r.NoCityUnion == "6A82"
	}
	return r.CityUnion != nil && r.CityUnion.UnionDescribed == *want && r.CityUnion.FCI && r.CityUnion.Issuer == "9999450000000000" &&
		r.CityUnion.Number[:8] == "45004500" && r.CityUnion.Listed == "7011610f4f09a0000000038698070150023f01"
}

// A foreign reader finds all data that the chip has on a transit card, with any lengths that it
// asks for, and on either interface of a dual card.
func TestForeignReaderOfTransitCards(t *testing.T) {
	slot := pcscdtest.Slots(t)[0]
	for _, c := range []struct {
		kind  specimen.Kind
		side  chip.Interface
		style string
	}{
		{specimen.Transit, chip.Contactless, "exact"},
		{specimen.Transit, chip.Contactless, "zero"},
		{specimen.Transit, chip.Contactless, "short"},
		{specimen.CityUnion, chip.Contactless, "exact"},
		{specimen.Dual, chip.Contactless, "exact"},
		{specimen.Dual, chip.Contact, "zero"},
	} {
		card := made(t, c.kind, 42)
		if err := card.Use(c.side); err != nil {
			t.Fatal(err)
		}
		insert(t, slot, card)
		var got readTransit
		read(t, &got, "transit", c.style)
		take(t, slot)
		want := card.Describe()
		if c.side == chip.Contact {
			want.ATR = want.ContactATR
		}
		w := want.Transit
		if got.ATR != want.ATR || got.Number != w.Number || got.Issuer != w.Issuer || got.Start != w.Start || got.Expiry != w.Expiry ||
			got.City != w.City || got.Province != w.Province || got.CardType != w.CardType || got.HolderName != "" || got.HolderID != "" || !got.same(want.CityUnion) || (want.CityUnion != nil) != (c.kind == specimen.CityUnion) {
			t.Errorf("%s, %s: read %+v, on the card is %+v", c.kind, c.style, got, w)
		}
		if !reflect.DeepEqual(got.Log, w.Log) || len(got.Log) != 10 || !reflect.DeepEqual(got.Journeys, w.Journeys) || len(got.Journeys) != 30 {
			t.Errorf("%s, %s: log %v, want %v; journeys %v, want %v", c.kind, c.style, got.Log, w.Log, got.Journeys, w.Journeys)
		}
		balance := uint32(w.BalanceFen)
		if got.BalanceFen != w.BalanceFen || !reflect.DeepEqual(got.Balances, []uint32{balance, 0, 0, balance}) || got.OnlineSequence != w.OnlineSequence {
			t.Errorf("%s, %s: balances %v, online sequence %d, want %d and %d", c.kind, c.style, got.Balances, got.OnlineSequence, balance, w.OnlineSequence)
		}
		if !got.FCIIsFile || got.LogEnds != "6A83" || got.Interoperable != 1 || got.IssuerCity != "4910" ||
			!reflect.DeepEqual(got.Names, []string{"MOT_T_EP"}) || !reflect.DeepEqual(got.TripIDs, []string{"2712", "2701"}) {
			t.Errorf("%s, %s: read %+v", c.kind, c.style, got)
		}
	}
}

// readSocial is what the foreign reader prints of a social-security card.
type readSocial struct {
	chip.SocialDescribed
	ATR       string   `json:"atr"`
	Extension string   `json:"name_extension"`
	Refused   []string `json:"refused"`
	BeforePIN string   `json:"medical_before_pin"`
	PIN       string   `json:"pin"`
	Medical   []string `json:"medical"`
}

// same compares what both sides have of issuer and holder.
func (r readSocial) same(want chip.SocialDescribed) bool {
	got := r.SocialDescribed
	got.Identification = strings.ToUpper(got.Identification)
	got.Name += r.Extension
	got.Region, got.PINTries, got.Files = want.Region, want.PINTries, nil
	want.Files = nil
	return reflect.DeepEqual(got, want)
}

// A foreign reader reads all fields of social-security cards of versions 1 and 2, in each of
// the three ways to name a record, and the medical records after the PIN.
func TestForeignReaderOfSocialSecurityCards(t *testing.T) {
	slot := pcscdtest.Slots(t)[0]
	for kind, records := range map[specimen.Kind]int{specimen.SocialV1: 10, specimen.SocialV2: 30} {
		card := made(t, kind, 43)
		insert(t, slot, card)
		want := card.Describe()
		var medical []string
		for _, f := range want.SocialSecurity.Files {
			if f.Directory == "DF04" && f.File == "EF08" {
				for _, r := range f.Records {
					medical = append(medical, r.Content)
				}
			}
		}
		for _, style := range []string{"number", "tag", "sfi"} {
			var got readSocial
			read(t, &got, "social", style)
			if got.ATR != want.ATR || !got.same(*want.SocialSecurity) || len(got.Refused) != 0 {
				t.Errorf("%s by %s: read %+v, on the card is %+v", kind, style, got.SocialDescribed, want.SocialSecurity)
			}
			if got.BeforePIN != "6982" || got.PIN != "9000" || len(got.Medical) != records || !reflect.DeepEqual(got.Medical, medical) {
				t.Errorf("%s by %s: medical records %s, %s, %v, want %v", kind, style, got.BeforePIN, got.PIN, got.Medical, medical)
			}
		}
		take(t, slot)
	}
}

// A card of version 3 gives a foreign reader the holder only with a SAM in the second reader;
// so does a dual card, on its contact and its contactless interface.
func TestForeignReaderOfGuardedCards(t *testing.T) {
	both := pcscdtest.Slots(t)
	insert(t, both[1], made(t, specimen.PSAM, 1))
	for _, c := range []struct {
		kind specimen.Kind
		side chip.Interface
	}{{specimen.SocialV3, chip.Contact}, {specimen.Dual, chip.Contact}, {specimen.Dual, chip.Contactless}} {
		card := made(t, c.kind, 44)
		if err := card.Use(c.side); err != nil {
			t.Fatal(err)
		}
		insert(t, both[0], card)
		var got struct {
			Before, After readSocial
			Genuine       bool
		}
		read(t, &got, "guarded")
		take(t, both[0])
		if len(got.Before.Refused) != 8 || got.Before.Name != "" || got.Before.SecurityNumber != "" || got.Before.CardNumber != "" {
			t.Errorf("%s: before authentication %+v", c.kind, got.Before)
		}
		if !got.Genuine {
			t.Errorf("%s: the SAM does not take the card for genuine", c.kind)
		}
		if want := *card.Describe().SocialSecurity; !got.After.same(want) || len(got.After.Refused) != 0 {
			t.Errorf("%s: after authentication %+v, want %+v", c.kind, got.After, want)
		}
	}
}

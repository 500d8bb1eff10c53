package chip_test

import (
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/tunion"
)

// dialogue sends the raw commands of a file in testdata and compares raw answers. Lines
// are "> command" and "< answer", with a comment behind "#"; "…" at an answer's end stands
// for whatever follows before the status word.
func dialogue(t *testing.T, card *chip.Chip, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var answer []byte
	for _, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		switch {
		case strings.HasPrefix(line, ">"):
			if answer, err = card.Transmit(context.Background(), unhex(t, line[1:])); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		case strings.HasPrefix(line, "<"):
			want := strings.ToUpper(strings.Join(strings.Fields(line[1:]), ""))
			got := strings.ToUpper(hex.EncodeToString(answer))
			head, tail, open := strings.Cut(want, "…")
			if open && strings.HasPrefix(got, head) && strings.HasSuffix(got, tail) || got == want {
				continue
			}
			t.Errorf("answer %s, want %s", got, want)
		}
	}
}

// What public readers of transit cards send, with the Le each of them uses.
func TestTransitReaders(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	card, app := issueTransit(t, keyStore, 1)
	load(t, card, keyStore, app, 5000)
	capp(t, card, newSAM(t, keyStore), app, 300)
	card.Reset()
	dialogue(t, card, "transit_readers.txt")
}

// Wrong commands and what they are answered.
func TestTransitRefusals(t *testing.T) {
	card, _ := issueTransit(t, keys.GenerateTest(1), 1)
	card.Reset()
	dialogue(t, card, "transit_refusals.txt")
}

// The terminal number and purchase commands of a module as gates send them, over T=0.
func TestModuleReaders(t *testing.T) {
	module := newSAM(t, keys.GenerateTest(1))
	module.Reset()
	dialogue(t, module, "module_readers.txt")
}

// hangzhou is file 0015 of a real card's city-union application.
func hangzhou(t *testing.T) tunion.Application {
	t.Helper()
	app, err := tunion.ParseApplication(unhex(t, "8475310000000000 0000 31003100000020458878 20140614 20640614 0000"))
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// A card with a city-union application answers its commands as the real card did, pays only with
// its purse, and is unchanged when it is loaded from its image.
func TestCityUnionReaders(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	card := chip.NewCityUnion(1, hangzhou(t))
	card.PowerOn()
	app := personaliseTransit(t, card, keyStore, 1)
	load(t, card, keyStore, app, 5000)
	capp(t, card, newSAM(t, keyStore), app, 300)
	again, err := chip.Load(saved(t, card))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*chip.Chip{card, again} {
		c.Reset()
		dialogue(t, c, "city_union_readers.txt")
		send(t, c, apdu.Select(tunion.AIDPurse.Bytes()))
		load(t, c, keyStore, app, 100)
		d := c.Describe()
		if d.Profile != "city-union" || d.Transit.Number != "03105070200000000001" || d.CityUnion.Number != "31003100000020458878" || d.Transit.BalanceFen != 4800 {
			t.Errorf("described as %+v, %+v, %+v", d, d.Transit, d.CityUnion)
		}
	}
}

// Two cards of social security, versions 1.00 and 2.00, as readers of contact cards see them.
func TestSocialSecurityReaders(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	first := chip.NewSocialSecurityV1(5)
	first.PowerOn()
	personaliseSocial(t, first, keyStore, "1.00")
	first.Reset()
	dialogue(t, first, "social_v1_readers.txt")
	second, _, _ := issueSocial(t, keyStore, "2.00", 5)
	second.Reset()
	dialogue(t, second, "social_readers.txt")
}

// The identification contains the end of the ATR, which is the chip's serial number, so that no two
// cards share the first twelve bytes, the part that readers use.
func TestIdentificationNamesTheChip(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(10) {
		card, _, _ := issueSocial(t, keys.GenerateTest(1), "2.00", seed)
		atr := card.Reset()
		selectSSSE(t, card)
		id := raw(t, card, "00B2012812", "9000")[2:]
		if string(id[8:12]) != string(atr[len(atr)-4:]) || seen[string(id[:12])] {
			t.Errorf("card %d: ATR %X, identification %X", seed, atr, id)
		}
		seen[string(id[:12])] = true
	}
}

package chip_test

import (
	"fmt"
	"testing"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
)

// raw exchanges one command over T=0 and fetches what waits, as a reader without a library
// does; it wants the status words in this order.
func raw(t *testing.T, card *chip.Chip, command string, want ...string) []byte {
	t.Helper()
	var data []byte
	for i, status := range want {
		if i > 0 {
			command = "00C00000" + want[i-1][2:]
		}
		answer, err := card.Transmit(t.Context(), unhex(t, command))
		if err != nil {
			t.Fatal(err)
		}
		n := len(answer) - 2
		if got := fmt.Sprintf("%X", answer[n:]); got != status {
			t.Fatalf("%s is answered %s, want %s", command, got, status)
		}
		data = append(data, answer[:n]...)
	}
	return data
}

// selectSSSE begins a dialogue with a social-security card of version 2 or 3.
func selectSSSE(t *testing.T, card *chip.Chip) {
	t.Helper()
	card.Reset()
	raw(t, card, "00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "611E", "9000")
}

// newIssuerSAM is a module that writes cards too, with its application for them selected.
func newIssuerSAM(t *testing.T, keyStore *keys.Store) *chip.Chip {
	t.Helper()
	module := chip.NewPSAM(testTerminal, keyStore.IssuerSAMKeys())
	module.PowerOn()
	if answer, err := module.Transmit(t.Context(), unhex(t, "00A4040006D15600000590")); err != nil || answer[0] != 0x61 {
		t.Fatalf("SELECT is answered %X, %v", answer, err)
	}
	return module
}

// factors are the card's and the city's as readers send them, in hexadecimal.
func factors(card *chip.Chip) string {
	atr := card.ATR()
	return fmt.Sprintf("%X %X7378", atr[len(atr)-8:], "410100")
}

// A reader finds out whether a card is genuine: it lets module and card encipher the same data
// under the same random number, byte for byte as a public reader does.
func TestInternalAuthenticate(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	const random, data = "A1A2A3A4A5A6A7A8", "0102030405060708"
	prove := func(module, card *chip.Chip) (want, got []byte) {
		raw(t, module, "BFDE670820"+factors(card)+fmt.Sprintf("%X7368", "410000")+random, "9000")
		want = raw(t, module, "80FA000008"+data, "6108", "9000")
		return want, raw(t, card, "0088000010"+random+data, "6108", "9000")
	}
	for _, version := range []string{"2.00", "3.00"} {
		card, _, _ := issueSocial(t, keyStore, version, 5)
		selectSSSE(t, card)
		module := newIssuerSAM(t, keyStore)
		want, got := prove(module, card)
		if len(got) != 8 || string(got) != string(want) {
			t.Errorf("version %s: the card answers %X, the module %X", version, got, want)
		}
		if other, _, _ := issueSocial(t, keyStore, version, 6); other != nil {
			selectSSSE(t, other)
			if answer := raw(t, other, "0088000010"+random+data, "6108", "9000"); string(answer) == string(got) {
				t.Error("two cards answer alike")
			}
		}
		forged, _, _ := issueSocial(t, keys.GenerateTest(2), version, 5)
		selectSSSE(t, forged)
		if want, got := prove(module, forged); string(got) == string(want) {
			t.Error("a card of other masters passes for genuine")
		}
		raw(t, card, "0088000008"+random, "6700")
		raw(t, card, "0088000A10"+random+data, "6A88")
		raw(t, card, "0088000410"+random+data, "6A88")
		image := saved(t, card)
		again, err := chip.Load(image)
		if err != nil {
			t.Fatal(err)
		}
		selectSSSE(t, again)
		if answer := raw(t, again, "0088000010"+random+data, "6108", "9000"); string(answer) != string(got) {
			t.Errorf("out of its image the card answers %X, want %X", answer, got)
		}
	}
	blank := chip.NewSocialSecurity(1)
	selectSSSE(t, blank)
	raw(t, blank, "0088000010"+random+data, "6A88")
}

// Cards of version 3 are read with key 0A and written with key 04; the person's identification is
// written with key 0D. A module that writes cards prepares each of these keys, a terminal's module
// only the first. No key can be used in place of another.
func TestKeyReferences(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	card, _, _ := issueSocial(t, keyStore, "3.00", 5)
	module := newIssuerSAM(t, keyStore)
	const random = "1112131415161718"
	names := map[string]string{"0A": "BFDE470A18", "04": "BFDE481218", "0D": "BFDE481318"}
	authenticate := func(key string) {
		t.Helper()
		raw(t, module, names[key]+factors(card)+random, "9000")
		challenge := raw(t, card, "0084000008", "9000")
		cryptogram := raw(t, module, fmt.Sprintf("80FA000008%X", challenge), "6108", "9000")
		raw(t, card, fmt.Sprintf("008200%s10%X%s", key, cryptogram, random), "9000")
	}
	acts := []struct{ key, command string }{
		{"0A", "00B207280B"},
		{"0A", "00B2083014"},
		{"0A", "00B2093020"}, // card number, number, name
		{"04", "00DC0528060504 20270203"},
		{"04", "00DC0A30030A01 32"}, // date of issue, sex
		{"", "00A4000002EF0D"},
		{"0D", "00DC01040EEA0C 343130313030303030303031"},
		{"0A", "00B201040E"}, // the person's number
	}
	selectSSSE(t, card)
	authenticate("0D") // a record that was never written would be 6A83
	raw(t, card, "00A4000002EF0D", "9000")
	raw(t, card, "00DC01040EEA0C 343130313030303030303030", "9000")
	for _, held := range []string{"", "0A", "04", "0D"} {
		selectSSSE(t, card)
		if held != "" {
			authenticate(held)
		}
		for _, act := range acts {
			want := "6982"
			if act.key == held || act.key == "" {
				want = "9000"
			}
			raw(t, card, act.command, want)
		}
	}
}

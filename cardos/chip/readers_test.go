package chip_test

import (
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
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

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"citycard/simulators/truth"
)

// drawn is the result of a seed: hashes of all messages (in order within a topic and a key), of the
// truth's files and of the registry's files.
type drawn struct{ messages, truth, registry string }

// TestSeedDraws plays two days of a small city of each kind, with every fault that a flag asks for,
// and compares the whole result with the hashes stored here. A report of the demonstration names
// its seed, so a seed must always give the same city. The hashes change with the bytes of a chip, a
// terminal, a message or the registry; when only the simulators' code changes, they stay.
func TestSeedDraws(t *testing.T) {
	keyPath, store := keyFile(t)
	faults := []string{
		"--duplicates", "0.03", "--out-of-order", "0.04", "--late", "0.1", "--tampered", "0.06", "--undecodable", "0.006", "--invalid-field", "0.006",
		"--unknown-terminal", "0.02", "--wrong-clock", "0.02", "--foreign", "0.06",
	}
	for _, test := range []struct {
		name         string
		issue, plays []string
		want         drawn
	}{
		{
			"chips",
			[]string{"--cards", "600"},
			[]string{"--rides", "6", "--bad-claims", "0.05", "--bad-pensions", "0.05"},
			drawn{
				messages: "f7866252f78d33b3e0e568d23972f2e04d181875533f47e55d5fd500d86d9267",
				truth:    "177302d9ed88ee707191953160b3a19936edc1a3a40bbf1133e19dca2370e7f8",
				registry: "ff875f0d357c774fcccfa00720b82c4f94906a964ea021423ba67c7b63a41e68",
			},
		},
		{
			"direct",
			[]string{"--direct", "--cards", "2400", "--riders", "1600"},
			[]string{"--counter-gaps", "0.02", "--sam-gaps", "0.02", "--hot-operator", "simbus-a", "--hot-share", "0.3", "--order-seed", "7"},
			drawn{
				messages: "07282a4d1917ca89be79419ac162158d809a7eda6a7ab858d7e71dba35532cdd",
				truth:    "02a4a6058875194aed4f7e33881c65d250197e1aa1d1d9992d6b139e1b8523db",
				registry: "5a9fb465961f4db1cc474d6ebbdfeaf1d7edf1a70f4062d14cee6a57e8d455bb",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			common := slices.Concat([]string{"--data", dir, "--keys", keyPath, "--seed", "20260101", "--day", "20261124"}, test.issue)
			if err := run(t, slices.Concat([]string{"issue"}, common)...); err != nil {
				t.Fatal(err)
			}
			kafka := fakeBroker(t, officialFares(t, dir, time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)))
			play := slices.Concat([]string{"city", "--days", "2", "--kafka", kafka, "--api", loadService(t, store)}, common, faults, test.plays)
			if err := run(t, play...); err != nil {
				t.Fatal(err)
			}
			got := drawn{truth: hashOf(t, filepath.Join(dir, "truth")), registry: hashOf(t, filepath.Join(dir, "registry"))}
			records, err := truth.ReadRecords(filepath.Join(dir, "truth"))
			if err != nil {
				t.Fatal(err)
			}
			sent, _ := readAll(t, kafka, messagesOf(records))
			h := sha256.New()
			for _, topic := range slices.Sorted(maps.Keys(sent)) {
				for _, key := range slices.Sorted(maps.Keys(sent[topic])) {
					fmt.Fprintf(h, "%s %s %s\n", topic, key, sent[topic][key])
				}
			}
			if got.messages = hex.EncodeToString(h.Sum(nil)); got != test.want {
				t.Errorf("of %d records this was drawn:\n%+v\nwritten down is:\n%+v", len(records), got, test.want)
			}
		})
	}
}

// hashOf hashes the names and the content of the files in a folder.
func hashOf(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%s %d\n", e.Name(), len(data))
		if _, err := io.Copy(h, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// messagesOf counts the messages that held the records; the records of one list share one message.
func messagesOf(records []truth.Record) (messages int) {
	last := ""
	for _, r := range records {
		if r.Line == "" || r.SHA256 != last {
			messages++
		}
		if last = ""; r.Line != "" {
			last = r.SHA256
		}
	}
	return messages
}

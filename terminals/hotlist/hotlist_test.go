package hotlist_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/terminals/hotlist"
	"citycard/terminals/kept"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func noon(second int) time.Time {
	return time.Date(2026, 1, 5, 12, 0, second, 0, time.FixedZone("Asia/Shanghai", 8*3600))
}

var lost, other = keys.Digits{0x50, 0x70, 7: 1}, keys.Digits{0x50, 0x70, 7: 2}

func entry(version int64, card keys.Digits, rows ...*message.HotlistRow) *message.HotlistEntry {
	return &message.HotlistEntry{Version: version, Card: card[:], Rows: rows}
}

func row(from, to string) *message.HotlistRow {
	return &message.HotlistRow{From: from, To: to, Reason: "lost"}
}

// refused reports whether a list refuses a card.
func refused(t *testing.T, l *hotlist.List, card keys.Digits, at time.Time) bool {
	t.Helper()
	err := l.Check(card, at)
	listed, ok := errors.AsType[*hotlist.ListedError](err)
	if err != nil && (!ok || listed.Reason != "lost") {
		t.Fatalf("refused with %v, want a ListedError that says why", err)
	}
	return err != nil
}

// TestList checks cards just before and after the seconds of the rows. The list accepts newer
// entries and no older ones, and is the same after it is opened again.
func TestList(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hotlist")
	l, err := hotlist.Open(path)
	must(t, err)
	if refused(t, l, lost, noon(0)) || refused(t, nil, lost, noon(0)) {
		t.Error("an empty list refuses")
	}
	must(t, l.Apply(entry(2, lost, row("20260105120000", "20260105120002"), row("20260105120010", ""))))
	must(t, l.Apply(entry(1, lost), entry(3, other, row("20260105120000", ""))))
	if err := l.Apply(entry(4, other), entry(4, lost, row("20260105", ""))); err == nil {
		t.Error("a row without a second was accepted")
	}
	must(t, l.Save())
	again, err := hotlist.Open(path)
	must(t, err)
	for _, l := range []*hotlist.List{l, again} {
		for second, want := range map[int]bool{-1: false, 0: true, 2: true, 3: false, 9: false, 10: true, 59: true} {
			if got := refused(t, l, lost, noon(second)); got != want {
				t.Errorf("%d seconds past noon the card is refused: %v, want %v", second, got, want)
			}
		}
		if !refused(t, l, other, noon(0)) || l.Version() != 3 || l.Cards() != 2 {
			t.Errorf("the list has %d cards at version %d, want 2 at 3", l.Cards(), l.Version())
		}
	}
}

// TestDamage changes every byte of a kept list in turn: it is never taken for a list.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hotlist")
	l, err := hotlist.Open(path)
	must(t, err)
	must(t, l.Apply(entry(2, lost, row("20260105120000", ""))))
	must(t, l.Save())
	whole, err := os.ReadFile(path)
	must(t, err)
	for i := range whole {
		spoilt := append([]byte{}, whole...)
		spoilt[i] ^= 1
		must(t, os.WriteFile(path, spoilt, 0o600))
		if l, err := hotlist.Open(path); !errors.Is(err, kept.ErrDamaged) || l.Cards() != 0 {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		must(t, os.WriteFile(path, whole[:i], 0o600))
		if _, err := hotlist.Open(path); !errors.Is(err, kept.ErrDamaged) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	must(t, l.Save())
	if again, err := hotlist.Open(path); err != nil || again.Cards() != 1 {
		t.Errorf("saved again: %v", err)
	}
}

package registry_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"citycard/clearing/clearingtest"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
)

const hotHeader = "card,reason,effective_from,effective_to\n"

func listedAt(e *index.Edition, card, at string) string {
	reason, ok := e.Listed(index.Number(clearingtest.Hex(card)).Signed(), [7]byte(clearingtest.Hex(at)))
	if !ok {
		return "no"
	}
	return reason
}

// TestHotlist lists cards from a second to a second, and asks about the seconds
// around.
func TestHotlist(t *testing.T) {
	files := clearingtest.Files()
	files["hotlist.csv"] = hotHeader +
		clearingtest.OtherCard + ",stolen,20260105120000,\n" +
		clearingtest.Card + ",lost,20260201000000,20260201235959\n" +
		clearingtest.Card + ",lost,20260105120000,20260106115959\n" +
		"09999999999999999999,national,19900101000000,21211231235958\n"
	base, err := registry.Import(clearingtest.WriteFiles(t, files))
	if err != nil {
		t.Fatal(err)
	}
	// A later change gives a row its end, another reason, and a card its first row.
	draft, err := registry.Read(clearingtest.WriteFiles(t, map[string]string{"hotlist.csv": hotHeader +
		clearingtest.OtherCard + ",stolen,20260105120000,20260105130000\n" + // found again
		clearingtest.Card + ",lost,20260201000000,20260201235959\n" + // as it is
		clearingtest.BlockedCard + ",damaged,20260105120000,\n"}), base)
	if err != nil {
		t.Fatal(err)
	}
	if draft.Rows() != 2 {
		t.Errorf("the change has %d rows, want the 2 that are new", draft.Rows())
	}
	next := draft.On(base)
	for _, test := range []struct{ card, at, base, next string }{
		{clearingtest.OtherCard, "20260105115959", "no", "no"},
		{clearingtest.OtherCard, "20260105120000", "stolen", "stolen"},
		{clearingtest.OtherCard, "20260105130000", "stolen", "stolen"},
		{clearingtest.OtherCard, "20260105130001", "stolen", "no"},
		{clearingtest.OtherCard, "29991231235959", "stolen", "no"},
		{clearingtest.Card, "20260105120000", "lost", "lost"},
		{clearingtest.Card, "20260106115959", "lost", "lost"},
		{clearingtest.Card, "20260106120000", "no", "no"},
		{clearingtest.Card, "20260131235959", "no", "no"},
		{clearingtest.Card, "20260201000000", "lost", "lost"},
		{clearingtest.Card, "2026020199ff00", "lost", "lost"}, // no such time: the day's last second
		{clearingtest.Card, "20260202000000", "no", "no"},
		{"09999999999999999999", "19900101000000", "national", "national"},
		{clearingtest.BlockedCard, "20260105120000", "no", "damaged"},
		{clearingtest.Stranger, "20260105120000", "no", "no"},
	} {
		if got := listedAt(base, test.card, test.at); got != test.base {
			t.Errorf("card %s at %s: %s, want %s", test.card, test.at, got, test.base)
		}
		if got := listedAt(next, test.card, test.at); got != test.next {
			t.Errorf("after the change, card %s at %s: %s, want %s", test.card, test.at, got, test.next)
		}
	}
	if base.HotlistNumber() != 1 || next.HotlistNumber() != 2 {
		t.Errorf("the hotlist is of versions %d and %d, want 1 and 2", base.HotlistNumber(), next.HotlistNumber())
	}
	if n := next.Counts()["hotlist"]; n != 4 {
		t.Errorf("%d cards are listed, want 4", n)
	}
}

// TestHotlistFaults names what is wrong with a row.
func TestHotlistFaults(t *testing.T) {
	for rows, want := range map[string]string{
		clearingtest.Card + ",lost,20260105,\n":                                                                  "hotlist.csv:2: column 3",
		clearingtest.Card + ",lost,20260105240000,\n":                                                            "YYYYMMDDhhmmss",
		clearingtest.Card + ",lost,20260230000000,\n":                                                            "hotlist.csv:2: column 3",
		clearingtest.Card + ",lost,20260105120000,20260105115959\n":                                              "not before the first",
		clearingtest.Card + ",,20260105120000,\n":                                                                "hotlist.csv:2: column 2",
		"1,lost,20260105120000,\n":                                                                               "20 decimal digits",
		clearingtest.Card + ",lost,20260105120000,\n" + clearingtest.Card + ",lost,20260106120000,\n":            "overlaps",
		clearingtest.Card + ",lost,20260105120000,20260105120000\n" + clearingtest.Card + ",x,20260105120000,\n": "overlaps",
	} {
		files := clearingtest.Files()
		files["hotlist.csv"] = hotHeader + rows
		if _, err := registry.Import(clearingtest.WriteFiles(t, files)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: import ended with %v, want %q", rows, err, want)
		}
	}
}

// TestHotlistStored proposes and approves a hotlist: it loads as it was imported,
// to the second, and its rows can be read.
func TestHotlistStored(t *testing.T) {
	a := newArchive(t)
	files := clearingtest.Files()
	a.must(a.Found(t.Context(), a.read(files, nil), by("founder", "")))
	hot := map[string]string{"hotlist.csv": hotHeader + clearingtest.Card + ",lost,20260105120000,20260105120001\n" +
		clearingtest.Card + ",lost,20260105120003,\n"}
	change, err := a.Keep(t.Context(), a.read(hot, a.load()))
	a.must(err)
	a.must(a.Approve(t.Context(), change, by("one", "two")))
	e := a.load()
	for at, want := range map[string]string{"20260105115959": "no", "20260105120001": "lost", "20260105120002": "no", "20260105120003": "lost"} {
		if got := listedAt(e, clearingtest.Card, at); got != want {
			t.Errorf("at %s the card is listed: %s, want %s", at, got, want)
		}
	}
	rows, err := a.Rows(t.Context(), registry.Hotlist, clearingtest.Card)
	a.must(err)
	if len(rows) != 2 || rows[1].From != 20260105 || rows[1].Fields["effective_from"] != "20260105120003" {
		t.Errorf("the card's rows are %+v", rows)
	}
	if _, err := registry.Read(clearingtest.WriteFiles(t, hot), e); err != nil {
		t.Errorf("the same list again: %v", err)
	}
}

// TestHotlistAgainstList holds many random lists, put together from changes,
// against going through the rows one by one.
func TestHotlistAgainstList(t *testing.T) {
	base, err := registry.Import(clearingtest.WriteFiles(t, clearingtest.Files()))
	if err != nil {
		t.Fatal(err)
	}
	card := rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("%020d", rapid.IntRange(0, 40).Draw(t, "card")) })
	moment := rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("202601%02d12%02d%02d", rapid.IntRange(1, 3).Draw(t, "day"), rapid.IntRange(0, 2).Draw(t, "minute"), rapid.IntRange(0, 2).Draw(t, "second"))
	})
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		type key struct{ card, from string }
		want := map[key]string{} // its end
		e := base
		for range rapid.IntRange(1, 4).Draw(rt, "changes") {
			text, taken := hotHeader, map[string]bool{}
			for range rapid.IntRange(1, 30).Draw(rt, "rows") {
				c, from, to := card.Draw(rt, "of"), moment.Draw(rt, "from"), moment.Draw(rt, "to")
				if taken[c] || to < from {
					continue
				}
				taken[c] = true
				want[key{c, from}] = to
				text += c + ",lost," + from + "," + to + "\n"
			}
			writeHotlist(rt, dir, text)
			draft, err := registry.Read(dir, e)
			if err != nil {
				rt.Fatal(err)
			}
			e = draft.On(e)
		}
		for range 50 {
			c, at := card.Draw(rt, "asked"), moment.Draw(rt, "at")
			latest, end := "", ""
			for k, to := range want {
				if k.card == c && k.from <= at && k.from > latest {
					latest, end = k.from, to
				}
			}
			if got := listedAt(e, c, at) == "lost"; got != (latest != "" && at <= end) {
				rt.Fatalf("card %s at %s: listed %v; latest row %s to %s", c, at, got, latest, end)
			}
		}
	})
}

func writeHotlist(t *rapid.T, dir, text string) {
	if err := os.WriteFile(filepath.Join(dir, "hotlist.csv"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

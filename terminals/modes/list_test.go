package modes_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"citycard/clearing/message"
	"citycard/terminals/kept"
	"citycard/terminals/modes"
)

const (
	metro   = message.Mode_MODE_METRO
	bus     = message.Mode_MODE_BUS
	fault   = message.ServiceMode_SERVICE_MODE_TRAIN_FAULT
	noOrder = message.ServiceMode_SERVICE_MODE_NO_ORDER
	noFare  = message.ServiceMode_SERVICE_MODE_NO_FARE
)

func noon(second int) time.Time {
	return time.Date(2026, 1, 5, 12, 0, second, 0, time.FixedZone("Asia/Shanghai", 8*3600))
}

func list() *message.ModeList {
	return &message.ModeList{Version: 3, Modes: []*message.ModeEntry{
		{Id: "1", Kind: noFare, Transport: bus, Lines: []uint32{7, 9}, From: "20260105120000", To: "20260105120000"},
		{Id: "2", Kind: noOrder, Transport: metro, Lines: []uint32{1}, From: "20260105120001", ExitWithoutEntry: message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_FREE},
		{Id: "3", Kind: noOrder, Transport: metro, Station: 4, From: "20260105120002", To: "20260105120003", ExitWithoutEntry: message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_LOWEST},
		{Id: "4", Kind: fault, Transport: metro, Station: 4, From: "20260105120002"},
	}}
}

// TestAt asks for the modes at places, in the seconds around their beginnings and ends, of the list
// and of what is kept of it.
func TestAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "modes")
	l, err := modes.Open(path)
	if err != nil || l.Len() != 0 || l.Version() != 0 {
		t.Fatalf("without a file: %d modes, %v", l.Len(), err)
	}
	l.Replace(list())
	if err := l.Save(); err != nil {
		t.Fatal(err)
	}
	kept, err := modes.Open(path)
	if err != nil || kept.Version() != 3 || kept.Len() != 4 {
		t.Fatalf("kept are %d modes of version %d: %v", kept.Len(), kept.Version(), err)
	}
	for _, test := range []struct {
		place     modes.Place
		second    int
		want      []message.ServiceMode
		unentered message.ExitWithoutEntry
	}{
		{modes.Place{Transport: bus, Line: 9}, -1, nil, 0},
		{modes.Place{Transport: bus, Line: 9}, 0, []message.ServiceMode{noFare}, 0},
		{modes.Place{Transport: bus, Line: 9}, 1, nil, 0},
		{modes.Place{Transport: bus, Line: 8}, 0, nil, 0},
		{modes.Place{Transport: bus, Line: 1}, 1, nil, 0},
		{modes.Place{Transport: metro, Line: 9, Station: 3}, 0, nil, 0},
		{modes.Place{Transport: metro, Line: 1, Station: 3}, 0, nil, 0},
		{modes.Place{Transport: metro, Line: 1, Station: 3}, 3600, []message.ServiceMode{noOrder}, 2},
		{modes.Place{Transport: metro, Line: 1, Station: 4}, 1, []message.ServiceMode{noOrder}, 2},
		{modes.Place{Transport: metro, Line: 1, Station: 4}, 2, []message.ServiceMode{fault, noOrder}, 3}, // the later one counts
		{modes.Place{Transport: metro, Line: 1, Station: 4}, 3, []message.ServiceMode{fault, noOrder}, 3},
		{modes.Place{Transport: metro, Line: 1, Station: 4}, 4, []message.ServiceMode{fault, noOrder}, 2},
		{modes.Place{Transport: metro, Line: 2, Station: 4}, 4, []message.ServiceMode{fault}, 0},
	} {
		for _, l := range []*modes.List{l, kept} {
			if s := l.At(test.place, noon(test.second).Add(999*time.Millisecond)); !slices.Equal(s.Kinds, test.want) || s.Unentered != test.unentered {
				t.Errorf("%+v at %d: %v, %v; want %v, %v", test.place, test.second, s.Kinds, s.Unentered, test.want, test.unentered)
			}
		}
	}
	var none *modes.List
	if s := none.At(modes.Place{Transport: bus, Line: 9}, noon(0)); len(s.Kinds) != 0 || none.Version() != 0 {
		t.Error("no list has modes")
	}
}

// TestTakes asks whose cards are taken on the days around those of the issuers; without a list, and
// where no issuer is listed, everybody's are.
func TestTakes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "modes")
	l, err := modes.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	own, guest, stranger := [8]byte{1, 2, 3, 4, 5}, [8]byte{1, 2, 3, 5}, [8]byte{9}
	takes := func(l *modes.List, issuer [8]byte, date int, want bool) {
		t.Helper()
		if got := l.Takes(issuer, time.Date(2026, 1, date, 23, 59, 59, 0, time.UTC)); got != want {
			t.Errorf("a card of issuer %x is taken on day %d: %v", issuer, date, got)
		}
	}
	takes(nil, stranger, 5, true)
	takes(l, stranger, 5, true)
	with := list()
	with.Issuers = []*message.IssuerEntry{
		{Institution: own[:4], From: "20200101"}, {Institution: guest[:4], From: "20260105", To: "20260106"}, {Institution: guest[:4], From: "20260109", To: "20260109"},
	}
	l.Replace(with)
	if err := l.Save(); err != nil {
		t.Fatal(err)
	}
	kept, err := modes.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []*modes.List{l, kept} {
		own[7] = 9 // not in the keys
		takes(l, own, 5, true)
		for date, want := range map[int]bool{4: false, 5: true, 6: true, 7: false, 8: false, 9: true, 10: false} {
			takes(l, guest, date, want)
		}
		takes(l, stranger, 5, false)
	}
	l.Replace(list())
	takes(l, stranger, 5, true)
}

// TestDamaged: a file that was changed is not used, nor one with a list by which nobody could act.
func TestDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "modes")
	l, err := modes.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	wrong := list()
	wrong.Modes[0].From = "today"
	l.Replace(wrong)
	if err := l.Save(); err != nil {
		t.Fatal(err)
	}
	unusable, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Replace(list())
	if err := l.Save(); err != nil {
		t.Fatal(err)
	}
	spoilt, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spoilt[len(spoilt)/2] ^= 1
	for _, content := range [][]byte{unusable, spoilt, spoilt[:9], {}} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if l, err := modes.Open(path); !errors.Is(err, kept.ErrDamaged) || l.Len() != 0 {
			t.Errorf("of %d bytes: %d modes, %v", len(content), l.Len(), err)
		}
	}
}

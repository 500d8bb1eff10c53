package exits_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/exits"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func morning() time.Time {
	return time.Date(2026, 11, 24, 8, 0, 0, 0, time.FixedZone("Asia/Shanghai", 8*3600))
}

func here() exits.Here {
	return exits.Here{Terminal: [6]byte{0x49, 0x10, 0x10, 0, 0, 1}, Line: 1, Station: 2, Valid: 15 * time.Minute}
}

func open(t *testing.T, path string) (*exits.Book, *outbox.Log) {
	t.Helper()
	out, err := outbox.Open(path)
	must(t, err)
	book, err := exits.Open(out)
	must(t, err)
	return book, out
}

// The desk remembers its last tickets over restarts, and counts on from the last one; day and SAM
// begin nothing again. Its open payments, which are kept beside them, are left alone.
func TestNumbersGoOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox")
	desk := here()
	q := exits.Request{Reason: message.ExitReason_EXIT_REASON_DAMAGED_CARD, Cash: 900, Staff: "A17"}
	for run := range 3 {
		book, out := open(t, path)
		if _, err := intent.Open(out, intent.Place{}); err != nil {
			t.Fatal(err)
		}
		if terminal, ok := book.Terminal(); ok != (run > 0) || ok && terminal != here().Terminal {
			t.Errorf("run %d: SAM %x, %v", run, terminal, ok)
		}
		for i := range 20 {
			given, err := book.Give(desk, q, morning().AddDate(0, 0, -run))
			must(t, err)
			if want := uint32(20*run + i + 1); given.GetNumber() != want {
				t.Fatalf("number %d, want %d", given.GetNumber(), want)
			}
		}
		must(t, out.Close())
	}
	book, out := open(t, path)
	defer func() { must(t, out.Close()) }()
	kept := book.Tickets()
	if len(kept) != exits.Remembered || kept[0].GetNumber() != 60-exits.Remembered+1 || kept[len(kept)-1].GetNumber() != 60 {
		t.Errorf("%d are remembered, from %d", len(kept), kept[0].GetNumber())
	}
	if _, err := book.Find(1); !errors.Is(err, exits.ErrUnknown) {
		t.Errorf("ticket 1: %v", err)
	}
	if _, err := book.Void(1, "A17", "old", 0, morning()); !errors.Is(err, exits.ErrUnknown) {
		t.Errorf("ticket 1: %v", err)
	}
}

// Amounts are read to the fen, and what is none is refused.
func TestParseYuan(t *testing.T) {
	for text, want := range map[string]uint32{"0": 0, "9": 900, "4.5": 450, "4.50": 450, "0.07": 7, "999999.99": 99_999_999} {
		if got, err := exits.ParseYuan(text); got != want || err != nil {
			t.Errorf("%s: %d fen, %v", text, got, err)
		}
	}
	for _, text := range []string{"", ".", "9.", ".5", "-1", "+1", "1,5", "4.505", "4.5x", "1e2", "1000000", "9.-1"} {
		if got, err := exits.ParseYuan(text); err == nil {
			t.Errorf("%q is read as %d fen", text, got)
		}
	}
}

// What does not fit is refused in words, and uses no number up.
func TestRefusals(t *testing.T) {
	book, out := open(t, filepath.Join(t.TempDir(), "outbox"))
	defer func() { must(t, out.Close()) }()
	lost := exits.Request{Reason: message.ExitReason_EXIT_REASON_LOST_TICKET, Cash: 900, Staff: "A17"}
	ended := exits.Request{Reason: message.ExitReason_EXIT_REASON_TRIP_ENDED, Update: message.UpdateReason_UPDATE_REASON_OVER_TRAVEL, Staff: "A17"}
	for want, spoil := range map[error]func() exits.Request{
		exits.ErrReason:  func() exits.Request { q := lost; q.Reason = 0; return q },
		exits.ErrUpdate:  func() exits.Request { q := ended; q.Update = 0; return q },
		exits.ErrCash:    func() exits.Request { q := ended; q.Cash = 1; return q },
		exits.ErrStaff:   func() exits.Request { q := lost; q.Staff = " \u200b"; return q },
		exits.ErrBecause: func() exits.Request { q := lost; q.Reason = message.ExitReason_EXIT_REASON_STAFF; return q },
	} {
		if given, err := book.Give(here(), spoil(), morning()); given != nil || !errors.Is(err, want) {
			t.Errorf("%v: %v, %v", want, given, err)
		}
	}
	dear := lost
	dear.Cash = message.TicketCashLimit + 1
	if _, err := book.Give(here(), dear, morning()); !errors.Is(err, exits.ErrCash) {
		t.Error(err)
	}
	first, err := book.Give(here(), lost, morning())
	must(t, err)
	_, err = book.Give(here(), ended, morning())
	must(t, err)
	if first.GetNumber() != 1 || len(book.Tickets()) != 2 {
		t.Errorf("%v", book.Tickets())
	}
	for want, void := range map[error]func() error{
		exits.ErrStaff:   func() error { _, err := book.Void(1, "", "why", 0, morning()); return err },
		exits.ErrBecause: func() error { _, err := book.Void(1, "A17", "", 0, morning()); return err },
		exits.ErrBack:    func() error { _, err := book.Void(1, "A17", "why", 901, morning()); return err },
	} {
		if err := void(); !errors.Is(err, want) {
			t.Errorf("%v: %v", want, err)
		}
	}
	_, err = book.Void(1, "A17", "why", 900, morning())
	must(t, err)
	if _, err := book.Void(1, "A17", "why", 900, morning()); !errors.Is(err, exits.ErrVoid) {
		t.Error(err)
	}
}

// The paper says what staff at the side gate need, and no whole card number.
func TestPaper(t *testing.T) {
	book, out := open(t, filepath.Join(t.TempDir(), "outbox"))
	defer func() { must(t, out.Close()) }()
	given, err := book.Give(here(), exits.Request{
		Reason: message.ExitReason_EXIT_REASON_STAFF, Cash: 450, Card: []byte{3, 0x10, 0x49, 0x99, 0x90, 0, 0, 0, 0, 0x17}, Staff: "A17", Because: "ill",
	}, morning())
	must(t, err)
	for _, test := range []struct {
		l    language.Language
		want string
	}{
		{language.Language{}, "City Metro\nExit ticket\nnumber: 491010000001-20261124-0001\nvalid until: 2026-11-24 08:15:00\nstation: 1/2\ntime: 2026-11-24 08:00:00\nreason: staff decide (ill)\n" +
			"paid in cash: 4.50 yuan\ncard: ****0017\nstaff: A17\nGive it to the staff at the side gate. No gate reads it.\n"},
		{language.Chinese(), "City Metro\n出站票\n编号: 491010000001-20261124-0001\n有效至: 2026-11-24 08:15:00\n"},
	} {
		if got := exits.Paper(given, "City Metro", test.l); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s", got)
		}
	}
	if exits.Over(given, morning().Add(14*time.Minute)) || !exits.Over(given, morning().Add(15*time.Minute)) {
		t.Error("it is valid for 15 minutes")
	}
	for reason := range message.ExitReason_name {
		r := message.ExitReason(reason)
		if got, err := exits.ParseReason(exits.ReasonName(r)); reason != 0 && (got != r || err != nil) {
			t.Errorf("%s is read as %v, %v", exits.ReasonName(r), got, err)
		}
	}
}

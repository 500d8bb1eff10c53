package page_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/exits"
	"citycard/terminals/outbox"
	"citycard/terminals/page"
)

// tickets is a real book of exit tickets, and a printer.
func (b *bench) tickets() page.Tickets {
	b.Helper()
	out, err := outbox.Open(filepath.Join(b.TempDir(), "outbox"))
	must(b.T, err)
	b.Cleanup(func() { must(b.T, out.Close()) })
	book, err := exits.Open(out)
	must(b.T, err)
	b.out = out
	here := exits.Here{Terminal: [6]byte{0x49, 0x10, 0x10, 0, 0, 1}, Line: 1, Station: 3, Valid: 15 * time.Minute}
	return page.Tickets{
		Book: func() (*exits.Book, error) { return book, nil },
		Give: func(q exits.Request) (*message.ExitTicket, error) { return book.Give(here, q, b.now) },
		Void: func(number uint32, staff, because string, back uint32) (*message.ExitTicket, error) {
			return book.Void(number, staff, because, back, b.now)
		},
		Paper: func(_ context.Context, t *message.ExitTicket, l language.Language) (bool, error) {
			if b.jam != nil {
				return true, b.jam
			}
			b.paper = append(b.paper, exits.Paper(t, "", l))
			return true, nil
		},
	}
}

// records are those that the desk's outbox has.
func (b *bench) records() (list []*message.ExitTicket) {
	b.Helper()
	all, err := b.out.Recent()
	must(b.T, err)
	for _, r := range all {
		t, err := message.CheckExitTicket(r.Value)
		must(b.T, err)
		list = append(list, t)
	}
	return list
}

// The pages of exit tickets, in both languages: one is given, printed again, and made void. One
// that goes with an update knows the card, and shows no whole number of it.
func TestTicketPages(t *testing.T) {
	for _, l := range []string{"en", "zh"} {
		b := newBench(t)
		text := b.get("/tickets", l)
		b.wantPage("tickets-none."+l, text)
		form := url.Values{"form": {offerID.FindString(text)}, "reason": {"damaged"}, "cash": {"9"}, "card": {number}, "staff": {"A17 <b>"}}
		b.wantPage("ticket."+l, b.post("/tickets", l, form, http.StatusOK))
		b.post("/tickets/print", l, url.Values{"number": {"1"}}, http.StatusOK)
		if len(b.paper) != 2 || b.paper[0] != b.paper[1] || strings.Contains(b.paper[0], number) {
			t.Errorf("printed: %q", b.paper)
		}
		offer := b.post("/offer", l, url.Values{"reason": {"03"}, "pay": {"cash"}, "staff": {"A17"}}, http.StatusOK)
		done := b.post("/update", l, url.Values{"offer": {offerID.FindString(offer)}}, http.StatusOK)
		b.wantPage("let-out."+l, done)
		b.post("/tickets", l, url.Values{"form": {offerID.FindString(done)}, "staff": {"A17"}, "reason": {"lost"}, "cash": {"9"}}, http.StatusOK)
		b.wantPage("ticket-void."+l, b.post("/tickets/void", l, url.Values{"number": {"491010000001-20261124-0001"}, "back": {"4.50"}, "because": {"found"}, "staff": {"B2"}}, http.StatusOK))
		b.now = b.now.Add(time.Hour)
		b.wantPage("tickets."+l, b.get("/tickets", l))
		kept := b.records()
		if len(kept) != 3 || kept[1].GetReason() != message.ExitReason_EXIT_REASON_TRIP_ENDED || kept[1].GetCashFen() != 0 || len(kept[1].GetCard()) != 10 ||
			kept[1].GetUpdate() != message.UpdateReason_UPDATE_REASON_NO_ENTRY || kept[2].GetVoid().GetCashBackFen() != 450 {
			t.Errorf("kept: %v", kept)
		}
	}
}

// A form gives one ticket, however often it is sent, and forms that no page has give none. A ticket
// that the printer does not take is given, and said to be.
func TestTicketForms(t *testing.T) {
	b := newBench(t)
	fresh := func() string { return offerID.FindString(b.get("/tickets", "en")) }
	good := url.Values{"form": {fresh()}, "reason": {"lost"}, "staff": {"A17"}}
	b.post("/tickets", "en", good, http.StatusOK)
	b.post("/tickets", "en", good, http.StatusConflict)
	old := fresh()
	fresh()
	b.post("/tickets", "en", url.Values{"form": {old}, "reason": {"lost"}, "staff": {"A17"}}, http.StatusConflict)
	late := fresh()
	b.now = b.now.Add(10 * time.Minute)
	b.post("/tickets", "en", url.Values{"form": {late}, "reason": {"lost"}, "staff": {"A17"}}, http.StatusConflict)
	for _, form := range []url.Values{
		{"reason": {"late"}, "staff": {"A17"}},
		{"reason": {"lost"}},
		{"reason": {"lost"}, "staff": {"A17"}, "cash": {"nine"}},
		{"reason": {"lost"}, "staff": {"A17"}, "cash": {"1000.01"}},
		{"reason": {"lost"}, "staff": {"A17"}, "card": {"12"}},
		{"reason": {"lost"}, "staff": {"A17"}, "update": {"02"}},
		{"reason": {"ended"}, "staff": {"A17"}, "update": {"77"}},
		{"reason": {"staff"}, "staff": {"A17"}},
	} {
		form.Set("form", fresh())
		if text := b.post("/tickets", "en", form, http.StatusConflict); !strings.Contains(text, `role="alert"`) {
			t.Errorf("%v: %s", form, text)
		}
	}
	for _, form := range []url.Values{
		{"number": {"2"}, "back": {"0"}, "because": {"found"}, "staff": {"B2"}},
		{"number": {"1"}, "because": {"found"}},
		{"number": {"1"}, "staff": {"B2"}},
		{"number": {"1"}, "staff": {"B2"}, "because": {"found"}, "back": {"0.01"}},
		{},
	} {
		b.post("/tickets/void", "en", form, http.StatusConflict)
	}
	b.post("/tickets/print", "en", url.Values{"number": {"2"}}, http.StatusConflict)
	if kept := b.records(); len(kept) != 1 || len(b.paper) != 1 {
		t.Errorf("kept: %v, printed: %q", kept, b.paper)
	}
	b.jam = errors.New("no paper")
	if text := b.post("/tickets", "en", url.Values{"form": {fresh()}, "reason": {"lost"}, "staff": {"A17"}}, http.StatusOK); !strings.Contains(text, "-0002 is given, and not printed: no paper") {
		t.Error(text)
	}
	b.post("/tickets/void", "en", url.Values{"number": {"1"}, "because": {"found"}, "staff": {"B2"}}, http.StatusOK)
	b.post("/tickets/print", "en", url.Values{"number": {"1"}}, http.StatusConflict)
	for _, path := range []string{"/tickets/print", "/tickets/void"} {
		if answer, _ := call(t, http.MethodGet, b.base+path, "", b.browser("en")); answer.StatusCode == http.StatusOK {
			t.Errorf("GET %s", path)
		}
	}
}

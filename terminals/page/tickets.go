package page

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/exits"
	"citycard/terminals/station"
)

// formTime is how long a form for an exit ticket is good.
const formTime = 10 * time.Minute

// Tickets is what the page does with exit tickets.
type Tickets struct {
	// Give gives one: its record is on the disk when it returns. Paper prints one in a language, on
	// the desk's printer if there is one; done is false where there is none.
	Give  func(q exits.Request) (*message.ExitTicket, error)
	Paper func(ctx context.Context, t *message.ExitTicket, l language.Language) (done bool, err error)
	// Void says that one no longer counts.
	Void func(number uint32, staff, because string, back uint32) (*message.ExitTicket, error)
	Book func() (*exits.Book, error)
}

// ticketsView is what the page of exit tickets shows.
type ticketsView struct {
	l       language.Language
	Lang    string
	Words   ticketWords
	Problem string
	Done    string
	Paper   string
	ID      string // of the form that gives one
	Reasons []choice
	Updates []choice
	Last    []ticketRow
}

type choice struct{ Name, Text string }

type ticketRow struct{ Name, Until, Why, Cash, State string }

// form shows a form for an exit ticket, with what is known already.
func (s *Station) form(q exits.Request) (id string, err error) {
	return s.forms.keep(q, s.desk.Now().Add(formTime))
}

func (s *Station) showTickets(w http.ResponseWriter, status int, v *ticketsView) {
	v.Lang, v.Words = v.l.Choose("en", "zh-CN"), ticketWordsIn(v.l)
	var page bytes.Buffer
	if err := s.html.ExecuteTemplate(&page, "tickets.html", v); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // a browser that has gone sees nothing
}

// ticketProblem shows why nothing was done, and what was.
func (s *Station) ticketProblem(w http.ResponseWriter, v *ticketsView, err error) {
	v.Problem = language.Error(v.l, err)
	s.showTickets(w, statusOf(err), v)
}

// tickets shows the last exit tickets and the form for another.
func (s *Station) tickets(w http.ResponseWriter, r *http.Request) {
	v := &ticketsView{l: languageOf(r)}
	book, err := s.desk.Tickets.Book()
	if err == nil {
		v.ID, err = s.form(exits.Request{})
	}
	if err != nil {
		v.ID = ""
		v.Problem = language.Error(v.l, err)
		s.showTickets(w, http.StatusOK, v)
		return
	}
	for _, reason := range []message.ExitReason{
		message.ExitReason_EXIT_REASON_DAMAGED_CARD, message.ExitReason_EXIT_REASON_LOST_TICKET,
		message.ExitReason_EXIT_REASON_TRIP_ENDED, message.ExitReason_EXIT_REASON_STAFF,
	} {
		v.Reasons = append(v.Reasons, choice{exits.ReasonName(reason), exits.Reason(reason).In(v.l)})
	}
	for _, update := range []message.UpdateReason{
		message.UpdateReason_UPDATE_REASON_EXIT_TIMEOUT, message.UpdateReason_UPDATE_REASON_OVER_TRAVEL, message.UpdateReason_UPDATE_REASON_NO_ENTRY,
	} {
		v.Updates = append(v.Updates, choice{update.Code(), station.Name(update).In(v.l)})
	}
	now := s.desk.Now()
	for _, t := range slices.Backward(book.Tickets()) {
		v.Last = append(v.Last, ticketRow{message.TicketName(t), exits.Clock(t.GetValidUntil()), exits.Why(t).In(v.l), yuan(t.GetCashFen()), exits.State(t, now).In(v.l)})
	}
	s.showTickets(w, http.StatusOK, v)
}

// ticketAsked adds what a form asks for to what is known already.
func ticketAsked(r *http.Request, q exits.Request) (exits.Request, error) {
	var err error
	if q.Reason == message.ExitReason_EXIT_REASON_UNSPECIFIED {
		if q.Reason, err = exits.ParseReason(r.PostForm.Get("reason")); err != nil {
			return q, err
		}
		if code := r.PostForm.Get("update"); code != "" {
			if q.Update, err = station.ParseCode(code); err != nil {
				return q, exits.ErrUpdate
			}
		}
		if card := r.PostForm.Get("card"); card != "" {
			number, err := tunion.ParseNumber(card)
			if err != nil {
				return q, language.Textf("that is no card number: 19 or 20 digits")
			}
			q.Card = number[:]
		}
		if q.Cash, err = cashIn(r, "cash"); err != nil {
			return q, err
		}
	}
	q.Staff, q.Because = strings.TrimSpace(r.PostForm.Get("staff")), strings.TrimSpace(r.PostForm.Get("because"))
	return q, nil
}

// cashIn is a field for yuan, 0 where it is empty.
func cashIn(r *http.Request, field string) (uint32, error) {
	if text := strings.TrimSpace(r.PostForm.Get(field)); text != "" {
		return exits.ParseYuan(text)
	}
	return 0, nil
}

// give gives an exit ticket.
func (s *Station) give(w http.ResponseWriter, r *http.Request) {
	v := &ticketsView{l: languageOf(r)}
	if err := r.ParseForm(); err != nil {
		s.ticketProblem(w, v, err)
		return
	}
	known, there := s.forms.take(r.PostForm.Get("form"), s.desk.Now())
	if !there {
		s.ticketProblem(w, v, language.Textf("this ticket was given, or its form was shown too long ago: look at the exit tickets"))
		return
	}
	q, err := ticketAsked(r, known)
	if err != nil {
		s.ticketProblem(w, v, err)
		return
	}
	t, err := s.desk.Tickets.Give(q)
	if err != nil {
		s.ticketProblem(w, v, err)
		return
	}
	s.printed(w, r, v, t)
}

// printed prints a ticket and shows its paper.
func (s *Station) printed(w http.ResponseWriter, r *http.Request, v *ticketsView, t *message.ExitTicket) {
	v.Paper = exits.Paper(t, "", v.l)
	// It is given: it is printed even if the browser goes away.
	switch done, err := s.desk.Tickets.Paper(context.WithoutCancel(r.Context()), t, v.l); {
	case err != nil:
		v.Problem = language.Textf("exit ticket %s is given, and not printed: %w", message.TicketName(t), err).In(v.l)
	case done:
		v.Done = language.Textf("Exit ticket %s is printed", message.TicketName(t)).In(v.l)
	default:
		v.Done = language.Textf("Exit ticket %s is given: print this page", message.TicketName(t)).In(v.l)
	}
	s.showTickets(w, http.StatusOK, v)
}

// one is the ticket that a form names.
func (s *Station) one(r *http.Request) (*message.ExitTicket, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	book, err := s.desk.Tickets.Book()
	if err != nil {
		return nil, err
	}
	return book.Named(strings.TrimSpace(r.PostForm.Get("number")))
}

// print prints a ticket again.
func (s *Station) print(w http.ResponseWriter, r *http.Request) {
	v := &ticketsView{l: languageOf(r)}
	t, err := s.one(r)
	if err == nil && t.GetVoid() != nil {
		err = exits.ErrVoid
	}
	if err != nil {
		s.ticketProblem(w, v, err)
		return
	}
	s.printed(w, r, v, t)
}

// void says that a ticket no longer counts.
func (s *Station) void(w http.ResponseWriter, r *http.Request) {
	v := &ticketsView{l: languageOf(r)}
	t, err := s.one(r)
	if err != nil {
		s.ticketProblem(w, v, err)
		return
	}
	back, err := cashIn(r, "back")
	if err == nil && t.GetCashFen() > 0 && r.PostForm.Get("back") == "" {
		err = language.Textf("say how much of its %s yuan the passenger got back, 0 if nothing", yuan(t.GetCashFen()))
	}
	if err == nil {
		t, err = s.desk.Tickets.Void(t.GetNumber(), strings.TrimSpace(r.PostForm.Get("staff")), strings.TrimSpace(r.PostForm.Get("because")), back)
	}
	if err != nil {
		s.ticketProblem(w, v, err)
		return
	}
	v.Done = language.Textf("Exit ticket %s no longer counts; %s yuan given back", message.TicketName(t), yuan(back)).In(v.l)
	s.showTickets(w, http.StatusOK, v)
}

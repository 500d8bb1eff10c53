package page

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/exits"
	"citycard/terminals/station"
)

// offerTime is how long an offer that was shown can be agreed to.
const offerTime = 2 * time.Minute

//go:embed station.html tickets.html counter.html page.css
var files embed.FS

// style serves the style of all pages.
func style(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, "page.css") }

// Desk is what the page of a station's desk does with the card in the reader.
type Desk struct {
	Here station.Here
	// Look reads the card, after what it has to tell of earlier payments: an update that it has
	// paid is returned, with its record on the disk. Nothing on the card changes.
	Look func(ctx context.Context) (station.Reading, time.Time, *message.Tap, error)
	// Correct carries an offer out. A tap beside an error is an update that was done.
	Correct func(ctx context.Context, o station.Offer) (*message.Tap, error)
	Tickets Tickets
	// Now is the clock, in the city's zone.
	Now func() time.Time
}

// Station is the page of a desk at a metro station.
type Station struct {
	desk Desk
	html *template.Template
	mux  *http.ServeMux

	offers shown[station.Offer]
	forms  shown[exits.Request] // for exit tickets, with what is known already
}

// NewStation makes the page.
func NewStation(desk Desk) (*Station, error) {
	html, err := template.ParseFS(files, "station.html", "tickets.html")
	if err != nil {
		return nil, err
	}
	s := &Station{desk: desk, html: html, mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /{$}", s.look)
	s.mux.HandleFunc("POST /offer", s.offer)
	s.mux.HandleFunc("POST /update", s.update)
	s.mux.HandleFunc("GET /tickets", s.tickets)
	s.mux.HandleFunc("POST /tickets", s.give)
	s.mux.HandleFunc("POST /tickets/print", s.print)
	s.mux.HandleFunc("POST /tickets/void", s.void)
	s.mux.HandleFunc("GET /page.css", style)
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Station) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// view is what a page shows.
type view struct {
	l       language.Language
	Lang    string
	Words   words
	Problem string // why nothing can be done
	Card    *cardView
	Sides   []sideView
	Offer   *offerView
	Done    *doneView
}

// LetOut reports whether an exit ticket is offered.
func (v *view) LetOut() bool { return v.Done != nil && v.Done.Form != "" }

type cardView struct{ Number, Balance, Fares string }

// sideView is one side of the gates.
type sideView struct {
	Title, Text string
	Key         string // of the keyboard
	Code        string // of the update that helps, empty for none
	Button      string
	Asks        bool // for the station of the entry
	Short       bool // the card cannot pay it all
	First       bool // of the sides that have a form
}

type offerView struct {
	ID, Card, Update, Text, Fen, Cash, Balance, Left, Staff, Fares string
}

type doneView struct {
	Update, Card, Fen, Cash, Left, Time string
	Warning                             string
	Form, Staff                         string // for its exit ticket; no form where a gate opens
}

func (s *Station) show(w http.ResponseWriter, status int, v *view) {
	v.Lang, v.Words = v.l.Choose("en", "zh-CN"), wordsIn(v.l)
	var page bytes.Buffer
	if err := s.html.ExecuteTemplate(&page, "station.html", v); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // a browser that has gone sees nothing
}

// look shows the card and what helps.
func (s *Station) look(w http.ResponseWriter, r *http.Request) {
	v := &view{l: languageOf(r)}
	reading, at, paid, err := s.desk.Look(r.Context())
	switch {
	case err != nil:
		v.Problem = language.Error(v.l, err)
		s.show(w, http.StatusOK, v)
		return
	case paid != nil:
		s.done(w, v, paid, settled())
		return
	}
	s.analyse(v, &reading, at)
	s.show(w, http.StatusOK, v)
}

func (s *Station) analyse(v *view, r *station.Reading, at time.Time) {
	first := true
	for _, side := range []struct {
		area  station.Area
		title *language.Text
		key   string
	}{
		{station.Outside, language.Textf("To get in"), "1"},
		{station.Inside, language.Textf("To get out"), "2"},
	} {
		f := s.desk.Here.Analyse(r, side.area, at)
		show := sideView{Title: side.title.In(v.l), Text: f.Text().In(v.l), Key: side.key}
		if f.Reason != 0 {
			show.Code, show.Short, show.First = f.Reason.Code(), int64(f.Fen) > int64(r.Balance), first
			show.Button = language.Textf("Show what update %s does", show.Code).In(v.l)
			show.Asks = f.Reason == message.UpdateReason_UPDATE_REASON_NO_ENTRY
			first = false
		}
		v.Sides = append(v.Sides, show)
		if v.Card == nil && r.Err == nil {
			v.Card = &cardView{Number: masked(r.Application.ASN[:]), Balance: yuan(r.Balance), Fares: f.Fares()}
		}
	}
}

// masked is a card's number as it may be seen.
func masked(asn []byte) string {
	number, err := tunion.Number([10]byte(asn))
	if err != nil {
		return ""
	}
	return tunion.Masked(number)
}

func yuan[T uint32 | int32](fen T) string { return exits.Yuan(fen) }

// asked reads what a form asks for. A side that fits no update is refused by the desk.
func asked(r *http.Request) (q station.Request, err error) {
	if err := r.ParseForm(); err != nil {
		return q, err
	}
	if q.Reason, err = station.ParseCode(r.PostForm.Get("reason")); err != nil {
		return q, err
	}
	q.Pay, q.Staff = station.Payment(r.PostForm.Get("pay")), r.PostForm.Get("staff")
	if q.From, err = numbered(r, "from"); err != nil {
		return q, err
	}
	q.FromLine, err = numbered(r, "line")
	return q, err
}

// numbered is a field for the number of a station or a line, 0 where it is empty.
func numbered(r *http.Request, field string) (uint32, error) {
	text := r.PostForm.Get(field)
	if text == "" {
		return 0, nil
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 {
		return 0, language.Textf("%q is no number of a station or a line", text)
	}
	return uint32(number), nil
}

// offer shows what an update does and costs, to be agreed to.
func (s *Station) offer(w http.ResponseWriter, r *http.Request) {
	v := &view{l: languageOf(r)}
	ask, err := asked(r)
	if err != nil {
		s.problem(w, v, err)
		return
	}
	reading, at, paid, err := s.desk.Look(r.Context())
	if err != nil {
		s.problem(w, v, err)
		return
	}
	if paid != nil {
		s.done(w, v, paid, settled())
		return
	}
	o, err := s.desk.Here.Offer(&reading, ask, at)
	if err != nil {
		s.problem(w, v, err)
		return
	}
	id, err := s.offers.keep(o, s.desk.Now().Add(offerTime))
	if err != nil {
		s.problem(w, v, err)
		return
	}
	v.Offer = &offerView{
		ID: id, Card: masked(o.Card.ASN[:]), Update: o.Reason.Code() + " " + station.Name(o.Reason).In(v.l), Text: o.Text().In(v.l),
		Fen: yuan(o.Fen), Cash: yuan(o.Cash), Balance: yuan(o.Balance), Left: yuan(o.Left()), Staff: o.Staff, Fares: o.Fares,
	}
	s.show(w, http.StatusOK, v)
}

// settled is said of an update whose outcome was not known until now.
func settled() error {
	return language.Textf("This card was corrected before, and has told so now.")
}

// problem shows why nothing was done.
func (s *Station) problem(w http.ResponseWriter, v *view, err error) {
	v.Problem = language.Error(v.l, err)
	s.show(w, statusOf(err), v)
}

// statusOf is the status of a page that says why nothing was done.
func statusOf(err error) int {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusConflict
}

// update does what was agreed to.
func (s *Station) update(w http.ResponseWriter, r *http.Request) {
	v := &view{l: languageOf(r)}
	if err := r.ParseForm(); err != nil {
		s.problem(w, v, err)
		return
	}
	o, there := s.offers.take(r.PostForm.Get("offer"), s.desk.Now())
	if !there {
		s.problem(w, v, language.Textf("this was done, or was shown too long ago: look at the card again"))
		return
	}
	// What was agreed to is finished even if the browser goes away.
	tap, err := s.desk.Correct(context.WithoutCancel(r.Context()), o)
	if tap == nil {
		s.problem(w, v, err)
		return
	}
	s.done(w, v, tap, err)
}

// done shows an update that was done; what is wrong with the desk since, if anything.
func (s *Station) done(w http.ResponseWriter, v *view, tap *message.Tap, warning error) {
	u, d := tap.GetUpdate(), tap.GetDebit()
	v.Done = &doneView{
		Update: u.GetReason().Code() + " " + station.Name(u.GetReason()).In(v.l), Card: masked(d.GetCard()), Fen: yuan(d.GetAmountFen()),
		Cash: yuan(u.GetCashFen()), Left: yuan(tap.GetBalanceFen()),
	}
	if at, err := message.ParseTime(d.GetTime(), time.UTC); err == nil {
		v.Done.Time = at.Format(time.DateTime)
	}
	out := station.Request{Reason: u.GetReason(), From: tap.GetEntryStation()}
	if out.LetsOut() {
		form, err := s.form(exits.Request{Reason: message.ExitReason_EXIT_REASON_TRIP_ENDED, Update: u.GetReason(), Card: d.GetCard()})
		if err != nil {
			warning = errors.Join(warning, err)
		}
		v.Done.Form, v.Done.Staff = form, u.GetStaff()
	}
	if warning != nil {
		v.Done.Warning = language.Error(v.l, warning)
	}
	s.show(w, http.StatusOK, v)
}

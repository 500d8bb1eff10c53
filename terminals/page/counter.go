package page

import (
	"bytes"
	"context"
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"sync"
	"time"

	"citycard/language"
)

// Till is what the page of a card counter does.
type Till struct {
	// State says how things stand: the card in the reader, who is signed in, what can be done.
	// Nothing changes.
	State func(ctx context.Context) *State
	// Plan finds out what an act would do, and cost. Nothing is done.
	Plan func(ctx context.Context, r Request) (*Plan, error)
	// SignIn and SignOut begin and end the session of a clerk.
	SignIn  func(ctx context.Context, who string, passphrase []byte) error
	SignOut func(ctx context.Context) error
	// Receipt prints a receipt, once more if need be.
	Receipt func(ctx context.Context, number string) error
	// Now is the clock.
	Now func() time.Time
}

// State is how things stand at a counter.
type State struct {
	Who      string   // who is signed in; empty: nobody
	Keys     bool     // somebody can sign in
	Clerks   []string // who can, where each has a key of their own
	Rows     []Row    // the shift, and the like
	Notices  []*language.Text
	Card     []Row // of the card in the reader
	Findings []*language.Text
	Tables   []Table
	Problem  error // why there is no card
	Acts     []Act
	Receipts []string // that wait for the printer
}

// Row is a name and its value.
type Row struct {
	Name  *language.Text
	Value *language.Text
}

// Table is what is on a card, line by line.
type Table struct {
	Title *language.Text
	Head  []*language.Text
	Rows  [][]*language.Text
}

// Act is something that can be done, as a form.
type Act struct {
	Name   string // for the request
	Title  *language.Text
	Text   *language.Text // nil: nothing more is to be said
	Key    string         // of the keyboard
	Fields []Field
}

// Field is what a form asks for.
type Field struct {
	Name    string
	Label   *language.Text
	Kind    FieldKind
	Options []Option // of a choice
	Optional,
	First bool
}

// Option is one of a choice.
type Option struct {
	Value string
	Text  *language.Text
}

// FieldKind is what can be typed into a field.
type FieldKind string

// The kinds of fields.
const (
	KindText   FieldKind = "text"
	KindMoney  FieldKind = "money"  // yuan, with at most two decimals
	KindDigits FieldKind = "digits" // of a card's number
	KindSecret FieldKind = "secret"
	KindChoice FieldKind = "choice"
)

// Request is what a clerk has typed.
type Request struct {
	Act    string
	Values map[string]string
}

// Plan is what an act would do, for whom and for how much.
type Plan struct {
	Title *language.Text
	Rows  []Row
	// Do does that, and nothing else.
	Do func(ctx context.Context) (*Did, error)
}

// Did is what was done.
type Did struct {
	Title    *language.Text
	Rows     []Row
	Warning  error
	Receipts []string
}

// Counter is the page of a card counter. What it does is bound to what it has shown.
type Counter struct {
	till Till
	html *template.Template
	mux  *http.ServeMux

	acting sync.Mutex // one thing is done at a time
	plans  shown[*Plan]
}

// ErrPlan: what was agreed to was not shown, or too long ago, or was done.
var ErrPlan = language.Textf("this is not what was shown last: look again")

// NewCounter makes the page.
func NewCounter(till Till) (*Counter, error) {
	html, err := template.ParseFS(files, "counter.html")
	if err != nil {
		return nil, err
	}
	c := &Counter{till: till, html: html, mux: http.NewServeMux()}
	c.mux.HandleFunc("GET /{$}", c.look)
	c.mux.HandleFunc("POST /plan", c.plan)
	c.mux.HandleFunc("POST /do", c.do)
	c.mux.HandleFunc("POST /print", c.print)
	c.mux.HandleFunc("POST /sign-in", c.signIn)
	c.mux.HandleFunc("POST /sign-out", c.signOut)
	c.mux.HandleFunc("GET /page.css", style)
	return c, nil
}

// ServeHTTP implements http.Handler.
func (c *Counter) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

// counterView is what a page shows.
type counterView struct {
	l       language.Language
	Lang    string
	Words   counterWords
	Problem string
	State   *State
	Plan    *Plan
	ID      string // of the plan
	Did     *Did
}

// Say says a text in the page's language.
func (v *counterView) Say(text *language.Text) string {
	if text == nil {
		return ""
	}
	return text.In(v.l)
}

// Fault says an error in the page's language.
func (v *counterView) Fault(err error) string {
	if err == nil {
		return ""
	}
	return language.Error(v.l, err)
}

func (c *Counter) show(w http.ResponseWriter, status int, v *counterView) {
	v.Lang, v.Words = v.l.Choose("en", "zh-CN"), counterWordsIn(v.l)
	var page bytes.Buffer
	if err := c.html.ExecuteTemplate(&page, "counter.html", v); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // a browser that has gone sees nothing
}

// look shows how things stand.
func (c *Counter) look(w http.ResponseWriter, r *http.Request) { c.stand(w, r, http.StatusOK, nil) }

// stand shows how things stand, and what went wrong.
func (c *Counter) stand(w http.ResponseWriter, r *http.Request, status int, err error) {
	v := &counterView{l: languageOf(r), State: c.till.State(r.Context())}
	v.Problem = v.Fault(err)
	c.show(w, status, v)
}

// plan shows what an act would do, and asks.
func (c *Counter) plan(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusRequestEntityTooLarge)
		return
	}
	ask := Request{Act: r.PostForm.Get("act"), Values: map[string]string{}}
	for name := range r.PostForm {
		ask.Values[name] = r.PostForm.Get(name)
	}
	plan, err := c.till.Plan(r.Context(), ask)
	if err != nil {
		c.stand(w, r, http.StatusConflict, err)
		return
	}
	id, err := c.plans.keep(plan, c.till.Now().Add(offerTime))
	if err != nil {
		c.stand(w, r, http.StatusInternalServerError, err)
		return
	}
	c.show(w, http.StatusOK, &counterView{l: languageOf(r), Plan: plan, ID: id})
}

// do does what was shown.
func (c *Counter) do(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusRequestEntityTooLarge)
		return
	}
	plan, ok := c.plans.take(r.PostForm.Get("plan"), c.till.Now())
	if !ok {
		c.stand(w, r, http.StatusConflict, ErrPlan)
		return
	}
	// What was begun is finished, even if the browser goes away meanwhile.
	c.acting.Lock()
	defer c.acting.Unlock()
	did, err := plan.Do(context.WithoutCancel(r.Context()))
	if err != nil && did == nil {
		c.stand(w, r, http.StatusConflict, err)
		return
	}
	did.Warning = errors.Join(did.Warning, err)
	c.show(w, http.StatusOK, &counterView{l: languageOf(r), Did: did})
}

// print prints a receipt.
func (c *Counter) print(w http.ResponseWriter, r *http.Request) {
	if err := c.till.Receipt(r.Context(), r.PostFormValue("number")); err != nil {
		c.stand(w, r, http.StatusConflict, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (c *Counter) signIn(w http.ResponseWriter, r *http.Request) {
	if err := c.till.SignIn(r.Context(), r.PostFormValue("who"), []byte(r.PostFormValue("passphrase"))); err != nil {
		c.stand(w, r, http.StatusConflict, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (c *Counter) signOut(w http.ResponseWriter, r *http.Request) {
	if err := c.till.SignOut(r.Context()); err != nil {
		c.stand(w, r, http.StatusConflict, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// ID is the id of a field on the page.
func (f Field) ID(act string) string { return act + "-" + f.Name }

// Pattern is what a browser lets be typed into a field.
func (f Field) Pattern() string {
	switch f.Kind {
	case KindMoney:
		return `[0-9]{1,6}(\.[0-9]{1,2})?`
	case KindDigits:
		return `[0-9]{19,20}`
	case KindSecret:
		return `[0-9]{4,12}`
	case KindText, KindChoice:
	}
	return ""
}

// Longest is how many characters fit.
func (f Field) Longest() int {
	switch f.Kind {
	case KindMoney:
		return 9
	case KindDigits:
		return 20
	case KindSecret:
		return 12
	case KindText, KindChoice:
	}
	return 128
}

// Key is the number of an act on the keyboard, from 1; the tenth is 0.
func Key(n int) string { return strconv.Itoa(n % 10) }

// counterWords are the texts of the page itself.
type counterWords struct {
	Counter, Problem, Done, Question, Yes, No, Again, Card, Signed, SignIn, SignOut, Clerk, Passphrase, Receipts, Print, Optional, Show string
}

func counterWordsIn(l language.Language) counterWords {
	return counterWords{
		Counter:    l.Of("Card counter"),
		Done:       l.Of("Done"),
		Question:   l.Of("Do this?"),
		Yes:        l.Of("Yes, do it"),
		No:         l.Of("No, nothing"),
		Again:      l.Of("Look again"),
		Card:       l.Of("The card in the reader"),
		Signed:     l.Of("Signed in"),
		SignIn:     l.Of("Sign in"),
		SignOut:    l.Of("Sign out"),
		Clerk:      l.Of("Whose key"),
		Passphrase: l.Of("Passphrase of your key; empty if it has none"),
		Receipts:   l.Of("Receipts that wait for the printer"),
		Print:      l.Of("Print"),
		Optional:   l.Of("may be empty"),
		Show:       l.Of("Show"),
	}
}

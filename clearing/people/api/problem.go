package api

import (
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/clearing/release"
	"citycard/language"
	"citycard/ledger"
)

// Kind is the kind of a problem, by which programs tell one from another. It is the problem's type,
// a relative reference (RFC 9457).
type Kind string

// The kinds of problems.
const (
	Invalid        Kind = "invalid"         // the request is not as it must be
	TooLarge       Kind = "too-large"       // its body is
	TooMany        Kind = "too-many"        // requests of this key or address
	Unsigned       Kind = "unsigned"        // reading over a network takes a signed statement
	BadSignature   Kind = "bad-signature"   // key, statement or signature is not believed
	Denied         Kind = "denied"          // this person may not do it
	NotFound       Kind = "not-found"       // there is no such thing
	Stale          Kind = "stale"           // it would not do any more what was shown
	Decided        Kind = "decided"         // the proposal does not wait any more
	Refused        Kind = "refused"         // the books or the rules do not allow it
	TwoPeople      Kind = "two-people"      // it takes a proposal, which somebody else approves
	UnknownOutcome Kind = "unknown-outcome" // it may have been done or not: ask again
	Unavailable    Kind = "unavailable"     // nothing was done; try later
	NoBooks        Kind = "no-books"        // the server has no books, or none that it knows
	Failed         Kind = "failed"          // anything else
)

// status is the HTTP status of a kind.
func (k Kind) status() int {
	switch k {
	case Invalid:
		return http.StatusUnprocessableEntity
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case TooMany:
		return http.StatusTooManyRequests
	case Unsigned, BadSignature:
		return http.StatusUnauthorized
	case Denied:
		return http.StatusForbidden
	case NotFound:
		return http.StatusNotFound
	case Stale, Decided, Refused, TwoPeople:
		return http.StatusConflict
	case UnknownOutcome:
		return http.StatusGatewayTimeout
	case Unavailable, NoBooks:
		return http.StatusServiceUnavailable
	case Failed:
	}
	return http.StatusInternalServerError
}

// title is the same for every problem of a kind.
func (k Kind) title() *language.Text {
	switch k {
	case Invalid:
		return language.Textf("the request is not as it must be")
	case TooLarge:
		return language.Textf("the request is too large")
	case TooMany:
		return language.Textf("too many requests")
	case Unsigned:
		return language.Textf("the request must be signed")
	case BadSignature:
		return language.Textf("the signature is not believed")
	case Denied:
		return language.Textf("this person may not do it")
	case NotFound:
		return language.Textf("there is no such thing")
	case Stale:
		return language.Textf("it would not do any more what was shown")
	case Decided:
		return language.Textf("the proposal does not wait any more")
	case Refused:
		return language.Textf("the books or the rules do not allow it")
	case TwoPeople:
		return language.Textf("it takes two people")
	case UnknownOutcome:
		return language.Textf("it is not known whether it was done")
	case Unavailable:
		return language.Textf("nothing was done; the server cannot do it at present")
	case NoBooks:
		return language.Textf("there are no books")
	case Failed:
	}
	return language.Textf("it has failed")
}

// Problem is an answer that says what went wrong (RFC 9457).
type Problem struct {
	Type   Kind    `json:"type" enum:"invalid,too-large,too-many,unsigned,bad-signature,denied,not-found,stale,decided,refused,two-people,unknown-outcome,unavailable,no-books,failed" doc:"What kind of problem it is"`
	Title  string  `json:"title" doc:"The kind in words"`
	Status int     `json:"status" doc:"The HTTP status"`
	Detail string  `json:"detail" doc:"What went wrong"`
	Todo   string  `json:"todo,omitempty" doc:"What to do about it"`
	Errors []Fault `json:"errors,omitempty" doc:"What is wrong with which field"`
}

// Error is what went wrong, in the language in which it was asked.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of a problem.
func (*Problem) ContentType(string) string { return "application/problem+json" }

// Explained is an error that knows which problem it is. What is needed from outside this package
// says with it what kind of problem it has met (Program).
type Explained struct {
	Kind Kind
	What error
	Todo *language.Text // may be nil
}

func (e *Explained) Error() string { return e.What.Error() }

// Unwrap gives what went wrong.
func (e *Explained) Unwrap() error { return e.What }

// newProblem is a problem in a language. todo may be nil.
func newProblem(l language.Language, kind Kind, detail error, todo *language.Text) *Problem {
	p := &Problem{Type: kind, Title: kind.title().In(l), Status: kind.status(), Detail: language.Error(l, detail)}
	if todo != nil {
		p.Todo = todo.In(l)
	}
	return p
}

// problemOf says which problem an error is, and what to do about it.
func problemOf(l language.Language, err error) *Problem {
	if kind, detail, todo := ofAccess(err); detail != nil {
		return newProblem(l, kind, detail, todo)
	}
	if e, ok := errors.AsType[*Explained](err); ok {
		return newProblem(l, e.Kind, e.What, e.Todo)
	}
	kind, todo := classify(err)
	p := newProblem(l, kind, err, todo)
	if kind == Invalid {
		p.Errors = []Fault{{"body.request", language.Error(l, err)}}
	}
	return p
}

// classify is the one place that knows the advice for the errors of acts.
func classify(err error) (Kind, *language.Text) {
	switch {
	case errors.Is(err, ledger.ErrOutcomeUnknown):
		return UnknownOutcome, repeatIt()
	case errors.Is(err, ledger.ErrUnavailable), errors.Is(err, ledger.ErrBusy):
		return Unavailable, tryAgain()
	}
	if kind, todo, known := ofProposal(err); known {
		return kind, todo
	}
	if refusal, ok := errors.AsType[*people.Refusal](err); ok {
		return ofPeople(refusal.Why), refusal.Todo
	}
	if denied, ok := errors.AsType[*people.DeniedError](err); ok && denied != nil {
		return Denied, language.Textf("ask somebody who may")
	}
	if advised, ok := errors.AsType[*release.Refusal](err); ok {
		return Refused, advised.Todo
	}
	if errors.As(err, new(*language.Text)) {
		return Refused, nil
	}
	return Failed, nil
}

func repeatIt() *language.Text {
	return language.Textf("repeat the command: it says what became of it; citycard proposal list --all shows it, too")
}

func tryAgain() *language.Text { return language.Textf("try again") }

// ofProposal knows the errors of package proposal.
func ofProposal(err error) (kind Kind, todo *language.Text, known bool) {
	if stale, ok := errors.AsType[*proposal.StaleError](err); ok {
		return Stale, language.Textf("look at it with citycard proposal show %d, and propose it again", stale.Number), true
	}
	if own, ok := errors.AsType[*proposal.Refusal](err); ok {
		return Refused, own.Todo, true
	}
	switch {
	case errors.Is(err, proposal.ErrNone), errors.Is(err, proposal.ErrKind):
		return NotFound, language.Textf("citycard proposal list --all shows them"), true
	case errors.As(err, new(*proposal.DecidedError)):
		return Decided, language.Textf("citycard proposal list --all shows them"), true
	case errors.Is(err, proposal.ErrRequest):
		return Invalid, nil, true
	case errors.Is(err, proposal.ErrHash):
		return Stale, language.Textf("look at it with citycard proposal show, and give the hash that stands there"), true
	case errors.Is(err, proposal.ErrSigned):
		return Stale, language.Textf("look at it again, and sign what it does now"), true
	case errors.Is(err, proposal.ErrReason):
		return BadSignature, language.Textf("sign the reason that is sent"), true
	case errors.Is(err, proposal.ErrProposer), errors.Is(err, proposal.ErrStandsIn), errors.Is(err, proposal.ErrReject), errors.Is(err, proposal.ErrNotOwn):
		return Denied, nil, true
	case errors.Is(err, proposal.ErrAltered):
		return Refused, nil, true
	}
	return "", nil, false
}

// ofPeople is the kind of a refusal of people.
func ofPeople(why people.Why) Kind {
	switch why {
	case people.BadStatement, people.BadSignature, people.UnknownKey, people.EndedKey, people.Disabled, people.OtherBooks,
		people.OtherAct, people.OtherPerson, people.OtherTime, people.Used:
		return BadSignature
	case people.NotThere:
		return NotFound
	case people.Moved:
		return Stale
	default:
		return Refused
	}
}

// inOurs makes a Problem of what the library answers itself.
func inOurs(ctx huma.Context, _ string, answer any) (any, error) {
	model, ok := answer.(*huma.ErrorModel)
	if !ok {
		return answer, nil
	}
	kind := Invalid
	switch model.Status {
	case http.StatusRequestEntityTooLarge:
		kind = TooLarge
	case http.StatusInternalServerError:
		kind = Failed
	}
	l := language.Accepted(ctx.Header("Accept-Language"))
	p := newProblem(l, kind, kind.title(), nil)
	p.Status = model.Status
	for _, e := range model.Errors {
		p.Errors = append(p.Errors, faultOf(l, e))
	}
	if len(p.Errors) == 0 {
		p.Errors = []Fault{{Location: "body", Message: wanted(model.Detail).In(l)}}
	}
	return p, nil
}

package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"citycard/clearing/people"
)

// Endpoint is one kind of request of an API, whose body or query says all of it.
type Endpoint[T any] struct {
	Method string
	Limit  int64                        // bytes of a body
	Read   func(body []byte) (T, error) // an error's text is answered
	// Query, where set, reads the request from the query; it has no body then.
	Query func(url.Values) (T, error)
	Unit  func(T) people.Unit // whose money or rows it is about
	// Answer answers a request of that very unit.
	Answer func(w http.ResponseWriter, r *http.Request, request T)
}

// Fault is the body of an answer that says what is wrong, in JSON.
type Fault struct {
	Error   string `json:"error"` // a reason code, or what is wrong with the request as such
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// Write answers with the fault.
func (f Fault) Write(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(f) // the client may be gone; nobody else to tell
}

// Handler serves an endpoint to those whom a door lets in.
func Handler[T any](d *Door, e Endpoint[T]) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != e.Method {
			w.Header().Set("Allow", e.Method)
			d.refuse(w, r, nil, WrongMethod, http.StatusMethodNotAllowed, "want "+e.Method)
			return
		}
		c := d.admit(w, r)
		if c == nil {
			return
		}
		request, ok := read(d, e, w, r, c)
		if !ok {
			return
		}
		if unit := e.Unit(request); unit != c.Unit {
			d.refuse(w, r, c, OtherUnit, http.StatusForbidden, fmt.Sprintf("the credential is of %s, and the request about another unit", c.Unit))
			return
		}
		e.Answer(w, r, request)
	})
}

// admit identifies a request and counts it. If it is refused, that is answered, and the credential
// is nil. A credential in force is not refused for what others of its address did: behind a proxy
// all have one.
func (d *Door) admit(w http.ResponseWriter, r *http.Request) *Credential {
	now := d.now()
	c, refusal := d.identify(r, now)
	switch refusal {
	case "":
		if wait := d.own.Take(c.Number, now); wait > 0 {
			d.refuseFor(w, r, c, wait, "too many requests of this credential")
			return nil
		}
		return c
	case Unsure:
		w.Header().Set("Retry-After", "1")
		d.refuse(w, r, nil, Unsure, http.StatusServiceUnavailable, "nothing was done; send the same request again")
		return nil
	}
	w.Header().Set("Connection", "close")
	if wait := d.strangers.Take(PlaceOf(r.RemoteAddr), now); wait > 0 {
		d.refuseFor(w, r, c, wait, "too many requests of this address were refused")
		return nil
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	d.refuse(w, r, c, refusal, http.StatusUnauthorized, map[Reason]string{
		NoCredential: "want the unit's token: Authorization: Bearer TOKEN; or, over TLS, its certificate",
		Unknown:      "the token or certificate is not known, or was revoked",
		HasExpired:   "the token or certificate is known and has expired; ask for another",
		NotValid:     "the certificate is not valid at this time by its own dates",
	}[refusal])
	return nil
}

// read reads a body. If it is not what is expected, that is answered.
func read[T any](d *Door, e Endpoint[T], w http.ResponseWriter, r *http.Request, c *Credential) (request T, ok bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, e.Limit))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		d.refuse(w, r, c, TooLarge, http.StatusRequestEntityTooLarge, fmt.Sprintf("want a body of at most %d bytes", e.Limit))
		return request, false
	}
	if err != nil {
		d.refuse(w, r, c, Unreadable, http.StatusBadRequest, "request not readable: "+err.Error())
		return request, false
	}
	if e.Query != nil {
		request, err = e.Query(r.URL.Query())
	} else {
		request, err = e.Read(body)
	}
	if err != nil {
		d.refuse(w, r, c, Undecodable, http.StatusBadRequest, err.Error())
		return request, false
	}
	return request, true
}

// refuseFor refuses one request too many.
func (d *Door) refuseFor(w http.ResponseWriter, r *http.Request, c *Credential, wait time.Duration, why string) {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	d.refuse(w, r, c, TooMany, http.StatusTooManyRequests, why)
}

// refuse answers, counts and, of many, logs some. What a stranger sends is not repeated in the log.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, c *Credential, reason Reason, status int, message string) {
	d.refused(reason)
	if passed, due := d.lines[reason].due(d.now()); due {
		from := []any{"reason", reason, "from", r.RemoteAddr, "others_since", passed}
		if c != nil {
			from = append(from, "unit", c.Unit, "credential", c.Number)
		}
		d.log.Warn("api request refused", from...)
	}
	Fault{Error: string(reason), Message: message}.Write(w, status)
}

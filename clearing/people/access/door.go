package access

import (
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"
)

// Reason says why a request is refused at the door.
type Reason string

// The reasons. Each is the word "error" of its answer.
const (
	NoCredential Reason = "no_credential"       // it has neither token nor certificate
	Unknown      Reason = "unknown_credential"  // no such token or certificate, or it was revoked
	HasExpired   Reason = "expired_credential"  // its days are over
	NotValid     Reason = "invalid_certificate" // it is before the certificate's own dates, or after
	OtherUnit    Reason = "other_unit"          // it is about what is not the unit's own
	TooMany      Reason = "too_many_requests"   // of the credential, or failed ones of the address
	Unsure       Reason = "access_unknown"      // who may is not known: nobody could ask the database
	TooLarge     Reason = "too_large"           // the body is
	Unreadable   Reason = "unreadable"          // the body broke off, or came too slowly
	Undecodable  Reason = "undecodable"         // the body is not what is expected
	WrongMethod  Reason = "method_not_allowed"
)

// Reasons are all reasons.
func Reasons() []Reason {
	return []Reason{NoCredential, Unknown, HasExpired, NotValid, OtherUnit, TooMany, Unsure, TooLarge, Unreadable, Undecodable, WrongMethod}
}

// Settings are what a door is made with.
type Settings struct {
	Store *Store
	Now   func() time.Time
	Log   *slog.Logger
	// Rate is how many requests a second a credential may make at this process, and as many at
	// once.
	Rate    int
	Refused func(Reason) // counts
}

// Door is where all requests over an API come in. Use NewDoor, and let Follow run.
type Door struct {
	store    *Store
	now      func() time.Time
	log      *slog.Logger
	refused  func(Reason)
	register atomic.Pointer[register]
	failure  atomic.Pointer[error] // of the last look
	unread   sample
	odd      sample
	lines    map[Reason]*sample

	own       *Rates[int64]      // of each credential
	strangers *Rates[netip.Addr] // failed ones of each address
}

// NewDoor makes a door that lets nobody in before the first look.
func NewDoor(s Settings) *Door {
	d := &Door{
		store: s.Store, now: s.Now, log: s.Log, refused: s.Refused, unread: sample{every: logEvery}, odd: sample{every: logEvery}, lines: map[Reason]*sample{},
		own: NewRates[int64](float64(s.Rate), s.Rate), strangers: NewRates[netip.Addr](strangersRate, strangersBurst),
	}
	for _, reason := range Reasons() {
		d.lines[reason] = &sample{every: logEvery}
	}
	return d
}

// identify finds the credential of a request. The header counts if it is there, else the
// certificate of the connection: TLS has made sure that the other end has its key.
func (d *Door) identify(r *http.Request, now time.Time) (*Credential, Reason) {
	known := d.register.Load()
	if known == nil || known.age(now) >= MaxAge {
		return nil, Unsure
	}
	now = known.now(now)
	var c *Credential
	if given, ok := r.Header["Authorization"]; ok {
		token, ok := bearer(given)
		if !ok {
			return nil, NoCredential
		}
		if c = known.by[HashToken(token)]; c == nil || c.Kind != Token {
			return nil, Unknown
		}
	} else {
		brought := certificate(r)
		if brought == nil {
			return nil, NoCredential
		}
		if c = known.by[Fingerprint(brought)]; c == nil || c.Kind != Certificate {
			return nil, Unknown
		}
		// A connection may last longer than the certificate.
		if now.Before(brought.NotBefore) || now.After(brought.NotAfter) {
			return c, NotValid
		}
	}
	if c.State(now) != InForce {
		return c, HasExpired
	}
	return c, ""
}

// bearer is the token of the one header Authorization.
func bearer(given []string) (token string, ok bool) {
	if len(given) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	return token, strings.EqualFold(scheme, "Bearer") && len(token) == tokenText
}

func certificate(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	return r.TLS.PeerCertificates[0]
}

package page

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"citycard/language"
)

// Limits of the server.
const (
	maxBody    = 4 << 10 // bytes of a form
	maxHeader  = 16 << 10
	headerTime = 5 * time.Second
	readTime   = 10 * time.Second
	writeTime  = time.Minute // a card may be waited for
	idleTime   = time.Minute
)

// tokenBytes is the length of a token.
const tokenBytes = 32

// Names in addresses and cookies.
const (
	tokenField     = "token"
	sessionCookie  = "session"
	languageField  = "language"
	languageCookie = "language"
)

// ErrNotLoopback refuses an address that others can reach.
var ErrNotLoopback = language.Textf("a page is on loopback alone: want an address such as 127.0.0.1:0")

// Server serves the pages of one program.
type Server struct {
	listener       net.Listener
	http           *http.Server
	token, session string
	hosts          []string
	pages          http.Handler
}

// Listen begins to listen at HOST:PORT, on loopback; port 0 is any that is free.
func Listen(ctx context.Context, address string, pages http.Handler, log *slog.Logger) (*Server, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsLoopback() {
		return nil, ErrNotLoopback
	}
	s := &Server{pages: pages}
	for _, secret := range []*string{&s.token, &s.session} {
		if *secret, err = random(tokenBytes); err != nil {
			return nil, err
		}
	}
	if s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", address); err != nil {
		return nil, err
	}
	host := s.listener.Addr().String()
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		return nil, errors.Join(err, s.listener.Close())
	}
	s.hosts = []string{host, net.JoinHostPort("localhost", port)}
	s.http = &http.Server{
		Handler: s, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// random is a random number of so many bytes, in hexadecimal digits.
func random(bytes int) (string, error) {
	b := make([]byte, bytes)
	if _, err := rand.Read(b); err != nil {
		return "", err
	}
	return hex.EncodeToString(b), nil
}

// Address is where staff open the page, with the token.
func (s *Server) Address() string { return "http://" + s.hosts[0] + "/?" + tokenField + "=" + s.token }

// Serve serves until Close; the error is never nil.
func (s *Server) Serve() error { return s.http.Serve(s.listener) }

// Close ends the server, after the requests that are being answered, as far as ctx allows.
func (s *Server) Close(ctx context.Context) error { return s.http.Shutdown(ctx) }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protect(w.Header())
	switch {
	case !s.mine(r.Host):
		refuse(w, http.StatusMisdirectedRequest)
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		refuse(w, http.StatusMethodNotAllowed)
	case r.Method == http.MethodPost && !s.sameOrigin(r):
		refuse(w, http.StatusForbidden)
	case r.Method == http.MethodGet && r.URL.Query().Has(tokenField):
		s.enter(w, r)
	case !s.known(r):
		refuse(w, http.StatusForbidden)
	case r.Method == http.MethodGet && r.URL.Query().Has(languageField):
		s.speak(w, r)
	default:
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		s.pages.ServeHTTP(w, r)
	}
}

// protect sets the headers of every answer. The origin of a form is only said to pages that may be
// referred to.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

func refuse(w http.ResponseWriter, status int) { http.Error(w, http.StatusText(status), status) }

// mine reports whether a host is the one that is listened on.
func (s *Server) mine(host string) bool {
	for _, own := range s.hosts {
		if host == own {
			return true
		}
	}
	return false
}

// sameOrigin reports whether a form is of a page of this host. Browsers send the origin with each
// POST.
func (s *Server) sameOrigin(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Header.Get("Origin") == "http://"+r.Host && (site == "" || site == "same-origin")
}

// enter gives the cookie for the token.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	if !equal(r.URL.Query().Get(tokenField), s.token) {
		refuse(w, http.StatusForbidden)
		return
	}
	setCookie(w, sessionCookie, s.session)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// speak keeps the language that was chosen.
func (s *Server) speak(w http.ResponseWriter, r *http.Request) {
	var l language.Language
	if err := l.Set(r.URL.Query().Get(languageField)); err != nil {
		refuse(w, http.StatusBadRequest)
		return
	}
	setCookie(w, languageCookie, l.String())
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func setCookie(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// known reports whether a request has the cookie.
func (s *Server) known(r *http.Request) bool {
	c, err := r.Cookie(sessionCookie)
	return err == nil && equal(c.Value, s.session)
}

// equal takes the same time wherever two secrets differ.
func equal(given, secret string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(secret)) == 1
}

// languageOf is the language that was chosen, else the browser's.
func languageOf(r *http.Request) (l language.Language) {
	if c, err := r.Cookie(languageCookie); err == nil && l.Set(c.Value) == nil {
		return l
	}
	return language.Accepted(r.Header.Get("Accept-Language"))
}

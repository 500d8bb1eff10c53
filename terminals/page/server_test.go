package page_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"citycard/terminals/page"
)

// served serves pages and returns where, and the token.
func served(t *testing.T, pages http.Handler) (base, token string) {
	t.Helper()
	s, err := page.Listen(t.Context(), "127.0.0.1:0", pages, slog.New(slog.DiscardHandler))
	must(t, err)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve() }()
	t.Cleanup(func() {
		must(t, s.Close(context.WithoutCancel(t.Context())))
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	base, token, ok := strings.Cut(s.Address(), "/?token=")
	if !ok || len(token) != 64 {
		t.Fatalf("address %q", s.Address())
	}
	return base, token
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// call sends a request as a browser does which follows nothing and keeps nothing.
func call(t *testing.T, method, address, body string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	must(t, err)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "http://"+r.URL.Host)
	}
	change(r)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	must(t, err)
	text, err := io.ReadAll(answer.Body)
	must(t, errors.Join(err, answer.Body.Close()))
	return answer, string(text)
}

func unchanged(*http.Request) {}

// session is the cookie that the token is given for.
func session(t *testing.T, base, token string) *http.Cookie {
	t.Helper()
	answer, _ := call(t, http.MethodGet, base+"/?token="+token, "", unchanged)
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/" || len(answer.Cookies()) != 1 {
		t.Fatalf("%d to %q, cookies %v", answer.StatusCode, answer.Header.Get("Location"), answer.Cookies())
	}
	c := answer.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Value == token || len(c.Value) != 64 {
		t.Fatalf("cookie %v", c)
	}
	return c
}

// Nothing but a page of this host, with the cookie that only the token gives, reaches the pages.
func TestServerRefuses(t *testing.T) {
	reached := 0
	base, token := served(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached++
		if err := r.ParseForm(); err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	}))
	cookie := session(t, base, token)
	own, err := url.Parse(base)
	must(t, err)
	in := func(r *http.Request) { r.AddCookie(cookie) }
	with := func(changes ...func(*http.Request)) func(*http.Request) {
		return func(r *http.Request) {
			in(r)
			for _, c := range changes {
				c(r)
			}
		}
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	for name, test := range map[string]struct {
		method, path, body string
		change             func(*http.Request)
		want               int
	}{
		"a page":                         {"GET", "/", "", in, 200},
		"a form":                         {"POST", "/offer", "a=b", in, 200},
		"a form, by localhost":           {"POST", "/offer", "a=b", with(host("localhost:"+own.Port()), header("Origin", "http://localhost:"+own.Port())), 200},
		"a form that says where from":    {"POST", "/offer", "a=b", with(header("Sec-Fetch-Site", "same-origin")), 200},
		"no cookie":                      {"GET", "/", "", unchanged, 403},
		"no cookie, a form":              {"POST", "/offer", "a=b", unchanged, 403},
		"another cookie":                 {"GET", "/", "", header("Cookie", "session="+strings.Repeat("0", 64)), 403},
		"an empty cookie":                {"GET", "/", "", header("Cookie", "session="), 403},
		"the token as the cookie":        {"GET", "/", "", header("Cookie", "session="+token), 403},
		"another token":                  {"GET", "/?token=" + strings.Repeat("0", 64), "", unchanged, 403},
		"no token":                       {"GET", "/?token=", "", in, 403},
		"half a token":                   {"GET", "/?token=" + token[:32], "", in, 403},
		"the token in a form":            {"POST", "/?token=" + token, "token=" + token, unchanged, 403},
		"another host":                   {"GET", "/", "", with(host("desk.example")), 421},
		"another host, with its port":    {"GET", "/", "", with(host("desk.example:" + own.Port())), 421},
		"another port":                   {"GET", "/", "", with(host("127.0.0.1:1")), 421},
		"the token, from another host":   {"GET", "/?token=" + token, "", host("desk.example"), 421},
		"a form of another page":         {"POST", "/offer", "a=b", with(header("Origin", "http://desk.example")), 403},
		"a form of another port":         {"POST", "/offer", "a=b", with(header("Origin", "http://127.0.0.1:1")), 403},
		"a form of a page over TLS":      {"POST", "/offer", "a=b", with(header("Origin", "https://"+own.Host)), 403},
		"a form of nobody":               {"POST", "/offer", "a=b", with(header("Origin", "null")), 403},
		"a form without origin":          {"POST", "/offer", "a=b", with(func(r *http.Request) { r.Header.Del("Origin") }), 403},
		"a form that crosses sites":      {"POST", "/offer", "a=b", with(header("Sec-Fetch-Site", "cross-site")), 403},
		"a form that crosses ports":      {"POST", "/offer", "a=b", with(header("Sec-Fetch-Site", "same-site")), 403},
		"what asks before it crosses":    {"OPTIONS", "/offer", "", with(header("Origin", "http://desk.example")), 405},
		"a method that no page has":      {"DELETE", "/", "", in, 405},
		"a form that is too long":        {"POST", "/offer", "a=" + strings.Repeat("b", 5000), in, 413},
		"a language that does not exist": {"GET", "/?language=tlh", "", in, 400},
		"a language without the cookie":  {"GET", "/?language=zh", "", unchanged, 403},
	} {
		before := reached
		answer, text := call(t, test.method, base+test.path, test.body, test.change)
		if answer.StatusCode != test.want || (reached > before) != (test.want == 200 || test.want == 413) {
			t.Errorf("%s: %d, reached %d times: %s", name, answer.StatusCode, reached-before, text)
		}
		for head, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"X-Content-Type-Options":  "nosniff", "Cache-Control": "no-store", "Access-Control-Allow-Origin": "", "Referrer-Policy": "same-origin",
		} {
			if got := answer.Header.Get(head); got != want {
				t.Errorf("%s: %s %q, want %q", name, head, got, want)
			}
		}
	}
}

// A page is on loopback alone.
func TestLoopbackAlone(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "localhost:0", "127.0.0.1", "", "desk.example:80"} {
		if s, err := page.Listen(t.Context(), address, http.NotFoundHandler(), slog.New(slog.DiscardHandler)); !errors.Is(err, page.ErrNotLoopback) {
			t.Errorf("%q: %v, %v", address, s, err)
		}
	}
}

package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
)

// counted is a body of so many blanks, of unknown length, and how many of them were read.
type counted struct{ left, read int }

func (c *counted) Read(p []byte) (int, error) {
	n := min(len(p), c.left)
	for i := range n {
		p[i] = ' '
	}
	c.left, c.read = c.left-n, c.read+n
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// looks is the header of a request over a network, by somebody's key.
func (w *town) looks(id, what string) string {
	w.Helper()
	key := peopletest.Key(w, id)
	st := w.staff.Statement(w, id, people.Looking, atHost(what), "")
	st.Person = key.Public().Fingerprint()
	return w.header(key, st)
}

// atHost is a request as a statement names it: with the server of httptest.NewRequest.
func atHost(what string) string { return strings.Replace(what, " /", " example.com/", 1) }

// header has a signed statement.
func (w *town) header(key *people.Identity, st people.Statement) string {
	w.Helper()
	signed, err := people.Sign(key, st)
	w.must(err)
	text, err := json.Marshal(signed)
	w.must(err)
	return base64.StdEncoding.EncodeToString(text)
}

func named(request, body string) string {
	sum := sha256.Sum256([]byte(body))
	return request + " sha256:" + hex.EncodeToString(sum[:])
}

// TestOtherServer has a server pass on to another one what it was asked: nobody there believes it,
// whatever host it names.
func TestOtherServer(t *testing.T) {
	w := newTown(t, 1000)
	w.proposed(w.socket("ann"), 2000)
	settings := w.settings()
	settings.Hosts = func(host string) bool { return host == "example.com" }
	server := api.New(settings)
	for _, c := range []struct {
		host, signed string
		kind         api.Kind
	}{
		{"example.com", "example.com", ""},
		{"example.com", "other.example", api.BadSignature},
		{"other.example", "other.example", api.BadSignature},
		{"other.example", "example.com", api.BadSignature},
		{"example.com", "", api.BadSignature},
	} {
		r := httptest.NewRequest(http.MethodGet, "/v1/proposals/1", nil)
		key := peopletest.Key(t, "cleo")
		st := w.staff.Statement(t, "cleo", people.Looking, "GET "+c.signed+"/v1/proposals/1", "")
		st.Person = key.Public().Fingerprint()
		r.Host = c.host
		r.Header.Set(api.LookHeader, w.header(key, st))
		if _, p := w.answered(server.Remote(), r); p.Type != c.kind {
			t.Errorf("at %s, signed for %q: %+v, want %q", c.host, c.signed, p, c.kind)
		}
	}
}

const draftPath = "/v1/proposals/draft"

// drafting is the body of a draft, with so many blanks behind it.
func (w *town) drafting(blanks int) string {
	w.Helper()
	text, err := json.Marshal(api.Asked{Kind: chart.LimitName, Request: w.limit(2000), Reason: "contract"})
	w.must(err)
	return string(text) + strings.Repeat(" ", blanks)
}

// TestUnsignedBody sends large bodies over a network without a signature: next to nothing of them
// is read.
func TestUnsignedBody(t *testing.T) {
	w := newTown(t, 1000)
	for path, kind := range map[string]api.Kind{draftPath: api.Unsigned, "/v1/proposals": api.TooLarge, "/v1/keepers": api.TooLarge, "/v1/gifts": api.TooLarge} {
		body := &counted{left: 32 << 20}
		r := httptest.NewRequest(http.MethodPost, path, body)
		r.ContentLength = -1
		if _, p := w.answered(w.server.Remote(), r); p.Type != kind || body.read > 128<<10 {
			t.Errorf("%s: %+v after %d bytes, want %s", path, p, body.read, kind)
		}
	}
	if _, p := w.post(w.server.Remote(), "/v1/proposals", strings.Repeat(" ", 1<<20)); p.Type != api.Unsigned {
		t.Errorf("a large proposal without a header: %+v", p)
	}
}

// TestSignedBody sends bodies with statements of them, of others and of none.
func TestSignedBody(t *testing.T) {
	w := newTown(t, 1000)
	small, large := w.drafting(0), w.drafting(1<<20)
	for name, c := range map[string]struct {
		body, what string
		kind       api.Kind
	}{
		"a small body":        {small, named("POST "+draftPath, small), ""},
		"a large body":        {large, named("POST "+draftPath, large), ""},
		"another small body":  {small, named("POST "+draftPath, large), api.BadSignature},
		"another large body":  {large, named("POST "+draftPath, small), api.BadSignature},
		"a body not named":    {small, "POST " + draftPath, api.BadSignature},
		"a large one, either": {large, "POST " + draftPath, api.Unsigned},
		"no hash":             {small, "POST " + draftPath + " sha256:", api.BadSignature},
		"another path":        {small, named("POST /v1/proposals", small), api.BadSignature},
		"64 MB":               {strings.Repeat(" ", 65<<20), named("POST "+draftPath, large), api.TooLarge},
	} {
		_, p := w.post(w.server.Remote(), draftPath, c.body, "Content-Type", "application/json", api.LookHeader, w.looks("ann", c.what))
		if p.Type != c.kind {
			t.Errorf("%s: %+v, want %q", name, p, c.kind)
		}
	}
}

// TestLargeBodies has two large bodies come in slowly: a third waits, and is answered when one of
// them has gone.
func TestLargeBodies(t *testing.T) {
	w := newTown(t, 1000)
	large := w.drafting(100 << 10)
	header := w.looks("ann", named("POST "+draftPath, large))
	request := func(ctx context.Context, body io.Reader) *http.Request {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, draftPath, body)
		r.ContentLength = int64(len(large))
		r.Header.Set(api.LookHeader, header)
		r.Header.Set("Content-Type", "application/json")
		return r
	}
	ends := make(chan int)
	bodies := make([]*io.PipeWriter, 2)
	for i := range bodies {
		body, in := io.Pipe()
		bodies[i] = in
		go func() {
			recorder := httptest.NewRecorder()
			w.server.Remote().ServeHTTP(recorder, request(context.Background(), body))
			ends <- recorder.Code
		}()
		_, err := io.WriteString(in, large[:1000]) // it is being read
		w.must(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, p := w.answered(w.server.Remote(), request(ctx, strings.NewReader(large))); p.Type != api.TooMany {
		t.Errorf("a third large body: %+v", p)
	}
	for _, in := range bodies {
		_, err := io.WriteString(in, large[1000:])
		w.must(err)
		w.must(in.Close())
		if code := <-ends; code != http.StatusOK {
			t.Errorf("a slow body: %d", code)
		}
	}
	if code, p := w.answered(w.server.Remote(), request(t.Context(), strings.NewReader(large))); code != http.StatusOK {
		t.Errorf("when they have gone: %+v", p)
	}
}

// TestTakesTime has a body and an answer take longer than the listener gives its other requests.
func TestTakesTime(t *testing.T) {
	w := newTown(t, 1000)
	zone := func(ctx context.Context) (string, error) {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(1500 * time.Millisecond):
			return "Asia/Shanghai", nil
		}
	}
	slow := api.New(api.Settings{Office: officeOf(t, w.ledger), Zone: zone, Version: "test", Now: time.Now, Log: slog.New(slog.DiscardHandler), Rate: 1000})
	s := httptest.NewUnstartedServer(slow.Remote())
	s.Config.ReadTimeout, s.Config.WriteTimeout = time.Second, time.Minute
	s.Start()
	defer s.Close()
	answer := func(r *http.Request) int {
		response, err := http.DefaultClient.Do(r)
		w.must(err)
		text, err := io.ReadAll(response.Body)
		w.must(errors.Join(err, response.Body.Close()))
		if response.StatusCode != http.StatusOK {
			t.Logf("%s: %s", r.URL, text)
		}
		return response.StatusCode
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v1/books", nil)
	w.must(err)
	if code := answer(r); code != http.StatusOK {
		t.Errorf("a slow answer: %d", code)
	}
	large := w.drafting(100 << 10)
	body, in := io.Pipe()
	go func() {
		_, _ = io.WriteString(in, large[:50<<10])
		time.Sleep(1500 * time.Millisecond)
		_, _ = io.WriteString(in, large[50<<10:])
		_ = in.Close()
	}()
	r, err = http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+draftPath, body)
	w.must(err)
	r.Header.Set(api.LookHeader, w.looks("ann", named("POST "+draftPath, large)))
	r.Header.Set("Content-Type", "application/json")
	r.Host = "example.com"
	if code := answer(r); code != http.StatusOK {
		t.Errorf("a slow body: %d", code)
	}
}

// TestMayAsk has somebody draft over a network who may not propose that.
func TestMayAsk(t *testing.T) {
	w := newTown(t, 1000)
	body := w.drafting(0)
	for id, kind := range map[string]api.Kind{"cleo": "", "omar": api.Denied} {
		_, p := w.post(w.server.Remote(), draftPath, body, "Content-Type", "application/json", api.LookHeader, w.looks(id, named("POST "+draftPath, body)))
		if p.Type != kind {
			t.Errorf("%s: %+v, want %q", id, p, kind)
		}
	}
}

// TestUntrusted sends acts whose signature is not believed: nothing is said of what they are about.
func TestUntrusted(t *testing.T) {
	w := newTown(t, 1000)
	v := w.proposed(w.socket("ann"), 2000)
	_, err := w.client("bob").Approve(t.Context(), v.Number, v.Hash, v.Reason, false)
	w.must(err)
	late := w.staff.Statement(t, "bob", proposal.ActReject, v.What, "x")
	late.At = late.At.Add(-time.Hour)
	old, err := people.Sign(peopletest.Key(t, "bob"), late)
	w.must(err)
	max := w.staff.Sign(t, "max", proposal.ActReject, v.What, "x") // who is disabled
	key := peopletest.Key(t, "ann").Public().String()              // which has signed none of these
	for _, signed := range []api.Signature{
		{Key: "x", Statement: "x", Signature: "x"},
		{Key: old.Key, Statement: "x", Signature: "x"},
		{Key: old.Key, Statement: old.Statement, Signature: old.Signature},
		{Key: max.Key, Statement: max.Statement, Signature: max.Signature},
	} {
		text, err := json.Marshal(signed)
		w.must(err)
		sig := `"signed":` + string(text)
		for path, body := range map[string]string{
			"/v1/proposals/1/reject":     `{"reason":"x",` + sig + `}`,
			"/v1/proposals/1/withdraw":   `{"reason":"x",` + sig + `}`,
			"/v1/proposals/1/approve":    `{"hash":"` + v.Hash + `",` + sig + `}`,
			"/v1/proposals/9/approve":    `{"hash":"` + v.Hash + `",` + sig + `}`,
			"/v1/proposals":              `{"kind":"disable person","request":{"id":"max"},"reason":"x",` + sig + `}`,
			"/v1/credentials":            `{"unit":"channel:counter","kind":"token","hash":"` + v.Hash + `","days":3,` + sig + `}`,
			"/v1/credentials/1/revoke":   `{` + sig + `}`,
			"/v1/keepers":                `{"token":"x","id":"zoe","name":"Zoe","public":"` + key + `",` + sig + `}`,
			"/v1/proposals?dry_run=true": `{"kind":"gift","request":{},"reason":"x",` + sig + `}`,
			"/v1/proposals/9/reject":     `{"reason":"x",` + sig + `}`,
		} {
			if _, p := w.post(w.server.Remote(), path, body, "Content-Type", "application/json"); p.Type != api.BadSignature {
				t.Errorf("%s by %.10s: %+v", path, signed.Key, p)
			}
		}
	}
}

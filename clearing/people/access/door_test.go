package access

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"citycard/clearing/people"
	"citycard/ledger/ledgertest"
)

// gate is a door with an endpoint behind it, which echoes bodies: a body names its unit.
type gate struct {
	*testing.T
	*Door
	at      time.Time
	log     bytes.Buffer
	refused map[Reason]int
	let     int // requests that were let in
	handler http.Handler
}

const bodyLimit = 100

func newGate(t *testing.T, s *Store, rate int) *gate {
	t.Helper()
	g := &gate{T: t, at: noon, refused: map[Reason]int{}}
	g.Door = NewDoor(Settings{
		Store: s, Now: func() time.Time { return g.at }, Log: slog.New(slog.NewTextHandler(&g.log, nil)), Rate: rate,
		Refused: func(r Reason) { g.refused[r]++ },
	})
	g.handler = Handler(g.Door, Endpoint[people.Unit]{
		Method: http.MethodPost, Limit: bodyLimit,
		Read: func(body []byte) (people.Unit, error) {
			if !strings.Contains(string(body), ":") {
				return "", errors.New("the body is no unit")
			}
			return people.Unit(body), nil
		},
		Unit: func(u people.Unit) people.Unit { return u },
		Answer: func(w http.ResponseWriter, _ *http.Request, u people.Unit) {
			g.let++
			_, _ = io.WriteString(w, string(u))
		},
	})
	return g
}

// know has the door know credentials, as if they were read now.
func (g *gate) know(all ...Credential) {
	r := &register{at: g.at, clock: g.at, by: map[Hash]*Credential{}}
	for i := range all {
		r.by[all[i].Hash] = &all[i]
	}
	g.register.Store(r)
}

// ask sends a body and gives the answer.
func (g *gate) ask(body string, change func(*http.Request)) *httptest.ResponseRecorder {
	g.Helper()
	r := httptest.NewRequestWithContext(g.Context(), http.MethodPost, "/", strings.NewReader(body))
	change(r)
	answer := httptest.NewRecorder()
	g.handler.ServeHTTP(answer, r)
	return answer
}

// wantRefused checks that an answer is one refusal, in JSON, that says something.
func (g *gate) wantRefused(name string, answer *httptest.ResponseRecorder, status int, reason Reason) {
	g.Helper()
	var fault Fault
	if err := json.Unmarshal(answer.Body.Bytes(), &fault); err != nil || answer.Code != status || fault.Error != string(reason) || fault.Message == "" {
		g.Errorf("%s: %d %s (%v), want %d %s", name, answer.Code, answer.Body, err, status, reason)
	}
}

const (
	token   = "7bOYbJ7vTUYlX2s6QxvSgGv0cZbVqk0yQm8w1n2p3r4"
	another = "8bOYbJ7vTUYlX2s6QxvSgGv0cZbVqk0yQm8w1n2p3r4"
	old     = "9bOYbJ7vTUYlX2s6QxvSgGv0cZbVqk0yQm8w1n2p3r4"
)

func with(values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header["Authorization"] = values }
}

func tokenOf(number int64, unit people.Unit, text string, expires time.Time) Credential {
	return Credential{Number: number, Unit: unit, Kind: Token, Hash: HashToken(text), Expires: expires}
}

// TestTokens tries every way to bring a token, and every unit.
func TestTokens(t *testing.T) {
	g := newGate(t, nil, 1000)
	end := noon.AddDate(0, 0, 1)
	g.know(tokenOf(1, "channel:counter", token, end), tokenOf(2, "channel:kiosk", another, end), tokenOf(3, "channel:counter", old, noon))
	for _, test := range []struct {
		name   string
		header func(*http.Request)
		body   string
		status int
		reason Reason
	}{
		{"its own", with("Bearer " + token), "channel:counter", 200, ""},
		{"the scheme in small letters", with("bearer " + token), "channel:counter", 200, ""},
		{"the other's own", with("Bearer " + another), "channel:kiosk", 200, ""},
		{"the other's", with("Bearer " + another), "channel:counter", 403, OtherUnit},
		{"nobody's", with("Bearer " + token), "channel:nobody", 403, OtherUnit},
		{"a unit of another kind with its id", with("Bearer " + token), "operator:counter", 403, OtherUnit},
		{"a unit that begins so", with("Bearer " + token), "channel:counter2", 403, OtherUnit},
		{"expired", with("Bearer " + old), "channel:counter", 401, HasExpired},
		{"expired, of another", with("Bearer " + old), "channel:kiosk", 401, HasExpired},
		{"no header", func(*http.Request) {}, "channel:counter", 401, NoCredential},
		{"an empty one", with(""), "channel:counter", 401, NoCredential},
		{"no token", with("Bearer "), "channel:counter", 401, NoCredential},
		{"no scheme", with(token), "channel:counter", 401, NoCredential},
		{"another scheme", with("Basic " + token), "channel:counter", 401, NoCredential},
		{"a letter short", with("Bearer " + token[:42]), "channel:counter", 401, NoCredential},
		{"a letter more", with("Bearer " + token + "A"), "channel:counter", 401, NoCredential},
		{"two spaces", with("Bearer  " + token), "channel:counter", 401, NoCredential},
		{"kilobytes", with("Bearer " + strings.Repeat("x", 8000)), "channel:counter", 401, NoCredential},
		{"twice", with("Bearer "+token, "Bearer "+token), "channel:counter", 401, NoCredential},
		{"two together", with("Bearer " + token + ", Bearer " + another), "channel:counter", 401, NoCredential},
		{"its hash", with("Bearer " + HashToken(token).String()[:43]), "channel:counter", 401, Unknown},
		{"one letter other", with("Bearer x" + token[1:]), "channel:counter", 401, Unknown},
		{"no unit in the body", with("Bearer " + token), "rubbish", 400, Undecodable},
		{"a megabyte", with("Bearer " + token), strings.Repeat("channel:", 1<<17), 413, TooLarge},
		{"a megabyte without a token", func(*http.Request) {}, strings.Repeat("channel:", 1<<17), 401, NoCredential},
		{"another method", func(r *http.Request) { r.Method = http.MethodPut; with("Bearer " + token)(r) }, "channel:counter", 405, WrongMethod},
	} {
		g.at = g.at.Add(time.Second) // failures are forgiven meanwhile
		g.register.Load().at = g.at
		before, was := g.let, g.refused[test.reason]
		answer := g.ask(test.body, test.header)
		if test.reason == "" {
			if answer.Code != test.status || answer.Body.String() != test.body || g.let != before+1 {
				t.Errorf("%s: %d %s", test.name, answer.Code, answer.Body)
			}
			continue
		}
		g.wantRefused(test.name, answer, test.status, test.reason)
		if g.let != before || g.refused[test.reason] != was+1 {
			t.Errorf("%s: %d let in, %v", test.name, g.let-before, g.refused)
		}
		if challenge := answer.Header().Get("WWW-Authenticate"); (challenge != "") != (test.status == 401) {
			t.Errorf("%s: WWW-Authenticate %q", test.name, challenge)
		}
	}
	if ends := g.Ends(); len(ends) != 2 || !ends["channel:counter"].Equal(end) || !ends["channel:kiosk"].Equal(end) {
		t.Errorf("credentials end at %v", ends)
	}
	for _, secret := range []string{token, another, old} {
		if strings.Contains(g.log.String(), secret) {
			t.Errorf("a token is in the log: %s", g.log.String())
		}
	}
}

// TestRates sends too many requests of one credential, and too many without one.
func TestRates(t *testing.T) {
	g := newGate(t, nil, 5)
	g.know(tokenOf(1, "channel:counter", token, noon.AddDate(0, 0, 1)), tokenOf(2, "channel:kiosk", another, noon.AddDate(0, 0, 1)))
	ask := func(text string, unit people.Unit) *httptest.ResponseRecorder {
		return g.ask(string(unit), with("Bearer "+text))
	}
	for n := range 5 {
		if answer := ask(token, "channel:counter"); answer.Code != 200 {
			t.Fatalf("request %d: %d", n, answer.Code)
		}
	}
	for range 3 {
		answer := ask(token, "channel:counter")
		g.wantRefused("one too many", answer, 429, TooMany)
		if wait, err := strconv.Atoi(answer.Header().Get("Retry-After")); err != nil || wait != 1 {
			t.Errorf("Retry-After %q, want 1", answer.Header().Get("Retry-After"))
		}
	}
	if answer := ask(another, "channel:kiosk"); answer.Code != 200 {
		t.Errorf("another credential: %d", answer.Code)
	}
	g.at = g.at.Add(200 * time.Millisecond)
	if answer := ask(token, "channel:counter"); answer.Code != 200 {
		t.Errorf("a fifth of a second later: %d", answer.Code)
	}
	g.at = g.at.Add(3 * time.Second)
	codes := map[int]int{}
	for range 100 {
		codes[ask("x"+token[1:], "channel:counter").Code]++
	}
	if codes[401] != strangersBurst || codes[429] != 100-strangersBurst {
		t.Errorf("answers to a stranger: %v", codes)
	}
	if answer := ask(token, "channel:counter"); answer.Code != 200 {
		t.Errorf("a credential at the stranger's address: %d", answer.Code)
	}
	if codes := g.ask("channel:counter", func(r *http.Request) { r.RemoteAddr = "203.0.113.9:1" }).Code; codes != 401 {
		t.Errorf("a stranger at another address: %d, want 401", codes)
	}
}

// TestLog sends many requests without a token, some with kilobytes: the log has a few short lines,
// with the number of the others.
func TestLog(t *testing.T) {
	g := newGate(t, nil, 5)
	g.know()
	for n := range 1000 {
		if n == 500 {
			g.at = g.at.Add(time.Minute)
			g.know()
		}
		r := func(r *http.Request) {
			r.RemoteAddr = "192.0.2." + strconv.Itoa(n%250) + ":7"
			r.Header.Set("X", strings.Repeat("x", 3000))
		}
		g.wantRefused("a stranger", g.ask(strings.Repeat("x", 90), r), 401, NoCredential)
	}
	if lines := strings.Count(g.log.String(), "\n"); lines != 2 || g.log.Len() > 400 || !strings.Contains(g.log.String(), "others_since=499") {
		t.Errorf("the log has %d lines, want two short ones with the number of the others: %s", lines, g.log.String())
	}
}

// TestManyAddresses fails from more addresses than are told apart: memory is bounded, and those
// that are quiet make room.
func TestManyAddresses(t *testing.T) {
	r := NewRates[int](1, 2)
	for n := range 3 * mostRates {
		r.Take(n, noon)
	}
	if len(r.by) != mostRates {
		t.Errorf("%d keys are kept, want %d", len(r.by), mostRates)
	}
	if wait := r.Take(-1, noon); wait <= 0 {
		t.Error("a key without room of its own has no limit")
	}
	later := noon.Add(time.Minute)
	if wait := r.Take(-1, later); wait != 0 || len(r.by) != 1 {
		t.Errorf("a minute later: wait %v, %d keys", wait, len(r.by))
	}
	for remote, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "[2001:db8:1:2:3::4]:80": "2001:db8:1:2::", "[::ffff:192.0.2.1]:80": "192.0.2.1", "@": "invalid IP",
	} {
		if got := PlaceOf(remote).String(); got != want {
			t.Errorf("%s counts as %s, want %s", remote, got, want)
		}
	}
}

// TestDatabaseAway: nobody is let in before the first look, nor by a look that is MaxAge old, on
// either clock. Once the database is back, all is as it was.
func TestDatabaseAway(t *testing.T) {
	url := fresh(t)
	relay, through := ledgertest.NewRelay(t, url, carry)
	s := storeAt(t, through)
	order := tokenOrder("channel:counter", token)
	if _, err := s.Issue(t.Context(), order, by("ann")); err != nil {
		t.Fatal(err)
	}
	g := newGate(t, s, 1000)
	g.at = time.Now() // the database's clock counts, too
	if _, err := s.Ledger.Pool().Exec(t.Context(), "UPDATE credentials SET expires = $1", g.at.Unix()+1000); err != nil {
		t.Fatal(err)
	}
	own := func(name string, status int) {
		t.Helper()
		answer := g.ask("channel:counter", with("Bearer "+token))
		if status != 200 {
			g.wantRefused(name, answer, status, Unsure)
			if answer.Header().Get("Retry-After") == "" {
				t.Errorf("%s: no Retry-After", name)
			}
		} else if answer.Code != status {
			t.Errorf("%s: %d %s", name, answer.Code, answer.Body)
		}
	}
	own("before the first look", 503)
	if g.Check(t.Context()) == nil {
		t.Error("it is ready before the first look")
	}
	if err := g.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	own("after it", 200)
	relay.Refuse()
	relay.Cut()
	looked := g.at
	g.at = looked.Add(MaxAge - time.Millisecond)
	if err := g.look(t.Context()); err == nil {
		t.Error("a look without a database")
	}
	own("just before the last look is too old", 200)
	g.wantRefused("a stranger meanwhile", g.ask("channel:counter", with("Bearer "+another)), 401, Unknown)
	g.at = looked.Add(MaxAge)
	own("when it is", 503)
	g.wantRefused("a stranger then", g.ask("channel:counter", with("Bearer "+another)), 503, Unsure)
	g.at = looked.Round(0).Add(MaxAge) // a clock on the wall that was set ahead
	own("a clock set ahead", 503)
	g.store = storeAt(t, url)
	g.at = looked.Add(2 * MaxAge)
	if err := g.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	own("with a database again", 200)
}

// carry carries what is said in both directions.
func carry(client, server net.Conn) {
	go func() {
		_, _ = io.Copy(client, server)
		_, _ = client.Close(), server.Close()
	}()
	_, _ = io.Copy(server, client)
	_, _ = client.Close(), server.Close()
}

// TestProcesses issues and revokes in one process what another one lets in.
func TestProcesses(t *testing.T) {
	url := fresh(t)
	s := storeAt(t, url)
	ctx, cancel := context.WithCancel(t.Context())
	var handlers []http.Handler
	ended := make(chan struct{}, 2)
	for range 2 {
		d := NewDoor(Settings{Store: storeAt(t, url), Now: time.Now, Log: slog.New(slog.DiscardHandler), Rate: 1_000_000, Refused: func(Reason) {}})
		go func() { d.Follow(ctx); ended <- struct{}{} }()
		handlers = append(handlers, Handler(d, Endpoint[people.Unit]{
			Method: http.MethodPost, Limit: bodyLimit, Read: func(body []byte) (people.Unit, error) { return people.Unit(body), nil },
			Unit: func(u people.Unit) people.Unit { return u }, Answer: func(http.ResponseWriter, *http.Request, people.Unit) {},
		}))
	}
	defer func() {
		cancel()
		<-ended
		<-ended
	}()
	within := func(what string, status int) {
		t.Helper()
		act := time.Now()
		for _, h := range handlers {
			for {
				sent := time.Now()
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("channel:counter"))
				with("Bearer " + token)(r)
				answer := httptest.NewRecorder()
				h.ServeHTTP(answer, r)
				if answer.Code == status {
					break
				}
				if sent.Sub(act) > MaxAge && answer.Code != http.StatusServiceUnavailable || sent.Sub(act) > time.Minute {
					t.Fatalf("%s: after %s the answer is %d, want %d", what, sent.Sub(act), answer.Code, status)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
	who := by("ann")
	who.At = time.Now()
	c, err := s.Issue(t.Context(), tokenOrder("channel:counter", token), who)
	if err != nil {
		t.Fatal(err)
	}
	within("issued", 200)
	if _, _, err := s.Revoke(t.Context(), c.Number, who); err != nil {
		t.Fatal(err)
	}
	within("revoked", 401)
}

// selfSigned makes a certificate that nobody signed but its own key.
func selfSigned(t *testing.T, from, to time.Time) (*x509.Certificate, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return parsed, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestCertificates connects with certificates over TLS.
func TestCertificates(t *testing.T) {
	g := newGate(t, nil, 1000)
	begin, end := noon.AddDate(0, 0, -1), noon.AddDate(0, 0, 1)
	known, pair := selfSigned(t, begin, end)
	_, stranger := selfSigned(t, begin, end)
	ended, pairEnded := selfSigned(t, begin, noon.Add(-time.Second))
	early, pairEarly := selfSigned(t, noon.Add(time.Second), end)
	over, pairOver := selfSigned(t, begin, end)
	certificateOf := func(number int64, c *x509.Certificate, expires time.Time) Credential {
		return Credential{Number: number, Unit: "channel:counter", Kind: Certificate, Hash: Fingerprint(c), Expires: expires}
	}
	g.know(certificateOf(1, known, end), certificateOf(2, ended, end), certificateOf(3, early, end), certificateOf(4, over, noon), tokenOf(5, "channel:counter", token, end))
	server := httptest.NewUnstartedServer(g.handler)
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()
	// One that is not the key's: the other end of TLS notices.
	forged := tls.Certificate{Certificate: pair.Certificate, PrivateKey: stranger.PrivateKey}
	for _, test := range []struct {
		name   string
		brings []tls.Certificate
		token  string
		status int // 0: there is no connection
	}{
		{"the known one", []tls.Certificate{pair}, "", 200},
		{"none", nil, "", 401},
		{"a stranger's", []tls.Certificate{stranger}, "", 401},
		{"one that has ended by its dates", []tls.Certificate{pairEnded}, "", 401},
		{"one that has not begun", []tls.Certificate{pairEarly}, "", 401},
		{"one whose days here are over", []tls.Certificate{pairOver}, "", 401},
		{"the known one under another key", []tls.Certificate{forged}, "", 0},
		{"the known one and a wrong token", []tls.Certificate{pair}, another, 401},
		{"a stranger's and a token", []tls.Certificate{stranger}, token, 200},
	} {
		client := server.Client()
		transport := client.Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.Certificates = test.brings
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("channel:counter"))
		if err != nil {
			t.Fatal(err)
		}
		if test.token != "" {
			r.Header.Set("Authorization", "Bearer "+test.token)
		}
		answer, err := transport.RoundTrip(r)
		got := 0
		if err == nil {
			got = answer.StatusCode
			_ = answer.Body.Close()
		}
		if got != test.status {
			t.Errorf("%s: %d, %v; want %d", test.name, got, err, test.status)
		}
		transport.CloseIdleConnections()
	}
}

// TestReadCertificate reads files that a unit might send.
func TestReadCertificate(t *testing.T) {
	c, _ := selfSigned(t, noon, noon)
	block := func(kind string, data []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}))
	}
	own := block("CERTIFICATE", c.Raw)
	if got, err := ReadCertificate([]byte("counter's\n" + own)); err != nil || Fingerprint(got) != Fingerprint(c) {
		t.Errorf("%v", err)
	}
	for name, file := range map[string]string{
		"empty": "", "text": "hello", "a key": block("PRIVATE KEY", []byte{1}), "both": own + block("EC PRIVATE KEY", []byte{1}),
		"two": own + own, "a request": block("CERTIFICATE REQUEST", []byte{1}), "cut": block("CERTIFICATE", c.Raw[:50]), "bytes": string(c.Raw),
	} {
		if _, err := ReadCertificate([]byte(file)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestTokenHash computes the hash of a text that sha256sum knows.
func TestTokenHash(t *testing.T) {
	// echo -n citycard | sha256sum
	if got := HashToken("citycard").String(); got != "1409b37c88702ffba5e7aface610c41f1f8f5a3bcb2e6f78a589d8fa91fdd40f" {
		t.Errorf("%s", got)
	}
	if a, b := NewToken(), NewToken(); a == b || len(a) != tokenText || tokenText != 43 {
		t.Errorf("tokens %q and %q, want two of 43 characters", a, b)
	}
}

package server

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"citycard/cmd/service"
)

// serveAPI serves an API whose page / says ok.
func serveAPI(t *testing.T, s *APISettings) *api {
	t.Helper()
	s.Address = "127.0.0.1:0"
	a, err := listen(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "ok")
	})
	stack := service.NewStack(slog.New(slog.DiscardHandler), time.Minute)
	a.serve(stack, func(err error) { t.Error(err) }, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func dial(t *testing.T, a *api) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", a.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// status sends a request on a connection and gives the status of the answer, 0 if there is none.
func status(t *testing.T, conn net.Conn, request string) int {
	t.Helper()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode
}

const whole = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok"

// TestConnections opens a hundred connections where eighty are let in, and more than that ask at
// once: all are answered, those that wait once others end.
func TestConnections(t *testing.T) {
	a := serveAPI(t, &APISettings{Connections: 80})
	var all sync.WaitGroup
	for range 100 {
		conn := dial(t, a)
		all.Go(func() {
			if got := status(t, conn, whole); got != http.StatusOK {
				t.Errorf("status %d", got)
			}
			_ = conn.Close()
		})
	}
	all.Wait()
}

// TestSlowClients fills all connections with clients that send a header letter by letter, or
// nothing. They are cut off, and one that comes after them is answered.
func TestSlowClients(t *testing.T) {
	a := serveAPI(t, &APISettings{Connections: 10})
	begun := time.Now()
	for n := range 10 {
		conn := dial(t, a)
		go func() {
			for n%2 == 0 {
				if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nX: "[n:n+1]); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
	}
	if got := status(t, dial(t, a), whole); got != http.StatusOK {
		t.Errorf("status %d", got)
	}
	if took := time.Since(begun); took > headerTimeout+20*time.Second {
		t.Errorf("it waited %s", took)
	}
}

// TestMalformedHeaders sends what is no request, and headers that are too long.
func TestMalformedHeaders(t *testing.T) {
	a := serveAPI(t, &APISettings{Connections: 10})
	for name, request := range map[string]string{
		"rubbish":             "\x00\x01\x02\r\n\r\n",
		"a header without :":  "GET / HTTP/1.1\r\nHost: x\r\nAuthorization\r\n\r\n",
		"a control character": "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \x00\r\n\r\n",
		"a line break":        "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer\r\n x\x01\r\n\r\n",
		"two lengths":         "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
		"kilobytes":           "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 20_000) + "\r\n\r\n",
		"HTTP/2":              "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		if got := status(t, dial(t, a), request); got != 0 && (got < 400 || got > 505) {
			t.Errorf("%s: status %d, want a refusal", name, got)
		}
	}
	if got := status(t, dial(t, a), whole); got != http.StatusOK {
		t.Errorf("after that: status %d", got)
	}
}

// TestClear refuses to take tokens in clear where others reach the API.
func TestClear(t *testing.T) {
	for address, reached := range map[string]bool{
		"127.0.0.1:1": false, "localhost:1": false, "[::1]:1": false, "127.9.9.9:1": false,
		"0.0.0.0:1": true, ":1": true, "[::]:1": true, "192.0.2.1:1": true, "host.example:1": true,
	} {
		if err := (&APISettings{Address: address}).check(); (err != nil) != reached {
			t.Errorf("%s: %v", address, err)
		}
		if err := (&APISettings{Address: address, Proxied: true}).check(); err != nil {
			t.Errorf("%s behind a proxy: %v", address, err)
		}
	}
	for name, s := range map[string]APISettings{
		"no key": {Certificate: "x"}, "no certificate": {Key: "x"}, "no files": {Certificate: "gone", Key: "gone"},
	} {
		if err := s.check(); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// writePair writes a certificate with a serial number and its key.
func writePair(t *testing.T, dir string, serial int64) (roots *x509.CertPool) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	must(os.WriteFile(filepath.Join(dir, "cert"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(os.WriteFile(filepath.Join(dir, "key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	roots = x509.NewCertPool()
	own, err := x509.ParseCertificate(der)
	must(err)
	roots.AddCert(own)
	return roots
}

// TestHosts has hosts of a server without a certificate.
func TestHosts(t *testing.T) {
	for host, is := range map[string]bool{"127.0.0.1:8480": true, "localhost": true, "[::1]:8480": true, "[::1]": true, "city.example": false, "": false} {
		if got := new(APISettings).isHost(host); got != is {
			t.Errorf("%q is this machine: %t", host, got)
		}
		if !(&APISettings{Proxied: true}).isHost(host) {
			t.Errorf("%q is not passed on by a proxy", host)
		}
	}
}

// TestTLS serves over TLS: the client's certificate reaches the door, a renewed certificate of the
// server's is taken up, HTTP/2 and clear text are not spoken.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	roots := writePair(t, dir, 1)
	s := &APISettings{Certificate: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key"), Connections: 10}
	a := serveAPI(t, s)
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	a.mux.HandleFunc("/mine", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Proto, len(r.TLS.PeerCertificates))
	})
	mine, err := tls.LoadX509KeyPair(s.Certificate, s.Key)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(roots *x509.CertPool) (string, error) {
		client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{mine}}}}
		defer client.CloseIdleConnections()
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, a.url()+"/mine", nil)
		if err != nil {
			return "", err
		}
		answer, err := client.Do(r)
		if err != nil {
			return "", err
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		return string(text), err
	}
	if got, err := ask(roots); got != "HTTP/1.1"+"1" {
		t.Errorf("%q, %v", got, err)
	}
	renewed := writePair(t, dir, 2)
	if got, err := ask(renewed); got != "HTTP/1.1"+"1" {
		t.Errorf("renewed: %q, %v", got, err)
	}
	if got, err := ask(roots); err == nil {
		t.Errorf("the old certificate: %q", got)
	}
	for host, is := range map[string]bool{"127.0.0.1": true, "127.0.0.1:8480": true, "127.0.0.2": false, "evil.example:8480": false, "": false} {
		if got := s.isHost(host); got != is {
			t.Errorf("%q is this server: %t", host, got)
		}
	}
	if got := status(t, dial(t, a), whole); got != http.StatusBadRequest {
		t.Errorf("in clear: status %d, want 400", got)
	}
}

package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/broker/kafkatest"
	"citycard/cardos/hsm"
	"citycard/cardos/hsm/hsmtest"
	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/keyservice/keyservicetest"
	"citycard/cmd/keyserver"
)

// desk is a running cardhsm serve with the masters of a store, and a client of it that may do all.
type desk struct {
	testing.TB
	dir     string // of its files
	tokens  string // of SoftHSM2's tokens
	client  *keyservice.Client
	stopped chan error
}

// prepare makes a token with the masters of a store, and the file of its PIN.
func prepare(t testing.TB, dir string, store *keys.Store) (library string) {
	t.Helper()
	library = hsmtest.Library(t)
	module, err := hsm.Load(library)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := module.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := module.Prepare("cards", "654321", "123456"); err != nil {
		t.Fatal(err)
	}
	token, err := module.Open("cards", "123456", 1, slog.New(slog.DiscardHandler))
	if err == nil {
		err = token.Import(t.Context(), store)
	}
	if err := errors.Join(err, os.WriteFile(filepath.Join(dir, "pin"), []byte("123456\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return library
}

// serve starts the service and waits until it answers.
func serve(t testing.TB, store *keys.Store) *desk {
	t.Helper()
	d := &desk{TB: t, dir: t.TempDir(), stopped: make(chan error, 1)}
	library := prepare(t, d.dir, store)
	d.tokens = filepath.Join(filepath.Dir(os.Getenv(hsmtest.Settings)), "tokens")
	clients := keyservicetest.Clients(t, d.dir, time.Now(), map[string][]keyservice.Operation{"client": keyservice.Operations()})
	orders := keyservicetest.OrdersFile(t, d.dir, "client", "0101491000000000")
	roots := x509.NewCertPool()
	roots.AddCert(keyservicetest.Certificate(t, d.dir, "service", time.Now()).Leaf)
	client, err := tls.LoadX509KeyPair(filepath.Join(d.dir, "client.pem"), filepath.Join(d.dir, "client.key"))
	if err != nil {
		t.Fatal(err)
	}
	address := kafkatest.FreeAddress(t)
	go func() {
		d.stopped <- serveCommand().ParseAndRun(t.Context(), []string{
			"--library", library, "--token", "cards", "--pin-file", filepath.Join(d.dir, "pin"), "--data", filepath.Join(d.dir, "data"), "--demo", "--log-level", "error",
			"--listen", address, "--ops", kafkatest.FreeAddress(t), "--clients", clients, "--orders", orders,
			"--tls-cert", filepath.Join(d.dir, "service.pem"), "--tls-key", filepath.Join(d.dir, "service.key"),
		})
	}()
	t.Cleanup(func() { // the test's context has ended
		if err := <-d.stopped; err != nil {
			t.Error(err)
		}
		if _, err := keyservice.CheckUses(keyserver.UsesPath(filepath.Join(d.dir, "data")), 0, "", func(*keyservice.Use) {}); err != nil {
			t.Error(err)
		}
	})
	d.client, err = keyservice.NewClient(keyservice.Settings{
		URL: "https://" + address, Patience: 30 * time.Second,
		TLS: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{client}, RootCAs: roots},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.client.Close)
	for {
		_, err := d.client.Held(t.Context())
		if err == nil {
			return d
		}
		select {
		case stopped := <-d.stopped:
			t.Fatalf("the service ended: %v", stopped)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// The whole contract holds over the wire, with masters in a token.
func TestServeKeepsTheContract(t *testing.T) {
	keyservicetest.Contract(t, time.Now(), func(t *testing.T, store *keys.Store) keyservice.Backend { return serve(t, store).client })
}

// While the token is away, clients are told so; once it is back, the service goes on by itself.
func TestServeWithoutItsToken(t *testing.T) {
	d := serve(t, keys.GenerateTest(1))
	blank := keyservice.Blank{Order: "samples", Card: keyservice.Card{Kind: keyservice.Transit, Transit: keys.CardID{Issuer: [8]byte{1, 1, 0x49, 0x10}, ASN: [10]byte{1}}}}
	first, err := d.client.Personalise(t.Context(), blank)
	if err != nil {
		t.Fatal(err)
	}
	away := d.tokens + ".away"
	if err := errors.Join(os.Rename(d.tokens, away), os.Mkdir(d.tokens, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.client.Personalise(t.Context(), blank); !errors.Is(err, keyservice.ErrAway) || !strings.HasSuffix(err.Error(), "the token is not there") {
		t.Errorf("the token is away: %v", err)
	}
	if err := errors.Join(os.RemoveAll(d.tokens), os.Rename(away, d.tokens)); err != nil {
		t.Fatal(err)
	}
	again, err := d.client.Personalise(t.Context(), blank)
	if err != nil || again.Keys[0] != first.Keys[0] || again.Answer != first.Answer {
		t.Errorf("the token is back: %v", err)
	}
}

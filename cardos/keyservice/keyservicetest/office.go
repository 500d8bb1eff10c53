package keyservicetest

import (
	"crypto/tls"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"citycard/cardos/keyservice"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Office is a key service in the test's process.
type Office struct {
	*httptest.Server
	Uses string   // the directory of its log
	Args []string // the flags by which a program asks it
}

// Open serves a backend to one client, who may do some operations.
func Open(t testing.TB, backend keyservice.Backend, now func() time.Time, may ...keyservice.Operation) *Office {
	t.Helper()
	dir := t.TempDir()
	o := &Office{Uses: filepath.Join(dir, "uses")}
	pair := Certificate(t, dir, "service", now())
	text, err := os.ReadFile(Clients(t, dir, now(), map[string][]keyservice.Operation{"client": may}))
	must(t, err)
	clients, err := keyservice.ParseClients(text)
	must(t, err)
	uses, _, err := keyservice.OpenUses(o.Uses)
	must(t, err)
	t.Cleanup(func() { must(t, uses.Close()) })
	o.Server = httptest.NewUnstartedServer(&keyservice.Server{
		Backend: backend, Clients: func() *keyservice.Clients { return clients }, Uses: uses, Now: now,
		Log: slog.New(slog.DiscardHandler), Done: func(keyservice.Operation, string) {},
	})
	o.EnableHTTP2 = true
	o.TLS = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert}
	o.StartTLS()
	t.Cleanup(o.Close)
	o.Args = []string{
		"--key-service", o.URL, "--key-service-cert", filepath.Join(dir, "client.pem"), "--key-service-key", filepath.Join(dir, "client.key"),
		"--key-service-ca", filepath.Join(dir, "service.pem"), "--key-service-timeout", "2s",
	}
	return o
}

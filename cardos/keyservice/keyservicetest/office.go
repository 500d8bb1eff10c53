package keyservicetest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
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
	Made string   // the directory of the log of cards
	Args []string // the flags by which a program asks it

	file    string // the clients' file
	clients atomic.Pointer[keyservice.Clients]
}

// Trusts has the service take another centre's permits, by its public key.
func (o *Office) Trusts(t testing.TB, centre string) {
	t.Helper()
	text, err := os.ReadFile(o.file)
	must(t, err)
	clients, err := keyservice.ParseClients(bytes.ReplaceAll(text, []byte(CentreKey()), []byte(centre)))
	must(t, err)
	o.clients.Store(clients)
}

// Issuer is the issuer whose cards may be made there, of all numbers.
const Issuer = "99994910ffffffff"

// Open serves a backend to one client, who may do some operations, and make cards of Issuer.
func Open(t testing.TB, backend keyservice.Backend, now func() time.Time, may ...keyservice.Operation) *Office {
	t.Helper()
	dir := t.TempDir()
	o := &Office{Uses: filepath.Join(dir, "uses"), Made: filepath.Join(dir, "cards")}
	pair := Certificate(t, dir, "service", now())
	o.file = Clients(t, dir, now(), map[string][]keyservice.Operation{"client": may})
	o.Trusts(t, CentreKey())
	orders, err := keyservice.ParseOrders([]byte(Orders("client", Issuer)))
	must(t, err)
	uses, _, err := keyservice.OpenUses(o.Uses)
	must(t, err)
	made, _, err := keyservice.OpenMade(o.Made)
	must(t, err)
	t.Cleanup(func() { must(t, errors.Join(uses.Close(), made.Log().Close())) })
	o.Server = httptest.NewUnstartedServer(&keyservice.Server{
		Backend: backend, Clients: o.clients.Load, Orders: func() *keyservice.Orders { return orders },
		Uses: uses, Made: made, Now: now, Log: slog.New(slog.DiscardHandler), Done: func(keyservice.Operation, string) {},
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

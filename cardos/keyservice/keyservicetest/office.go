package keyservicetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
)

// Certificate makes a certificate for 127.0.0.1 in NAME.pem and NAME.key of a directory, and gives
// its SHA-256.
func Certificate(t testing.TB, dir, name string, ends time.Time) (sha string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: ends.Add(-72 * time.Hour), NotAfter: ends,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	for file, block := range map[string]*pem.Block{".pem": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		must(t, os.WriteFile(filepath.Join(dir, name+file), pem.EncodeToMemory(block), 0o600))
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

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
func Open(t testing.TB, backend keyservice.Backend, may ...keyservice.Operation) *Office {
	t.Helper()
	dir := t.TempDir()
	o := &Office{Uses: filepath.Join(dir, "uses")}
	ends := time.Now().Add(time.Hour)
	Certificate(t, dir, "service", ends)
	operations, err := json.Marshal(may)
	must(t, err)
	clients, err := keyservice.ParseClients(fmt.Appendf(nil, `{"clients":[{"name":"client","certificate":%q,"operations":%s,"rate":1000}]}`, Certificate(t, dir, "client", ends), operations))
	must(t, err)
	uses, _, err := keyservice.OpenUses(o.Uses)
	must(t, err)
	t.Cleanup(func() { must(t, uses.Close()) })
	tacs, err := keys.FollowTACs(t.Context(), backend)
	must(t, err)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "service.pem"), filepath.Join(dir, "service.key"))
	must(t, err)
	o.Server = httptest.NewUnstartedServer(&keyservice.Server{
		Backend: backend, TACs: tacs, Clients: func() *keyservice.Clients { return clients }, Uses: uses, Now: time.Now,
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

package keyservicetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"citycard/cardos/keyservice"
)

// Certificate makes a certificate of its own signing for 127.0.0.1, valid for a day from now, and
// writes it and its key to a folder: NAME.pem and NAME.key.
func Certificate(t testing.TB, dir, name string, now time.Time) tls.Certificate {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	must(os.WriteFile(filepath.Join(dir, name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(os.WriteFile(filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	leaf, err := x509.ParseCertificate(der)
	must(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// Clients makes a certificate for each client and writes the clients' file, which allows each its
// operations, and knows the tests' Centre.
func Clients(t testing.TB, dir string, now time.Time, may map[string][]keyservice.Operation) (file string) {
	t.Helper()
	type client struct {
		Name        string                 `json:"name"`
		Certificate string                 `json:"certificate"`
		Operations  []keyservice.Operation `json:"operations"`
		Rate        float64                `json:"rate"`
	}
	var all struct {
		Clients []client `json:"clients"`
		Centre  []string `json:"centre"`
	}
	for name, operations := range may {
		print := keyservice.FingerprintOf(Certificate(t, dir, name, now).Leaf)
		all.Clients = append(all.Clients, client{name, fmt.Sprintf("%x", print[:]), operations, 1e5})
	}
	all.Centre = []string{CentreKey()}
	text, err := json.Marshal(all)
	file = filepath.Join(dir, "clients.json")
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

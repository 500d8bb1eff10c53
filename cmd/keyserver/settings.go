package keyserver

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"os"
	"path/filepath"

	"citycard/cardos/keyservice"
	"citycard/cmd/service"
	"citycard/language"
)

// DataPurpose marks the data directory of a key service.
const DataPurpose = "keyservice"

// Settings are the flags of a key service, whatever its backend.
type Settings struct {
	service.Common
	Address     string
	Certificate string // the file of the service's own
	Key         string
	Clients     string // the clients' file
	Orders      string // the orders file
	Ops         string
	Demo        bool // TEST masters may be used

	connections int
}

// RegisterServing adds the flags.
func (s *Settings) RegisterServing(fs *flag.FlagSet) {
	s.Register(fs)
	fs.StringVar(&s.Address, "listen", "127.0.0.1:8490", "`address` at which clients ask")
	fs.StringVar(&s.Certificate, "tls-cert", "", "`file` of the service's certificate, PEM with what leads to its root; it is read for each connection")
	fs.StringVar(&s.Key, "tls-key", "", "`file` of its private key")
	fs.StringVar(&s.Clients, "clients", "", "`file` of the clients, their certificates, what they may do and how often")
	fs.StringVar(&s.Orders, "orders", "", "`file` of the orders by which cards may be made; empty: none is made")
	fs.StringVar(&s.Ops, "ops", "127.0.0.1:9474", "`address` of metrics and health pages")
	s.connections = 1000
	service.Whole(fs, &s.connections, "connections", 1, 1_000_000, "`number` of connections; more wait until others end")
	service.RegisterDemo(fs, &s.Demo)
}

// UsesPath is the directory of the log of uses in a data directory.
func UsesPath(dir string) string { return filepath.Join(dir, "uses") }

// MadePath is the directory of the log of cards in a data directory.
func MadePath(dir string) string { return filepath.Join(dir, "cards") }

// check refuses settings with which nobody could be served.
func (s *Settings) check() error {
	if s.Certificate == "" || s.Key == "" {
		return service.Exit(service.ExitUsage, language.Textf("want --tls-cert and --tls-key: nobody asks the key service without TLS"))
	}
	if s.Clients == "" {
		return service.Exit(service.ExitUsage, language.Textf("want --clients: the file that says who may ask what"))
	}
	if _, err := tls.LoadX509KeyPair(s.Certificate, s.Key); err != nil {
		return service.Fail("the key service's certificate cannot be used").Todo("correct --tls-cert and --tls-key").Because(err)
	}
	return nil
}

// ReadClients reads a clients' file.
func ReadClients(path string) (*keyservice.Clients, error) {
	content, err := os.ReadFile(path)
	if err == nil {
		var clients *keyservice.Clients
		if clients, err = keyservice.ParseClients(content); err == nil {
			return clients, nil
		}
	}
	return nil, service.Fail("the clients' file %s cannot be used", path).Todo("correct it; docs/keys.md says what is in it").Because(err)
}

// ReadOrders reads an orders file; without a path there are no orders. samples says that cards may
// be made from blanks whose transport key is published, which those of TEST masters may.
func ReadOrders(path string, samples bool) (*keyservice.Orders, error) {
	content, err := []byte("{}"), error(nil)
	if path != "" {
		content, err = os.ReadFile(path)
	}
	if err == nil {
		var orders *keyservice.Orders
		if orders, err = keyservice.ParseOrders(content); err == nil {
			if of := orders.Samples(); len(of) == 0 || samples {
				return orders, nil
			}
			err = language.Textf("order %s: the transport key of samples is published, and only cards of TEST masters are made of them", orders.Samples()[0])
		}
	}
	return nil, service.Fail("the orders file %s cannot be used", path).Todo("correct it; docs/keys.md says what is in it").Because(err)
}

// tls is how connections are encrypted. Every client must bring a certificate; the handler says
// whether it is known. Both of the service's files are read for each connection, so renewed ones
// are taken up.
func (s *Settings) tls() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(s.Certificate, s.Key)
			return &pair, err
		},
	}
}

// errNoCertificates says that a file has none.
var errNoCertificates = errors.New("no certificate in PEM")

func readRoots(path string) (*x509.CertPool, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(content) {
		return nil, errNoCertificates
	}
	return roots, nil
}

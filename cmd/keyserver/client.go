package keyserver

import (
	"crypto/tls"
	"flag"
	"time"

	"citycard/cardos/keyservice"
	"citycard/cmd/service"
	"citycard/language"
)

// ClientSettings are the flags by which a program reaches a key service.
type ClientSettings struct {
	URL string // empty: it uses a key store of its own

	certificate, key, roots string
	patience                time.Duration
}

// Register adds the flags.
func (s *ClientSettings) Register(fs *flag.FlagSet) {
	fs.StringVar(&s.URL, "key-service", "", "`URL` of the key service, https://HOST:PORT; empty: the key store of --keys")
	fs.StringVar(&s.certificate, "key-service-cert", "", "`file` of the certificate by which the key service knows this program; it is read for each connection")
	fs.StringVar(&s.key, "key-service-key", "", "`file` of its private key")
	fs.StringVar(&s.roots, "key-service-ca", "", "`file` of the certificates that the key service's own leads to")
	fs.DurationVar(&s.patience, "key-service-timeout", 5*time.Second, "how `long` an operation of the key service may take, with all attempts")
}

// Given reports whether there is a key service.
func (s *ClientSettings) Given() bool { return s.URL != "" }

// Open makes the client; nothing is asked yet.
func (s *ClientSettings) Open() (*keyservice.Client, error) {
	if s.certificate == "" || s.key == "" || s.roots == "" {
		return nil, service.Exit(service.ExitUsage, language.Textf("--key-service wants --key-service-cert, --key-service-key and --key-service-ca too"))
	}
	if s.patience <= 0 {
		return nil, service.Exit(service.ExitUsage, language.Textf("--key-service-timeout %s: want more than 0s", s.patience))
	}
	if _, err := tls.LoadX509KeyPair(s.certificate, s.key); err != nil {
		return nil, service.Fail("the certificate for the key service cannot be used").Todo("correct --key-service-cert and --key-service-key").Because(err)
	}
	roots, err := readRoots(s.roots)
	if err != nil {
		return nil, service.Fail("the key service's root certificates cannot be used").Todo("correct --key-service-ca").Because(err)
	}
	client, err := keyservice.NewClient(keyservice.Settings{URL: s.URL, Patience: s.patience, TLS: &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: roots,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(s.certificate, s.key)
			return &pair, err
		},
	}})
	if err != nil {
		return nil, service.Exit(service.ExitUsage, language.Textf("--key-service: %w", err))
	}
	return client, nil
}

package broker

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Access is how a cluster lets a program in. The zero value is a cluster that asks
// nobody, such as the embedded one.
type Access struct {
	CAFile       string // PEM of who signed the brokers' certificates; empty: no TLS
	User         string // for SCRAM-SHA-512; empty: none
	PasswordFile string
}

// Options are what a client is made with. Files are read here, so that a mistake shows
// at start. A password is sent over TLS alone.
func (a Access) Options() ([]kgo.Opt, error) {
	var opts []kgo.Opt
	if a.CAFile != "" {
		pem, err := os.ReadFile(a.CAFile)
		if err != nil {
			return nil, fmt.Errorf("kafka: certificate authority: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kafka: certificate authority: %s holds no certificate in PEM", a.CAFile)
		}
		opts = append(opts, kgo.DialTLSConfig(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}))
	}
	switch {
	case a.User == "" && a.PasswordFile == "":
		return opts, nil
	case a.User == "" || a.PasswordFile == "":
		return nil, errors.New("kafka: a user and the file of its password go together")
	case a.CAFile == "":
		return nil, errors.New("kafka: a password is sent over TLS alone: name the certificate authority")
	}
	password, err := os.ReadFile(a.PasswordFile)
	if err != nil {
		return nil, fmt.Errorf("kafka: password: %w", err)
	}
	auth := scram.Auth{User: a.User, Pass: string(bytes.TrimRight(password, "\r\n"))}
	if auth.Pass == "" {
		return nil, fmt.Errorf("kafka: password: %s is empty", a.PasswordFile)
	}
	return append(opts, kgo.SASL(auth.AsSha512Mechanism())), nil
}

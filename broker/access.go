package broker

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"net"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"citycard/language"
)

// Access says how a program authenticates to a cluster. The zero value is for a cluster without TLS
// and authentication.
type Access struct {
	CAFile       string // PEM of the authority that signed the brokers' certificates; empty: no TLS
	User         string // for SCRAM-SHA-512; empty: none
	PasswordFile string
}

// Register adds the flags that set it. All programs have the same three.
func (a *Access) Register(flags *flag.FlagSet) {
	flags.StringVar(&a.CAFile, "kafka-tls-ca", "", "PEM `file` of who signed the brokers' certificates; empty: no TLS")
	flags.StringVar(&a.User, "kafka-user", "", "`name` for SCRAM-SHA-512, over TLS alone unless the brokers are on this machine; empty: none")
	flags.StringVar(&a.PasswordFile, "kafka-password-file", "", "`file` of the user's password")
}

// Options are what a client of the brokers "HOST:PORT[,HOST:PORT…]" is made with. Files are read
// here, so that a mistake shows at start. A user and password are sent only over TLS, unless all
// brokers are on this machine.
func (a Access) Options(seeds string) ([]kgo.Opt, error) {
	var opts []kgo.Opt
	if a.CAFile != "" {
		pem, err := os.ReadFile(a.CAFile)
		if err != nil {
			return nil, language.Textf("kafka: certificate authority: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, language.Textf("kafka: certificate authority: %s holds no certificate in PEM", a.CAFile)
		}
		opts = append(opts, kgo.DialTLSConfig(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}))
	}
	switch {
	case a.User == "" && a.PasswordFile == "":
		return opts, nil
	case a.User == "" || a.PasswordFile == "":
		return nil, language.Textf("kafka: a user and the file of its password go together")
	case a.CAFile == "" && !onThisMachine(seeds):
		return nil, language.Textf("kafka: a password is used over TLS alone, unless all brokers are on this machine: name the certificate authority")
	}
	password, err := os.ReadFile(a.PasswordFile)
	if err != nil {
		return nil, language.Textf("kafka: password: %w", err)
	}
	auth := scram.Auth{User: a.User, Pass: string(bytes.TrimRight(password, "\r\n"))}
	if auth.Pass == "" {
		return nil, language.Textf("kafka: password: %s is empty", a.PasswordFile)
	}
	return append(opts, kgo.SASL(auth.AsSha512Mechanism())), nil
}

// onThisMachine tells whether all brokers are reached over the loopback interface.
func onThisMachine(seeds string) bool {
	for _, seed := range strings.Split(seeds, ",") {
		host, _, err := net.SplitHostPort(seed)
		if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}

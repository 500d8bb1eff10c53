package broker_test

import (
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"citycard/broker"
	"citycard/broker/kafkatest"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAccess reaches a cluster with TLS and SCRAM with what it asks for, and with
// nothing less.
func TestAccess(t *testing.T) {
	identity := kafkatest.NewIdentity(t)
	ca, otherCA := identity.CAFile, kafkatest.NewIdentity(t).CAFile
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "citycard", "secret"),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{identity.Certificate}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	right := write(t, "secret\n")
	for _, test := range []struct {
		name   string
		access broker.Access
		works  bool
	}{
		{"all of it", broker.Access{CAFile: ca, User: "citycard", PasswordFile: right}, true},
		{"nothing", broker.Access{}, false},
		{"no password", broker.Access{CAFile: ca}, false},
		{"another password", broker.Access{CAFile: ca, User: "citycard", PasswordFile: write(t, "secre")}, false},
		{"another user", broker.Access{CAFile: ca, User: "anybody", PasswordFile: right}, false},
		{"another authority", broker.Access{CAFile: otherCA, User: "citycard", PasswordFile: right}, false},
	} {
		opts, err := test.access.Options(cluster.ListenAddrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		client, err := broker.Connect(t.Context(), cluster.ListenAddrs()[0], 2*time.Second, slog.New(slog.DiscardHandler), opts...)
		if err == nil {
			client.Close()
		}
		if (err == nil) != test.works {
			t.Errorf("%s: %v, want it to work: %v", test.name, err, test.works)
		}
	}
}

// TestAccessRealKafka does so at Apache Kafka.
func TestAccessRealKafka(t *testing.T) {
	kafka := kafkatest.Start(t)
	for password, works := range map[string]bool{kafkatest.Password + "\n": true, "secre": false} {
		opts, err := broker.Access{CAFile: kafka.CAFile, User: kafkatest.User, PasswordFile: write(t, password)}.Options(kafka.Secured)
		if err != nil {
			t.Fatal(err)
		}
		client, err := broker.Connect(t.Context(), kafka.Secured, 20*time.Second, slog.New(slog.DiscardHandler), opts...)
		if err == nil {
			client.Close()
		}
		if (err == nil) != works {
			t.Errorf("%q: %v, want it to work: %v", password, err, works)
		}
	}
}

// TestAccessWithoutTLS lets a user prove itself without TLS to brokers on this machine, and
// to no others.
func TestAccessWithoutTLS(t *testing.T) {
	access := broker.Access{User: "citycard", PasswordFile: write(t, "secret")}
	for seeds, works := range map[string]bool{
		"127.0.0.1:9092": true, "localhost:9092": true, "[::1]:9092,127.0.0.1:9093": true,
		"10.0.0.5:9092": false, "127.0.0.1:9092,10.0.0.5:9092": false, "kafka:9092": false, "127.0.0.1": false, "": false,
	} {
		if _, err := access.Options(seeds); (err == nil) != works {
			t.Errorf("%q: %v, want it to work: %v", seeds, err, works)
		}
	}
}

// TestAccessRefused names what cannot be used before anything is connected to.
func TestAccessRefused(t *testing.T) {
	ca := kafkatest.NewIdentity(t).CAFile
	for want, access := range map[string]broker.Access{
		"go together":    {CAFile: ca, User: "citycard"},
		"over TLS alone": {User: "citycard", PasswordFile: write(t, "secret")},
		"is empty":       {CAFile: ca, User: "citycard", PasswordFile: write(t, "\n")},
		"no certificate": {CAFile: write(t, "rubbish")},
		"no such file":   {CAFile: filepath.Join(t.TempDir(), "none")},
		"password: open": {CAFile: ca, User: "citycard", PasswordFile: filepath.Join(t.TempDir(), "none")},
	} {
		if _, err := access.Options("127.0.0.1:9092,10.0.0.5:9092"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", access, err, want)
		}
	}
}

package main

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/broker"
	"citycard/broker/kafkatest"
	"citycard/clearing/message"
	"citycard/cmd/service"
)

// TestSecuredBrokers plays a day of either kind of city at brokers that ask for TLS and a
// user; both end only when every record is acknowledged.
func TestSecuredBrokers(t *testing.T) {
	keyPath, store := keyFile(t)
	identity := kafkatest.NewIdentity(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "city", "secret"),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{identity.Certificate}}),
		kfake.SeedTopics(2, message.InputTopics()...), kfake.SeedTopics(1, message.TopicFares))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	chips, direct := t.TempDir(), t.TempDir()
	size := []string{"--keys", keyPath, "--day", "20261124", "--cards", "100"}
	if err := run(t, append([]string{"issue", "--data", chips}, size...)...); err != nil {
		t.Fatal(err)
	}
	table := officialFares(t, chips, time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC))
	fares, err := proto.Marshal(table)
	if err != nil {
		t.Fatal(err)
	}
	opts, err := (broker.Access{CAFile: identity.CAFile, User: "city", PasswordFile: password}).Options(cluster.ListenAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(cluster.ListenAddrs()...))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: message.TopicFares, Key: []byte(table.GetVersion()), Value: fares}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	city := append([]string{
		"city", "--kafka", cluster.ListenAddrs()[0], "--api", loadService(t, store),
		"--kafka-tls-ca", identity.CAFile, "--kafka-user", "city", "--kafka-password-file", password,
	}, size...)
	for _, kind := range [][]string{{"--data", chips, "--rides", "1"}, {"--data", direct, "--direct"}} {
		if err := run(t, slices.Concat(city, kind)...); err != nil {
			t.Errorf("%v: %v", kind, err)
		}
	}
	if err := run(t, append(slices.Clone(city), "--data", t.TempDir(), "--direct", "--kafka-password-file", "")...); err == nil || !strings.Contains(err.Error(), "go together") {
		t.Errorf("a user without a password: %v", err)
	}
}

// TestAuthorityAddress checks that the default address of the load authority is that of citycard
// serve.
func TestAuthorityAddress(t *testing.T) {
	if api := cityCommand().FlagSet.Lookup("api").DefValue; api != "http://"+service.LoadAuthority {
		t.Errorf("--api is %s by default", api)
	}
}

package broker_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/ledger/ledgertest"
)

// letsIn tries to reach an embedded broker.
func letsIn(t *testing.T, b *broker.Embedded, access broker.Access) (*kgo.Client, error) {
	t.Helper()
	opts, err := access.Options(b.Addr)
	if err != nil {
		t.Fatal(err)
	}
	return broker.Connect(t.Context(), b.Addr, 2*time.Second, slog.New(slog.DiscardHandler), opts...)
}

// taps is a topic.
const taps = "taps"

func makeTaps(t *testing.T, client *kgo.Client) {
	t.Helper()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, taps); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, dir string) *broker.Embedded {
	t.Helper()
	b, err := broker.Start(dir, 0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEmbeddedAsks lets in who can read the password in the broker's directory, before and
// after a restart, and nobody else; a directory has a password of its own, and a new one
// where it was removed.
func TestEmbeddedAsks(t *testing.T) {
	dir, kept := filepath.Join(t.TempDir(), "kafka"), ""
	for life := range 3 {
		b := start(t, dir)
		client, err := letsIn(t, b, b.Access)
		if err != nil {
			t.Fatalf("life %d: %v", life, err)
		}
		if life == 0 {
			makeTaps(t, client)
		}
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: taps, Value: []byte("tap")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), taps)
		if end, _ := ends.Lookup(taps, 0); err != nil || end.Offset != int64(life)+1 {
			t.Errorf("life %d: the log ends at %d, want %d (%v)", life, end.Offset, life+1, err)
		}
		client.Close()
		for name, access := range map[string]broker.Access{
			"nobody":            {},
			"with any password": {User: b.Access.User, PasswordFile: write(t, "password")},
			"as somebody else":  {User: "admin", PasswordFile: b.Access.PasswordFile},
		} {
			if client, err := letsIn(t, b, access); err == nil {
				client.Close()
				t.Errorf("life %d: %s was let in", life, name)
			}
		}
		info, err := os.Stat(b.Access.PasswordFile)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the password's file: %v %v, want mode 0600", info, err)
		}
		text, err := os.ReadFile(b.Access.PasswordFile)
		if err != nil || len(text) < 20 {
			t.Errorf("the password is %q: %v", text, err)
		}
		if same := string(text) == kept; same != (life == 1) {
			t.Errorf("life %d: the password is the one before: %v", life, same)
		}
		kept = string(text)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if life == 1 {
			if err := os.Remove(b.Access.PasswordFile); err != nil {
				t.Fatal(err)
			}
		}
	}
	other := start(t, filepath.Join(t.TempDir(), "kafka"))
	defer func() { _ = other.Close() }()
	if client, err := letsIn(t, other, broker.Access{User: other.Access.User, PasswordFile: write(t, kept)}); err == nil {
		client.Close()
		t.Error("another directory's broker has the same password")
	}
}

// TestEmbeddedFullDisk: what cannot be written is not acknowledged, the broker says that it
// cannot write, and with room again it has everything that was acknowledged.
func TestEmbeddedFullDisk(t *testing.T) {
	disk := ledgertest.SmallDisk(t, "16")
	dir := filepath.Join(disk, "kafka")
	b := start(t, dir)
	client, err := letsIn(t, b, b.Access)
	if err != nil {
		t.Fatal(err)
	}
	makeTaps(t, client)
	send := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return client.ProduceSync(ctx, &kgo.Record{Topic: taps, Value: make([]byte, 100_000)}).FirstErr()
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	free := ledgertest.FillDisk(t, disk)
	acknowledged := int64(1)
	for err = send(); err == nil; err = send() {
		acknowledged++
	}
	select {
	case err := <-b.Failed():
		if !errors.Is(err, syscall.ENOSPC) || !strings.HasPrefix(err.Error(), "the embedded broker cannot write in "+dir+": ") {
			t.Errorf("it says %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("it does not say that it cannot write")
	}
	client.Close()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	free()
	b = start(t, dir)
	if client, err = letsIn(t, b, b.Access); err != nil {
		t.Fatal(err)
	}
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), taps)
	if end, _ := ends.Lookup(taps, 0); err != nil || end.Offset != acknowledged {
		t.Errorf("the log ends at %d, %v; %d records were acknowledged", end.Offset, err, acknowledged)
	}
	if err := send(); err != nil {
		t.Errorf("with room again: %v", err)
	}
	client.Close()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

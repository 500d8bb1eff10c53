package downlink_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/terminals/downlink"
)

// TestSignedFares: a terminal that was given a key takes the tables that were signed, and keeps
// them when somebody else writes one, withdraws one, or signs.
func TestSignedFares(t *testing.T) {
	p, f := newTopic(t), newFollowed(t)
	signer := &message.Signer{Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))}
	other := &message.Signer{Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize))}
	trust, err := downlink.OpenTrust(filepath.Join(t.TempDir(), "publisher"), message.PublicOf(signer.Key))
	must(t, err)
	f.follower.Trust = trust
	holds := map[string][]byte{}
	state := func(by *message.Signer, version int64) {
		t.Helper()
		statements, err := by.Statements(&message.Publication{Topic: message.TopicFares, Version: version, Records: int64(len(holds)), Hash: message.RecordsHash(holds)})
		must(t, err)
		for _, s := range statements {
			must(t, p.client.ProduceSync(t.Context(), &kgo.Record{Topic: message.TopicFares, Key: s.Key, Value: s.Value}).FirstErr())
		}
	}
	put := func(version, from string) {
		t.Helper()
		m := published(version, from, 100)
		p.put(m)
		value, err := proto.Marshal(m)
		must(t, err)
		holds[version] = value
	}
	refused := func(want error) {
		t.Helper()
		select {
		case why := <-f.refused:
			if !errors.Is(why, want) && want != nil {
				t.Errorf("refused with %v, want %v", why, want)
			}
		case <-f.ctx.Done():
			t.Fatal("nothing is refused")
		}
	}
	stop := f.follow(p.cluster.ListenAddrs()...)
	put("one", "20260101000000")
	refused(message.ErrUnsigned)
	f.know()
	state(signer, 1)
	f.know("one")
	put("forged", "20260102000000")
	refused(nil)
	state(other, 2)
	refused(message.ErrUnsigned)
	f.know("one")
	delete(holds, "forged")
	p.put(gone("forged"))
	put("two", "20270101000000")
	state(signer, 2)
	f.know("one", "two")
	delete(holds, "two")
	p.put(gone("two"))
	state(signer, 1)
	refused(nil)
	f.know("one", "two")
	if err := stop(); trust.Version(message.TopicFares) != 2 {
		t.Errorf("the terminal remembers version %d, want 2: %v", trust.Version(message.TopicFares), err)
	}
}

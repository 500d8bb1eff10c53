package downlink

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"

	"citycard/clearing/message"
	"citycard/terminals/kept"
)

// trustMagic begins a file of whom a terminal follows.
const trustMagic = "CITYPUB1"

// Trust is whom a terminal believes what it follows: the publishing service's public key, given to
// it at its installation, or a successor of that key that the key before has signed. It remembers
// the newest publication of each topic, so that an older one is not taken again. It is safe for
// concurrent use.
type Trust struct {
	path string

	mu    sync.Mutex
	state *message.FollowState
}

// ParseKey reads a public key as citycard publish-key prints it.
func ParseKey(text string) (ed25519.PublicKey, error) {
	key, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("a publishing key has %d hexadecimal digits", 2*ed25519.PublicKeySize)
	}
	return key, nil
}

// OpenTrust reads the file in which a terminal keeps whom it follows. installed is the key that the
// terminal is given: a key that is not the one it was given before, and not the one it follows now,
// takes its place. Error: kept.ErrDamaged, or the disk's.
func OpenTrust(path string, installed ed25519.PublicKey) (*Trust, error) {
	t := &Trust{path: path, state: &message.FollowState{Key: installed, Installed: installed}}
	states, err := kept.Read[message.FollowState](path, trustMagic)
	if err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	if len(states) == 0 {
		return t, nil
	}
	state := states[0]
	if slices.Equal(state.GetInstalled(), installed) {
		t.state = state
	}
	t.state.Versions = state.GetVersions()
	return t, nil
}

// open reads a publication of a topic. An older one than that which was taken last is refused.
func (t *Trust) open(topic string, value []byte) (*message.Publication, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if value == nil {
		return nil, message.ErrUnsigned
	}
	p, err := message.OpenPublication(t.state.GetKey(), topic, value)
	if err != nil {
		return nil, err
	}
	if known := t.state.GetVersions()[topic]; p.GetVersion() < known {
		return nil, fmt.Errorf("it is of version %d, and version %d was taken before", p.GetVersion(), known)
	}
	return p, nil
}

// Version is the newest publication of a topic that was taken, 0 for none.
func (t *Trust) Version(topic string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state.GetVersions()[topic]
}

// took remembers a publication that was taken.
func (t *Trust) took(topic string, version int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state.GetVersions()[topic] == version {
		return nil
	}
	if t.state.Versions == nil {
		t.state.Versions = map[string]int64{}
	}
	before, known := t.state.Versions[topic]
	t.state.Versions[topic] = version
	err := t.save()
	switch { // what is not on the disk is saved the next time
	case err != nil && known:
		t.state.Versions[topic] = before
	case err != nil:
		delete(t.state.Versions, topic)
	}
	return err
}

// succeed takes a successor of the key that is followed, if it is one. Records about other keys are
// of the past, or of nobody.
func (t *Trust) succeed(value []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	next, err := message.OpenSuccessor(t.state.GetKey(), value)
	if err != nil {
		return nil
	}
	before := t.state.Key
	t.state.Key = next
	if err = t.save(); err != nil {
		t.state.Key = before
	}
	return err
}

func (t *Trust) save() error {
	if err := kept.Write(t.path, trustMagic, slices.Values([]*message.FollowState{t.state})); err != nil {
		return fmt.Errorf("publisher: %w", err)
	}
	return nil
}

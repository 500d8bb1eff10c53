package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
)

// ErrOutdated says that the file of a key store was changed and that its new content cannot be
// used. The answer to the present question could be different under the new content.
var ErrOutdated = errors.New("the key store was changed and cannot be taken into use")

// Keyring is the key store of a process that keeps running while masters are rotated: it follows
// the store's file. A look costs some kilobytes; the passphrase is used only if the file has
// changed since the last time. Only a change to the file can make a caller wait (ErrOutdated). A
// missing file is not a newer one, since a store is replaced in one step: the present masters
// stay in use.
//
// It is safe for concurrent use, and a [Source] of the keys that clearing holds.
type Keyring struct {
	path, passphrase string // path is empty where the store has no file
	log              *slog.Logger
	used             atomic.Pointer[masters]

	mu    sync.Mutex
	seen  []byte // the file as it was last looked at
	fault error  // why that cannot be used
}

// masters is a store with those of its keys that clearing holds.
type masters struct {
	store *Store
	held  *Held
}

// NewKeyring returns a keyring of a store that no file changes.
func NewKeyring(s *Store) *Keyring {
	k := &Keyring{}
	k.use(s)
	return k
}

// OpenKeyring opens a store and follows its file. Errors: those of Open.
func OpenKeyring(path, passphrase string, log *slog.Logger) (*Keyring, error) {
	s, sealed, err := open(path, passphrase)
	if err != nil {
		return nil, err
	}
	k := &Keyring{path: path, passphrase: passphrase, log: log, seen: sealed}
	k.use(s)
	return k, nil
}

// Format hides the keys from every fmt verb.
func (*Keyring) Format(f fmt.State, _ rune) { hide(f, "[keyring]") }

func (k *Keyring) use(s *Store) {
	held := s.Held()
	if now := k.used.Load(); now != nil && now.held.Fingerprint() == held.Fingerprint() {
		held = now.held // they are the same: only a transport key came
	}
	k.used.Store(&masters{s, held})
}

// Store is the store in use.
func (k *Keyring) Store() *Store { return k.used.Load().store }

// Refresh takes the masters in the file into use if the file has changed since the last time. It
// fails with ErrOutdated as long as the file's content cannot be used.
func (k *Keyring) Refresh() error {
	if k.path == "" {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	sealed, err := readSealed(k.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", ErrOutdated, err)
	case bytes.Equal(sealed, k.seen):
		return k.fault
	}
	k.seen, k.fault = sealed, nil
	if err := k.follow(sealed); err != nil {
		k.fault = fmt.Errorf("%w: %s: %w", ErrOutdated, k.path, err)
	}
	return k.fault
}

// follow switches to the store in a file if that store has all masters in use, and more. If it
// has fewer, the present store stays in use: nothing is lost.
func (k *Keyring) follow(sealed []byte) error {
	s, err := unseal(bytes.NewReader(sealed), k.passphrase)
	if err != nil {
		return err
	}
	switch old := k.Store(); {
	case old.includes(s):
	case s.includes(old):
		k.use(s)
		k.log.Info("the changed key store is taken into use", "version", s.Version(), "batches", len(s.batches))
	default:
		return errFewer
	}
	return nil
}

// includes reports whether the store has all generations and all transport keys of another.
func (s *Store) includes(other *Store) bool {
	has := func(g *generation) bool {
		own := s.generation(g.version)
		return own != nil && *own == *g
	}
	for i := range other.older {
		if !has(&other.older[i]) {
			return false
		}
	}
	for name, key := range other.batches {
		if own, ok := s.batches[name]; !ok || own != key {
			return false
		}
	}
	return has(&other.current)
}

// Held are those keys of the store that clearing holds, as the file has them now. It fails with
// ErrOutdated as Refresh does.
func (k *Keyring) Held(context.Context) (*Held, error) {
	if err := k.Refresh(); err != nil {
		return nil, err
	}
	return k.used.Load().held, nil
}

// OfVersion is the store in use, after a look at the file if it does not hold a version.
func (k *Keyring) OfVersion(version byte) (*Store, error) {
	if s := k.Store(); s.generation(version) != nil {
		return s, nil
	}
	if err := k.Refresh(); err != nil {
		return nil, err
	}
	return k.Store(), nil
}

// AuthoriseLoad does the same as Store.AuthoriseLoad, or fails with ErrOutdated.
func (k *Keyring) AuthoriseLoad(_ context.Context, o LoadOrder) (MAC, error) {
	s, err := k.OfVersion(o.KeyVersion)
	if err != nil {
		return MAC{}, err
	}
	return s.AuthoriseLoad(o)
}

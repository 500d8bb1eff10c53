package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
)

// ErrOutdated says that the file of a key store was changed and that its new content cannot be
// used. The answer to the present question could be different under the new content.
var ErrOutdated = errors.New("the key store was changed and cannot be taken into use")

// Keyring is the key store of a process that keeps running while masters are rotated. Before it
// rejects anything it makes sure that it has the masters in the file: a card gets its keys only
// after they were in the file, and its records come later still. So nothing is rejected because a
// process was started before a rotation. The version in a record, which no card signs, does not
// influence when the file is read.
//
// A hostile record costs one look at some kilobytes, for a whole batch; the passphrase is used only
// if the file has changed since the last time. Only a change to the file can make a caller wait
// (ErrOutdated). A missing file is not a newer one, since a store is replaced in one step: the
// present masters stay in use.
//
// It is safe for concurrent use. Where the first answer is yes, a look costs one pointer.
type Keyring struct {
	path, passphrase string // path is empty where the store has no file
	log              *slog.Logger
	used             atomic.Pointer[masters]

	mu    sync.Mutex
	seen  []byte // the file as it was last looked at
	fault error  // why that cannot be used
}

// masters is a store with its verifier.
type masters struct {
	store *Store
	tacs  *TACVerifier
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

func (k *Keyring) use(s *Store) { k.used.Store(&masters{s, s.TACVerifier()}) }

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

// follow switches to the store in a file if that store has all masters in use, and more. If it has
// fewer, the present store stays in use: nothing is lost.
func (k *Keyring) follow(sealed []byte) error {
	s, err := unseal(bytes.NewReader(sealed), k.passphrase)
	if err != nil {
		return err
	}
	switch old := k.Store(); {
	case old.includes(s):
	case s.includes(old):
		k.use(s)
		k.log.Info("rotated masters taken into use", "version", s.Version())
	default:
		return errors.New("it lacks masters that are in use")
	}
	return nil
}

// includes reports whether the store has all generations of another.
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
	return has(&other.current)
}

// newer returns the masters under which the question must be repeated, or nil, which is the usual
// case. used are the masters of the first answers, ok these answers.
func (k *Keyring) newer(used *masters, ok []bool) (*masters, error) {
	if !slices.Contains(ok, false) {
		return nil, nil
	}
	if err := k.Refresh(); err != nil {
		return nil, err
	}
	if now := k.used.Load(); now != used {
		return now, nil
	}
	return nil, nil
}

// VerifyPurchases does the same as TACVerifier.VerifyPurchases, or fails with ErrOutdated; after
// that error a false in ok means nothing.
func (k *Keyring) VerifyPurchases(records []PurchaseRecord, ok []bool) error {
	used := k.used.Load()
	used.tacs.VerifyPurchases(records, ok)
	newer, err := k.newer(used, ok)
	if newer != nil {
		newer.tacs.VerifyPurchases(records, ok)
	}
	return err
}

// VerifyLoads does the same as TACVerifier.VerifyLoads, or fails as VerifyPurchases does.
func (k *Keyring) VerifyLoads(records []LoadRecord, ok []bool) error {
	used := k.used.Load()
	used.tacs.VerifyLoads(records, ok)
	newer, err := k.newer(used, ok)
	if newer != nil {
		newer.tacs.VerifyLoads(records, ok)
	}
	return err
}

// AuthoriseLoad does the same as Store.AuthoriseLoad, or fails with ErrOutdated.
func (k *Keyring) AuthoriseLoad(o LoadOrder) (MAC, error) {
	mac2, err := k.Store().AuthoriseLoad(o)
	if !errors.Is(err, errKeyVersion) {
		return mac2, err
	}
	if err := k.Refresh(); err != nil {
		return MAC{}, err
	}
	return k.Store().AuthoriseLoad(o)
}

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

// ErrOutdated says that the file of a key store was changed, and that what is in it now
// cannot be taken into use: whatever was asked may have another answer under it.
var ErrOutdated = errors.New("the key store was changed and cannot be taken into use")

// Keyring is the key store of a process that runs on while masters are rotated. Before it
// rejects anything it makes sure that it has the masters that are in the file: a card has
// its keys only after they were in there, and its records come later still. So nothing is
// rejected because a process was started before a rotation, and nothing in a record, of
// which the version is signed by no card, has a say in when the file is looked at.
//
// What a hostile record costs is a look at some kilobytes, a batch; the passphrase is put
// to work only where the file is another one than last time. And only what somebody
// did to the file can make a caller wait (ErrOutdated). A file that is missing is not
// newer, since a store is replaced in one step: the masters at hand go on.
//
// It is safe for concurrent use. Where the first answer is yes it costs a pointer.
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

// Refresh takes the masters in the file into use, where it is another file than last time.
// It fails with ErrOutdated until what is there can be used.
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

// follow goes on with the store in a file, if that holds what is in use and more. With less
// nothing is gained, and nothing lost by going on as before.
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

// newer returns masters that answers given under used have to be asked again under; mostly
// nil. ok are the answers.
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

// VerifyPurchases is that of TACVerifier, or fails with ErrOutdated, after which no false
// in ok counts.
func (k *Keyring) VerifyPurchases(records []PurchaseRecord, ok []bool) error {
	used := k.used.Load()
	used.tacs.VerifyPurchases(records, ok)
	newer, err := k.newer(used, ok)
	if newer != nil {
		newer.tacs.VerifyPurchases(records, ok)
	}
	return err
}

// VerifyLoads is that of TACVerifier, or fails as VerifyPurchases does.
func (k *Keyring) VerifyLoads(records []LoadRecord, ok []bool) error {
	used := k.used.Load()
	used.tacs.VerifyLoads(records, ok)
	newer, err := k.newer(used, ok)
	if newer != nil {
		newer.tacs.VerifyLoads(records, ok)
	}
	return err
}

// AuthoriseLoad is that of Store, or fails with ErrOutdated.
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

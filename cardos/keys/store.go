package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"citycard/durable"
)

// Errors of Open.
var (
	// ErrPassphrase says that the file is a key file, but not under this
	// passphrase.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrStoreFormat says that the file is not a key file of this version.
	ErrStoreFormat = errors.New("not a key file")
)

// Store is a set of masters kept in software: for development and tests, and for sites without a
// hardware module. It never changes after it is made, and is safe for concurrent use.
type Store struct {
	current    generation     // what new cards are made with
	older      []generation   // newest first
	batches    map[string]Key // transport keys of blanks, by the name of their batch; never changed
	test       bool
	workFactor int
}

// defaultWorkFactor is the scrypt cost, 2^18, that age recommends: about a
// second.
const defaultWorkFactor = 18

// Generate makes new random masters.
func Generate(rand io.Reader) (*Store, error) {
	s := &Store{current: generation{version: 1}, workFactor: defaultWorkFactor}
	for r := Role(1); r < roleEnd; r++ {
		if _, err := io.ReadFull(rand, s.current.masters[r][:]); err != nil {
			return nil, fmt.Errorf("generate master %d: %w", r, err)
		}
	}
	return s, nil
}

// GenerateTest makes masters that anyone can reproduce from the seed. They are marked as test keys,
// also in the file.
func GenerateTest(seed uint64) *Store {
	s := &Store{current: generation{version: 1}, test: true, workFactor: defaultWorkFactor}
	for r := Role(1); r < roleEnd; r++ {
		b := append([]byte("citycard test master"), byte(r))
		h := sha256.Sum256(binary.BigEndian.AppendUint64(b, seed))
		copy(s.current.masters[r][:], h[:16])
	}
	return s
}

// Format hides the masters from every fmt verb.
func (*Store) Format(f fmt.State, _ rune) { hide(f, "[key store]") }

// Test reports whether these are test keys.
func (s *Store) Test() bool { return s.test }

// Version is the version of the keys that new cards get, as cards answer it.
func (s *Store) Version() byte { return s.current.version }

// WithWorkFactor returns the store with another scrypt cost, 2^logN with logN
// 1..22, for its next Save; tests want a low one.
func (s *Store) WithWorkFactor(logN int) *Store {
	c := *s
	c.workFactor = min(max(logN, 1), 22)
	return &c
}

// storeFile is the plain text inside the encrypted file.
type storeFile struct {
	Format  string           `json:"format"`
	Version byte             `json:"version"`
	Test    bool             `json:"test"`
	Masters mastersFile      `json:"masters"`
	Older   []generationFile `json:"older,omitempty"` // newest first
	Batches batchesFile      `json:"transport_keys,omitempty"`
}

type generationFile struct {
	Version byte        `json:"version"`
	Masters mastersFile `json:"masters"`
}

const storeFormat = "citycard masters 1"

// Save writes the masters to a file of mode 0600, encrypted with the passphrase
// (age, scrypt). Afterwards the whole file is on disk, or the old file is unchanged.
func (s *Store) Save(path, passphrase string) error {
	sealed, err := s.seal(passphrase)
	if err != nil {
		return fmt.Errorf("save keys to %s: %w", path, err)
	}
	if err := durable.WriteFile(path, sealed); err != nil {
		return fmt.Errorf("save keys to %s: %w", path, err)
	}
	return nil
}

func (s *Store) seal(passphrase string) ([]byte, error) {
	f := storeFile{Format: storeFormat, Version: s.current.version, Test: s.test, Masters: s.current.file(), Batches: s.batchesFile()}
	for i := range s.older {
		f.Older = append(f.Older, generationFile{s.older[i].version, s.older[i].file()})
	}
	plain, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	to.SetWorkFactor(s.workFactor)
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Open reads a file that Save wrote. Errors: ErrPassphrase, ErrStoreFormat, and
// those of the file system.
func Open(path, passphrase string) (*Store, error) {
	s, _, err := open(path, passphrase)
	return s, err
}

func open(path, passphrase string) (s *Store, sealed []byte, err error) {
	if sealed, err = readSealed(path); err != nil {
		return nil, nil, fmt.Errorf("open keys: %w", err)
	}
	if s, err = unseal(bytes.NewReader(sealed), passphrase); err != nil {
		return nil, nil, fmt.Errorf("open keys %s: %w", path, err)
	}
	return s, sealed, nil
}

func unseal(r io.Reader, passphrase string) (*Store, error) {
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(r, identity)
	if err != nil {
		var none *age.NoIdentityMatchError
		if errors.As(err, &none) {
			return nil, ErrPassphrase
		}
		return nil, fmt.Errorf("%w: %v", ErrStoreFormat, err)
	}
	var file storeFile
	if err := json.NewDecoder(io.LimitReader(plain, 1<<16)).Decode(&file); err != nil {
		return nil, fmt.Errorf("%w: not JSON inside", ErrStoreFormat) // the cause may quote keys
	}
	if file.Format != storeFormat || len(file.Older) > maxOlder {
		return nil, fmt.Errorf("%w: format %q with %d older generations", ErrStoreFormat, file.Format, len(file.Older))
	}
	s := &Store{test: file.Test, workFactor: defaultWorkFactor}
	if s.current, err = file.Masters.generation(file.Version); err != nil {
		return nil, err
	}
	if s.batches, err = file.Batches.batches(); err != nil {
		return nil, err
	}
	for _, f := range file.Older {
		g, err := f.Masters.generation(f.Version)
		if err != nil {
			return nil, err
		}
		if s.generation(g.version) != nil {
			return nil, fmt.Errorf("%w: version %d twice", ErrStoreFormat, g.version)
		}
		s.older = append(s.older, g)
	}
	return s, nil
}

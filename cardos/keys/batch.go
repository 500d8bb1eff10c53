package keys

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// A batch of blank cards comes from its maker under a transport key, which the issuer and the maker
// alone know. It lies beside the masters: from it come the keys that seal what leaves for a blank,
// and that answer its challenge.

// Bounds of transport keys.
const (
	maxBatches   = 200
	maxBatchName = 40
	maxBatchFile = 4 << 10 // bytes
)

// Errors of transport keys.
var (
	// ErrBatchName says that no batch has such a name.
	ErrBatchName = fmt.Errorf("want 1 to %d letters, digits, dots and dashes", maxBatchName)
	// ErrBatchKey says that a key is none that protects a batch.
	ErrBatchKey = errors.New("not the transport key of a batch")
	// ErrBatchKnown says that a batch has another transport key already.
	ErrBatchKnown = errors.New("the batch has a transport key already")
	// ErrBatches says that there is no room for another batch.
	ErrBatches = fmt.Errorf("no more than %d batches", maxBatches)
)

// CheckBatchName refuses what cannot name a batch of blanks, with ErrBatchName.
func CheckBatchName(name string) error {
	strange := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	}
	if name == "" || len(name) > maxBatchName || slices.ContainsFunc([]rune(name), strange) {
		return ErrBatchName
	}
	return nil
}

// ReadTransportKey reads a transport key as its maker hands it over: one line of 32 hexadecimal
// digits, or several, which are components and are combined by XOR, so that no one person has the
// key. It fails with ErrBatchKey. No error quotes what was read.
func ReadTransportKey(in io.Reader) (key Key, err error) {
	content, err := io.ReadAll(io.LimitReader(in, maxBatchFile+1))
	if err != nil {
		return Key{}, err
	}
	lines := bytes.Fields(content)
	if len(lines) == 0 || len(content) > maxBatchFile {
		return Key{}, fmt.Errorf("%w: want lines of 32 hexadecimal digits", ErrBatchKey)
	}
	for i, line := range lines {
		part, err := hex.DecodeString(string(line))
		if err != nil || len(part) != len(key) {
			return Key{}, fmt.Errorf("%w: line %d: want 32 hexadecimal digits", ErrBatchKey, i+1)
		}
		for j := range key {
			key[j] ^= part[j]
		}
	}
	return key, key.checkTransport()
}

// CheckTransport refuses what is no transport key of a batch of blanks. Errors: ErrBatchName,
// ErrBatchKey.
func CheckTransport(batch string, key Key) error {
	if err := CheckBatchName(batch); err != nil {
		return err
	}
	return key.checkTransport()
}

// checkTransport refuses a key of two equal halves, which is no triple DES: so is one of zeros, as
// the same component twice gives it.
func (k Key) checkTransport() error {
	same := true
	for i := range 8 {
		same = same && (k[i]^k[i+8])&^1 == 0 // parity bits do not matter
	}
	if same {
		return fmt.Errorf("%w: its two halves are equal", ErrBatchKey)
	}
	return nil
}

// TransportCheck is the check value that a card's maker states with a transport key: eight zeros
// enciphered under it, the left three bytes in hexadecimal.
func TransportCheck(key Key) string {
	return hex.EncodeToString(key.Encrypt(make([]byte, 8))[:CheckValueSize])
}

// Transport is the transport key of a batch, if the store has it.
func (s *Store) Transport(batch string) (Key, bool) {
	key, ok := s.batches[batch]
	return key, ok
}

// Batches are the batches whose transport keys the store has, by name.
func (s *Store) Batches() []string { return slices.Sorted(maps.Keys(s.batches)) }

// WithTransport returns the store with the transport key of a batch. Errors: ErrBatchName,
// ErrBatchKey, ErrBatchKnown, ErrBatches.
func (s *Store) WithTransport(batch string, key Key) (*Store, error) {
	if err := CheckTransport(batch, key); err != nil {
		return nil, err
	}
	known, ok := s.batches[batch]
	switch {
	case ok && known == key:
		return s, nil
	case ok:
		return nil, ErrBatchKnown
	case len(s.batches) >= maxBatches:
		return nil, ErrBatches
	}
	c := *s
	c.batches = maps.Clone(s.batches)
	if c.batches == nil {
		c.batches = map[string]Key{}
	}
	c.batches[batch] = key
	return &c, nil
}

// AddTransport gives the store of a file the transport key of a batch; the masters stay as they
// are. Only one process can change a store at a time. Errors: those of Open and WithTransport,
// ErrBusy, ErrChanged; after an error the store is unchanged.
func AddTransport(path, passphrase, batch string, key Key) error {
	return addTransport(path, passphrase, batch, key, defaultWorkFactor)
}

func addTransport(path, passphrase, batch string, key Key, workFactor int) error {
	_, err := changeFile(path, passphrase, workFactor, func(_ string, _ []byte, old *Store) (*Store, error) {
		return old.WithTransport(batch, key)
	})
	if err != nil {
		return fmt.Errorf("add a transport key to %s: %w", path, err)
	}
	return nil
}

// batchesFile are transport keys as the file has them.
type batchesFile map[string]string

func (s *Store) batchesFile() batchesFile {
	f := batchesFile{}
	for name, key := range s.batches {
		f[name] = hex.EncodeToString(key[:])
	}
	return f
}

// batches reads them; errors never quote a key.
func (f batchesFile) batches() (map[string]Key, error) {
	all := map[string]Key{}
	for name, text := range f {
		b, err := hex.DecodeString(text)
		if err != nil || len(b) != len(Key{}) || len(f) > maxBatches || CheckBatchName(name) != nil {
			return nil, fmt.Errorf("%w: transport key of batch %.40q", ErrStoreFormat, name)
		}
		all[name] = Key(b)
	}
	return all, nil
}

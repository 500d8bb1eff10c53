package registry

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"slices"
	"strconv"
)

// The acts by which the ledger's audit has the registry's history. The seals of days cover it.
const (
	ActFound   = "found registry"
	ActApprove = "approve registry change"
)

// Entered is the content of the audit entry for a change that came in force.
type Entered struct {
	Content
	Version int64  `json:"version"`
	Head    string `json:"head"` // in hexadecimal
}

// Digest hashes the rows of a change as the database has them, in their order.
type Digest struct {
	sum  hash.Hash
	rows int64
}

// Add adds a row. An error says that its key or first day are not those of its record.
func (d *Digest) Add(kind Kind, key []byte, from int64, record string) error {
	if d.sum == nil {
		d.sum = sha256.New()
	}
	d.rows++
	hashRecord(d.sum, kind, record)
	all := layouts()
	if kind < 1 || int(kind) > len(all) {
		return fmt.Errorf("there is no kind %d", kind)
	}
	layout := &all[kind-1]
	columns := layout.all()
	fields, err := splitRecord(nil, record)
	if err != nil || len(fields) != len(columns) {
		return fmt.Errorf("its record has %d columns, want %d", len(fields), len(columns))
	}
	first := slices.Index(columns, firstColumn(columns))
	day, err := strconv.ParseInt(fields[first], 10, 64)
	if err != nil || day != from {
		return fmt.Errorf("it is kept from %d, its record says %q", from, fields[first])
	}
	if want, err := layout.key(fields[0]); err != nil || string(want) != string(key) {
		return fmt.Errorf("it is kept under the key %x, its record says %q", key, fields[0])
	}
	return nil
}

// Sum is the digest of the rows added, and how many they are.
func (d *Digest) Sum() (digest [32]byte, rows int64) {
	if d.sum == nil {
		return sha256.Sum256(nil), 0
	}
	return [32]byte(d.sum.Sum(nil)), d.rows
}

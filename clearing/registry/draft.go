package registry

import (
	"crypto/sha256"
	"hash"

	"citycard/clearing/registry/index"
)

// Draft is a set of rows that is not in force yet: the new rows of imported files.
type Draft struct {
	rows   index.Rows
	base   int64 // version it was checked against
	count  int64 // of rows
	digest [32]byte
}

// Rows counts the draft's rows.
func (d *Draft) Rows() int64 { return d.count }

// Edition is the draft by itself, as if nothing were in force beside it.
func (d *Draft) Edition() *index.Edition { return d.on(&index.Edition{}) }

// on returns the edition that follows base when the draft is approved.
func (d *Draft) on(base *index.Edition) *index.Edition {
	return index.Next(base, &d.rows, Head(base.Head(), d.digest))
}

// seal counts and hashes the draft's rows, which are complete now.
func (d *Draft) seal() error {
	digest := sha256.New()
	d.count = 0
	err := records(&d.rows, func(r record) error {
		d.count++
		line, err := joinRecord(r.fields)
		if err != nil {
			return err
		}
		hashRecord(digest, r.kind, line)
		return nil
	})
	digest.Sum(d.digest[:0])
	return err
}

// hashRecord adds a row to a change's digest: its kind as one byte, its record as a
// line of CSV, and a line feed.
func hashRecord(digest hash.Hash, kind Kind, line string) {
	b := make([]byte, 0, 256)
	b = append(b, byte(kind))
	b = append(b, line...)
	// A hash takes whatever it is given.
	_, _ = digest.Write(append(b, '\n'))
}

// Head is the head of a version: SHA-256 over "citycard registry 1", the head
// before, and the digest of the change.
func Head(before, digest [32]byte) [32]byte {
	b := append([]byte("citycard registry 1"), before[:]...)
	return sha256.Sum256(append(b, digest[:]...))
}

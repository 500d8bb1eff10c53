package registry

import (
	"crypto/sha256"
	"hash"
)

// Draft is a set of rows that is not in force: what files bring beside what is.
type Draft struct {
	content
	base   int64 // version it was checked against
	rows   int64
	digest [32]byte
}

// Rows counts the draft's rows.
func (d *Draft) Rows() int64 { return d.rows }

// Edition is the draft by itself, as if nothing were in force beside it.
func (d *Draft) Edition() *Edition { return newEdition(nil, d) }

// seal counts and hashes the draft's rows, which are complete now.
func (d *Draft) seal() error {
	digest := sha256.New()
	d.rows = 0
	err := d.each(func(r row) error {
		d.rows++
		return hashRow(digest, r.kind, r.record)
	})
	digest.Sum(d.digest[:0])
	return err
}

// hashRow adds a row to a change's digest: its kind as one byte, its record as a
// line of CSV, and a line feed.
func hashRow(digest hash.Hash, kind Kind, record []string) error {
	line, err := joinRecord(record)
	if err != nil {
		return err
	}
	hashLine(digest, kind, line)
	return nil
}

func hashLine(digest hash.Hash, kind Kind, line string) {
	b := make([]byte, 0, 256)
	b = append(b, byte(kind))
	b = append(b, line...)
	// A hash takes whatever it is given.
	_, _ = digest.Write(append(b, '\n'))
}

// link is the head of a version: SHA-256 over "citycard registry 1", the head
// before, and the digest of the change.
func link(head, digest [32]byte) [32]byte {
	b := append([]byte("citycard registry 1"), head[:]...)
	return sha256.Sum256(append(b, digest[:]...))
}

// draftOf makes a draft of the rows that a builder has.
func draftOf(b *builder, base int64, wrong func(Number, clash), overlap func(row, before hotRow)) (*Draft, error) {
	b.content.cards = b.packer.finish(wrong)
	b.content.hotlist.finish(overlap)
	d := &Draft{content: b.content, base: base}
	return d, d.seal()
}

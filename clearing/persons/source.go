package persons

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"citycard/language"
)

// Source is where a roster comes from. An import reads it twice: for what must be known of all
// lines, and to store it.
type Source struct {
	Hash  [sha256.Size]byte // of all bytes
	Size  int64             // how many they are
	First io.Reader
	Again func() (io.Reader, error) // the same bytes from the begin; it is called once First has ended
}

// SourceOf is a roster in a file. It reads the whole file, for its hash, and goes back to its
// begin.
func SourceOf(file io.ReadSeeker) (Source, error) {
	back := func() (io.Reader, error) {
		_, err := file.Seek(0, io.SeekStart)
		return file, err
	}
	from := Source{First: file, Again: back}
	if _, err := back(); err != nil {
		return from, unfit(language.Textf("the file cannot be read more than once, as a pipe cannot: %w", err))
	}
	sum := sha256.New()
	size, err := io.Copy(sum, file)
	if err == nil {
		from.Hash, from.Size = [sha256.Size]byte(sum.Sum(nil)), size
		_, err = back()
	}
	return from, err
}

// Spool keeps a roster that can be read only once, for the second reading: in a temporary file
// without a name, encrypted under a key that this process alone has, and forgets.
type Spool struct {
	file  *os.File
	block cipher.Block
	out   *bufio.Writer
	in    cipher.StreamWriter
}

// NewSpool makes an empty one.
func NewSpool() (*Spool, error) {
	key := make([]byte, 16)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("keep a roster: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("keep a roster: %w", err)
	}
	file, err := unnamed()
	if err != nil {
		return nil, fmt.Errorf("keep a roster: %w", err)
	}
	out := bufio.NewWriterSize(file, 1<<16)
	s := &Spool{file: file, block: block, out: out}
	s.in = cipher.StreamWriter{S: s.stream(), W: out}
	return s, nil
}

// stream is the key stream from its begin: the key encrypts one roster and nothing else.
func (s *Spool) stream() cipher.Stream { return cipher.NewCTR(s.block, make([]byte, aes.BlockSize)) }

// Write appends bytes.
func (s *Spool) Write(p []byte) (int, error) {
	n, err := s.in.Write(p)
	if err != nil {
		err = fmt.Errorf("keep a roster: %w", err)
	}
	return n, err
}

// Again reads what was written, from its begin. Nothing more can be written.
func (s *Spool) Again() (io.Reader, error) {
	err := s.out.Flush()
	if err == nil {
		_, err = s.file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, fmt.Errorf("keep a roster: %w", err)
	}
	return cipher.StreamReader{S: s.stream(), R: s.file}, nil
}

// Close forgets the roster.
func (s *Spool) Close() error { return s.file.Close() }

// unnamed is a temporary file without a name: it is gone once it is closed.
func unnamed() (*os.File, error) {
	file, err := os.CreateTemp("", "citycard-roster-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

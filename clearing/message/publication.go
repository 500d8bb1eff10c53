package message

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
)

// PublicationKey is the Kafka key of a topic's publication.
const PublicationKey = "publication"

// successorKey begins the Kafka key of a record that names a signing key's successor; the signing
// key follows, in hexadecimal. Brokers keep one for each key there ever was.
const successorKey = "successor:"

// signedText begins what is signed.
const signedText = "citycard publication 1\n"

// The errors of a publication.
var (
	ErrUnsigned = errors.New("it is not signed by the publishing service's key")
	ErrOther    = errors.New("it is about something else")
)

// OfPublication reports whether a record of a topic is a publication, or names a successor, and no
// content of the topic.
func OfPublication(key []byte) bool {
	return string(key) == PublicationKey || IsSuccessor(key)
}

// IsSuccessor reports whether a record names a signing key's successor.
func IsSuccessor(key []byte) bool { return strings.HasPrefix(string(key), successorKey) }

// Signer signs publications.
type Signer struct {
	Key        ed25519.PrivateKey
	Successors []Statement // which key followed on which, in their order
}

// Statement is a signed record of a topic.
type Statement struct{ Key, Value []byte }

// Statements are the records that a topic has beside its content: which keys there were, and what
// the topic holds.
func (s *Signer) Statements(p *Publication) ([]Statement, error) {
	value, err := sign(s.Key, p)
	if err != nil {
		return nil, err
	}
	return append(slices.Clone(s.Successors), Statement{[]byte(PublicationKey), value}), nil
}

// Succeed signs that a key takes the signer's place, and is the signer from then on.
func (s *Signer) Succeed(next ed25519.PrivateKey) (*Signer, error) {
	value, err := sign(s.Key, &Publication{Successor: PublicOf(next)})
	if err != nil {
		return nil, err
	}
	key := []byte(successorKey + hex.EncodeToString(PublicOf(s.Key)))
	return &Signer{next, append(slices.Clone(s.Successors), Statement{key, value})}, nil
}

// PublicOf is the public half of a key.
func PublicOf(private ed25519.PrivateKey) ed25519.PublicKey {
	public, _ := private.Public().(ed25519.PublicKey)
	return public
}

func sign(key ed25519.PrivateKey, p *Publication) ([]byte, error) {
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode a publication: %w", err)
	}
	signed := &SignedPublication{Publication: text, Signature: ed25519.Sign(key, append([]byte(signedText), text...))}
	return proto.MarshalOptions{Deterministic: true}.Marshal(signed)
}

func open(key ed25519.PublicKey, value []byte) (*Publication, error) {
	signed, p := &SignedPublication{}, &Publication{}
	if len(key) != ed25519.PublicKeySize || proto.Unmarshal(value, signed) != nil ||
		!ed25519.Verify(key, append([]byte(signedText), signed.GetPublication()...), signed.GetSignature()) {
		return nil, ErrUnsigned
	}
	if err := proto.Unmarshal(signed.GetPublication(), p); err != nil {
		return nil, fmt.Errorf("it is no publication: %w", err)
	}
	return p, nil
}

// OpenPublication reads the publication of a topic that a key has signed. Errors: ErrUnsigned,
// ErrOther.
func OpenPublication(key ed25519.PublicKey, topic string, value []byte) (*Publication, error) {
	p, err := open(key, value)
	if err == nil && (p.GetTopic() != topic || len(p.GetSuccessor()) > 0) {
		err = ErrOther
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// OpenSuccessor reads the successor that a key has signed. Errors: ErrUnsigned, ErrOther.
func OpenSuccessor(key ed25519.PublicKey, value []byte) (ed25519.PublicKey, error) {
	p, err := open(key, value)
	if err == nil && (p.GetTopic() != "" || len(p.GetSuccessor()) != ed25519.PublicKeySize) {
		err = ErrOther
	}
	if err != nil {
		return nil, err
	}
	return p.GetSuccessor(), nil
}

// RecordsHash is the hash over the records of a topic by their keys, without those of publications:
// over each key and value in order of the keys, each after its length in four bytes.
func RecordsHash(records map[string][]byte) []byte {
	sum := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(records)) {
		hashText(sum, []byte(key))
		hashText(sum, records[key])
	}
	return sum.Sum(nil)
}

// HotlistHash is the hash over what a hotlist says of cards, which must be in order. The versions
// of the entries are not in it: a list that is sent again is the same.
type HotlistHash struct{ sum hash.Hash }

// NewHotlistHash begins a hash.
func NewHotlistHash() *HotlistHash { return &HotlistHash{sha256.New()} }

// Add adds a card: its eight bytes, the number of its rows in four, and from, to and reason of
// each, every one after its length in four bytes.
func (h *HotlistHash) Add(e *HotlistEntry) {
	hashText(h.sum, e.GetCard())
	_, _ = h.sum.Write(binary.BigEndian.AppendUint32(nil, uint32(len(e.GetRows()))))
	for _, row := range e.GetRows() {
		hashText(h.sum, []byte(row.GetFrom()))
		hashText(h.sum, []byte(row.GetTo()))
		hashText(h.sum, []byte(row.GetReason()))
	}
}

// Sum is the hash.
func (h *HotlistHash) Sum() []byte { return h.sum.Sum(nil) }

// hashText adds a text after its length. A hash takes whatever it is given.
func hashText(sum hash.Hash, text []byte) {
	_, _ = sum.Write(binary.BigEndian.AppendUint32(nil, uint32(len(text))))
	_, _ = sum.Write(text)
}

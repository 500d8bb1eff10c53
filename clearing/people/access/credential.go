package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"time"

	"citycard/clearing/people"
	"citycard/language"
)

// Kind says by what a unit proves itself.
type Kind string

// The kinds of credential, as they are stored.
const (
	Token       Kind = "token"
	Certificate Kind = "certificate"
)

// Hash is the SHA-256 of a token's text or of a certificate's bytes (DER).
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

const (
	tokenBytes = 32
	tokenText  = (tokenBytes*8 + 5) / 6 // in base64
)

// NewToken makes a token: 256 random bits.
func NewToken() string {
	var secret [tokenBytes]byte
	// crypto/rand's Read never returns an error; it ends the program instead.
	_, _ = rand.Read(secret[:])
	return base64.RawURLEncoding.EncodeToString(secret[:])
}

// HashToken is what is kept of a token.
func HashToken(token string) Hash { return sha256.Sum256([]byte(token)) }

// Fingerprint is what is kept of a certificate.
func Fingerprint(c *x509.Certificate) Hash { return sha256.Sum256(c.Raw) }

// ReadCertificate reads the one certificate of a PEM file. A private key beside it is refused: it
// was to stay with its unit.
func ReadCertificate(file []byte) (c *x509.Certificate, err error) {
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case strings.Contains(block.Type, "PRIVATE KEY"):
			return nil, language.Textf("it has a private key: want the certificate alone, and the key stays with the unit")
		case block.Type != "CERTIFICATE":
			return nil, language.Textf("it has a block %q: want a certificate alone", block.Type)
		case c != nil:
			return nil, language.Textf("it has several certificates: want the unit's own alone")
		}
		if c, err = x509.ParseCertificate(block.Bytes); err != nil {
			return nil, language.Textf("its certificate cannot be read: %w", err)
		}
	}
	if c == nil {
		return nil, language.Textf("it has no certificate in PEM")
	}
	return c, nil
}

// Credential is something by which a unit's system proves itself.
type Credential struct {
	Number  int64
	Unit    people.Unit
	Kind    Kind
	Hash    Hash
	Person  string // who issued it
	Issued  time.Time
	Expires time.Time
	Revoked time.Time // zero if it was not
	Odd     error     // why its row cannot be read: somebody altered it
}

// State says how a credential stands.
type State string

// The states.
const (
	InForce State = "in_force"
	Expired State = "expired"
	Revoked State = "revoked"
	Odd     State = "odd" // its row cannot be read, and it opens nothing
)

// State is how the credential stands at a time.
func (c *Credential) State(at time.Time) State {
	switch {
	case !c.Revoked.IsZero():
		return Revoked
	case c.Odd != nil:
		return Odd
	case !at.Before(c.Expires):
		return Expired
	}
	return InForce
}

package people

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"citycard/ledger/chain"
)

// Namespace is that of our signatures: what is signed for anything else never counts here.
const Namespace = "citycard"

// Algorithm is that of the keys that are taken. A key names its algorithm, so that another can
// stand beside it.
const Algorithm = ssh.KeyAlgoED25519

// hashing is the one digest of our signatures; a signature names it, and another is refused.
const hashing = sshsig.HashSHA512

// PublicKey is the public half of a person's key. The zero value is none.
type PublicKey struct{ key ssh.PublicKey }

// ParsePublicKey reads a public key as an authorized_keys file has it: algorithm, key, and maybe a
// comment, which is dropped.
func ParsePublicKey(line string) (PublicKey, error) {
	if kind, _, _ := strings.Cut(strings.TrimSpace(line), " "); kind != "" && kind != Algorithm && knownAlgorithm(kind) {
		return PublicKey{}, wrongAlgorithm(kind)
	}
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil || len(options) > 0 || strings.TrimSpace(string(rest)) != "" {
		return PublicKey{}, deny(BadKey, "this is no public key: want one line that begins with %s", Algorithm).todo("give the .pub file that lies beside the key")
	}
	return publicKey(key)
}

// OfKey is a public key that is known as its 32 bytes.
func OfKey(key ed25519.PublicKey) (PublicKey, error) {
	public, err := ssh.NewPublicKey(key)
	return PublicKey{public}, err
}

func publicKey(key ssh.PublicKey) (PublicKey, error) {
	if key.Type() != Algorithm {
		return PublicKey{}, wrongAlgorithm(key.Type())
	}
	return PublicKey{key}, nil
}

func wrongAlgorithm(kind string) error {
	what := deny(BadKey, "a key of the algorithm %q: want %s", kind, Algorithm)
	switch {
	case strings.Contains(kind, "-cert-"):
		what = deny(BadKey, "a certificate (%s): want the key itself, %s", kind, Algorithm)
	case strings.HasPrefix(kind, "sk-"):
		what = deny(BadKey, "a key of a security key (%s): its signatures have a counter and flags, which are not checked here; want %s", kind, Algorithm)
	case strings.HasPrefix(kind, "ecdsa-"):
		what = deny(BadKey, "an ECDSA key (%s): want %s", kind, Algorithm)
	case strings.Contains(kind, "rsa"):
		what = deny(BadKey, "an RSA key (%s): want %s", kind, Algorithm)
	}
	return what.todo("make a key with: citycard person key FILE")
}

func knownAlgorithm(kind string) bool {
	for _, prefix := range []string{"ssh-", "ecdsa-", "sk-", "rsa-"} {
		if strings.HasPrefix(kind, prefix) {
			return true
		}
	}
	return false
}

// String is the key as it is stored: its algorithm, a space and the key.
func (k PublicKey) String() string {
	if k.key == nil {
		return ""
	}
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(k.key)), "\n")
}

// Fingerprint names the key as ssh-keygen does: SHA256: and its digest.
func (k PublicKey) Fingerprint() string {
	if k.key == nil {
		return ""
	}
	return ssh.FingerprintSHA256(k.key)
}

// Sign signs a statement.
func Sign(by *Identity, s Statement) (chain.Signature, error) {
	text, err := s.Text()
	if err != nil {
		return chain.Signature{}, err
	}
	signed, err := sshsig.Sign(strings.NewReader(text), by.signer, hashing, Namespace)
	if err != nil {
		return chain.Signature{}, deny(NoAgent, "the key does not sign: %w", err).todo("ask the agent for its keys with ssh-add -l, or give the key's file with --identity")
	}
	sig := chain.Signature{Key: by.public.Fingerprint(), Statement: text, Signature: base64.StdEncoding.EncodeToString(signed.Marshal())}
	if _, err := Verify(sig, by.public); err != nil { // an agent is another program
		return chain.Signature{}, err
	}
	return sig, nil
}

// Verify checks a signature under a key, and reads the statement that was signed. Of one statement
// and key there is exactly one signature that passes.
func Verify(sig chain.Signature, key PublicKey) (*Statement, error) {
	if key.key == nil || sig.Key != key.Fingerprint() {
		return nil, deny(BadSignature, "the signature is of the key %.60q, not of %s", sig.Key, key.Fingerprint())
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(sig.Signature)
	if err != nil || base64.StdEncoding.EncodeToString(blob) != sig.Signature {
		return nil, deny(BadSignature, "the signature is not in base64")
	}
	signed, err := sshsig.ParseSignature(blob)
	if err != nil {
		return nil, deny(BadSignature, "the signature cannot be read: %w", err)
	}
	// The library reads more than one writing of a signature, and any digest.
	switch {
	case signed.PublicKey.Type() != Algorithm || signed.Signature.Format != Algorithm:
		return nil, wrongAlgorithm(signed.PublicKey.Type())
	case signed.Namespace != Namespace:
		return nil, deny(BadSignature, "the signature is of the namespace %.60q, want %q", signed.Namespace, Namespace)
	case signed.HashAlgorithm != hashing:
		return nil, deny(BadSignature, "the signature is over the digest %q, want %q", signed.HashAlgorithm.String(), hashing.String())
	case len(signed.Signature.Rest) > 0 || string(signed.Marshal()) != string(blob):
		return nil, deny(BadSignature, "the signature is not as one is written")
	}
	if err := sshsig.Verify(strings.NewReader(sig.Statement), signed, key.key, hashing, Namespace); err != nil {
		return nil, deny(BadSignature, "the signature is not of this text under the key %s", sig.Key)
	}
	return ParseStatement(sig.Statement)
}

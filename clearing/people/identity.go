package people

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Identity is a key that signs: a file's, or one that an agent holds.
type Identity struct {
	signer ssh.Signer
	public PublicKey
	agent  io.Closer // nil: the key is here
	plain  *Refusal  // why a file under no passphrase is not used, unless it is a service's
}

// Public is the public half.
func (i *Identity) Public() PublicKey { return i.public }

// Fits refuses a key file under no passphrase, unless it is the key of a service.
func (i *Identity) Fits(service bool) error {
	if i.plain == nil || service {
		return nil
	}
	return i.plain
}

// Plain reports whether the key is used only if it is a service's (Fits).
func (i *Identity) Plain() bool { return i.plain != nil }

// Close lets the agent go.
func (i *Identity) Close() error {
	if i.agent == nil {
		return nil
	}
	return i.agent.Close()
}

// Opening says how an identity is opened.
type Opening struct {
	Passphrase func() ([]byte, error) // asks for it; called for a file under a passphrase alone
	Agent      string                 // the socket of an ssh-agent; empty: there is none
	Demo       bool                   // a file without a passphrase may be used, whosever it is
	Service    bool                   // one may be a service's: the caller asks Identity.Fits
}

// Open opens an identity: of a file whose name ends in .pub through the agent, else the file.
func Open(path string, how Opening) (*Identity, error) {
	if strings.HasSuffix(path, ".pub") {
		return openAgent(path, how.Agent)
	}
	text, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	return parsePrivate(path, text, how)
}

// ReadPublic reads the public half of a key file, or of its .pub file. It needs no passphrase.
func ReadPublic(path string) (PublicKey, error) {
	if strings.HasSuffix(path, ".pub") {
		return readLine(path)
	}
	text, err := readPrivate(path)
	if err != nil {
		return PublicKey{}, err
	}
	signer, err := ssh.ParsePrivateKey(text)
	if missing := (*ssh.PassphraseMissingError)(nil); errors.As(err, &missing) && missing.PublicKey != nil {
		return publicKey(missing.PublicKey)
	}
	if err != nil {
		return PublicKey{}, notPrivate(path, text)
	}
	return publicKey(signer.PublicKey())
}

// readLine reads a .pub file.
func readLine(path string) (PublicKey, error) {
	line, err := os.ReadFile(path)
	if err != nil {
		return PublicKey{}, deny(BadFile, "the key file cannot be read: %w", err).todo("name another with --identity")
	}
	return ParsePublicKey(string(line))
}

// readPrivate reads a file that only its owner can read.
func readPrivate(path string) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, deny(BadFile, "there is no key file %s", path).todo("name yours with --identity; to make one: citycard person key FILE")
	}
	if err != nil {
		return nil, deny(BadFile, "the key file cannot be read: %w", err).todo("name another with --identity")
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, deny(BadFile, "the key file cannot be read: %w", err)
	case !info.Mode().IsRegular():
		return nil, deny(BadFile, "%s is no file", path).todo("name a key file with --identity")
	case info.Mode().Perm()&0o077 != 0:
		return nil, deny(BadFile, "the key file %s can be read or written by others: its mode is %04o", path, info.Mode().Perm()).todo("chmod 600 %s", path)
	case info.Size() > maxKeyFile:
		return nil, deny(BadFile, "%s has %d bytes and is no key file", path, info.Size())
	}
	return io.ReadAll(io.LimitReader(file, maxKeyFile))
}

const maxKeyFile = 1 << 16

func parsePrivate(path string, text []byte, how Opening) (*Identity, error) {
	signer, err := ssh.ParsePrivateKey(text)
	if missing := (*ssh.PassphraseMissingError)(nil); errors.As(err, &missing) {
		if missing.PublicKey != nil && missing.PublicKey.Type() != Algorithm {
			return nil, wrongAlgorithm(missing.PublicKey.Type())
		}
		passphrase, err := how.Passphrase()
		if err != nil {
			return nil, err
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(text, passphrase)
		if len(passphrase) == 0 || errors.Is(err, x509.IncorrectPasswordError) {
			return nil, deny(BadFile, "the passphrase does not open the key file %s", path).todo("give the passphrase under which it was made")
		}
		if err != nil {
			return nil, notPrivate(path, text)
		}
		return newIdentity(signer)
	}
	if err != nil {
		return nil, notPrivate(path, text)
	}
	if _, err := publicKey(signer.PublicKey()); err != nil {
		return nil, err
	}
	if how.Demo {
		return newIdentity(signer)
	}
	plain := deny(BadFile, "the key file %s is under no passphrase, and is not the key of a service", path).
		todo("set one: ssh-keygen -p -f %s; only a service's is used as it is, or a demonstration's, with --demo", path)
	if !how.Service {
		return nil, plain
	}
	identity, err := newIdentity(signer)
	if err == nil {
		identity.plain = plain
	}
	return identity, err
}

// notPrivate says what a file is that has no key which can be used. The library's own words would
// say what stands in it.
func notPrivate(path string, text []byte) error {
	block, _ := pem.Decode(text)
	switch {
	case block == nil && (bytes.HasPrefix(text, []byte("ssh-")) || bytes.HasPrefix(text, []byte("sk-")) || bytes.HasPrefix(text, []byte("ecdsa-"))):
		return deny(BadFile, "%s has a public key", path).todo("name the file without .pub; or a file whose name ends in .pub, whose key an ssh-agent holds")
	case block != nil && bytes.Contains(block.Bytes, []byte("sk-ssh-")), block != nil && bytes.Contains(block.Bytes, []byte("sk-ecdsa-")):
		return wrongAlgorithm("sk-ssh-ed25519@openssh.com")
	}
	return deny(BadFile, "%s is no OpenSSH private key of the algorithm %s", path, Algorithm).todo("make one with: citycard person key FILE")
}

func newIdentity(signer ssh.Signer) (*Identity, error) {
	public, err := publicKey(signer.PublicKey())
	if err != nil {
		return nil, err
	}
	return &Identity{signer: signer, public: public}, nil
}

// openAgent takes the key of a .pub file from the agent at a socket.
func openAgent(path, socket string) (*Identity, error) {
	public, err := readLine(path)
	if err != nil {
		return nil, err
	}
	if socket == "" {
		return nil, deny(NoAgent, "there is no ssh-agent: SSH_AUTH_SOCK is not set").todo(`start one with: eval "$(ssh-agent)" && ssh-add %s; or name the key's own file`, strings.TrimSuffix(path, ".pub"))
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, deny(NoAgent, "the ssh-agent does not answer: %w", err).todo("start one, and add the key with ssh-add; or name the key's own file")
	}
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		return nil, errors.Join(deny(NoAgent, "the ssh-agent does not say which keys it has: %w", err), conn.Close())
	}
	for _, signer := range signers {
		if bytes.Equal(signer.PublicKey().Marshal(), public.key.Marshal()) {
			return &Identity{signer: signer, public: public, agent: conn}, nil
		}
	}
	_ = conn.Close() // nothing was asked of it
	return nil, deny(NoAgent, "the ssh-agent does not have the key %s", public.Fingerprint()).todo("ssh-add %s", strings.TrimSuffix(path, ".pub"))
}

// FromKey is the identity of a key that is in memory.
func FromKey(private ed25519.PrivateKey) (*Identity, error) {
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, err
	}
	return newIdentity(signer)
}

// MakeKey makes a key: the text of an OpenSSH private key file under a passphrase, or of a service
// under none, and the line of its .pub file.
func MakeKey(random io.Reader, comment string, passphrase []byte, service bool) (private []byte, public string, err error) {
	if len(passphrase) == 0 && !service {
		return nil, "", deny(BadFile, "a key without a passphrase").todo("give one")
	}
	half, key, err := ed25519.GenerateKey(random)
	if err != nil {
		return nil, "", err
	}
	var block *pem.Block
	if service {
		block, err = ssh.MarshalPrivateKey(key, comment)
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, comment, passphrase)
	}
	if err != nil {
		return nil, "", err
	}
	line, err := ssh.NewPublicKey(half)
	if err != nil {
		return nil, "", err
	}
	return pem.EncodeToMemory(block), strings.TrimSpace(PublicKey{line}.String()+" "+comment) + "\n", nil
}

package server

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/durable"
	"citycard/language"
)

// The blocks of the file: the key, and before it each statement by which one key followed on
// another.
const (
	publishKeyType = "CITYCARD PUBLISHING KEY"
	successorType  = "CITYCARD PUBLISHING KEY SUCCESSOR"
	keyHeader      = "Key" // of a successor's record
)

// PublishKeyPath is where a data directory has the key that signs what terminals follow.
func PublishKeyPath(dir string) string { return filepath.Join(dir, "publish.key") }

// MakePublishKey makes the publishing key of a data directory, which must have none. With dry it
// only checks whether it could.
func MakePublishKey(dir string, dry bool) (ed25519.PublicKey, error) {
	public, err := makeKeyFile(PublishKeyPath(dir), dry, func(w io.Writer, private ed25519.PrivateKey) error {
		return writeSigner(w, &message.Signer{Key: private})
	})
	if errors.Is(err, fs.ErrExist) {
		return nil, service.Fail("%s exists", PublishKeyPath(dir)).Todo("citycard publish-key next makes its successor, which terminals take by themselves")
	}
	return public, err
}

// NextPublishKey makes the successor of a data directory's publishing key, signed by that key.
func NextPublishKey(dir string, dry bool) (ed25519.PublicKey, error) {
	signer, err := ReadPublishKey(dir)
	if err != nil {
		return nil, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, language.Textf("make a publishing key: %w", err)
	}
	next, err := signer.Succeed(private)
	if err != nil || dry {
		return public, err
	}
	if err := durable.Write(PublishKeyPath(dir), func(w io.Writer) error { return writeSigner(w, next) }); err != nil {
		return nil, service.Fail("cannot write %s", PublishKeyPath(dir)).Todo("check the directory").Because(err)
	}
	return public, nil
}

func writeSigner(w io.Writer, s *message.Signer) error {
	for _, statement := range s.Successors {
		block := &pem.Block{Type: successorType, Headers: map[string]string{keyHeader: string(statement.Key)}, Bytes: statement.Value}
		if err := pem.Encode(w, block); err != nil {
			return err
		}
	}
	return pem.Encode(w, &pem.Block{Type: publishKeyType, Bytes: s.Key.Seed()})
}

// ReadPublishKey reads the key that signs what terminals follow.
func ReadPublishKey(dir string) (*message.Signer, error) {
	path := PublishKeyPath(dir)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, service.Fail("there is no publishing key %s", path).Todo("copy the city's publish.key here; only where the city has none yet, make it: citycard publish-key make").Because(err)
	}
	if err != nil {
		return nil, service.Fail("cannot read the publishing key").Todo("check %s", path).Because(err)
	}
	signer := &message.Signer{}
	for {
		block, rest := pem.Decode(data)
		switch {
		case block == nil && signer.Key != nil:
			return signer, nil
		case block != nil && block.Type == successorType && signer.Key == nil:
			signer.Successors = append(signer.Successors, message.Statement{Key: []byte(block.Headers[keyHeader]), Value: block.Bytes})
		case block != nil && block.Type == publishKeyType && signer.Key == nil && len(block.Bytes) == ed25519.SeedSize:
			signer.Key = ed25519.NewKeyFromSeed(block.Bytes)
		default:
			return nil, service.Fail("%s is not a publishing key", path).Todo("put the city's own back from its backup")
		}
		data = rest
	}
}

// openPublishKey reads the publishing key. Without one, what terminals follow is not signed, and
// terminals that know the city's key do not take it.
func (b *Base) openPublishKey(dir string, ops *service.Ops, log *slog.Logger) error {
	signer, err := ReadPublishKey(dir)
	if errors.Is(err, fs.ErrNotExist) {
		log.Warn(unsignedNotice, "error", err)
		ops.Notice(func() string { return unsignedNotice })
		return nil
	}
	b.signer = signer
	return err
}

// unsignedNotice is the notice of a process without a publishing key.
const unsignedNotice = "fares and hotlist are published without a signature: terminals that were given the city's publishing key do not take them"

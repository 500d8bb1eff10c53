package hsm

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"errors"
	"fmt"
	"math/big"

	"github.com/miekg/pkcs11"

	"citycard/cardos/keys"
)

// wrappingBits is the size of the RSA keys under which keys cross the PKCS#11 interface. They live
// as long as the process, or one import.
const wrappingBits = 2048

// oaep is RSA-OAEP with SHA-1, the one digest that SoftHSM2 does it with; OAEP does not rest on the
// digest's resistance to collisions.
func oaep() []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP,
		pkcs11.NewOAEPParams(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, pkcs11.CKZ_DATA_SPECIFIED, nil))}
}

// leave takes a key out of the token, wrapped for this process.
func (w *work) leave(process *rsa.PrivateKey, key pkcs11.ObjectHandle) (keys.Key, error) {
	if w.outside == 0 {
		if err := w.put(&process.PublicKey); err != nil {
			return keys.Key{}, err
		}
	}
	wrapped, err := w.calls.WrapKey(w.session, oaep(), w.outside, key)
	if err != nil {
		return keys.Key{}, err
	}
	clear, err := rsa.DecryptOAEP(sha1.New(), nil, process, wrapped, nil)
	if err != nil || len(clear) != len(keys.Key{}) {
		return keys.Key{}, fmt.Errorf("%w: it wrapped a key of %d bytes: %w", ErrUnable, len(clear), orWrapping(err))
	}
	return keys.Key(clear), nil
}

// put puts the key into the session under which keys leave.
func (w *work) put(key *rsa.PublicKey) error {
	public, err := w.calls.CreateObject(w.session, template{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false),
		pkcs11.NewAttribute(pkcs11.CKA_WRAP, true),
		pkcs11.NewAttribute(pkcs11.CKA_MODULUS, key.N.Bytes()),
		pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, big.NewInt(int64(key.E)).Bytes()),
	})
	if err != nil {
		return err
	}
	w.outside, w.made = public, append(w.made, public)
	return nil
}

// orWrapping is the error of a wrapped key of the wrong length.
func orWrapping(err error) error {
	if err != nil {
		return err
	}
	return errors.New("another length than asked for")
}

// pair is a key pair of the token, under whose public part keys come in.
type pair struct {
	public  *rsa.PublicKey
	private pkcs11.ObjectHandle
}

func (w *work) pair() (pair, error) {
	public, private, err := w.calls.GenerateKeyPair(
		w.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil)},
		template{
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false),
			pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, wrappingBits),
			pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
		},
		template{
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
			pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, true),
		},
	)
	if err != nil {
		return pair{}, err
	}
	w.made = append(w.made, public, private)
	values, err := w.calls.GetAttributeValue(w.session, public, template{pkcs11.NewAttribute(pkcs11.CKA_MODULUS, nil)})
	if err != nil {
		return pair{}, err
	}
	return pair{&rsa.PublicKey{N: new(big.Int).SetBytes(values[0].Value), E: 1<<16 + 1}, private}, nil
}

// unwrap brings a key into the token.
func (w *work) unwrap(in pair, key keys.Key, as template) (pkcs11.ObjectHandle, error) {
	wrapped, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, in.public, key[:], nil)
	if err != nil {
		return 0, err
	}
	return w.calls.UnwrapKey(w.session, oaep(), in.private, wrapped, as)
}

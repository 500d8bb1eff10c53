package hsm

import (
	"crypto/subtle"
	"runtime"
	"unsafe"

	"github.com/miekg/pkcs11"

	"citycard/cardos/keys"
)

// work is one operation in a session of the token. Keys that it derives end with it.
type work struct {
	login   *login
	calls   *pkcs11.Ctx
	session pkcs11.SessionHandle
	made    []pkcs11.ObjectHandle
	outside pkcs11.ObjectHandle // the public key under which keys leave, once it is there
}

// end destroys what was made. After an operation that failed the token may have gone, so that
// nothing more can be said about its objects.
func (w *work) end(failed bool) error {
	var first error
	for _, object := range w.made {
		if err := w.calls.DestroyObject(w.session, object); err != nil && first == nil && !failed {
			first = err
		}
	}
	w.made = nil
	return first
}

// template is the set of attributes of a derived key.
type template []*pkcs11.Attribute

func secret(kind uint, more ...*pkcs11.Attribute) template {
	return append(template{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, kind),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
	}, more...)
}

// level is the template of a key that others are derived from.
func level() template {
	return secret(pkcs11.CKK_DES2, pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false), pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true))
}

// cipher is the template of a key that encrypts and decrypts.
func cipher() template {
	return secret(pkcs11.CKK_DES2, pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true), pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, true))
}

// leaving is the template of a key of a card that leaves the token, byte for byte.
func leaving() template {
	return secret(pkcs11.CKK_GENERIC_SECRET, pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, len(keys.Key{})),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true))
}

// stringData is a CK_KEY_DERIVATION_STRING_DATA, where a CK_ULONG is as wide as a pointer.
type stringData struct {
	data   unsafe.Pointer
	length uintptr
}

// derive makes a key of the 3DES-ECB encryption of 16 bytes under a key.
func (w *work) derive(from pkcs11.ObjectHandle, data [16]byte, as template) (pkcs11.ObjectHandle, error) {
	bytes := data[:]
	var pinned runtime.Pinner // the binding copies the structure to C with this address in it
	pinned.Pin(&bytes[0])
	defer pinned.Unpin()
	parameter := stringData{unsafe.Pointer(&bytes[0]), uintptr(len(bytes))}
	mechanism := pkcs11.NewMechanism(pkcs11.CKM_DES3_ECB_ENCRYPT_DATA,
		unsafe.Slice((*byte)(unsafe.Pointer(&parameter)), unsafe.Sizeof(parameter)))
	key, err := w.calls.DeriveKey(w.session, []*pkcs11.Mechanism{mechanism}, from, as)
	if err == nil {
		w.made = append(w.made, key)
	}
	return key, err
}

// diversify derives a card's key as keys.Diversify does; the last one gets the template. Without
// factors there is nothing to derive.
func (w *work) diversify(master pkcs11.ObjectHandle, factors []keys.Factor, as template) (pkcs11.ObjectHandle, error) {
	key := master
	for i, f := range factors {
		t := as
		if i < len(factors)-1 {
			t = level()
		}
		var err error
		if key, err = w.derive(key, bothHalves(f), t); err != nil {
			return 0, err
		}
	}
	return key, nil
}

// bothHalves is what the two halves of a card's key are made from.
func bothHalves(f keys.Factor) (data [16]byte) {
	copy(data[:], f[:])
	for i, v := range f {
		data[8+i] = ^v
	}
	return data
}

// twice is what a key of two equal halves is made from.
func twice(x [8]byte) (data [16]byte) {
	copy(data[:], x[:])
	copy(data[8:], x[:])
	return data
}

// chain is the last block of the CBC encryption of whole blocks.
func (w *work) chain(key pkcs11.ObjectHandle, iv [8]byte, blocks []byte) ([8]byte, error) {
	mechanism := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_DES3_CBC, iv[:])}
	if err := w.calls.EncryptInit(w.session, mechanism, key); err != nil {
		return iv, err
	}
	sealed, err := w.calls.Encrypt(w.session, blocks)
	if err != nil || len(sealed) != len(blocks) {
		return iv, orLength(err)
	}
	return [8]byte(sealed[len(sealed)-8:]), nil
}

// ecb enciphers whole blocks.
func (w *work) ecb(key pkcs11.ObjectHandle, blocks []byte) ([]byte, error) {
	mechanism := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_DES3_ECB, nil)}
	if err := w.calls.EncryptInit(w.session, mechanism, key); err != nil {
		return nil, err
	}
	sealed, err := w.calls.Encrypt(w.session, blocks)
	if err != nil || len(sealed) != len(blocks) {
		return nil, orLength(err)
	}
	return sealed, nil
}

// orLength is the error of a token that answered with another length.
func orLength(err error) error {
	if err != nil {
		return err
	}
	return pkcs11.Error(pkcs11.CKR_DATA_LEN_RANGE)
}

// padded is a message with the padding 80 00.., which is always added.
func padded(message []byte) []byte {
	b := append(append(make([]byte, 0, len(message)+8), message...), 0x80)
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return b
}

// mac is the CBC-MAC under a session key.
func (w *work) mac(session pkcs11.ObjectHandle, message []byte) (keys.MAC, error) {
	x, err := w.chain(session, [8]byte{}, padded(message))
	return keys.MAC(x[:4]), err
}

// seal is the retail MAC of keys.Key.Seal under a card's key and its left half.
func (w *work) seal(whole, left pkcs11.ObjectHandle, challenge, message []byte) (keys.MAC, error) {
	var x [8]byte
	copy(x[:], challenge)
	blocks := padded(message)
	first, last := blocks[:len(blocks)-8], blocks[len(blocks)-8:]
	if len(first) > 0 {
		var err error
		if x, err = w.chain(left, x, first); err != nil {
			return keys.MAC{}, err
		}
	}
	subtle.XORBytes(x[:], x[:], last)
	sealed, err := w.ecb(whole, x[:])
	if err != nil {
		return keys.MAC{}, err
	}
	return keys.MAC(sealed[:4]), nil
}

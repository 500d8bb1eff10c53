package hsm

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/pkcs11"

	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/personalisation"
)

// transportLabel begins the labels of transport keys; the name of the batch follows.
const transportLabel = application + " transport key, batch "

// transport are the attributes of the transport key of a batch: it enciphers, and nothing else.
// What it has enciphered no one but the blanks can read.
func transport(batch string) template {
	return template{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_DES2),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true),
		pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, false),
		pkcs11.NewAttribute(pkcs11.CKA_DERIVE, false),
		pkcs11.NewAttribute(pkcs11.CKA_WRAP, false),
		pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, false),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, transportLabel+batch),
		pkcs11.NewAttribute(pkcs11.CKA_MODIFIABLE, false), // last: SoftHSM2 takes nothing after it
	}
}

// findTransport finds the transport key of a batch.
func (w *work) findTransport(batch string) ([]pkcs11.ObjectHandle, error) {
	return w.find(template{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, transportLabel+batch),
	})
}

// seals gives what enciphers for the blanks of a batch. It fails with keyservice.ErrBatch.
func (w *work) seals(batch string) (func(blocks []byte) ([]byte, error), error) {
	if batch == personalisation.Samples {
		key := personalisation.SampleKey()
		return func(blocks []byte) ([]byte, error) { return key.Encrypt(blocks), nil }, nil
	}
	found, err := w.findTransport(batch)
	if err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%w: %q", keyservice.ErrBatch, batch)
	case 1:
		return func(blocks []byte) ([]byte, error) { return w.ecb(found[0], blocks) }, nil
	}
	return nil, fmt.Errorf("%w: %d transport keys of batch %q", ErrBroken, len(found), batch)
}

// AddTransport brings the transport key of a batch of blanks into the token; it travels under a key
// pair that the token makes. Errors: keys.ErrBatchName, keys.ErrBatchKey, keys.ErrBatchKnown,
// ErrUnable, ErrBroken.
func (t *Token) AddTransport(ctx context.Context, batch string, key keys.Key) error {
	if _, err := new(keys.Store).WithTransport(batch, key); err != nil {
		return err
	}
	return t.once(ctx, "add a transport key", func(w *work) error {
		in, err := w.pair()
		if err != nil {
			return err
		}
		return w.addTransport(in, batch, key)
	})
}

func (w *work) addTransport(in pair, batch string, key keys.Key) error {
	found, err := w.findTransport(batch)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return keys.ErrBatchKnown
	}
	object, err := w.unwrap(in, key, transport(batch))
	if err != nil {
		return err
	}
	check, err := w.transportCheck(object)
	if err == nil && check != keys.TransportCheck(key) {
		err = fmt.Errorf("%w: the transport key of batch %q came into the token as another", ErrBroken, batch)
	}
	return err
}

// transportCheck is the check value of a transport key, as its maker states it.
func (w *work) transportCheck(key pkcs11.ObjectHandle) (string, error) {
	sealed, err := w.ecb(key, make([]byte, 8))
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sealed[:keys.CheckValueSize]), nil
}

// Batch is the transport key of a batch of blanks as a person may see it.
type Batch struct{ Name, Check string }

// Batches lists the batches whose transport keys the token holds.
func (t *Token) Batches(ctx context.Context) ([]Batch, error) {
	var all []Batch
	err := t.do(ctx, "read the transport keys", func(w *work) error {
		all = nil
		found, err := w.find(template{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
			pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true),
		})
		if err != nil {
			return err
		}
		for _, object := range found {
			values, err := w.calls.GetAttributeValue(w.session, object, template{pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil)})
			if err != nil {
				return err
			}
			name, ours := strings.CutPrefix(string(values[0].Value), transportLabel)
			if !ours {
				continue
			}
			check, err := w.transportCheck(object)
			if err != nil {
				return err
			}
			all = append(all, Batch{name, check})
		}
		slices.SortFunc(all, func(a, b Batch) int { return strings.Compare(a.Name, b.Name) })
		return nil
	})
	return all, err
}

package hsm

import (
	"context"
	"errors"
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

// transportID is CKA_ID of all transport keys.
const transportID = "transport"

// transport are the attributes of the transport key of a batch: as from a master, keys are derived
// from it, and it does nothing else.
func transport(batch string) template {
	return template{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_DES2),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, false),
		pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, false),
		pkcs11.NewAttribute(pkcs11.CKA_WRAP, false),
		pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, false),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, transportLabel+batch),
		pkcs11.NewAttribute(pkcs11.CKA_ID, transportID),
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

// sealer answers a blank, and seals keys for it.
type sealer struct {
	answer [8]byte
	seal   func(key []byte) ([]byte, error)
}

// sealer makes what a blank of a batch needs. It fails with keyservice.ErrBatch.
func (w *work) sealer(batch string, challenge [8]byte) (s sealer, err error) {
	if batch == personalisation.Samples {
		transport := personalisation.SampleKey()
		s.answer = [8]byte(personalisation.AnswerKey(transport).Encrypt(challenge[:]))
		s.seal = func(key []byte) ([]byte, error) {
			return personalisation.SealKey(transport, challenge).Encrypt(key), nil
		}
		return s, nil
	}
	found, err := w.findTransport(batch)
	switch {
	case err != nil:
		return s, err
	case len(found) == 0:
		return s, fmt.Errorf("%w: %q", keyservice.ErrBatch, batch)
	case len(found) > 1:
		return s, fmt.Errorf("%w: %d transport keys of batch %q", ErrBroken, len(found), batch)
	}
	answers, err := w.diversify(found[0], personalisation.AnswerFactors(), cipher())
	if err != nil {
		return s, err
	}
	answer, err := w.ecb(answers, challenge[:])
	if err != nil {
		return s, err
	}
	seals, err := w.diversify(found[0], personalisation.SealFactors(challenge), cipher())
	s.answer = [8]byte(answer)
	s.seal = func(key []byte) ([]byte, error) { return w.ecb(seals, key) }
	return s, err
}

// AddTransport brings the transport key of a batch of blanks into the token; it travels under a key
// pair that the token makes. One that is there already stays as it is. Errors: keys.ErrBatchName,
// keys.ErrBatchKey, keys.ErrBatchKnown, ErrUnable, ErrBroken.
func (t *Token) AddTransport(ctx context.Context, batch string, key keys.Key) error {
	if err := keys.CheckTransport(batch, key); err != nil {
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
		check, err := w.check(keys.RoleCardMaster, found[0]) // as of a master
		if err == nil && (len(found) > 1 || check != keys.CheckValue(key)) {
			err = fmt.Errorf("%w: %q", keys.ErrBatchKnown, batch)
		}
		return err
	}
	object, err := w.unwrap(in, key, transport(batch))
	if err != nil {
		return err
	}
	check, err := w.check(keys.RoleCardMaster, object)
	if err == nil && check != keys.CheckValue(key) {
		err = fmt.Errorf("%w: the transport key of batch %q came into the token as another", ErrBroken, batch)
	}
	if err != nil { // it is not to stay in the batch's place
		err = errors.Join(err, w.calls.DestroyObject(w.session, object))
	}
	return err
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
			pkcs11.NewAttribute(pkcs11.CKA_ID, transportID),
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
			check, err := w.check(keys.RoleCardMaster, object)
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

package hsm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"citycard/cardos/keys"
)

// Make makes the first masters in the token. Errors: ErrMasters, ErrUnable.
func (t *Token) Make(ctx context.Context) (version byte, err error) {
	err = t.once(ctx, "make masters", func(w *work) error {
		records, err := w.records()
		if err != nil {
			return err
		}
		if len(records) > 0 {
			return ErrMasters
		}
		version = 1
		return w.make(version, false, keys.Roles())
	})
	return version, err
}

// Rotate makes another generation of masters in the token, as keys.Store.Rotate does. Errors:
// ErrNoMasters, ErrUnable.
func (t *Token) Rotate(ctx context.Context) (version byte, err error) {
	err = t.once(ctx, "rotate masters", func(w *work) error {
		generations, err := w.generations()
		switch {
		case err != nil:
			return err
		case len(generations) == 0:
			return ErrNoMasters
		case len(generations) == maxGenerations || generations[0].version == 255:
			return fmt.Errorf("%w: no room for another generation", ErrUnable)
		}
		version = generations[0].version + 1
		var rotating []keys.Role
		for _, r := range keys.Roles() {
			if r.Rotates() {
				rotating = append(rotating, r)
			}
		}
		return w.make(version, generations[0].test, rotating)
	})
	return version, err
}

// make makes the masters of a generation, and then its record.
func (w *work) make(version byte, test bool, roles []keys.Role) error {
	return w.fill(version, test, roles, func(r keys.Role) (pkcs11.ObjectHandle, error) {
		mechanism, attributes := pkcs11.NewMechanism(pkcs11.CKM_DES2_KEY_GEN, nil), kept(version, r)
		if !derives(r) {
			mechanism = pkcs11.NewMechanism(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, nil)
			attributes = append(attributes, pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, len(keys.Key{})))
		}
		return w.calls.GenerateKey(w.session, []*pkcs11.Mechanism{mechanism}, attributes)
	})
}

// Import brings the masters of a software store into a token that has none, for a migration: all
// generations with their versions, the mark of test masters, and the transport keys of batches.
// They travel under a key pair that the token makes. Afterwards the token's check values are those
// of the store. Errors: ErrMasters, keys.ErrBatchKnown, ErrUnable, ErrBroken.
func (t *Token) Import(ctx context.Context, store *keys.Store) error {
	return t.once(ctx, "import masters", func(w *work) error {
		records, err := w.records()
		if err != nil {
			return err
		}
		if len(records) > 0 {
			return ErrMasters
		}
		in, err := w.pair()
		if err != nil {
			return err
		}
		for _, batch := range store.Batches() {
			key, _ := store.Transport(batch)
			if err := w.addTransport(in, batch, key); err != nil {
				return err
			}
		}
		return store.Masters(func(version byte, masters map[keys.Role]keys.Key) error {
			var missing []keys.Role // those that do not rotate are there after the first generation
			for _, r := range keys.Roles() {
				if found, err := w.find1(version, r); err != nil {
					return err
				} else if r.Rotates() || len(found) == 0 || len(records) == 0 {
					missing = append(missing, r)
				}
			}
			err := w.fill(version, store.Test(), missing, func(r keys.Role) (pkcs11.ObjectHandle, error) {
				return w.unwrap(in, masters[r], kept(version, r))
			})
			if err != nil {
				return err
			}
			if records, err = w.records(); err != nil {
				return err
			}
			for r, check := range records[0].Checks {
				if derives(r) && check != keys.CheckValue(masters[r]) {
					return fmt.Errorf("%w: master %q of version %d came into the token as another", ErrBroken, r, version)
				}
			}
			return nil
		})
	})
}

// fill gives the token the masters of a generation and then writes its record, so that a generation
// is there whole or does not count. What an interrupted attempt left is destroyed first.
func (w *work) fill(version byte, test bool, roles []keys.Role, give func(keys.Role) (pkcs11.ObjectHandle, error)) error {
	for _, r := range roles {
		left, err := w.find1(version, r)
		if err != nil {
			return err
		}
		for _, object := range left {
			if err := w.calls.DestroyObject(w.session, object); err != nil {
				return err
			}
		}
		if _, err := give(r); err != nil {
			return fmt.Errorf("master %q: %w", r, err)
		}
	}
	rec := record{Version: version, Test: test, Checks: map[keys.Role]string{}}
	for _, r := range keys.Roles() {
		found, err := w.find1(version, r)
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return fmt.Errorf("%w: %d masters %q of version %d; is somebody else making masters?", ErrBroken, len(found), r, version)
		}
		if rec.Checks[r], err = w.check(r, found[0]); err != nil {
			return fmt.Errorf("try master %q: %w", r, err)
		}
	}
	value, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	written, err := w.calls.CreateObject(w.session, template{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_DATA),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_MODIFIABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_APPLICATION, application),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, fmt.Sprintf("%s generation %d", application, version)),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, value),
	})
	if err != nil {
		return err
	}
	if _, err := w.records(); err != nil { // somebody else made the same version at the same time
		return errors.Join(err, w.calls.DestroyObject(w.session, written))
	}
	return nil
}

package ledger

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"math"

	"citycard/language"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// SealKey is the public half of a key that seals days: those whose seal covers the audit from Entry
// on, up to the entry of the next key.
type SealKey struct {
	Key   ed25519.PublicKey
	Entry chain.AuditEntry // which pinned it
}

// SignerError says that a day cannot be sealed with a key, since another one is pinned, or none.
type SignerError struct {
	Day    Day
	Signer ed25519.PublicKey
	Pinned ed25519.PublicKey // nil: none
}

func (e *SignerError) Error() string { return e.In(language.Language{}) }

// In says it in a language.
func (e *SignerError) In(l language.Language) string {
	if e.Pinned == nil {
		return language.Textf("no seal key is pinned in the books").In(l)
	}
	return language.Textf("the key is %s, and %s is pinned in the books", hex.EncodeToString(e.Signer), hex.EncodeToString(e.Pinned)).In(l)
}

// PinSealKey makes a key the only one that seals days from now on. What the key before it has
// sealed stays sealed by that one. The key that is pinned already is left as it is, and changed is
// false.
func (l *Ledger) PinSealKey(ctx context.Context, key ed25519.PublicKey, by Approval) (changed bool, err error) {
	if err := by.Validate(); err != nil {
		return false, fmt.Errorf("pin a seal key: %w", err)
	}
	if len(key) != ed25519.PublicKeySize {
		return false, &BatchError{What: language.Textf("a public key of %d bytes, expected %d", len(key), ed25519.PublicKeySize)}
	}
	pin := func(tx pgx.Tx) error {
		was, err := sealKeyAt(ctx, tx, math.MaxInt64)
		if err != nil {
			return err
		}
		if changed = !key.Equal(was.Key); !changed {
			return nil // perhaps by an attempt whose answer was lost
		}
		own := by
		own.Check = pinsAfter(was.Key, by.check)
		return appendOwn(ctx, tx, chain.ActPinSealKey, chain.SealKeyPinned{Key: hex.EncodeToString(key), Before: hex.EncodeToString(was.Key)}, &own)
	}
	for {
		if err = l.Change(ctx, "pin a seal key", pin); !errors.Is(err, errRepinned) {
			return changed && err == nil, err
		}
	}
}

// errRepinned means that another key was pinned since the transaction has looked.
var errRepinned = errors.New("another seal key was pinned just now")

// pinsAfter locks the audit's end after an act's own check, as every other act does: who locked it
// first would wait for rows of the check that others have locked, who wait for the audit's end. It
// makes sure that the key that was pinned is still the one.
func pinsAfter(was ed25519.PublicKey, check func(context.Context, pgx.Tx) error) func(context.Context, pgx.Tx) error {
	return func(ctx context.Context, tx pgx.Tx) error {
		if err := check(ctx, tx); err != nil {
			return err
		}
		var last int64
		if err := tx.QueryRow(ctx, "SELECT number FROM audit_end WHERE one = 1 FOR UPDATE").Scan(&last); err != nil {
			return err
		}
		now, err := sealKeyAt(ctx, tx, last)
		if err == nil && !bytes.Equal(now.Key, was) {
			err = errRepinned
		}
		return err
	}
}

// SealKey returns the key that seals days now; ok is false if none is pinned yet.
func (l *Ledger) SealKey(ctx context.Context) (key SealKey, ok bool, err error) {
	keys, err := l.SealKeys(ctx)
	if err != nil || len(keys) == 0 {
		return key, false, err
	}
	return keys[len(keys)-1], true, nil
}

// SealKeyIn is SealKey as a transaction sees it; the key is nil if none is pinned yet.
func SealKeyIn(ctx context.Context, tx pgx.Tx) (ed25519.PublicKey, error) {
	key, err := sealKeyAt(ctx, tx, math.MaxInt64)
	return key.Key, err
}

// SealKeys lists all keys that were pinned, oldest first.
func (l *Ledger) SealKeys(ctx context.Context) ([]SealKey, error) {
	entries, err := l.Audit(ctx, chain.ActPinSealKey)
	if err != nil {
		return nil, err
	}
	keys := make([]SealKey, len(entries))
	for i, entry := range entries {
		if keys[i].Key, _, err = entry.SealKeyPinned(); err != nil {
			return nil, err
		}
		keys[i].Entry = entry
	}
	return keys, nil
}

// sealKeyAt returns the key that was pinned when the audit had come to an entry; without one the
// zero value.
func sealKeyAt(ctx context.Context, tx pgx.Tx, entry int64) (key SealKey, err error) {
	key.Entry, err = scanAudit(tx.QueryRow(ctx, selectAudit+"WHERE act = $1 AND number <= $2 ORDER BY number DESC LIMIT 1", chain.ActPinSealKey, entry))
	if errors.Is(err, pgx.ErrNoRows) {
		return SealKey{}, nil
	}
	if err == nil {
		key.Key, _, err = key.Entry.SealKeyPinned()
	}
	return key, err
}

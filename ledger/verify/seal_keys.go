package verify

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"citycard/ledger/chain"
)

// SealKey is a key that two people have pinned in the books: it seals days from then on.
type SealKey struct {
	Key        string    `json:"key"`   // the public key, in hex
	Audit      int64     `json:"audit"` // the entry that pinned it
	At         time.Time `json:"at"`
	First      string    `json:"first"`
	Second     string    `json:"second"`
	Reason     string    `json:"reason"`
	SealedDays int       `json:"sealed_days"` // by it
	public     ed25519.PublicKey
}

// pinSealKey follows one entry of the audit that pins a key.
func (b *books) pinSealKey(e *chain.AuditEntry) {
	key, before, err := e.SealKeyPinned()
	if err != nil {
		b.fault(SealKeyHistory, "the audit", "%v", err)
		return
	}
	if was := b.lastSealKey(); !before.Equal(was.public) {
		b.fault(SealKeyHistory, fmt.Sprintf("audit entry %d", e.Number), "it replaces the seal key %x; %q was pinned before it", []byte(before), was.Key)
	}
	b.summary.SealKeys = append(b.summary.SealKeys, SealKey{
		Key: hex.EncodeToString(key), Audit: e.Number, At: e.At, First: e.First, Second: e.Second, Reason: e.Reason, public: key,
	})
}

// lastSealKey is the key that is pinned now.
func (b *books) lastSealKey() SealKey {
	if keys := b.summary.SealKeys; len(keys) > 0 {
		return keys[len(keys)-1]
	}
	return SealKey{}
}

// sealKeyAt is the key that was pinned when the audit had come to an entry; nil: none.
func (b *books) sealKeyAt(entry int64) (key *SealKey) {
	for i := range b.summary.SealKeys {
		if b.summary.SealKeys[i].Audit <= entry {
			key = &b.summary.SealKeys[i]
		}
	}
	return key
}

// signedBy compares the key of a seal with the one that was pinned, by the part of the audit that
// the seal covers.
func (b *books) signedBy(seal *chain.Seal, where string, audit int64) {
	switch pinned := b.sealKeyAt(audit); {
	case pinned == nil:
		b.fault(SealSignature, where, "it was signed by %x, and no key was pinned", []byte(seal.Signer))
	case !pinned.public.Equal(seal.Signer):
		b.fault(SealSignature, where, "it was signed by %x, expected %s, which audit entry %d pinned", []byte(seal.Signer), pinned.Key, pinned.Audit)
	default:
		pinned.SealedDays++
	}
	if b.signer != nil {
		return
	}
	if !b.unknown.signer.Equal(seal.Signer) {
		b.endUnknown()
		b.unknown = sealRun{signer: slices.Clone(seal.Signer), first: where}
	}
	b.unknown.last = where
	b.unknown.days++
}

// sealRun are sealed days one after another, of one key.
type sealRun struct {
	signer      ed25519.PublicKey
	first, last string
	days        int
}

// endUnknown reports a run of days whose seals no signer was given for.
func (b *books) endUnknown() {
	switch run := &b.unknown; run.days {
	case 0:
	case 1:
		b.fault(SealUnknown, run.first, "it is signed by %x, and no signer was given to believe", []byte(run.signer))
	default:
		b.fault(SealUnknown, run.first+" to "+run.last, "%d days are signed by %x, and no signer was given to believe", run.days, []byte(run.signer))
	}
}

// endSealKeys compares the trusted signer with the keys that the books have. It must be the one
// that is pinned now. A key before it is believed because a seal of the trusted signer covers the
// audit, which has both: until there is one, nothing says so but the books themselves.
func (b *books) endSealKeys() {
	b.endUnknown()
	last := b.lastSealKey()
	switch {
	case b.signer == nil || last.public == nil:
		return
	case !last.public.Equal(b.signer):
		b.fault(SealKeyHistory, fmt.Sprintf("audit entry %d", last.Audit), "it pins the seal key %s, by %q and %q; the trusted signer is %x", last.Key, last.First, last.Second, []byte(b.signer))
		return
	case last.SealedDays > 0:
		return
	}
	for _, key := range b.summary.SealKeys {
		if key.SealedDays > 0 && !key.public.Equal(b.signer) {
			b.fault(SealUnknown, fmt.Sprintf("audit entry %d", key.Audit), "%d days are sealed by %s, which the trusted signer replaced; no day that the trusted signer sealed covers this",
				key.SealedDays, key.Key)
		}
	}
}

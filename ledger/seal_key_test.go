package ledger_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/ledgertest"
	"citycard/ledger/verify"
)

// keyring are seal keys of a test, and the days that it closes.
type keyring struct {
	*books
	day ledger.Day
}

func sealKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), n))
}

func public(key ed25519.PrivateKey) ed25519.PublicKey {
	return ed25519.PublicKey(key[ed25519.SeedSize:])
}

func (k *keyring) pin(n byte) bool {
	k.t.Helper()
	changed, err := k.PinSealKey(context.Background(), public(sealKey(n)), ledger.Approval{First: "kim", Second: "lee", Reason: "a key", At: noon})
	k.must(err)
	return changed
}

// close closes the next day.
func (k *keyring) close() (closed ledger.Day) {
	k.t.Helper()
	closed = k.day
	k.day = k.day.Next()
	k.must(k.CloseDay(context.Background(), closed, k.day))
	k.must(k.EndDay(context.Background(), closed))
	return closed
}

func (k *keyring) seal(day ledger.Day, n byte) {
	k.t.Helper()
	_, err := k.SealDay(context.Background(), day, sealKey(n))
	k.must(err)
}

// wantRefused wants a day not to be sealed by a key, since another is pinned, 0 for none.
func (k *keyring) wantRefused(day ledger.Day, n, pinned byte) {
	k.t.Helper()
	_, err := k.SealDay(context.Background(), day, sealKey(n))
	var want ed25519.PublicKey
	if pinned != 0 {
		want = public(sealKey(pinned))
	}
	if refused, ok := errors.AsType[*ledger.SignerError](err); !ok || refused.Day != day || !refused.Signer.Equal(public(sealKey(n))) || !refused.Pinned.Equal(want) {
		k.t.Errorf("day %v with key %d: %v, expected a SignerError that names key %d", day, n, err, pinned)
	}
	if _, err := k.SealOf(context.Background(), day); !errors.Is(err, ledger.ErrDay) {
		k.t.Errorf("day %v is sealed, or %v", day, err)
	}
}

// wantFaults wants these faults alone for those who trust a key, 0 for nobody's.
func (k *keyring) wantFaults(trusted byte, want ...string) {
	k.t.Helper()
	var signer ed25519.PublicKey
	if trusted != 0 {
		signer = public(sealKey(trusted))
	}
	var faults []string
	_, err := verify.Books(context.Background(), k.Ledger, signer, func(f verify.Fault) { faults = append(faults, f.String()) })
	k.must(err)
	if len(faults) != len(want) {
		k.t.Errorf("trusting key %d: faults %q, expected %q", trusted, faults, want)
		return
	}
	for i := range want {
		if !strings.Contains(faults[i], want[i]) {
			k.t.Errorf("trusting key %d: fault %q, expected %q", trusted, faults[i], want[i])
		}
	}
}

// TestPinnedKeySeals seals with the pinned key alone. A replaced key is still right for the days
// that it sealed, and for no other.
func TestPinnedKeySeals(t *testing.T) {
	k := &keyring{books: newBooks(t), day: today}
	one := k.close()
	k.wantRefused(one, 1, 0)
	if !k.pin(1) || k.pin(1) {
		t.Error("the first key was not pinned, or pinned twice")
	}
	k.wantRefused(one, 2, 1)
	k.seal(one, 1)
	two := k.close()
	if !k.pin(2) {
		t.Error("the second key was not pinned")
	}
	k.wantRefused(two, 1, 2)
	// Nothing but the books says that the second key followed the first, until a seal by it does.
	k.wantFaults(2, "1 days are sealed by")
	k.seal(two, 2)
	k.wantFaults(2)
	k.wantFaults(1, "by \"kim\" and \"lee\"; the trusted signer is")
	k.wantFaults(3, "by \"kim\" and \"lee\"; the trusted signer is")
	k.wantFaults(0, "no signer was given", "no signer was given")
	keys, err := k.SealKeys(t.Context())
	k.must(err)
	if len(keys) != 2 || !keys[0].Key.Equal(public(sealKey(1))) || !keys[1].Key.Equal(public(sealKey(2))) {
		t.Errorf("pinned keys %+v, expected the first and the second", keys)
	}
	if last, ok, err := k.SealKey(t.Context()); err != nil || !ok || !last.Key.Equal(keys[1].Key) || last.Entry.First != "kim" {
		t.Errorf("pinned now: %+v, %v, %v", last, ok, err)
	}
	if _, err := k.PinSealKey(t.Context(), public(sealKey(3)), ledger.Approval{First: "kim", Second: "Kim", Reason: "x", At: noon}); err == nil {
		t.Error("one person pinned a key")
	}
	if _, err := k.PinSealKey(t.Context(), public(sealKey(3))[1:], ledger.Approval{First: "kim", Second: "lee", Reason: "x", At: noon}); err == nil {
		t.Error("a key that is cut short was pinned")
	}
}

// TestForeignSealIsFound replaces seals in the database: with a valid one by a key that was never
// pinned, by one that was pinned later, and by one that was replaced.
func TestForeignSealIsFound(t *testing.T) {
	k := &keyring{books: newBooks(t), day: today}
	k.pin(1)
	one := k.close()
	k.seal(one, 1)
	k.pin(2)
	two := k.close()
	k.seal(two, 2)
	k.wantFaults(2)
	for _, test := range []struct {
		day ledger.Day
		by  byte
	}{{one, 3}, {one, 2}, {two, 1}} {
		seal, err := k.SealOf(t.Context(), test.day)
		k.must(err)
		set := func(signer ed25519.PublicKey, signature []byte) {
			_, err := k.Pool().Exec(t.Context(), "UPDATE days SET signer = $2, signature = $3 WHERE day = $1", test.day, []byte(signer), signature)
			k.must(err)
		}
		set(public(sealKey(test.by)), ed25519.Sign(sealKey(test.by), seal.Message()))
		var faults []string
		_, err = verify.Books(t.Context(), k.Ledger, public(sealKey(2)), func(f verify.Fault) { faults = append(faults, f.String()) })
		k.must(err)
		if !slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, string(verify.SealSignature)) }) {
			t.Errorf("day %v sealed by key %d: faults %q, expected one of the signature", test.day, test.by, faults)
		}
		set(seal.Signer, seal.Signature)
	}
	k.wantFaults(2)
}

// TestPinsAtOnce pins keys from many processes at once: each replaces the one before it.
func TestPinsAtOnce(t *testing.T) {
	k := &keyring{books: newBooks(t), day: today}
	var done sync.WaitGroup
	for n := range byte(8) {
		done.Go(func() { k.pin(n%4 + 1) })
	}
	done.Wait()
	k.wantFaults(0)
	last, ok, err := k.SealKey(t.Context())
	k.must(err)
	if !ok {
		t.Fatal("no key is pinned")
	}
	for n := byte(1); n <= 4; n++ {
		if last.Key.Equal(public(sealKey(n))) {
			k.seal(k.close(), n)
			k.wantFaults(n)
		}
	}
}

// TestPinCut breaks the connection at each COMMIT of a pin, before the database has committed and
// after it: the key is pinned once.
func TestPinCut(t *testing.T) {
	cutter, through := ledgertest.NewCutter(t, ledgertest.New(t))
	k := &keyring{books: openBooks(t, ledgertest.Connect(t, through, 4)), day: today}
	n := byte(0)
	for _, answered := range []bool{false, true} {
		for nth, broke := 1, true; broke; nth++ {
			n++
			cutter.Arm(nth, answered)
			_, err := k.PinSealKey(t.Context(), public(sealKey(n)), ledger.Approval{First: "kim", Second: "lee", Reason: "a key", At: noon})
			if broke = cutter.Disarm(); err != nil && (!broke || !errors.Is(err, ledger.ErrOutcomeUnknown)) {
				t.Fatalf("key %d: %v", n, err)
			}
			k.pin(n)
		}
	}
	keys, err := k.SealKeys(t.Context())
	k.must(err)
	if len(keys) != int(n) || n < 4 {
		t.Errorf("%d keys are pinned, expected %d, some of them cut", len(keys), n)
	}
	k.wantFaults(0)
	entries, err := k.Audit(t.Context(), chain.ActPinSealKey)
	k.must(err)
	if len(entries) != int(n) {
		t.Errorf("%d entries of the audit, expected %d", len(entries), n)
	}
}

// TestPinLocksTheAuditLast pins a key while another act writes to the audit: the pin locks the
// audit's end only once its own check has passed, as every act does, so neither waits for the
// other.
func TestPinLocksTheAuditLast(t *testing.T) {
	b := newBooks(t)
	checking, passed := make(chan struct{}), make(chan struct{})
	first := true
	by := approved
	by.Check = func(context.Context, pgx.Tx) error {
		if first {
			first = false
			close(checking)
			<-passed
		}
		return nil
	}
	pinned := make(chan error, 1)
	go func() {
		_, err := b.PinSealKey(context.Background(), bytes.Repeat([]byte{7}, ed25519.PublicKeySize), by)
		pinned <- err
	}()
	<-checking
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err := b.Write(ctx, func(tx pgx.Tx) error { return ledger.Record(ctx, tx, "look", "around", ledger.Approval{}) })
	close(passed)
	if err != nil {
		t.Errorf("another act waits for the pin: %v", err)
	}
	b.must(<-pinned)
}

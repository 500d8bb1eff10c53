package verify

import (
	"crypto/ed25519"
	"fmt"
	"testing"

	"citycard/ledger/chain"
)

// TestUnknownSealsAreFewFaults verifies many sealed days without a signer: they are one fault for
// each run of days of one key.
func TestUnknownSealsAreFewFaults(t *testing.T) {
	first, second := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))
	var faults []string
	b := newBooks(nil, func(f Fault) { faults = append(faults, f.Where) })
	day := 0
	seal := func(key ed25519.PrivateKey, days int) {
		public := ed25519.PublicKey(key[ed25519.SeedSize:])
		b.summary.SealKeys = []SealKey{{Key: "pinned", public: public}}
		for range days {
			day++
			b.signedBy(&chain.Seal{Signer: public}, fmt.Sprintf("day %d", day), 1)
		}
	}
	seal(first, 2000)
	seal(second, 1)
	seal(first, 3)
	b.endSealKeys()
	if got, want := fmt.Sprint(faults), "[day 1 to day 2000 day 2001 day 2002 to day 2004]"; got != want {
		t.Errorf("faults of %s, want %s", got, want)
	}
}

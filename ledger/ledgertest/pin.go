package ledgertest

import (
	"context"
	"crypto/ed25519"
	"time"

	"citycard/ledger"
)

// Pin pins the public half of the key with which a test seals days.
func Pin(t TB, l *ledger.Ledger, signer ed25519.PrivateKey) {
	t.Helper()
	public, _ := signer.Public().(ed25519.PublicKey)
	by := ledger.Approval{First: "Li", Second: "Wang", Reason: "a test", At: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	if _, err := l.PinSealKey(context.Background(), public, by); err != nil {
		t.Fatalf("pin the seal key: %v", err)
	}
}

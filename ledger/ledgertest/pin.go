package ledgertest

import (
	"context"
	"crypto/ed25519"
	"time"

	"citycard/ledger"
	"citycard/ledger/chain"
)

// Pin pins the public half of the key with which a test seals days. Books that have a signed act
// get a signed one, by nobody's keys.
func Pin(t TB, l *ledger.Ledger, signer ed25519.PrivateKey) {
	t.Helper()
	public, _ := signer.Public().(ed25519.PublicKey)
	by := ledger.Approval{First: "Li", Second: "Wang", Reason: "a test", At: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	signed := false
	err := l.Pool().QueryRow(context.Background(), "SELECT EXISTS (SELECT 1 FROM audit WHERE signed <> '')").Scan(&signed)
	if err != nil {
		t.Fatalf("pin the seal key: %v", err)
	}
	if signed {
		for _, name := range []string{by.First, by.Second} {
			by.Signed = append(by.Signed, chain.Signature{Key: "SHA256:" + name, Statement: "a test", Signature: "a test"})
		}
	}
	if _, err := l.PinSealKey(context.Background(), public, by); err != nil {
		t.Fatalf("pin the seal key: %v", err)
	}
}

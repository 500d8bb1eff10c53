package keyservicetest

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/personalisation"
)

// The batches of blanks in tests, and the orders for them, which have their names.
const (
	Batch   = "B1"   // of TransportKey
	Nothing = "none" // its transport key is nowhere
	// Region of the social-security cards of all orders.
	Region = "410100"
	// Again is how often more a card may be made by each order.
	Again = 10
)

// TransportKey is that of Batch.
func TransportKey() keys.Key {
	return keys.Key{0x8A, 0x13, 0x5B, 0xF2, 0x19, 0xC7, 0x6E, 0x40, 0x01, 0x2F, 0xDC, 0x9B, 0x57, 0xE3, 0x76, 0xA8}
}

// WithBatch is a store that has the transport key of Batch.
func WithBatch(t testing.TB, store *keys.Store) *keys.Store {
	t.Helper()
	with, err := store.WithTransport(Batch, TransportKey())
	if err != nil {
		t.Fatal(err)
	}
	return with
}

// Orders is the text of an orders file: a client may make all cards of an issuer, of 16 hexadecimal
// digits, and of Region, from samples and from each batch.
func Orders(client, issuer string) string {
	var lines []string
	for _, batch := range []string{personalisation.Samples, Batch, Nothing} {
		lines = append(lines, fmt.Sprintf(`{"name":%q,"client":%q,"batch":%q,"issuer":%q,"first":"00000000000000000000","last":"99999999999999999999","region":%q,"cards":1000000,"again":%d}`,
			batch, client, batch, issuer, Region, Again))
	}
	return `{"orders":[` + strings.Join(lines, ",") + `]}`
}

// OrdersFile writes it.
func OrdersFile(t testing.TB, dir, client, issuer string) (file string) {
	t.Helper()
	file = filepath.Join(dir, "orders.json")
	must(t, os.WriteFile(file, []byte(Orders(client, issuer)), 0o600))
	return file
}

// Centre is the key by which the clearing centre signs permits in tests.
func Centre() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
}

// CentreKey is its public key, as a clients' file has it.
func CentreKey() string { return fmt.Sprintf("%x", Centre().Public()) }

// Permitted is a command with the centre's permit.
func Permitted(c keyservice.Command, now time.Time) keyservice.Command {
	permit := keyservice.PermitOf(&c)
	permit.Until = now.Add(keyservice.PermitTime)
	c.Permit = permit.Sign(Centre())
	return c
}

package counter_test

import (
	"context"
	"testing"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/terminals/card"
	"citycard/terminals/counter"
)

// A locked PIN is unblocked and the last day is written by commands that the key service secures;
// what it has not secured changes nothing.
func TestSecured(t *testing.T) {
	backend := keyservice.Software{Keyring: keys.NewKeyring(store)}
	held := chip.NewTransit(1)
	_, err := counter.Personalise(t.Context(), held, held.PowerOn(), store, counter.Order{Kind: counter.Transit, Transit: &counter.TransitOrder{
		Number: "03105070200000000012", Issuer: "99994910ffffffff", Start: "20260101", Expiry: "20261231",
		CardType: 1, Province: "4900", City: "4910", PIN: "123456",
	}})
	must(t, err)
	p, err := card.OpenPurse(t.Context(), held)
	must(t, err)
	for range 3 {
		if err := p.VerifyPIN(t.Context(), "000000"); err == nil {
			t.Fatal("a wrong PIN is taken")
		}
	}
	version, err := p.KeyVersion(t.Context(), [6]byte{})
	must(t, err)
	secure := func(ctx context.Context, challenge [8]byte, header [4]byte, data []byte) ([]byte, error) {
		return backend.Secure(ctx, keyservice.Command{
			Order: "o-1", Card: keyservice.Card{Kind: keyservice.Transit, Transit: p.ID()}, KeyVersion: version, Challenge: challenge, Header: header, Data: data,
		})
	}
	forged := func(ctx context.Context, challenge [8]byte, header [4]byte, data []byte) ([]byte, error) {
		sealed, err := secure(ctx, challenge, header, data)
		sealed[len(sealed)-1] ^= 1
		return sealed, err
	}
	if err := p.UnblockPIN(t.Context(), "654321", forged); err == nil {
		t.Error("a forged command is taken")
	}
	must(t, p.UnblockPIN(t.Context(), "654321", secure))
	must(t, p.VerifyPIN(t.Context(), "654321"))
	must(t, p.Extend(t.Context(), [4]byte{0x20, 0x28, 0x12, 0x31}, secure))
	if read := held.Describe().Transit; read.Expiry != "20281231" || read.Start != "20260101" {
		t.Errorf("card %+v", read)
	}
}

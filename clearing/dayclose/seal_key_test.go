package dayclose_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"testing"

	"citycard/clearing/dayclose"
	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/ledger/chain"
)

// TestPinProposed has keepers pin a seal key. A proposal to replace a key that is no longer the
// pinned one is refused.
func TestPinProposed(t *testing.T) {
	o := newOffice(t)
	staff := peopletest.New(t, o.ledger)
	office := &proposal.Office{Ledger: o.ledger, People: staff.Store, Kinds: []proposal.Kind{dayclose.PinKind(o.ledger)}}
	key := func(n byte) ed25519.PrivateKey {
		return ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), n))
	}
	propose := func(by string, n byte) (*proposal.View, error) {
		body, err := proposal.Body(dayclose.PinRequest{Key: hex.EncodeToString(key(n)[ed25519.SeedSize:])})
		o.must(err)
		return office.Propose(t.Context(), chain.ActPinSealKey, body, "the first is lost", staff.Signer(t, by))
	}
	approve := func(by string, v *proposal.View) error {
		_, err := office.Approve(t.Context(), v.Number, hex.EncodeToString(v.Hash[:]), staff.Signer(t, by))
		return err
	}
	if _, err := propose("ann", 1); !errors.As(err, new(*people.DeniedError)) {
		t.Errorf("a supervisor proposes a key: %v", err)
	}
	first, err := propose("kim", 1)
	o.must(err)
	if err := approve("kim", first); err == nil {
		t.Error("one keeper pinned a key")
	}
	other, err := propose("lee", 2)
	o.must(err)
	o.must(approve("kim", other))
	if err := approve("lee", first); !errors.As(err, new(*proposal.StaleError)) {
		t.Errorf("approved although another key was pinned: %v", err)
	}
	again, err := propose("kim", 1)
	o.must(err)
	o.must(approve("lee", again))
	if now, ok, err := o.ledger.SealKey(t.Context()); err != nil || !ok || !now.Key.Equal(key(1).Public()) || now.Entry.First != "kim" || now.Entry.Second != "lee" || len(now.Entry.Signed) != 2 {
		t.Errorf("pinned is %+v, %v, %v; want the first key, signed by both", now, ok, err)
	}
	if _, err := propose("kim", 1); err == nil {
		t.Error("the pinned key is proposed again")
	}
}

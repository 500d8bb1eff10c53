package keyservice_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/personalisation"
	"citycard/cardos/ssc"
)

var (
	region  = [3]byte{0x41, 0x01, 0x00}
	transit = keyservice.Card{Kind: keyservice.Transit, Transit: keys.CardID{Issuer: [8]byte{1, 1, 0x49, 0x10}, ASN: [10]byte{0x31, 4, 9, 8, 7, 6, 5, 4, 3, 2}}}
	social  = keyservice.Card{Kind: keyservice.SocialSecurity, Social: keyservice.Social{Province: ssc.ProvinceFactor(region), City: ssc.CityFactor(region), Card: keys.Factor{3}}}
)

func software(store *keys.Store) keyservice.Software {
	return keyservice.Software{Keyring: keys.NewKeyring(store)}
}

// A card's keys under the transport key are those that its store derives, and the answer to the
// blank's challenge is made with the transport key.
func TestPersonalise(t *testing.T) {
	store := keys.GenerateTest(1)
	transport := personalisation.SampleKey()
	for _, card := range []keyservice.Card{transit, social} {
		blank := keyservice.Blank{Batch: personalisation.Samples, Card: card, Challenge: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}}
		issue, err := software(store).Personalise(t.Context(), blank)
		if err != nil {
			t.Fatal(err)
		}
		if want := personalisation.AnswerKey(transport).Encrypt(blank.Challenge[:]); !bytes.Equal(issue.Answer[:], want) {
			t.Errorf("%s: answer %x, want %x", card.Kind, issue.Answer, want)
		}
		group, err := issue.Group(card.Kind)
		if err != nil {
			t.Fatal(err)
		}
		seal := personalisation.SealKey(transport, blank.Challenge)
		want := personalisation.TransitGroup(store.CardKeys(card.Transit), seal)
		if card.Kind == keyservice.SocialSecurity {
			want = personalisation.SocialGroup(store.SocialSecurityKeys(card.Social.Province, card.Social.City, card.Social.Card), seal)
		}
		if group.ID != want.ID || !bytes.Equal(group.Data, want.Data) {
			t.Errorf("%s: grouping %x, want %x", card.Kind, group.Data, want.Data)
		}
		if _, err := issue.Group("another"); err == nil {
			t.Error("a grouping of no kind of card")
		}
	}
}

// Commands are secured with the one key that their kind has, of the card's own generation; others
// are refused.
func TestSecure(t *testing.T) {
	first := keys.GenerateTest(1)
	rotated, err := first.Rotate(bytes.NewReader(bytes.Repeat([]byte("rotation"), 100)))
	if err != nil {
		t.Fatal(err)
	}
	pin := []byte{0x12, 0x34, 0x56}
	socialPIN := first.SocialSecurityKeys(social.Social.Province, social.Social.City, social.Social.Card).PIN
	for _, test := range []struct {
		name    string
		command keyservice.Command
		key     keys.Key
		wrapped bool
	}{
		{"PIN", keyservice.Command{Card: transit, KeyVersion: 1, Header: [4]byte{0x84, 0x24}, Data: pin}, first.CardKeys(transit.Transit).Key(keys.RolePIN), true},
		{"PIN of a new card", keyservice.Command{Card: transit, KeyVersion: 2, Header: [4]byte{0x84, 0x24}, Data: pin}, rotated.CardKeys(transit.Transit).Key(keys.RolePIN), true},
		{"PIN, social security", keyservice.Command{Card: social, Header: [4]byte{0x84, 0x24}, Data: pin}, socialPIN, true},
		{"file", keyservice.Command{Card: transit, KeyVersion: 1, Header: [4]byte{0x04, 0xD6, 0x95, 24}, Data: []byte{0x20, 0x40, 0x12, 0x31}}, first.CardKeys(transit.Transit).Maintenance(), false},
	} {
		binary.BigEndian.PutUint32(test.command.Challenge[:], 0xCAFE0001)
		got, err := software(rotated).Secure(t.Context(), test.command)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		data := test.command.Data
		if test.wrapped {
			data, _ = test.key.Wrap(data)
		}
		mac := test.key.Seal(test.command.Challenge[:], test.command.Message(data))
		if want := append(bytes.Clone(data), mac[:]...); !bytes.Equal(got, want) {
			t.Errorf("%s: %x, want %x", test.name, got, want)
		}
	}
	for name, command := range map[string]keyservice.Command{
		"a load":                 {Card: transit, KeyVersion: 1, Header: [4]byte{0x80, 0x52}},
		"a block":                {Card: transit, KeyVersion: 1, Header: [4]byte{0x84, 0x1E}},
		"another file":           {Card: transit, KeyVersion: 1, Header: [4]byte{0x04, 0xD6, 0x97, 24}, Data: []byte{0x20, 0x40, 0x12, 0x31}},
		"a file, without a MAC":  {Card: transit, KeyVersion: 1, Header: [4]byte{0x00, 0xD6}, Data: pin},
		"a social-security file": {Card: social, Header: [4]byte{0x04, 0xD6}, Data: pin},
		"too long":               {Card: transit, KeyVersion: 1, Header: [4]byte{0x04, 0xD6}, Data: make([]byte, 201)},
		"no kind":                {Header: [4]byte{0x84, 0x24}, Data: pin},
	} {
		if _, err := software(rotated).Secure(t.Context(), command); !errors.Is(err, keyservice.ErrCommand) {
			t.Errorf("%s: %v, want ErrCommand", name, err)
		}
	}
	if _, err := software(rotated).Secure(t.Context(), keyservice.Command{Card: transit, KeyVersion: 3, Header: [4]byte{0x84, 0x24}, Data: pin}); !errors.Is(err, keys.ErrKeyVersion) {
		t.Errorf("a version that is not held: %v", err)
	}
}

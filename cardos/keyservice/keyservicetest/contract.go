// Package keyservicetest holds the test that every backend of the key service passes: what it
// answers is what the masters of a known store give.
package keyservicetest

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/personalisation"
	"citycard/cardos/ssc"
)

// Contract tests a backend at a time. Open gives one with the masters of a store.
func Contract(t *testing.T, now time.Time, open func(t *testing.T, store *keys.Store) keyservice.Backend) {
	first := keys.GenerateTest(1)
	second, err := first.Rotate(strings.NewReader(strings.Repeat("rotation", 100)))
	if err != nil {
		t.Fatal(err)
	}
	second = WithBatch(t, second)
	backend := open(t, second)
	t.Run("held", func(t *testing.T) {
		held, err := backend.Held(t.Context())
		if err != nil || held.Fingerprint() != second.Held().Fingerprint() || !held.Test() {
			t.Errorf("the keys that clearing holds are others: %v", err)
		}
		if again, err := backend.Held(t.Context()); err != nil || again != held {
			t.Errorf("the same keys come as others: %v", err)
		}
	})
	t.Run("load", func(t *testing.T) {
		for _, made := range []*keys.Store{first, second} {
			for n := range byte(16) {
				load(t, backend, made, n)
			}
		}
		for _, wrong := range []keys.LoadOrder{{KeyVersion: 3}, {KeyVersion: 0}, {KeyVersion: 1, Algorithm: 4}} {
			if _, err := backend.AuthoriseLoad(t.Context(), wrong); !errors.Is(err, keys.ErrKeyVersion) {
				t.Errorf("version %d, algorithm %d: %v, want ErrKeyVersion", wrong.KeyVersion, wrong.Algorithm, err)
			}
		}
	})
	t.Run("secure", func(t *testing.T) { secure(t, backend, first, second, now) })
	for batch, transport := range map[string]keys.Key{personalisation.Samples: personalisation.SampleKey(), Batch: TransportKey()} {
		t.Run("personalise "+batch, func(t *testing.T) { personalise(t, backend, second, batch, transport) })
	}
	t.Run("no batch", func(t *testing.T) {
		issue, err := backend.Personalise(t.Context(), keyservice.Blank{Order: Nothing, Batch: Nothing, Card: transit(99)})
		if !errors.Is(err, keyservice.ErrBatch) || len(issue.Keys) > 0 {
			t.Errorf("blanks whose transport key is not there: %v", err)
		}
	})
}

// Transit is a transit card.
func transit(n byte) keyservice.Card {
	return keyservice.Card{Kind: keyservice.Transit, Transit: keys.CardID{Issuer: [8]byte{1, 1, 0x49, 0x10, n}, ASN: [10]byte{0x31, 4, 9, 8, 7, 6, 5, 4, 3, n}}}
}

func social() keyservice.Card {
	region := [3]byte{0x41, 0x01, 0x00}
	return keyservice.Card{Kind: keyservice.SocialSecurity, Social: keyservice.Social{
		Province: ssc.ProvinceFactor(region), City: ssc.CityFactor(region), Card: keys.Factor{3, 0x80},
	}}
}

func load(t *testing.T, backend keyservice.Backend, made *keys.Store, n byte) {
	t.Helper()
	o := keys.LoadOrder{
		Card: transit(n).Transit, OldBalance: uint32(n) << 16, Amount: 5000, Type: 2, Terminal: [6]byte{1, n},
		Time: [7]byte{0x20, 0x26, n}, OnlineSequence: 255 + uint16(n), Random: [4]byte{n, 2, 3, 4}, KeyVersion: made.Version(),
	}
	session := keys.LoadSession(made.CardKeys(o.Card).Load(), o.Random, o.OnlineSequence)
	o.MAC1 = session.LoadMAC1(keys.LoadStart{OldBalance: o.OldBalance, Amount: o.Amount, Type: o.Type, Terminal: o.Terminal})
	want := session.LoadMAC2(keys.Movement{Amount: o.Amount, Type: o.Type, Terminal: o.Terminal, Time: o.Time})
	if got, err := backend.AuthoriseLoad(t.Context(), o); err != nil || got != want {
		t.Errorf("card %d of version %d: MAC2 %x, %v, want %x", n, o.KeyVersion, got, err, want)
	}
	for what, alter := range map[string]func(*keys.LoadOrder){
		"amount": func(o *keys.LoadOrder) { o.Amount++ }, "card": func(o *keys.LoadOrder) { o.Card.ASN[9] ^= 0x40 },
		"random": func(o *keys.LoadOrder) { o.Random[3]++ }, "MAC1": func(o *keys.LoadOrder) { o.MAC1[3]++ },
	} {
		altered := o
		alter(&altered)
		if _, err := backend.AuthoriseLoad(t.Context(), altered); !errors.Is(err, keys.ErrMAC) {
			t.Errorf("altered %s: %v, want ErrMAC", what, err)
		}
	}
}

// secure asks for commands of every length, so that every number of blocks and every padding
// occurs.
func secure(t *testing.T, backend keyservice.Backend, first, second *keys.Store, now time.Time) {
	type test struct {
		command keyservice.Command
		key     keys.Key
		wrapped bool
	}
	old, socialCard := first.CardKeys(transit(7).Transit), social()
	pin := second.SocialSecurityKeys(socialCard.Social.Province, socialCard.Social.City, socialCard.Social.Card).PIN
	var tests []test
	for n := range 40 {
		data := bytes.Repeat([]byte{byte(n + 1)}, n)
		tests = append(tests,
			test{keyservice.Command{Card: transit(7), KeyVersion: 1, Header: [4]byte{0x84, 0x24}, Data: data}, old.Key(keys.RolePIN), true},
			test{keyservice.Command{Card: transit(8), KeyVersion: 2, Header: [4]byte{0x04, 0xD6, 0x95, 24}, Data: []byte{0x20, 0x40, 0x12, byte(n)}}, second.CardKeys(transit(8).Transit).Maintenance(), false},
			test{keyservice.Command{Card: socialCard, Header: [4]byte{0x84, 0x24}, Data: data}, pin, true})
	}
	for i, test := range tests {
		test.command.Challenge = [8]byte{0xCA, 0xFE, byte(i)}
		got, err := backend.Secure(t.Context(), Permitted(test.command, now))
		if err != nil {
			t.Errorf("%x: %v", test.command.Header, err)
			continue
		}
		data := test.command.Data
		if test.wrapped {
			data, _ = test.key.Wrap(data)
		}
		mac := test.key.Seal(test.command.Challenge[:], test.command.Message(data))
		if want := append(bytes.Clone(data), mac[:]...); !bytes.Equal(got, want) {
			t.Errorf("%x with %d bytes: %x, want %x", test.command.Header, len(test.command.Data), got, want)
		}
	}
	for _, header := range [][4]byte{{0x80, 0x52}, {0x84, 0x1E}, {0x84, 0x16}, {0x04, 0xD6, 0x95, 10}, {0x04, 0xD6, 0x97, 24}} {
		other := keyservice.Command{Card: transit(7), KeyVersion: 1, Header: header, Data: []byte{1, 2, 3, 4}}
		if _, err := backend.Secure(t.Context(), other); !errors.Is(err, keyservice.ErrCommand) {
			t.Errorf("%x: %v, want ErrCommand", header, err)
		}
	}
	if _, err := backend.Secure(t.Context(), Permitted(keyservice.Command{Card: transit(7), KeyVersion: 3, Header: [4]byte{0x84, 0x24}}, now)); !errors.Is(err, keys.ErrKeyVersion) {
		t.Errorf("a version that is not held: %v, want ErrKeyVersion", err)
	}
}

// personalise makes cards of a batch; the numbers are those of the batch's own order.
func personalise(t *testing.T, backend keyservice.Backend, store *keys.Store, batch string, transport keys.Key) {
	person := social()
	person.Social.Card[0] = batch[0]
	sealed := map[personalisation.Sealed]bool{}
	for n := range byte(8) {
		for _, card := range []keyservice.Card{transit(n + batch[0]&0x10), person} {
			blank := keyservice.Blank{Order: batch, Batch: batch, Card: card, Challenge: [8]byte{1, 2, 3, 4, 5, 6, 7, n}}
			issue, err := backend.Personalise(t.Context(), blank)
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
			if before := sealed[issue.Keys[0]]; before {
				t.Errorf("%s: what was sealed for another blank is sealed for this one", card.Kind)
			}
			sealed[issue.Keys[0]] = true
			seal := personalisation.SealKey(transport, blank.Challenge)
			want := personalisation.TransitGroup(store.CardKeys(card.Transit), seal)
			if card.Kind == keyservice.SocialSecurity {
				want = personalisation.SocialGroup(store.SocialSecurityKeys(card.Social.Province, card.Social.City, card.Social.Card), seal)
			}
			if group.ID != want.ID || !bytes.Equal(group.Data, want.Data) {
				t.Errorf("%s: grouping %x, want %x", card.Kind, group.Data, want.Data)
			}
		}
	}
	if _, err := backend.Personalise(t.Context(), keyservice.Blank{Order: batch, Batch: batch, Card: keyservice.Card{Kind: "another"}}); err == nil {
		t.Error("a card of no kind is personalised")
	}
}

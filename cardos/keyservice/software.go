package keyservice

import (
	"context"
	"fmt"

	"citycard/cardos/keys"
	"citycard/cardos/personalisation"
)

// Software is the backend that keeps the masters in an encrypted file and follows it: for
// development, tests, and sites without a hardware module.
type Software struct{ *keys.Keyring }

// Format hides the keys from every fmt verb.
func (Software) Format(f fmt.State, verb rune) { (*keys.Keyring)(nil).Format(f, verb) }

// Secure is that of Backend.
func (s Software) Secure(_ context.Context, c Command) ([]byte, error) {
	role, enciphered, err := c.Role()
	if err != nil {
		return nil, err
	}
	key, err := s.key(c, role)
	if err != nil {
		return nil, err
	}
	data := c.Data
	if enciphered {
		var fits bool
		if data, fits = key.Wrap(c.Data); !fits {
			return nil, ErrCommand
		}
	}
	mac := key.Seal(c.Challenge[:], c.Message(data))
	return append(append([]byte(nil), data...), mac[:]...), nil
}

// key is the card's key of a role.
func (s Software) key(c Command, role keys.Role) (keys.Key, error) {
	if c.Card.Kind == SocialSecurity { // its masters are never rotated
		f := c.Card.Social
		return s.Store().SocialSecurityKeys(f.Province, f.City, f.Card).PIN, nil
	}
	store, err := s.OfVersion(c.KeyVersion)
	if err != nil {
		return keys.Key{}, err
	}
	return store.CardKey(c.Card.Transit, c.KeyVersion, role)
}

// Personalise is that of Backend. It looks at the file first: a card that is made after a
// rotation has keys of the new generation.
func (s Software) Personalise(_ context.Context, b Blank) (Issue, error) {
	if err := s.Refresh(); err != nil {
		return Issue{}, err
	}
	store := s.Store()
	transport, ok := store.Transport(b.Batch)
	if b.Batch == personalisation.Samples {
		transport, ok = personalisation.SampleKey(), true
	}
	if !ok {
		return Issue{}, fmt.Errorf("%w: %q", ErrBatch, b.Batch)
	}
	issue := Issue{Answer: [8]byte(personalisation.AnswerKey(transport).Encrypt(b.Challenge[:]))}
	sealing := personalisation.SealKey(transport, b.Challenge)
	seal := func(k keys.Key) { issue.Keys = append(issue.Keys, personalisation.Seal(k, sealing)) }
	switch f := b.Card.Social; b.Card.Kind {
	case Transit:
		card := store.CardKeys(b.Card.Transit)
		issue.Version = card.Version
		for _, role := range b.Card.Roles() {
			seal(card.Key(role))
		}
	case SocialSecurity:
		card := store.SocialSecurityKeys(f.Province, f.City, f.Card)
		issue.Version = card.Version
		for _, k := range []keys.Key{card.Write, card.Identity, card.PIN, card.Read, card.Genuine} {
			seal(k)
		}
	default:
		return Issue{}, fmt.Errorf("%q is no kind of card", b.Card.Kind)
	}
	return issue, nil
}

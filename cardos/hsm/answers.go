package hsm

import (
	"context"
	"fmt"

	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/personalisation"
)

// AuthoriseLoad is that of keyservice.Backend.
func (m *Masters) AuthoriseLoad(ctx context.Context, o keys.LoadOrder) (mac2 keys.MAC, err error) {
	if o.Algorithm != 0 {
		return keys.MAC{}, keys.ErrKeyVersion
	}
	factors := o.Card.Factors()
	err = m.token.do(ctx, "authorise a load", func(w *work) error {
		master, err := m.master(w, o.KeyVersion, keys.RoleLoad)
		if err != nil {
			return err
		}
		card, err := w.diversify(master, factors[:], level())
		if err != nil {
			return err
		}
		session, err := w.derive(card, twice(keys.LoadSessionData(o.Random, o.OnlineSequence)), cipher())
		if err != nil {
			return err
		}
		mac1, err := w.mac(session, keys.LoadStart{OldBalance: o.OldBalance, Amount: o.Amount, Type: o.Type, Terminal: o.Terminal}.Covered())
		if err != nil {
			return err
		}
		if !mac1.Equal(o.MAC1) {
			return keys.ErrMAC
		}
		mac2, err = w.mac(session, keys.Movement{Amount: o.Amount, Type: o.Type, Terminal: o.Terminal, Time: o.Time}.Covered())
		return err
	})
	return mac2, err
}

// Secure is that of keyservice.Backend.
func (m *Masters) Secure(ctx context.Context, c keyservice.Command) (sealed []byte, err error) {
	role, enciphered, err := c.Role()
	if err != nil {
		return nil, err
	}
	factors := c.Card.Factors(role)
	last := factors[len(factors)-1]
	err = m.token.do(ctx, "secure a command", func(w *work) error {
		master, err := m.master(w, c.KeyVersion, role)
		if err != nil {
			return err
		}
		above, err := w.diversify(master, factors[:len(factors)-1], level())
		if err != nil {
			return err
		}
		whole, err := w.derive(above, bothHalves(last), cipher())
		if err != nil {
			return err
		}
		left, err := w.derive(above, twice(last), cipher())
		if err != nil {
			return err
		}
		data := c.Data
		if enciphered {
			text, fits := keys.WrapText(c.Data)
			if !fits {
				return keyservice.ErrCommand
			}
			if data, err = w.ecb(whole, text); err != nil {
				return err
			}
		}
		mac, err := w.seal(whole, left, c.Challenge[:], c.Message(data))
		sealed = append(append([]byte(nil), data...), mac[:]...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return sealed, nil
}

// Personalise is that of keyservice.Backend. A card's keys leave the token wrapped for this
// process, and are sealed by the transport key, which does not.
func (m *Masters) Personalise(ctx context.Context, b keyservice.Blank) (keyservice.Issue, error) {
	if b.Card.Kind != keyservice.Transit && b.Card.Kind != keyservice.SocialSecurity {
		return keyservice.Issue{}, fmt.Errorf("%q is no kind of card", b.Card.Kind)
	}
	var issue keyservice.Issue
	err := m.token.do(ctx, "personalise a card", func(w *work) error {
		newest, err := m.newest(w)
		if err != nil {
			return err
		}
		blank, err := w.sealer(b.Batch, b.Challenge)
		if err != nil {
			return err
		}
		issue = keyservice.Issue{Version: newest.version, Answer: blank.answer}
		for _, role := range b.Card.Roles() {
			derived, err := w.diversify(newest.masters[role], b.Card.Factors(role), leaving())
			if err != nil {
				return err
			}
			key, err := w.leave(m.process, derived)
			if err != nil {
				return err
			}
			sealed, err := blank.seal(key[:])
			if err != nil {
				return err
			}
			issue.Keys = append(issue.Keys, personalisation.Sealed(sealed))
		}
		return nil
	})
	if err != nil {
		return keyservice.Issue{}, err
	}
	return issue, nil
}

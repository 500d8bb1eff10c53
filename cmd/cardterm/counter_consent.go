package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"citycard/clearing/cards"
	"citycard/clearing/people/api"
	"citycard/clearing/people/proposal"
	"citycard/cmd/service"
	"citycard/durable"
	"citycard/language"
	"citycard/ledger"
)

// asked is an order that two people are asked to let be done. It is kept until it is done, or they
// have decided otherwise: the same order, with the same salt, is the one that they sign. The
// certificate's number is not kept: it is shown once more.
type asked struct {
	Order    cards.Order `json:"order"`
	Said     cards.Said  `json:"said"` // as they sign it
	Proposal int64       `json:"proposal"`
}

// askedPath is where the order for an act on a card is kept.
func (t *till) askedPath(o *cards.Order) string {
	of := sha256.Sum256(fmt.Appendf(nil, "%s %s %s", o.Do, o.Card, o.New))
	return t.dir.Join("asked-" + hex.EncodeToString(of[:8]))
}

// ask proposes that an order be done, with so much given back at most.
func (t *till) ask(ctx context.Context, o cards.Order, most ledger.Fen, reason string) (number int64, err error) {
	o.Salt = api.NewSalt()
	body, err := proposal.Body(o.Consent(most))
	if err != nil {
		return 0, err
	}
	t.office.client.Knows([]proposal.Entry{cards.ConsentEntry()})
	view, err := t.propose(ctx, cards.KindConsent, body, reason)
	if err != nil {
		return 0, officeError(err)
	}
	path, said := t.askedPath(&o), o.Said()
	o.Certificate = ""
	content, err := json.Marshal(asked{Order: o, Said: said, Proposal: view.Number})
	if err != nil {
		return 0, err
	}
	return view.Number, durable.WriteFile(path, content)
}

// askedFor is the order for the same act on the same card that two people have let be done; nil
// where none was asked for. While it waits it is refused. One that they have decided otherwise is
// forgotten.
func (t *till) askedFor(ctx context.Context, o *cards.Order) (*asked, error) {
	content, err := os.ReadFile(t.askedPath(o))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none
	}
	was := new(asked)
	if err == nil {
		err = json.Unmarshal(content, was)
	}
	if err != nil {
		return nil, err
	}
	t.office.client.Knows([]proposal.Entry{cards.ConsentEntry()})
	v, err := t.office.client.Show(ctx, was.Proposal)
	switch {
	case err != nil:
		return nil, officeError(err)
	case v.State == proposal.Approved:
		return was, nil
	case v.State == proposal.Waiting:
		return nil, service.Refuse("nothing was done").Todo("give the same once more when it is approved (citycard proposal approve %d)", was.Proposal).
			Because(language.Textf("proposal %d waits for a supervisor", was.Proposal))
	}
	return nil, errors.Join(t.forgetAsked(o), service.Refuse("nothing was done").Todo("give the same once more: it is proposed once more").
		Because(language.Textf("proposal %d is %s", was.Proposal, string(v.State))))
}

// forgetAsked forgets what two people were asked for.
func (t *till) forgetAsked(o *cards.Order) error {
	if err := os.Remove(t.askedPath(o)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// asAsked has the order be the one that two people have let be done.
func (t *till) asAsked(o *cards.Order, was *asked) error {
	if o.Cash != was.Order.Cash || o.Emptied != was.Order.Emptied {
		return errors.Join(t.forgetAsked(o), service.Refuse("nothing was done").Todo("give the same once more: it is proposed once more").
			Because(language.Textf("two people have let it be done for %s yuan, and it is %s now", was.Order.Cash.String(), o.Cash.String())))
	}
	o.Number, o.Salt = was.Order.Number, was.Order.Salt
	if o.Said() != was.Said { // before the card pays anything: the centre would refuse it
		return errors.Join(t.forgetAsked(o), service.Refuse("nothing was done").Todo("show the certificate that was shown then, or give the same once more: it is proposed once more").
			Because(language.Textf("it is not what two people have let be done: another certificate is shown, or another product is named")))
	}
	return nil
}

// askedText says that an act waits for a second person.
func askedText(number int64) *language.Text {
	return language.Textf("this takes two people: proposal %d waits for a supervisor (citycard proposal approve %[1]d); give the same once more when it is approved", number)
}

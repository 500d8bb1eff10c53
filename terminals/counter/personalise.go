package counter

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/personalisation"
	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
	"citycard/language"
)

// Issued is a card that was made.
type Issued struct {
	Kind           Kind   `json:"kind"`
	Number         string `json:"number,omitempty"`         // transit: 20 digits
	Issuer         string `json:"issuer,omitempty"`         // transit: 16 hexadecimal digits
	CardNumber     string `json:"card_number,omitempty"`    // social security
	Identification string `json:"identification,omitempty"` // social security: 32 hexadecimal digits
	ATR            string `json:"atr"`
}

// Issuer knows the keys of new cards: a key store, or a key service that lets none of them out but
// to the card.
type Issuer interface {
	Personalise(ctx context.Context, blank keyservice.Blank) (keyservice.Issue, error)
}

// Maker asks an issuer for the keys of cards.
type Maker struct {
	Issuer Issuer
	Order  string // by which the issuer lets the cards be made
	Batch  string // of the blanks, for a key store; a key service has it from the order
}

// Sampler makes sample cards with the keys of a store: their transport key is published.
func Sampler(store *keys.Store) Maker {
	return Maker{Issuer: keyservice.Software{Keyring: keys.NewKeyring(store)}, Batch: personalisation.Samples}
}

// Personalise is Issue of a sample card.
func Personalise(ctx context.Context, card apdu.Card, atr []byte, store *keys.Store, o Order) (Issued, error) {
	return Issue(ctx, card, atr, Sampler(store), o)
}

// Issue makes a blank card into the card that the order describes. Its keys come from the issuer,
// who is asked for this card and this blank, and for a social-security card from the card's ATR
// too. It checks the order before it touches the card, and at the end reads the card's identity
// back. After a *SpoiltError the card is scrap; after any other error it is as it was.
func Issue(ctx context.Context, card apdu.Card, atr []byte, by Maker, o Order) (Issued, error) {
	if err := o.Validate(); err != nil {
		return Issued{}, err
	}
	var issued Issued
	var err error
	if o.Kind == Transit {
		issued, err = personaliseTransit(ctx, card, by, *o.Transit)
	} else {
		issued, err = personaliseSocial(ctx, card, atr, by, *o.SocialSecurity)
	}
	if err != nil {
		return Issued{}, err
	}
	issued.Kind, issued.ATR = o.Kind, hex.EncodeToString(atr)
	return issued, nil
}

// step is one command of a personalisation, and what to call it in an error.
type step struct {
	act     string
	command apdu.Command
}

func run(ctx context.Context, card apdu.Card, steps []step) error {
	for _, s := range steps {
		if _, err := apdu.Exchange(ctx, card, s.command); err != nil {
			return &SpoiltError{s.act, err}
		}
	}
	return nil
}

// SpoiltError: the card was being written and cannot be written again. It is put aside and counted.
type SpoiltError struct {
	Act string
	Err error
}

func (e *SpoiltError) Error() string { return fmt.Sprintf("personalise: %s: %v", e.Act, e.Err) }

func (e *SpoiltError) Unwrap() error { return e.Err }

// unlock proves to a blank card that we are its issuer, and gives the grouping of its keys.
func unlock(ctx context.Context, card apdu.Card, application []byte, by Maker, of keyservice.Card) (keys personalisation.Group, err error) {
	if _, err := apdu.Exchange(ctx, card, apdu.Select(application)); err != nil {
		return keys, fmt.Errorf("personalise: select the application: %w", err)
	}
	challenge, err := apdu.Exchange(ctx, card, apdu.GetChallenge(8))
	if err != nil {
		return keys, fmt.Errorf("personalise: ask for a challenge: %w", err)
	}
	if len(challenge) != 8 {
		return keys, fmt.Errorf("personalise: challenge of %d bytes, want 8: %w", len(challenge), apdu.ErrMalformed)
	}
	issue, err := by.Issuer.Personalise(ctx, keyservice.Blank{Order: by.Order, Batch: by.Batch, Card: of, Challenge: [8]byte(challenge)})
	if err == nil {
		keys, err = issue.Group(of.Kind)
	}
	if err != nil {
		return keys, language.Textf("the card gets no keys, and is blank still: %w", err)
	}
	if _, err := apdu.Exchange(ctx, card, apdu.ExternalAuthenticate(0, issue.Answer[:])); err != nil {
		return keys, fmt.Errorf("personalise: the card does not take the transport key; it was personalised before, or is not a blank of this maker: %w", err)
	}
	return keys, nil
}

// storeSteps are the STORE DATA commands for keys and PIN.
func storeSteps(groups ...personalisation.Group) ([]step, error) {
	blocks, err := personalisation.StoreData(groups, true)
	if err != nil {
		return nil, fmt.Errorf("personalise: %w", err)
	}
	steps := make([]step, len(blocks))
	for i, b := range blocks {
		steps[i] = step{"store keys", b}
	}
	return steps, nil
}

func personaliseTransit(ctx context.Context, card apdu.Card, by Maker, o TransitOrder) (Issued, error) {
	c, err := o.content()
	if err != nil {
		return Issued{}, err
	}
	region, holder, application := c.region.Encode(), c.holder.Encode(), c.application.Encode()
	id := keys.CardID{Issuer: c.application.Issuer, ASN: c.application.ASN}
	number, err := tunion.Number(id.ASN)
	if err != nil {
		return Issued{}, fmt.Errorf("personalise: %w", err)
	}
	group, err := unlock(ctx, card, tunion.AIDPurse.Bytes(), by, keyservice.Card{Kind: keyservice.Transit, Transit: id})
	if err != nil {
		return Issued{}, err
	}
	groups := []personalisation.Group{group, {ID: personalisation.GroupPIN, Data: c.pin}}
	if o.OverdraftFen > 0 {
		groups = append(groups, personalisation.Overdraft(o.OverdraftFen))
	}
	steps, err := storeSteps(groups...)
	if err != nil {
		return Issued{}, err
	}
	steps = append([]step{
		{"write file 0017", apdu.UpdateBinary(tunion.RegionSFI, 0, region[:])},
		{"write file 0016", apdu.UpdateBinary(tunion.HolderSFI, 0, holder[:])},
	}, steps...)
	// Last: the status byte in it ends the personalisation.
	steps = append(steps, step{"write file 0015", apdu.UpdateBinary(tunion.ApplicationSFI, 0, application[:])})
	if err := run(ctx, card, steps); err != nil {
		return Issued{}, err
	}
	answer, err := apdu.Exchange(ctx, card, apdu.ReadBinary(tunion.ApplicationSFI, 0, tunion.ApplicationSize))
	if err != nil {
		return Issued{}, &SpoiltError{"read back file 0015", err}
	}
	if string(answer) != string(application[:]) {
		return Issued{}, &SpoiltError{"read back file 0015", errors.New("the card does not say what was written")}
	}
	return Issued{Number: number, Issuer: hex.EncodeToString(id.Issuer[:])}, nil
}

func personaliseSocial(ctx context.Context, card apdu.Card, atr []byte, by Maker, o SocialSecurityOrder) (Issued, error) {
	c, err := o.content()
	if err != nil {
		return Issued{}, err
	}
	factor, err := ssc.CardFactor(atr)
	if err != nil {
		return Issued{}, fmt.Errorf("personalise: %w", err)
	}
	c.issuer.Identification = ssc.NewIdentification(c.region, factor)
	steps, err := socialSteps(c.issuer, c.holder)
	if err != nil {
		return Issued{}, err
	}
	group, err := unlock(ctx, card, []byte(ssc.AID), by, keyservice.Card{Kind: keyservice.SocialSecurity, Social: keyservice.Social{
		Province: ssc.ProvinceFactor(c.region), City: ssc.CityFactor(c.region), Card: factor,
	}})
	if err != nil {
		return Issued{}, err
	}
	stored, err := storeSteps(group, personalisation.Group{ID: personalisation.GroupPIN, Data: c.pin})
	if err != nil {
		return Issued{}, err
	}
	if err := run(ctx, card, append(steps, stored...)); err != nil {
		return Issued{}, err
	}
	field, _ := ssc.FieldOf(ssc.TagIdentification)
	answer, err := apdu.Exchange(ctx, card, ssc.Read(field, ssc.ByTagAndFile))
	if err != nil {
		return Issued{}, &SpoiltError{"read back the identification", err}
	}
	r, err := ssc.ParseRecord(answer)
	if err != nil || string(r.Value) != string(c.issuer.Identification[:]) {
		return Issued{}, &SpoiltError{"read back the identification", errors.New("the card does not say what was written")}
	}
	return Issued{CardNumber: c.issuer.CardNumber, Identification: c.issuer.Identification.String()}, nil
}

// has reports whether a version of the card has a record.
func has(fields []ssc.Field, tag ssc.Tag) bool {
	return slices.ContainsFunc(fields, func(f ssc.Field) bool { return f.Tag == tag })
}

// socialSteps write the records of both files, as far as the card's version has
// them.
func socialSteps(issuer ssc.Issuer, holder ssc.Holder) ([]step, error) {
	first, err := issuer.Records()
	if err != nil {
		return nil, fmt.Errorf("personalise: %w", err)
	}
	second, err := holder.Records()
	if err != nil {
		return nil, fmt.Errorf("personalise: %w", err)
	}
	var steps []step
	for _, r := range append(first, second...) {
		if !has(ssc.FieldsOf(issuer.Version), r.Tag) {
			if len(bytes.Trim(r.Value, "\x00")) > 0 {
				return nil, fmt.Errorf("personalise: record %02X: cards of version %s do not have it", byte(r.Tag), issuer.Version)
			}
			continue
		}
		command, err := ssc.Write(r)
		if err != nil {
			return nil, fmt.Errorf("personalise: record %02X: %w", byte(r.Tag), err)
		}
		steps = append(steps, step{fmt.Sprintf("write record %02X", byte(r.Tag)), command})
	}
	return steps, nil
}

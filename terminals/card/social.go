package card

import (
	"bytes"
	"context"
	"errors"

	"citycard/cardos/apdu"
	"citycard/cardos/ssc"
	"citycard/language"
	"citycard/terminals/sam"
)

// Social is a card whose social-security application SSSE is selected.
type Social struct {
	Version string // 1.00, 2.00, 3.00

	application
}

// OpenSocial selects SSSE and reads its version. Errors: ErrNotSocialSecurity, or the card's and
// the transport's.
func OpenSocial(ctx context.Context, c apdu.Card) (*Social, error) {
	if _, err := apdu.Exchange(ctx, c, ssc.Select()); err != nil {
		if apdu.IsNotFound(err) {
			return nil, language.Textf("%w; its answer: %w", ErrNotSocialSecurity, err)
		}
		return nil, language.Textf("select the social-security application: %w", err)
	}
	s := &Social{application: application{c}}
	r, err := s.record(ctx, ssc.TagVersion)
	if err != nil {
		return nil, err
	}
	if s.Version = string(bytes.TrimRight(r.Value, "\x00 ")); s.Version == "" {
		return nil, language.Textf("read record %02X: the version is empty: %w", byte(r.Tag), ssc.ErrLayout)
	}
	return s, nil
}

// record reads a record of SSSE.
func (s *Social) record(ctx context.Context, tag ssc.Tag) (ssc.Record, error) {
	f, ok := ssc.FieldOf(tag)
	if !ok {
		return ssc.Record{}, language.Textf("record %02X is not known", byte(tag))
	}
	r, err := read(ctx, s.card, language.Textf("record %02X", byte(tag)), ssc.Read(f, ssc.ByTagAndFile), ssc.ParseRecord)
	switch {
	case apdu.IsSecurity(err):
		return r, language.Textf("%w; its answer: %w", ErrGuarded, err)
	case err == nil && (r.Tag != tag || len(r.Value) != f.Size):
		return r, language.Textf("read record %02X: the card answers %02X with %d bytes, want %d: %w", byte(tag), byte(r.Tag), len(r.Value), f.Size, ssc.ErrLayout)
	}
	return r, err
}

// Authenticate opens a card of version 3 through a SAM; random is eight random bytes.
// Errors: a *sam.Error, or the card's and the transport's.
func (s *Social) Authenticate(ctx context.Context, access *sam.Access, atr []byte, random [8]byte) error {
	r, err := s.record(ctx, ssc.TagIdentification)
	if err != nil {
		return err
	}
	factor, err := ssc.CardFactor(atr)
	if err != nil {
		return err
	}
	return access.Present(ctx, s.card, factor, ssc.CityFactor([3]byte(r.Value)), random)
}

// Person is what a card says of its issuer and its holder.
type Person struct {
	Issuer ssc.Issuer
	Holder ssc.Holder
	// Missing says why a record is not here: the card guards it (ErrGuarded) or has none; nil
	// where nothing is missing.
	Missing error
}

// Person reads the records that cards of this version have. A card of version 3 gives the
// holder's, and its card number, only after an authentication.
func (s *Social) Person(ctx context.Context) (Person, error) {
	var p Person
	for _, f := range ssc.FieldsOf(s.Version) {
		r, err := s.record(ctx, f.Tag)
		guarded := errors.Is(err, ErrGuarded)
		switch {
		case guarded || apdu.IsNotFound(err):
			if guarded || p.Missing == nil {
				p.Missing = err
			}
			continue
		case err != nil:
			return Person{}, err
		}
		if err := errors.Join(p.Issuer.Add(r), p.Holder.Add(r)); err != nil {
			return Person{}, language.Textf("record %02X: %w", byte(f.Tag), err)
		}
	}
	return p, nil
}

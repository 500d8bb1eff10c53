package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"citycard/cardos/apdu"
	"citycard/cardos/ssc"
	"citycard/terminals/sam"
)

var (
	// ErrNoSocial: there is no social-security application on the card.
	ErrNoSocial = errors.New("no social-security application on the card")
	// ErrGuarded: the card gives this only after an authentication or the PIN.
	ErrGuarded = errors.New("the card wants an authentication or the PIN first")
)

// Social is a card whose application SSSE is selected.
type Social struct {
	Version string
	card    apdu.Card
}

// OpenSocial selects SSSE and reads its version. Errors: ErrNoSocial, or the card's and the
// transport's.
func OpenSocial(ctx context.Context, card apdu.Card) (*Social, error) {
	_, present, err := try(ctx, card, ssc.Select())
	if err != nil {
		return nil, fmt.Errorf("select the application: %w", err)
	}
	if !present {
		return nil, ErrNoSocial
	}
	s := &Social{card: card}
	r, err := s.record(ctx, ssc.TagVersion)
	if err != nil {
		return nil, err
	}
	s.Version = string(bytes.TrimRight(r.Value, "\x00 "))
	if s.Version == "" {
		return nil, fmt.Errorf("read the version: it is empty: %w", ssc.ErrLayout)
	}
	return s, nil
}

// record reads a record of SSSE.
func (s *Social) record(ctx context.Context, tag ssc.Tag) (ssc.Record, error) {
	f, ok := ssc.FieldOf(tag)
	if !ok {
		return ssc.Record{}, fmt.Errorf("record %02X is not known", byte(tag))
	}
	r, err := read(ctx, s.card, fmt.Sprintf("record %02X", byte(tag)), ssc.Read(f, ssc.ByTagAndFile), ssc.ParseRecord)
	switch {
	case apdu.IsSecurity(err):
		return r, fmt.Errorf("%w: %w", ErrGuarded, err)
	case err == nil && (r.Tag != tag || len(r.Value) != f.Size):
		return r, fmt.Errorf("read record %02X: the card answers %02X with %d bytes, want %d: %w", byte(tag), byte(r.Tag), len(r.Value), f.Size, ssc.ErrLayout)
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

// Issuer reads file EF05. Without authentication a card of version 3 leaves the card
// number out.
func (s *Social) Issuer(ctx context.Context) (ssc.Issuer, error) {
	var issuer ssc.Issuer
	err := s.fields(ctx, ssc.SFIIssuer, func(r ssc.Record) error { return issuer.Add(r) })
	return issuer, err
}

// Holder reads file EF06. Errors: ErrGuarded, or the card's and the transport's.
func (s *Social) Holder(ctx context.Context) (ssc.Holder, error) {
	var holder ssc.Holder
	err := s.fields(ctx, ssc.SFIHolder, func(r ssc.Record) error { return holder.Add(r) })
	return holder, err
}

// fields reads the records that the card's version has of a file.
func (s *Social) fields(ctx context.Context, sfi byte, add func(ssc.Record) error) error {
	for _, f := range ssc.FieldsOf(s.Version) {
		if f.SFI != sfi {
			continue
		}
		r, err := s.record(ctx, f.Tag)
		if errors.Is(err, ErrGuarded) && f.Tag == ssc.TagCardNumber {
			continue
		}
		if err == nil {
			err = add(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Table reads a file of a directory: the records of a tagged file by tag, in the
// file's order, of a cyclic file the newest first. The directory is then the
// current one: open the card again for SSSE. What was proved to the card holds in it.
// Errors: ErrGuarded, or the card's and the transport's.
func (s *Social) Table(ctx context.Context, folder ssc.Folder, table ssc.Table) ([]ssc.Record, error) {
	if _, err := apdu.Exchange(ctx, s.card, apdu.Select([]byte(folder.AID))); err != nil {
		return nil, fmt.Errorf("select directory %04X: %w", folder.ID, err)
	}
	count := len(table.Columns)
	if table.Shape == ssc.Cyclic {
		count = table.Rows
	}
	var all []ssc.Record
	for n := 1; n <= count; n++ {
		size := table.RecordSize()
		if table.Shape == ssc.Tagged {
			size = table.Columns[n-1].Size + 2
		}
		answer, err := apdu.Exchange(ctx, s.card, apdu.ReadRecord(table.SFI(), byte(n), size))
		switch {
		case apdu.IsSecurity(err):
			return nil, fmt.Errorf("%w: %w", ErrGuarded, err)
		case apdu.IsNotFound(err):
			continue
		case err == nil && len(answer) != size:
			err = fmt.Errorf("%d bytes, want %d: %w", len(answer), size, ssc.ErrLayout)
		}
		r := ssc.Record{Value: answer}
		if err == nil && table.Shape == ssc.Tagged {
			r, err = ssc.ParseRecord(answer)
		}
		if err != nil {
			return nil, fmt.Errorf("read file %04X of %04X, record %d: %w", table.ID, folder.ID, n, err)
		}
		all = append(all, r)
	}
	return all, nil
}

// VerifyPIN presents the holder's PIN. Errors: *PINError, ErrPINLocked, or the card's
// and the transport's.
func (s *Social) VerifyPIN(ctx context.Context, pin string) error {
	return verifyPIN(ctx, s.card, pin)
}

// ChangePIN changes the holder's PIN. Errors: as VerifyPIN, for the old one.
func (s *Social) ChangePIN(ctx context.Context, old, fresh string) error {
	return changePIN(ctx, s.card, old, fresh)
}

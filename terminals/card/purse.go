package card

import (
	"context"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/cardos/tunion"
	"citycard/language"
)

// Purse is a card whose purse is selected, until another application is.
type Purse struct {
	Application tunion.Application // file 0015
	Region      tunion.Region      // file 0017

	application
}

// regionRead is how much of file 0017 a terminal needs: up to the card type.
const regionRead = 11

// OpenPurse selects the union's purse and reads the files that every terminal needs. Errors:
// ErrNotTransit, a blocked purse, a *apdu.StatusError, tunion.ErrLayout, or the transport's.
func OpenPurse(ctx context.Context, c apdu.Card) (*Purse, error) {
	if _, err := apdu.Exchange(ctx, c, apdu.Select(tunion.AIDPurse.Bytes())); err != nil {
		switch {
		case isBlocked(err):
			return nil, language.Textf("%w; its answer: %w", ErrBlocked, err)
		case apdu.IsNotFound(err):
			return nil, language.Textf("%w; its answer: %w", ErrNotTransit, err)
		}
		return nil, language.Textf("select the purse: %w", err)
	}
	p := &Purse{application: application{c}}
	var err error
	p.Application, err = read(ctx, c, language.Textf("file 0015"), apdu.ReadBinary(tunion.ApplicationSFI, 0, tunion.ApplicationSize), tunion.ParseApplication)
	if err != nil {
		return nil, err
	}
	p.Region, err = read(ctx, c, language.Textf("file 0017"), apdu.ReadBinary(tunion.RegionSFI, 0, regionRead), tunion.ParseRegion)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// isBlocked recognises the answer of the union's cards when the purse or the card is blocked.
func isBlocked(err error) bool { return apdu.IsBlocked(err) || apdu.FunctionNotSupported.Is(err) }

// ID is the identity from which the card's keys are derived.
func (p *Purse) ID() keys.CardID {
	return keys.CardID{Issuer: p.Application.Issuer, ASN: p.Application.ASN}
}

// Holder reads file 0016.
func (p *Purse) Holder(ctx context.Context) (tunion.Holder, error) {
	return read(ctx, p.card, language.Textf("file 0016"), apdu.ReadBinary(tunion.HolderSFI, 0, tunion.HolderSize), tunion.ParseHolder)
}

// Balance reads what the purse holds, without an overdraft allowance, in fen; below zero it is
// overdrawn. Cards that have nothing to say about an overdraft have none.
func (p *Purse) Balance(ctx context.Context) (int32, error) {
	own, err := p.balance(ctx, purse.Own)
	if err != nil || own > 0 {
		return own, err
	}
	used, err := p.balance(ctx, purse.OverdraftUsed)
	if answered(err) {
		return 0, nil
	}
	return -used, err
}

// overdraft reads how far below zero the card lets itself go.
func (p *Purse) overdraft(ctx context.Context) (uint32, error) {
	fen, err := p.balance(ctx, purse.OverdraftLimit)
	if answered(err) {
		return 0, nil
	}
	return uint32(fen), err
}

func (p *Purse) balance(ctx context.Context, kind purse.BalanceKind) (int32, error) {
	fen, err := read(ctx, p.card, language.Textf("the balance"), purse.GetBalance(kind, purse.EP), purse.ParseBalance)
	return int32(fen), err
}

// Log reads the purse's log, newest first, without records that were never written.
func (p *Purse) Log(ctx context.Context) ([]purse.LogRecord, error) {
	return records(ctx, p.card, cyclic[purse.LogRecord]{
		purse.LogSFI, purse.LogRecords, purse.LogRecordSize, purse.ParseLogRecord, purse.LogRecord.Empty,
	})
}

// journeys is file 001E.
func journeys(most int) cyclic[tunion.Journey] {
	return cyclic[tunion.Journey]{tunion.JourneySFI, most, tunion.JourneySize, tunion.ParseJourney, tunion.Journey.Empty}
}

// Journeys reads file 001E, newest first, without records that were never written.
func (p *Purse) Journeys(ctx context.Context) ([]tunion.Journey, error) {
	return records(ctx, p.card, journeys(tunion.JourneyRecords))
}

// LastJourney reads the newest record of file 001E; it is empty on a card that was never used.
func (p *Purse) LastJourney(ctx context.Context) (tunion.Journey, error) {
	last, err := records(ctx, p.card, journeys(1))
	if err != nil || len(last) == 0 {
		return tunion.Journey{}, err
	}
	return last[0], nil
}

// Journey reads the n-th newest record of file 001E, from 1 on; it is empty where there is none.
func (p *Purse) Journey(ctx context.Context, n int) (tunion.Journey, error) {
	j, err := read(ctx, p.card, language.Textf("record %d of file %04X", n, tunion.JourneySFI), apdu.ReadRecord(tunion.JourneySFI, byte(n), tunion.JourneySize), tunion.ParseJourney)
	if apdu.RecordNotFound.Is(err) {
		return tunion.Journey{}, nil
	}
	return j, err
}

// cyclic is a cyclic file, or its newest records.
type cyclic[T any] struct {
	sfi   byte
	most  int
	size  int
	parse func([]byte) (T, error)
	empty func(T) bool
}

// records reads a cyclic file up to its end or its first empty record.
func records[T any](ctx context.Context, c apdu.Card, file cyclic[T]) ([]T, error) {
	var all []T
	for n := 1; n <= file.most; n++ {
		r, err := read(ctx, c, language.Textf("record %d of file %04X", n, file.sfi), apdu.ReadRecord(file.sfi, byte(n), file.size), file.parse)
		if apdu.RecordNotFound.Is(err) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if file.empty(r) {
			return all, nil
		}
		all = append(all, r)
	}
	return all, nil
}

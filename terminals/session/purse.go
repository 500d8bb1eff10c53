package session

import (
	"context"
	"errors"
	"fmt"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/monthly"
	"citycard/cardos/purse"
	"citycard/cardos/tunion"
)

var (
	// ErrNoPurse: there is no transit purse on the card.
	ErrNoPurse = errors.New("no transit purse on the card")
	// ErrBlocked: the purse is blocked, for good or for now.
	ErrBlocked = errors.New("the purse is blocked")
)

// Purse is a card whose purse is selected. It lasts until another application is.
type Purse struct {
	Application tunion.Application

	card apdu.Card
}

// OpenPurse selects a purse by the union's name. Errors: ErrNoPurse, ErrBlocked, or the
// card's and the transport's.
func OpenPurse(ctx context.Context, card apdu.Card) (*Purse, error) {
	answer, err := apdu.Exchange(ctx, card, apdu.Select(tunion.AIDPurse.Bytes()))
	if apdu.IsBlocked(err) || apdu.FunctionNotSupported.Is(err) {
		return nil, fmt.Errorf("%w: %w", ErrBlocked, err)
	}
	if _, answered := apdu.StatusOf(err); answered {
		return nil, ErrNoPurse
	}
	if err != nil {
		return nil, fmt.Errorf("select the purse: %w", err)
	}
	p := &Purse{card: card}
	// The FCI carries file 0015 on cards that were seen; the file is asked for where it
	// does not.
	if fci, err := tunion.ParseFCI(answer); err == nil {
		p.Application = fci.Application
		return p, nil
	}
	p.Application, err = read(ctx, card, "file 0015", apdu.ReadBinary(tunion.ApplicationSFI, 0, tunion.ApplicationSize), tunion.ParseApplication)
	if _, answered := apdu.StatusOf(err); answered {
		return nil, ErrNoPurse
	}
	return p, err
}

// ID is what the card's keys come from.
func (p *Purse) ID() keys.CardID {
	return keys.CardID{Issuer: p.Application.Issuer, ASN: p.Application.ASN}
}

// Region reads file 0017.
func (p *Purse) Region(ctx context.Context) (tunion.Region, error) {
	return read(ctx, p.card, "file 0017", apdu.ReadBinary(tunion.RegionSFI, 0, tunion.RegionSize), tunion.ParseRegion)
}

// Holder reads file 0016.
func (p *Purse) Holder(ctx context.Context) (tunion.Holder, error) {
	return read(ctx, p.card, "file 0016", apdu.ReadBinary(tunion.HolderSFI, 0, tunion.HolderSize), tunion.ParseHolder)
}

// Balances are what GET BALANCE gives, in fen.
type Balances struct {
	Available uint32 // with the overdraft allowance
	Limit     uint32 // of the overdraft
	Used      uint32 // of the overdraft
	Own       uint32 // without the allowance
}

// Balances reads all kinds of balance. A card that knows one kind alone has no
// overdraft.
func (p *Purse) Balances(ctx context.Context) (Balances, error) {
	var b Balances
	for _, k := range []struct {
		kind purse.BalanceKind
		into *uint32
	}{{purse.Available, &b.Available}, {purse.OverdraftLimit, &b.Limit}, {purse.OverdraftUsed, &b.Used}, {purse.Own, &b.Own}} {
		v, err := read(ctx, p.card, "the balance", purse.GetBalance(k.kind, purse.EP), purse.ParseBalance)
		if _, answered := apdu.StatusOf(err); answered && k.kind != purse.Available {
			return Balances{Available: b.Available, Own: b.Available}, nil
		}
		if err != nil {
			return Balances{}, err
		}
		*k.into = v
	}
	return b, nil
}

// Log reads the purse's log, newest first, without records that were never written.
func (p *Purse) Log(ctx context.Context) ([]purse.LogRecord, error) {
	return records(ctx, p.card, purse.LogSFI, purse.LogRecords, purse.LogRecordSize, "the log", purse.ParseLogRecord, purse.LogRecord.Empty)
}

// Journeys reads file 001E, newest first, without records that were never written.
func (p *Purse) Journeys(ctx context.Context) ([]tunion.Journey, error) {
	return records(ctx, p.card, tunion.JourneySFI, tunion.JourneyRecords, tunion.JourneySize, "the journeys", tunion.ParseJourney, tunion.Journey.Empty)
}

// records reads a cyclic file up to its end or its first empty record.
func records[T any](ctx context.Context, card apdu.Card, sfi byte, most, size int, what string, parse func([]byte) (T, error), empty func(T) bool) ([]T, error) {
	var all []T
	for n := 1; n <= most; n++ {
		r, err := read(ctx, card, fmt.Sprintf("%s, record %d", what, n), apdu.ReadRecord(sfi, byte(n), size), parse)
		if apdu.RecordNotFound.Is(err) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if empty(r) {
			return all, nil
		}
		all = append(all, r)
	}
	return all, nil
}

// Trips are the records of file 001A that this project reads.
type Trips struct {
	Rail *tunion.RailTrip // nil where none was written
	Bus  *tunion.BusTrip
}

// Trips reads file 001A.
func (p *Purse) Trips(ctx context.Context) (Trips, error) {
	var t Trips
	rail, err := read(ctx, p.card, "the rail trip", apdu.ReadRecord(tunion.TripSFI, tunion.TripRail, tunion.TripSize), tunion.ParseRailTrip)
	if err != nil {
		return t, err
	}
	bus, err := read(ctx, p.card, "the bus trip", apdu.ReadRecord(tunion.TripSFI, tunion.TripBus, tunion.TripSize), tunion.ParseBusTrip)
	if err != nil {
		return t, err
	}
	if rail.ID != 0 {
		t.Rail = &rail
	}
	if bus.ID != 0 {
		t.Bus = &bus
	}
	return t, nil
}

// Tickets reads the monthly tickets by record number. Cards of other issuers have none.
func (p *Purse) Tickets(ctx context.Context) (map[byte]monthly.Ticket, error) {
	all := map[byte]monthly.Ticket{}
	for n := byte(1); n <= monthly.Records; n++ {
		answer, present, err := try(ctx, p.card, apdu.ReadRecord(monthly.SFI, n, monthly.Size))
		if err != nil {
			return nil, fmt.Errorf("read the monthly tickets: %w", err)
		}
		if !present {
			return all, nil
		}
		t, ok, err := monthly.Parse(answer)
		if err != nil {
			return nil, fmt.Errorf("read the monthly tickets: %w", err)
		}
		if ok {
			all[n] = t
		}
	}
	return all, nil
}

// Counters are the numbers of the next load and the next payment.
type Counters struct{ Online, Offline uint16 }

// Counters asks for both by beginning transactions that are never ended; nothing on
// the card changes.
func (p *Purse) Counters(ctx context.Context) (Counters, error) {
	load, err := read(ctx, p.card, "the online counter", purse.InitializeLoad(purse.Start{Wallet: purse.EP, KeyIndex: keyIndex, Amount: 1}), purse.ParseLoadStart)
	if err != nil {
		return Counters{}, err
	}
	pay, err := read(ctx, p.card, "the offline counter", purse.InitializePurchase(purse.Start{Wallet: purse.EP, KeyIndex: keyIndex}), purse.ParsePurchaseStart)
	return Counters{load.OnlineSequence, pay.OfflineSequence}, err
}

// VerifyPIN presents the holder's PIN. Errors: *PINError, ErrPINLocked, or the card's
// and the transport's.
func (p *Purse) VerifyPIN(ctx context.Context, pin string) error {
	return verifyPIN(ctx, p.card, pin)
}

// ChangePIN changes the holder's PIN. Errors: as VerifyPIN, for the old one.
func (p *Purse) ChangePIN(ctx context.Context, old, fresh string) error {
	return changePIN(ctx, p.card, old, fresh)
}

func verifyPIN(ctx context.Context, card apdu.Card, pin string) error {
	b, err := digits(pin)
	if err != nil {
		return err
	}
	return present(ctx, card, "verify the PIN", apdu.Verify(0, b))
}

func changePIN(ctx context.Context, card apdu.Card, old, fresh string) error {
	a, err := digits(old)
	if err != nil {
		return err
	}
	b, err := digits(fresh)
	if err != nil {
		return err
	}
	if len(old)%2 != 0 || len(fresh)%2 != 0 {
		// CHANGE PIN parts the two with FF, which an odd PIN's filling would imitate.
		return errors.New("a PIN that is changed must have an even number of digits")
	}
	return present(ctx, card, "change the PIN", purse.ChangePIN(0, a, b))
}

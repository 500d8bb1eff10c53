package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/keys"
	"citycard/cardos/monthly"
	"citycard/cardos/psam"
	"citycard/cardos/purse"
	"citycard/terminals/sam"
)

// keyIndex is the key that terminals name.
const keyIndex = 1

var (
	// ErrInsufficient: the purse does not hold the amount.
	ErrInsufficient = errors.New("the balance does not suffice")
	// ErrOtherCard: the card at hand is not the one whose outcome is open.
	ErrOtherCard = errors.New("this is another card")
	// ErrTooLate: the card has paid elsewhere since; its log and the clearing centre
	// tell the outcome.
	ErrTooLate = errors.New("the card has been used since")
	// ErrNoTicket: no monthly ticket is in that record.
	ErrNoTicket = errors.New("no monthly ticket")
)

// Receipt is a payment that was made: what its TAC covers, the card's counter before and
// its balance after.
type Receipt struct {
	Card             keys.CardID
	Amount           uint32
	Type             byte
	Terminal         [6]byte
	TerminalSequence uint32
	Time             [7]byte
	TAC              keys.MAC
	OtherTAC         *keys.MAC // what the TAC is if TAC is not; nil but where only clearing can tell
	Counter          uint16
	Balance          uint32
}

// UnknownError says that the card was asked to pay and no usable answer came. Receipt
// is complete but for the TAC.
type UnknownError struct {
	Receipt Receipt
	Err     error
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("no proof came of %d fen that the card was told to pay; whether it paid is not known, hold it to the reader again: %v", e.Receipt.Amount, e.Err)
}

// Unwrap returns the cause.
func (e *UnknownError) Unwrap() error { return e.Err }

// Pay takes an amount by an ordinary purchase. at is the wall-clock time in the city's
// zone. Errors: ErrInsufficient, ErrBlocked, *UnknownError (around sam.ErrForged where a
// proof came and is wrong), a *sam.Error (with a receipt when the card has paid), or the
// card's and the transport's.
func (p *Purse) Pay(ctx context.Context, module *sam.Module, amount uint32, at time.Time) (*Receipt, error) {
	return p.pay(ctx, module, purse.TypeEPPurchase, amount, bcd.Time(at), nil)
}

// Ride uses a monthly ticket: one ride fewer, and a debit of zero fen that proves it.
// Errors: ErrNoTicket, monthly.ErrNotValid, monthly.ErrUsedUp, or those of Pay.
func (p *Purse) Ride(ctx context.Context, module *sam.Module, record, industry byte, at time.Time) (*Receipt, monthly.Ticket, error) {
	tickets, err := p.Tickets(ctx)
	if err != nil {
		return nil, monthly.Ticket{}, err
	}
	ticket, ok := tickets[record]
	if !ok {
		return nil, ticket, fmt.Errorf("%w in record %d", ErrNoTicket, record)
	}
	when := bcd.Time(at)
	used, err := ticket.Ride(industry, when)
	if err != nil {
		return nil, ticket, err
	}
	b := used.Encode()
	r, err := p.pay(ctx, module, purse.TypeCAPP, 0, when, []apdu.Command{purse.UpdateCAPP(record, monthly.SFI, b[:])})
	if r == nil {
		return nil, ticket, err
	}
	return r, used, err
}

// pay begins, caches updates, and debits.
func (p *Purse) pay(ctx context.Context, module *sam.Module, kind byte, amount uint32, when [7]byte, updates []apdu.Command) (*Receipt, error) {
	r := &Receipt{Card: p.ID(), Amount: amount, Type: kind, Terminal: module.Terminal(), Time: when}
	start, err := p.begin(ctx, kind, amount, r.Terminal)
	if err != nil {
		return nil, err
	}
	if start.OldBalance < amount {
		return nil, fmt.Errorf("%w: %d fen, %d are wanted", ErrInsufficient, start.OldBalance, amount)
	}
	r.Counter, r.Balance = start.OfflineSequence, start.OldBalance-amount
	for _, u := range updates {
		if _, err := apdu.Exchange(ctx, p.card, u); err != nil {
			return nil, fmt.Errorf("hand over the record: %w", err)
		}
	}
	sold, err := module.Start(ctx, psam.Purchase{
		Random: start.Random, OfflineSequence: start.OfflineSequence, Amount: amount, Type: kind, Time: when,
		KeyVersion: start.KeyVersion, Algorithm: start.Algorithm, Factors: psam.UnionFactors(r.Card),
	})
	if err != nil {
		return nil, err
	}
	r.TerminalSequence = sold.TerminalSequence
	answer, err := apdu.Exchange(ctx, p.card, purse.Debit(sold.TerminalSequence, when, sold.MAC1))
	if apdu.IsUndone(err) {
		return nil, fmt.Errorf("the card does not pay: %w", err)
	}
	if err != nil {
		return nil, &UnknownError{*r, err}
	}
	paid, err := purse.ParseDebit(answer)
	if err != nil {
		return nil, &UnknownError{*r, err}
	}
	err = module.Confirm(ctx, paid.MAC2)
	if errors.Is(err, sam.ErrForged) {
		return nil, &UnknownError{*r, err}
	}
	r.TAC = paid.TAC
	return r, err
}

// begin initializes a payment; it changes nothing on the card.
func (p *Purse) begin(ctx context.Context, kind byte, amount uint32, terminal [6]byte) (purse.PurchaseStart, error) {
	command := purse.InitializePurchase
	if kind == purse.TypeCAPP {
		command = purse.InitializeCAPP
	}
	start, err := read(ctx, p.card, "the answer to a payment's beginning",
		command(purse.Start{Wallet: purse.EP, KeyIndex: keyIndex, Amount: amount, Terminal: terminal}), purse.ParsePurchaseStart)
	switch {
	case apdu.IsInsufficient(err):
		return start, fmt.Errorf("%w: %w", ErrInsufficient, err)
	case apdu.IsBlocked(err), apdu.FunctionNotSupported.Is(err):
		return start, fmt.Errorf("%w: %w", ErrBlocked, err)
	case err == nil && start.Algorithm != 0:
		return start, fmt.Errorf("the card wants algorithm %d, this terminal knows 0 (3DES)", start.Algorithm)
	}
	return start, err
}

// Resolve settles an unknown outcome on the same card, opened again: the receipt with its
// TAC when it has paid (or with both codes that it may be, where the module holds the sale
// no longer and cannot tell), nil when it has not. Nothing on the card changes. Errors:
// ErrOtherCard, ErrTooLate, sam.ErrForged where the module refuses both codes, or the
// card's and the transport's; the outcome then stays open.
func (p *Purse) Resolve(ctx context.Context, module *sam.Module, open *UnknownError) (*Receipt, error) {
	r := open.Receipt
	if p.ID() != r.Card {
		return nil, ErrOtherCard
	}
	start, err := p.begin(ctx, purse.TypeEPPurchase, 0, r.Terminal)
	if err != nil {
		return nil, err
	}
	switch start.OfflineSequence {
	case r.Counter:
		return nil, nil //nolint:nilnil // not paid: there is no receipt and nothing went wrong
	case r.Counter + 1:
	default:
		return nil, fmt.Errorf("%w: its counter is %d, it was %d", ErrTooLate, start.OfflineSequence, r.Counter)
	}
	last, err := read(ctx, p.card, "the card's log", apdu.ReadRecord(purse.LogSFI, 1, purse.LogRecordSize), purse.ParseLogRecord)
	if err != nil {
		return nil, err
	}
	if last.Sequence != r.Counter || last.Type != r.Type || last.Terminal != r.Terminal || last.Amount != r.Amount || last.Time != r.Time {
		return nil, fmt.Errorf("%w: its last payment is another one, or it was loaded since", ErrTooLate)
	}
	proof, err := read(ctx, p.card, "the proof of payment", purse.Prove(r.Type, r.Counter+1), purse.ParseProof)
	if apdu.MACUnavailable.Is(err) {
		return nil, fmt.Errorf("%w: its last transaction is another one: %w", ErrTooLate, err)
	}
	if err != nil {
		return nil, err
	}
	settled, sure, err := module.Settle(ctx, r.TerminalSequence, proof)
	if err != nil {
		return nil, err
	}
	if r.TAC = settled.TAC; !sure {
		r.OtherTAC = &settled.MAC2
	}
	return &r, nil
}

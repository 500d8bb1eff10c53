package capp

import (
	"context"
	"errors"
	"fmt"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/psam"
	"citycard/cardos/purse"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/sam"
)

// keyIndex is the purchase key that terminals name.
const keyIndex = 1

// Sale is what the card is asked to pay and to remember.
type Sale struct {
	Amount uint32 // fen, 0 at an entry
	Time   [7]byte
	// Trip is the record of file 001A; P1 of its update is the low byte of the
	// record's identifier, as seen in reader traffic.
	Trip [tunion.TripSize]byte
	// Journey is the record of file 001E. Pay fills in terminal, amount, balance
	// and time, so that it agrees with the purse's own log.
	Journey tunion.Journey
}

// Receipt is a paid sale: everything the TAC covers, and the card's counter and
// balance.
type Receipt struct {
	Card             keys.CardID
	Amount           uint32
	Terminal         [6]byte
	TerminalSequence uint32
	Time             [7]byte
	TAC              keys.MAC
	OtherTAC         *keys.MAC // what the TAC is if TAC is not; nil but where only clearing can tell
	KeyVersion       byte
	Algorithm        byte
	Counter          uint16 // offline sequence before the debit
	Balance          uint32 // after the debit
}

// Debit is the receipt as the message log carries it.
func (r Receipt) Debit() *message.Debit {
	d := &message.Debit{
		Card: r.Card.ASN[:], Issuer: r.Card.Issuer[:], Type: uint32(purse.TypeCAPP), AmountFen: r.Amount,
		Terminal: r.Terminal[:], TerminalSequence: r.TerminalSequence, Time: r.Time[:], Tac: r.TAC[:],
		KeyVersion: uint32(r.KeyVersion), Algorithm: uint32(r.Algorithm),
	}
	if r.OtherTAC != nil {
		d.OtherTac, d.OtherTacReason = r.OtherTAC[:], message.Unsure_UNSURE_TORN_TAP
	}
	return d
}

// UnknownError says that the card was asked to pay and no usable answer came.
// Receipt is complete but for the TAC. Keep it: Resolve tells the outcome when
// the card comes again; if it never does, the gap in the card's counter tells
// the clearing centre.
type UnknownError struct {
	Receipt Receipt
	Err     error
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("no proof came of %d fen that the card was told to pay (terminal sequence %d); whether it paid is not known, hold the card to the reader again: %v", e.Receipt.Amount, e.Receipt.TerminalSequence, e.Err)
}

// Unwrap returns the cause.
func (e *UnknownError) Unwrap() error { return e.Err }

// Pay carries the sale out on a card that was presented. See the package for
// what it returns; when both a receipt and an error come back, the card has paid.
func Pay(ctx context.Context, card apdu.Card, module *sam.Module, id keys.CardID, sale Sale) (*Receipt, error) {
	terminal := module.Terminal()
	start, err := initialize(ctx, card, sale.Amount, terminal)
	if err != nil {
		return nil, err
	}
	if start.Algorithm != 0 {
		return nil, fmt.Errorf("the card wants algorithm %d, this terminal knows 0 (3DES)", start.Algorithm)
	}
	if start.OldBalance < sale.Amount {
		return nil, fmt.Errorf("%w: %d fen, the fare is %d", ErrInsufficient, start.OldBalance, sale.Amount)
	}
	r := &Receipt{
		Card: id, Amount: sale.Amount, Terminal: terminal, Time: sale.Time, KeyVersion: start.KeyVersion,
		Algorithm: start.Algorithm, Counter: start.OfflineSequence, Balance: start.OldBalance - sale.Amount,
	}
	if err := remember(ctx, card, &sale, r); err != nil {
		return nil, err
	}
	sold, err := module.Start(ctx, psam.Purchase{
		Random: start.Random, OfflineSequence: start.OfflineSequence, Amount: sale.Amount, Type: purse.TypeCAPP,
		Time: sale.Time, KeyVersion: start.KeyVersion, Algorithm: start.Algorithm, Factors: psam.UnionFactors(id),
	})
	if err != nil {
		return nil, err
	}
	r.TerminalSequence = sold.TerminalSequence
	answer, err := apdu.Exchange(ctx, card, purse.Debit(sold.TerminalSequence, sale.Time, sold.MAC1))
	if apdu.IsUndone(err) {
		return nil, fmt.Errorf("the card does not pay: %w", err)
	}
	if err != nil {
		return nil, &UnknownError{Receipt: *r, Err: err}
	}
	paid, err := purse.ParseDebit(answer)
	if err != nil {
		return nil, &UnknownError{Receipt: *r, Err: err}
	}
	err = module.Confirm(ctx, paid.MAC2)
	if errors.Is(err, sam.ErrForged) {
		return nil, &UnknownError{Receipt: *r, Err: err}
	}
	r.TAC = paid.TAC
	return r, err
}

// initialize begins a composite purchase; it changes nothing on the card.
func initialize(ctx context.Context, card apdu.Card, amount uint32, terminal [6]byte) (purse.PurchaseStart, error) {
	answer, err := apdu.Exchange(ctx, card, purse.InitializeCAPP(purse.Start{
		Wallet: purse.EP, KeyIndex: keyIndex, Amount: amount, Terminal: terminal,
	}))
	switch {
	case apdu.IsInsufficient(err):
		return purse.PurchaseStart{}, fmt.Errorf("%w: %w", ErrInsufficient, err)
	case apdu.IsBlocked(err), apdu.PermanentlyBlocked.Is(err):
		return purse.PurchaseStart{}, fmt.Errorf("%w: %w", ErrBlocked, err)
	case err != nil:
		return purse.PurchaseStart{}, fmt.Errorf("begin the payment: %w", err)
	}
	start, err := purse.ParsePurchaseStart(answer)
	if err != nil {
		return purse.PurchaseStart{}, fmt.Errorf("begin the payment: %w", err)
	}
	return start, nil
}

// remember hands the card the records that become lasting with the debit.
func remember(ctx context.Context, card apdu.Card, sale *Sale, r *Receipt) error {
	if _, err := apdu.Exchange(ctx, card, purse.UpdateCAPP(sale.Trip[1], tunion.TripSFI, sale.Trip[:])); err != nil {
		return fmt.Errorf("hand over the trip: %w", err)
	}
	j := sale.Journey
	j.Terminal, j.Amount, j.Balance, j.Time = tunion.LongTerminal(r.Terminal), r.Amount, r.Balance, r.Time
	record := j.Encode()
	if _, err := apdu.Exchange(ctx, card, purse.UpdateCAPP(0, tunion.JourneySFI, record[:])); err != nil {
		return fmt.Errorf("hand over the journey: %w", err)
	}
	return nil
}

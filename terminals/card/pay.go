package card

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/psam"
	"citycard/cardos/purse"
	"citycard/clearing/message"
	"citycard/terminals/sam"
)

// keyIndex is the key that terminals name, for payments and for loads.
const keyIndex = 1

var (
	// ErrInsufficient: the purse does not hold the amount.
	ErrInsufficient = errors.New("the balance does not suffice")
	// ErrMinimum: the purse holds less than it must before.
	ErrMinimum = errors.New("the balance is below the minimum")
	// ErrAlgorithm: the purse computes its codes with another algorithm than 3DES. How one with SM4
	// does is not public (cards.md D, H).
	ErrAlgorithm = errors.New("the card's algorithm is not known here")
)

// Payment is what a card is asked to pay.
type Payment struct {
	Kind   byte   // purse.TypeCAPP or purse.TypeEPPurchase
	Amount uint32 // fen, 0 at an entry
	Time   [7]byte
	Terms  Terms
	// Updates are records that a composite purchase leaves on the card; nil where there are none.
	Updates func(terminal [6]byte, balance int32) []Update
	// Tap is what is recorded besides the payment; Pay adds debit, card counter and balance.
	Tap *message.Tap
	// Before is given the tap, complete except for its TAC, just before the card is told to pay:
	// make it durable, so that a payment is known whatever happens next. After an error the card is
	// not told. Nil where nothing is to be done.
	Before func(*message.Tap) error
}

// Terms are what a purse must hold before a payment, and after it.
type Terms struct {
	Minimum   *uint32 // fen, before; nil: it may be below zero
	Overdraft bool    // it may go below zero as far as the card lets it, from zero or above
}

// allow says whether a payment may be made: nil, ErrMinimum or ErrInsufficient.
func (t Terms) allow(start *purse.PurchaseStart, amount uint32) error {
	own := int64(start.Own())
	left := own - int64(amount)
	switch {
	case t.Minimum != nil && own < int64(*t.Minimum):
		return fmt.Errorf("%w: %d fen, %d are wanted", ErrMinimum, own, *t.Minimum)
	case amount == 0 || left >= 0, t.Overdraft && own >= 0 && -left <= int64(start.OverdraftLimit):
		return nil
	}
	return fmt.Errorf("%w: %d fen, the fare is %d", ErrInsufficient, own, amount)
}

// Update is a record that the debit makes permanent. If there are several, all become permanent or
// none does.
type Update struct {
	Name   string // for errors
	ID     byte   // P1: the low byte of the record's own identifier, its number, or 0
	SFI    byte
	Record []byte
}

// UnknownError says that a card was told to pay, or to take money, and no usable answer came.
// Tap or Load, whichever was in progress, is complete except for its TAC. Keep it: Resolve or
// ResolveLoad tells the outcome when the card comes again. If it never does, the gap in the
// card's counter tells clearing. Money that may be on a card must not be given back before that.
type UnknownError struct {
	Tap  *message.Tap
	Load *message.Load
	MAC2 keys.MAC // the authority's code of a load, worth nothing for any other
	Err  error
}

func (e *UnknownError) Error() string {
	if e.Load != nil {
		return fmt.Sprintf("the card left while %d fen were written (order %s); whether it holds them is not known, put it back: %v", e.Load.GetAmountFen(), e.Load.GetOrder(), e.Err)
	}
	d := e.Tap.GetDebit()
	return fmt.Sprintf("no proof came of %d fen that the card was told to pay (terminal sequence %d); whether it paid is not known, hold the card to the reader again: %v", d.GetAmountFen(), d.GetTerminalSequence(), e.Err)
}

// Unwrap returns the cause.
func (e *UnknownError) Unwrap() error { return e.Err }

// Pay carries out a payment. The package comment says what it returns; when both a tap and an error
// come back, the card has paid. Errors before the debit: ErrInsufficient, ErrMinimum, a blocked
// purse, a *sam.Error, that of pay.Before, or the card's and the transport's.
func (p *Purse) Pay(ctx context.Context, module *sam.Module, pay Payment) (*message.Tap, error) {
	terminal, id := module.Terminal(), p.ID()
	start, err := p.begin(ctx, pay.Kind, pay.Amount, terminal)
	if err != nil {
		return nil, err
	}
	if start.Algorithm != 0 {
		return nil, fmt.Errorf("%w: it wants algorithm %d, this terminal knows 0 (3DES)", ErrAlgorithm, start.Algorithm)
	}
	if err := pay.Terms.allow(&start, pay.Amount); err != nil {
		return nil, err
	}
	tap := &message.Tap{}
	proto.Merge(tap, pay.Tap)
	tap.CardCounter, tap.BalanceFen = uint32(start.OfflineSequence), start.Own()-int32(pay.Amount)
	tap.Debit = &message.Debit{
		Card: id.ASN[:], Issuer: id.Issuer[:], Type: uint32(pay.Kind), AmountFen: pay.Amount, Terminal: terminal[:],
		Time: pay.Time[:], KeyVersion: uint32(start.KeyVersion), Algorithm: uint32(start.Algorithm),
	}
	if pay.Updates != nil {
		if err := p.handOver(ctx, pay.Updates(terminal, tap.BalanceFen)); err != nil {
			return nil, err
		}
	}
	sold, err := module.Start(ctx, psam.Purchase{
		Random: start.Random, OfflineSequence: start.OfflineSequence, Amount: pay.Amount, Type: pay.Kind,
		Time: pay.Time, KeyVersion: start.KeyVersion, Algorithm: start.Algorithm, Factors: psam.UnionFactors(id),
	})
	if err != nil {
		return nil, err
	}
	tap.Debit.TerminalSequence = sold.TerminalSequence
	if pay.Before != nil {
		if err := pay.Before(tap); err != nil {
			return nil, fmt.Errorf("before the payment: %w", err)
		}
	}
	return p.debit(ctx, module, tap, sold.MAC1)
}

// Start is what the card says before a payment: its balance, its counter, and how far below zero it
// lets itself go. It begins a payment of nothing, and the card forgets that with the next command;
// nothing on it changes.
func (p *Purse) Start(ctx context.Context) (purse.PurchaseStart, error) {
	return p.begin(ctx, purse.TypeCAPP, 0, [6]byte{})
}

// begin initializes a payment; it changes nothing on the card.
func (p *Purse) begin(ctx context.Context, kind byte, amount uint32, terminal [6]byte) (purse.PurchaseStart, error) {
	initialize := purse.InitializePurchase
	if kind == purse.TypeCAPP {
		initialize = purse.InitializeCAPP
	}
	start, err := ask(ctx, p.card, initialize(purse.Start{Wallet: purse.EP, KeyIndex: keyIndex, Amount: amount, Terminal: terminal}), purse.ParsePurchaseStart)
	switch {
	case apdu.IsInsufficient(err):
		return start, fmt.Errorf("%w: %w", ErrInsufficient, err)
	case isBlocked(err):
		return start, fmt.Errorf("%w: %w", ErrBlocked, err)
	case err != nil:
		return start, fmt.Errorf("begin the payment: %w", err)
	}
	return start, nil
}

// handOver gives the card the records that the debit makes permanent.
func (p *Purse) handOver(ctx context.Context, updates []Update) error {
	for _, u := range updates {
		if _, err := apdu.Exchange(ctx, p.card, purse.UpdateCAPP(u.ID, u.SFI, u.Record)); err != nil {
			return fmt.Errorf("hand over the %s: %w", u.Name, err)
		}
	}
	return nil
}

// debit takes the money. The tap passed in is complete except for its TAC. It is everything that
// must be kept, before the command is sent, in case the outcome stays unknown.
func (p *Purse) debit(ctx context.Context, module *sam.Module, tap *message.Tap, mac1 keys.MAC) (*message.Tap, error) {
	d := tap.GetDebit()
	paid, err := ask(ctx, p.card, purse.Debit(d.GetTerminalSequence(), [7]byte(d.GetTime()), mac1), purse.ParseDebit)
	if apdu.IsUndone(err) {
		return nil, fmt.Errorf("the card does not pay: %w", err)
	}
	if err != nil {
		return nil, &UnknownError{Tap: tap, Err: err}
	}
	err = module.Confirm(ctx, paid.MAC2)
	if errors.Is(err, sam.ErrForged) {
		return nil, &UnknownError{Tap: tap, Err: err}
	}
	d.Tac = paid.TAC[:]
	return tap, err
}

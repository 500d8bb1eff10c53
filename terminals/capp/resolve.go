package capp

import (
	"context"
	"errors"
	"fmt"

	"citycard/cardos/apdu"
	"citycard/cardos/purse"
	"citycard/terminals/sam"
)

var (
	// ErrOtherCard: the card at hand is not the one whose outcome is open.
	ErrOtherCard = errors.New("this is another card")
	// ErrTooLate: the card has paid elsewhere since, and no longer tells the
	// outcome by itself; its log and the clearing centre do.
	ErrTooLate = errors.New("the card has been used since")
)

// Resolve settles an unknown outcome with the same card, presented again to the same
// terminal: the receipt when the card has paid, with its TAC, or with both codes where the
// module no longer tells which is the TAC; nil when it has not. Either way the card changes
// nothing. Errors: ErrOtherCard, ErrTooLate, ErrBlocked, sam.ErrForged where the module
// refuses both codes, or the card's and the transport's; the outcome then stays open.
func Resolve(ctx context.Context, card apdu.Card, module *sam.Module, open *UnknownError) (*Receipt, error) {
	p, err := Present(ctx, card)
	if err != nil {
		return nil, err
	}
	r := open.Receipt
	if p.ID() != r.Card {
		return nil, ErrOtherCard
	}
	start, err := initialize(ctx, card, 0, r.Terminal)
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
	if err := sameAsLogged(ctx, card, r); err != nil {
		return nil, err
	}
	answer, err := apdu.Exchange(ctx, card, purse.Prove(purse.TypeCAPP, r.Counter+1))
	if apdu.MACUnavailable.Is(err) {
		return nil, fmt.Errorf("%w: its last payment is another one: %w", ErrTooLate, err)
	}
	if err != nil {
		return nil, fmt.Errorf("ask for the proof of payment: %w", err)
	}
	proof, err := purse.ParseProof(answer)
	if err != nil {
		return nil, fmt.Errorf("ask for the proof of payment: %w", err)
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

// sameAsLogged checks that the payment the counter tells of is the open one and
// not another terminal's.
func sameAsLogged(ctx context.Context, card apdu.Card, r Receipt) error {
	answer, err := apdu.Exchange(ctx, card, apdu.ReadRecord(purse.LogSFI, 1, purse.LogRecordSize))
	if err != nil {
		return fmt.Errorf("read the card's log: %w", err)
	}
	last, err := purse.ParseLogRecord(answer)
	if err != nil {
		return fmt.Errorf("read the card's log: %w", err)
	}
	if last.Sequence != r.Counter || last.Type != purse.TypeCAPP || last.Terminal != r.Terminal || last.Amount != r.Amount || last.Time != r.Time {
		return fmt.Errorf("%w: its last payment is another one", ErrTooLate)
	}
	return nil
}

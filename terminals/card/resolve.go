package card

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/apdu"
	"citycard/cardos/purse"
	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/sam"
)

var (
	// ErrOtherCard: the card at hand is not the one whose outcome is unknown.
	ErrOtherCard = errors.New("this is another card")
	// ErrTooLate: the card can tell the outcome no more. It has been used elsewhere since, so its
	// counter does not say it, or it answers and gives neither its log nor its codes. The clearing
	// centre finds it out.
	ErrTooLate = errors.New("the card can no longer tell")
	// ErrLogged comes together with ErrTooLate where the card's log has this payment.
	ErrLogged = errors.New("its log has the payment, but the card gives its code no more")
	// ErrNotPaid comes together with ErrTooLate where the card's log has another payment in the
	// place of this one: the card was not charged here.
	ErrNotPaid = errors.New("its log has another payment in the place of this one")
)

// Resolve finds the outcome of a payment with the same card, presented again to the same terminal
// or to another: the tap when the card has paid, with its TAC, or with both codes where the module
// cannot tell which is the TAC; nil when it has not. All of that is the card's own word, unless the
// module tells the codes: see [Attest]. Either way the card changes nothing. Errors: ErrOtherCard,
// ErrTooLate, alone or with ErrLogged or ErrNotPaid, a blocked purse, sam.ErrForged where the
// module refuses both codes, or the card's and the transport's; without ErrNotPaid the outcome then
// stays unknown. A card that refuses to give its log or its codes, or gives what cannot be read,
// would do so again: that is ErrTooLate, and only a command without an answer may do better.
func Resolve(ctx context.Context, c apdu.Card, module *sam.Module, open *UnknownError) (*message.Tap, error) {
	debit := open.Tap.GetDebit()
	p, err := reopen(ctx, c, debit.GetCard(), debit.GetIssuer())
	if err != nil {
		return nil, err
	}
	kind, before := byte(debit.GetType()), uint16(open.Tap.GetCardCounter())
	start, err := p.begin(ctx, kind, 0, [6]byte(debit.GetTerminal()))
	if err != nil {
		return nil, err
	}
	moved, err := moved(start.OfflineSequence, before)
	if errors.Is(err, ErrTooLate) {
		return nil, p.search(ctx, debit, before, err)
	}
	if err != nil || !moved {
		return nil, err
	}
	if err := p.sameAsLogged(ctx, debit, before); err != nil {
		return nil, err
	}
	proof, err := p.prove(ctx, kind, start.OfflineSequence)
	if err != nil {
		return nil, err
	}
	proof, sure, err := module.Resolve(ctx, [6]byte(debit.GetTerminal()), debit.GetTerminalSequence(), proof)
	if err != nil {
		return nil, err
	}
	tap := proto.CloneOf(open.Tap)
	tap.Debit.Tac = proof.TAC[:]
	if !sure {
		tap.Debit.OtherTac, tap.Debit.OtherTacReason = proof.MAC2[:], message.Unsure_UNSURE_TORN_TAP
	}
	return tap, nil
}

// ResolveLoad finds the outcome of a load with the same card: the record with its TAC, or with
// both codes that it may be, when the money is on it; nil when it is not. Either way the card
// changes nothing. Errors: ErrOtherCard, ErrTooLate, a blocked purse, or the card's and the
// transport's; the outcome then stays unknown.
func ResolveLoad(ctx context.Context, c apdu.Card, open *UnknownError) (*message.Load, error) {
	load := proto.CloneOf(open.Load)
	p, err := reopen(ctx, c, load.GetCard(), load.GetIssuer())
	if err != nil {
		return nil, err
	}
	start, err := p.beginLoad(ctx, 1, [6]byte(load.GetTerminal()))
	if err != nil {
		return nil, err
	}
	moved, err := moved(start.OnlineSequence, uint16(load.GetOnlineSequence()))
	if err != nil || !moved {
		return nil, err
	}
	proof, err := p.prove(ctx, purse.TypeEPLoad, start.OnlineSequence)
	if err != nil {
		return nil, err
	}
	tac, other, err := loadTAC(proof, open.MAC2)
	if err != nil {
		return nil, err
	}
	if load.Tac = tac[:]; other != nil {
		load.OtherTac, load.OtherTacReason = other[:], message.Unsure_UNSURE_TORN_LOAD
	}
	return load, nil
}

// reopen opens the purse of the card whose outcome is unknown.
func reopen(ctx context.Context, c apdu.Card, number, issuer []byte) (*Purse, error) {
	p, err := OpenPurse(ctx, c)
	if err != nil {
		return nil, err
	}
	if string(p.Application.ASN[:]) != string(number) || string(p.Application.Issuer[:]) != string(issuer) {
		return nil, ErrOtherCard
	}
	return p, nil
}

// moved tells from a card's counter, now and before, whether the card carried out the transaction.
func moved(now, before uint16) (bool, error) {
	if now != before && now != before+1 {
		return false, fmt.Errorf("%w: its counter is %d, it was %d", ErrTooLate, now, before)
	}
	return now != before, nil
}

// prove asks for the codes of the last transaction of a kind; counter is the card's now.
func (p *Purse) prove(ctx context.Context, kind byte, counter uint16) (purse.Receipt, error) {
	proof, err := ask(ctx, p.card, purse.Prove(kind, counter), purse.ParseProof)
	switch {
	case apdu.MACUnavailable.Is(err):
		return proof, fmt.Errorf("%w: its last transaction is another one: %w", ErrTooLate, err)
	case answered(err):
		return proof, fmt.Errorf("%w: it gives no proof: %w", ErrTooLate, err)
	case err != nil:
		return proof, fmt.Errorf("ask for the proof: %w", err)
	}
	return proof, nil
}

// sameAsLogged checks that the payment by which the counter moved is this one and not another
// terminal's.
func (p *Purse) sameAsLogged(ctx context.Context, d *message.Debit, counter uint16) error {
	last, err := read(ctx, p.card, language.Textf("the card's log"), apdu.ReadRecord(purse.LogSFI, 1, purse.LogRecordSize), purse.ParseLogRecord)
	if answered(err) {
		return fmt.Errorf("%w: %w", ErrTooLate, err)
	}
	if err != nil {
		return err
	}
	if !logged(last, d, counter) {
		return p.search(ctx, d, counter, fmt.Errorf("%w: its last payment is another one", ErrTooLate))
	}
	return nil
}

// answered reports whether an error is an answer of the card, by which it refuses a command or
// which cannot be read.
func answered(err error) bool {
	_, refused := apdu.StatusOf(err)
	return refused || errors.Is(err, purse.ErrAnswer)
}

// logged reports whether a record of the card's log is that of a payment; counter is the card's
// before it.
func logged(r purse.LogRecord, d *message.Debit, counter uint16) bool {
	return r.Sequence == counter && r.Type == byte(d.GetType()) && r.Amount == d.GetAmountFen() &&
		string(r.Terminal[:]) == string(d.GetTerminal()) && string(r.Time[:]) == string(d.GetTime())
}

// search looks for a payment in the log of a card that has been used since. It returns late, and
// with it ErrLogged if the log has the payment, or ErrNotPaid if it has another one with the same
// counter: each counts once. The counter of a load is another one.
func (p *Purse) search(ctx context.Context, d *message.Debit, counter uint16, late error) error {
	log, err := p.Log(ctx)
	if answered(err) {
		return fmt.Errorf("%w; %w", late, err)
	}
	if err != nil {
		return err
	}
	for _, r := range log {
		switch {
		case r.Type == purse.TypeEPLoad || r.Type == purse.TypeEDLoad || r.Sequence != counter:
		case logged(r, d, counter):
			return fmt.Errorf("%w; %w", late, ErrLogged)
		default:
			return fmt.Errorf("%w; %w", late, ErrNotPaid)
		}
	}
	return late
}

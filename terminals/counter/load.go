package counter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/clearing/message"
	"citycard/terminals/capp"
)

// loadKeyIndex is the load key that counters name.
const loadKeyIndex = 1

// LoadAuthority gives MAC2 for a paid order. It books the order before it
// answers, and answers the same order again with the same MAC2 while the card has
// not moved on.
type LoadAuthority interface {
	// AuthoriseLoad returns the authority's answer, which may be a refusal. An
	// error means that there is no answer, and that the order may be booked.
	AuthoriseLoad(ctx context.Context, request *message.LoadRequest) (*message.LoadAnswer, error)
}

// Load is money that the holder has paid and wants on the card.
type Load struct {
	Order    string // unique per channel: the authority gives a number to one load for ever
	Channel  string // who took the money
	Amount   uint32 // fen, above 0
	Terminal [6]byte
	At       time.Time // wall-clock time in the city's zone
	Medium   message.Medium
}

// RefusedError is the authority's no. The card is unchanged, nothing is booked.
type RefusedError struct {
	Order  string
	Reason string // code
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the load authority refuses order %s: %s", e.Order, e.Reason)
}

// UnknownError says that the card was told to take the money and no usable
// answer came. Load is complete but for its TAC. Keep it and call ResolveLoad
// when the same card is at hand; give no refund before. MAC2 is the authority's code, worth
// nothing after the load that it was made for.
type UnknownError struct {
	Load *message.Load
	MAC2 keys.MAC
	Err  error
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("the card left while %d fen were written (order %s); whether it holds them is not known, put it back: %v", e.Load.GetAmountFen(), e.Load.GetOrder(), e.Err)
}

// Unwrap returns the cause.
func (e *UnknownError) Unwrap() error { return e.Err }

// TopUp puts the money of a load on a card. Errors: those of capp.Present,
// *RefusedError, *UnknownError, *apdu.StatusError where the card refuses, and
// whatever the authority's way of answering says.
func TopUp(ctx context.Context, card apdu.Card, authority LoadAuthority, l Load) (*message.Load, error) {
	if l.Amount == 0 || l.Order == "" || l.Channel == "" {
		return nil, fmt.Errorf("load of %d fen, order %q, channel %q: none of them may be empty", l.Amount, l.Order, l.Channel)
	}
	p, err := capp.Present(ctx, card)
	if err != nil {
		return nil, err
	}
	start, err := initialize(ctx, card, l.Amount, l.Terminal)
	if err != nil {
		return nil, err
	}
	at := bcd.Time(l.At)
	answer, err := authority.AuthoriseLoad(ctx, request(l, p.ID(), start, at))
	if err != nil {
		return nil, fmt.Errorf("authorise order %s: %w", l.Order, err)
	}
	if answer.GetRefusal() != "" {
		return nil, &RefusedError{Order: l.Order, Reason: answer.GetRefusal()}
	}
	mac2 := answer.GetMac2()
	if len(mac2) != 4 {
		return nil, fmt.Errorf("authorise order %s: MAC2 of %d bytes, want 4", l.Order, len(mac2))
	}
	return credit(ctx, card, loaded(l, p.ID(), start, at), keys.MAC(mac2))
}

// initialize begins a load; it changes nothing on the card.
func initialize(ctx context.Context, card apdu.Card, amount uint32, terminal [6]byte) (purse.LoadStart, error) {
	answer, err := apdu.Exchange(ctx, card, purse.InitializeLoad(purse.Start{
		Wallet: purse.EP, KeyIndex: loadKeyIndex, Amount: amount, Terminal: terminal,
	}))
	if apdu.IsBlocked(err) || apdu.PermanentlyBlocked.Is(err) {
		return purse.LoadStart{}, fmt.Errorf("%w: %w", capp.ErrBlocked, err)
	}
	if err != nil {
		return purse.LoadStart{}, fmt.Errorf("begin the load: %w", err)
	}
	start, err := purse.ParseLoadStart(answer)
	if err != nil {
		return purse.LoadStart{}, fmt.Errorf("begin the load: %w", err)
	}
	if uint64(start.OldBalance)+uint64(amount) > 0x7FFFFFFF {
		return purse.LoadStart{}, fmt.Errorf("begin the load: %d fen on the card and %d more are above what a purse holds", start.OldBalance, amount)
	}
	return start, nil
}

func credit(ctx context.Context, card apdu.Card, m *message.Load, mac2 keys.MAC) (*message.Load, error) {
	answer, err := apdu.Exchange(ctx, card, purse.CreditLoad([7]byte(m.GetTime()), mac2))
	if apdu.IsUndone(err) {
		return nil, fmt.Errorf("the card does not take the money of order %s: %w", m.GetOrder(), err)
	}
	if err != nil {
		return nil, &UnknownError{Load: m, MAC2: mac2, Err: err}
	}
	tac, err := purse.ParseTAC(answer)
	if err != nil {
		return nil, &UnknownError{Load: m, MAC2: mac2, Err: err}
	}
	m.Tac = tac[:]
	return m, nil
}

func request(l Load, id keys.CardID, start purse.LoadStart, at [7]byte) *message.LoadRequest {
	return &message.LoadRequest{
		Order: l.Order, Channel: l.Channel, Card: id.ASN[:], Issuer: id.Issuer[:], AmountFen: l.Amount,
		Terminal: l.Terminal[:], OnlineSequence: uint32(start.OnlineSequence), OldBalanceFen: start.OldBalance,
		Random: start.Random[:], Mac1: start.MAC1[:], Time: at[:],
		KeyVersion: uint32(start.KeyVersion), Algorithm: uint32(start.Algorithm),
	}
}

// loaded is the record of a load, without its TAC.
func loaded(l Load, id keys.CardID, start purse.LoadStart, at [7]byte) *message.Load {
	return &message.Load{
		Medium: l.Medium, Card: id.ASN[:], Issuer: id.Issuer[:], Type: uint32(purse.TypeEPLoad), AmountFen: l.Amount,
		Terminal: l.Terminal[:], OnlineSequence: uint32(start.OnlineSequence), Time: at[:],
		NewBalanceFen: start.OldBalance + l.Amount, KeyVersion: uint32(start.KeyVersion), Algorithm: uint32(start.Algorithm),
		Order: l.Order, Channel: l.Channel,
	}
}

// ResolveLoad settles an unknown outcome with the same card: the record with its
// TAC when the money is on it, nil when it is not. Either way nothing on the card
// changes. Errors: capp.ErrOtherCard, capp.ErrTooLate, or the card's and the
// transport's; the outcome then stays open.
//
// The proof has room for two codes, a load has one TAC, and cards differ in the order. The
// half that is the authority's MAC2 or zeros is not the TAC. Where that leaves both, the
// record carries both and clearing tells.
func ResolveLoad(ctx context.Context, card apdu.Card, open *UnknownError) (*message.Load, error) {
	p, err := capp.Present(ctx, card)
	if err != nil {
		return nil, err
	}
	m := open.Load
	if string(p.Application.ASN[:]) != string(m.GetCard()) || string(p.Application.Issuer[:]) != string(m.GetIssuer()) {
		return nil, capp.ErrOtherCard
	}
	terminal := [6]byte(m.GetTerminal())
	start, err := initialize(ctx, card, 1, terminal)
	if err != nil {
		return nil, err
	}
	switch before := uint16(m.GetOnlineSequence()); start.OnlineSequence {
	case before:
		return nil, nil //nolint:nilnil // not written: there is no record and nothing went wrong
	case before + 1:
	default:
		return nil, fmt.Errorf("%w: its online counter is %d, it was %d", capp.ErrTooLate, start.OnlineSequence, before)
	}
	answer, err := apdu.Exchange(ctx, card, purse.Prove(purse.TypeEPLoad, start.OnlineSequence))
	if apdu.MACUnavailable.Is(err) {
		return nil, fmt.Errorf("%w: %w", capp.ErrTooLate, err)
	}
	if err != nil {
		return nil, fmt.Errorf("ask for the proof of the load: %w", err)
	}
	proof, err := purse.ParseProof(answer)
	if err != nil {
		return nil, fmt.Errorf("ask for the proof of the load: %w", err)
	}
	tac, other, err := loadTAC(proof, open.MAC2)
	if err != nil {
		return nil, fmt.Errorf("ask for the proof of the load: %w", err)
	}
	m = proto.CloneOf(m)
	if m.Tac = tac[:]; other != nil {
		m.OtherTac, m.OtherTacReason = other[:], message.Unsure_UNSURE_TORN_LOAD
	}
	return m, nil
}

// loadTAC finds the TAC in the proof of a load; other is the second candidate where both
// halves may be it.
func loadTAC(proof purse.Receipt, mac2 keys.MAC) (tac keys.MAC, other *keys.MAC, err error) {
	none := keys.MAC{}
	switch {
	case proof.MAC2 == mac2 && proof.TAC != none:
		return proof.TAC, nil, nil
	case proof.TAC == mac2 && proof.MAC2 != none:
		return proof.MAC2, nil, nil
	case proof == purse.Receipt{}:
		return none, nil, errors.New("the card gives no TAC")
	case proof.MAC2 == none:
		return proof.TAC, nil, nil
	case proof.TAC == none:
		return proof.MAC2, nil, nil
	}
	return proof.TAC, &proof.MAC2, nil
}

// Package desk is a hospital's settlement desk: it reads a social-security card,
// lets its holder enter the PIN, and makes the claim that the clearing centre
// settles.
//
// Only a keyed token of the person leaves the desk. Number and name stay on the
// desk's screen, and so does the card's identification code (卡识别码): it is one
// person's for as long as the card is used, and nobody but its issuer asks for it. Cards of version 3 give the holder's data only to a desk with a
// SAM. The sums of a bill are the hospital software's; whether they agree is the
// clearing centre's to say, so that a wrong bill is refused with its reason and
// on record.
package desk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/ssc"
	"citycard/clearing/message"
	"citycard/terminals/sam"
)

var (
	// ErrNotSocialSecurity: the card is of another kind.
	ErrNotSocialSecurity = errors.New("not a social-security card")
	// ErrNeedsSAM: a card of version 3, and the desk has no SAM.
	ErrNeedsSAM = errors.New("this card gives the holder's data only to a desk with a SAM")
	// ErrPINLocked: too many wrong PINs; the issuer unlocks it.
	ErrPINLocked = errors.New("the PIN is locked; the card's issuer unlocks it")
	// ErrExpired: the card's last day is past.
	ErrExpired = errors.New("the card is not valid on this day")
)

// PINError is a wrong PIN.
type PINError struct {
	Left int // tries
}

func (e *PINError) Error() string { return fmt.Sprintf("wrong PIN, %d tries left", e.Left) }

// Desk is one desk.
type Desk struct {
	Hospital string
	// Access answers cards of version 3; nil where the desk has no SAM.
	Access *sam.Access
	// Token turns an identity number into the person's token; the key to it is the
	// key service's (keys.Store.PersonToken).
	Token func(identityNumber string) [16]byte
}

// Bill is what the hospital's software asks to be settled, in fen; the names of
// the interface's fields stand beside.
type Bill struct {
	Settlement string // medins_setl_id, 1 to 30 characters
	Visit      string // mdtrt_id, 1 to 30 characters
	Kind       string // outpatient, inpatient
	Total      int64  // medfee_sumamt
	OwnPay     int64  // fulamt_ownpay_amt
	OverLimit  int64  // overlmt_selfpay
	FirstPay   int64  // preselfpay_amt
	InScope    int64  // inscp_scp_amt
}

func (b Bill) validate() error {
	if n := len(b.Settlement); n < 1 || n > 30 {
		return fmt.Errorf("bill: settlement number of %d characters, want 1 to 30", n)
	}
	if n := len(b.Visit); n < 1 || n > 30 {
		return fmt.Errorf("bill: visit number of %d characters, want 1 to 30", n)
	}
	if b.Kind != "outpatient" && b.Kind != "inpatient" {
		return fmt.Errorf("bill: kind %q, want outpatient or inpatient", b.Kind)
	}
	if min(b.Total, b.OwnPay, b.OverLimit, b.FirstPay, b.InScope) < 0 {
		return errors.New("bill: an amount is below 0")
	}
	return nil
}

// Person is what a desk reads from a card.
type Person struct {
	Issuer ssc.Issuer
	Holder ssc.Holder
}

// Read reads a card. Errors: ErrNotSocialSecurity, ErrNeedsSAM, a *sam.Error, or
// the card's and the transport's.
func (d *Desk) Read(ctx context.Context, card apdu.Card, atr []byte) (Person, error) {
	if _, err := apdu.Exchange(ctx, card, ssc.Select()); err != nil {
		if apdu.IsNotFound(err) {
			return Person{}, fmt.Errorf("%w: %w", ErrNotSocialSecurity, err)
		}
		return Person{}, fmt.Errorf("select the application: %w", err)
	}
	var p Person
	version, err := readRecord(ctx, card, ssc.TagVersion)
	if err != nil {
		return Person{}, err
	}
	if ssc.NeedsAuthentication(string(version.Value)) {
		if err := d.authenticate(ctx, card, atr); err != nil {
			return Person{}, err
		}
	}
	for _, f := range ssc.Fields() {
		r, err := readRecord(ctx, card, f.Tag)
		if f.Tag == ssc.TagNameExtension && apdu.IsNotFound(err) {
			continue // not on cards before version 2
		}
		if err != nil {
			return Person{}, err
		}
		if err := errors.Join(p.Issuer.Add(r), p.Holder.Add(r)); err != nil {
			return Person{}, fmt.Errorf("record %02X: %w", byte(f.Tag), err)
		}
	}
	return p, nil
}

func readRecord(ctx context.Context, card apdu.Card, tag ssc.Tag) (ssc.Record, error) {
	f, ok := ssc.FieldOf(tag)
	if !ok {
		return ssc.Record{}, fmt.Errorf("record %02X is not known", byte(tag))
	}
	answer, err := apdu.Exchange(ctx, card, ssc.Read(f, ssc.ByTagAndFile))
	if err != nil {
		return ssc.Record{}, fmt.Errorf("read record %02X: %w", byte(tag), err)
	}
	r, err := ssc.ParseRecord(answer)
	if err == nil && r.Tag != tag {
		err = fmt.Errorf("the card answers record %02X: %w", byte(r.Tag), ssc.ErrLayout)
	}
	if err != nil {
		return ssc.Record{}, fmt.Errorf("read record %02X: %w", byte(tag), err)
	}
	return r, nil
}

// authenticate opens a card of version 3 through the SAM.
func (d *Desk) authenticate(ctx context.Context, card apdu.Card, atr []byte) error {
	if d.Access == nil {
		return ErrNeedsSAM
	}
	r, err := readRecord(ctx, card, ssc.TagIdentification)
	if err != nil {
		return err
	}
	if len(r.Value) < 3 {
		return fmt.Errorf("card identification of %d bytes: %w", len(r.Value), ssc.ErrLayout)
	}
	factor, err := ssc.CardFactor(atr)
	if err != nil {
		return err
	}
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return fmt.Errorf("random number: %w", err)
	}
	return d.Access.Present(ctx, card, factor, ssc.CityFactor([3]byte(r.Value)), random)
}

// VerifyPIN presents the holder's PIN. Errors: *PINError, ErrPINLocked, or the
// card's and the transport's. No error quotes the PIN.
func (d *Desk) VerifyPIN(ctx context.Context, card apdu.Card, pin string) error {
	digits, err := ssc.PIN(pin)
	if err != nil {
		return errors.New("the PIN must be 4 to 12 digits")
	}
	_, err = apdu.Exchange(ctx, card, apdu.Verify(ssc.PINHolder, digits))
	if status, answered := apdu.StatusOf(err); answered {
		if left, wrong := status.IsTriesLeft(); wrong {
			return &PINError{Left: left}
		}
		if apdu.Locked.Is(err) {
			return ErrPINLocked
		}
	}
	if err != nil {
		return fmt.Errorf("verify the PIN: %w", err)
	}
	return nil
}

// Settle reads the card, checks its date and the holder's PIN, and makes the
// claim. at is the wall-clock time in the city's zone. Errors: those of Read and
// VerifyPIN, ErrExpired, and a bill that cannot be sent.
func (d *Desk) Settle(ctx context.Context, card apdu.Card, atr []byte, pin string, bill Bill, at time.Time) (*message.MedicalClaim, error) {
	if err := bill.validate(); err != nil {
		return nil, err
	}
	p, err := d.Read(ctx, card, atr)
	if err != nil {
		return nil, err
	}
	if today := bcd.Date(at); string(today[:]) > string(p.Issuer.Expiry[:]) {
		return nil, fmt.Errorf("%w: its last day was %x", ErrExpired, p.Issuer.Expiry)
	}
	if err := d.VerifyPIN(ctx, card, pin); err != nil {
		return nil, err
	}
	token, now := d.Token(p.Holder.SecurityNumber), bcd.Time(at)
	return &message.MedicalClaim{
		Settlement: bill.Settlement, Visit: bill.Visit, Hospital: d.Hospital, Person: token[:], Kind: bill.Kind, Time: now[:],
		TotalFen: bill.Total, OwnPayFen: bill.OwnPay, OverLimitFen: bill.OverLimit, FirstPayFen: bill.FirstPay, InScopeFen: bill.InScope,
	}, nil
}

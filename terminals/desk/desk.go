// Package desk is a hospital's settlement desk: it reads a social-security card,
// lets its holder enter the PIN, and makes the claim that the clearing centre
// settles.
//
// Only a keyed token of the person leaves the desk. Number and name stay on the desk's screen. So
// does the card's identification code (卡识别码), which belongs to one person as long as the card is
// used and which only the card's issuer asks for. Cards of version 3 give the holder's data only to
// a desk with a SAM. The sums of a bill are the hospital software's; the clearing centre checks
// whether they agree, so that the refusal of a wrong bill is recorded with its reason.
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
	"citycard/terminals/card"
	"citycard/terminals/sam"
)

// ErrNeedsSAM: a card of version 3, and the desk has no SAM.
var ErrNeedsSAM = errors.New("this card gives the holder's data only to a desk with a SAM")

// Desk is one desk.
type Desk struct {
	Hospital string
	// Access authenticates the desk to cards of version 3; nil if the desk has no SAM.
	Access *sam.Access
	// Token turns an identity number into the person's token; the key store has the key for it
	// (keys.Store.PersonToken).
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

// Read reads a card. Errors: card.ErrNotSocialSecurity, ErrNeedsSAM, a *sam.Error, or the
// card's and the transport's.
func (d *Desk) Read(ctx context.Context, c apdu.Card, atr []byte) (card.Person, error) {
	p, _, err := d.read(ctx, c, atr)
	return p, err
}

func (d *Desk) read(ctx context.Context, c apdu.Card, atr []byte) (card.Person, *card.Social, error) {
	s, err := card.OpenSocial(ctx, c)
	if err != nil {
		return card.Person{}, nil, err
	}
	if ssc.NeedsAuthentication(s.Version) {
		if d.Access == nil {
			return card.Person{}, nil, ErrNeedsSAM
		}
		var random [8]byte
		if _, err := rand.Read(random[:]); err != nil {
			return card.Person{}, nil, fmt.Errorf("random number: %w", err)
		}
		if err := s.Authenticate(ctx, d.Access, atr, random); err != nil {
			return card.Person{}, nil, err
		}
	}
	p, err := s.Person(ctx)
	if err == nil {
		err = p.Missing
	}
	if err != nil {
		return card.Person{}, nil, err
	}
	return p, s, nil
}

// Claim reads the card, checks its date and the holder's PIN, and makes the claim. at is the
// wall-clock time in the city's zone. Errors: those of Read and card.Social.VerifyPIN,
// card.ErrExpired, and a bill that cannot be sent.
func (d *Desk) Claim(ctx context.Context, c apdu.Card, atr []byte, pin string, bill Bill, at time.Time) (*message.MedicalClaim, error) {
	if err := bill.validate(); err != nil {
		return nil, err
	}
	p, s, err := d.read(ctx, c, atr)
	if err != nil {
		return nil, err
	}
	if today := bcd.Date(at); string(today[:]) > string(p.Issuer.Expiry[:]) {
		return nil, fmt.Errorf("%w: its last day was %x", card.ErrExpired, p.Issuer.Expiry)
	}
	if err := s.VerifyPIN(ctx, pin); err != nil {
		return nil, err
	}
	token, now := d.Token(p.Holder.SecurityNumber), bcd.Time(at)
	return &message.MedicalClaim{
		Settlement: bill.Settlement, Visit: bill.Visit, Hospital: d.Hospital, Person: token[:], Kind: bill.Kind, Time: now[:],
		TotalFen: bill.Total, OwnPayFen: bill.OwnPay, OverLimitFen: bill.OverLimit, FirstPayFen: bill.FirstPay, InScopeFen: bill.InScope,
	}, nil
}

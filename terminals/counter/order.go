package counter

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"citycard/cardos/bcd"
	"citycard/cardos/personalisation"
	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
)

// Kind is a kind of card.
type Kind string

// The kinds of cards that a counter issues.
const (
	Transit        Kind = "transit"
	SocialSecurity Kind = "ssc"
)

// ErrOrder is wrapped by every error about an order from which no card can be made; its text names
// the field.
var ErrOrder = errors.New("the order is not complete")

// Order describes the card to be made from a blank. Dates are YYYYMMDD; codes are digits or
// hexadecimal, as each field says.
type Order struct {
	Kind           Kind                 `json:"kind"`
	Transit        *TransitOrder        `json:"transit,omitempty"`
	SocialSecurity *SocialSecurityOrder `json:"social_security,omitempty"`
	// Serial is that of the blank of which the card is to be made; empty: any.
	Serial string `json:"serial,omitempty"`
}

// TransitOrder is a card of the transit union.
type TransitOrder struct {
	Number        string `json:"number"` // 20 digits, or the 19 printed ones
	Issuer        string `json:"issuer"` // issuer id, 16 hexadecimal digits
	Start         string `json:"start"`
	Expiry        string `json:"expiry"`
	CardType      byte   `json:"card_type"` // 1 ordinary, 2 student, 3 senior, 4 test, 5 military
	Province      string `json:"province"`  // 4 digits, GB/T 13497
	City          string `json:"city"`      // 4 digits
	Interoperable bool   `json:"interoperable"`
	HolderName    string `json:"holder_name,omitempty"` // of registered kinds alone
	HolderID      string `json:"holder_id,omitempty"`
	PIN           string `json:"pin"` // 4 to 12 digits
	// OverdraftFen is how far below zero its purse may go, as its product says; 0: not at all.
	OverdraftFen uint32 `json:"overdraft_fen,omitempty"`
}

// SocialSecurityOrder is a social-security card.
type SocialSecurityOrder struct {
	Region         string `json:"region"`      // 6 digits
	Version        string `json:"version"`     // 2.00, 3.00
	Institution    string `json:"institution"` // up to 24 digits
	Issued         string `json:"issued"`
	Expiry         string `json:"expiry"`
	CardNumber     string `json:"card_number"`     // 9 characters
	SecurityNumber string `json:"security_number"` // 18 characters
	Name           string `json:"name"`
	Sex            string `json:"sex"`        // 1 male, 2 female
	Nation         string `json:"nation"`     // 2 digits
	Birthplace     string `json:"birthplace"` // 6 digits
	Birthday       string `json:"birthday"`
	PIN            string `json:"pin"`
}

// Validate names the first field that prevents making a card.
func (o Order) Validate() error {
	if o.Serial != "" {
		if _, err := ParseSerial(o.Serial); err != nil {
			return fmt.Errorf("%w: %w", ErrOrder, err)
		}
	}
	switch {
	case o.Kind == Transit && o.Transit != nil && o.SocialSecurity == nil:
		_, err := o.Transit.content()
		return err
	case o.Kind == SocialSecurity && o.SocialSecurity != nil && o.Transit == nil:
		_, err := o.SocialSecurity.content()
		return err
	}
	return fmt.Errorf("%w: kind is %q, want %q with transit alone or %q with social_security alone", ErrOrder, o.Kind, Transit, SocialSecurity)
}

// transitContent is a transit card's files.
type transitContent struct {
	application tunion.Application
	holder      tunion.Holder
	region      tunion.Region
	pin         []byte
}

func (o TransitOrder) content() (c transitContent, err error) {
	f := fields{}
	c.application = tunion.Application{Type: 2, Status: tunion.StatusEnabled, Start: f.date("start", o.Start), Expiry: f.date("expiry", o.Expiry)}
	copy(c.application.Issuer[:], f.hex("issuer", o.Issuer, 8))
	if c.application.ASN, err = tunion.ParseNumber(o.Number); err != nil {
		f.fail("number", err)
	}
	if string(c.application.Start[:]) > string(c.application.Expiry[:]) {
		f.fail("expiry", fmt.Errorf("%s is before the start %s", o.Expiry, o.Start))
	}
	if o.CardType == 0 {
		f.fail("card_type", errors.New("0, want 1 or more"))
	}
	c.region = tunion.Region{Country: [4]byte{0, 0, 0x01, 0x56}, Province: f.code("province", o.Province), City: f.code("city", o.City), CardType: o.CardType}
	if o.Interoperable {
		c.region.Interoperable = 1
	}
	if o.CardType == tunion.CardOrdinary && o.HolderName+o.HolderID != "" {
		// Anybody with a reader can read file 0016.
		f.fail("holder_name, holder_id", errors.New("an ordinary card (type 1) has no holder"))
	}
	if c.holder, err = tunion.NewHolder(o.HolderName, o.HolderID, 0); err != nil {
		f.fail("holder_name, holder_id", errors.New("they do not fit file 0016")) // the error would quote the person
	}
	if o.OverdraftFen > personalisation.MostOverdraft {
		f.fail("overdraft_fen", fmt.Errorf("%d, want at most %d", o.OverdraftFen, personalisation.MostOverdraft))
	}
	c.pin = f.pin(o.PIN)
	return c, f.err
}

// socialContent is a social-security card's files; the identification needs the
// card itself.
type socialContent struct {
	region [3]byte
	issuer ssc.Issuer
	holder ssc.Holder
	pin    []byte
}

func (o SocialSecurityOrder) content() (c socialContent, err error) {
	f := fields{}
	copy(c.region[:], f.digits("region", o.Region, 3))
	c.issuer = ssc.Issuer{Class: '3', Version: o.Version, Issued: f.date("issued", o.Issued), Expiry: f.date("expiry", o.Expiry), CardNumber: o.CardNumber}
	institution := []byte{}
	if institution, err = bcd.Append(institution, o.Institution); err != nil || len(institution) > len(c.issuer.Institution) {
		f.fail("institution", fmt.Errorf("%q, want an even number of digits, at most 24", o.Institution))
	}
	copy(c.issuer.Institution[:], institution)
	if len(o.Version) != 4 {
		f.fail("version", fmt.Errorf("%q, want four characters, such as 3.00", o.Version))
	}
	if len(o.CardNumber) != 9 {
		f.fail("card_number", fmt.Errorf("%d characters, want 9", len(o.CardNumber)))
	}
	if len(o.SecurityNumber) != 18 {
		f.fail("security_number", fmt.Errorf("%d characters, want 18", len(o.SecurityNumber)))
	}
	if o.Sex != "1" && o.Sex != "2" {
		f.fail("sex", fmt.Errorf("%q, want 1 or 2", o.Sex))
	}
	c.holder = ssc.Holder{SecurityNumber: o.SecurityNumber, Name: o.Name, Birthday: f.date("birthday", o.Birthday)}
	if f.err != nil {
		return c, f.err
	}
	c.holder.Sex = o.Sex[0]
	if nation := f.digits("nation", o.Nation, 1); len(nation) == 1 {
		c.holder.Nation = nation[0]
	}
	copy(c.holder.Birthplace[:], f.digits("birthplace", o.Birthplace, 3))
	c.pin = f.pin(o.PIN)
	if _, err := c.holder.Records(); err != nil {
		f.fail("name", errors.New("it does not fit file EF06"))
	}
	return c, f.err
}

// fields reads an order's fields and keeps the first error.
type fields struct{ err error }

func (f *fields) fail(field string, err error) {
	if f.err == nil {
		f.err = fmt.Errorf("%w: %s: %w", ErrOrder, field, err)
	}
}

func (f *fields) date(field, s string) (b [4]byte) {
	t, err := time.Parse("20060102", s)
	if err != nil {
		f.fail(field, fmt.Errorf("%q is no date YYYYMMDD", s))
		return b
	}
	return bcd.Date(t)
}

func (f *fields) hex(field, s string, n int) []byte {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != n {
		f.fail(field, fmt.Errorf("%q, want %d hexadecimal digits", s, 2*n))
	}
	return b
}

func (f *fields) digits(field, s string, n int) []byte {
	b, err := bcd.Append(nil, s)
	if err != nil || len(b) != n {
		f.fail(field, fmt.Errorf("%q, want %d digits", s, 2*n))
	}
	return b
}

func (f *fields) code(field, s string) uint16 {
	b := f.digits(field, s, 2)
	if len(b) != 2 {
		return 0
	}
	return uint16(b[0])<<8 | uint16(b[1])
}

// pin packs a PIN; its error never quotes it.
func (f *fields) pin(s string) []byte {
	b, err := ssc.PIN(s)
	if err != nil {
		f.fail("pin", errors.New("want 4 to 12 digits"))
	}
	return b
}

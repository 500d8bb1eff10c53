// Package contents reads what is on a card, as far as a reader without keys may:
// a transit card's files, balance, log and journeys, or a social-security card's
// issuer and, up to version 2, its holder. Nothing on the card changes.
//
// Names and identity numbers are personal data: Masked makes a copy that may be
// shown and logged.
package contents

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"citycard/cardos/apdu"
	"citycard/cardos/tunion"
	"citycard/language"
	"citycard/terminals/card"
)

// ErrUnknownCard: neither a transit purse nor a social-security application is
// on the card.
var ErrUnknownCard = language.Textf("neither a transit card nor a social-security card")

// Contents is what was read from a card. Bytes are hexadecimal, amounts fen, dates and times
// the card's digits YYYYMMDD[hhmmss].
type Contents struct {
	ATR            string          `json:"atr"`
	Transit        *Transit        `json:"transit,omitempty"`
	SocialSecurity *SocialSecurity `json:"social_security,omitempty"`
}

// Transit is a card of the transit union.
type Transit struct {
	Number        string    `json:"number"`
	Issuer        string    `json:"issuer"`
	Start         string    `json:"start"`
	Expiry        string    `json:"expiry"`
	Enabled       bool      `json:"enabled"`
	Province      string    `json:"province"`
	City          string    `json:"city"`
	Interoperable bool      `json:"interoperable"`
	CardType      byte      `json:"card_type"`
	HolderName    string    `json:"holder_name,omitempty"`
	BalanceFen    int32     `json:"balance_fen"` // below 0: overdrawn
	Log           []Entry   `json:"log"`         // newest first
	Journeys      []Journey `json:"journeys"`    // newest first
}

// Entry is one record of the purse's log, file 0018.
type Entry struct {
	Sequence  uint16 `json:"sequence"`
	Type      byte   `json:"type"` // 02 load, 06 purchase, 09 composite purchase
	AmountFen uint32 `json:"amount_fen"`
	Terminal  string `json:"terminal"`
	Time      string `json:"time"`
}

// Journey is one record of file 001E. Line and station are shown as the
// big-endian numbers that they are in several cities.
type Journey struct {
	Type       byte   `json:"type"` // 03 entry, 04 exit, 06 single ride
	Industry   byte   `json:"industry"`
	Line       uint16 `json:"line"`
	Station    uint16 `json:"station"`
	AmountFen  uint32 `json:"amount_fen"`
	BalanceFen uint32 `json:"balance_fen"`
	Terminal   string `json:"terminal"`
	Time       string `json:"time"`
	City       string `json:"city"`
}

// SocialSecurity is a social-security card. Guarded says that the card gives
// the holder's data to a SAM only; they are empty then.
type SocialSecurity struct {
	Identification string `json:"identification"`
	Version        string `json:"version"`
	Region         string `json:"region"`
	Issued         string `json:"issued"`
	Expiry         string `json:"expiry"`
	Guarded        bool   `json:"guarded"`
	CardNumber     string `json:"card_number,omitempty"`
	SecurityNumber string `json:"security_number,omitempty"`
	Name           string `json:"name,omitempty"`
	Sex            string `json:"sex,omitempty"`
	Birthday       string `json:"birthday,omitempty"`
}

// Read reads a card. Errors: ErrUnknownCard, or the card's and the transport's.
func Read(ctx context.Context, c apdu.Card, atr []byte) (Contents, error) {
	all := Contents{ATR: hex.EncodeToString(atr)}
	p, err := card.OpenPurse(ctx, c)
	if err == nil {
		all.Transit, err = readTransit(ctx, p)
		return all, err
	}
	if !errors.Is(err, card.ErrNotTransit) {
		return all, err
	}
	s, err := card.OpenSocial(ctx, c)
	if err == nil {
		all.SocialSecurity, err = readSocial(ctx, s)
	} else if refusal, ok := errors.AsType[*apdu.StatusError](err); ok && errors.Is(err, card.ErrNotSocialSecurity) {
		err = language.Textf("%w (ATR %s): %w", ErrUnknownCard, all.ATR, refusal)
	}
	return all, err
}

func readTransit(ctx context.Context, p *card.Purse) (*Transit, error) {
	number, err := tunion.Number(p.Application.ASN)
	if err != nil {
		return nil, language.Textf("card number: %w", err)
	}
	t := &Transit{
		Number: number, Issuer: hex.EncodeToString(p.Application.Issuer[:]),
		Start: hex.EncodeToString(p.Application.Start[:]), Expiry: hex.EncodeToString(p.Application.Expiry[:]),
		Enabled: p.Application.Status == tunion.StatusEnabled, Province: fmt.Sprintf("%04x", p.Region.Province),
		City: fmt.Sprintf("%04x", p.Region.City), Interoperable: p.Region.Interoperable == 1, CardType: p.Region.CardType,
		Log: []Entry{}, Journeys: []Journey{},
	}
	holder, err := p.Holder(ctx)
	if err != nil {
		return nil, err
	}
	if t.HolderName, _, err = holder.Text(); err != nil {
		return nil, language.Textf("read file 0016: %w", err)
	}
	if t.BalanceFen, err = p.Balance(ctx); err != nil {
		return nil, err
	}
	log, err := p.Log(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range log {
		t.Log = append(t.Log, Entry{
			Sequence: r.Sequence, Type: r.Type, AmountFen: r.Amount,
			Terminal: hex.EncodeToString(r.Terminal[:]), Time: hex.EncodeToString(r.Time[:]),
		})
	}
	journeys, err := p.Journeys(ctx)
	if err != nil {
		return nil, err
	}
	for _, j := range journeys {
		t.Journeys = append(t.Journeys, Journey{
			Type: j.Type, Industry: j.Industry, Line: j.Line(), Station: j.Station(), AmountFen: j.Amount, BalanceFen: j.Balance,
			Terminal: hex.EncodeToString(j.Terminal[:]), Time: hex.EncodeToString(j.Time[:]), City: fmt.Sprintf("%04x", j.City),
		})
	}
	return t, nil
}

func readSocial(ctx context.Context, c *card.Social) (*SocialSecurity, error) {
	p, err := c.Person(ctx)
	if err != nil {
		return nil, err
	}
	s := &SocialSecurity{
		Identification: p.Issuer.Identification.String(), Version: p.Issuer.Version, Region: p.Issuer.Identification.Region(),
		Issued: hex.EncodeToString(p.Issuer.Issued[:]), Expiry: hex.EncodeToString(p.Issuer.Expiry[:]),
		Guarded: errors.Is(p.Missing, card.ErrGuarded), CardNumber: p.Issuer.CardNumber,
	}
	if h := p.Holder; h.SecurityNumber != "" {
		s.SecurityNumber, s.Name, s.Birthday = h.SecurityNumber, h.Name, hex.EncodeToString(h.Birthday[:])
		if h.Sex != 0 {
			s.Sex = string(rune(h.Sex))
		}
	}
	return s, nil
}

// Masked is a copy in which only the holder would recognise the personal data.
func (c Contents) Masked() Contents {
	if c.Transit != nil {
		t := *c.Transit
		t.HolderName = maskName(t.HolderName)
		c.Transit = &t
	}
	if c.SocialSecurity != nil {
		s := *c.SocialSecurity
		s.Name, s.SecurityNumber, s.Birthday = maskName(s.Name), maskNumber(s.SecurityNumber), maskBirthday(s.Birthday)
		c.SocialSecurity = &s
	}
	return c
}

// maskName keeps the first character: 张*.
func maskName(name string) string {
	r := []rune(name)
	for i := 1; i < len(r); i++ {
		r[i] = '*'
	}
	return string(r)
}

// maskNumber keeps the region's six digits and the last character.
func maskNumber(number string) string {
	b := []byte(number)
	for i := 6; i < len(b)-1; i++ {
		b[i] = '*'
	}
	return string(b)
}

func maskBirthday(day string) string {
	if len(day) != 8 {
		return day
	}
	return day[:4] + "****"
}

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
	"citycard/cardos/purse"
	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
	"citycard/terminals/capp"
)

// ErrUnknownCard: neither a transit purse nor a social-security application is
// on the card.
var ErrUnknownCard = errors.New("neither a transit card nor a social-security card")

// Contents is what was read. Bytes are hexadecimal, amounts fen, dates and times
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
	BalanceFen    uint32    `json:"balance_fen"`
	Log           []Entry   `json:"log"`      // newest first
	Journeys      []Journey `json:"journeys"` // newest first
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
func Read(ctx context.Context, card apdu.Card, atr []byte) (Contents, error) {
	c := Contents{ATR: hex.EncodeToString(atr)}
	p, err := capp.Present(ctx, card)
	if err == nil {
		c.Transit, err = readTransit(ctx, card, p)
		return c, err
	}
	if !errors.Is(err, capp.ErrNotTransit) {
		return c, err
	}
	if _, err := apdu.Exchange(ctx, card, ssc.Select()); err != nil {
		if apdu.IsNotFound(err) {
			return c, fmt.Errorf("%w (ATR %s): %w", ErrUnknownCard, c.ATR, err)
		}
		return c, fmt.Errorf("select the social-security application: %w", err)
	}
	c.SocialSecurity, err = readSocial(ctx, card)
	return c, err
}

func readTransit(ctx context.Context, card apdu.Card, p capp.Presented) (*Transit, error) {
	number, err := tunion.Number(p.Application.ASN)
	if err != nil {
		return nil, fmt.Errorf("card number: %w", err)
	}
	t := &Transit{
		Number: number, Issuer: hex.EncodeToString(p.Application.Issuer[:]),
		Start: hex.EncodeToString(p.Application.Start[:]), Expiry: hex.EncodeToString(p.Application.Expiry[:]),
		Enabled: p.Application.Status == tunion.StatusEnabled, Province: fmt.Sprintf("%04x", p.Region.Province),
		City: fmt.Sprintf("%04x", p.Region.City), Interoperable: p.Region.Interoperable == 1, CardType: p.Region.CardType,
		Log: []Entry{}, Journeys: []Journey{},
	}
	answer, err := apdu.Exchange(ctx, card, apdu.ReadBinary(tunion.HolderSFI, 0, tunion.HolderSize))
	if err != nil {
		return nil, fmt.Errorf("read file 0016: %w", err)
	}
	holder, err := tunion.ParseHolder(answer)
	if err != nil {
		return nil, fmt.Errorf("read file 0016: %w", err)
	}
	if t.HolderName, _, err = holder.Text(); err != nil {
		return nil, fmt.Errorf("read file 0016: %w", err)
	}
	if answer, err = apdu.Exchange(ctx, card, purse.GetBalance(purse.Own, purse.EP)); err == nil {
		t.BalanceFen, err = purse.ParseBalance(answer)
	}
	if err != nil {
		return nil, fmt.Errorf("read the balance: %w", err)
	}
	if err := readLog(ctx, card, t); err != nil {
		return nil, err
	}
	return t, readJourneys(ctx, card, t)
}

func readLog(ctx context.Context, card apdu.Card, t *Transit) error {
	for n := 1; n <= purse.LogRecords; n++ {
		answer, err := apdu.Exchange(ctx, card, apdu.ReadRecord(purse.LogSFI, byte(n), purse.LogRecordSize))
		if apdu.RecordNotFound.Is(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read log record %d: %w", n, err)
		}
		r, err := purse.ParseLogRecord(answer)
		if err != nil {
			return fmt.Errorf("read log record %d: %w", n, err)
		}
		if r.Empty() {
			return nil
		}
		t.Log = append(t.Log, Entry{
			Sequence: r.Sequence, Type: r.Type, AmountFen: r.Amount,
			Terminal: hex.EncodeToString(r.Terminal[:]), Time: hex.EncodeToString(r.Time[:]),
		})
	}
	return nil
}

func readJourneys(ctx context.Context, card apdu.Card, t *Transit) error {
	for n := 1; n <= tunion.JourneyRecords; n++ {
		answer, err := apdu.Exchange(ctx, card, apdu.ReadRecord(tunion.JourneySFI, byte(n), tunion.JourneySize))
		if apdu.RecordNotFound.Is(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read journey %d: %w", n, err)
		}
		j, err := tunion.ParseJourney(answer)
		if err != nil {
			return fmt.Errorf("read journey %d: %w", n, err)
		}
		if j.Empty() {
			return nil
		}
		t.Journeys = append(t.Journeys, Journey{
			Type: j.Type, Industry: j.Industry, Line: j.Line(), Station: j.Station(), AmountFen: j.Amount, BalanceFen: j.Balance,
			Terminal: hex.EncodeToString(j.Terminal[:]), Time: hex.EncodeToString(j.Time[:]), City: fmt.Sprintf("%04x", j.City),
		})
	}
	return nil
}

func readSocial(ctx context.Context, card apdu.Card) (*SocialSecurity, error) {
	s := &SocialSecurity{}
	var issuer ssc.Issuer
	var holder ssc.Holder
	for _, f := range ssc.Fields() {
		answer, err := apdu.Exchange(ctx, card, ssc.Read(f, ssc.ByTagAndFile))
		if apdu.IsSecurity(err) {
			s.Guarded = true
			continue
		}
		if apdu.IsNotFound(err) {
			continue // a card of another version
		}
		if err != nil {
			return nil, fmt.Errorf("read record %02X: %w", byte(f.Tag), err)
		}
		r, err := ssc.ParseRecord(answer)
		if err == nil {
			err = errors.Join(issuer.Add(r), holder.Add(r))
		}
		if err != nil {
			return nil, fmt.Errorf("read record %02X: %w", byte(f.Tag), err)
		}
	}
	s.Identification, s.Version, s.Region = issuer.Identification.String(), issuer.Version, issuer.Identification.Region()
	s.Issued, s.Expiry = hex.EncodeToString(issuer.Issued[:]), hex.EncodeToString(issuer.Expiry[:])
	s.CardNumber = issuer.CardNumber
	if holder.SecurityNumber != "" {
		s.SecurityNumber, s.Name, s.Birthday = holder.SecurityNumber, holder.Name, hex.EncodeToString(holder.Birthday[:])
		if holder.Sex != 0 {
			s.Sex = string(rune(holder.Sex))
		}
	}
	return s, nil
}

// Masked is a copy in which personal data are recognisable to their owner only.
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

package chip

import (
	"encoding/hex"
	"fmt"

	"citycard/cardos/monthly"
	"citycard/cardos/purse"
	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
)

// Description is the content of a card, for comparison with the result of a reader. Bytes
// are hexadecimal, amounts fen, times as the card holds them. It holds personal
// data and no keys.
type Description struct {
	Profile        string             `json:"profile"`
	ATR            string             `json:"atr"`
	ContactATR     string             `json:"contact_atr,omitempty"` // of a second interface
	Personalised   bool               `json:"personalised"`
	Blocked        bool               `json:"blocked,omitempty"`
	Transit        *TransitDescribed  `json:"transit,omitempty"`
	CityUnion      *UnionDescribed    `json:"city_union,omitempty"`
	SocialSecurity *SocialDescribed   `json:"social_security,omitempty"`
	Module         *ModuleDescription `json:"psam,omitempty"`
}

// TransitDescribed is a transit card's purse application.
type TransitDescribed struct {
	Number          string             `json:"number"` // 20 digits
	Issuer          string             `json:"issuer"`
	Start           string             `json:"start"`
	Expiry          string             `json:"expiry"`
	Status          byte               `json:"status"`
	Province        string             `json:"province"`
	City            string             `json:"city"`
	Interoperable   bool               `json:"interoperable"`
	CardType        byte               `json:"card_type"`
	HolderName      string             `json:"holder_name,omitempty"`
	BalanceFen      int32              `json:"balance_fen"` // without the overdraft allowance; below 0: overdrawn
	OverdraftFen    uint32             `json:"overdraft_limit_fen"`
	OnlineSequence  uint16             `json:"online_sequence"`
	OfflineSequence uint16             `json:"offline_sequence"`
	Log             []LogDescribed     `json:"log"`      // newest first
	Journeys        []JourneyDescribed `json:"journeys"` // newest first
	Tickets         []TicketDescribed  `json:"monthly_tickets,omitempty"`
}

// UnionDescribed is file 0015 of an application of the older city union.
type UnionDescribed struct {
	Number string `json:"number"` // 20 digits
	Issuer string `json:"issuer"`
	Start  string `json:"start"`
	Expiry string `json:"expiry"`
}

// LogDescribed is one record of file 0018.
type LogDescribed struct {
	Sequence  uint16 `json:"sequence"`
	AmountFen uint32 `json:"amount_fen"`
	Type      byte   `json:"type"`
	Terminal  string `json:"terminal"`
	Time      string `json:"time"` // YYYYMMDDhhmmss
}

// JourneyDescribed is one record of file 001E.
type JourneyDescribed struct {
	Type        byte   `json:"type"`
	Terminal    string `json:"terminal"`
	Industry    byte   `json:"industry"`
	Line        uint16 `json:"line"`
	Station     uint16 `json:"station"`
	Operator    uint16 `json:"operator"`
	AmountFen   uint32 `json:"amount_fen"`
	BalanceFen  uint32 `json:"balance_fen"`
	Time        string `json:"time"`
	City        string `json:"city"`
	Institution string `json:"institution"`
}

// SocialDescribed is a social-security card's application SSSE.
type SocialDescribed struct {
	Identification string `json:"identification"`
	Region         string `json:"region"`
	Class          string `json:"class"`
	Version        string `json:"version"`
	Institution    string `json:"institution"`
	Issued         string `json:"issued"`
	Expiry         string `json:"expiry"`
	CardNumber     string `json:"card_number"`
	SecurityNumber string `json:"security_number"`
	Name           string `json:"name"`
	Sex            string `json:"sex"`
	Nation         string `json:"nation"`
	Birthplace     string `json:"birthplace"`
	Birthday       string `json:"birthday"`
	PINTries       byte   `json:"pin_tries"`
	// Files are the written files beside EF05, EF06 and EF0D.
	Files []FileDescribed `json:"files,omitempty"`
}

// ModuleDescription is a SAM.
type ModuleDescription struct {
	Terminal string `json:"terminal"`
	Sequence uint32 `json:"sequence"` // of the next transaction
}

// Describe reads the card's memory; it needs no power and changes nothing. A
// field that holds nonsense is left empty.
func (c *Chip) Describe() Description {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := Description{
		Profile: c.profile.String(), ATR: hex.EncodeToString(c.atr),
		Personalised: c.personalised(), Blocked: c.blocked,
	}
	if c.contactATR != nil {
		out.ContactATR = hex.EncodeToString(c.contactATR)
	}
	for _, d := range c.directories {
		switch {
		case d.cityUnion:
			var t TransitDescribed
			t.application(d.bySFI(tunion.ApplicationSFI))
			out.CityUnion = &UnionDescribed{t.Number, t.Issuer, t.Start, t.Expiry}
		case d.ep != nil:
			t := describeTransit(d)
			out.Transit = &t
		case d.social && d.parent == nil:
			s := describeSocial(d)
			s.Files = describeFiles(c.directories)
			out.SocialSecurity = &s
		case d.sam != nil:
			out.Module = &ModuleDescription{
				Terminal: hex.EncodeToString(d.bySFI(0x16).binary()), Sequence: d.sam.sequence,
			}
		}
	}
	return out
}

// personalised reports whether every application is personalised.
func (c *Chip) personalised() bool {
	for _, d := range c.directories {
		if d.parent == nil && !d.issued {
			return false
		}
	}
	return true
}

// application describes file 0015.
func (t *TransitDescribed) application(f *file) {
	app, err := tunion.ParseApplication(f.binary())
	if err != nil {
		return
	}
	t.Number, _ = tunion.Number(app.ASN)
	t.Issuer = hex.EncodeToString(app.Issuer[:])
	t.Start, t.Expiry = hex.EncodeToString(app.Start[:]), hex.EncodeToString(app.Expiry[:])
	t.Status = app.Status
}

func describeTransit(d *directory) TransitDescribed {
	var t TransitDescribed
	t.application(d.bySFI(tunion.ApplicationSFI))
	if r, err := tunion.ParseRegion(d.bySFI(tunion.RegionSFI).binary()); err == nil {
		t.Province, t.City = fmt.Sprintf("%04x", r.Province), fmt.Sprintf("%04x", r.City)
		t.Interoperable, t.CardType = r.Interoperable == 1, r.CardType
	}
	if h, err := tunion.ParseHolder(d.bySFI(tunion.HolderSFI).binary()); err == nil {
		t.HolderName, _, _ = h.Text()
	}
	t.BalanceFen, t.OverdraftFen = int32(d.ep.own())-int32(d.ep.used()), d.ep.limit
	t.OnlineSequence, t.OfflineSequence = d.ep.online, d.ep.offline
	for n := 1; n <= purse.LogRecords; n++ {
		b, _ := d.bySFI(purse.LogSFI).record(n)
		if r, err := purse.ParseLogRecord(b); err == nil && !r.Empty() {
			t.Log = append(t.Log, LogDescribed{
				r.Sequence, r.Amount, r.Type, hex.EncodeToString(r.Terminal[:]), hex.EncodeToString(r.Time[:]),
			})
		}
	}
	for n := 1; n <= tunion.JourneyRecords; n++ {
		b, _ := d.bySFI(tunion.JourneySFI).record(n)
		if j, err := tunion.ParseJourney(b); err == nil && !j.Empty() {
			t.Journeys = append(t.Journeys, JourneyDescribed{
				j.Type, hex.EncodeToString(j.Terminal[:]), j.Industry, j.Line(), j.Station(), j.Operator(),
				j.Amount, j.Balance, hex.EncodeToString(j.Time[:]), fmt.Sprintf("%04x", j.City),
				hex.EncodeToString(j.Institution[:]),
			})
		}
	}
	t.Tickets = describeTickets(d.bySFI(monthly.SFI))
	return t
}

func describeSocial(d *directory) SocialDescribed {
	var issuer ssc.Issuer
	var holder ssc.Holder
	for _, f := range d.files {
		if f.structure != tagged {
			continue
		}
		for _, raw := range f.records {
			if r, err := ssc.ParseRecord(raw); err == nil {
				_ = issuer.Add(r)
				_ = holder.Add(r)
			}
		}
	}
	return SocialDescribed{
		Identification: issuer.Identification.String(), Region: issuer.Identification.Region(),
		Class: printable(issuer.Class), Version: issuer.Version,
		Institution: hex.EncodeToString(issuer.Institution[:]),
		Issued:      hex.EncodeToString(issuer.Issued[:]), Expiry: hex.EncodeToString(issuer.Expiry[:]),
		CardNumber: issuer.CardNumber, SecurityNumber: holder.SecurityNumber, Name: holder.Name,
		Sex: printable(holder.Sex), Nation: fmt.Sprintf("%02x", holder.Nation),
		Birthplace: hex.EncodeToString(holder.Birthplace[:]), Birthday: hex.EncodeToString(holder.Birthday[:]),
		PINTries: d.pin.tries,
	}
}

// printable is a character field, empty when it was never written.
func printable(b byte) string {
	if b == 0 {
		return ""
	}
	return string(rune(b))
}

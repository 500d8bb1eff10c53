package keyservice

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"time"
)

// PermitTime is how long a permit holds: until the card has been put in, and once more.
const PermitTime = 15 * time.Minute

// permitSize is the end of a permit's time, and the signature.
const permitSize = 8 + ed25519.SignatureSize

// Permit is the clearing centre's word that an act was done with a card because of which something
// may be written on it: another last day, or with none a new PIN. Signed by the centre it goes
// through the counter to the key service, which secures nothing without.
type Permit struct {
	Order   string    // of the act
	Card    Card      // a transit card
	LastDay string    // YYYYMMDD; empty: a new PIN
	Until   time.Time // it holds
}

// text is what is signed: nothing else that the centre signs begins so.
func (p *Permit) text(until int64) []byte {
	what := "unblock the PIN"
	if p.LastDay != "" {
		what = "last day " + p.LastDay
	}
	return fmt.Appendf(nil, "citycard permit\norder %q\ncard %s %s\n%s\nuntil %d\n", p.Order, p.Card.Kind, p.Card, what, until)
}

// Sign gives the permit as the counter passes it on.
func (p *Permit) Sign(key ed25519.PrivateKey) []byte {
	until := p.Until.Unix()
	return append(binary.BigEndian.AppendUint64(nil, uint64(until)), ed25519.Sign(key, p.text(until))...)
}

// PermitOf is the permit that a command needs.
func PermitOf(c *Command) *Permit {
	p := &Permit{Order: c.Order, Card: c.Card}
	if c.writesLastDay() {
		p.LastDay = fmt.Sprintf("%x", c.Data)
	}
	return p
}

// check checks what was signed by one of the centre's keys.
func (p *Permit) check(signed []byte, centre []ed25519.PublicKey, now time.Time) Refusal {
	if len(signed) != permitSize {
		return NoPermit
	}
	until := int64(binary.BigEndian.Uint64(signed))
	text := p.text(until)
	for _, key := range centre {
		if !ed25519.Verify(key, text, signed[8:]) {
			continue
		}
		if now.Unix() > until || until > now.Add(2*PermitTime).Unix() {
			return OldPermit
		}
		return ""
	}
	return NoPermit
}

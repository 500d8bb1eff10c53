package chip

import (
	"encoding/binary"

	"citycard/cardos/keys"
	"citycard/cardos/psam"
	"citycard/cardos/tunion"
)

// sam is a module's lasting state beside its files.
type sam struct {
	masters  keys.SAMKeys
	sequence uint32 // of the next transaction

	// The issuer's key of the last card: nearly all cards have the same issuer.
	issuer    keys.Factor
	version   byte
	issuerKey keys.Key
}

// cardKey derives a card's purchase key of a version, and reports false where there is no
// master for it. Factors come the lowest level first.
func (s *sam) cardKey(version byte, factors []byte) (keys.Key, bool) {
	master, ok := s.masters.PurchaseOf(version)
	if !ok {
		return keys.Key{}, false
	}
	card := keys.Factor(factors)
	switch len(factors) {
	case 8:
		return keys.Diversify(master, card), true
	case 16:
		issuer := keys.Factor(factors[8:])
		if s.issuerKey.IsZero() || s.issuer != issuer || s.version != version {
			s.issuer, s.version, s.issuerKey = issuer, version, keys.Diversify(master, issuer)
		}
		return keys.Diversify(s.issuerKey, card), true
	default:
		return keys.Diversify(master, keys.Factor(factors[16:]), keys.Factor(factors[8:]), card), true
	}
}

// Rekey gives a module new masters, as its operator does after a rotation; its number stays and its
// sequence continues. It reports false for a card that is not a module.
func (c *Chip) Rekey(masters keys.SAMKeys) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := false
	for _, d := range c.directories {
		if d.sam != nil {
			d.sam.masters, d.sam.issuerKey, found = masters, keys.Key{}, true
			d.bySFI(0x15).records[0][0] = masters.Version
		}
	}
	if found {
		c.session = session{current: c.root}
	}
	return found
}

// NewPSAM returns a module with a terminal number and its masters, ready for use.
// Its first transaction has sequence 1.
func NewPSAM(terminal [6]byte, masters keys.SAMKeys) *Chip {
	c := &Chip{profile: SAM, contact: true, random: newRandom(binary.BigEndian.Uint64(append([]byte{0, 0}, terminal[:]...)))}
	c.atr = append([]byte{0x3B, 0x69, 0x00, 0x00, 'S', 'A', 'M'}, terminal[:]...)
	number := newFile(0x0016, transparent, 1, 6).guarded(free, closed)
	number.records[0] = append([]byte(nil), terminal[:]...)
	info := newFile(0x0015, transparent, 1, len(psam.Info{})).guarded(free, closed)
	info.records[0] = make([]byte, len(psam.Info{}))
	info.records[0][0] = masters.Version
	s := &sam{masters: masters, sequence: 1}
	c.root = &directory{id: idRoot, names: []string{string(tunion.PSE)}, files: []*file{number, info}, issued: true}
	c.directories = []*directory{
		{id: psam.ApplicationTransit, files: []*file{number, info}, sam: s, issued: true},
		{id: psam.ApplicationETC, files: []*file{number, info}, sam: s, issued: true},
		{names: []string{psam.AIDSocialSecurity}, files: []*file{number, info}, sam: s, issued: true},
	}
	return c
}

package chip

import (
	"encoding/binary"

	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
)

// NewSocialSecurity returns a blank social-security card (application SSSE) as its
// maker delivers it. Whether it asks for authentication before it gives the
// holder's data follows from the version record its issuer writes.
func NewSocialSecurity(seed uint64) *Chip {
	c := &Chip{profile: SocialSecurity, contact: true, random: newRandom(seed), atr: socialATR(seed)}
	c.root = &directory{id: idRoot, names: []string{string(tunion.PSE)}}
	identity := newTagged(ssc.FileIdentity, ssc.SFIIdentity)
	identity.update = identified
	c.directories = []*directory{{
		names: []string{ssc.AID},
		files: []*file{newTagged(ssc.FileIssuer, ssc.SFIIssuer), newTagged(ssc.FileHolder, ssc.SFIHolder), identity},
	}}
	return c
}

// newTagged makes a file of the fields that the layout gives it.
func newTagged(id uint16, sfi byte) *file {
	f := &file{id: id, sfi: sfi, structure: tagged, size: 34, read: privately, update: privately}
	for _, field := range append(ssc.Fields(), ssc.IdentityFields()...) {
		if field.SFI == sfi {
			f.tags = append(f.tags, byte(field.Tag))
		}
	}
	f.records = make([][]byte, len(f.tags))
	return f
}

// socialATR is 3B 6D 00 00 and thirteen historical bytes: chip maker2, system
// version3, card maker2 (values seen on real cards), city2 and serial4. Contact,
// T=0, hence no check byte.
func socialATR(seed uint64) []byte {
	atr := []byte{0x3B, 0x6D, 0, 0, 0x00, 0x81, 0x54, 0x31, 0x00, 0x86, 0x97, 0x41, 0x01}
	return binary.BigEndian.AppendUint32(atr, uint32(seed))
}

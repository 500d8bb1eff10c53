package chip

import (
	"crypto/subtle"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/personalisation"
	"citycard/cardos/ssc"
)

// Key identifiers of a transit card's authentications. The issuer authenticates itself with the
// application master key, the card with its card master key: with a single key the card would
// answer its own challenges.
const (
	keyTransport   = 0x00
	keyApplication = 0x03
	keyCard        = 0x01
)

// externalAuthenticate is EXTERNAL AUTHENTICATE (00 82 00 key): the terminal
// enciphers the challenge, filled up with zeros to eight bytes. Social-security
// cards take cryptogram8 and random8. A wrong cryptogram is 63Cx, a key out of tries 6983, an
// unknown key 6A88, no challenge 6984.
func (c *Chip) externalAuthenticate(cmd apdu.Command) apdu.Status {
	if cmd.P1 != 0 {
		return apdu.WrongParameters
	}
	if cmd.P2 == keyTransport && !c.session.current.security().issued {
		return c.authenticateMaker(cmd.Data)
	}
	k := c.authenticationKey(cmd.P2)
	if k == nil {
		return apdu.KeyNotFound
	}
	want := 8
	if c.session.current.social {
		want = 16
	}
	if len(cmd.Data) != want {
		return apdu.WrongLength
	}
	if k.tries == 0 {
		return apdu.Locked
	}
	challenge, ok := c.takeChallenge()
	if !ok {
		return apdu.NoChallenge
	}
	if subtle.ConstantTimeCompare(c.expected(k, challenge, cmd.Data), cmd.Data[:8]) != 1 {
		if !c.commit(func() { k.tries-- }) {
			return apdu.NoDiagnosis
		}
		return apdu.TriesLeft(int(k.tries))
	}
	if k.tries != keyLimit && !c.commit(func() { k.tries = keyLimit }) {
		return apdu.NoDiagnosis
	}
	c.session.authenticated |= 1 << cmd.P2
	return apdu.OK
}

// expected is the cryptogram that proves knowledge of k.
func (c *Chip) expected(k *key, challenge, data []byte) []byte {
	var block [8]byte
	copy(block[:], challenge)
	if c.session.current.social {
		x := ssc.Cryptogram(k.value, [8]byte(data[8:16]), block)
		return x[:]
	}
	return k.value.Encrypt(block[:])
}

// authenticateMaker is the authentication of a blank card.
func (c *Chip) authenticateMaker(data []byte) apdu.Status {
	if len(data) != 8 {
		return apdu.WrongLength
	}
	challenge, ok := c.takeChallenge()
	if !ok {
		return apdu.NoChallenge
	}
	var block [8]byte
	copy(block[:], challenge)
	transport := c.transportKey()
	if subtle.ConstantTimeCompare(personalisation.AnswerKey(transport).Encrypt(block[:]), data) != 1 {
		return apdu.AuthenticationFailed
	}
	c.session.issuing, c.session.seal = true, personalisation.SealKey(transport, block)
	return apdu.OK
}

// authenticationKey returns the key that an identifier names, or nil.
func (c *Chip) authenticationKey(id byte) *key {
	d := c.session.current
	switch {
	case d.ep != nil && id == keyApplication:
		return d.key(keys.RoleApplicationMaster)
	case d.social && id == ssc.KeyRead:
		return d.key(keys.RoleSocialSecurityRead)
	case d.social && id == ssc.KeyWrite:
		return d.key(keys.RoleSocialSecurityWrite)
	case d.social && id == ssc.KeyIdentity:
		return d.key(keys.RoleSocialSecurityIdentity)
	default:
		return nil
	}
}

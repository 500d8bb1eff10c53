package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/keys"
)

// unseal checks the MAC at the end of a sealed command and returns the data before
// it. The MAC covers CLA INS P1 P2 Lc and the data, with the challenge as IV. No
// challenge is 6984, no room for a MAC 6987, a wrong MAC 6988; a key out of tries
// is 6983.
func (c *Chip) unseal(cmd apdu.Command, role keys.Role) ([]byte, apdu.Status) {
	k := c.session.current.key(role)
	if k == nil {
		return nil, apdu.KeyNotFound
	}
	n := len(cmd.Data) - 4
	if n < 0 || len(cmd.Data) > 255 {
		return nil, apdu.SecureMessagingMissing
	}
	if k.tries == 0 {
		return nil, apdu.Locked
	}
	challenge, ok := c.takeChallenge()
	if !ok {
		return nil, apdu.NoChallenge
	}
	if len(challenge) > 8 {
		challenge = challenge[:8]
	}
	message := append([]byte{cmd.CLA, cmd.INS, cmd.P1, cmd.P2, byte(len(cmd.Data))}, cmd.Data[:n]...)
	if !k.value.Seal(challenge, message).Equal(keys.MAC(cmd.Data[n:])) {
		return nil, c.failKey(k, apdu.SecureMessagingIncorrect)
	}
	if k.tries != keyLimit && !c.commit(func() { k.tries = keyLimit }) {
		return nil, apdu.NoDiagnosis
	}
	return cmd.Data[:n], apdu.OK
}

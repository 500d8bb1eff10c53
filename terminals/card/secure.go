package card

import (
	"context"
	"fmt"

	"citycard/cardos/apdu"
	"citycard/cardos/tunion"
)

// Secure makes the data of a command with secure messaging: enciphered where the command wants it,
// and with its MAC at the end. It is given the card's challenge and the command's header.
type Secure func(ctx context.Context, challenge [8]byte, header [4]byte, data []byte) ([]byte, error)

// KeyVersion is the version of the card's keys. The card changes nothing.
func (p *Purse) KeyVersion(ctx context.Context, terminal [6]byte) (byte, error) {
	start, err := p.beginLoad(ctx, 1, terminal)
	return start.KeyVersion, err
}

// UnblockPIN gives the card a new PIN, and all tries back. No error quotes it.
func (p *Purse) UnblockPIN(ctx context.Context, pin string, secure Secure) error {
	packed, err := packPIN(pin)
	if err != nil {
		return err
	}
	return p.secured(ctx, "unblock the PIN", [4]byte{0x84, 0x24}, packed, secure)
}

// expiryAt is where file 0015 has the card's last day.
const expiryAt = 24

// Extend writes the card's last day, YYYYMMDD in BCD, into file 0015.
func (p *Purse) Extend(ctx context.Context, last [4]byte, secure Secure) error {
	return p.secured(ctx, "write the last day", [4]byte{0x04, 0xD6, 0x80 | tunion.ApplicationSFI, expiryAt}, last[:], secure)
}

func (p *Purse) secured(ctx context.Context, what string, header [4]byte, data []byte, secure Secure) error {
	answer, err := apdu.Exchange(ctx, p.card, apdu.GetChallenge(4))
	if err != nil {
		return fmt.Errorf("%s: ask for a challenge: %w", what, err)
	}
	if len(answer) != 4 {
		return fmt.Errorf("%s: challenge of %d bytes, want 4", what, len(answer))
	}
	var challenge [8]byte
	copy(challenge[:], answer)
	sealed, err := secure(ctx, challenge, header, data)
	if err != nil {
		return err
	}
	command := apdu.Command{CLA: header[0], INS: header[1], P1: header[2], P2: header[3], Data: sealed, Le: apdu.NoLe}
	if _, err := apdu.Exchange(ctx, p.card, command); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

package apdu

import (
	"errors"
	"fmt"
)

// NoLe in [Command.Le] says that no answer data is expected.
const NoLe = -1

// Limits of ISO/IEC 7816-3: a short Lc or Le is one byte, an extended one two
// bytes after a zero byte; a length of zero stands for the largest Le.
const (
	maxShortData    = 255
	maxShortLe      = 256
	maxExtendedData = 65535
	maxExtendedLe   = 65536
)

// ErrMalformed is wrapped by every error about bytes that are not a command or
// not an answer.
var ErrMalformed = errors.New("malformed APDU")

// Command is a command APDU.
type Command struct {
	CLA, INS, P1, P2 byte
	Data             []byte
	// Le is the number of answer bytes wanted: NoLe for none, 0 for all there
	// are ("00" on the wire), else 1..65536.
	Le int
}

// Header returns CLA INS P1 P2.
func (c Command) Header() [4]byte { return [4]byte{c.CLA, c.INS, c.P1, c.P2} }

// Encode returns the command as it goes over the wire: short where data and Le
// fit into short lengths, extended otherwise. It fails on lengths no APDU can
// carry.
func (c Command) Encode() ([]byte, error) {
	return c.Append(make([]byte, 0, 4+3+len(c.Data)+3))
}

// Append is Encode into a buffer of the caller.
func (c Command) Append(b []byte) ([]byte, error) {
	if len(c.Data) > maxExtendedData {
		return nil, fmt.Errorf("command %X: %d data bytes, at most %d: %w", c.Header(), len(c.Data), maxExtendedData, ErrMalformed)
	}
	if c.Le < NoLe || c.Le > maxExtendedLe {
		return nil, fmt.Errorf("command %X: Le %d, want -1..%d: %w", c.Header(), c.Le, maxExtendedLe, ErrMalformed)
	}
	b = append(b, c.CLA, c.INS, c.P1, c.P2)
	if len(c.Data) <= maxShortData && c.Le <= maxShortLe {
		if len(c.Data) > 0 {
			b = append(b, byte(len(c.Data)))
			b = append(b, c.Data...)
		}
		if c.Le != NoLe {
			b = append(b, byte(c.Le)) // 256 becomes 00
		}
		return b, nil
	}
	b = append(b, 0)
	if len(c.Data) > 0 {
		b = append(b, byte(len(c.Data)>>8), byte(len(c.Data)))
		b = append(b, c.Data...)
	}
	if c.Le != NoLe {
		b = append(b, byte(c.Le>>8), byte(c.Le)) // 65536 becomes 0000
	}
	return b, nil
}

// ParseCommand reads a short or extended command APDU. Data is a part of raw,
// not a copy. An Le of "00" or "0000" is returned as 0.
func ParseCommand(raw []byte) (Command, error) {
	if len(raw) < 4 {
		return Command{}, fmt.Errorf("command of %d bytes, want at least 4: %w", len(raw), ErrMalformed)
	}
	c := Command{CLA: raw[0], INS: raw[1], P1: raw[2], P2: raw[3], Le: NoLe}
	body := raw[4:]
	switch {
	case len(body) == 0: // case 1
		return c, nil
	case len(body) == 1: // case 2 short
		c.Le = int(body[0])
		return c, nil
	case body[0] != 0:
		return c.parseShort(body)
	default:
		return c.parseExtended(body[1:])
	}
}

// parseShort reads Lc data [Le]: cases 3 and 4.
func (c Command) parseShort(body []byte) (Command, error) {
	lc := int(body[0])
	rest := body[1:]
	switch len(rest) {
	case lc:
		c.Data = rest
	case lc + 1:
		c.Data, c.Le = rest[:lc], int(rest[lc])
	default:
		return Command{}, fmt.Errorf("command %X: Lc %d, but %d bytes follow: %w", c.Header(), lc, len(rest), ErrMalformed)
	}
	return c, nil
}

// parseExtended reads what follows the zero byte of an extended length.
func (c Command) parseExtended(body []byte) (Command, error) {
	if len(body) < 2 {
		return Command{}, fmt.Errorf("command %X: extended length cut off: %w", c.Header(), ErrMalformed)
	}
	n := int(body[0])<<8 | int(body[1])
	rest := body[2:]
	switch {
	case len(rest) == 0: // case 2 extended
		c.Le = n
	case n == 0:
		return Command{}, fmt.Errorf("command %X: extended Lc of zero with data: %w", c.Header(), ErrMalformed)
	case len(rest) == n:
		c.Data = rest
	case len(rest) == n+2:
		c.Data, c.Le = rest[:n], int(rest[n])<<8|int(rest[n+1])
	default:
		return Command{}, fmt.Errorf("command %X: Lc %d, but %d bytes follow: %w", c.Header(), n, len(rest), ErrMalformed)
	}
	return c, nil
}

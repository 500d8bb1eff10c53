package personalisation

import (
	"errors"
	"fmt"

	"citycard/cardos/apdu"
)

// ErrFormat is wrapped by every error about data groupings of the wrong shape.
var ErrFormat = errors.New("malformed data grouping")

// Data groupings.
const (
	GroupTransitKeys uint16 = 0xB0A0
	GroupSocialKeys  uint16 = 0xB0C0
	GroupPIN         uint16 = 0x8010 // the PIN, packed digits
	GroupPINTries    uint16 = 0x9010 // tries left1, limit1
	GroupOverdraft   uint16 = 0xB0D0 // how far below zero the purse may go, 3 bytes, fen; ours
)

// MostOverdraft is the largest limit of an overdraft, which has three bytes, in fen.
const MostOverdraft = 1<<24 - 1

// Overdraft is the grouping of a limit.
func Overdraft(fen uint32) Group {
	return Group{ID: GroupOverdraft, Data: []byte{byte(fen >> 16), byte(fen >> 8), byte(fen)}}
}

// Group is one data grouping: identifier2, length1 (or FF and length2), data.
type Group struct {
	ID   uint16
	Data []byte
}

const (
	blockSize = 240     // data of one STORE DATA command
	maxGroup  = 1 << 10 // bytes of one grouping
	lastBlock = 0x80
)

// Append adds the grouping's bytes to b.
func (g Group) Append(b []byte) []byte {
	b = append(b, byte(g.ID>>8), byte(g.ID))
	if n := len(g.Data); n < 0xFF {
		b = append(b, byte(n))
	} else {
		b = append(b, 0xFF, byte(n>>8), byte(n))
	}
	return append(b, g.Data...)
}

// Next reads the first grouping of b and returns the rest. It reports false when
// b ends before the grouping does; a grouping above 1 kB is an error.
func Next(b []byte) (g Group, rest []byte, whole bool, err error) {
	if len(b) < 3 {
		return g, b, false, nil
	}
	n, head := int(b[2]), 3
	if n == 0xFF {
		if len(b) < 5 {
			return g, b, false, nil
		}
		n, head = int(b[3])<<8|int(b[4]), 5
	}
	if n > maxGroup {
		return g, b, false, fmt.Errorf("grouping %X%02X of %d bytes, at most %d: %w", b[0], b[1], n, maxGroup, ErrFormat)
	}
	if len(b) < head+n {
		return g, b, false, nil
	}
	return Group{ID: uint16(b[0])<<8 | uint16(b[1]), Data: b[head : head+n]}, b[head+n:], true, nil
}

// StoreData cuts groupings into STORE DATA commands of short length, numbered from
// 0 in P2; final sets the last-block bit of the last one. It fails on groupings
// above 1 kB and on more than 256 blocks.
func StoreData(groups []Group, final bool) ([]apdu.Command, error) {
	var all []byte
	for _, g := range groups {
		if len(g.Data) > maxGroup {
			return nil, fmt.Errorf("grouping %04X of %d bytes, at most %d: %w", g.ID, len(g.Data), maxGroup, ErrFormat)
		}
		all = g.Append(all)
	}
	if len(all) > 256*blockSize {
		return nil, fmt.Errorf("groupings of %d bytes, at most %d: %w", len(all), 256*blockSize, ErrFormat)
	}
	var blocks []apdu.Command
	for n := 0; n == 0 || len(all) > 0; n++ {
		part := all[:min(blockSize, len(all))]
		all = all[len(part):]
		blocks = append(blocks, apdu.Command{CLA: 0x80, INS: 0xE2, P2: byte(n), Data: part, Le: apdu.NoLe})
	}
	if final {
		blocks[len(blocks)-1].P1 = lastBlock
	}
	return blocks, nil
}

// Final reports whether P1 of a STORE DATA command marks the last block.
func Final(p1 byte) bool { return p1&lastBlock != 0 }

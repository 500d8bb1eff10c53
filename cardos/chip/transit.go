package chip

import (
	"encoding/binary"
	"math/rand/v2"

	"citycard/cardos/monthly"
	"citycard/cardos/purse"
	"citycard/cardos/tunion"
)

// Identifiers of directories.
const (
	idRoot  = 0x3F00
	idPurse = 0x3F01
)

// NewTransit returns a blank transit card as its maker delivers it: transport key,
// application not enabled, no keys, no power. See package personalisation for
// what an issuer does with it.
func NewTransit(seed uint64) *Chip {
	c := &Chip{profile: Transit, random: newRandom(seed), atr: transitATR(seed)}
	c.root = transitRoot()
	c.directories = []*directory{newPurse()}
	return c
}

// transitRoot is a root that lists the purse, for contact readers in a file and for
// contactless ones in its FCI.
func transitRoot() *directory {
	return &directory{
		id: idRoot, names: []string{string(tunion.PSE), string(tunion.PPSE)},
		files: []*file{directoryFile()}, issued: true,
	}
}

// newPurse is the blank purse application.
func newPurse() *directory {
	trips := newFile(0x001A, linear, tunion.TripRecords, tunion.TripSize).guarded(free, sealed)
	journeys := newFile(0x001E, cyclic, tunion.JourneyRecords, tunion.JourneySize).guarded(free, sealed)
	tickets := newFile(monthly.File, linear, monthly.Records, monthly.Size).guarded(free, sealed)
	trips.composite, journeys.composite, tickets.composite = true, true, true
	return &directory{
		id:    idPurse,
		names: []string{string(tunion.AIDPurse), string(tunion.AIDCityUnion)},
		files: []*file{
			newFile(0x0015, transparent, 1, tunion.ApplicationSize).guarded(free, sealed),
			newFile(0x0016, transparent, 1, tunion.HolderSize).guarded(free, witnessed),
			newFile(0x0017, transparent, 1, tunion.RegionSize).guarded(free, sealed),
			newFile(0x0018, cyclic, purse.LogRecords, purse.LogRecordSize).guarded(free, closed),
			trips,
			journeys,
			tickets,
		},
		ep: &wallet{},
	}
}

func newRandom(seed uint64) *rand.PCG { return rand.NewPCG(seed, 0x63697479_63617264) }

// directoryFile lists the purse for contact readers that walk 1PAY.SYS.DDF01:
// 70 { 61 { 4F name, 50 label } }.
func directoryFile() *file {
	f := newFile(0x0001, variable, 1, 64).guarded(free, closed)
	aid := tunion.AIDPurse.Bytes()
	entry := append([]byte{0x4F, byte(len(aid))}, aid...)
	entry = append(append(entry, 0x50, byte(len(tunion.LabelPurse))), tunion.LabelPurse...)
	record := append([]byte{0x70, byte(len(entry) + 2), 0x61, byte(len(entry))}, entry...)
	f.records[0] = record
	return f
}

// transitATR is what a PC/SC reader makes of an ISO 14443-4 card with ten
// historical bytes. They begin with "MT" as on several union cards; the rest
// is this chip's serial, since the meaning of the real ones was not found.
func transitATR(seed uint64) []byte {
	history := append([]byte("MT\x00\x00"), make([]byte, 6)...)
	binary.BigEndian.PutUint32(history[6:], uint32(seed))
	return ContactlessATR(history)
}

// ContactlessATR is the ATR of PC/SC part 3 for a contactless card: 3B 8n 80 01,
// at most 15 historical bytes (more are left out), and the check byte, XOR of all
// but the first.
func ContactlessATR(history []byte) []byte {
	n := min(len(history), 15)
	atr := append([]byte{0x3B, 0x80 | byte(n), 0x80, 0x01}, history[:n]...)
	check := byte(0)
	for _, v := range atr[1:] {
		check ^= v
	}
	return append(atr, check)
}

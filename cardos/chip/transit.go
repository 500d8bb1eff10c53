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
	idRoot        = 0x3F00
	idPurse       = 0x3F01
	idCityUnion   = 0x3F01 // of a card that has it, as a real one lists it
	idPurseBeside = 0x3F02 // of such a card's purse; ours
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

// NewCityUnion returns a blank transit card that also has an application of the older
// city union, ready for use, with its own number in its own file 0015. That application
// shows balance and log of the purse, to readers that ask it first. It has no keys: it can
// neither be loaded nor pay, and whether real cards share the purse was not found.
func NewCityUnion(seed uint64, app tunion.Application) *Chip {
	c := NewTransit(seed)
	c.profile = CityUnion
	purseDirectory := c.directories[0]
	purseDirectory.id = idPurseBeside
	content := app.Encode()
	own := newFile(0x0015, transparent, 1, tunion.ApplicationSize).guarded(free, closed)
	own.records[0] = content[:]
	c.directories = append(c.directories, &directory{
		id: idCityUnion, names: []string{string(tunion.AIDCityUnion)},
		files: []*file{own, purseDirectory.bySFI(purse.LogSFI)}, ep: purseDirectory.ep, issued: true, cityUnion: true,
	})
	c.root.files = []*file{directoryFile(0x0001, listedPurse(), listed{string(tunion.AIDCityUnion), "\x3F\x01"})}
	return c
}

// transitRoot is a root that lists the purse, for contact readers in a file and for
// contactless ones in its FCI.
func transitRoot() *directory {
	return &directory{
		id: idRoot, names: []string{string(tunion.PSE), string(tunion.PPSE)},
		files: []*file{directoryFile(0x0001, listedPurse())}, issued: true,
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
		names: []string{string(tunion.AIDPurse)},
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

// listed is an application in a file that lists them. The label is a text, or the
// application's identifier.
type listed struct{ name, label string }

func listedPurse() listed { return listed{string(tunion.AIDPurse), tunion.LabelPurse} }

// directoryFile lists applications for contact readers, each in a record of its own:
// 70 { 61 { 4F name, 50 label } }.
func directoryFile(id uint16, all ...listed) *file {
	f := newFile(id, variable, len(all), 64).guarded(free, closed)
	f.lists = true
	for i, l := range all {
		entry := append([]byte{0x4F, byte(len(l.name))}, l.name...)
		entry = append(append(entry, 0x50, byte(len(l.label))), l.label...)
		f.records[i] = append([]byte{0x70, byte(len(entry) + 2), 0x61, byte(len(entry))}, entry...)
	}
	return f
}

// transitATR is the ATR that a PC/SC reader gives for an ISO 14443-4 card with ten historical
// bytes. They begin with "MT" as on several union cards; the rest is this chip's serial, since the
// meaning of the real ones was not found.
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

package chip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
)

// errImage is wrapped by every error of Load.
var errImage = errors.New("not a card image")

// An image is: "CITYCHIP", version1, profile1, flags1, length-prefixed ATRs and
// generator state, the SAM's own state, the records of the root and of each
// application with its keys, PIN, purses, proof and block; CRC-32C4 over all
// before. Integers are big-endian, lengths uvarint; zeros at the end of a record
// are left out, records never written cost one byte.
const (
	imageMagic   = "CITYCHIP"
	imageVersion = 4

	flagBlocked  = 1
	flagContact  = 2
	flagMACFirst = 4
	flagsAll     = 7
)

// Image returns the card's permanent state, without the session. It holds the card's keys in clear
// text, as the chip's memory does, so the caller must protect the place where it is written.
func (c *Chip) Image() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.image()
}

func (c *Chip) image() ([]byte, error) {
	state, err := c.random.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("card image: %w", err)
	}
	w := imageWriter{b: append(make([]byte, 0, 2048), imageMagic...)}
	w.b = append(w.b, imageVersion, byte(c.profile), c.flags())
	w.bytes(c.atr)
	w.bytes(c.contactATR)
	w.bytes(state)
	w.directory(c.root)
	for _, d := range c.directories {
		w.directory(d)
	}
	sum := crc32.Checksum(w.b, crc32.MakeTable(crc32.Castagnoli))
	return binary.BigEndian.AppendUint32(w.b, sum), nil
}

func (c *Chip) flags() byte {
	var flags byte
	if c.blocked {
		flags |= flagBlocked
	}
	if c.contact {
		flags |= flagContact
	}
	if c.macFirst {
		flags |= flagMACFirst
	}
	return flags
}

// Load makes a chip from an image; it has no power. Other bytes are an error that says where they
// are wrong.
func Load(image []byte) (*Chip, error) {
	n := len(image) - 4
	if n < len(imageMagic)+3 || string(image[:len(imageMagic)]) != imageMagic {
		return nil, fmt.Errorf("card image of %d bytes: no header: %w", len(image), errImage)
	}
	if binary.BigEndian.Uint32(image[n:]) != crc32.Checksum(image[:n], crc32.MakeTable(crc32.Castagnoli)) {
		return nil, fmt.Errorf("card image of %d bytes: checksum is wrong: %w", len(image), errImage)
	}
	r := imageReader{b: image[len(imageMagic):n]}
	if v := r.byte(); v != imageVersion {
		return nil, fmt.Errorf("card image of version %d, want %d: %w", v, imageVersion, errImage)
	}
	profile, flags := Profile(r.byte()), r.byte()
	c := blank(profile)
	if c == nil {
		return nil, fmt.Errorf("card image of profile %d: %w", profile, errImage)
	}
	contact := flags&flagContact != 0
	if flags > flagsAll || contact != c.contact && profile != Dual {
		return nil, fmt.Errorf("card image of a %s card with flags %02x: %w", profile, flags, errImage)
	}
	c.blocked, c.contact, c.macFirst = flags&flagBlocked != 0, contact, flags&flagMACFirst != 0
	c.atr = bytes.Clone(r.bytes(33))
	if second := bytes.Clone(r.bytes(33)); profile == Dual {
		c.contactATR = second
	} else if len(second) > 0 {
		r.failed = true
	}
	if err := c.random.UnmarshalBinary(r.bytes(64)); err != nil {
		return nil, fmt.Errorf("card image: generator: %w", errors.Join(err, errImage))
	}
	r.directory(c.root)
	for _, d := range c.directories {
		r.directory(d)
	}
	if r.failed || len(r.b) > 0 {
		return nil, fmt.Errorf("card image: content does not fit a %s card: %w", profile, errImage)
	}
	return c, nil
}

// blank is a card of a profile, or nil.
func blank(p Profile) *Chip {
	switch p {
	case Transit:
		return NewTransit(0)
	case CityUnion:
		return NewCityUnion(0, tunion.Application{})
	case SocialSecurity:
		return NewSocialSecurity(0)
	case SAM:
		return NewPSAM([6]byte{}, keys.SAMKeys{})
	case SocialSecurityV1:
		return NewSocialSecurityV1(0)
	case Dual:
		return NewDual(0)
	default:
		return nil
	}
}

type imageWriter struct{ b []byte }

func (w *imageWriter) uint(v uint64) { w.b = binary.AppendUvarint(w.b, v) }

func (w *imageWriter) bytes(p []byte) {
	w.uint(uint64(len(p)))
	w.b = append(w.b, p...)
}

// issuedBit marks a personalised directory, beside its block.
const issuedBit = 0x80

func (w *imageWriter) directory(d *directory) {
	state := byte(d.block)
	if d.issued {
		state |= issuedBit
	}
	w.b = append(w.b, state, d.pin.tries, d.pin.limit)
	w.bytes(d.pin.value)
	w.uint(uint64(len(d.keys)))
	for _, k := range d.keys {
		w.b = append(w.b, byte(k.role), k.version, k.tries)
		w.b = append(w.b, k.value[:]...)
	}
	for _, p := range []*wallet{d.ed, d.ep} {
		if p != nil {
			w.uint(uint64(p.funds))
			w.uint(uint64(p.limit))
			w.uint(uint64(p.online))
			w.uint(uint64(p.offline))
		}
	}
	w.b = append(w.b, d.proof.kind)
	if d.proof.kind != 0 {
		w.uint(uint64(d.proof.sequence))
		w.b = append(append(w.b, d.proof.tac[:]...), d.proof.mac2[:]...)
	}
	if d.sam != nil {
		w.sam(d.sam)
	}
	if d.social && d.parent == nil {
		w.b = append(w.b, byte(d.genuine))
	}
	for _, f := range d.files {
		w.file(f)
	}
}

func (w *imageWriter) sam(s *sam) {
	w.b = append(w.b, s.masters.Version)
	social := s.masters.SocialSecurity
	for _, k := range []keys.Key{s.masters.Purchase, social.Read, social.Write, social.Identity, social.Genuine, s.masters.TAC} {
		w.b = append(w.b, k[:]...)
	}
	w.uint(uint64(len(s.masters.Older)))
	for _, o := range s.masters.Older {
		w.b = append(append(w.b, o.Version), o.Purchase[:]...)
	}
	w.uint(uint64(s.sequence))
}

// file writes the newest record's place and each record: 0 for one that was never written, else its
// length without zeros at the end, plus one. Records with a length of their own keep their zeros.
func (w *imageWriter) file(f *file) {
	w.uint(uint64(f.newest))
	for _, r := range f.records {
		if r == nil {
			w.uint(0)
			continue
		}
		if !f.structure.ownLength() {
			r = bytes.TrimRight(r, "\x00")
		}
		w.uint(uint64(len(r)) + 1)
		w.b = append(w.b, r...)
	}
}

// imageReader reads what imageWriter wrote; after the first error all values that it returns are
// zero.
type imageReader struct {
	b      []byte
	failed bool
}

func (r *imageReader) take(n int) []byte {
	if r.failed || n < 0 || n > len(r.b) {
		r.failed = true
		return make([]byte, max(0, min(n, 64)))
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *imageReader) byte() byte { return r.take(1)[0] }

// uint reads a number of at most limit.
func (r *imageReader) uint(limit uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if r.failed || n <= 0 || v > limit {
		r.failed = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *imageReader) bytes(limit int) []byte { return r.take(int(r.uint(uint64(limit)))) }

func (r *imageReader) directory(d *directory) {
	state := r.byte()
	d.block, d.issued = block(state&^issuedBit), state&issuedBit != 0
	d.pin = pin{tries: r.byte(), limit: r.byte()}
	d.pin.value = bytes.Clone(r.bytes(mostPIN))
	d.keys = nil
	for range r.uint(32) {
		k := key{role: keys.Role(r.byte()), version: r.byte(), tries: r.byte()}
		k.value = keys.Key(r.take(16))
		d.keys = append(d.keys, k)
	}
	if d.block > permanently || d.pin.limit > 15 || d.pin.tries > d.pin.limit || len(d.pin.value) == 1 {
		r.failed = true
	}
	for _, p := range []*wallet{d.ed, d.ep} {
		if p != nil {
			*p = wallet{
				funds: uint32(r.uint(purse.MaxBalance)), limit: uint32(r.uint(1<<24 - 1)),
				online: uint16(r.uint(maxSequence)), offline: uint16(r.uint(maxSequence)),
			}
		}
	}
	d.proof = proof{kind: r.byte()}
	if d.proof.kind != 0 {
		d.proof.sequence = uint16(r.uint(maxSequence))
		d.proof.tac, d.proof.mac2 = keys.MAC(r.take(4)), keys.MAC(r.take(4))
	}
	if d.sam != nil {
		r.sam(d.sam)
	}
	if d.social && d.parent == nil {
		d.genuine = ssc.Genuine(r.byte())
	}
	for _, f := range d.files {
		r.file(f)
	}
}

func (r *imageReader) sam(s *sam) {
	s.masters = keys.SAMKeys{Version: r.byte()}
	social := &s.masters.SocialSecurity
	for _, k := range []*keys.Key{&s.masters.Purchase, &social.Read, &social.Write, &social.Identity, &social.Genuine, &s.masters.TAC} {
		*k = keys.Key(r.take(16))
	}
	for range r.uint(255) {
		s.masters.Older = append(s.masters.Older, keys.PurchaseMaster{Version: r.byte(), Purchase: keys.Key(r.take(16))})
	}
	s.sequence = uint32(r.uint(math.MaxUint32))
}

func (r *imageReader) file(f *file) {
	f.newest = int(r.uint(uint64(len(f.records) - 1)))
	for i := range f.records {
		n := int(r.uint(uint64(f.size) + 1))
		if n == 0 {
			f.records[i] = nil
			continue
		}
		content := r.take(n - 1)
		switch {
		case r.failed:
			return
		case f.structure == variable:
			f.records[i] = bytes.Clone(content)
		case f.structure != tagged:
			f.records[i] = make([]byte, f.size)
			copy(f.records[i], content)
		case wellTagged(f.columns[i], content):
			f.records[i] = bytes.Clone(content)
		default:
			r.failed = true
		}
	}
}

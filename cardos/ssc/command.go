package ssc

import (
	"fmt"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
)

// Keys and PIN of SSSE, as commands name them.
const (
	KeyGenuine  byte = 0x00 // INTERNAL AUTHENTICATE
	KeyWrite    byte = 0x04 // writes the holder's data
	KeyRead     byte = 0x0A // reads the holder's data
	KeyIdentity byte = 0x0D // the person's identification
	PINHolder   byte = 0x00
)

// Select selects SSSE. Contact cards answer 611E and are asked again by
// apdu.Exchange.
func Select() apdu.Command { return apdu.Select([]byte(AID)) }

// SelectFile selects a file of SSSE under the current application.
func SelectFile(id uint16) apdu.Command {
	return apdu.Command{INS: 0xA4, P1: 0x02, Data: []byte{byte(id >> 8), byte(id)}, Le: 0}
}

// Addressing is how a reader names a record.
type Addressing int

// The three styles of readers in the field.
const (
	ByTagAndFile Addressing = iota // tag, and short file identifier
	ByTag                          // tag in the selected file
	ByNumber                       // record number in the selected file
)

// Read reads a field. For ByTag and ByNumber its file must be selected.
func Read(f Field, how Addressing) apdu.Command {
	c := apdu.Command{INS: 0xB2, P1: byte(f.Tag), Le: f.Size + 2}
	switch how {
	case ByTagAndFile:
		c.P2 = f.SFI << 3
	case ByNumber:
		c.P1, c.P2 = f.number(), 4
	}
	return c
}

// number is the place of the field in its file, from 1.
func (f Field) number() byte {
	var n byte
	for _, g := range append(Fields(), IdentityFields()...) {
		if g.SFI == f.SFI {
			n++
		}
		if g.Tag == f.Tag {
			break
		}
	}
	return n
}

// Write writes a record; it needs an authentication with KeyWrite before, for a
// record of EF0D with KeyIdentity.
func Write(r Record) (apdu.Command, error) {
	f, ok := FieldOf(r.Tag)
	if !ok {
		return apdu.Command{}, fmt.Errorf("record %02X is not of SSSE: %w", byte(r.Tag), ErrLayout)
	}
	if err := sized(r, f.SFI); err != nil {
		return apdu.Command{}, err
	}
	data, err := r.Encode()
	if err != nil {
		return apdu.Command{}, err
	}
	return apdu.Command{INS: 0xDC, P1: byte(r.Tag), P2: f.SFI << 3, Data: data, Le: apdu.NoLe}, nil
}

// ExternalAuthenticate presents the cryptogram over the card's challenge and the
// random number it was made with.
func ExternalAuthenticate(key byte, cryptogram, random [8]byte) apdu.Command {
	return apdu.ExternalAuthenticate(key, append(cryptogram[:], random[:]...))
}

// Cryptogram answers a card's challenge: 3DES with the card's key diversified once more by random.
// We inferred this use of the random number from the personalisation dialogues; no text about it
// was found.
func Cryptogram(key keys.Key, random, challenge [8]byte) [8]byte {
	return [8]byte(keys.Diversify(key, keys.Factor(random)).Encrypt(challenge[:]))
}

// Genuine is a way to answer INTERNAL AUTHENTICATE.
type Genuine byte

// How real cards compute the answer was not published. Our cards use the way named here; each card
// stores its way, so that another one can be added.
const (
	// GenuineCryptogram is ours: the answer is [Cryptogram] over the data. A module then
	// finds the same bytes with the commands that readers send to it (BF DE 67 08, 80 FA).
	GenuineCryptogram Genuine = 1
)

// Answer is a card's answer to INTERNAL AUTHENTICATE; false for a way that is not known.
func (g Genuine) Answer(key keys.Key, random, data [8]byte) ([8]byte, bool) {
	if g != GenuineCryptogram {
		return [8]byte{}, false
	}
	return Cryptogram(key, random, data), true
}

// ProvinceFactor is the factor of the issuing province: the first two digits of its regions' codes
// and four zeros in ASCII, and "sh".
func ProvinceFactor(region [3]byte) keys.Factor {
	var f keys.Factor
	copy(f[:], fmt.Sprintf("%X0000sh", region[:1]))
	return f
}

// CityFactor is the factor of the issuing city: the six digits of its region in
// ASCII, and "sx".
func CityFactor(region [3]byte) keys.Factor {
	var f keys.Factor
	copy(f[:], fmt.Sprintf("%X", region[:]))
	f[6], f[7] = 's', 'x'
	return f
}

// CardFactor is the factor of a card: the last eight historical bytes of its ATR, which end the ATR
// on a contact card and precede the check byte on a contactless one (3B 8n 80 01). A shorter ATR is
// an error.
func CardFactor(atr []byte) (keys.Factor, error) {
	if len(atr) > 4 && atr[1]&0xF0 == 0x80 && atr[2] == 0x80 && atr[3] == 0x01 {
		atr = atr[4 : len(atr)-1]
	}
	if len(atr) < 8 {
		return keys.Factor{}, fmt.Errorf("ATR with %d bytes to read the card from: %w", len(atr), ErrLayout)
	}
	return keys.Factor(atr[len(atr)-8:]), nil
}

// PIN packs 4 to 12 digits for VERIFY, an odd last one filled with F.
func PIN(digits string) ([]byte, error) {
	if len(digits) < 4 || len(digits) > 12 {
		return nil, fmt.Errorf("PIN must have 4 to 12 digits: %w", ErrLayout)
	}
	b := make([]byte, (len(digits)+1)/2)
	for i := range b {
		b[i] = 0xFF
	}
	for i := range len(digits) {
		d := digits[i] - '0'
		if d > 9 {
			return nil, fmt.Errorf("PIN must be digits: %w", ErrLayout)
		}
		if i%2 == 0 {
			b[i/2] = d<<4 | 0xF
		} else {
			b[i/2] = b[i/2]&0xF0 | d
		}
	}
	return b, nil
}

package ssc

import (
	"fmt"
	"strings"

	"citycard/cardos/keys"
)

// Identification is the card identification (卡识别码): region3 (six digits BCD)
// D156000005, the chip's serial4 as the ATR ends with it, and four bytes more.
type Identification [16]byte

const identificationIssuer = "\xD1\x56\x00\x00\x05"

// NewIdentification makes the identification of a card from the last eight historical bytes of its
// ATR, as [CardFactor] finds them. On real cards the chip's serial, the last four of these bytes,
// is followed by four bytes whose rule was not found. Here the first four of the eight are used for
// them.
func NewIdentification(region [3]byte, factor keys.Factor) Identification {
	var id Identification
	copy(id[:], region[:])
	copy(id[3:], identificationIssuer)
	copy(id[8:], factor[4:])
	copy(id[12:], factor[:4])
	return id
}

// Region is the six digits of the issuing region.
func (id Identification) Region() string { return fmt.Sprintf("%X", id[:3]) }

// String is the identification as 32 hexadecimal digits.
func (id Identification) String() string { return fmt.Sprintf("%X", id[:]) }

// Issuer is file EF05.
type Issuer struct {
	Identification Identification
	Class          byte     // a character
	Version        string   // "1.00", "2.00", "3.00"
	Institution    [12]byte // BCD
	Issued         [4]byte  // YYYYMMDD
	Expiry         [4]byte
	CardNumber     string // 9 characters
}

// Holder is file EF06. It prints itself without the person's data.
type Holder struct {
	SecurityNumber string // 18 characters
	Name           string // at most 50 bytes GBK
	Sex            byte   // '1' male, '2' female
	Nation         byte   // BCD
	Birthplace     [3]byte
	Birthday       [4]byte // YYYYMMDD
}

// String hides the person.
func (Holder) String() string { return "[holder]" }

// GoString hides the person from %#v too.
func (Holder) GoString() string { return "[holder]" }

// Records returns the records of EF05.
func (i Issuer) Records() ([]Record, error) {
	version, err := encodeText(TagVersion, i.Version, 4)
	if err != nil {
		return nil, err
	}
	number, err := encodeText(TagCardNumber, i.CardNumber, 9)
	if err != nil {
		return nil, err
	}
	return []Record{
		{TagIdentification, i.Identification[:]},
		{TagClass, []byte{i.Class}},
		{TagVersion, version},
		{TagInstitution, i.Institution[:]},
		{TagIssued, i.Issued[:]},
		{TagExpiry, i.Expiry[:]},
		{TagCardNumber, number},
	}, nil
}

// Records returns the records of EF06. A name that is longer than 30 bytes goes
// on in the extension.
func (h Holder) Records() ([]Record, error) {
	number, err := encodeText(TagSecurityNumber, h.SecurityNumber, 18)
	if err != nil {
		return nil, err
	}
	first, rest, err := splitName(h.Name)
	if err != nil {
		return nil, err
	}
	name, err := encodeText(TagName, first, 30)
	if err != nil {
		return nil, err
	}
	extension, err := encodeText(TagNameExtension, rest, 20)
	if err != nil {
		return nil, err
	}
	return []Record{
		{TagSecurityNumber, number},
		{TagName, name},
		{TagNameExtension, extension},
		{TagSex, []byte{h.Sex}},
		{TagNation, []byte{h.Nation}},
		{TagBirthplace, h.Birthplace[:]},
		{TagBirthday, h.Birthday[:]},
	}, nil
}

// Add puts one record into the file; records of other files and unknown tags are left
// out. A value of the wrong length is an error.
func (i *Issuer) Add(r Record) (err error) {
	if err := sized(r, SFIIssuer); err != nil {
		return err
	}
	switch r.Tag {
	case TagIdentification:
		i.Identification = Identification(r.Value)
	case TagClass:
		i.Class = r.Value[0]
	case TagVersion:
		i.Version, err = decodeText(r.Tag, r.Value)
	case TagInstitution:
		i.Institution = [12]byte(r.Value)
	case TagIssued:
		i.Issued = [4]byte(r.Value)
	case TagExpiry:
		i.Expiry = [4]byte(r.Value)
	case TagCardNumber:
		i.CardNumber, err = decodeText(r.Tag, r.Value)
	}
	return err
}

// Add puts one record into the file, the name before its extension.
func (h *Holder) Add(r Record) (err error) {
	if err := sized(r, SFIHolder); err != nil {
		return err
	}
	switch r.Tag {
	case TagSecurityNumber:
		h.SecurityNumber, err = decodeText(r.Tag, r.Value)
	case TagName:
		h.Name, err = decodeText(r.Tag, r.Value)
	case TagNameExtension:
		var more string
		if more, err = decodeText(r.Tag, r.Value); err == nil {
			h.Name += more
		}
	case TagSex:
		h.Sex = r.Value[0]
	case TagNation:
		h.Nation = r.Value[0]
	case TagBirthplace:
		h.Birthplace = [3]byte(r.Value)
	case TagBirthday:
		h.Birthday = [4]byte(r.Value)
	}
	return err
}

// sized checks a record's length where its tag is one of the file's.
func sized(r Record, sfi byte) error {
	f, known := FieldOf(r.Tag)
	if known && f.SFI == sfi && len(r.Value) != f.Size {
		return fmt.Errorf("record %02X: %d bytes, want %d: %w", byte(r.Tag), len(r.Value), f.Size, ErrLayout)
	}
	return nil
}

// NeedsAuthentication reports whether cards of a version give the holder's data
// only after external authentication.
func NeedsAuthentication(version string) bool { return strings.HasPrefix(version, "3") }

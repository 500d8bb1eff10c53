package ssc

import (
	"errors"
	"fmt"
)

// ErrLayout is wrapped by every error about data of the wrong shape.
var ErrLayout = errors.New("malformed social-security card data")

// AID is the name of the application SSSE: "sx1.sh." and 社会保障 in GBK.
const AID = "\x73\x78\x31\x2E\x73\x68\x2E\xC9\xE7\xBB\xE1\xB1\xA3\xD5\xCF"

// Files of SSSE.
const (
	FileIssuer uint16 = 0xEF05
	FileHolder uint16 = 0xEF06

	SFIIssuer byte = 0x05
	SFIHolder byte = 0x06
)

// FileIdentity is the file that version 3 added for the person's identification.
const (
	FileIdentity uint16 = 0xEF0D

	SFIIdentity byte = 0x0D
)

// FileDirectory lists the directories of SSSE; tag 88 of the answer to SELECT names it.
const (
	FileDirectory uint16 = 0xEF0B

	SFIDirectory byte = 0x0B
)

// Tag names a record.
type Tag byte

// Tags of EF05, EF06 and, the last two, EF0D.
const (
	TagIdentification Tag = 0x01 // 卡识别码, 16 bytes
	TagClass          Tag = 0x02 // 卡的类别, 1 character
	TagVersion        Tag = 0x03 // 规范版本, 4 characters: 1.00, 2.00, 3.00
	TagInstitution    Tag = 0x04 // 初始化机构编号, 12 bytes BCD
	TagIssued         Tag = 0x05 // 发卡日期, YYYYMMDD in 4 bytes BCD
	TagExpiry         Tag = 0x06 // 卡有效期, YYYYMMDD in 4 bytes BCD
	TagCardNumber     Tag = 0x07 // 卡号, 9 characters
	TagSecurityNumber Tag = 0x08 // 社会保障号码, 18 characters
	TagName           Tag = 0x09 // 姓名, 30 bytes GBK
	TagNameExtension  Tag = 0x4E // 姓名扩展, 20 bytes GBK, from version 2 on
	TagSex            Tag = 0x0A // 性别, 1 character: 1 male, 2 female
	TagNation         Tag = 0x0B // 民族, 1 byte BCD
	TagBirthplace     Tag = 0x0C // 出生地, 3 bytes BCD
	TagBirthday       Tag = 0x0D // 出生日期, YYYYMMDD in 4 bytes BCD
	TagPersonID       Tag = 0xEA // 人员识别号, 12 bytes
	TagFirstClaim     Tag = 0xEB // 初次申领地, 3 bytes
)

// Field says where a record is and how long its value.
type Field struct {
	Tag  Tag
	SFI  byte
	Size int
}

// Fields lists the records of EF05 and EF06 in the order of the files.
func Fields() []Field {
	return []Field{
		{TagIdentification, SFIIssuer, 16},
		{TagClass, SFIIssuer, 1},
		{TagVersion, SFIIssuer, 4},
		{TagInstitution, SFIIssuer, 12},
		{TagIssued, SFIIssuer, 4},
		{TagExpiry, SFIIssuer, 4},
		{TagCardNumber, SFIIssuer, 9},
		{TagSecurityNumber, SFIHolder, 18},
		{TagName, SFIHolder, 30},
		{TagNameExtension, SFIHolder, 20},
		{TagSex, SFIHolder, 1},
		{TagNation, SFIHolder, 1},
		{TagBirthplace, SFIHolder, 3},
		{TagBirthday, SFIHolder, 4},
	}
}

// IdentityFields lists the records of EF0D, which cards before version 3 lack.
func IdentityFields() []Field {
	return []Field{
		{TagPersonID, SFIIdentity, 12},
		{TagFirstClaim, SFIIdentity, 3},
	}
}

// FieldOf returns the field of a tag.
func FieldOf(tag Tag) (Field, bool) {
	for _, f := range append(Fields(), IdentityFields()...) {
		if f.Tag == tag {
			return f, true
		}
	}
	return Field{}, false
}

// Record is one record of a file.
type Record struct {
	Tag   Tag
	Value []byte
}

// ParseRecord reads tag1 length1 value. Bytes behind the value are filling and
// left out.
func ParseRecord(b []byte) (Record, error) {
	if len(b) < 2 || len(b) < 2+int(b[1]) {
		return Record{}, fmt.Errorf("record of %d bytes: %w", len(b), ErrLayout)
	}
	return Record{Tag: Tag(b[0]), Value: b[2 : 2+int(b[1])]}, nil
}

// Encode is the inverse of ParseRecord. It fails on values above 255 bytes.
func (r Record) Encode() ([]byte, error) {
	if len(r.Value) > 255 {
		return nil, fmt.Errorf("record %02X of %d bytes: %w", byte(r.Tag), len(r.Value), ErrLayout)
	}
	return append([]byte{byte(r.Tag), byte(len(r.Value))}, r.Value...), nil
}

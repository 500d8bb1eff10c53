package ssc

// SSSE holds two more files, and directories beside SSSE hold the rest of the card. Their layouts
// are known by tag and length from public file tables. The meaning of most fields is not known, so
// they are read and written here unchanged.

// Kind is how a value is coded.
type Kind byte

// Kinds of values.
const (
	Text   Kind = iota + 1 // characters, ASCII or GBK, filled on the right with 00
	Digits                 // packed digits, filled on the right with F
	Bytes                  // binary, and numbers in hexadecimal
	Nested                 // a B-TLV of several values
)

// Column is a value in a file of a directory. A Nested one consists of parts, each
// with its own tag and length; Size counts those too.
type Column struct {
	Tag   Tag
	Kind  Kind
	Size  int
	Parts []Column
}

// Shape is how a file of a directory holds its values.
type Shape byte

// Shapes of files.
const (
	Tagged      Shape = iota + 1 // one record a column: tag1 length1 value
	Cyclic                       // records of all columns one after the other, without tags; record 1 is the newest
	Transparent                  // bytes without structure
)

// Guard is what a reader needs for a file.
type Guard byte

// Guards. Where sources say "PIN and/or key", either opens the file here.
const (
	Free Guard = iota + 1
	ByKey
	ByPINOrKey
	ByPINAndKey
)

// Table is a file.
type Table struct {
	ID      uint16
	Shape   Shape
	Guard   Guard
	Columns []Column // Tagged, Cyclic
	Rows    int      // Cyclic
	Size    int      // Transparent
}

// SFI is the short file identifier, the low five bits of the identifier.
func (t Table) SFI() byte { return byte(t.ID & 0x1F) }

// RecordSize is the length of a Cyclic file's record.
func (t Table) RecordSize() int {
	n := 0
	for _, c := range t.Columns {
		n += c.Size
	}
	return n
}

// Folder is a directory: its identifier (below SSSE) and its name.
type Folder struct {
	ID     uint16
	AID    string
	Tables []Table
}

// Directories of the card.
const (
	FolderPublic     uint16 = 0xDF01
	FolderEmployment uint16 = 0xDF02
	FolderInsurance  uint16 = 0xDF03
	FolderMedical    uint16 = 0xDF04
	FolderSeventh    uint16 = 0xDF07
)

const folderAID = "\xD1\x56\x00\x00\x05"

// Binaries are the files of fingerprint and photograph in SSSE.
func Binaries(version string) []Table {
	fingerprint := 0x400
	if isFirst(version) {
		fingerprint = 0x300
	}
	return []Table{
		{ID: 0xEF07, Shape: Transparent, Guard: ByKey, Size: fingerprint},
		{ID: 0xEF08, Shape: Transparent, Guard: ByKey, Size: 0x1000},
	}
}

// Folders lists the directories of a card. Cards of version 1 differ in many files that no source
// lists; only their medical cost records are included here.
func Folders(version string) []Folder {
	if isFirst(version) {
		return []Folder{{FolderMedical, folderAID + "\x03", []Table{medicalCosts(10)}}}
	}
	return []Folder{
		{FolderPublic, folderAID + "\x00", publicTables()},
		{FolderEmployment, folderAID + "\x01", employmentTables()},
		{FolderInsurance, folderAID + "\x02", insuranceTables()},
		{FolderMedical, folderAID + "\x03", medicalTables()},
		{FolderSeventh, folderAID + "\x04", seventhTables()},
	}
}

// FieldsOf lists the records of EF05 and EF06 for a version: the first has no
// extension of the name.
func FieldsOf(version string) []Field {
	all := Fields()
	if !isFirst(version) {
		return all
	}
	kept := all[:0]
	for _, f := range all {
		if f.Tag != TagNameExtension {
			kept = append(kept, f)
		}
	}
	return kept
}

func isFirst(version string) bool { return len(version) > 0 && version[0] == '1' }

package chip

import (
	"encoding/binary"

	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
)

// NewSocialSecurity returns a blank social-security card of version 2 or 3 as its maker delivers
// it: the application SSSE and the directories beside it. The version record that its issuer writes
// decides whether the card asks for authentication before it gives the holder's data.
func NewSocialSecurity(seed uint64) *Chip { return newSocial(seed, SocialSecurity, "2.00") }

// NewSocialSecurityV1 returns a blank card of version 1: no extension of the name,
// and of the directories only what is known of that version.
func NewSocialSecurityV1(seed uint64) *Chip { return newSocial(seed, SocialSecurityV1, "1.00") }

func newSocial(seed uint64, profile Profile, version string) *Chip {
	return &Chip{
		profile: profile, contact: true, random: newRandom(seed), atr: socialATR(seed),
		root:        &directory{id: idRoot, names: []string{string(tunion.PSE)}, issued: true},
		directories: newSSSE(version),
	}
}

// newSSSE is the blank application SSSE and, after it, its directories.
func newSSSE(version string) []*directory {
	issuer := newRecords(ssc.FileIssuer, columnsOf(ssc.FieldsOf(version), ssc.SFIIssuer)).guarded(privately, keyed)
	holder := newRecords(ssc.FileHolder, columnsOf(ssc.FieldsOf(version), ssc.SFIHolder)).guarded(privately, keyed)
	ssse := &directory{names: []string{ssc.AID}, files: []*file{issuer, holder}, social: true, genuine: ssc.GenuineCryptogram}
	if version[0] != '1' {
		identity := newRecords(ssc.FileIdentity, columnsOf(ssc.IdentityFields(), ssc.SFIIdentity))
		ssse.files = append(ssse.files, identity.guarded(privately, identified))
	}
	for _, t := range ssc.Binaries(version) {
		ssse.files = append(ssse.files, newTable(t))
	}
	all := []*directory{ssse}
	var below []listed
	for _, f := range ssc.Folders(version) {
		below = append(below, listed{f.AID, string([]byte{byte(f.ID >> 8), byte(f.ID)})})
		d := &directory{id: f.ID, names: []string{f.AID}, social: true, parent: ssse}
		for _, t := range f.Tables {
			d.files = append(d.files, newTable(t))
		}
		all = append(all, d)
	}
	ssse.files = append(ssse.files, directoryFile(ssc.FileDirectory, below...))
	return all
}

// columnsOf are the records of one file of SSSE.
func columnsOf(fields []ssc.Field, sfi byte) []ssc.Column {
	var columns []ssc.Column
	for _, f := range fields {
		if f.SFI == sfi {
			columns = append(columns, ssc.Column{Tag: f.Tag, Size: f.Size})
		}
	}
	return columns
}

// newRecords makes a linear variable file, one record a column.
func newRecords(id uint16, columns []ssc.Column) *file {
	f := newFile(id, tagged, len(columns), 0)
	f.columns = columns
	for _, c := range columns {
		f.size = max(f.size, c.Size+2)
	}
	return f
}

// newTable makes a file of a directory. It is written with the key for writing.
func newTable(t ssc.Table) *file {
	var f *file
	switch t.Shape {
	case ssc.Cyclic:
		f = newFile(t.ID, cyclic, t.Rows, t.RecordSize())
	case ssc.Transparent:
		f = newFile(t.ID, transparent, 1, t.Size)
	default:
		f = newRecords(t.ID, t.Columns)
	}
	return f.guarded(guardOf(t.Guard), keyed)
}

func guardOf(g ssc.Guard) condition {
	switch g {
	case ssc.Free:
		return free
	case ssc.ByKey:
		return keyed
	case ssc.ByPINAndKey:
		return both
	default:
		return either
	}
}

// socialHistory is thirteen historical bytes: chip maker2, system version3, card
// maker2 (values seen on real cards), city2 and serial4, which differs from card to card.
func socialHistory(seed uint64) []byte {
	history := []byte{0x00, 0x81, 0x54, 0x31, 0x00, 0x86, 0x97, 0x41, 0x01}
	return binary.BigEndian.AppendUint32(history, uint32(seed^seed>>32))
}

// socialATR is 3B 6D 00 00 and the historical bytes. Contact, T=0, hence no check
// byte.
func socialATR(seed uint64) []byte {
	return append([]byte{0x3B, 0x6D, 0, 0}, socialHistory(seed)...)
}

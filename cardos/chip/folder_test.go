package chip_test

import (
	"bytes"
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/ssc"
)

// prove authenticates with the keys of a card that have the identifiers.
func prove(t *testing.T, card *chip.Chip, keyStore *keys.Store, ids ...byte) {
	t.Helper()
	own := ownKeys(t, card, keyStore)
	for _, id := range ids {
		key := map[byte]keys.Key{ssc.KeyRead: own.Read, ssc.KeyWrite: own.Write, ssc.KeyIdentity: own.Identity}[id]
		challenge := [8]byte(send(t, card, apdu.GetChallenge(8)))
		send(t, card, ssc.ExternalAuthenticate(id, ssc.Cryptogram(key, [8]byte{1}, challenge), [8]byte{1}))
	}
}

// ownKeys are the keys of a card of Zhengzhou.
func ownKeys(t *testing.T, card *chip.Chip, keyStore *keys.Store) keys.SocialSecurityKeys {
	t.Helper()
	factor, err := ssc.CardFactor(card.ATR())
	if err != nil {
		t.Fatal(err)
	}
	region := [3]byte{0x41, 0x01, 0x00}
	return keyStore.SocialSecurityKeys(ssc.ProvinceFactor(region), ssc.CityFactor(region), factor)
}

// Every file of every directory is written and read, in every possible way, under the conditions
// that its guard states.
func TestFolders(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	card, _, _ := issueSocial(t, keyStore, "2.00", 5)
	pin := []byte{0x12, 0x34, 0x56}
	files, fields := 0, 0
	for _, folder := range ssc.Folders("2.00") {
		for _, table := range folder.Tables {
			files++
			fields += len(table.Columns)
			enter := func() {
				t.Helper()
				card.Reset()
				send(t, card, ssc.Select())
				send(t, card, apdu.SelectFile(folder.ID))
			}
			enter()
			value := bytes.Repeat([]byte{byte(files)}, 8)
			read := writeTable(t, card, table, value, func() { prove(t, card, keyStore, ssc.KeyWrite) })
			enter()
			if table.Guard == ssc.Free {
				send(t, card, read)
				continue
			}
			refuse(t, card, read, apdu.SecurityNotSatisfied)
			send(t, card, apdu.Verify(0, pin))
			if table.Guard == ssc.ByPINAndKey {
				refuse(t, card, read, apdu.SecurityNotSatisfied)
				prove(t, card, keyStore, ssc.KeyRead)
			}
			if got := send(t, card, read); !bytes.Contains(got, value[:1]) {
				t.Errorf("%04X/%04X reads %X", folder.ID, table.ID, got)
			}
		}
	}
	if files != 33 || fields < 120 {
		t.Errorf("only %d files with %d fields were tried", files, fields)
	}
	if d := card.Describe().SocialSecurity; len(d.Files) != files {
		t.Errorf("%d files are described, %d were written", len(d.Files), files)
	}
	image, err := card.Image()
	if err != nil {
		t.Fatal(err)
	}
	again, err := chip.Load(image)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := again.Image(); err != nil || !bytes.Equal(image, second) {
		t.Errorf("the image changes when it is loaded and saved: %v", err)
	}
}

// writeTable writes the file's first record, refused at first, and returns the command
// that reads it.
func writeTable(t *testing.T, card *chip.Chip, table ssc.Table, value []byte, authenticate func()) apdu.Command {
	t.Helper()
	var write, read apdu.Command
	switch table.Shape {
	case ssc.Transparent:
		write, read = apdu.UpdateBinary(table.SFI(), 0, value), apdu.ReadBinary(table.SFI(), 0, 8)
	case ssc.Cyclic:
		record := bytes.Repeat(value[:1], table.RecordSize())
		write, read = apdu.AppendRecord(table.SFI(), record), apdu.ReadRecord(table.SFI(), 1, len(record))
	default:
		c := table.Columns[0]
		record := append([]byte{byte(c.Tag), byte(c.Size)}, bytes.Repeat(value[:1], c.Size)...)
		write = apdu.Command{INS: 0xDC, P1: byte(c.Tag), P2: table.SFI() << 3, Data: record, Le: apdu.NoLe}
		read = apdu.Command{INS: 0xB2, P1: byte(c.Tag), P2: table.SFI() << 3, Le: len(record)}
	}
	refuse(t, card, write, apdu.SecurityNotSatisfied)
	authenticate()
	send(t, card, write)
	return read
}

// The photograph is longer than a short offset can address and than a short answer can hold.
func TestPhotograph(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	card, _, _ := issueSocial(t, keyStore, "2.00", 5)
	card.Reset()
	send(t, card, ssc.Select())
	prove(t, card, keyStore, ssc.KeyRead, ssc.KeyWrite)
	photograph := make([]byte, 0x1000)
	for i := range photograph {
		photograph[i] = byte(i * 7)
	}
	send(t, card, ssc.SelectFile(0xEF08))
	for at := 0; at < len(photograph); at += 128 {
		send(t, card, apdu.Command{INS: 0xD6, P1: byte(at >> 8), P2: byte(at), Data: photograph[at : at+128], Le: apdu.NoLe})
	}
	var got []byte
	for len(got) < len(photograph) {
		got = append(got, send(t, card, apdu.Command{INS: 0xB0, P1: byte(len(got) >> 8), P2: byte(len(got)), Le: 0})...)
	}
	if !bytes.Equal(got, photograph) {
		t.Error("the photograph reads otherwise than it was written")
	}
	refuse(t, card, apdu.Command{INS: 0xB0, P1: 0x10, Le: 0}, apdu.WrongOffset)
	card.Reset()
	send(t, card, ssc.Select())
	refuse(t, card, ssc.SelectFile(0xEF09), apdu.FileNotFound)
	send(t, card, ssc.SelectFile(0xEF08))
	refuse(t, card, apdu.Command{INS: 0xB0, Le: 0}, apdu.SecurityNotSatisfied)
}

// What is proved to the card holds for its directories too, until SSSE is selected
// again; a blocked PIN is blocked everywhere.
func TestFoldersShareSecurity(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	card, _, _ := issueSocial(t, keyStore, "2.00", 5)
	card.Reset()
	send(t, card, ssc.Select())
	prove(t, card, keyStore, ssc.KeyRead, ssc.KeyWrite)
	record := apdu.Command{INS: 0xDC, P1: 0xF1, P2: 5 << 3, Data: []byte{0xF1, 1, 'A'}, Le: apdu.NoLe}
	read := apdu.Command{INS: 0xB2, P1: 0xF1, P2: 5 << 3, Le: 3}
	send(t, card, apdu.Select([]byte("\xD1\x56\x00\x00\x05\x04")))
	send(t, card, record)
	send(t, card, apdu.Select([]byte("\xD1\x56\x00\x00\x05\x03")))
	send(t, card, apdu.Select([]byte("\xD1\x56\x00\x00\x05\x04")))
	send(t, card, read)
	send(t, card, ssc.Select())
	send(t, card, apdu.SelectFile(ssc.FolderSeventh))
	refuse(t, card, read, apdu.SecurityNotSatisfied)
	for left := 2; left >= 0; left-- {
		refuse(t, card, apdu.Verify(0, []byte{0x99, 0x99}), apdu.TriesLeft(left))
	}
	send(t, card, ssc.Select())
	refuse(t, card, apdu.Verify(0, []byte{0x12, 0x34, 0x56}), apdu.Locked)
	refuse(t, card, apdu.Command{CLA: 0x80, INS: 0xE2, Data: []byte{1}, Le: apdu.NoLe}, apdu.SecurityNotSatisfied)
}

// A card of version 1: no extension of the name, ten medical records, a shorter
// fingerprint.
func TestSocialSecurityVersion1(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	card := chip.NewSocialSecurityV1(5)
	card.PowerOn()
	_, holder := personaliseSocial(t, card, keyStore, "1.00")
	card.Reset()
	send(t, card, ssc.Select())
	name, _ := ssc.FieldOf(ssc.TagName)
	more, _ := ssc.FieldOf(ssc.TagNameExtension)
	sex, _ := ssc.FieldOf(ssc.TagSex)
	if r, err := ssc.ParseRecord(send(t, card, ssc.Read(name, ssc.ByTagAndFile))); err != nil || len(r.Value) != 30 {
		t.Errorf("name %v, %v", r, err)
	}
	refuse(t, card, ssc.Read(more, ssc.ByTagAndFile), apdu.RecordNotFound)
	send(t, card, ssc.SelectFile(ssc.FileHolder))
	third := apdu.Command{INS: 0xB2, P1: 3, P2: 4, Le: sex.Size + 2}
	if r, err := ssc.ParseRecord(send(t, card, third)); err != nil || r.Tag != ssc.TagSex || r.Value[0] != holder.Sex {
		t.Errorf("third record %v, %v, want the sex", r, err)
	}
	send(t, card, apdu.SelectFile(ssc.FolderMedical))
	send(t, card, apdu.Verify(0, []byte{0x12, 0x34, 0x56}))
	send(t, card, apdu.ReadRecord(8, 10, 28))
	refuse(t, card, apdu.ReadRecord(8, 11, 28), apdu.RecordNotFound)
	refuse(t, card, apdu.SelectFile(ssc.FolderPublic), apdu.FileNotFound)
	if d := card.Describe(); d.Profile != "ssc-v1" || d.SocialSecurity.Name != holder.Name || !d.Personalised {
		t.Errorf("described as %+v", d)
	}
}

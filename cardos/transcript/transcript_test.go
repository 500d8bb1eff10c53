package transcript_test

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/personalisation"
	"citycard/cardos/psam"
	"citycard/cardos/ssc"
	"citycard/cardos/transcript"
	"citycard/language"
)

// replay answers commands with what a real card answered.
type replay map[string]string

func (r replay) Transmit(_ context.Context, cmd []byte) ([]byte, error) {
	return hex.DecodeString(r[strings.ToUpper(hex.EncodeToString(cmd))])
}

// A real Beijing card, read and printed in both languages.
func TestWrite(t *testing.T) {
	card := transcript.New(replay{
		"805C000204": "00000AC39000",
		"00B201C400": "042D000000000001F4093000890003402024122914174090" + "00",
		"00B202C400": "6A83",
	})
	for _, cmd := range []string{"805C000204", "00B201C400", "00B202C400"} {
		b, err := hex.DecodeString(cmd)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := card.Transmit(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	var en, zh strings.Builder
	if err := card.Write(&en, language.Language{}); err != nil {
		t.Fatal(err)
	}
	if err := card.Write(&zh, language.Chinese()); err != nil {
		t.Fatal(err)
	}
	want := `1. GET BALANCE
   > 805C0002
   < 9000 00000AC3
     balance = 27.55
     done
2. READ RECORD
   > 00B201C4
   < 9000 042D000000000001F40930008900034020241229141740
     sequence = 1069
     overdraft limit = 0.00
     amount = 5.00
     transaction type = 09
     terminal = 300089000340
     time = 20241229141740
     done
3. READ RECORD
   > 00B202C4
   < 6A83
     record not found
`
	if en.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", en.String(), want)
	}
	chinese := `1. 读余额
   > 805C0002
   < 9000 00000AC3
     余额 = 27.55
     成功
2. 读记录
   > 00B201C4
   < 9000 042D000000000001F40930008900034020241229141740
     交易序号 = 1069
     透支限额 = 0.00
     金额 = 5.00
     交易类型 = 09
     终端机编号 = 300089000340
     交易时间 = 20241229141740
     成功
3. 读记录
   > 00B202C4
   < 6A83
     未找到记录
`
	if zh.String() != chinese {
		t.Errorf("printed\n%s\nwant\n%s", zh.String(), chinese)
	}
}

// A social-security card is made and read; no key, PIN, name or number is in the transcript.
func TestSecretsStayOut(t *testing.T) {
	raw := chip.NewSocialSecurity(1)
	raw.PowerOn()
	card := transcript.New(raw)
	ctx := context.Background()
	send := func(cmd apdu.Command) []byte {
		t.Helper()
		b, err := apdu.Exchange(ctx, card, cmd)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	holder := ssc.Holder{SecurityNumber: "111111198101011110", Name: "ZHANG SAN", Sex: '1'}
	records, err := holder.Records()
	if err != nil {
		t.Fatal(err)
	}
	send(ssc.Select())
	challenge := send(apdu.GetChallenge(8))
	send(apdu.ExternalAuthenticate(0, personalisation.AnswerKey(personalisation.SampleKey()).Encrypt(challenge)))
	for _, r := range records {
		cmd, err := ssc.Write(r)
		if err != nil {
			t.Fatal(err)
		}
		send(cmd)
	}
	group := personalisation.SocialGroup(keys.GenerateTest(1).SocialSecurityKeys(keys.Factor{}, keys.Factor{}, keys.Factor{}), personalisation.SealKey(personalisation.SampleKey(), [8]byte(challenge)))
	blocks, err := personalisation.StoreData([]personalisation.Group{group, {ID: personalisation.GroupPIN, Data: []byte{0x97, 0x53, 0x13}}}, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		send(b)
	}
	send(apdu.Verify(0, []byte{0x97, 0x53, 0x13}))
	for _, f := range ssc.Fields() {
		if f.SFI == ssc.SFIHolder {
			send(ssc.Read(f, ssc.ByTagAndFile))
		}
	}
	send(ssc.SelectFile(ssc.FileHolder))
	name, _ := ssc.FieldOf(ssc.TagName)
	send(ssc.Read(name, ssc.ByTag))
	_, _ = card.Transmit(ctx, []byte{0x97, 0x53, 0x13})
	_, _ = card.Transmit(ctx, append([]byte{0xA0, 0x20, 0, 0, 9}, "ZHANG SAN"...))

	var out strings.Builder
	if err := card.Write(&out, language.Language{}); err != nil {
		t.Fatal(err)
	}
	all := strings.ToUpper(out.String())
	for what, b := range map[string][]byte{
		"PIN": {0x97, 0x53, 0x13}, "name": []byte("ZHANG"), "number": []byte("198101"), "key": group.Data[3:19],
	} {
		if strings.Contains(all, strings.ToUpper(hex.EncodeToString(b))) || strings.Contains(all, string(b)) {
			t.Errorf("the %s is in the transcript:\n%s", what, all)
		}
	}
	if !strings.Contains(all, "VERIFY PIN") || !strings.Contains(all, "BYTES HIDDEN") {
		t.Errorf("transcript does not show what it hid:\n%s", all)
	}
}

// An answer that is fetched is explained by the command it belongs to.
func TestFetchedAnswer(t *testing.T) {
	module := chip.NewPSAM([6]byte{1, 2, 3, 4, 5, 6}, keys.GenerateTest(1).SAMKeys())
	module.PowerOn()
	card := transcript.New(module)
	for _, cmd := range []apdu.Command{psam.SelectTransit(), psam.Initialize(psam.Purchase{Amount: 300, KeyVersion: 1, Factors: make([]keys.Factor, 2)})} {
		if _, err := apdu.Exchange(context.Background(), card, cmd); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	if err := card.Write(&out, language.Language{}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"amount = 3.00", "8 more bytes wait", "GET RESPONSE (INITIALIZE SAM FOR PURCHASE)", "terminal sequence = 1\n", "MAC1 = "} {
		if !strings.Contains(out.String(), s) {
			t.Errorf("transcript lacks %q:\n%s", s, out.String())
		}
	}
}

// The content of the directories of a social-security card is not recorded either; its issuer's
// file and a transit card's files with the same short identifiers are.
func TestDirectoriesStayOut(t *testing.T) {
	ctx := context.Background()
	ssse, purse := ssc.AID, "\xA0\x00\x00\x06\x32\x01\x01\x05"
	medical := "\xD1\x56\x00\x00\x05\x03"
	for _, c := range []struct {
		name   string
		first  []apdu.Command
		read   apdu.Command
		hidden bool
	}{
		{"issuer", []apdu.Command{apdu.Select([]byte(ssse))}, apdu.Command{INS: 0xB2, P1: 3, P2: 5 << 3, Le: 6}, false},
		{"list of directories", []apdu.Command{apdu.Select([]byte(ssse))}, apdu.ReadRecord(0x0B, 1, 16), false},
		{"medical table by name", []apdu.Command{apdu.Select([]byte(medical))}, apdu.ReadRecord(5, 1, 10), true},
		{"medical table by identifier", []apdu.Command{apdu.Select([]byte(ssse)), apdu.SelectFile(0xDF04)}, apdu.ReadRecord(8, 1, 28), true},
		{"fingerprint", []apdu.Command{apdu.Select([]byte(ssse))}, apdu.ReadBinary(7, 0, 8), true},
		{"photograph, selected", []apdu.Command{apdu.Select([]byte(ssse)), ssc.SelectFile(0xEF08)}, apdu.Command{INS: 0xB0, Le: 0}, true},
		{"purse after it", []apdu.Command{apdu.Select([]byte(medical)), apdu.Select([]byte(purse))}, apdu.ReadRecord(0x18, 1, 23), false},
	} {
		var watched []transcript.Exchange
		card := transcript.Watch(answering{}, func(e transcript.Exchange) { watched = append(watched, e) })
		for _, cmd := range append(c.first, c.read) {
			if _, err := apdu.Exchange(ctx, card, cmd); err != nil {
				t.Fatal(err)
			}
		}
		last := watched[len(watched)-1]
		if len(watched) != len(c.first)+1 || (last.HiddenAnswer > 0) != c.hidden || (last.Answer == nil) != c.hidden {
			t.Errorf("%s: %+v", c.name, last)
		}
	}
}

// answering gives two bytes to everything.
type answering struct{}

func (answering) Transmit(context.Context, []byte) ([]byte, error) {
	return []byte{0x12, 0x34, 0x90, 0x00}, nil
}

package chip_test

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
)

// dialogue sends raw commands and compares raw answers. Lines are "> command" and "< answer";
// "…" at an answer's end stands for whatever follows before the status word.
func dialogue(t *testing.T, card *chip.Chip, text string) {
	t.Helper()
	var answer []byte
	for _, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		switch {
		case strings.HasPrefix(line, ">"):
			var err error
			if answer, err = card.Transmit(context.Background(), unhex(t, line[1:])); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		case strings.HasPrefix(line, "<"):
			want := strings.ToUpper(strings.Join(strings.Fields(line[1:]), ""))
			got := strings.ToUpper(hex.EncodeToString(answer))
			head, tail, open := strings.Cut(want, "…")
			if open && strings.HasPrefix(got, head) && strings.HasSuffix(got, tail) || got == want {
				continue
			}
			t.Errorf("answer %s, want %s", got, want)
		}
	}
}

// What public readers of transit cards send, with the Le each of them uses.
func TestTransitReaders(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	card, app := issueTransit(t, keyStore, 1)
	load(t, card, keyStore, app, 5000)
	capp(t, card, newSAM(t, keyStore), app, 300)
	card.Reset()
	dialogue(t, card, `
		> 00A404000E325041592E5359532E4444463031 00         # PPSE
		< 6F2E 840E325041592E5359532E4444463031 A51C BF0C19 6117 4F08A000000632010105 50 084D4F545F545F4550 870101 9000
		> 00A4040008A00000063201010500                      # the purse
		< 6F31 8408A000000632010105 A525 9F080102 9F0C1E 01014910FFFFFFFF 02 01 03105070200000000001 20260101 20401231 0000 9000
		> 00A4040008A000000632010105                        # without Le
		< 6F31…9000
		> 00A4040008A00000063201010517                      # with any Le
		< 6F31…9000
		> 00A4040005A00000063200                            # the beginning of the name
		< 6F31…9000
		> 00B095001E
		< 01014910FFFFFFFF 02 01 03105070200000000001 20260101 20401231 0000 9000
		> 00B0950000
		< 01014910FFFFFFFF…9000
		> 00B097000B
		< 00000156 4900 4910 0001 01 9000
		> 00B097003C
		< 00000156 4900 4910 0001 01…9000
		> 805C000204
		< 0000125C 9000
		> 805C010204
		< 00000000 9000
		> 805C020204
		< 00000000 9000
		> 805C030200
		< 0000125C 9000
		> 805000020B 01 00000001 000000000000 10           # a reader that wants the online counter
		< 0000125C 0001 01 00…9000
		> 00B201C417
		< 0000 000000 0000012C 09 491000000001 20261124 083000 9000
		> 00B202C400
		< 0000 000000 00001388 02 491000000001 20261124 083000 9000
		> 00B20AC400                                        # the tenth, never written
		< 0000000000000000000000000000000000000000000000 9000
		> 00B20BC400
		< 6A83
		> 00B201F430
		< 04 0000491000000001 01 0001000700010000 00012C 0000125C 20261124083000 4910 01014910FFFFFFFF 000000000000 9000
		> 00B21EF400
		< 00…9000
		> 00B21FF400
		< 6A83
		> 00B201D480
		< 2712 7D 01 01 00…9000
		> 00B212D480
		< 00…9000
		> 00A4040009A0000000038698070100                    # the older city union, same purse
		< 6F2E 8409A00000000386980701 A521 9F0C1E 01014910FFFFFFFF…9000
		> 805C000204
		< 0000125C 9000
		> 00A40000023F0000                                  # contact readers walk the directory
		< 6F15 840E315041592E5359532E4444463031 A503880101 9000
		> 00B2010C00
		< 7016 6114 4F08A000000632010105 5008 4D4F545F545F4550 9000
	`)
}

// Wrong commands and what they are answered.
func TestTransitRefusals(t *testing.T) {
	card, _ := issueTransit(t, keys.GenerateTest(1), 1)
	card.Reset()
	dialogue(t, card, `
		> 00
		< 6700
		> 00A4040008A0
		< 6700
		> 00A4040008A00000063201010600                      # electronic cash is not there
		< 6A82
		> 00B0950000
		< 6A82
		> 00B0000000
		< 6986
		> 00A4040008A00000063201010500
		< 6F31…9000
		> 00B0951E01
		< 6B00
		> 00B0980000
		< 6981
		> 00B201AC00
		< 6981
		> 00B200C400
		< 6A86
		> 00B09F0000
		< 6A82
		> 00C0000010
		< 6985
		> 0082000308 0000000000000000
		< 6984
		> 0082000908 0000000000000000
		< 6A88
		> 0084000003
		< 6700
		> 805C000304
		< 6A86
		> 805C040204
		< 6A86
		> 8050000202 0102
		< 6700
		> 805001020B 02 00000001 000000000000 0F
		< 9403
		> 805001020B 01 00000001 000000000000 0F
		< 9401
		> 805001010B 01 00000001 000000000000 0F
		< 6A86
		> 805401000F 00000001 20260101000000 00000000 08    # not initialized
		< 6985
		> 805200000B 20260101000000 00000000 04
		< 6985
		> 80DC00F002 0000
		< 6985
		> 805003020B 01 00000000 000000000000 0F
		< 00000000…9000
		> 805401000F 00000001 20260101000000 00000000 08    # nothing cached
		< 6985
		> 805003020B 01 00000000 000000000000 0F
		< 00000000…9000
		> 80DC00F002 0000
		< 6700
		> 80DC00C002 0000                                   # the log is the card's own
		< 6982
		> 80DC00B002 0000
		< 6982
		> 80DC55D003 5555AA                                 # a trip no record is for
		< 6A83
		> 80DC00F030 0300000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
		< 6700
		> 80DC00F030 030000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
		< 9000
		> 805401000F 00000001 20260101000000 00000000 08
		< 9302
		> 805401000F 00000001 20260101000000 00000000 08    # and that ended it
		< 6985
		> 805A0009020001 08
		< 9406
		> 84240000040102030 4
		< 6984
		> 801C000000
		< 6D00
		> 005C000204
		< 6E00
		> 905C000204
		< 6E00
	`)
}

// The terminal number and purchase commands of a module as gates send them, over T=0.
func TestModuleReaders(t *testing.T) {
	module := newSAM(t, keys.GenerateTest(1))
	module.Reset()
	dialogue(t, module, `
		> 00A40000021001
		< 61…
		> 00B0960006
		< 491000000001 9000
		> 00B0960000
		< 6C06
		> 00B095000E
		< 01…9000
		> 8070000024 11223344 0000 00000001 09 20260101000000 0100 0310507020000000 0101491 0FFFFFFFF 08
		< 6108
		> 00C0000008
		< 00000001…9000
		> 8072000004 00000000
		< 9302
		> 8072000004 00000000
		< 6985
		> 8070000024 11223344 0000 00000001 09 20260101000000 0200 0310507020000000 01014910FFFFFFFF 08
		< 9403
		> 8070000020 11223344 0000 00000001 09 20260101000000 0100 0310507020000000 01014910 08
		< 6700
		> 80FA0000080000000000000000 08
		< 6985
		> 801A4812100000000000000000 0000000000000000
		< 9000
		> 80FA0000080000000000000000 08
		< 6108
		> 801A3E01080000000000000000                        # no ciphering with the purchase key
		< 6A88
	`)
}

package chip_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"citycard/cardos/chip"
)

// ATRs of real contactless cards, check byte included: the rule for our ATRs yields them too. The
// last is the storage card of the readers' manuals.
func TestRealContactlessATRs(t *testing.T) {
	for card, atr := range map[string]string{
		"Beijing":         "3B 8A 80 01 4D540005002086640001 D4",
		"Beijing, newer":  "3B 8A 80 01 4D54000500308693695B 00",
		"Hong Kong union": "3B 8F 80 01 4D5400020100FFFF01140134220711 00",
		"Changsha":        "3B 88 80 01 FD01102020103000 C5",
		"Shanghai":        "3B 8B 80 01 2085008B030FE09AA0E040 52",
		"Hangzhou":        "3B 8F 80 01 86384D574F4850CF1E4D2B12112910 70",
		"storage card":    "3B 8F 80 01 804F0CA0000003060300010000000 06A",
	} {
		raw := unhex(t, strings.ReplaceAll(atr, " ", ""))
		if got := chip.ContactlessATR(raw[4 : len(raw)-1]); !bytes.Equal(got, raw) {
			t.Errorf("%s: %X, want %X", card, got, raw)
		}
	}
	for name, c := range map[string]*chip.Chip{"transit": chip.NewTransit(7), "dual": chip.NewDual(7)} {
		atr := c.PowerOn()
		check := byte(0)
		for _, b := range atr[1:] {
			check ^= b
		}
		if atr[0] != 0x3B || check != 0 {
			t.Errorf("%s: ATR %s does not check", name, hex.EncodeToString(atr))
		}
	}
	// Contact cards offer T=0 only, and then there is no check byte.
	if atr := chip.NewSocialSecurity(7).PowerOn(); len(atr) != 17 || !bytes.HasPrefix(atr, []byte{0x3B, 0x6D, 0, 0}) {
		t.Errorf("social security: ATR %X", atr)
	}
}

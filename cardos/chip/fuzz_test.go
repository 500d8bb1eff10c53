package chip_test

import (
	"context"
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/tunion"
)

// FuzzTransmit sends a list of commands (each led by one length byte) to every kind of
// card: nothing panics, every answer ends in a status word, and the card can
// still be saved and loaded. No purse may gain money.
func FuzzTransmit(f *testing.F) {
	keyStore := keys.GenerateTest(1)
	transit, app := issueTransit(f, keyStore, 3)
	load(f, transit, keyStore, app, 1000)
	social, _, _ := issueSocial(f, keyStore, "3.00", 3)
	var images [][]byte
	for _, c := range []*chip.Chip{
		transit, social, chip.NewTransit(1), chip.NewSocialSecurity(1),
		chip.NewSocialSecurityV1(1), chip.NewDual(1), contactDual(f), chip.NewCityUnion(1, app),
		chip.NewPSAM(testTerminal, keyStore.IssuerSAMKeys()),
	} {
		b, err := c.Image()
		if err != nil {
			f.Fatal(err)
		}
		images = append(images, b)
	}
	for _, s := range []string{
		"0D00A4040008A0000006320101050005805C000204108050000 20B01000003E849100000000110",
		"1400A404000F7378312E73682EC9E7BBE1B1A3D5CF0500B2072800050084000008",
		"0D00A4040008A00000063201010500 11 805003020B0100000001491000000001 0F 07 80DC00F0020403",
		"0700A40000021001 05 00B0960006 31 80700000 2C" +
			"0000000000000000000109202611240830000100000000000000000000000000000000000000000000000008",
		"0D00A40400 08A00000063201010500050084000008 0D 0082000008 0000000000000000",
		"1400A404000F7378312E73682EC9E7BBE1B1A3D5CF 0700A4000002DF04 0800200000 03123456 0500B2910028 0500B2010444",
		"0700A40000021001 0D801A440008 0000000000000000 1580FA050010 00000000000000000000000000000000",
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		for _, image := range images {
			c, err := chip.Load(image)
			if err != nil {
				t.Fatal(err)
			}
			c.PowerOn()
			run(t, c, script)
			again, err := c.Image()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := chip.Load(again); err != nil {
				t.Fatalf("card cannot be loaded after %X: %v", script, err)
			}
			if d := c.Describe(); d.Transit != nil && d.Transit.BalanceFen > 1000 {
				t.Fatalf("purse gained money: %d", d.Transit.BalanceFen)
			}
		}
	})
}

func run(t *testing.T, c *chip.Chip, script []byte) {
	for len(script) > 0 {
		n := min(int(script[0]), len(script)-1)
		answer, err := c.Transmit(context.Background(), script[1:1+n])
		if err != nil || len(answer) < 2 || len(answer) > 65538 {
			t.Fatalf("command %X answered %X, %v", script[1:1+n], answer, err)
		}
		if _, status, err := apdu.SplitAnswer(answer); err != nil || status>>12 != 6 && status>>12 != 9 {
			t.Fatalf("command %X answered status %s, %v", script[1:1+n], status, err)
		}
		script = script[1+n:]
	}
}

// FuzzLoad: every image that loads gives a card that answers and that saves to an image which loads
// again.
func FuzzLoad(f *testing.F) {
	keyStore := keys.GenerateTest(1)
	transit, app := issueTransit(f, keyStore, 3)
	load(f, transit, keyStore, app, 1000)
	social, _, _ := issueSocial(f, keyStore, "2.00", 3)
	for _, c := range []*chip.Chip{transit, social, chip.NewPSAM(testTerminal, keyStore.SAMKeys())} {
		b, err := c.Image()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:len(b)-4])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := chip.Load(sealImage(body))
		if err != nil {
			return
		}
		c.PowerOn()
		if _, err := c.Transmit(context.Background(), append([]byte{0, 0xA4, 4, 0, 8}, tunion.AIDPurse...)); err != nil {
			t.Fatal(err)
		}
		_ = c.Describe()
		b, err := c.Image()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := chip.Load(b); err != nil {
			t.Fatalf("an image that loaded saves to one that does not: %v", err)
		}
	})
}

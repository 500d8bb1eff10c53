package chip_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/personalisation"
	"citycard/cardos/psam"
	"citycard/cardos/purse"
	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
)

// change is a command that changes a card's permanent state: begin runs the commands before it and
// returns it.
type change struct {
	name  string
	image []byte
	begin func(t *testing.T, card *chip.Chip) apdu.Command
}

func saved(t *testing.T, card *chip.Chip) []byte {
	t.Helper()
	b, err := card.Image()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sealedBy is a change by a sealed command.
func sealedBy(key keys.Key, cmd apdu.Command) func(*testing.T, *chip.Chip) apdu.Command {
	return func(t *testing.T, card *chip.Chip) apdu.Command {
		send(t, card, apdu.Select(tunion.AIDPurse.Bytes()))
		return sealed(t, card, cmd, key)
	}
}

func transitChanges(t *testing.T, keyStore *keys.Store) []change {
	card, app := issueTransit(t, keyStore, 1)
	load(t, card, keyStore, app, 5000)
	image := saved(t, card)
	own := keyStore.CardKeys(keys.CardID{Issuer: app.Issuer, ASN: app.ASN})
	open := func(t *testing.T, card *chip.Chip) { send(t, card, apdu.Select(tunion.AIDPurse.Bytes())) }
	pin, fresh := []byte{0x12, 0x34, 0x56}, []byte{0x11, 0x11}
	wrapped, _ := own.Key(keys.RolePIN).Wrap(fresh)
	plain := func(cmd apdu.Command) func(*testing.T, *chip.Chip) apdu.Command {
		return func(t *testing.T, card *chip.Chip) apdu.Command { open(t, card); return cmd }
	}
	sealedUpdate := apdu.UpdateBinary(tunion.ApplicationSFI, 24, []byte{0x20, 0x50, 0x12, 0x31})
	sealedRecord := apdu.UpdateRecord(tunion.TripSFI, 3, bytes.Repeat([]byte{7}, tunion.TripSize))
	sealedAppend := apdu.AppendRecord(tunion.JourneySFI, bytes.Repeat([]byte{8}, tunion.JourneySize))
	sealedUpdate.CLA, sealedRecord.CLA, sealedAppend.CLA = 4, 4, 4
	blocked := func(p2 byte) apdu.Command { return apdu.Command{CLA: 0x84, INS: 0x1E, P2: p2, Le: apdu.NoLe} }
	return []change{
		{"wrong PIN", image, plain(apdu.Verify(0, []byte{0x99, 0x99}))},
		{"change PIN", image, plain(purse.ChangePIN(0, pin, fresh))},
		{"reload PIN", image, plain(purse.ReloadPIN(0, fresh, own.Key(keys.RolePIN).Seal(nil, fresh)))},
		{"wrong reload", image, plain(purse.ReloadPIN(0, fresh, keys.MAC{}))},
		{"unblock PIN", image, sealedBy(own.Key(keys.RolePIN), apdu.Command{CLA: 0x84, INS: 0x24, Data: wrapped, Le: apdu.NoLe})},
		{"update binary", image, sealedBy(own.Maintenance(), sealedUpdate)},
		{"wrong seal", image, sealedBy(keys.Key{}, sealedUpdate)},
		{"update record", image, sealedBy(own.Key(keys.RoleRecordEP), sealedRecord)},
		{"append record", image, sealedBy(own.Key(keys.RoleRecordEP), sealedAppend)},
		{"block application", image, sealedBy(own.Key(keys.RoleApplicationBlock), blocked(0))},
		{"block application for ever", image, sealedBy(own.Key(keys.RoleApplicationBlock), blocked(1))},
		{"block card", image, sealedBy(own.Key(keys.RoleCardMaintenance), apdu.Command{CLA: 0x84, INS: 0x16, Le: apdu.NoLe})},
		{"wrong authentication", image, func(t *testing.T, card *chip.Chip) apdu.Command {
			open(t, card)
			send(t, card, apdu.GetChallenge(8))
			return apdu.ExternalAuthenticate(3, make([]byte, 8))
		}},
		{"load", image, func(t *testing.T, card *chip.Chip) apdu.Command {
			open(t, card)
			start, err := purse.ParseLoadStart(send(t, card, purse.InitializeLoad(purse.Start{Wallet: purse.EP, KeyIndex: 1, Amount: 300, Terminal: testTerminal})))
			if err != nil {
				t.Fatal(err)
			}
			mac := keys.LoadSession(own.Load(), start.Random, start.OnlineSequence).LoadMAC2(keys.Movement{Amount: 300, Type: purse.TypeEPLoad, Terminal: testTerminal, Time: testTime})
			return purse.CreditLoad(testTime, mac)
		}},
		{"overdraft limit", image, func(t *testing.T, card *chip.Chip) apdu.Command {
			open(t, card)
			start, err := purse.ParseOverdraftStart(send(t, card, purse.InitializeOverdraft(purse.EP, 1, testTerminal)))
			if err != nil {
				t.Fatal(err)
			}
			mac := keys.LoadSession(own.Key(keys.RoleOverdraft), start.Random, start.OnlineSequence).OverdraftMAC2(keys.OverdraftEnd{NewLimit: 800, Terminal: testTerminal, Time: testTime})
			return purse.UpdateOverdraft(800, testTime, mac)
		}},
		{"purchase", image, func(t *testing.T, card *chip.Chip) apdu.Command {
			open(t, card)
			start, err := purse.ParsePurchaseStart(send(t, card, purse.InitializePurchase(purse.Start{Wallet: purse.EP, KeyIndex: 1, Amount: 300, Terminal: testTerminal})))
			if err != nil {
				t.Fatal(err)
			}
			mac := keys.PurchaseSession(own.Purchase(), start.Random, start.OfflineSequence, 7).PurchaseMAC1(keys.Movement{Amount: 300, Type: purse.TypeEPPurchase, Terminal: testTerminal, Time: testTime})
			return purse.Debit(7, testTime, mac)
		}},
	}
}

func otherChanges(t *testing.T, keyStore *keys.Store) []change {
	social, _, _ := issueSocial(t, keyStore, "2.00", 5)
	module := chip.NewPSAM(testTerminal, keyStore.SAMKeys())
	group := personalisation.Group{ID: personalisation.GroupPIN, Data: []byte{0x12, 0x34}}
	blocks, err := personalisation.StoreData([]personalisation.Group{group}, true)
	if err != nil {
		t.Fatal(err)
	}
	return []change{
		{"social-security record", saved(t, social), func(t *testing.T, card *chip.Chip) apdu.Command {
			send(t, card, ssc.Select())
			prove(t, card, keyStore, ssc.KeyWrite)
			cmd, err := ssc.Write(ssc.Record{Tag: ssc.TagIssued, Value: []byte{0x20, 0x27, 0x02, 0x03}})
			if err != nil {
				t.Fatal(err)
			}
			return cmd
		}},
		{"social-security PIN", saved(t, social), func(t *testing.T, card *chip.Chip) apdu.Command {
			send(t, card, ssc.Select())
			return apdu.Verify(0, []byte{0x99, 0x99})
		}},
		{"end of a personalisation", saved(t, chip.NewSocialSecurity(9)), func(t *testing.T, card *chip.Chip) apdu.Command {
			send(t, card, ssc.Select())
			open(t, card)
			return blocks[0]
		}},
		{"blank card's file", saved(t, chip.NewTransit(9)), func(t *testing.T, card *chip.Chip) apdu.Command {
			send(t, card, apdu.Select(tunion.AIDPurse.Bytes()))
			open(t, card)
			return apdu.UpdateBinary(tunion.RegionSFI, 4, []byte{0x49})
		}},
		{"SAM's sequence", saved(t, module), func(t *testing.T, card *chip.Chip) apdu.Command {
			send(t, card, psam.SelectTransit())
			return psam.Initialize(psam.Purchase{KeyVersion: 1, Factors: make([]keys.Factor, 2)})
		}},
	}
}

// Every command that changes something is cut by a loss of power, before and after its change.
// Every bit of the card's image is then as if the card had never received the command, or as if it
// had finished it.
func TestEveryChangeIsAtomic(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	for _, c := range append(transitChanges(t, keyStore), otherChanges(t, keyStore)...) {
		after := func(at chip.Moment, sent bool) []byte {
			t.Helper()
			card, err := chip.Load(c.image)
			if err != nil {
				t.Fatal(err)
			}
			card.PowerOn()
			cmd := c.begin(t, card)
			if !sent {
				return saved(t, card)
			}
			if at != 0 {
				card.LosePower(at)
			}
			raw, err := cmd.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := card.Transmit(context.Background(), raw); errors.Is(err, chip.ErrPowerLost) != (at != 0) {
				t.Fatalf("%s, moment %d: %v", c.name, at, err)
			}
			return saved(t, card)
		}
		before, done := after(0, false), after(0, true)
		if bytes.Equal(before, done) {
			t.Errorf("%s changes nothing", c.name)
		}
		if !bytes.Equal(after(chip.BeforeCommit, true), before) {
			t.Errorf("%s, cut before its change, leaves something else than before", c.name)
		}
		if !bytes.Equal(after(chip.AfterCommit, true), done) {
			t.Errorf("%s, cut after its change, leaves something else than done", c.name)
		}
	}
}

// Every command that changes something stores the change outside before it is answered; if that
// fails, it is not answered at all. The stored image gives the card as it answered, or as it was
// before.
func TestEveryChangeIsKept(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	for _, c := range append(transitChanges(t, keyStore), otherChanges(t, keyStore)...) {
		for _, fails := range []bool{false, true} {
			card, err := chip.Load(c.image)
			if err != nil {
				t.Fatal(err)
			}
			card.PowerOn()
			cmd := c.begin(t, card)
			var kept []byte
			full := false
			if err := card.Keep(func(image []byte) error {
				if full {
					return errFull
				}
				kept = image
				return nil
			}); err != nil || !bytes.Equal(kept, saved(t, card)) {
				t.Fatalf("%s: before it %d bytes were kept, %v", c.name, len(kept), err)
			}
			before := kept
			raw, err := cmd.Encode()
			if err != nil {
				t.Fatal(err)
			}
			full = fails
			answer, err := card.Transmit(context.Background(), raw)
			if fails {
				if answer != nil || !errors.Is(err, chip.ErrNotKept) || !errors.Is(err, errFull) || !bytes.Equal(kept, before) {
					t.Errorf("%s, not kept, is answered %X, %v", c.name, answer, err)
				}
				if _, err := card.Transmit(context.Background(), raw); !errors.Is(err, chip.ErrNoPower) {
					t.Errorf("%s, not kept, leaves the card with power: %v", c.name, err)
				}
				continue
			}
			if err != nil || bytes.Equal(kept, before) || !bytes.Equal(kept, saved(t, card)) {
				t.Errorf("%s is answered %X, %v, and something else was kept", c.name, answer, err)
			}
		}
	}
}

var errFull = errors.New("no room")

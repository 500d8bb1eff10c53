package chip_test

import (
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/cardos/tunion"
)

// sealed adds the MAC of secure messaging to a command.
func sealed(t *testing.T, card apdu.Card, cmd apdu.Command, key keys.Key) apdu.Command {
	t.Helper()
	challenge := send(t, card, apdu.GetChallenge(4))
	message := append([]byte{cmd.CLA, cmd.INS, cmd.P1, cmd.P2, byte(len(cmd.Data) + 4)}, cmd.Data...)
	mac := key.Seal(challenge, message)
	cmd.Data = append(append([]byte(nil), cmd.Data...), mac[:]...)
	return cmd
}

func secured(t *testing.T) (*chip.Chip, keys.CardKeys) {
	t.Helper()
	keyStore := keys.GenerateTest(1)
	card, app := issueTransit(t, keyStore, 1)
	return card, keyStore.CardKeys(keys.CardID{Issuer: app.Issuer, ASN: app.ASN})
}

func TestSealedUpdates(t *testing.T) {
	card, cardKeys := secured(t)
	update := apdu.UpdateBinary(tunion.ApplicationSFI, 24, []byte{0x20, 0x50, 0x12, 0x31})
	update.CLA = 0x04
	send(t, card, sealed(t, card, update, cardKeys.Maintenance()))
	app, err := tunion.ParseApplication(send(t, card, apdu.ReadBinary(tunion.ApplicationSFI, 0, 0)))
	if err != nil || app.Expiry != [4]byte{0x20, 0x50, 0x12, 0x31} {
		t.Fatalf("expiry %x, %v", app.Expiry, err)
	}
	refuse(t, card, sealed(t, card, update, cardKeys.Purchase()), apdu.SecureMessagingIncorrect)
	done := sealed(t, card, update, cardKeys.Maintenance())
	send(t, card, done)
	refuse(t, card, done, apdu.NoChallenge) // a recorded command is worth nothing

	journey := make([]byte, tunion.JourneySize)
	journey[0] = tunion.JourneyLoad
	appended := apdu.AppendRecord(tunion.JourneySFI, journey)
	appended.CLA = 0x04
	send(t, card, sealed(t, card, appended, cardKeys.Key(keys.RoleRecordEP)))
	if got := send(t, card, apdu.ReadRecord(tunion.JourneySFI, 1, 0)); got[0] != tunion.JourneyLoad {
		t.Errorf("newest journey is %x", got)
	}
	log := apdu.AppendRecord(purse.LogSFI, make([]byte, purse.LogRecordSize))
	log.CLA = 0x04
	refuse(t, card, sealed(t, card, log, cardKeys.Maintenance()), apdu.SecurityNotSatisfied)
}

// A key whose MAC was guessed wrong too often is blocked permanently.
func TestSealedGuessing(t *testing.T) {
	card, cardKeys := secured(t)
	update := apdu.UpdateBinary(tunion.RegionSFI, 0, []byte{0})
	update.CLA = 0x04
	for range 15 {
		refuse(t, card, sealed(t, card, update, keys.Key{}), apdu.SecureMessagingIncorrect)
	}
	refuse(t, card, sealed(t, card, update, cardKeys.Maintenance()), apdu.Locked)
}

func TestBlocking(t *testing.T) {
	card, cardKeys := secured(t)
	block := apdu.Command{CLA: 0x84, INS: 0x1E, Le: apdu.NoLe}
	unblock := apdu.Command{CLA: 0x84, INS: 0x18, Le: apdu.NoLe}
	refuse(t, card, sealed(t, card, unblock, cardKeys.Key(keys.RoleApplicationUnblock)), apdu.ConditionsNotSatisfied)
	send(t, card, sealed(t, card, block, cardKeys.Key(keys.RoleApplicationBlock)))
	refuse(t, card, purse.GetBalance(purse.Own, purse.EP), apdu.FunctionNotSupported)
	refuse(t, card, apdu.Select(tunion.AIDPurse.Bytes()), apdu.FileInvalidated)
	send(t, card, sealed(t, card, unblock, cardKeys.Key(keys.RoleApplicationUnblock)))
	send(t, card, purse.GetBalance(purse.Own, purse.EP))
	block.P2 = 1
	send(t, card, sealed(t, card, block, cardKeys.Key(keys.RoleApplicationBlock)))
	refuse(t, card, purse.GetBalance(purse.Own, purse.EP), apdu.PermanentlyBlocked)
	card.Reset()
	refuse(t, card, apdu.Select(tunion.AIDPurse.Bytes()), apdu.PermanentlyBlocked)
}

func TestCardBlock(t *testing.T) {
	card, cardKeys := secured(t)
	send(t, card, sealed(t, card, apdu.Command{CLA: 0x84, INS: 0x16, Le: apdu.NoLe}, cardKeys.Key(keys.RoleCardMaintenance)))
	card.Reset()
	refuse(t, card, apdu.Select(tunion.AIDPurse.Bytes()), apdu.FunctionNotSupported)
	if !card.Describe().Blocked {
		t.Error("card does not say that it is blocked")
	}
}

func TestPINMaintenance(t *testing.T) {
	card, cardKeys := secured(t)
	old, second, third, fourth := []byte{0x12, 0x34, 0x56}, []byte{0x11, 0x11}, []byte{0x22, 0x22}, []byte{0x33, 0x33, 0x33}
	send(t, card, purse.ChangePIN(0, old, second))
	refuse(t, card, apdu.Verify(0, old), apdu.TriesLeft(2))
	send(t, card, apdu.Verify(0, second))
	refuse(t, card, purse.ChangePIN(0, old, second), apdu.TriesLeft(2))
	refuse(t, card, apdu.Verify(0, old), apdu.TriesLeft(1))
	refuse(t, card, apdu.Verify(0, old), apdu.TriesLeft(0))
	refuse(t, card, apdu.Verify(0, second), apdu.Locked)

	pinKey := cardKeys.Key(keys.RolePIN)
	refuse(t, card, purse.ReloadPIN(0, third, keys.MAC{}), apdu.MACInvalid)
	send(t, card, purse.ReloadPIN(0, third, pinKey.Seal(nil, third)))
	send(t, card, apdu.Verify(0, third))

	wrapped, ok := pinKey.Wrap(fourth)
	if !ok {
		t.Fatal("PIN does not wrap")
	}
	send(t, card, sealed(t, card, apdu.Command{CLA: 0x84, INS: 0x24, Data: wrapped, Le: apdu.NoLe}, pinKey))
	send(t, card, apdu.Verify(0, fourth))
	refuse(t, card, apdu.Verify(0, []byte{0x12}), apdu.WrongLength)
}

func TestAuthentication(t *testing.T) {
	card, cardKeys := secured(t)
	holder := apdu.UpdateBinary(tunion.HolderSFI, 0, []byte{1})
	refuse(t, card, holder, apdu.SecurityNotSatisfied)
	challenge := send(t, card, apdu.GetChallenge(8))
	refuse(t, card, apdu.ExternalAuthenticate(3, make([]byte, 8)), apdu.TriesLeft(14))
	refuse(t, card, apdu.ExternalAuthenticate(3, cardKeys.Key(keys.RoleApplicationMaster).Encrypt(challenge)), apdu.NoChallenge)
	challenge = send(t, card, apdu.GetChallenge(4))
	send(t, card, apdu.ExternalAuthenticate(3, cardKeys.Key(keys.RoleApplicationMaster).Encrypt(append(challenge, 0, 0, 0, 0))))
	send(t, card, holder)
	card.Reset()
	send(t, card, apdu.Select(tunion.AIDPurse.Bytes()))
	refuse(t, card, holder, apdu.SecurityNotSatisfied)

	data := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	answer := send(t, card, apdu.InternalAuthenticate(1, data))
	if want := cardKeys.Key(keys.RoleCardMaster).Encrypt(data); string(answer) != string(want) {
		t.Errorf("internal authentication answered %x, want %x", answer, want)
	}
	refuse(t, card, apdu.InternalAuthenticate(3, data), apdu.KeyNotFound) // it would answer its own challenges
}

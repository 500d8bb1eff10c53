package chip_test

import (
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/psam"
	"citycard/cardos/purse"
	"citycard/cardos/tunion"
)

// model is the test's own simple model of a purse. Whatever is sent to the card, and whenever the
// power is lost, balance, counters, log, journeys and trip must be those of the transactions that
// the model knows to be done, all together or not at all.
type model struct {
	balance         uint32
	online, offline uint16
	log             []purse.LogRecord // newest first, at most ten
	journeys        []tunion.Journey  // newest first, at most thirty
	trip            byte              // status of the rail record
	kind            byte              // of the last transaction
	tac             keys.MAC
}

func (m *model) add(r purse.LogRecord) {
	m.log = append([]purse.LogRecord{r}, m.log...)
	m.log = m.log[:min(len(m.log), purse.LogRecords)]
	m.kind = r.Type
}

// rig is a card, a module, and the model beside them.
type rig struct {
	card     *chip.Chip
	module   *chip.Chip
	app      tunion.Application
	keys     keys.CardKeys
	model    model
	terminal [6]byte
}

// raw sends a command; ok is false when it was refused or no answer came.
func (r *rig) raw(t *rapid.T, cmd apdu.Command) ([]byte, bool) {
	b, err := apdu.Exchange(context.Background(), r.card, cmd)
	if _, refused := apdu.StatusOf(err); err != nil && !refused && !errors.Is(err, chip.ErrPowerLost) {
		t.Fatalf("command %X: %v", cmd.Header(), err)
	}
	return b, err == nil
}

func (r *rig) must(t *rapid.T, cmd apdu.Command) []byte {
	b, err := apdu.Exchange(context.Background(), r.card, cmd)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return b
}

// power switches the card on again and selects the purse.
func (r *rig) power(t *rapid.T) {
	r.card.PowerOn()
	r.must(t, apdu.Select(tunion.AIDPurse.Bytes()))
}

// fate says what happens to a transaction's second command.
type fate int

const (
	goesWell fate = iota
	wrongMAC
	tornBefore
	tornAfter
	neverSent
	otherFirst // another command comes between
)

func (f fate) done() bool { return f == goesWell || f == tornAfter }

// end sends a transaction's second command as fate wants and restores power.
func (r *rig) end(t *rapid.T, f fate, cmd apdu.Command) []byte {
	switch f {
	case wrongMAC:
		cmd.Data[len(cmd.Data)-1] ^= 1
	case tornBefore:
		r.card.LosePower(chip.BeforeCommit)
	case tornAfter:
		r.card.LosePower(chip.AfterCommit)
	case neverSent:
		r.card.PowerOff()
		r.power(t)
		return nil
	case otherFirst:
		r.must(t, purse.GetBalance(purse.Own, purse.EP))
	}
	answer, ok := r.raw(t, cmd)
	if ok != (f == goesWell) {
		t.Fatalf("fate %d: command %X succeeded: %v", f, cmd.Header(), ok)
	}
	if f == tornBefore || f == tornAfter {
		r.power(t)
	}
	return answer
}

func drawFate(t *rapid.T) fate { return fate(rapid.IntRange(0, int(otherFirst)).Draw(t, "fate")) }

func drawTime(t *rapid.T) [7]byte {
	return [7]byte{0x20, 0x26, 0x11, 0x24, 0x08, 0x30, byte(rapid.IntRange(0, 9).Draw(t, "second"))}
}

func (r *rig) load(t *rapid.T) {
	amount := uint32(rapid.IntRange(0, 5000).Draw(t, "amount"))
	f, when := drawFate(t), drawTime(t)
	start, err := purse.ParseLoadStart(r.must(t, purse.InitializeLoad(purse.Start{Wallet: purse.EP, KeyIndex: 1, Amount: amount, Terminal: r.terminal})))
	if err != nil || start.OldBalance != r.model.balance || start.OnlineSequence != r.model.online {
		t.Fatalf("card starts a load from %+v, %v", start, err)
	}
	session := keys.LoadSession(r.keys.Load(), start.Random, start.OnlineSequence)
	movement := keys.Movement{Amount: amount, Type: purse.TypeEPLoad, Terminal: r.terminal, Time: when}
	answer := r.end(t, f, purse.CreditLoad(when, session.LoadMAC2(movement)))
	if !f.done() {
		return
	}
	r.model.tac = keys.LoadTAC(r.keys.TAC(), keys.Load{
		NewBalance: r.model.balance + amount, OnlineSequence: r.model.online, Amount: amount,
		Type: purse.TypeEPLoad, Terminal: r.terminal, Time: when,
	})
	if f == goesWell && string(answer) != string(r.model.tac[:]) {
		t.Fatalf("load answered %X, want %X", answer, r.model.tac)
	}
	r.model.add(purse.LogRecord{Sequence: r.model.online, Amount: amount, Type: purse.TypeEPLoad, Terminal: r.terminal, Time: when})
	r.model.balance += amount
	r.model.online++
}

func (r *rig) purchase(t *rapid.T) { r.spend(t, false) }
func (r *rig) capp(t *rapid.T)     { r.spend(t, true) }

func (r *rig) spend(t *rapid.T, composite bool) {
	amount := uint32(rapid.IntRange(0, 3000).Draw(t, "amount"))
	f, when := drawFate(t), drawTime(t)
	begin, kind := purse.InitializePurchase, purse.TypeEPPurchase
	if composite {
		begin, kind = purse.InitializeCAPP, purse.TypeCAPP
	}
	answer, ok := r.raw(t, begin(purse.Start{Wallet: purse.EP, KeyIndex: 1, Amount: amount, Terminal: r.terminal}))
	if ok != (amount <= r.model.balance) {
		t.Fatalf("purchase of %d from %d was accepted: %v", amount, r.model.balance, ok)
	}
	if !ok {
		return
	}
	start, err := purse.ParsePurchaseStart(answer)
	if err != nil || start.OldBalance != r.model.balance || start.OfflineSequence != r.model.offline {
		t.Fatalf("card starts a purchase from %+v, %v", start, err)
	}
	journey := tunion.Journey{Type: tunion.JourneyExit, Terminal: tunion.LongTerminal(r.terminal), Amount: amount, Balance: r.model.balance - amount, Time: when}
	status := byte(rapid.IntRange(1, 2).Draw(t, "status"))
	if composite {
		trip := tunion.RailTrip{TripHeader: tunion.NewTripHeader(tunion.TripRailID, status)}.Encode()
		record := journey.Encode()
		r.must(t, purse.UpdateCAPP([]byte{0x12, 0x01, 0x00}[rapid.IntRange(0, 2).Draw(t, "P1")], tunion.TripSFI, trip[:]))
		r.must(t, purse.UpdateCAPP(0, tunion.JourneySFI, record[:]))
	}
	sale := r.sale(t, start, amount, kind, when)
	answer = r.end(t, f, purse.Debit(sale.TerminalSequence, when, sale.MAC1))
	if !f.done() {
		return
	}
	r.model.tac = keys.PurchaseTAC(r.keys.TAC(), keys.Purchase{Amount: amount, Type: kind, Terminal: r.terminal, TerminalSequence: sale.TerminalSequence, Time: when})
	if f == goesWell && string(answer[:4]) != string(r.model.tac[:]) {
		t.Fatalf("debit answered %X, want TAC %X", answer, r.model.tac)
	}
	r.model.add(purse.LogRecord{Sequence: r.model.offline, Amount: amount, Type: kind, Terminal: r.terminal, Time: when})
	r.model.balance -= amount
	r.model.offline++
	if composite {
		r.model.trip = status
		r.model.journeys = append([]tunion.Journey{journey}, r.model.journeys...)
		r.model.journeys = r.model.journeys[:min(len(r.model.journeys), tunion.JourneyRecords)]
	}
}

// sale asks the module for MAC1.
func (r *rig) sale(t *rapid.T, start purse.PurchaseStart, amount uint32, kind byte, when [7]byte) psam.Start {
	answer, err := apdu.Exchange(context.Background(), r.module, psam.Initialize(psam.Purchase{
		Random: start.Random, OfflineSequence: start.OfflineSequence, Amount: amount, Type: kind, Time: when,
		KeyVersion: start.KeyVersion, Algorithm: start.Algorithm,
		Factors: psam.UnionFactors(keys.CardID{Issuer: r.app.Issuer, ASN: r.app.ASN}),
	}))
	if err != nil {
		t.Fatal(err)
	}
	sale, err := psam.ParseStart(answer)
	if err != nil {
		t.Fatal(err)
	}
	return sale
}

// noise sends a command with random parameters and data: none may touch the purse.
func (r *rig) noise(t *rapid.T) {
	cmd := apdu.Command{
		CLA: rapid.SampledFrom([]byte{0x00, 0x04, 0x80, 0x84, 0xBF}).Draw(t, "CLA"),
		INS: rapid.SampledFrom([]byte{0x20, 0x24, 0x50, 0x52, 0x54, 0x58, 0x5A, 0x5C, 0x5E, 0x82, 0x84, 0x88, 0xB0, 0xB2, 0xC0, 0xD6, 0xDC, 0xDE, 0xE2}).Draw(t, "INS"),
		P1:  rapid.Byte().Draw(t, "P1"), P2: rapid.Byte().Draw(t, "P2"),
		Data: rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "data"),
		Le:   rapid.IntRange(-1, 256).Draw(t, "Le"),
	}
	r.raw(t, cmd)
}

// image takes the card through its image.
func (r *rig) image(t *rapid.T) {
	b, err := r.card.Image()
	if err != nil {
		t.Fatal(err)
	}
	if r.card, err = chip.Load(b); err != nil {
		t.Fatal(err)
	}
	r.power(t)
}

// check reads the card from outside and compares all of it with the model.
func (r *rig) check(t *rapid.T) {
	if b, err := purse.ParseBalance(r.must(t, purse.GetBalance(purse.Available, purse.EP))); err != nil || b != r.model.balance {
		t.Fatalf("card holds %d, %v, want %d", b, err, r.model.balance)
	}
	for n := range purse.LogRecords {
		got, err := purse.ParseLogRecord(r.must(t, apdu.ReadRecord(purse.LogSFI, byte(n+1), 0)))
		var want purse.LogRecord
		if n < len(r.model.log) {
			want = r.model.log[n]
		}
		if err != nil || got != want {
			t.Fatalf("log record %d is %+v, %v, want %+v", n+1, got, err, want)
		}
	}
	for n := range tunion.JourneyRecords {
		got, err := tunion.ParseJourney(r.must(t, apdu.ReadRecord(tunion.JourneySFI, byte(n+1), 48)))
		var want tunion.Journey
		if n < len(r.model.journeys) {
			want = r.model.journeys[n]
		}
		if err != nil || got != want {
			t.Fatalf("journey %d is %+v, %v, want %+v", n+1, got, err, want)
		}
	}
	trip, err := tunion.ParseRailTrip(r.must(t, apdu.ReadRecord(tunion.TripSFI, tunion.TripRail, 128)))
	if err != nil || trip.Status != r.model.trip {
		t.Fatalf("rail record has status %d, %v, want %d", trip.Status, err, r.model.trip)
	}
	if r.model.kind == 0 {
		return
	}
	sequence := r.model.offline
	if r.model.kind == purse.TypeEPLoad {
		sequence = r.model.online
	}
	proof, err := purse.ParseProof(r.must(t, purse.Prove(r.model.kind, sequence)))
	if err != nil || proof.TAC != r.model.tac {
		t.Fatalf("proof is %+v, %v, want TAC %X", proof, err, r.model.tac)
	}
}

func TestPurseModel(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	blank, app := issueTransit(t, keyStore, 9)
	image, err := blank.Image()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		card, err := chip.Load(image)
		if err != nil {
			t.Fatal(err)
		}
		module := chip.NewPSAM(testTerminal, keyStore.SAMKeys())
		module.PowerOn()
		if _, err := apdu.Exchange(context.Background(), module, psam.SelectTransit()); err != nil {
			t.Fatal(err)
		}
		r := &rig{
			card: card, module: module, app: app, terminal: testTerminal,
			keys: keyStore.CardKeys(keys.CardID{Issuer: app.Issuer, ASN: app.ASN}),
		}
		r.power(t)
		t.Repeat(map[string]func(*rapid.T){
			"load":     r.load,
			"purchase": r.purchase,
			"capp":     r.capp,
			"noise":    r.noise,
			"image":    r.image,
			"power":    func(t *rapid.T) { r.card.PowerOff(); r.power(t) },
			"":         r.check,
		})
	})
}

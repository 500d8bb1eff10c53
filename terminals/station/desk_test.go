package station_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/card"
	"citycard/terminals/counter"
	"citycard/terminals/gate"
	"citycard/terminals/station"
	"citycard/terminals/tariff"
	"citycard/terminals/terminalstest"
)

const (
	tooLong    = message.UpdateReason_UPDATE_REASON_EXIT_TIMEOUT
	overTravel = message.UpdateReason_UPDATE_REASON_OVER_TRAVEL
	noEntry    = message.UpdateReason_UPDATE_REASON_NO_ENTRY
	hasEntry   = message.UpdateReason_UPDATE_REASON_HAS_ENTRY
	oldEntry   = message.UpdateReason_UPDATE_REASON_ENTRY_TIMEOUT
)

// offered is what a desk offers for a card.
func offered(t testing.TB, d *station.Desk, held apdu.Card, q station.Request, at time.Time) station.Offer {
	t.Helper()
	r := station.Read(t.Context(), held)
	must(t, r.Err)
	o, err := d.Offer(&r, q, at)
	must(t, err)
	return o
}

// signed checks the TAC of a tap, and that the card's own files tell the same.
func signed(t testing.TB, held *chip.Chip, tap *message.Tap, journeyType byte) {
	t.Helper()
	d := tap.GetDebit()
	record := keys.PurchaseRecord{
		Card: keys.CardID{Issuer: [8]byte(d.GetIssuer()), ASN: [10]byte(d.GetCard())}, Amount: d.GetAmountFen(), Type: byte(d.GetType()),
		Terminal: [6]byte(d.GetTerminal()), TerminalSequence: d.GetTerminalSequence(), Time: [7]byte(d.GetTime()), TAC: keys.MAC(d.GetTac()),
	}
	good := make([]bool, 1)
	keys.NewTACVerifier(store.TACMaster()).VerifyPurchases([]keys.PurchaseRecord{record}, good)
	p, err := card.OpenPurse(t.Context(), held)
	must(t, err)
	last, err := p.LastJourney(t.Context())
	must(t, err)
	log, err := p.Log(t.Context())
	must(t, err)
	balance, err := p.Balance(t.Context())
	must(t, err)
	if !good[0] || last.Type != journeyType || last.Amount != d.GetAmountFen() || balance != tap.GetBalanceFen() ||
		log[0].Sequence != uint16(tap.GetCardCounter()) || log[0].Amount != d.GetAmountFen() || !bytes.Equal(last.Time[:], d.GetTime()) {
		t.Errorf("TAC good %v, journey %+v, log %+v, balance %d, tap %v", good[0], last, log[0], balance, tap)
	}
}

// Each update with each way to pay that fits it, on a card that a gate has made so; then the gates
// let the card pass.
func TestUpdates(t *testing.T) {
	type money struct{ fen, cash uint32 }
	short := 350
	for name, test := range map[string]struct {
		entry   uint16 // station, 0 for none
		ago     time.Duration
		balance int
		ask     station.Request
		want    money
	}{
		"10 from the card":         {1, time.Hour, 5000, station.Request{Reason: hasEntry, Pay: station.FromCard}, money{400, 0}},
		"10 at the entry's own":    {3, time.Minute, 5000, station.Request{Reason: hasEntry, Pay: station.FromCard, Staff: "A17"}, money{200, 0}},
		"10 in cash":               {1, time.Hour, 5000, station.Request{Reason: hasEntry, Pay: station.InCash, Staff: "李"}, money{0, 400}},
		"10 split":                 {1, time.Hour, short, station.Request{Reason: hasEntry, Pay: station.Split, Staff: "A17"}, money{350, 50}},
		"12 from the card":         {1, 5 * time.Hour, 5000, station.Request{Reason: oldEntry, Pay: station.FromCard}, money{900, 0}},
		"12 in cash":               {1, 5 * time.Hour, 0, station.Request{Reason: oldEntry, Pay: station.InCash, Staff: "A17"}, money{0, 900}},
		"01 from the card":         {1, 5 * time.Hour, 5000, station.Request{Reason: tooLong, Pay: station.FromCard}, money{900, 0}},
		"01 in cash":               {1, 5 * time.Hour, 0, station.Request{Reason: tooLong, Pay: station.InCash, Staff: "A17"}, money{0, 900}},
		"02 in cash":               {1, time.Hour, short, station.Request{Reason: overTravel, Pay: station.InCash, Staff: "A17"}, money{0, 400}},
		"02 split":                 {1, time.Hour, short, station.Request{Reason: overTravel, Pay: station.Split, Staff: "A17"}, money{350, 50}},
		"03 at a station":          {0, 0, 5000, station.Request{Reason: noEntry, From: 1, Pay: station.FromCard}, money{0, 0}},
		"03 where nobody can say":  {0, 0, 5000, station.Request{Reason: noEntry, Pay: station.FromCard}, money{900, 0}},
		"03 where nobody can say,": {0, 0, 100, station.Request{Reason: noEntry, Pay: station.Split, Staff: "A17"}, money{100, 800}},
	} {
		t.Run(name, func(t *testing.T) {
			held, desk := terminalstest.Card(t, uint32(test.balance)), newDesk(t, 3)
			var first *message.Tap
			if test.entry != 0 {
				var err error
				first, err = newGate(t, test.entry).Enter(t.Context(), held, morning.Add(-test.ago))
				must(t, err)
			}
			o := offered(t, desk, held, test.ask, morning)
			tap, err := desk.Update(t.Context(), held, o, morning)
			must(t, err)
			if got := (money{tap.GetDebit().GetAmountFen(), tap.GetUpdate().GetCashFen()}); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
			u := tap.GetUpdate()
			if u.GetReason() != test.ask.Reason || u.GetStaff() != test.ask.Staff || tap.GetMovement() != message.Movement_MOVEMENT_UPDATE || tap.GetFareVersion() != "test-1" {
				t.Errorf("tap %v", tap)
			}
			if first != nil && (tap.GetEntryStation() != first.GetStation() || tap.GetEntryLine() != first.GetLine() || !bytes.Equal(tap.GetEntryTime(), first.GetDebit().GetTime())) {
				t.Errorf("the entry of %v", tap)
			}
			wantPasses(t, held, tap, test.ask.From)
		})
	}
}

// wantPasses checks what gates do with the card afterwards.
func wantPasses(t *testing.T, held *chip.Chip, tap *message.Tap, from uint32) {
	t.Helper()
	soon := morning.Add(time.Minute)
	if from == 0 {
		signed(t, held, tap, tunion.JourneyAdjust)
		if _, err := newGate(t, 3).Exit(t.Context(), held, soon); !errors.Is(err, gate.ErrNotInside) {
			t.Errorf("out: %v", err)
		}
		_, err := newGate(t, 3).Enter(t.Context(), held, soon)
		must(t, err)
		return
	}
	signed(t, held, tap, tunion.JourneyEntry)
	out, err := newGate(t, 3).Exit(t.Context(), held, soon)
	must(t, err)
	if out.GetEntryStation() != from || out.GetDebit().GetAmountFen() != 400 {
		t.Errorf("out: %v", out)
	}
}

// What does not fit is refused, and the card stays as it is.
func TestRefusals(t *testing.T) {
	desk := newDesk(t, 3)
	held := entered(t, 100, 1, morning.Add(-time.Hour))
	before := held.Describe().Transit
	r := station.Read(t.Context(), held)
	must(t, r.Err)
	for name, test := range map[string]struct {
		ask  station.Request
		want error
	}{
		"no reason":            {station.Request{Pay: station.FromCard}, station.ErrReason},
		"a reason of nobody":   {station.Request{Reason: 4, Pay: station.FromCard}, station.ErrReason},
		"short":                {station.Request{Reason: overTravel, Pay: station.FromCard}, card.ErrInsufficient},
		"cash without a name":  {station.Request{Reason: overTravel, Pay: station.InCash}, station.ErrStaff},
		"split without a name": {station.Request{Reason: overTravel, Pay: station.Split}, station.ErrStaff},
		"a long name":          {station.Request{Reason: overTravel, Pay: station.InCash, Staff: string(bytes.Repeat([]byte("a"), 33))}, station.ErrStaff},
		"a name of two lines":  {station.Request{Reason: overTravel, Pay: station.InCash, Staff: "a\nb"}, station.ErrStaff},
		"a name of no text":    {station.Request{Reason: overTravel, Pay: station.InCash, Staff: "a\xff"}, station.ErrStaff},
		"a line of no station": {station.Request{Reason: noEntry, FromLine: 1, Pay: station.InCash, Staff: "A17"}, station.ErrFrom},
		"a line no card holds": {station.Request{Reason: noEntry, From: 1, FromLine: 1 << 16, Pay: station.InCash, Staff: "A17"}, station.ErrFrom},
		"a station too many":   {station.Request{Reason: overTravel, From: 1, Pay: station.InCash, Staff: "A17"}, station.ErrFrom},
		"no way to pay":        {station.Request{Reason: overTravel, Staff: "A17"}, station.ErrPayment},
	} {
		if o, err := desk.Offer(&r, test.ask, morning); !errors.Is(err, test.want) {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
	if _, err := desk.Offer(&r, station.Request{Reason: tooLong, Pay: station.FromCard}, morning); err == nil {
		t.Error("a reason that does not fit is taken")
	} else if unfit, ok := errors.AsType[*station.UnfitError](err); !ok || unfit.Found.Fault != station.OverTravel {
		t.Errorf("a reason that does not fit: %v", err)
	}
	if _, err := desk.Offer(&station.Reading{Application: r.Application, Region: r.Region}, station.Request{Reason: noEntry, From: 4, Pay: station.FromCard}, morning); !errors.Is(err, tariff.ErrNoFare) {
		t.Errorf("an entry nowhere: %v", err)
	}
	if after := held.Describe().Transit; !reflect.DeepEqual(after, before) {
		t.Errorf("the card was changed: %+v", after)
	}
}

// An offer holds for the card, its state and the prices that were shown, and for nothing else.
func TestOfferIsBound(t *testing.T) {
	ask := station.Request{Reason: hasEntry, Pay: station.FromCard}
	for name, change := range map[string]func(t *testing.T, held *chip.Chip, d *station.Desk) (*chip.Chip, time.Time){
		"another card": func(t *testing.T, _ *chip.Chip, _ *station.Desk) (*chip.Chip, time.Time) {
			other := terminalstest.Card(t, 5000, func(o *counter.TransitOrder) { o.Number = "03105070200000000020" })
			_, err := newGate(t, 1).Enter(t.Context(), other, morning.Add(-time.Hour))
			must(t, err)
			return other, morning
		},
		"used since": func(t *testing.T, held *chip.Chip, _ *station.Desk) (*chip.Chip, time.Time) {
			_, err := newGate(t, 1).Exit(t.Context(), held, morning.Add(-time.Minute))
			must(t, err)
			_, err = newGate(t, 1).Enter(t.Context(), held, morning.Add(-30*time.Second))
			must(t, err)
			return held, morning
		},
		"loaded since": func(t *testing.T, held *chip.Chip, _ *station.Desk) (*chip.Chip, time.Time) {
			terminalstest.Load(t, held, 1000)
			return held, morning
		},
		"done already": func(t *testing.T, held *chip.Chip, d *station.Desk) (*chip.Chip, time.Time) {
			_, err := d.Update(t.Context(), held, offered(t, d, held, ask, morning), morning)
			must(t, err)
			return held, morning
		},
		"past the limit now": func(_ *testing.T, held *chip.Chip, _ *station.Desk) (*chip.Chip, time.Time) {
			return held, morning.Add(3*time.Hour + time.Second)
		},
		"other fares now": func(t *testing.T, held *chip.Chip, d *station.Desk) (*chip.Chip, time.Time) {
			next, err := tariff.New(terminalstest.Table("test-2", "20261124080103"))
			must(t, err)
			d.Fares.Set(nil, append(d.Fares.All(), next)...)
			return held, morning.Add(time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			held, desk := entered(t, 5000, 1, morning.Add(-time.Hour)), newDesk(t, 3)
			o := offered(t, desk, held, ask, morning)
			now, at := change(t, held, desk)
			before := now.Describe().Transit
			if tap, err := desk.Update(t.Context(), now, o, at); tap != nil || !errors.Is(err, station.ErrChanged) {
				t.Errorf("tap %v, %v", tap, err)
			}
			if after := now.Describe().Transit; !reflect.DeepEqual(after, before) {
				t.Errorf("the card was changed: %+v", after)
			}
		})
	}
}

// switched is another card from the moment at which it begins to pay.
type switched struct {
	apdu.Card
	begins apdu.Card
	reads  int
}

func (s *switched) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if command[1] == 0x50 { // INITIALIZE: first for the counter, then to pay
		if s.reads++; s.reads == 2 {
			s.Card = s.begins
			if _, err := card.OpenPurse(ctx, s.Card); err != nil {
				return nil, err
			}
		}
	}
	return s.Card.Transmit(ctx, command)
}

// A card that says something else when it is to pay than when it was read does not pay.
func TestCardThatChangesWhileItIsServed(t *testing.T) {
	held, desk := entered(t, 5000, 1, morning.Add(-time.Hour)), newDesk(t, 3)
	o := offered(t, desk, held, station.Request{Reason: hasEntry, Pay: station.FromCard}, morning)
	other := terminalstest.Card(t, 4000)
	before := other.Describe().Transit
	if tap, err := desk.Update(t.Context(), &switched{Card: held, begins: other}, o, morning); tap != nil || !errors.Is(err, station.ErrChanged) {
		t.Errorf("tap %v, %v", tap, err)
	}
	if after := other.Describe().Transit; !reflect.DeepEqual(after, before) {
		t.Errorf("the card was changed: %+v", after)
	}
}

// The function for intents gets the whole tap but its TAC while the card is as before.
func TestIntentComesBeforeTheDebit(t *testing.T) {
	held, desk := entered(t, 5000, 1, morning.Add(-time.Hour)), newDesk(t, 3)
	o := offered(t, desk, held, station.Request{Reason: hasEntry, Pay: station.FromCard}, morning)
	before := held.Describe().Transit
	full := errors.New("the disk is full")
	desk.Intend(func(*message.Tap) error { return full })
	if tap, err := desk.Update(t.Context(), held, o, morning); tap != nil || !errors.Is(err, full) {
		t.Errorf("tap %v, %v", tap, err)
	}
	var intent *message.Tap
	desk.Intend(func(tap *message.Tap) error {
		intent = proto.CloneOf(tap)
		if after := held.Describe().Transit; !reflect.DeepEqual(after, before) {
			t.Errorf("the card was changed before: %+v", after)
		}
		return nil
	})
	tap, err := desk.Update(t.Context(), held, o, morning)
	must(t, err)
	if tap.Debit.Tac = nil; !proto.Equal(tap, intent) {
		t.Errorf("intent %v, tap %v", intent, tap)
	}
}

// A card that leaves in the debit tells the outcome when it comes again.
func TestTornUpdate(t *testing.T) {
	for name, at := range map[string]chip.Moment{"debited": chip.AfterCommit, "not debited": chip.BeforeCommit} {
		held, desk := entered(t, 5000, 1, morning.Add(-time.Hour)), newDesk(t, 3)
		o := offered(t, desk, held, station.Request{Reason: hasEntry, Pay: station.FromCard}, morning)
		_, err := desk.Update(t.Context(), &leaving{held, at}, o, morning)
		open, ok := errors.AsType[*card.UnknownError](err)
		if !ok {
			t.Fatalf("%s: %v", name, err)
		}
		held.PowerOn()
		tap, err := desk.Resolve(t.Context(), held, open)
		must(t, err)
		if at == chip.BeforeCommit {
			if tap != nil {
				t.Fatalf("%s: %v", name, tap)
			}
			tap, err = desk.Update(t.Context(), held, offered(t, desk, held, o.Request, morning), morning)
			must(t, err)
		}
		signed(t, held, tap, tunion.JourneyAdjust)
	}
}

// leaving goes away when DEBIT arrives.
type leaving struct {
	*chip.Chip
	at chip.Moment
}

func (c *leaving) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if command[0] == 0x80 && command[1] == 0x54 {
		c.LosePower(c.at)
	}
	return c.Chip.Transmit(ctx, command)
}

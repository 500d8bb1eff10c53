package specimen

import (
	"context"
	"fmt"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/monthly"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/capp"
	"citycard/terminals/card"
	"citycard/terminals/counter"
	"citycard/terminals/sam"
)

// issuer is the specimens' issuer id. The institution bytes of Zhengzhou were not
// found; 9999 stands for them.
const issuer = "99994910ffffffff"

// Terminals that a specimen was held to.
const (
	metroIn  = 0x10
	metroOut = 0x11
	bus      = 0x20
	office   = 0x30
)

// Fares of a specimen's rides, fen. They are made up.
const (
	busFare     = 100
	metroBase   = 200
	metroStep   = 100
	leastMoney  = 1000
	loadAmount  = 5000
	daysOfRides = 8 // four rides and more a day fill thirty journeys
)

// transit makes a transit application: it issues the card and uses it for some days.
func (m *maker) transit(ctx context.Context, c *chip.Chip) error {
	asn, err := tunion.ZhengzhouNumber(m.seed % 1e11)
	if err != nil {
		return err
	}
	number, err := tunion.Number(asn)
	if err != nil {
		return err
	}
	err = m.issue(ctx, c, counter.Order{Kind: counter.Transit, Transit: &counter.TransitOrder{
		Number: number, Issuer: issuer, Start: day(m.now.AddDate(-1, 0, 0)), Expiry: day(m.now.AddDate(10, 0, 0)),
		CardType: tunion.CardOrdinary, Province: "4900", City: "4910", Interoperable: true,
		PIN: PIN,
	}})
	if err != nil {
		return err
	}
	l := &life{maker: m, card: c, id: keys.CardID{ASN: asn}, modules: map[byte]*sam.Module{}}
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return err
	}
	l.id = p.ID()
	if err := l.ticket(ctx); err != nil {
		return err
	}
	return l.live(ctx)
}

// cityUnion is the city-union application of a specimen, laid out as a real one of
// Hangzhou: institution2, the first four digits of the postal code, zeros; a number that
// begins with those digits twice. Zhengzhou's postal codes begin with 4500; its institution
// was not found, 9999 stands for it.
func (m *maker) cityUnion() (app tunion.Application, err error) {
	app = tunion.Application{
		Issuer: [8]byte{0x99, 0x99, 0x45, 0x00}, Start: bcd.Date(m.now.AddDate(-1, 0, 0)), Expiry: bcd.Date(m.now.AddDate(49, 0, 0)),
	}
	app.ASN, err = tunion.ParseNumber(fmt.Sprintf("45004500%012d", m.seed%1e8))
	return app, err
}

// life is a card's days.
type life struct {
	*maker
	card    *chip.Chip
	id      keys.CardID
	modules map[byte]*sam.Module
	money   uint32
	inside  tunion.RailTrip
}

// ticket writes a monthly ticket for buses, as the issuer does.
func (l *life) ticket(ctx context.Context) error {
	first := time.Date(l.now.Year(), l.now.Month(), 1, 0, 0, 0, 0, time.UTC)
	sold := uint16(100)
	t := monthly.Ticket{
		Modes: monthly.ModesOf(tunion.IndustryBus), First: date(first), Last: date(first.AddDate(0, 1, -1)),
		Sold: sold, Left: sold - uint16(l.random.IntN(60)),
	}
	record := t.Encode()
	challenge, err := apdu.Exchange(ctx, l.card, apdu.GetChallenge(4))
	if err != nil {
		return err
	}
	cmd := apdu.UpdateRecord(monthly.SFI, 1, record[:])
	cmd.CLA = 0x04
	sealed := append([]byte{cmd.CLA, cmd.INS, cmd.P1, cmd.P2, byte(len(record) + 4)}, record[:]...)
	mac := l.store.CardKeys(l.id).Key(keys.RoleRecordEP).Seal(challenge, sealed)
	cmd.Data = append(cmd.Data, mac[:]...)
	if _, err := apdu.Exchange(ctx, l.card, cmd); err != nil {
		return fmt.Errorf("write the monthly ticket: %w", err)
	}
	return nil
}

// live plays the days before the date: bus or metro to work and back, sometimes an
// errand, and a load when the money runs out. The last day ends at now.
func (l *life) live(ctx context.Context) error {
	for d := daysOfRides - 1; d >= 0; d-- {
		morning := l.now.AddDate(0, 0, -d).Truncate(24 * time.Hour)
		at := morning.Add(7*time.Hour + time.Duration(l.random.IntN(3600))*time.Second)
		for ride := range 3 {
			if l.money < leastMoney {
				if err := l.load(ctx, at.Add(-10*time.Minute)); err != nil {
					return err
				}
			}
			var err error
			if at, err = l.ride(ctx, at, ride); err != nil {
				return err
			}
			at = at.Add(3*time.Hour + time.Duration(l.random.IntN(1800))*time.Second)
		}
	}
	return nil
}

// ride takes one ride and returns the time of its end. The second ride of a day is by bus.
func (l *life) ride(ctx context.Context, at time.Time, ride int) (time.Time, error) {
	if ride == 1 {
		return at, l.busRide(ctx, at)
	}
	from, to := 1+l.random.IntN(20), 1+l.random.IntN(20)
	out := at.Add(time.Duration(12+2*abs(from-to))*time.Minute + time.Duration(l.random.IntN(60))*time.Second)
	if err := l.enter(ctx, at, uint16(from)); err != nil {
		return at, err
	}
	return out, l.leave(ctx, out, uint16(to), uint32(metroBase+metroStep*(abs(from-to)/4)))
}

func abs(n int) int { return max(n, -n) }

func (l *life) load(ctx context.Context, at time.Time) error {
	_, err := counter.TopUp(ctx, l.card, loads{l.store}, counter.Load{
		Order: "specimen", Channel: "specimen", Amount: loadAmount, Terminal: l.terminal(office, 0), At: at,
		Medium: message.Medium_MEDIUM_CONTACTLESS,
	})
	l.money += loadAmount
	return err
}

// pay holds the card to the terminal of a kind.
func (l *life) pay(ctx context.Context, kind byte, sale capp.Sale) error {
	module, err := l.module(ctx, kind)
	if err != nil {
		return err
	}
	p, err := card.OpenPurse(ctx, l.card)
	if err != nil {
		return err
	}
	tap, err := p.Pay(ctx, module, sale.Payment())
	if err != nil {
		return err
	}
	l.money = uint32(tap.GetBalanceFen())
	return nil
}

// module is the SAM of a terminal, made when it is first needed.
func (l *life) module(ctx context.Context, kind byte) (*sam.Module, error) {
	if m := l.modules[kind]; m != nil {
		return m, nil
	}
	c := chip.NewPSAM(l.terminal(kind, 0), l.store.SAMKeys())
	c.PowerOn()
	m, err := sam.Open(ctx, c)
	l.modules[kind] = m
	return m, err
}

// loads authorises what nobody books.
type loads struct{ store *keys.Store }

func (l loads) AuthoriseLoad(_ context.Context, r *message.LoadRequest) (*message.LoadAnswer, error) {
	mac2, err := l.store.AuthoriseLoad(keys.LoadOrder{
		Card:       keys.CardID{Issuer: [8]byte(r.GetIssuer()), ASN: [10]byte(r.GetCard())},
		OldBalance: r.GetOldBalanceFen(), Amount: r.GetAmountFen(), Type: 0x02, Terminal: [6]byte(r.GetTerminal()), Time: [7]byte(r.GetTime()),
		OnlineSequence: uint16(r.GetOnlineSequence()), Random: [4]byte(r.GetRandom()),
		KeyVersion: byte(r.GetKeyVersion()), Algorithm: byte(r.GetAlgorithm()), MAC1: keys.MAC(r.GetMac1()),
	})
	return &message.LoadAnswer{Mac2: mac2[:]}, err
}

package session_test

import (
	ctx "context"
	"errors"
	"fmt"
	"testing"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
	"citycard/simulators/specimen"
	"citycard/terminals/contents"
	"citycard/terminals/desk"
	"citycard/terminals/session"
)

type context = ctx.Context

var errGone = errors.New("the card has gone")

// hostile is a card that behaves until a command, and from there on as its trick says.
type hostile struct {
	card  *chip.Chip
	at    int // commands that go well
	trick func(ctx context, card *chip.Chip, command []byte) ([]byte, error)
	sent  int
}

func (h *hostile) Transmit(c context, command []byte) ([]byte, error) {
	h.sent++
	if h.sent > h.at && h.trick != nil {
		return h.trick(c, h.card, command)
	}
	return h.card.Transmit(c, command)
}

// tricks are what cards do that are broken, torn or made to break terminals.
func tricks() map[string]func(context, *chip.Chip, []byte) ([]byte, error) {
	fixed := func(answer []byte) func(context, *chip.Chip, []byte) ([]byte, error) {
		return func(context, *chip.Chip, []byte) ([]byte, error) { return answer, nil }
	}
	edited := func(edit func([]byte) []byte) func(context, *chip.Chip, []byte) ([]byte, error) {
		return func(c context, card *chip.Chip, command []byte) ([]byte, error) {
			answer, err := card.Transmit(c, command)
			if err != nil || len(answer) < 3 {
				return answer, err
			}
			return append(edit(answer[:len(answer)-2]), 0x90, 0x00), nil
		}
	}
	bomb := []byte{}
	for range 80 { // nested without end
		bomb = append([]byte{0x6F, byte(min(len(bomb), 0x7F))}, bomb...)
	}
	many := []byte{0x6F, 0x82, 0x40, 0x00}
	for len(many) < 0x4004 {
		many = append(many, 0x84, 0x00)
	}
	return map[string]func(context, *chip.Chip, []byte) ([]byte, error){
		"vanishes before the command": func(context, *chip.Chip, []byte) ([]byte, error) { return nil, errGone },
		"vanishes after the command": func(c context, card *chip.Chip, command []byte) ([]byte, error) {
			if _, err := card.Transmit(c, command); err != nil {
				return nil, err
			}
			card.PowerOff()
			return nil, errGone
		},
		"stalls":              func(c context, _ *chip.Chip, _ []byte) ([]byte, error) { <-c.Done(); return nil, c.Err() },
		"answers nothing":     fixed(nil),
		"answers one byte":    fixed([]byte{0x90}),
		"answers 9000 alone":  fixed([]byte{0x90, 0x00}),
		"never ends":          fixed([]byte{1, 2, 3, 0x61, 0x10}),
		"never ends, empty":   fixed([]byte{0x61, 0x00}),
		"corrects for ever":   fixed([]byte{0x6C, 0x05}),
		"says it is blocked":  fixed([]byte{0x93, 0x03}),
		"is out of memory":    fixed([]byte{0x65, 0x81}),
		"sends 64 kB":         fixed(append(make([]byte, 65536), 0x90, 0x00)),
		"sends too much":      fixed(make([]byte, 100_000)),
		"sends FF":            fixed([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x90, 0x00}),
		"nests TLV for ever":  fixed(append(bomb, 0x90, 0x00)),
		"sends TLV by masses": fixed(append(many, 0x90, 0x00)),
		"lies about a length": fixed([]byte{0x6F, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x84, 0x90, 0x00}),
		"cuts answers":        edited(func(b []byte) []byte { return b[:len(b)-1] }),
		"adds to answers":     edited(func(b []byte) []byte { return append(append([]byte(nil), b...), 0xEE) }),
		"turns bits": edited(func(b []byte) []byte {
			b = append([]byte(nil), b...)
			for i := range b {
				b[i] ^= 0x55
			}
			return b
		}),
	}
}

// act is something that a terminal does with a card.
type act struct {
	name string
	kind specimen.Kind
	do   func(c context, card apdu.Card) error
}

func acts(t *testing.T) []act {
	psamCard := made(t, specimen.PSAM)
	return []act{
		{"identify a transit card", specimen.Transit, identify},
		{"identify a social-security card", specimen.SocialV2, identify},
		{"identify a SAM", specimen.PSAM, identify},
		{"read a purse", specimen.Transit, readPurse},
		{"read a social-security card", specimen.SocialV2, readSocial},
		{"read contents", specimen.Dual, func(c context, card apdu.Card) error {
			_, err := contents.Read(c, card, nil)
			return err
		}},
		{"read at a hospital desk", specimen.SocialV2, func(c context, card apdu.Card) error {
			_, err := (&desk.Desk{}).Read(c, card, nil)
			return err
		}},
		{"pay", specimen.Transit, func(c context, card apdu.Card) error {
			p, err := session.OpenPurse(c, card)
			if err != nil {
				return err
			}
			_, err = p.Pay(c, module(t, psamCard), 100, evening())
			return err
		}},
		{"ride", specimen.Transit, func(c context, card apdu.Card) error {
			p, err := session.OpenPurse(c, card)
			if err != nil {
				return err
			}
			_, _, err = p.Ride(c, module(t, psamCard), 1, tunion.IndustryBus, evening())
			return err
		}},
		{"change a PIN", specimen.Transit, func(c context, card apdu.Card) error {
			p, err := session.OpenPurse(c, card)
			if err != nil {
				return err
			}
			return p.ChangePIN(c, specimen.PIN, "1111")
		}},
	}
}

func identify(c context, card apdu.Card) error {
	_, err := session.Identify(c, card)
	return err
}

func readPurse(c context, card apdu.Card) error {
	p, err := session.OpenPurse(c, card)
	if err != nil {
		return err
	}
	_, region := p.Region(c)
	_, holder := p.Holder(c)
	_, balances := p.Balances(c)
	_, log := p.Log(c)
	_, journeys := p.Journeys(c)
	_, trips := p.Trips(c)
	_, tickets := p.Tickets(c)
	_, counters := p.Counters(c)
	return errors.Join(region, holder, balances, log, journeys, trips, tickets, counters)
}

func readSocial(c context, card apdu.Card) error {
	s, err := session.OpenSocial(c, card)
	if err != nil {
		return err
	}
	_, issuer := s.Issuer(c)
	_, holder := s.Holder(c)
	err = errors.Join(issuer, holder, s.VerifyPIN(c, specimen.PIN))
	folder := ssc.Folders(s.Version)[3]
	for _, table := range folder.Tables[2:] {
		_, tableErr := s.Table(c, folder, table)
		err = errors.Join(err, tableErr)
	}
	return err
}

// Whatever a card does from whichever command on, the terminal comes back in time with a value
// or an error that says something, and never panics. A card that vanishes, stalls or answers
// nothing that is an answer is always an error.
func TestHostileCards(t *testing.T) {
	const limit = 15 * time.Millisecond // of a stalling card
	for _, a := range acts(t) {
		clean := made(t, a.kind)
		image, err := clean.Image()
		if err != nil {
			t.Fatal(err)
		}
		counter := &hostile{card: clean}
		if err := a.do(t.Context(), counter); err != nil {
			t.Fatalf("%s: %v", a.name, err)
		}
		for name, trick := range tricks() {
			for at := range counter.sent {
				if name == "stalls" && at > 12 && at%10 != 0 {
					continue // each takes its time
				}
				card, err := chip.Load(image)
				if err != nil {
					t.Fatal(err)
				}
				card.PowerOn()
				h := &hostile{card: card, at: at, trick: trick}
				c, cancel := ctx.WithCancel(t.Context())
				if name == "stalls" {
					c, cancel = ctx.WithTimeout(t.Context(), limit)
				}
				err = a.do(c, h)
				cancel()
				where := fmt.Sprintf("%s: a card that %s at command %d", a.name, name, at+1)
				switch name {
				case "vanishes before the command", "vanishes after the command", "stalls", "answers nothing", "answers one byte", "never ends", "sends too much":
					if err == nil {
						t.Errorf("%s is taken", where)
					}
				}
				if err != nil && err.Error() == "" {
					t.Errorf("%s: an error without words", where)
				}
				if h.sent > 40*counter.sent+200 {
					t.Errorf("%s was sent %d commands", where, h.sent)
				}
			}
		}
	}
}

// A card that goes away in the middle of a payment, before or after each command: the terminal
// says not paid, or not known; and when it comes again the truth is found, with the TAC, in
// either order of the proof.
func TestUnknownOutcomesAreFound(t *testing.T) {
	image, err := made(t, specimen.Transit).Image()
	if err != nil {
		t.Fatal(err)
	}
	unknown := map[bool]int{}
	for _, name := range []string{"vanishes before the command", "vanishes after the command"} {
		for at := range 4 {
			for _, macFirst := range []bool{false, true} {
				card, err := chip.Load(image)
				if err != nil {
					t.Fatal(err)
				}
				card.ProveMACFirst(macFirst)
				card.PowerOn()
				before := card.Describe().Transit.BalanceFen
				h := &hostile{card: card, at: at, trick: tricks()[name]}
				m := module(t, made(t, specimen.PSAM))
				var receipt *session.Receipt
				p, err := session.OpenPurse(t.Context(), h)
				if err == nil {
					receipt, err = p.Pay(t.Context(), m, 100, evening())
				}
				paid := card.Describe().Transit.BalanceFen != before
				open, isOpen := errors.AsType[*session.UnknownError](err)
				if at < 3 != (err != nil) || (receipt != nil) != (err == nil) || !isOpen && err != nil && paid {
					t.Fatalf("%s at %d: receipt %v, %v, paid %v", name, at+1, receipt, err, paid)
				}
				if !isOpen {
					continue
				}
				unknown[paid]++
				card.PowerOn()
				again := openPurse(t, card)
				again.MACFirst = macFirst
				found, err := again.Resolve(t.Context(), open)
				if err != nil || (found != nil) != paid {
					t.Fatalf("%s at %d: paid %v, found %v, %v", name, at+1, paid, found, err)
				}
				if found != nil && !verifies(found) {
					t.Errorf("%s at %d: the TAC that was found is wrong", name, at+1)
				}
				other, err := specimen.New(t.Context(), specimen.Transit, 8, date())
				if err != nil {
					t.Fatal(err)
				}
				other.PowerOn()
				if _, err := openPurse(t, other).Resolve(t.Context(), open); !errors.Is(err, session.ErrOtherCard) {
					t.Errorf("another card: %v", err)
				}
				for range 2 {
					if _, err := again.Pay(t.Context(), m, 1, evening()); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := again.Resolve(t.Context(), open); !errors.Is(err, session.ErrTooLate) {
					t.Errorf("a card used since: %v", err)
				}
			}
		}
	}
	if unknown[true] == 0 || unknown[false] == 0 {
		t.Errorf("unknown outcomes by whether they were paid: %v", unknown)
	}
}

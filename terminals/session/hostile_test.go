package session_test

import (
	ctx "context"
	"errors"
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
	"citycard/simulators/rogue"
	"citycard/simulators/specimen"
	"citycard/terminals/contents"
	"citycard/terminals/desk"
	"citycard/terminals/session"
)

type context = ctx.Context

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
	for _, a := range acts(t) {
		clean := made(t, a.kind)
		image, err := clean.Image()
		if err != nil {
			t.Fatal(err)
		}
		honest := rogue.Honest(clean)
		if err := a.do(t.Context(), honest); err != nil {
			t.Fatalf("%s: %v", a.name, err)
		}
		for attempt, err := range rogue.Attempts(image, honest.Sent()) {
			if err != nil {
				t.Fatal(err)
			}
			if attempt.Trick.Hangs && attempt.At > 12 && attempt.At%10 != 0 {
				continue // each takes its time
			}
			before := attempt.Chip.Describe().Transit
			c, cancel := attempt.Context(t.Context())
			err = a.do(c, attempt.Card)
			cancel()
			if before != nil && attempt.Chip.Describe().Transit.OfflineSequence != before.OfflineSequence {
				if _, open := errors.AsType[*session.UnknownError](err); !open && err != nil {
					t.Errorf("%s: %s has paid, and the terminal says %v", a.name, attempt, err)
				}
			}
			if err == nil && attempt.Trick.Mute {
				t.Errorf("%s: %s is taken", a.name, attempt)
			}
			if err != nil && err.Error() == "" {
				t.Errorf("%s: %s: an error without words", a.name, attempt)
			}
			if n := attempt.Card.Sent(); n > 40*honest.Sent()+200 {
				t.Errorf("%s: %s was sent %d commands", a.name, attempt, n)
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
	leaves, left := rogue.Vanishing()
	for _, trick := range []rogue.Trick{leaves, left} {
		name := trick.Name
		for at := range 4 {
			for _, macFirst := range []bool{false, true} {
				card, err := chip.Load(image)
				if err != nil {
					t.Fatal(err)
				}
				card.ProveMACFirst(macFirst)
				card.PowerOn()
				before := card.Describe().Transit.BalanceFen
				h := rogue.New(card, trick, at)
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
				found, err := again.Resolve(t.Context(), m, open)
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
				if _, err := openPurse(t, other).Resolve(t.Context(), m, open); !errors.Is(err, session.ErrOtherCard) {
					t.Errorf("another card: %v", err)
				}
				for range 2 {
					if _, err := again.Pay(t.Context(), m, 1, evening()); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := again.Resolve(t.Context(), m, open); !errors.Is(err, session.ErrTooLate) {
					t.Errorf("a card used since: %v", err)
				}
			}
		}
	}
	if unknown[true] == 0 || unknown[false] == 0 {
		t.Errorf("unknown outcomes by whether they were paid: %v", unknown)
	}
}

package card_test

import (
	ctx "context"
	"errors"
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/simulators/rogue"
	"citycard/simulators/specimen"
	"citycard/terminals/card"
	"citycard/terminals/contents"
	"citycard/terminals/desk"
)

type context = ctx.Context

// act is something that a terminal does with a card.
type act struct {
	name string
	kind specimen.Kind
	do   func(c context, held apdu.Card) error
}

func acts(t *testing.T) []act {
	psamCard := made(t, specimen.PSAM)
	return []act{
		{"identify a transit card", specimen.Transit, identify},
		{"identify a social-security card", specimen.SocialV2, identify},
		{"identify a SAM", specimen.PSAM, identify},
		{"read a purse", specimen.Transit, readPurse},
		{"read a social-security card", specimen.SocialV2, readSocial},
		{"read contents", specimen.Dual, func(c context, held apdu.Card) error {
			_, err := contents.Read(c, held, nil)
			return err
		}},
		{"read at a hospital desk", specimen.SocialV2, func(c context, held apdu.Card) error {
			_, err := (&desk.Desk{}).Read(c, held, nil)
			return err
		}},
		{"pay", specimen.Transit, func(c context, held apdu.Card) error {
			p, err := card.OpenPurse(c, held)
			if err != nil {
				return err
			}
			_, err = p.Pay(c, module(t, psamCard), purchase(100))
			return err
		}},
		{"ride", specimen.Transit, func(c context, held apdu.Card) error {
			p, err := card.OpenPurse(c, held)
			if err != nil {
				return err
			}
			_, _, err = ride(c, p, module(t, psamCard), held)
			return err
		}},
		{"change a PIN", specimen.Transit, func(c context, held apdu.Card) error {
			p, err := card.OpenPurse(c, held)
			if err != nil {
				return err
			}
			return p.ChangePIN(c, specimen.PIN, "1111")
		}},
	}
}

func identify(c context, held apdu.Card) error {
	_, err := card.Identify(c, held)
	return err
}

func readPurse(c context, held apdu.Card) error {
	p, err := card.OpenPurse(c, held)
	if err != nil {
		return err
	}
	_, holder := p.Holder(c)
	_, balance := p.Balance(c)
	_, log := p.Log(c)
	_, journeys := p.Journeys(c)
	_, last := p.LastJourney(c)
	return errors.Join(holder, balance, log, journeys, last)
}

func readSocial(c context, held apdu.Card) error {
	s, err := card.OpenSocial(c, held)
	if err != nil {
		return err
	}
	_, err = s.Person(c)
	return errors.Join(err, s.VerifyPIN(c, specimen.PIN))
}

// Whatever a card does, from any command on, the terminal returns in time, with a value or with an
// error that has a text, and never panics. A card that vanishes, stalls or gives an unusable answer
// always leads to an error.
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
				if _, open := errors.AsType[*card.UnknownError](err); !open && err != nil {
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

// A card that goes away in the middle of a payment, before or after each command: the terminal says
// "not paid" or "not known". When the card comes again the true outcome is found, with the TAC, in
// either order of the proof's codes.
func TestUnknownOutcomesAreFound(t *testing.T) {
	image, err := made(t, specimen.Transit).Image()
	if err != nil {
		t.Fatal(err)
	}
	unknown := map[bool]int{}
	leaves, left := rogue.Vanishing()
	for _, trick := range []rogue.Trick{leaves, left} {
		name := trick.Name
		for at := range 6 { // opening takes three commands, paying two
			for _, macFirst := range []bool{false, true} {
				held, err := chip.Load(image)
				if err != nil {
					t.Fatal(err)
				}
				held.ProveMACFirst(macFirst)
				held.PowerOn()
				before := held.Describe().Transit.BalanceFen
				h := rogue.New(held, trick, at)
				m := module(t, made(t, specimen.PSAM))
				var tap *message.Tap
				p, err := card.OpenPurse(t.Context(), h)
				if err == nil {
					tap, err = p.Pay(t.Context(), m, purchase(100))
				}
				paid := held.Describe().Transit.BalanceFen != before
				open, isOpen := errors.AsType[*card.UnknownError](err)
				if at < 5 != (err != nil) || (tap != nil) != (err == nil) || !isOpen && err != nil && paid {
					t.Fatalf("%s at %d: tap %v, %v, paid %v", name, at+1, tap, err, paid)
				}
				if !isOpen {
					continue
				}
				unknown[paid]++
				held.PowerOn()
				again := openPurse(t, held)
				found, err := card.Resolve(t.Context(), held, m, open)
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
				if _, err := card.Resolve(t.Context(), other, m, open); !errors.Is(err, card.ErrOtherCard) {
					t.Errorf("another card: %v", err)
				}
				for range 2 {
					if _, err := again.Pay(t.Context(), m, purchase(1)); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := card.Resolve(t.Context(), held, m, open); !errors.Is(err, card.ErrTooLate) {
					t.Errorf("a card used since: %v", err)
				}
			}
		}
	}
	if unknown[true] == 0 || unknown[false] == 0 {
		t.Errorf("unknown outcomes by whether they were paid: %v", unknown)
	}
}

package counter

import (
	"context"
	"fmt"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/language"
	"citycard/terminals/card"
	"citycard/terminals/contents"
)

// Seen is what a counter sees of a card.
type Seen struct {
	contents.Contents
	ID   keys.CardID // of a transit card
	Open []Open      // its orders here that are not finished
}

// Look reads the card and finds its open orders. Nothing on it changes. Errors: those of
// [contents.Read].
func (b *Book) Look(ctx context.Context, c apdu.Card, atr []byte) (Seen, error) {
	read, err := contents.Read(ctx, c, atr)
	s := Seen{Contents: read}
	if err != nil || read.Transit == nil {
		return s, err
	}
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return s, err
	}
	s.ID = p.ID()
	s.Open = b.Of(s.ID)
	return s, nil
}

// Findings says what staff should know of the card first, on a day in the city's zone. city is the
// counter's own, four digits; empty where it is not known.
func (s *Seen) Findings(at time.Time, city string) (found []*language.Text) {
	t := s.Transit
	if t == nil {
		return nil
	}
	today := at.Format("20060102")
	switch {
	case !t.Enabled:
		found = append(found, language.Textf("the card is not in use yet"))
	case t.Expiry < today:
		found = append(found, language.Textf("the card expired on %s: it is extended or replaced first", t.Expiry))
	case t.Start > today:
		found = append(found, language.Textf("the card is valid from %s on", t.Start))
	}
	if city != "" && t.City != city {
		found = append(found, language.Textf("the card is of another city (%s): that city serves it", t.City))
	}
	if len(t.Journeys) > 0 && t.Journeys[0].Type == tunion.JourneyEntry {
		j := t.Journeys[0]
		found = append(found, language.Textf("the card got in at station %d at %s and has not left", j.Station, clock(j.Time)))
	}
	for _, o := range s.Open {
		found = append(found, language.Textf("order %s of %s yuan is not finished: resolve it before anything else", o.Load.GetOrder(), yuan(int64(o.Load.GetAmountFen()))))
	}
	return found
}

// clock is a card's time for people; one that does not exist is shown as it is.
func clock(digits string) string {
	at, err := time.Parse("20060102150405", digits)
	if err != nil {
		return digits
	}
	return at.Format(time.DateTime)
}

// Number is the card's number as it is shown.
func (s *Seen) Number() string {
	if s.Transit == nil {
		return ""
	}
	return tunion.Masked(fmt.Sprintf("%x", s.ID.ASN))
}

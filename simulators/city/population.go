package city

import (
	"fmt"
	"time"

	"citycard/cardos/tunion"
)

// Fate is how a transit card stands with the registry.
type Fate uint8

// Fates. All but Ordinary carry money from before the ledger's first day.
const (
	Ordinary Fate = iota
	Unregistered
	Expired
	Blocked
	Listed // put on the hotlist on the city's first day
)

// TransitCard is a transit card and what is known of it.
type TransitCard struct {
	Index  int
	ASN    [10]byte
	Number string // 20 digits
	Type   byte   // file 0017, offset 10
	Fate   Fate
	Start  string // YYYYMMDD, as the card itself has it
	Expiry string
	Listed string // YYYYMMDDhhmmss from which it is on the hotlist; empty for never
}

// ListedFrom is the second of a day, YYYYMMDD, from which the i-th card is on the
// hotlist.
func ListedFrom(i int, day string) string {
	second := ListedSecond(i)
	return fmt.Sprintf("%s%02d%02d%02d", day, second/3600, second/60%60, second%60)
}

// ListedSecond is the second of the day of ListedFrom: around noon.
func ListedSecond(i int) int { return 12*3600 + i%3600 }

// HotlistHeader is the first row of hotlist.csv.
func HotlistHeader() []string { return []string{"card", "reason", "effective_from", "effective_to"} }

// registryExpiry is the last day that the registry grants: of an expired card it
// is long past, while the card's own file, which terminals go by, was never
// rewritten.
func (c TransitCard) registryExpiry() string {
	if c.Fate == Expired {
		return expiredOn
	}
	return c.Expiry
}

// Opening is the money put on the card before the ledger's first day, in fen.
func (c TransitCard) Opening() int64 {
	if c.Fate == Ordinary {
		return 0
	}
	return 20_000
}

// Population is everybody and every card.
type Population struct {
	Seed    uint64
	Transit []TransitCard
	Persons []Person // the first Holders of them have a social-security card
	Holders int
}

const (
	firstSerial = 90_000_000_001 // of the cards' 11 digits; invented
	validFrom   = "20200101"
	validTo     = "20401231"
	expiredOn   = "20231231"
	// healthyCards are never given another fate than Ordinary, so that the
	// cards that go through a real reader are good ones.
	healthyCards = 40
)

// NewPopulation invents a city of so many cards: four of five for transit, the
// rest for social security, and pensioners without a card beside them. The day
// dates certifications and ages.
func NewPopulation(seed uint64, cards int, day time.Time) (*Population, error) {
	if cards < 10 || cards > 5_000_000 {
		return nil, fmt.Errorf("city of %d cards: want 10 to 5000000", cards)
	}
	p := &Population{Seed: seed, Holders: cards / 5}
	for i := range cards - p.Holders {
		card, err := newTransitCard(seed, i, day)
		if err != nil {
			return nil, err
		}
		p.Transit = append(p.Transit, card)
	}
	numbers := map[string]bool{}
	for i := range p.Holders + p.Holders*72/100 {
		person := newPerson(seed, i, i >= p.Holders, day)
		if i >= healthyCards && i < p.Holders && i%53 == 0 {
			person.Registered = false
		}
		for n := i; numbers[person.IDNumber]; n++ {
			person.IDNumber = identityNumber(person.Born, n, person.Female)
		}
		numbers[person.IDNumber] = true
		p.Persons = append(p.Persons, person)
	}
	return p, nil
}

func newTransitCard(seed uint64, i int, day time.Time) (TransitCard, error) {
	asn, err := tunion.ZhengzhouNumber(firstSerial + uint64(i))
	if err != nil {
		return TransitCard{}, err
	}
	number, err := tunion.Number(asn)
	if err != nil {
		return TransitCard{}, err
	}
	c := TransitCard{Index: i, ASN: asn, Number: number, Type: tunion.CardOrdinary, Start: validFrom, Expiry: validTo}
	r := dice(seed, "card", i)
	switch n := r.IntN(100); {
	case n < 12:
		c.Type = tunion.CardStudent
	case n < 20:
		c.Type = tunion.CardSenior
	}
	if i >= healthyCards {
		switch i % 300 {
		case 101:
			c.Fate = Unregistered
		case 201:
			c.Fate = Expired
		case 299:
			c.Fate = Blocked
		case 57:
			c.Fate, c.Listed = Listed, ListedFrom(i, day.Format(dayLayout))
		}
	}
	return c, nil
}

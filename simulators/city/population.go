package city

import (
	"encoding/hex"
	"strconv"

	"citycard/cardos/keys"
	"citycard/simulators/plan"
)

// Population holds all persons and all cards.
type Population struct {
	City    plan.City
	Town    *plan.Town
	Transit []plan.Card
	Persons []Person // the first Holders of them have a social-security card
	Holders int
}

// The first healthyCards cards of both kinds are good ones, since they go through a real reader.
const healthyCards = 40

// NewPopulation invents a city's people. Four of five cards are for transit, the rest for social
// security; in addition there are pensioners without a card. The city's day dates certifications
// and ages.
func NewPopulation(c plan.City, t *plan.Town) (*Population, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	day, err := c.Date()
	if err != nil {
		return nil, err
	}
	p := &Population{City: c, Town: t, Holders: c.Cards - c.Transit()}
	for i := range c.Transit() {
		card, err := c.Card(i, t, newDice(c.Seed, "card", i))
		if err != nil {
			return nil, err
		}
		p.Transit = append(p.Transit, card)
	}
	numbers := map[string]bool{}
	for i := range p.Holders + p.Holders*72/100 {
		person := newPerson(c.Seed, i, i >= p.Holders, day)
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

// WriteRegistry writes the data that clearing needs about the city into dir; persons appear as
// tokens.
func (p *Population) WriteRegistry(dir string, store *keys.Store) error {
	r := plan.Registry{City: p.City, Town: p.Town, Card: func(i int) (plan.Card, error) { return p.Transit[i], nil }}
	for _, q := range p.Persons {
		if !q.Registered {
			continue
		}
		token := store.PersonToken(q.IDNumber)
		r.Persons = append(r.Persons, []string{
			hex.EncodeToString(token[:]), q.Insurance, q.Status,
			strconv.FormatInt(q.Account, 10), strconv.FormatInt(q.Pension, 10), q.Certified, plan.ValidFrom,
		})
	}
	return r.Write(dir)
}

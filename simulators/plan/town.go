package plan

import (
	"fmt"
	"slices"

	"citycard/simulators/network"
	"citycard/simulators/truth"
)

// Town is a city's own file and its rule documents, which fit each other.
type Town struct {
	*network.City
	Rules *truth.Rules
}

// NewTown reads a city's file and its rule documents, by the names of their files.
func NewTown(city []byte, documents map[string][]byte) (*Town, error) {
	rules, err := truth.Read(documents)
	if err != nil {
		return nil, fmt.Errorf("rule documents: %w", err)
	}
	c, err := network.ReadCity(city, rules.Ruled())
	if err != nil {
		return nil, err
	}
	return &Town{c, rules}, nil
}

// payee is the account of a line's operator.
func (t *Town) payee(mode string, line int) string {
	id, _ := t.Operator(mode, line)
	return "operator:" + id
}

// MetroPayee is the account of a metro line's operator.
func (t *Town) MetroPayee(line int) string { return t.payee(network.Metro, line) }

// BusPayee is the account of a bus line's operator.
func (t *Town) BusPayee(line int) string { return t.payee(network.Bus, line) }

// cardType draws the type of a card.
func (t *Town) cardType(d Dice) byte {
	n := d.Below(100)
	for _, c := range t.CardTypes {
		if n -= c.Percent; n < 0 {
			return byte(c.Type)
		}
	}
	return byte(t.CardTypes[len(t.CardTypes)-1].Type)
}

// Types are those of the cards that ride in the town, visitors' among them.
func (t *Town) Types() (types []byte) {
	for _, c := range t.CardTypes {
		types = append(types, byte(c.Type))
	}
	if visitors := byte(t.VisitorCardType); !slices.Contains(types, visitors) {
		types = append(types, visitors)
	}
	return types
}

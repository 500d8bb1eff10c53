package keyservice

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"citycard/cardos/keys"
	"citycard/cardos/personalisation"
	"citycard/cardos/ssc"
	"citycard/language"
)

// Orders are the orders by which cards may be made, from the orders file. A card that is in none of
// them gets no keys.
type Orders struct{ by map[string]*making }

// making is one of them.
type making struct {
	name, client, batch string
	transit             *cardRange // the numbers of its transit cards; nil: it has none
	region              *Social    // province and city of its social-security cards; nil: it has none
	most                int        // different cards
	again               int        // how often more the same card may be asked for
}

// cardRange are transit cards of an issuer by the last sixteen digits of their numbers: what keys
// are derived from.
type cardRange struct {
	issuer   [4]byte
	from, to keys.Digits
}

const (
	numberDigits = 20
	issuerDigits = 16
	regionDigits = 6
	maxMaking    = 10_000_000 // cards of an order
	maxAgain     = 10
)

// ordersFile is the orders file: JSON.
type ordersFile struct {
	Orders []orderLine `json:"orders"`
}

type orderLine struct {
	Name   string `json:"name"`
	Client string `json:"client"` // as the clients' file names it
	Batch  string `json:"batch"`  // of the blanks: the name of their transport key
	Issuer string `json:"issuer"` // of transit cards
	First  string `json:"first"`  // number of the first
	Last   string `json:"last"`
	Region string `json:"region"` // of social-security cards
	Cards  int    `json:"cards"`  // how many different ones
	Again  int    `json:"again"`  // how often more one of them, whose blank was spoilt
}

// ParseOrders reads an orders file and checks all of it.
func ParseOrders(file []byte) (*Orders, error) {
	var f ordersFile
	decoder := json.NewDecoder(bytes.NewReader(file))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return nil, language.Textf("not an orders file in JSON: %w", err)
	}
	if decoder.More() {
		return nil, language.Textf("more than one JSON value in the orders file")
	}
	orders := &Orders{by: map[string]*making{}}
	for i := range f.Orders {
		line := &f.Orders[i]
		switch {
		case line.Name == "" || len(line.Name) > maxName || !plain(line.Name):
			return nil, language.Textf("order %d: want a name of 1 to %d letters, digits, dots and dashes", i+1, maxName)
		case orders.by[line.Name] != nil:
			return nil, language.Textf("order %s is in the orders file twice", line.Name)
		}
		m, err := line.making()
		if err != nil {
			return nil, language.Textf("order %s: %w", line.Name, err)
		}
		orders.by[line.Name] = m
	}
	return orders, nil
}

// making checks a line of the orders file.
func (l *orderLine) making() (*making, error) {
	m := &making{name: l.Name, client: l.Client, batch: l.Batch, most: l.Cards, again: l.Again}
	switch {
	case l.Client == "":
		return nil, language.Textf("no client is named that makes its cards")
	case keys.CheckBatchName(l.Batch) != nil:
		return nil, language.Textf("no batch of blanks is named, by its transport key")
	case l.Cards < 1 || l.Cards > maxMaking:
		return nil, language.Textf("want 1 to %d cards", maxMaking)
	case l.Again < 0 || l.Again > maxAgain:
		return nil, language.Textf("want at most %d times again", maxAgain)
	case l.First == "" && l.Last == "" && l.Region == "":
		return nil, language.Textf("it has neither numbers nor a region")
	}
	if l.First != "" || l.Last != "" {
		numbers, err := parseRange(l.Issuer, l.First, l.Last)
		if err != nil {
			return nil, err
		}
		m.transit = numbers
	}
	if l.Region != "" {
		region, err := hex.DecodeString(l.Region)
		if err != nil || len(l.Region) != regionDigits || strings.ContainsAny(l.Region, "abcdefABCDEF") {
			return nil, language.Textf("region %q, want %d digits", l.Region, regionDigits)
		}
		m.region = &Social{Province: ssc.ProvinceFactor([3]byte(region)), City: ssc.CityFactor([3]byte(region))}
	}
	return m, nil
}

// parseRange reads the numbers of an order.
func parseRange(issuer, first, last string) (*cardRange, error) {
	id, err := hex.DecodeString(issuer)
	if err != nil || len(issuer) != issuerDigits {
		return nil, language.Textf("issuer %q, want %d hexadecimal digits", issuer, issuerDigits)
	}
	from, wrong := hex.DecodeString(first)
	to, wrongToo := hex.DecodeString(last)
	if wrong != nil || wrongToo != nil || len(first) != numberDigits || len(last) != numberDigits ||
		strings.ContainsAny(first+last, "abcdefABCDEF") || bytes.Compare(from[2:], to[2:]) > 0 {
		return nil, language.Textf("%q to %q are no numbers of cards, want %d digits each, the first one first", first, last, numberDigits)
	}
	return &cardRange{[4]byte(id), keys.Digits(from[2:]), keys.Digits(to[2:])}, nil
}

// has reports whether a card is one of the order's.
func (m *making) has(c Card) bool {
	if c.Kind == SocialSecurity {
		return m.region != nil && c.Social.Province == m.region.Province && c.Social.City == m.region.City
	}
	digits := c.Transit.Digits()
	return m.transit != nil && [4]byte(c.Transit.Issuer[:4]) == m.transit.issuer &&
		bytes.Compare(digits[:], m.transit.from[:]) >= 0 && bytes.Compare(digits[:], m.transit.to[:]) <= 0
}

// Len is how many they are.
func (o *Orders) Len() int { return len(o.by) }

// Samples are the orders whose blanks are samples, sorted: under a transport key that is published
// only cards of TEST masters may be made.
func (o *Orders) Samples() (names []string) {
	for name, m := range o.by {
		if m.batch == personalisation.Samples {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Describe says what each order is, for people, sorted by name.
func (o *Orders) Describe() []string {
	var all []string
	for _, m := range o.by {
		all = append(all, fmt.Sprintf("%s client:%s batch:%s cards:%d again:%d", m.name, m.client, m.batch, m.most, m.again))
	}
	slices.Sort(all)
	return all
}

package crowd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"citycard/cardos/tunion"
	"citycard/simulators/city"
)

// CityFile says what was issued in a data directory.
const CityFile = "crowd.json"

// City is what everything follows from.
type City struct {
	Seed   uint64 `json:"seed"`
	Cards  int    `json:"cards"`  // in the registry
	Riders int    `json:"riders"` // the first of them ride
	Day    int    `json:"day"`    // YYYYMMDD on which some of them are put on the hotlist; 0: none ever are
}

// Bounds of a city.
const (
	cardsLeast = 100
	cardsMost  = 20_000_000
)

// Check refuses a city that is too small or too large.
func (c City) Check() error {
	switch {
	case c.Cards < cardsLeast || c.Cards > cardsMost:
		return fmt.Errorf("city of %d cards: want %d to %d", c.Cards, cardsLeast, cardsMost)
	case c.Riders < cardsLeast || c.Riders > c.Cards:
		return fmt.Errorf("%d riders: want %d to the number of cards, %d", c.Riders, cardsLeast, c.Cards)
	}
	return nil
}

// Read reads what was issued in dir; ok is false where nothing was.
func Read(dir string) (c City, ok bool, err error) {
	path := filepath.Join(dir, CityFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return City{}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err == nil {
		err = c.Check()
	}
	if err != nil {
		return City{}, false, fmt.Errorf("%s: %w", path, err)
	}
	return c, true, nil
}

func (c City) write(dir string) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, CityFile), func(w *fileWriter) { w.put(append(data, '\n')) })
}

// firstSerial is the first of the cards' serial numbers, 11 digits, invented.
const firstSerial = 80_000_000_001

const (
	validFrom = "20200101"
	validTo   = "20401231"
	expiredOn = "20231231"
)

// card is what is fixed about a card.
type card struct {
	asn     [10]byte
	kind    byte // file 0017, offset 10
	fate    city.Fate
	opening uint32 // fen
}

// card works a card out. Of three hundred cards one is unregistered, one expired,
// one blocked and one put on the hotlist.
func (c City) card(i int) (card, error) {
	asn, err := tunion.ZhengzhouNumber(uint64(firstSerial + i))
	if err != nil {
		return card{}, err
	}
	d := mixed(c.Seed, forCard, uint64(i))
	out := card{asn: asn, kind: tunion.CardOrdinary}
	switch n := d.below(100); {
	case n < 12:
		out.kind = tunion.CardStudent
	case n < 20:
		out.kind = tunion.CardSenior
	}
	switch i % 300 {
	case 101:
		out.fate = city.Unregistered
	case 201:
		out.fate = city.Expired
	case 299:
		out.fate = city.Blocked
	case 57:
		if c.Day != 0 {
			out.fate = city.Listed
		}
	}
	if i < c.Riders {
		out.opening = uint32(d.between(200, 800)) * 100
	}
	return out, nil
}

// number is a card's number, 20 digits.
func (c *card) number() string { return string(appendNumber(make([]byte, 0, 20), c.asn)) }

func appendNumber(b []byte, asn [10]byte) []byte {
	for _, v := range asn {
		b = append(b, '0'+v>>4, '0'+v&15)
	}
	return b
}

// visitor is the i-th card of another city.
func visitor(i int) (card, error) {
	asn, err := city.VisitorNumber(i)
	return card{asn: asn, kind: tunion.CardOrdinary}, err
}

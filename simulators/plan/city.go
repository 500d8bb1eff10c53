package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"citycard/durable"
	"citycard/language"
)

// cityFile says what was issued in a data directory.
const cityFile = "issued.json"

// City holds the parameters of an issued city; population, registry and days follow from them.
type City struct {
	Seed   uint64 `json:"seed"`
	Cards  int    `json:"cards"`  // with chips: four of five are for transit; without: all, in the registry
	Riders int    `json:"riders"` // without chips: the first cards ride; 0: a city with chips
	Day    int    `json:"day"`    // YYYYMMDD: ages and the hotlist are dated from it; 0, without chips: no card is ever listed
	Purse  int64  `json:"purse"`  // fen: no purse begins with more; 0: nothing limits them
	// Slots is how many slots of real readers there are for the city's lanes; with none, no card
	// rides at real readers.
	Slots int `json:"slots,omitempty"`
}

// Bounds of a city.
const (
	slotsMost   = 16 // pcscd has room for no more
	atReaders   = 12
	atCounters  = 20 // with all slots
	chipsLeast  = 10
	chipsMost   = 5_000_000
	directLeast = 100
	directMost  = 20_000_000
)

// Direct reports whether the city has no chips: its taps are calculated.
func (c *City) Direct() bool { return c.Riders != 0 }

// AtReaders is how many of the first transit cards ride at real readers, and nowhere else.
func (c *City) AtReaders() int {
	if c.Slots == 0 {
		return 0
	}
	return min(atReaders, c.Transit())
}

// AtCounters is how many of the next ones are sold, loaded and taken back at counters with real
// readers, and are nowhere else.
func (c *City) AtCounters() int {
	return min(atCounters*c.Slots/slotsMost, c.Transit()-c.AtReaders())
}

// Transit is how many transit cards there are; the others are social-security cards.
func (c *City) Transit() int {
	if c.Direct() {
		return c.Cards
	}
	return c.Cards - c.Cards/5
}

// Check refuses a city that is too small or too large.
func (c *City) Check() error {
	least, most := chipsLeast, chipsMost
	if c.Direct() {
		least, most = directLeast, directMost
	}
	switch {
	case c.Cards < least || c.Cards > most:
		return language.Textf("city of %d cards: want %d to %d", c.Cards, least, most)
	case c.Direct() && (c.Riders < least || c.Riders > c.Cards):
		return language.Textf("%d riders: want %d to the number of cards, %d", c.Riders, least, c.Cards)
	case c.Slots < 0 || c.Slots > slotsMost:
		return language.Textf("%d slots of readers: want 0 to %d", c.Slots, slotsMost)
	case c.Slots > 0 && c.Direct():
		return language.Textf("slots of readers: cards without chips need none")
	}
	return nil
}

// Date is the city's day.
func (c *City) Date() (time.Time, error) {
	day, err := time.Parse("20060102", strconv.Itoa(c.Day))
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: day %d, want YYYYMMDD", cityFile, c.Day)
	}
	return day, nil
}

// DayNumber is a day as YYYYMMDD.
func DayNumber(t time.Time) int {
	y, m, d := t.Date()
	return y*10_000 + int(m)*100 + d
}

// Read reads the city that was issued in dir; ok is false if none was.
func Read(dir string) (c City, ok bool, err error) {
	path := filepath.Join(dir, cityFile)
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

// Write writes the city's file. Call it last, when everything that follows from the city is
// written.
func (c *City) Write(dir string) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, cityFile), append(data, '\n'))
}

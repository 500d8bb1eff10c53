package network

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"

	"citycard/simulators/document"
)

// Modes of transport.
const (
	Metro = "metro"
	Bus   = "bus"
)

// City is the city's own file.
type City struct {
	Note      string     `json:"note"`
	Operators []Operator `json:"operators"`
	// CardTypes says which share of the cards has which type.
	CardTypes []CardType `json:"card_types"`
	// VisitorCardType is the type of other cities' cards.
	VisitorCardType int        `json:"visitor_card_type"`
	Channels        []Channel  `json:"channels"`
	Hospitals       []Hospital `json:"hospitals"`
}

// Operator runs lines of one mode and is paid for their rides.
type Operator struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	English string `json:"name_en"`
	Mode    string `json:"mode"`
	Lines   []int  `json:"lines"`
}

// CardType is a type of transit card: file 0017, offset 10.
type CardType struct {
	Type    int `json:"card_type"`
	Percent int `json:"percent"`
}

// Channel takes money for top-ups.
type Channel struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	English string `json:"name_en"`
}

// Hospital settles claims; its class decides what a fund pays.
type Hospital struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	English string `json:"name_en"`
	Class   string `json:"class"`
}

var (
	//go:embed zhengzhou_city.json
	zhengzhouCity []byte
	//go:embed template_city.json
	template []byte
)

// ZhengzhouCity is the file of the built-in city.
func ZhengzhouCity() []byte { return zhengzhouCity }

// Template is a file to begin a city of one's own with. It fits the example network that citycard
// writes.
func Template() []byte { return template }

// Ruled is what a city's rule documents have, and so what its file may name.
type Ruled struct {
	Maps      Maps
	CardTypes []int    // that have a price
	Classes   []string // of hospitals that a medical table covers
}

// The highest numbers of lines. That of a bus line has two bytes on a card; that of a metro line is
// in the numbers of the simulated gates.
const (
	highestBus   = 65_535
	highestMetro = 311
)

// ReadCity reads a city's file and holds it against the rule documents. The error names every fault
// by its field.
func ReadCity(data []byte, ruled Ruled) (*City, error) {
	c := new(City)
	if err := document.Decode(data, c); err != nil {
		return nil, fmt.Errorf("city file: %w", err)
	}
	check := checking{ruled: ruled}
	check.operators(c.Operators)
	check.cardTypes(c)
	check.channels(c.Channels)
	check.hospitals(c.Hospitals)
	if len(check.faults) > 0 {
		return nil, errors.Join(check.faults...)
	}
	return c, nil
}

// checking collects the faults of a file.
type checking struct {
	ruled  Ruled
	faults []error
}

func (c *checking) fault(format string, values ...any) {
	c.faults = append(c.faults, fmt.Errorf(format, values...))
}

// named checks the identifier and the names of a row; seen are the identifiers before it.
func (c *checking) named(row, id, name, english string, seen map[string]bool) {
	switch {
	case id == "":
		c.fault("%s.id: empty", row)
	case seen[id]:
		c.fault("%s.id: %q again, want each once", row, id)
	}
	seen[id] = true
	if name == "" {
		c.fault("%s.name: empty, want a name", row)
	}
	if english == "" {
		c.fault("%s.name_en: empty, want a name in English", row)
	}
}

func (c *checking) operators(operators []Operator) {
	lines := map[string][]int{Metro: c.ruled.Maps.metroLines(), Bus: c.ruled.Maps.BusLines()}
	runBy, seen := map[string]map[int]int{Metro: {}, Bus: {}}, map[string]bool{}
	for i, o := range operators {
		row := fmt.Sprintf("operators[%d]", i)
		c.named(row, o.ID, o.Name, o.English, seen)
		if o.Mode != Metro && o.Mode != Bus {
			c.fault("%s.mode: %q, want metro or bus", row, o.Mode)
			continue
		}
		if len(o.Lines) == 0 {
			c.fault("%s.lines: empty, want the lines that %s runs", row, o.ID)
		}
		for j, line := range o.Lines {
			other, taken := runBy[o.Mode][line]
			switch {
			case !slices.Contains(lines[o.Mode], line):
				c.fault("%s.lines[%d]: %d is no %s line of network.json", row, j, line, o.Mode)
			case taken:
				c.fault("%s.lines[%d]: %s line %d is in operators[%d] too, want one operator", row, j, o.Mode, line, other)
			default:
				runBy[o.Mode][line] = i
			}
		}
	}
	for _, mode := range []string{Metro, Bus} {
		highest := highestMetro
		if mode == Bus {
			highest = highestBus
		}
		for _, line := range lines[mode] {
			if _, run := runBy[mode][line]; !run {
				c.fault("operators: nobody runs %s line %d of network.json", mode, line)
			}
			if line < 1 || line > highest {
				c.fault("operators: %s line %d: a simulated terminal takes numbers from 1 to %d", mode, line, highest)
			}
		}
	}
}

func (c *checking) cardTypes(city *City) {
	all, seen := 0, map[int]bool{}
	for i, t := range city.CardTypes {
		row := fmt.Sprintf("card_types[%d]", i)
		c.cardType(row+".card_type", t.Type)
		if seen[t.Type] {
			c.fault("%s.card_type: %d again, want each once", row, t.Type)
		}
		seen[t.Type] = true
		if t.Percent < 1 {
			c.fault("%s.percent: %d, want 1 or more", row, t.Percent)
		}
		all += t.Percent
	}
	if all != 100 {
		c.fault("card_types: %d percent together, want 100", all)
	}
	c.cardType("visitor_card_type", city.VisitorCardType)
}

func (c *checking) cardType(field string, cardType int) {
	switch {
	case cardType < 1 || cardType > 255:
		c.fault("%s: %d, want 1 to 255", field, cardType)
	case !slices.Contains(c.ruled.CardTypes, cardType):
		c.fault("%s: fares.json has no card type %d, want one of %v", field, cardType, c.ruled.CardTypes)
	}
}

func (c *checking) channels(channels []Channel) {
	if len(channels) == 0 {
		c.fault("channels: empty, want one or more")
	}
	seen := map[string]bool{}
	for i, x := range channels {
		c.named(fmt.Sprintf("channels[%d]", i), x.ID, x.Name, x.English, seen)
	}
}

func (c *checking) hospitals(hospitals []Hospital) {
	if len(hospitals) == 0 {
		c.fault("hospitals: empty, want one or more")
	}
	seen := map[string]bool{}
	for i, h := range hospitals {
		row := fmt.Sprintf("hospitals[%d]", i)
		c.named(row, h.ID, h.Name, h.English, seen)
		if !slices.Contains(c.ruled.Classes, h.Class) {
			c.fault("%s.class: %q has no table in medical.json, want one of %q", row, h.Class, c.ruled.Classes)
		}
	}
}

// metroLines are the numbers of the metro lines of all versions, in their order.
func (ms Maps) metroLines() (lines []int) {
	for _, m := range ms {
		for _, l := range m.Lines {
			if !slices.Contains(lines, l.Number) {
				lines = append(lines, l.Number)
			}
		}
	}
	return lines
}

// BusLines are those of all versions, each once, in the order in which they first occur.
func (ms Maps) BusLines() (lines []int) {
	seen := map[int]bool{}
	for _, m := range ms {
		for _, line := range m.Bus {
			if !seen[line] {
				lines = append(lines, line)
			}
			seen[line] = true
		}
	}
	return lines
}

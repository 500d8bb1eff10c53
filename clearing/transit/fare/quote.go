package fare

import (
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"citycard/clearing/rulefile"
)

// Ride is what a quote is asked for: a trip between two stations, or a ride on a bus line.
type Ride struct {
	CardType uint32
	Line     uint32 // of a bus; 0: the metro
	From, To uint32 // stations
	Stay     time.Duration
}

// Quote is the price of a ride with each rule that made it. Amounts are in fen.
type Quote struct {
	Fen   int64  `json:"fen"`
	Table string `json:"table"`

	Fares         string `json:"fares"` // versions, with the moment at which each begins
	FaresFrom     string `json:"fares_from"`
	Network       string `json:"network"`
	NetworkFrom   string `json:"network_from"`
	NetworkSource Source `json:"network_source"`

	Way    []Leg  `json:"way,omitempty"` // the shortest; empty from a station to itself
	Metres int64  `json:"metres,omitempty"`
	Parts  []Part `json:"parts,omitempty"` // of the price by distance
	Trip   *Trip  `json:"trip,omitempty"`  // by metro
	Bus    *Lines `json:"bus,omitempty"`   // by bus

	Band       string `json:"band,omitempty"` // in which the ride is
	BandSource Source `json:"band_source,omitzero"`
	// Fixed says that the card type pays one price in the band, whatever the full price is.
	Fixed bool `json:"fixed,omitempty"`

	FullFen    int64           `json:"full_fen"`
	FullSource Source          `json:"full_source"`
	CardType   uint32          `json:"card_type"`
	CardName   string          `json:"card_name"`
	Share      decimal.Decimal `json:"share"`
	CardSource Source          `json:"card_source"`
	Exact      decimal.Decimal `json:"exact_fen"` // before it is rounded
	Rounding   string          `json:"rounding"`
}

// Source says where figures come from. Nobody answers for those of an example.
type Source struct {
	Text    string `json:"text"`
	Example bool   `json:"example,omitempty"`
}

// Trip is how long a trip takes. One past the limit costs the highest price, of which no card has a
// share.
type Trip struct {
	Minutes      int64  `json:"minutes"`
	LimitMinutes uint32 `json:"limit_minutes"`
	Over         bool   `json:"over"`
}

// Lines are the bus lines with one price, to which a bus line belongs.
type Lines struct {
	Line  uint32 `json:"line"`
	First uint32 `json:"first"`
	Last  uint32 `json:"last"`
}

// Leg is a stretch of a way on one line.
type Leg struct {
	Line     Place   `json:"line"`
	Stations []Place `json:"stations"`
	Metres   int64   `json:"metres"`
}

// Place is a station or a line.
type Place struct {
	Number uint32 `json:"number"`
	Name   string `json:"name"`
	NameEn string `json:"name_en,omitempty"`
}

// The reasons why there is no quote.
var (
	ErrNoCardType = errors.New("the fares have no such card type")
	ErrNoStation  = errors.New("the network has no such station")
	ErrNoLine     = errors.New("the network has no such bus line")

	errAnotherPrice = errors.New("the table has another price than its rules make")
)

// Quote explains what a ride costs that begins at a moment. A trip has the price of the second in
// which it ends, since that is what its exit signs. Quote runs the functions that made the table,
// and fails if the table has another price.
func (ts *Tables) Quote(at rulefile.Moment, ride Ride) (Quote, error) {
	at = at.Add(int(ride.Stay / time.Second))
	return ts.at(at).quote(at, ride)
}

// quote explains a ride that ends at a moment.
func (e *entry) quote(at rulefile.Moment, ride Ride) (Quote, error) {
	v, n := e.rules, e.network
	i := slices.IndexFunc(v.Cards, func(c card) bool { return c.CardType == ride.CardType })
	if i < 0 {
		return Quote{}, ErrNoCardType
	}
	c := &v.Cards[i]
	q := Quote{
		Table: e.table.Version(), Fares: v.Name(), FaresFrom: v.EffectiveFrom,
		Network: n.Name(), NetworkFrom: n.EffectiveFrom, NetworkSource: sourceOf(n.Figures),
		CardType: c.CardType, CardName: c.Name, CardSource: sourceOf(c.Figures), Rounding: string(v.Rounding),
	}
	explain, by := e.explainTrip, at
	if v.Metro.BandBy == byEntry {
		by = at.Add(-int(ride.Stay / time.Second))
	}
	if ride.Line != 0 {
		explain, by = e.explainBus, at
	}
	band := e.table.BandAt(signed(by))
	if band > 0 {
		q.Band, q.BandSource = v.Bands[band-1].Name, sourceOf(v.Bands[band-1].Figures)
	}
	listed, err := explain(&q, c, ride, band)
	if err == nil && q.Fen != listed {
		err = errAnotherPrice
	}
	return q, err
}

// signed is a moment as cards sign it.
func signed(at rulefile.Moment) (packed [7]byte) {
	_, _ = hex.Decode(packed[:], []byte(at.Packed())) // fourteen digits
	return packed
}

func sourceOf(f rulefile.Figures) Source { return Source{f.Source, f.Example} }

// explainBus explains the price of a ride on a bus line, and returns the price of the table.
func (e *entry) explainBus(q *Quote, c *card, ride Ride, band int) (listed int64, err error) {
	listed, ok := e.table.Bus(ride.CardType, ride.Line, band)
	lines, priced := e.rules.Bus.line(ride.Line)
	if !ok || !priced {
		return 0, ErrNoLine
	}
	q.Bus, q.FullSource = &Lines{ride.Line, lines.First, lines.Last}, sourceOf(e.rules.Bus.Figures)
	_, rate := e.rules.rates(c, band)
	q.price(e.rules.Rounding, lines.Fen, rate)
	return listed, nil
}

// explainTrip does the same for a trip by metro.
func (e *entry) explainTrip(q *Quote, c *card, ride Ride, band int) (listed int64, err error) {
	listed, ok := e.table.Metro(ride.CardType, ride.From, ride.To, band)
	if !ok {
		return 0, ErrNoStation
	}
	m := e.rules.Metro
	q.Way, q.Metres = e.network.way(int(ride.From)-1, int(ride.To)-1)
	full := m.fullFen(q.Metres, func(p Part) { q.Parts = append(q.Parts, p) })
	at, _ := e.rules.rates(c, band)
	q.Trip = &Trip{int64(ride.Stay / time.Minute), m.LimitMinutes, e.table.overstays(ride.Stay)}
	if q.Trip.Over {
		listed, _ = e.table.Highest(ride.CardType)
		full, at = slices.Max(m.fullPrices(e.network)), rate{share: decimal.NewFromInt(1)}
	}
	q.FullSource = sourceOf(m.Figures)
	q.price(e.rules.Rounding, full, at)
	return listed, nil
}

// price takes what is paid of a full price.
func (q *Quote) price(r rounding, full int64, at rate) {
	q.FullFen, q.Fen = full, r.pays(full, at)
	if q.Fixed = at.fen != nil; q.Fixed {
		q.Exact = decimal.NewFromInt(q.Fen)
		return
	}
	q.Share, q.Exact = at.share, exactly(full, at.share)
}

// way is the shortest way between two stations, by index, and its length.
func (n *Network) way(from, to int) (legs []Leg, metres int64) {
	ways := n.hops().from(from)
	line := -1
	for at := to; at != from; at = ways[at].from {
		way := ways[at]
		if way.line != line {
			l := n.Lines[way.line]
			line = way.line
			legs = append(legs, Leg{Line: Place{l.Number, l.Name, l.NameEn}, Stations: []Place{n.place(at)}})
		}
		leg := &legs[len(legs)-1]
		leg.Stations = append(leg.Stations, n.place(way.from))
		leg.Metres += way.metres - ways[way.from].metres
	}
	for i := range legs {
		slices.Reverse(legs[i].Stations)
	}
	slices.Reverse(legs)
	return legs, ways[to].metres
}

// place is the station with an index.
func (n *Network) place(index int) Place {
	for _, s := range n.Stations {
		if int(s.Number) == index+1 {
			return Place(s)
		}
	}
	return Place{}
}

// Station is a station of the network over which the table was made; only its number is known if
// there is none.
func (t *Table) Station(number uint32) Place {
	if p := t.network.place(int(number) - 1); p.Number != 0 {
		return p
	}
	return Place{Number: number}
}

// Lines are the numbers of the lines that the network of the table has.
func (t *Table) Lines() (metro, buses []uint32) {
	for _, line := range t.network.Lines {
		metro = append(metro, line.Number)
	}
	return metro, t.network.BusLines
}

package fare

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"citycard/clearing/calendar"
	"citycard/clearing/message"
	"citycard/clearing/rulefile"
)

// maxBands bounds the document.
const maxBands = 32

// band is a time of day at which rides may have prices of their own. A ride is in it by the second
// that its card signs, from the beginning of the minute from up to the last second before to. No
// two bands overlap on one kind of day; a time that crosses midnight is two bands.
type band struct {
	// Name for people, by which card types name it.
	Name string `json:"name" jsonschema:"minLength=1,maxLength=100"`
	// Days are the kinds of days on which it holds, as the calendar has them; none: every day. A
	// day that the calendar lacks is of no kind.
	Days []calendar.Kind `json:"days,omitempty" jsonschema:"uniqueItems=true,enum=workday,enum=restday,enum=holiday"`
	// From is its first minute.
	From string `json:"from" jsonschema:"pattern=^([01][0-9]|2[0-3]):[0-5][0-9]$"`
	// To is the minute at which it ends, at most 24:00.
	To string `json:"to" jsonschema:"pattern=^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"`
	rulefile.Figures
}

// bandBy is by which of its two seconds a trip is in a band.
type bandBy string

const (
	byEntry bandBy = "entry"
	byExit  bandBy = "exit"
)

// cardBand is what a card type pays in a band: a share of the full price, or one price for every
// trip or ride. What it leaves out is paid as outside all bands.
type cardBand struct {
	// Band is the name of a band.
	Band string `json:"band" jsonschema:"minLength=1,maxLength=100"`
	// Metro is the share of the full price in the metro.
	Metro decimal.NullDecimal `json:"metro,omitzero" jsonschema:"pattern=^(0(\\.[0-9]{1\\,9})?|1(\\.0{1\\,9})?)$"`
	// MetroFen is what every trip costs, instead of a share.
	MetroFen *int64 `json:"metro_fen,omitempty" jsonschema:"minimum=0,maximum=2147483647"`
	// Bus is the share of the full price in a bus.
	Bus decimal.NullDecimal `json:"bus,omitzero" jsonschema:"pattern=^(0(\\.[0-9]{1\\,9})?|1(\\.0{1\\,9})?)$"`
	// BusFen is what every ride costs, instead of a share.
	BusFen *int64 `json:"bus_fen,omitempty" jsonschema:"minimum=0,maximum=2147483647"`
}

// rate is what is paid of a full price: a share, or a price instead.
type rate struct {
	share decimal.Decimal
	fen   *int64
}

// with is the rate with what a band says otherwise.
func (r rate) with(share decimal.NullDecimal, fen *int64) rate {
	switch {
	case fen != nil:
		return rate{fen: fen}
	case share.Valid:
		return rate{share: share.Decimal}
	}
	return r
}

// pays is what is paid of a full price at a rate.
func (r rounding) pays(fullFen int64, at rate) int64 {
	if at.fen != nil {
		return *at.fen
	}
	return r.price(fullFen, at.share)
}

// rates are those of a card type outside all bands, 0, or in one.
func (v *version) rates(c *card, band int) (trip, ride rate) {
	trip, ride = rate{share: c.Metro.Decimal}, rate{share: c.Bus.Decimal}
	if band == 0 {
		return trip, ride
	}
	for i := range c.Bands {
		if in := &c.Bands[i]; in.Band == v.Bands[band-1].Name {
			return trip.with(in.Metro, in.MetroFen), ride.with(in.Bus, in.BusFen)
		}
	}
	return trip, ride
}

// minutes reads HH:MM as minutes of the day; ok is false for other texts, and for more than 24:00.
func minutes(text string) (n uint32, ok bool) {
	if len(text) != len("HH:MM") || text[2] != ':' {
		return 0, false
	}
	hour, err := strconv.ParseUint(text[:2], 10, 8)
	minute, wrong := strconv.ParseUint(text[3:], 10, 8)
	n = uint32(hour*60 + minute)
	return n, err == nil && wrong == nil && minute < 60 && n <= maxLimitMinutes
}

// published are the bands as terminals get them. They were checked.
func (v *version) published() []*message.Band {
	all := make([]*message.Band, len(v.Bands))
	for i, b := range v.Bands {
		all[i] = &message.Band{Name: b.Name}
		all[i].FromMinute, _ = minutes(b.From)
		all[i].ToMinute, _ = minutes(b.To)
		for _, kind := range b.Days {
			all[i].Days = append(all[i].Days, message.DayKind(slices.Index(calendar.Kinds(), kind)+1))
		}
	}
	return all
}

// times are the bands in words, and by which second a trip is in one; empty without bands.
func (v *version) times() string {
	all := make([]string, len(v.Bands))
	for i, b := range v.Bands {
		all[i] = b.Name + " " + b.From + "-" + b.To
		for _, kind := range b.Days {
			all[i] += " " + string(kind)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, ", ") + "; metro by " + string(v.Metro.BandBy)
}

// checkBands looks at the bands and at what card types pay in them.
func (v *version) checkBands(where string) []error {
	var faults []error
	if len(v.Bands) > maxBands {
		return []error{fmt.Errorf("%s.bands: %d, want at most %d", where, len(v.Bands), maxBands)}
	}
	names := rulefile.Names{}
	for i, b := range v.Bands {
		row := fmt.Sprintf("%s.bands[%d]", where, i)
		faults = append(faults, names.Check(row+".name", b.Name)...)
		faults = append(faults, b.check(row)...)
	}
	if by := v.Metro.BandBy; by != byEntry && by != byExit && (by != "" || len(v.Bands) > 0) {
		faults = append(faults, fmt.Errorf("%s.metro.band_by: %q, want entry or exit", where, by))
	}
	published := v.published()
	for i, b := range published {
		for j, other := range published[:i] {
			if b.Overlaps(other) {
				faults = append(faults, fmt.Errorf("%s.bands[%d]: %s to %s overlaps bands[%d], %s to %s, on days of one kind", where, i, v.Bands[i].From, v.Bands[i].To, j, v.Bands[j].From, v.Bands[j].To))
			}
		}
	}
	for i := range v.Cards {
		faults = append(faults, v.checkCardBands(fmt.Sprintf("%s.cards[%d]", where, i), v.Cards[i].Bands)...)
	}
	return faults
}

func (b *band) check(row string) []error {
	faults := b.CheckSource(row)
	from, ok := minutes(b.From)
	if !ok || from == maxLimitMinutes {
		faults = append(faults, fmt.Errorf("%s.from: %q, want HH:MM, 00:00 to 23:59", row, b.From))
	}
	switch to, ok := minutes(b.To); {
	case !ok:
		faults = append(faults, fmt.Errorf("%s.to: %q, want HH:MM, at most 24:00", row, b.To))
	case to <= from:
		faults = append(faults, fmt.Errorf("%s.to: %s, want later than %s; a time that crosses midnight is two bands", row, b.To, b.From))
	}
	for i, kind := range b.Days {
		if !slices.Contains(calendar.Kinds(), kind) || slices.Contains(b.Days[:i], kind) {
			faults = append(faults, fmt.Errorf("%s.days[%d]: %q, want each of %v at most once", row, i, kind, calendar.Kinds()))
		}
	}
	return faults
}

func (v *version) checkCardBands(where string, in []cardBand) []error {
	var faults []error
	seen := map[string]bool{}
	for i, p := range in {
		row := fmt.Sprintf("%s.bands[%d]", where, i)
		if known := slices.ContainsFunc(v.Bands, func(b band) bool { return b.Name == p.Band }); !known || seen[p.Band] {
			faults = append(faults, fmt.Errorf("%s.band: %q, want each band of the version at most once", row, p.Band))
		}
		seen[p.Band] = true
		faults = append(faults, checkRate(row+".metro", p.Metro, p.MetroFen)...)
		faults = append(faults, checkRate(row+".bus", p.Bus, p.BusFen)...)
	}
	return faults
}

func checkRate(where string, share decimal.NullDecimal, fen *int64) (faults []error) {
	if share.Valid && !rulefile.IsShare(share.Decimal) {
		faults = append(faults, fmt.Errorf("%s: %s, want a share from 0 to 1", where, share.Decimal))
	}
	if fen == nil {
		return faults
	}
	if share.Valid {
		faults = append(faults, fmt.Errorf("%s_fen: %d beside a share, want one of them", where, *fen))
	}
	return append(faults, rulefile.Range(where+"_fen", *fen, 0, maxPriceFen)...)
}

// unfitBands finds prices in bands that are more than a purse may hold, or than the highest fare,
// which a trip past the time limit costs. Shares make none.
func (v *version) unfitBands(where string, network *Network, highest, purse int64) (faults []error) {
	for i, c := range v.Cards {
		for j, in := range c.Bands {
			row := fmt.Sprintf("%s.cards[%d].bands[%d]", where, i, j)
			switch {
			case in.MetroFen != nil && *in.MetroFen > purse:
				faults = append(faults, fmt.Errorf("%s.metro_fen: %d fen, want at most %d, which a purse may hold", row, *in.MetroFen, purse))
			case in.MetroFen != nil && *in.MetroFen > highest && len(network.Stations) > 0:
				faults = append(faults, fmt.Errorf("%s.metro_fen: %d fen, want at most %d, the highest fare over network %s", row, *in.MetroFen, highest, network.Version))
			}
			if in.BusFen != nil && *in.BusFen > purse {
				faults = append(faults, fmt.Errorf("%s.bus_fen: %d fen, want at most %d, which a purse may hold", row, *in.BusFen, purse))
			}
		}
	}
	return faults
}

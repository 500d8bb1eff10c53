package truth

import (
	"fmt"
	"slices"

	"citycard/clearing/message"
	"citycard/simulators/document"
)

// band is a time of day with prices of its own: from the first second of its minute from up to the
// last second before its minute to, on days of the kinds named, or on every day.
type band struct {
	Name string   `json:"name"`
	Days []string `json:"days"`
	From minute   `json:"from"`
	To   minute   `json:"to"`
	document.Source
}

// minute is one of a day; documents write it HH:MM.
type minute int

// UnmarshalText reads HH:MM, up to 24:00.
func (m *minute) UnmarshalText(text []byte) error {
	var hour, rest int
	if n, err := fmt.Sscanf(string(text), "%02d:%02d", &hour, &rest); n != 2 || err != nil || len(text) != 5 || hour < 0 || rest < 0 || rest > 59 || hour*60+rest > 24*60 {
		return fmt.Errorf("minute %q, want 00:00 to 24:00", text)
	}
	*m = minute(hour*60 + rest)
	return nil
}

// inBand is what a card type pays in a band: a share, or one price. Nothing is as outside.
type inBand struct {
	Band     string `json:"band"`
	Metro    *share `json:"metro"`
	MetroFen *int64 `json:"metro_fen"`
	Bus      *share `json:"bus"`
	BusFen   *int64 `json:"bus_fen"`
}

func (v *fareVersion) checkBands() error {
	if len(v.Bands) > 0 && v.Metro.BandBy != "entry" && v.Metro.BandBy != "exit" {
		return fmt.Errorf("metro.band_by: %q, want entry or exit", v.Metro.BandBy)
	}
	for i, b := range v.Bands {
		if b.Name == "" || b.From >= b.To {
			return fmt.Errorf("bands[%d]: want a name, and from before to", i)
		}
	}
	return nil
}

// in is what a card type pays in a band; of none, or where it says nothing, nothing.
func (d *discount) in(band string) inBand {
	if i := slices.IndexFunc(d.Bands, func(in inBand) bool { return in.Band == band }); i >= 0 && band != "" {
		return d.Bands[i]
	}
	return inBand{}
}

// paid is what is paid of a full price: a price instead, or the share in a band, or the usual one.
func (f *Fares) paid(full int64, usual share, instead *share, fen *int64) int64 {
	switch {
	case fen != nil:
		return *fen
	case instead != nil:
		return f.discounted(full, *instead)
	}
	return f.discounted(full, usual)
}

// Band is the name of the band in which a moment lies; empty for none. A day that the calendar does
// not have is in no band that names days.
func (f *Fares) Band(at document.Moment) string {
	if len(f.version.Bands) == 0 {
		return ""
	}
	clock := int(at % 1_000_000)
	now, kind := minute(clock/10_000*60+clock/100%100), f.days[fmt.Sprintf("%08d", at.Day())]
	for _, b := range f.version.Bands {
		if b.From <= now && now < b.To && (len(b.Days) == 0 || kind != "" && slices.Contains(b.Days, kind)) {
			return b.Name
		}
	}
	return ""
}

// TripBand is the band of a trip: that of its entry or of its exit, as the document says.
func (f *Fares) TripBand(entered, left document.Moment) string {
	if f.ByEntry() {
		return f.Band(entered)
	}
	return f.Band(left)
}

// Bands are the bands as terminals should get them.
func (f *Fares) Bands() (all []*message.Band) {
	numbers := map[string]message.DayKind{
		"workday": message.DayKind_DAY_KIND_WORKDAY, "restday": message.DayKind_DAY_KIND_RESTDAY, "holiday": message.DayKind_DAY_KIND_HOLIDAY,
	}
	for _, b := range f.version.Bands {
		m := &message.Band{Name: b.Name, FromMinute: uint32(b.From), ToMinute: uint32(b.To)}
		for _, kind := range b.Days {
			m.Days = append(m.Days, numbers[kind])
		}
		all = append(all, m)
	}
	return all
}

// ByEntry reports whether trips are in the band of their entry, where there are bands.
func (f *Fares) ByEntry() bool { return len(f.version.Bands) > 0 && f.version.Metro.BandBy == "entry" }

package station

import (
	"errors"
	"fmt"
	"time"

	"citycard/cardos/bcd"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/capp"
	"citycard/terminals/card"
	"citycard/terminals/gate"
	"citycard/terminals/hotlist"
	"citycard/terminals/modes"
	"citycard/terminals/tariff"
)

// Area is the side of the gates on which a passenger stands.
type Area bool

// The two sides.
const (
	Outside Area = false // 非付费区: the passenger wants to get in
	Inside  Area = true  // 付费区: the passenger wants to get out
)

// Fault is what keeps a card from passing a gate.
type Fault string

// The faults, in order of precedence.
const (
	Nothing      Fault = "nothing"
	Unreadable   Fault = "unreadable"
	NotTransit   Fault = "not_transit"
	Blocked      Fault = "blocked"
	Open         Fault = "open" // the gates are, and do nothing to cards
	NotEnabled   Fault = "not_enabled"
	Expired      Fault = "expired"
	Elsewhere    Fault = "elsewhere"
	Listed       Fault = "listed"
	NoFare       Fault = "no_fare"
	HasEntry     Fault = "has_entry"
	EntryTimeout Fault = "entry_timeout"
	NoEntry      Fault = "no_entry"
	Clock        Fault = "clock"
	ExitTimeout  Fault = "exit_timeout"
	OverTravel   Fault = "over_travel"
	BelowMinimum Fault = "below_minimum"
)

// Here is a station, with the fares and the hotlist that hold there.
type Here struct {
	Place gate.Place
	Fares *tariff.Schedule
	Hot   *hotlist.List // nil: empty
	Modes *modes.List   // whose cards are taken; nil: everybody's
}

// Finding is the result of an analysis.
type Finding struct {
	Area   Area
	Fault  Fault
	Why    error                // where the fault is an error
	Reason message.UpdateReason // of the update that helps; unspecified where none does

	Entry   uint32         // the station of the card's entry
	Entered time.Time      // when
	Fen     uint32         // what a gate takes for the trip; without an entry the highest fare
	Balance int32          // of the card; below 0: overdrawn
	before  message.Before // of the trip, where a transfer from it makes it cheaper
	Minimum uint32         // what it must hold to get in
	table   *tariff.Table
	modes   modes.Set
}

// Fares is the version of the table in force, empty where there is none.
func (f *Finding) Fares() string {
	if f.table == nil {
		return ""
	}
	return f.table.Version()
}

// Analyse says what keeps a card from passing, at a time in the city's zone.
func (h *Here) Analyse(r *Reading, area Area, at time.Time) Finding {
	f := Finding{Area: area, Fault: Nothing, Balance: r.Balance, modes: h.inForce(h.Place.Line, h.Place.Station, at)}
	switch {
	case r.Err != nil:
		f.Fault, f.Why = unread(r.Err), r.Err
		return f
	case f.modes.Has(message.ServiceMode_SERVICE_MODE_EMERGENCY):
		f.Fault = Open
		return f
	}
	if f.Fault, f.Why = h.refused(r, f.modes, at, area); f.Fault != Nothing {
		return f
	}
	if f.table, f.Why = h.Fares.At(at); f.Why == nil {
		f.Why = f.table.Entry(cardType(r), uint32(h.Place.Station))
	}
	if f.Why != nil {
		f.Fault = NoFare
		return f
	}
	if area == Inside {
		h.inside(&f, r, at)
	} else {
		h.outside(&f, r, at)
	}
	return f
}

// inForce are the service modes of a place.
func (h *Here) inForce(line, station uint16, at time.Time) modes.Set {
	return h.Modes.At(modes.Place{Transport: message.Mode_MODE_METRO, Line: uint32(line), Station: uint32(station)}, at)
}

func cardType(r *Reading) uint32 { return uint32(r.Region.CardType) }

// unread is the fault of a card that could not be read.
func unread(err error) Fault {
	switch {
	case errors.Is(err, card.ErrNotTransit):
		return NotTransit
	case errors.Is(err, card.ErrBlocked):
		return Blocked
	}
	return Unreadable
}

// refused asks what a gate asks of every card. A card whose days were over meanwhile may end its
// trip within the time limit.
func (h *Here) refused(r *Reading, inForce modes.Set, at time.Time, area Area) (Fault, error) {
	p := &card.Purse{Application: r.Application, Region: r.Region}
	err := h.accepts(p, inForce, at)
	if capp.Outlived(err) && area == Inside {
		if table, none := h.Fares.At(at); none == nil {
			if began, on := capp.Began(r.Last, table.Limit(), at); on {
				err = h.accepts(p, inForce, began)
			}
		}
	}
	if err != nil {
		switch {
		case errors.Is(err, capp.ErrNotEnabled):
			return NotEnabled, err
		case errors.Is(err, card.ErrExpired):
			return Expired, err
		}
		return Elsewhere, err
	}
	if err := h.Hot.Check(r.ID().Digits(), at); err != nil {
		return Listed, err
	}
	return Nothing, nil
}

// accepts says whether a gate takes a card at a time.
func (h *Here) accepts(p *card.Purse, inForce modes.Set, at time.Time) error {
	if err := capp.AcceptUnder(p, h.Place.City, at, inForce); err != nil {
		return err
	}
	return capp.Issued(p, h.Modes, at)
}

// outside looks at a card that wants to get in. A gate lets a card in whose entry is past the time
// limit, or in the future.
func (h *Here) outside(f *Finding, r *Reading, at time.Time) {
	took, entered := f.trip(r, at)
	if !entered || took < 0 || f.modes.Has(message.ServiceMode_SERVICE_MODE_NO_ORDER) {
		f.minimum(r)
		return
	}
	f.Fault, f.Reason = HasEntry, message.UpdateReason_UPDATE_REASON_HAS_ENTRY
	if took > f.table.Limit() {
		f.Fault, f.Reason = EntryTimeout, message.UpdateReason_UPDATE_REASON_ENTRY_TIMEOUT
	}
	h.price(f, r, at)
}

// inside looks at a card that wants to get out.
func (h *Here) inside(f *Finding, r *Reading, at time.Time) {
	took, entered := f.trip(r, at)
	timed := !f.modes.Has(message.ServiceMode_SERVICE_MODE_NO_TIME)
	switch {
	case !entered:
		h.unentered(f, r, at)
		return
	case timed && took < 0:
		f.Fault, f.Why = Clock, gate.ErrClock
		return
	case timed && took > f.table.Limit():
		f.Fault, f.Reason = ExitTimeout, message.UpdateReason_UPDATE_REASON_EXIT_TIMEOUT
	}
	h.price(f, r, at)
	switch {
	case f.Fault == ExitTimeout && f.Fen == 0: // a gate takes nothing
		f.Fault, f.Reason = Nothing, message.UpdateReason_UPDATE_REASON_UNSPECIFIED
	case f.Fault == Nothing && !h.pays(f, r, f.Fen):
		f.Fault, f.Reason = OverTravel, message.UpdateReason_UPDATE_REASON_OVER_TRAVEL
	}
}

// minimum looks whether the card holds what it needs to get in.
func (f *Finding) minimum(r *Reading) {
	if needs := f.table.ToEnter(); !f.modes.Has(message.ServiceMode_SERVICE_MODE_NO_FARE) && int64(r.Balance) < int64(*needs.Minimum) {
		f.Fault, f.Minimum = BelowMinimum, *needs.Minimum
	}
}

// pays reports whether a gate lets the card out for an amount, out of its overdraft where it may.
func (h *Here) pays(f *Finding, r *Reading, fen uint32) bool {
	left := int64(r.Balance) - int64(fen)
	may := f.table.ToLeave(r.Region.City == h.Place.City).Overdraft && r.Balance >= 0
	return fen == 0 || left >= 0 || may && -left <= int64(r.Overdraft)
}

// unentered looks at a card that wants to get out and has no entry. While the order is not checked
// a gate may let it out.
func (h *Here) unentered(f *Finding, r *Reading, at time.Time) {
	if f.modes.Unentered > message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_REFUSED {
		fen, err := h.withoutEntry(f, r, at)
		if err == nil && h.pays(f, r, fen) {
			f.Fen = fen
			return
		}
	}
	f.Fault, f.Reason = NoEntry, message.UpdateReason_UPDATE_REASON_NO_ENTRY
	if f.modes.Has(message.ServiceMode_SERVICE_MODE_NO_FARE) {
		return
	}
	if f.Fen, f.Why = f.table.Highest(cardType(r)); f.Why != nil {
		f.Fault, f.Reason = NoFare, message.UpdateReason_UPDATE_REASON_UNSPECIFIED
	}
}

// withoutEntry is what a gate takes from such a card then.
func (h *Here) withoutEntry(f *Finding, r *Reading, at time.Time) (uint32, error) {
	switch {
	case f.modes.Has(message.ServiceMode_SERVICE_MODE_NO_FARE), f.modes.Unentered == message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_FREE:
		return 0, nil
	case f.modes.Unentered == message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_LOWEST:
		return f.table.Lowest(cardType(r), uint32(h.Place.Station), at)
	}
	return f.table.Highest(cardType(r))
}

// trip finds the card's entry, and how long ago it was by the seconds that cards sign.
func (f *Finding) trip(r *Reading, at time.Time) (took time.Duration, entered bool) {
	if r.Last.Type != tunion.JourneyEntry || r.Last.Industry != tunion.IndustryMetro {
		return 0, false
	}
	time, err := bcd.ParseTime(r.Last.Time, at.Location())
	if err != nil {
		return 0, false
	}
	f.Entry, f.Entered = uint32(r.Last.Station()), time
	return at.Truncate(1e9).Sub(time), true
}

// price finds what a gate takes for the trip. One that has no price here is nothing that an update
// can end.
func (h *Here) price(f *Finding, r *Reading, at time.Time) {
	var before *message.RideBefore
	entry, here := f.Entry, uint32(h.Place.Station)
	switch {
	case r.Last.City != h.Place.City:
		f.Why = fmt.Errorf("%w: the entry is of city %04x", tariff.ErrNoFare, r.Last.City)
	case f.modes.Has(message.ServiceMode_SERVICE_MODE_NO_TIME):
		f.Fen, f.Why = f.table.Metro(cardType(r), entry, here, at, at)
	default:
		f.Fen, before, f.Why = f.table.TripAfter(r.before, h.Place.Boarding(f.Entered), cardType(r), entry, here, at)
	}
	if f.Why != nil {
		f.Fault, f.Reason = NoFare, message.UpdateReason_UPDATE_REASON_UNSPECIFIED
	} else if h.free(f, r, at) {
		f.Fen, before = 0, nil
	}
	f.before = before.Ride()
}

// free reports whether a trip costs nothing: fares are not charged here, or trains do not run here
// nor where it began.
func (h *Here) free(f *Finding, r *Reading, at time.Time) bool {
	if f.modes.Has(message.ServiceMode_SERVICE_MODE_NO_FARE) {
		return true
	}
	began := h.inForce(r.Last.Line(), r.Last.Station(), at)
	return f.modes.Has(message.ServiceMode_SERVICE_MODE_TRAIN_FAULT) && began.Has(message.ServiceMode_SERVICE_MODE_TRAIN_FAULT)
}

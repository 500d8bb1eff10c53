package station_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"citycard/cardos/bcd"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/card"
	"citycard/terminals/hotlist"
	"citycard/terminals/modes"
	"citycard/terminals/station"
	"citycard/terminals/tariff"
	"citycard/terminals/terminalstest"
)

// good is a card of 50 yuan that was never used.
func good(t *testing.T) station.Reading {
	t.Helper()
	asn, err := tunion.ParseNumber(terminalstest.Number)
	must(t, err)
	return station.Reading{
		Application: tunion.Application{
			Issuer: issuerID, Status: tunion.StatusEnabled, ASN: asn, Start: [4]byte{0x20, 0x26, 1, 1}, Expiry: [4]byte{0x20, 0x40, 0x12, 0x31},
		},
		Region: tunion.ZhengzhouRegion(1), Balance: 5000, Counter: 7,
	}
}

// journey is a record of a gate here.
func journey(kind byte, at uint16, when time.Time) tunion.Journey {
	return tunion.Journey{Type: kind, Industry: tunion.IndustryMetro, Place: tunion.Place(1, at, 1), City: tunion.ZhengzhouCity, Time: bcd.Time(when)}
}

func in(r *station.Reading, at uint16, ago time.Duration) {
	r.Last = journey(tunion.JourneyEntry, at, morning.Add(-ago))
}

const limit = 240 * time.Minute

// TestAnalyseOverMidnight: a card whose last day was yesterday may end a trip that began then, for
// as long as a trip may take, and may not begin one.
func TestAnalyseOverMidnight(t *testing.T) {
	last := time.Date(2026, 11, 24, 23, 59, 59, 0, zone)
	for _, test := range []struct {
		name    string
		after   time.Duration
		balance int32
		fault   station.Fault
	}{
		{"after a second", time.Second, 5000, station.Nothing},
		{"a fen short", time.Second, 399, station.OverTravel},
		{"up to the limit", limit, 5000, station.Nothing},
		{"within the same second", limit + 999*time.Millisecond, 5000, station.Nothing},
		{"past the limit", limit + time.Second, 5000, station.Expired},
	} {
		r := good(t)
		r.Application.Expiry, r.Balance = [4]byte{0x20, 0x26, 0x11, 0x24}, test.balance
		r.Last = journey(tunion.JourneyEntry, 1, last)
		here := station.Here{Place: terminalstest.Place(3), Fares: terminalstest.Fares(t), Hot: listed(t)}
		if f := here.Analyse(&r, station.Inside, last.Add(test.after)); f.Fault != test.fault {
			t.Errorf("%s: %v, want %v", test.name, f.Fault, test.fault)
		}
		if f := here.Analyse(&r, station.Outside, last.Add(test.after)); f.Fault != station.Expired {
			t.Errorf("%s: to get in again: %v", test.name, f.Fault)
		}
	}
}

// The station is number 3. Each row changes one thing of a good card; the rows with two have the
// one that is said first.
func TestAnalyse(t *testing.T) {
	lost := message.UpdateReason_UPDATE_REASON_UNSPECIFIED
	type side struct {
		fault  station.Fault
		reason message.UpdateReason
		fen    uint32
	}
	both := func(f station.Fault) [2]side { return [2]side{{f, lost, 0}, {f, lost, 0}} }
	const (
		hasEntry, oldEntry = message.UpdateReason_UPDATE_REASON_HAS_ENTRY, message.UpdateReason_UPDATE_REASON_ENTRY_TIMEOUT
		noEntry, tooLong   = message.UpdateReason_UPDATE_REASON_NO_ENTRY, message.UpdateReason_UPDATE_REASON_EXIT_TIMEOUT
		overTravel         = message.UpdateReason_UPDATE_REASON_OVER_TRAVEL
	)
	notInside := [2]side{{station.Nothing, lost, 0}, {station.NoEntry, noEntry, 900}}
	for name, test := range map[string]struct {
		change func(*station.Reading)
		want   [2]side // outside, inside
	}{
		"never used":                {func(*station.Reading) {}, notInside},
		"no money":                  {func(r *station.Reading) { r.Balance = 0 }, notInside},
		"has left":                  {func(r *station.Reading) { r.Last = journey(tunion.JourneyExit, 1, morning.Add(-time.Hour)) }, notInside},
		"corrected before":          {func(r *station.Reading) { r.Last = journey(tunion.JourneyAdjust, 1, morning.Add(-time.Hour)) }, notInside},
		"came by bus":               {func(r *station.Reading) { in(r, 1, time.Hour); r.Last.Industry = tunion.IndustryBus }, notInside},
		"an entry at no time":       {func(r *station.Reading) { in(r, 1, time.Hour); r.Last.Time[1] = 0xFF }, notInside},
		"inside":                    {func(r *station.Reading) { in(r, 1, time.Hour) }, [2]side{{station.HasEntry, hasEntry, 400}, {station.Nothing, lost, 400}}},
		"inside, here":              {func(r *station.Reading) { in(r, 3, time.Minute) }, [2]side{{station.HasEntry, hasEntry, 200}, {station.Nothing, lost, 200}}},
		"inside, just enough":       {func(r *station.Reading) { in(r, 1, time.Hour); r.Balance = 400 }, [2]side{{station.HasEntry, hasEntry, 400}, {station.Nothing, lost, 400}}},
		"inside, a fen short":       {func(r *station.Reading) { in(r, 1, time.Hour); r.Balance = 399 }, [2]side{{station.HasEntry, hasEntry, 400}, {station.OverTravel, overTravel, 400}}},
		"inside up to the limit":    {func(r *station.Reading) { in(r, 1, limit) }, [2]side{{station.HasEntry, hasEntry, 400}, {station.Nothing, lost, 400}}},
		"inside past the limit":     {func(r *station.Reading) { in(r, 1, limit+time.Second) }, [2]side{{station.EntryTimeout, oldEntry, 900}, {station.ExitTimeout, tooLong, 900}}},
		"past the limit, and short": {func(r *station.Reading) { in(r, 1, limit+time.Second); r.Balance = 0 }, [2]side{{station.EntryTimeout, oldEntry, 900}, {station.ExitTimeout, tooLong, 900}}},
		"an entry in the future":    {func(r *station.Reading) { in(r, 1, -time.Second) }, [2]side{{station.Nothing, lost, 0}, {station.Clock, lost, 0}}},
		"an entry nowhere":          {func(r *station.Reading) { in(r, 4, time.Hour) }, both(station.NoFare)},
		"an entry in another city":  {func(r *station.Reading) { in(r, 1, time.Hour); r.Last.City = 0x1000 }, both(station.NoFare)},
		"unknown card type":         {func(r *station.Reading) { r.Region.CardType = 9 }, both(station.NoFare)},
		"listed":                    {func(r *station.Reading) { r.Application.ASN[9] = 0x13; in(r, 1, time.Hour) }, both(station.Listed)},
		"of another city alone":     {func(r *station.Reading) { r.Region.City, r.Region.Interoperable = 0x1000, 0; in(r, 1, time.Hour) }, both(station.Elsewhere)},
		"of another city":           {func(r *station.Reading) { r.Region.City = 0x1000 }, notInside},
		"expired, and listed": {func(r *station.Reading) {
			r.Application.Expiry = [4]byte{0x20, 0x26, 0x11, 0x23}
			r.Application.ASN[9] = 0x13
		}, both(station.Expired)},
		// Its last day was yesterday: 23:59:59 is 8 hours, 1 minute and 3 seconds ago.
		"expired, entered yesterday": {func(r *station.Reading) {
			in(r, 1, 8*time.Hour+time.Minute+3*time.Second)
			r.Application.Expiry = [4]byte{0x20, 0x26, 0x11, 0x23}
		}, both(station.Expired)},
		"expired, entered today": {func(r *station.Reading) {
			in(r, 1, time.Hour)
			r.Application.Expiry = [4]byte{0x20, 0x26, 0x11, 0x23}
		}, both(station.Expired)},
		"last day":                {func(r *station.Reading) { r.Application.Expiry = [4]byte{0x20, 0x26, 0x11, 0x24} }, notInside},
		"not yet valid":           {func(r *station.Reading) { r.Application.Start = [4]byte{0x20, 0x26, 0x11, 0x25} }, both(station.Expired)},
		"not in use, and expired": {func(r *station.Reading) { r.Application.Status = 0; r.Application.Expiry = [4]byte{} }, both(station.NotEnabled)},
		"blocked":                 {func(r *station.Reading) { r.Err = language.Textf("%w: x", card.ErrBlocked) }, both(station.Blocked)},
		"another kind of card":    {func(r *station.Reading) { r.Err = language.Textf("%w: x", card.ErrNotTransit) }, both(station.NotTransit)},
		"damaged":                 {func(r *station.Reading) { r.Err = errors.New("no answer") }, both(station.Unreadable)},
	} {
		t.Run(name, func(t *testing.T) {
			r := good(t)
			test.change(&r)
			here := station.Here{Place: terminalstest.Place(3), Fares: terminalstest.Fares(t), Hot: listed(t)}
			for i, want := range test.want {
				area := station.Area(i == 1)
				f := here.Analyse(&r, area, morning)
				if got := (side{f.Fault, f.Reason, f.Fen}); got != want {
					t.Errorf("inside %v: %+v, want %+v", area, got, want)
				}
				if text := f.Text().In(language.Chinese()); text == f.Text().Error() || strings.Contains(text, terminalstest.Number) {
					t.Errorf("inside %v: %q", area, text)
				}
				wantOffer(t, &here, &r, &f)
			}
		})
	}
}

// TestIssuers: a desk takes the cards that a gate takes.
func TestIssuers(t *testing.T) {
	r := good(t)
	for institution, want := range map[string]station.Fault{string(issuerID[:4]): station.Nothing, "\x01\x02\x03\x04": station.Elsewhere} {
		list, err := modes.Open(t.TempDir() + "/modes")
		must(t, err)
		list.Replace(&message.ModeList{Version: 1, Issuers: []*message.IssuerEntry{{Institution: []byte(institution), From: "20200101"}}})
		here := station.Here{Place: terminalstest.Place(3), Fares: terminalstest.Fares(t), Hot: listed(t), Modes: list}
		if f := here.Analyse(&r, station.Outside, morning); f.Fault != want {
			t.Errorf("where %x is listed: %s, want %s", institution, f.Fault, want)
		}
	}
}

// wantOffer checks that exactly the update which the finding names is offered.
func wantOffer(t *testing.T, here *station.Here, r *station.Reading, f *station.Finding) {
	t.Helper()
	for number := range message.UpdateReason_name {
		reason := message.UpdateReason(number)
		area, err := station.AreaOf(reason)
		if err == nil && area != f.Area {
			continue
		}
		_, err = here.Offer(r, station.Request{Reason: reason, Pay: station.InCash, Staff: "A17"}, morning)
		if fits := reason != 0 && reason == f.Reason; fits != (err == nil) {
			t.Errorf("update %s of a card with %s: %v", reason.Code(), f.Fault, err)
		}
	}
}

func listed(t *testing.T) *hotlist.List {
	t.Helper()
	list, err := hotlist.Open(t.TempDir() + "/hotlist")
	must(t, err)
	asn, err := tunion.ParseNumber("03105070200000000013")
	must(t, err)
	must(t, list.Apply(&message.HotlistEntry{Version: 1, Card: asn[2:], Rows: []*message.HotlistRow{{From: "20260101000000", Reason: "lost"}}}))
	return list
}

// A desk without a table says so, and the table of the second is the one that counts.
func TestFaresInForce(t *testing.T) {
	r := good(t)
	in(&r, 1, time.Hour)
	here := station.Here{Place: terminalstest.Place(3), Fares: &tariff.Schedule{}}
	if f := here.Analyse(&r, station.Inside, morning); f.Fault != station.NoFare || !errors.Is(f.Why, tariff.ErrNone) || f.Fares() != "" {
		t.Errorf("without a table: %+v", f)
	}
	next := terminalstest.Table("test-2", "20261124080103")
	next.Fares[0].Prices[0].MetroFen[2] = 500
	var err error
	here.Fares, err = tariff.Of(terminalstest.Table("test-1", "20200101000000"), next)
	must(t, err)
	for ahead, want := range map[time.Duration]uint32{0: 400, 999 * time.Millisecond: 400, time.Second: 500} {
		if f := here.Analyse(&r, station.Inside, morning.Add(ahead)); f.Fen != want {
			t.Errorf("%s later: %d fen by %s, want %d", ahead, f.Fen, f.Fares(), want)
		}
	}
}

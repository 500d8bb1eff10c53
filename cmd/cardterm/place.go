package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"math"
	"strconv"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/card"
	"citycard/terminals/gate"
	"citycard/terminals/hotlist"
	"citycard/terminals/intent"
	"citycard/terminals/modes"
	"citycard/terminals/sam"
	"citycard/terminals/tariff"
	"citycard/terminals/validator"
)

// placeFlags say where the terminal stands.
type placeFlags struct {
	line, station, operator uint
	direction               string
	vehicle                 string
	passage                 time.Duration
	city, institution       string
}

func (p *placeFlags) register(flags *flag.FlagSet) {
	flags.UintVar(&p.line, "line", p.line, "`NUMBER` of the line")
	flags.UintVar(&p.station, "station", p.station, "`NUMBER` of the station, gates only")
	flags.StringVar(&p.direction, "direction", p.direction, "`DIRECTION` of the passengers, in or out; gates only")
	flags.DurationVar(&p.passage, "passage", p.passage, "a card whose payment was torn and that is held to a reader of the place again within `DURATION` has its passage")
	flags.StringVar(&p.vehicle, "vehicle", p.vehicle, "`NAME` of the vehicle, validators only")
	flags.UintVar(&p.operator, "operator", p.operator, "the operator's `NUMBER` in card records")
	flags.StringVar(&p.city, "city", p.city, "clearing centre of the city, 4 `DIGITS`")
	flags.StringVar(&p.institution, "institution", p.institution, "the operator's institution in card records, 16 hexadecimal `DIGITS`")
}

// priced checks that a table has prices for the place.
func (p *placeFlags) priced(kind string, table *tariff.Table) error {
	if kind == roleValidator {
		return table.BusLine(uint32(p.line))
	}
	return table.Station(uint32(p.station))
}

// passages are those of the place, for a gate or a validator.
func (p *placeFlags) passages(kind string) intent.Place {
	here := intent.Place{Line: uint32(p.line), Within: p.passage}
	switch {
	case kind == roleValidator:
		here.Mode, here.Movement, here.Vehicle = message.Mode_MODE_BUS, message.Movement_MOVEMENT_SINGLE, p.vehicle
		return here
	case kind == roleStation:
		// A card that comes again was corrected, however long ago: nothing more is asked of it.
		here.Movement, here.Within = message.Movement_MOVEMENT_UPDATE, math.MaxInt64
	case p.direction == "out":
		here.Movement = message.Movement_MOVEMENT_EXIT
	default:
		here.Movement = message.Movement_MOVEMENT_ENTRY
	}
	here.Mode, here.Station = message.Mode_MODE_METRO, uint32(p.station)
	return here
}

// priced checks that a table has prices for the places of all lanes.
func priced(lanes []laneFlags, table *tariff.Table) error {
	var errs []error
	for _, l := range lanes {
		if err := l.place.priced(l.role, table); err != nil {
			errs = append(errs, language.Textf("lane %s: %w", l.name, err))
		}
	}
	return errors.Join(errs...)
}

// anyPlace is where a terminal stands of which nothing is said.
func anyPlace() placeFlags {
	return placeFlags{line: 1, station: 1, direction: "in", city: "4910", institution: "0000000000000000", passage: 10 * time.Minute}
}

// check refuses a place that no terminal can have.
func (p *placeFlags) check(kind string) error {
	if _, _, err := p.codes(); err != nil {
		return err
	}
	switch {
	case max(p.line, p.station, p.operator) > 0xFFFF:
		return language.Textf("line, station, operator: %d, want at most 65535", max(p.line, p.station, p.operator))
	case kind == roleGate && p.direction != "in" && p.direction != "out":
		return language.Textf("direction: %q, want in or out", p.direction)
	}
	return nil
}

// codes are the city and the institution.
func (p *placeFlags) codes() (uint16, [8]byte, error) {
	city, err := strconv.ParseUint(p.city, 16, 16)
	if err != nil || len(p.city) != 4 {
		return 0, [8]byte{}, language.Textf("city: %q, want 4 digits", p.city)
	}
	institution, err := hex.DecodeString(p.institution)
	if err != nil || len(institution) != 8 {
		return 0, [8]byte{}, language.Textf("institution: %q, want 16 hexadecimal digits", p.institution)
	}
	return uint16(city), [8]byte(institution), nil
}

// role makes a gate's or a validator's role at a place that has been checked; before makes each
// payment durable before a card is told to make it.
func (p *placeFlags) role(kind string, module *sam.Module, fares *tariff.Schedule, hot *hotlist.List, inForce *modes.List, before func(*message.Tap) error) (role, error) {
	attest := func(ctx context.Context, c apdu.Card, paid *message.Tap, at time.Time) (*message.Tap, error) {
		return card.Attest(ctx, c, module, paid, bcd.Time(at), before)
	}
	city, institution, err := p.codes()
	if err != nil {
		return role{}, err
	}
	if kind == roleValidator {
		v, err := validator.New(module, fares, validator.Place{
			City: city, Institution: institution, Operator: uint16(p.operator), Line: uint16(p.line),
			Vehicle: p.vehicle, Medium: message.Medium_MEDIUM_CONTACTLESS,
		})
		if err != nil {
			return role{}, err
		}
		v.Refuse(hot)
		v.Follow(inForce)
		v.Intend(before)
		return role{pass: v.Ride, resolve: v.Resolve, attest: attest}, nil
	}
	if kind == roleStation {
		r, err := p.desk(module, fares, hot, inForce, before)
		r.attest = attest
		return r, err
	}
	g, err := gate.New(module, fares, gate.Place{
		City: city, Institution: institution, Operator: uint16(p.operator), Line: uint16(p.line),
		Station: uint16(p.station), Medium: message.Medium_MEDIUM_CONTACTLESS,
	})
	if err != nil {
		return role{}, err
	}
	g.Refuse(hot)
	g.Follow(inForce)
	g.Intend(before)
	if p.direction == "out" {
		return role{pass: g.Exit, resolve: g.Resolve, attest: attest}, nil
	}
	return role{pass: g.Enter, resolve: g.Resolve, attest: attest}, nil
}

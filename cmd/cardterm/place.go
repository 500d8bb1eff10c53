package main

import (
	"encoding/hex"
	"flag"
	"strconv"

	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/gate"
	"citycard/terminals/hotlist"
	"citycard/terminals/intent"
	"citycard/terminals/sam"
	"citycard/terminals/tariff"
	"citycard/terminals/validator"
)

// placeFlags say where the terminal stands.
type placeFlags struct {
	line, station, operator uint
	direction               string
	vehicle                 string
	city, institution       string
}

func (p *placeFlags) register(flags *flag.FlagSet) {
	flags.UintVar(&p.line, "line", 1, "`NUMBER` of the line")
	flags.UintVar(&p.station, "station", 1, "`NUMBER` of the station, gates only")
	flags.StringVar(&p.direction, "direction", "in", "`DIRECTION` of the passengers, in or out; gates only")
	flags.StringVar(&p.vehicle, "vehicle", "", "`NAME` of the vehicle, validators only")
	flags.UintVar(&p.operator, "operator", 0, "the operator's `NUMBER` in card records")
	flags.StringVar(&p.city, "city", "4910", "clearing centre of the city, 4 `DIGITS`")
	flags.StringVar(&p.institution, "institution", "0000000000000000", "the operator's institution in card records, 16 hexadecimal `DIGITS`")
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
	here := intent.Place{Line: uint32(p.line)}
	switch {
	case kind == roleValidator:
		here.Mode, here.Movement, here.Vehicle = message.Mode_MODE_BUS, message.Movement_MOVEMENT_SINGLE, p.vehicle
		return here
	case p.direction == "out":
		here.Movement = message.Movement_MOVEMENT_EXIT
	default:
		here.Movement = message.Movement_MOVEMENT_ENTRY
	}
	here.Mode, here.Station = message.Mode_MODE_METRO, uint32(p.station)
	return here
}

// role makes a gate's or a validator's role; before makes each payment durable before a card is
// told to make it.
func (p *placeFlags) role(kind string, module *sam.Module, fares *tariff.Schedule, hot *hotlist.List, before func(*message.Tap) error) (role, error) {
	city, err := strconv.ParseUint(p.city, 16, 16)
	if err != nil || len(p.city) != 4 {
		return role{}, language.Textf("--city %q, want 4 digits", p.city)
	}
	institution, err := hex.DecodeString(p.institution)
	if err != nil || len(institution) != 8 {
		return role{}, language.Textf("--institution %q, want 16 hexadecimal digits", p.institution)
	}
	if max(p.line, p.station, p.operator) > 0xFFFF {
		return role{}, language.Textf("--line, --station and --operator go up to 65535")
	}
	if kind == roleValidator {
		v, err := validator.New(module, fares, validator.Place{
			City: uint16(city), Institution: [8]byte(institution), Operator: uint16(p.operator), Line: uint16(p.line),
			Vehicle: p.vehicle, Medium: message.Medium_MEDIUM_CONTACTLESS,
		})
		if err != nil {
			return role{}, err
		}
		v.Refuse(hot)
		v.Intend(before)
		return role{pass: v.Ride, resolve: v.Resolve}, nil
	}
	g, err := gate.New(module, fares, gate.Place{
		City: uint16(city), Institution: [8]byte(institution), Operator: uint16(p.operator), Line: uint16(p.line),
		Station: uint16(p.station), Medium: message.Medium_MEDIUM_CONTACTLESS,
	})
	if err != nil {
		return role{}, err
	}
	g.Refuse(hot)
	g.Intend(before)
	r := role{pass: g.Enter, resolve: g.Resolve}
	switch p.direction {
	case "in":
	case "out":
		r.pass = g.Exit
	default:
		return role{}, language.Textf("--direction %q, want in or out", p.direction)
	}
	return r, nil
}

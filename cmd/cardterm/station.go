package main

import (
	"flag"

	"citycard/clearing/message"
	"citycard/terminals/gate"
)

// registerDesk registers what a desk's place is made of.
func (p *placeFlags) registerDesk(flags *flag.FlagSet) {
	flags.UintVar(&p.line, "line", p.line, "`NUMBER` of the line")
	flags.UintVar(&p.station, "station", p.station, "`NUMBER` of the station")
	flags.UintVar(&p.operator, "operator", p.operator, "the operator's `NUMBER` in card records")
	flags.StringVar(&p.city, "city", p.city, "clearing centre of the city, 4 `DIGITS`")
	flags.StringVar(&p.institution, "institution", p.institution, "the operator's institution in card records, 16 hexadecimal `DIGITS`")
}

// metro is the place of a gate or a desk that has been checked.
func (p *placeFlags) metro() (gate.Place, error) {
	city, institution, err := p.codes()
	return gate.Place{
		City: city, Institution: institution, Operator: uint16(p.operator), Line: uint16(p.line),
		Station: uint16(p.station), Medium: message.Medium_MEDIUM_CONTACTLESS,
	}, err
}

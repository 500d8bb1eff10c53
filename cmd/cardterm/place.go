package main

import (
	"context"
	"encoding/hex"
	"flag"
	"log/slog"
	"os"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/downlink"
	"citycard/terminals/gate"
	"citycard/terminals/hotlist"
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

// role makes a gate's or a validator's role.
func (p *placeFlags) role(kind string, module *sam.Module, table *tariff.Table, hot *hotlist.List) (role, error) {
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
		v, err := validator.New(module, table, validator.Place{
			City: uint16(city), Institution: [8]byte(institution), Operator: uint16(p.operator), Line: uint16(p.line),
			Vehicle: p.vehicle, Medium: message.Medium_MEDIUM_CONTACTLESS,
		})
		if err != nil {
			return role{}, err
		}
		v.Refuse(hot)
		return role{pass: v.Ride, resolve: v.Resolve}, nil
	}
	g, err := gate.New(module, table, gate.Place{
		City: uint16(city), Institution: [8]byte(institution), Operator: uint16(p.operator), Line: uint16(p.line),
		Station: uint16(p.station), Medium: message.Medium_MEDIUM_CONTACTLESS,
	})
	if err != nil {
		return role{}, err
	}
	g.Refuse(hot)
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

// fareWait is how long a terminal waits for a broker and a fare table when it starts.
const fareWait = 2 * time.Minute

// tariff reads the fare table from the file given, or from the broker.
func (a *agent) tariff(ctx context.Context, up uplink, zone *time.Location, log *slog.Logger) (*tariff.Table, error) {
	table, err := a.fareTable(ctx, up, zone, log)
	if err != nil {
		return nil, service.Fail("no fares").Todo("give --fares FILE, or start citycard serve, which publishes them, and check --kafka, --kafka-user and --kafka-tls-ca").Because(err)
	}
	return tariff.New(table)
}

func (a *agent) fareTable(ctx context.Context, up uplink, zone *time.Location, log *slog.Logger) (*message.FareTable, error) {
	if a.fares == "" {
		opts, err := up.options()
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, fareWait)
		defer cancel()
		return downlink.Fares(ctx, up.brokers, time.Now().In(zone), func(why error) {
			log.Info("waiting for fares from Kafka", "at_most", fareWait, "why", why)
		}, opts...)
	}
	content, err := os.ReadFile(a.fares)
	if err != nil {
		return nil, err
	}
	table := new(message.FareTable)
	if err := protojson.Unmarshal(content, table); err != nil {
		return nil, language.Textf("%s: %w", a.fares, err)
	}
	return table, nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/tunion"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/reader"
	"citycard/terminals/station"
	"citycard/terminals/tariff"
)

// lookProgram is `cardterm station look`.
type lookProgram struct {
	service.Common
	readerFlags
	place placeFlags
	fares string
	zone  string
	json  bool
}

func stationLookCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm station look", flag.ContinueOnError)
	p := &lookProgram{Common: service.Common{Data: "cardterm-data"}, place: anyPlace()}
	p.Register(flags)
	p.register(flags, 10*time.Second)
	p.place.registerDesk(flags)
	flags.StringVar(&p.fares, "fares", "", "`FILE` with a fare table in JSON; empty: those that the desk has kept in --data")
	flags.StringVar(&p.zone, "zone", "Asia/Shanghai", "time `ZONE` of the city")
	flags.BoolVar(&p.json, "json", false, "print JSON")
	return &ffcli.Command{
		Name: "look", ShortUsage: "cardterm station look [flags]", ShortHelp: "say what is wrong with the card in the reader, and what helps",
		LongHelp: "Says for both sides of the gates what keeps the card from passing, and which update helps. Nothing on the\n" +
			"card changes. It needs neither a SAM nor a broker: fares and hotlist are those that the desk of --data has kept.",
		FlagSet: flags, Exec: p.exec,
	}
}

func (p *lookProgram) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	zone, err := time.LoadLocation(p.zone)
	if err != nil {
		return service.Exit(service.ExitUsage, service.Fail("unknown time zone %s", p.zone).Todo("give --zone as Area/City"))
	}
	here, err := p.here(p.Logger())
	if err != nil {
		return err
	}
	readers := reader.Observe()
	defer func() { err = errors.Join(err, readers.Close()) }()
	rd, card, err := p.readerFlags.open(ctx, readers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, card.Close(), rd.Close()) }()
	limited, cancel := context.WithTimeout(ctx, tapLimit)
	defer cancel()
	r := station.Read(limited, card)
	l := lookAt(&here, &r, time.Now().In(zone))
	if p.json {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(l)
	}
	return l.show(os.Stdout, p.Language)
}

// here is the station, with what the desk has kept.
func (p *lookProgram) here(log *slog.Logger) (here station.Here, err error) {
	if err := p.place.check(roleGate); err != nil {
		return here, service.Exit(service.ExitUsage, err)
	}
	if here.Place, err = p.place.metro(); err != nil {
		return here, err
	}
	if p.fares != "" {
		here.Fares, err = readFares(p.fares)
	} else {
		here.Fares, err = tariff.Open(filepath.Join(p.Data, "fares"))
	}
	if err != nil {
		return here, service.Fail("no fares").Todo("give --fares FILE, or the --data of a desk that has kept them").Because(err)
	}
	if here.Hot, err = openHotlist(filepath.Join(p.Data, "hotlist"), log); err != nil {
		return here, err
	}
	known, err := openModes(filepath.Join(p.Data, "modes"), log)
	here.Modes = known.List
	return here, err
}

// looked is what the desk says of a card.
type looked struct {
	Card    string         `json:"card,omitempty"`           // masked
	Balance *int32         `json:"balance_fen,omitempty"`    // below 0: overdrawn
	Valid   [2]string      `json:"valid,omitempty,omitzero"` // the first and the last day, YYYYMMDD
	Last    *lookedJourney `json:"last_journey,omitempty"`
	Fares   string         `json:"fares,omitempty"` // the version of the table
	Outside lookedSide     `json:"outside"`
	Inside  lookedSide     `json:"inside"`
}

type lookedJourney struct {
	Type    byte   `json:"type"`
	Line    uint16 `json:"line"`
	Station uint16 `json:"station"`
	Time    string `json:"time"` // as on the card, YYYYMMDDhhmmss
}

// lookedSide is what keeps the card from passing on one side of the gates.
type lookedSide struct {
	Fault  station.Fault `json:"fault"`
	Update string        `json:"update,omitempty"` // that helps: 01, 02, 03, 10, 12
	Fen    uint32        `json:"amount_fen,omitempty"`
	Text   string        `json:"text"` // in English

	found station.Finding
}

// lookAt analyses a card.
func lookAt(here *station.Here, r *station.Reading, at time.Time) *looked {
	side := func(area station.Area) lookedSide {
		f := here.Analyse(r, area, at)
		s := lookedSide{Fault: f.Fault, Fen: f.Fen, Text: f.Text().Error(), found: f}
		if f.Reason != 0 {
			s.Update = f.Reason.Code()
		}
		return s
	}
	l := &looked{Outside: side(station.Outside), Inside: side(station.Inside)}
	l.Fares = l.Outside.found.Fares()
	if number, err := tunion.Number(r.Application.ASN); err == nil && r.Err == nil {
		l.Card, l.Balance = tunion.Masked(number), &r.Balance
		l.Valid = [2]string{fmt.Sprintf("%x", r.Application.Start), fmt.Sprintf("%x", r.Application.Expiry)}
		if !r.Last.Empty() {
			l.Last = &lookedJourney{Type: r.Last.Type, Line: r.Last.Line(), Station: r.Last.Station(), Time: fmt.Sprintf("%x", r.Last.Time)}
		}
	}
	return l
}

// show prints it for people.
func (k *looked) show(out io.Writer, l language.Language) error {
	table := &service.Table{}
	if k.Card != "" {
		table.Add(l.Of("card number"), k.Card)
		table.Add(l.Of("valid"), days(k.Valid[0], k.Valid[1], l))
		table.Add(l.Of("balance"), language.Textf("%s yuan", yuan(*k.Balance)).In(l))
	}
	if j := k.Last; j != nil {
		table.Add(l.Of("last journey"), language.Textf("%s, station %d, %s", journeyType(j.Type, l), j.Station, clockOf(j.Time)).In(l))
	}
	table.Add(l.Of("to get in"), k.Outside.found.Text().In(l))
	table.Add(l.Of("to get out"), k.Inside.found.Text().In(l))
	if k.Fares != "" {
		table.Add(l.Of("fares"), k.Fares)
	}
	return table.Write(out)
}

// clockOf is a card's time for people; one that does not exist is shown as it is.
func clockOf(digits string) string {
	at, err := time.Parse("20060102150405", digits)
	if err != nil {
		return digits
	}
	return at.Format(time.DateTime)
}

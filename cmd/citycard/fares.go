package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/rulefile"
	"citycard/clearing/rules"
	"citycard/clearing/transit/fare"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
)

func faresCommand() *ffcli.Command {
	return group("fares", "what rides cost, and why", "", faresQuoteCommand())
}

// quoted is a quote with the edition that it is of.
type quoted struct {
	Edition string `json:"edition,omitempty"` // empty for a folder
	fare.Quote
}

// quotation holds the flags of citycard fares quote.
type quotation struct {
	*command
	cardType, from, to, line, minutes uint
	at, folder                        string
	moment                            rulefile.Moment
}

func faresQuoteCommand() *ffcli.Command {
	q := &quotation{}
	q.command = newCommand("fares quote", "--card-type N (--from STATION --to STATION | --line LINE)", "what a ride costs, with each rule that makes the price",
		"The price is computed by the functions that make the terminals' table, and explained step by step. A trip by metro\n"+
			"has the price of the second in which it ends, --minutes after --at, in the band of its entry or exit. Amounts are in yuan, with --json in fen.")
	q.flags.UintVar(&q.cardType, "card-type", 0, "card type, a `number` of the fares")
	q.flags.UintVar(&q.from, "from", 0, "`station` at which a trip by metro begins")
	q.flags.UintVar(&q.to, "to", 0, "`station` at which it ends")
	q.flags.UintVar(&q.line, "line", 0, "`number` of a bus line, instead of stations")
	q.flags.UintVar(&q.minutes, "minutes", 0, "how many `minutes` the trip takes")
	q.flags.StringVar(&q.at, "at", "", "local `time` such as 2026-10-08T08:10, or a day, at which the ride begins; empty: now")
	q.flags.StringVar(&q.folder, "rules", "", "`folder` of documents, one of each kind; empty: the edition in force")
	q.registerJSON("print one JSON object")
	q.registerDatabase()
	q.command.check = q.check
	return q.runs(func(ctx context.Context) error {
		if q.folder != "" {
			set, err := q.inFolder()
			if err != nil {
				return err
			}
			return q.quote(set)
		}
		return q.within(ctx, books.ToRead, func(ctx context.Context, b *books.Books) error {
			set, err := editionOf(ctx, b, "")
			if err != nil {
				return err
			}
			if q.at == "" {
				zone, err := (&rules.Store{Ledger: b.Ledger}).Zone(ctx)
				if err != nil {
					return err
				}
				q.moment = rulefile.MomentOf(time.Now().In(zone))
			}
			return q.quote(set)
		})
	})
}

func (q *quotation) check() error {
	given := false
	q.flags.Visit(func(f *flag.Flag) { given = given || f.Name == "card-type" })
	switch {
	case !given:
		return language.Textf("--card-type is missing: want a card type of the fares")
	case q.line == 0 && (q.from == 0 || q.to == 0), q.line != 0 && (q.from != 0 || q.to != 0 || q.minutes != 0):
		return language.Textf("want --from and --to, two stations, or --line, a bus line")
	case max(q.cardType, q.from, q.to, q.line, q.minutes) > 1_000_000:
		return language.Textf("a number above 1000000 names nothing here")
	}
	if q.at == "" {
		if q.folder != "" {
			return language.Textf("--at is missing: want when the trip begins, since a folder of documents has no time zone")
		}
		return nil
	}
	var err error
	if q.moment, err = rulefile.ParseMoment(q.at); err != nil {
		return language.Textf("--at %q: want a time of day YYYY-MM-DDThh:mm, or a day YYYYMMDD", q.at)
	}
	return nil
}

func (q *quotation) inFolder() (*rules.Set, error) {
	contents, err := server.ReadDocuments(q.folder)
	if err != nil {
		return nil, service.Fail("the documents in %s cannot be read", q.folder).Todo("correct what is named").Because(err)
	}
	set, err := rules.Read(contents)
	if err != nil {
		return nil, server.BadRules(service.Fail("%s has faults", q.folder).Todo("correct what is named"), err)
	}
	return set, nil
}

func (q *quotation) quote(set *rules.Set) error {
	ride := fare.Ride{
		CardType: uint32(q.cardType), Line: uint32(q.line), From: uint32(q.from), To: uint32(q.to), Stay: time.Duration(q.minutes) * time.Minute,
	}
	quote, err := set.Tables.Quote(q.moment, ride)
	switch {
	case errors.Is(err, fare.ErrNoCardType), errors.Is(err, fare.ErrNoStation), errors.Is(err, fare.ErrNoLine):
		return service.Fail("there is no price").Todo("see citycard rules show network and fares").Because(noQuote(err))
	case err != nil:
		return err
	}
	of := quoted{Quote: quote}
	if set.Edition.Number > 0 {
		of.Edition = set.Edition.String()
	}
	if q.asJSON {
		return writeJSON(os.Stdout, of)
	}
	q.explain(&of)
	return nil
}

// noQuote is the reason why there is no quote, in both languages.
func noQuote(err error) error {
	switch {
	case errors.Is(err, fare.ErrNoCardType):
		return language.Textf("the fares have no such card type")
	case errors.Is(err, fare.ErrNoStation):
		return language.Textf("the network has no such station")
	}
	return language.Textf("the network has no such bus line")
}

// explain prints a quote in words.
func (q *quotation) explain(of *quoted) {
	q.Print("%s yuan", yuan(of.Fen))
	if of.Edition != "" {
		q.Print("edition %s, table %s", of.Edition, of.Table)
	} else {
		q.Print("table %s", of.Table)
	}
	q.Print("fares %s, in force from %s", of.Fares, of.FaresFrom)
	q.Print("network %s, in force from %s; source: %s", of.Network, of.NetworkFrom, q.source(of.NetworkSource))
	if of.Bus != nil {
		q.Print("bus line %d: lines %d to %d cost %s; source: %s", of.Bus.Line, of.Bus.First, of.Bus.Last, yuan(of.FullFen), q.source(of.FullSource))
	} else {
		q.explainTrip(of)
	}
	if of.Trip != nil && of.Trip.Over {
		return // in every band
	}
	if of.Band != "" {
		q.Print("in the band %s; source: %s", of.Band, q.source(of.BandSource))
	}
	if of.Fixed {
		q.Print("card type %d (%s) pays %s there, whatever the full price is; source: %s", of.CardType, of.CardName, yuan(of.Fen), q.source(of.CardSource))
		return
	}
	q.Print("card type %d (%s) pays %s of it: %s; source: %s", of.CardType, of.CardName, of.Share.String(), of.Exact.Shift(-2).String(), q.source(of.CardSource))
	switch of.Rounding {
	case "up":
		q.Print("rounded up to a whole fen: %s", yuan(of.Fen))
	case "down":
		q.Print("rounded down to a whole fen: %s", yuan(of.Fen))
	default:
		q.Print("rounded to the nearest fen, half a fen up: %s", yuan(of.Fen))
	}
}

func (q *quotation) explainTrip(of *quoted) {
	for _, leg := range of.Way {
		stations := ""
		for i, s := range leg.Stations {
			if i > 0 {
				stations += " → "
			}
			stations += placeIn(s, q.Language)
		}
		q.Print("%s: %s, %d m", placeIn(leg.Line, q.Language), stations, leg.Metres)
	}
	if len(of.Way) == 0 {
		q.Print("from a station to itself: 0 m")
	} else {
		q.Print("the shortest way has %d m", of.Metres)
	}
	if of.Trip.Over {
		q.Print("%d minutes are past the limit of %d: the highest price of the network, %s, of which no card pays a share; source: %s",
			of.Trip.Minutes, of.Trip.LimitMinutes, yuan(of.FullFen), q.source(of.FullSource))
		return
	}
	for i, p := range of.Parts {
		if i == 0 {
			q.Print("up to %s m: %s", p.To.String(), yuan(p.Fen))
			continue
		}
		q.Print("from %s to %s m: %d begun units of %s m at %s each: %s", p.From.String(), p.To.String(), p.Units, p.Unit.String(), yuan(p.UnitFen), yuan(p.Fen))
	}
	q.Print("full price %s; source: %s", yuan(of.FullFen), q.source(of.FullSource))
	q.Print("%d minutes are within the limit of %d", of.Trip.Minutes, of.Trip.LimitMinutes)
}

// source says where figures come from, and whether anybody answers for them.
func (q *quotation) source(s fare.Source) string {
	if s.Example {
		return q.Language.Choose("example: ", "示例：") + s.Text
	}
	return s.Text
}

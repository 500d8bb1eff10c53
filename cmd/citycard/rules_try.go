package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/rules"
	"citycard/clearing/rules/trial"
	"citycard/clearing/transit/fare"
	"citycard/clearing/verdict"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

func rulesTryCommand() *ffcli.Command {
	c := newCommand("rules try", "DIR|PROPOSAL --from DAY --to DAY", "price past days by documents that are not in force",
		"Prices what was booked in the clearing days twice: by what held then, and by the last versions of the proposal,\n"+
			"as if they had held then. It prints how many taps there were and what they cost both ways, by kind, card type,\n"+
			"line and hour, and the taps that change most; claims too, by hospital, if the medical table changes. What one\n"+
			"side cannot price is in no sum and is counted by its reason. Of claims the fund's part is compared, each\n"+
			"person's in order. Nothing is written to the books. Amounts are in yuan, with --json in fen.")
	c.takes = func(given []string) error {
		if c.arguments = given; len(given) != 1 {
			return service.Exit(service.ExitUsage, language.Textf("want one folder of documents, or one proposal"))
		}
		return nil
	}
	c.registerJSON("print one JSON object")
	var days span
	days.register(c.flags)
	svg := c.flags.String("svg", "", "`file` for a chart, which must not exist")
	c.check = days.check
	return c.reads(func(ctx context.Context, b *books.Books) error {
		inForce, err := editionOf(ctx, b, "")
		if err != nil {
			return err
		}
		proposed, err := triedOn(ctx, b, c.arguments[0], inForce)
		if err != nil {
			return err
		}
		t := &trial.Trial{Ledger: b.Ledger, InForce: inForce, Proposed: proposed, People: func(ctx context.Context) (*index.Edition, error) {
			return registry.NewStore(b.Pool()).Load(ctx, registry.Hospitals, registry.Persons)
		}}
		first, last := days.days()
		report, err := t.Run(ctx, first, last)
		if err != nil {
			return service.Fail("nothing was tried").Because(err)
		}
		if *svg != "" {
			if err := writeTo(*svg, func(w io.Writer) error { return drawTrial(w, report, c.Language) }); err != nil {
				return err
			}
		}
		if c.asJSON {
			return writeJSON(os.Stdout, report)
		}
		return c.printTrial(report)
	})
}

// triedOn are the rules in force with the documents of a folder or a proposal.
func triedOn(ctx context.Context, b *books.Books, what string, inForce *rules.Set) (*rules.Set, error) {
	if _, err := strconv.ParseInt(what, 10, 64); err == nil {
		what = proposedMark + what
	}
	if strings.HasPrefix(what, proposedMark) {
		return editionOf(ctx, b, what)
	}
	contents, err := server.ReadDocuments(what)
	if err != nil {
		return nil, service.Fail("nothing was tried").Todo("name a folder of documents, or the number of a proposal").Because(err)
	}
	if len(contents) == 0 {
		return nil, service.Fail("there is no document in %s", what).Todo("citycard rules template writes examples to begin with")
	}
	set, err := inForce.With(contents)
	if err != nil {
		return nil, server.BadRules(service.Refuse("nothing was tried").Todo("correct what is named"), err)
	}
	return set, nil
}

// printTrial prints a report for people.
func (c *command) printTrial(r *trial.Report) error {
	c.Print("taps booked from %s to %s, before: by %s; after: by %s, as if it had held then", r.From.String(), r.To.String(), strings.Join(r.Before, ", "), r.After)
	if err := c.printSection(&r.Taps); err != nil {
		return err
	}
	fmt.Println()
	if r.Claims == nil {
		c.Print("claims were not tried: the medical table does not change")
		return nil
	}
	c.Print("claims booked on these days: what the fund pays by the table in force, and by the last one of the proposal")
	return c.printSection(r.Claims)
}

func (c *command) printSection(s *trial.Section) error {
	total := trial.Group{Key: c.Language.Of("total"), Sum: s.Sum}
	if err := listAll(c, "BY\tWHAT\t>COUNT\t>BEFORE\t>AFTER\t>DIFFERENCE", groupCells, append(slices.Clone(s.Groups), total)); err != nil {
		return err
	}
	if len(s.Unpriced) > 0 {
		fmt.Println()
		c.Print("in no sum, because one side cannot price them:")
		if err := listAll(c, "SIDE\tREASON\t>COUNT\t>AMOUNT", unpricedCells, s.Unpriced); err != nil {
			return err
		}
	}
	if len(s.Largest) == 0 {
		return nil
	}
	fmt.Println()
	c.Print("the largest changes:")
	return listAll(c, "TIME\tWHO\tKIND\tCARD TYPE\tPLACE\t>BEFORE\t>AFTER", trialChangeCells, s.Largest)
}

func groupCells(g trial.Group, l language.Language) []string {
	chinese := map[trial.By]string{
		trial.ByKind: "类别", trial.ByCardType: "卡种", trial.ByLine: "线路", trial.ByHour: "小时", trial.ByHospital: "医院", trial.ByInsurance: "险种",
	}
	key := g.Key
	if g.By == trial.ByKind {
		key = tapKindIn(key, l)
	}
	return []string{
		l.Coded(string(g.By), string(g.By), chinese[g.By]), key, strconv.FormatInt(g.Count, 10),
		g.Before.String(), g.After.String(), g.Difference().String(),
	}
}

// tapKindIn is a kind of tap or claim with what it means.
func tapKindIn(kind string, l language.Language) string {
	chinese := map[string]string{
		"metro_entry": "地铁进站", "metro_exit": "地铁出站", "bus": "公交", "outpatient": "门诊", "inpatient": "住院",
	}
	return l.Coded(kind, kind, chinese[kind])
}

func unpricedCells(u trial.Unpriced, l language.Language) []string {
	sides := map[trial.Side]string{trial.InForce: "现行规则", trial.Proposed: "提案", trial.Both: "双方"}
	return []string{l.Coded(string(u.Side), string(u.Side), sides[u.Side]), unpricedIn(u.Reason, l), strconv.FormatInt(u.Count, 10), u.Fen.String()}
}

// unpricedIn is the reason why a record has no price, with what it means.
func unpricedIn(reason string, l language.Language) string {
	if _, known := verdict.Explain(verdict.Reason(reason)); known {
		return verdict.Reason(reason).In(l)
	}
	words := map[string][2]string{
		fare.UnknownCardType.String(): {"the fares have no such card type", "票价中没有该卡种"},
		fare.UnknownStation.String():  {"the network has no such station", "线网中没有该车站"},
		fare.UnknownLine.String():     {"the network has no such bus line", "线网中没有该公交线路"},
		fare.UnknownMovement.String(): {"neither a bus ride nor an entry, an exit or a desk's correction", "既非公交乘车，也非进出站或票务更新"},
		fare.BadTimes.String():        {"the times are no times, or in the wrong order", "时间无效或先后颠倒"},
	}
	return l.Coded(reason, words[reason][0], words[reason][1])
}

func trialChangeCells(c trial.Change, l language.Language) []string {
	at := c.Time
	if t, err := time.Parse("20060102150405", c.Time); err == nil {
		at = t.Format(time.DateTime)
	}
	card, place := "", c.Place
	if c.Place == "" {
		card = strconv.FormatUint(uint64(c.Type), 10)
		place = language.Textf("line %d", c.Line).In(l)
	}
	if c.Entry != nil {
		place = placeIn(*c.Entry, l) + " → " + placeIn(*c.Exit, l)
	}
	return []string{at, c.Who, tapKindIn(c.Kind, l), card, place, c.Before.String(), c.After.String()}
}

// placeIn is a station or a line by its name, with its number.
func placeIn(p fare.Place, l language.Language) string {
	name := p.Name
	if p.NameEn != "" {
		name = l.Choose(p.NameEn, p.Name)
	}
	if name == "" {
		return strconv.FormatUint(uint64(p.Number), 10)
	}
	return fmt.Sprintf("%s%s%d%s", name, l.Choose(" (", "（"), p.Number, l.Choose(")", "）"))
}

// yuan is an amount in fen for people.
func yuan(fen int64) string { return ledger.Fen(fen).String() }

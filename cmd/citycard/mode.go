package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"slices"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/message"
	"citycard/clearing/people/api"
	"citycard/clearing/people/proposal"
	"citycard/clearing/registry"
	"citycard/cmd/service"
	"citycard/language"
)

func modeCommand() *ffcli.Command {
	return group("mode", "what gates and validators do not check for a while (service modes)",
		"A mode is a row of the registry, kind modes: one person proposes it, another approves it, and terminals have it within\n"+
			"seconds of that. docs/modes.md says what each kind does.",
		modeBeginCommand(), modeEndCommand())
}

func modeBeginCommand() *ffcli.Command {
	p := modeProposing(newProposing("mode begin", "KIND --area AREA", "propose that a mode begins", "KIND is one of train_fault, no_order, no_time, no_fare, no_date, emergency."))
	var from, to, unentered string
	area := p.area()
	p.flags.StringVar(&from, "from", "", "first `second` YYYYMMDDhhmmss; empty: now")
	p.flags.StringVar(&to, "to", "", "last `second` YYYYMMDDhhmmss; empty: until it is ended")
	p.flags.StringVar(&unentered, "exit-without-entry", "", "of no_order: what a card without an entry pays to leave, one `WORD` of refused, free, lowest, highest")
	return p.proposes(func(now string) []string {
		if from == "" {
			from = now
		}
		return []string{"", p.arguments[0], *area, from, to, unentered}
	})
}

func modeEndCommand() *ffcli.Command {
	p := modeProposing(newProposing("mode end", "KIND --area AREA", "propose that a mode ends", "KIND is one of train_fault, no_order, no_time, no_fare, no_date, emergency."))
	area := p.area()
	var at string
	p.flags.StringVar(&at, "at", "", "last `second` YYYYMMDDhhmmss; empty: now")
	return p.proposes(func(now string) []string {
		if at == "" {
			at = now
		}
		return []string{"", p.arguments[0], *area, "", at, ""}
	})
}

// modeProposer proposes a change of one row of the modes.
type modeProposer struct{ *proposer }

func modeProposing(p *proposer) modeProposer {
	p.takes = func(given []string) error {
		if p.arguments = given; len(given) != 1 || !slices.Contains(message.ServiceModeCodes(), given[0]) {
			return service.Exit(service.ExitUsage, language.Textf("want one of %s: %s", strings.Join(message.ServiceModeCodes(), ", "), p.cli.ShortUsage))
		}
		return nil
	}
	p.completes = true
	return modeProposer{p}
}

func (p modeProposer) area() *string {
	return p.flags.String("area", "", "where: `AREA` line:ID, station:NUMBER or operator:ID")
}

// proposes proposes the row that is made of the present second in the city.
func (p modeProposer) proposes(row func(now string) []string) *ffcli.Command {
	p.check = p.complete
	return p.asks(true, p.key, func(ctx context.Context, client *api.Client) error {
		_, zone, err := booksOf(ctx, client)
		if err != nil {
			return err
		}
		var file bytes.Buffer
		w := csv.NewWriter(&file)
		err = w.WriteAll([][]string{registry.Modes.Columns(), row(time.Now().In(zone.Location).Format("20060102150405"))})
		if err != nil {
			return err
		}
		return propose(ctx, p.proposer, client, registry.ChangeName, registry.ImportRequest{Files: registry.Files{registry.Modes.String() + ".csv": file.String()}})
	})
}

// printModes says in words what a change of the registry does to service modes.
func (d *desk) printModes(c *proposal.Change) {
	for _, r := range c.Rows {
		id, is := strings.CutPrefix(r.Key, registry.Modes.String()+" ")
		if r.Table != "registry" || !is {
			continue
		}
		id, _, _ = strings.Cut(id, " ")
		kind, to := r.Becomes("kind"), r.Becomes("effective_to")
		if to == "" {
			to = d.Language.Choose("open", "未定")
		}
		if kind == "" {
			d.Print("service mode %s: its end becomes %s", id, to)
			continue
		}
		d.Print("service mode %s: %s; where: %s; from %s, to %s", id, serviceModeIn(d.Language, kind), r.Becomes("area"), r.Becomes("effective_from"), to)
		if unentered := r.Becomes("exit_without_entry"); unentered != "" {
			d.Print("who leaves without an entry: %s", unenteredIn(d.Language, unentered))
		}
	}
}

// serviceModeIn is a kind of mode in words.
func serviceModeIn(l language.Language, kind string) string {
	switch kind {
	case "train_fault":
		return l.Coded(kind, "who leaves where trains do not run, and where the trip began likewise, pays nothing", "列车故障：在停运车站进站的乘客于停运车站出站免费")
	case "no_order":
		return l.Coded(kind, "gates do not check whether entry and exit follow each other", "进出站次序免检")
	case "no_time":
		return l.Coded(kind, "gates do not check how long a trip took", "时间免检：不检查乘车时长")
	case "no_fare":
		return l.Coded(kind, "nothing is charged", "车费免检：不扣车费")
	case "no_date":
		return l.Coded(kind, "expired cards are taken", "日期免检：过期卡可用")
	case "emergency":
		return l.Coded(kind, "gates are open and do nothing to cards", "紧急放行：闸机开放，不读写卡")
	}
	return kind
}

// unenteredIn is what a card without an entry pays, in words.
func unenteredIn(l language.Language, word string) string {
	switch word {
	case "refused":
		return l.Coded(word, "is refused, as always", "照常拒绝")
	case "free":
		return l.Coded(word, "pays nothing", "免费出站")
	case "lowest":
		return l.Coded(word, "pays the lowest fare to that station", "按到本站的最低票价扣费")
	case "highest":
		return l.Coded(word, "pays the highest fare of all", "按全网最高票价扣费")
	}
	return word
}

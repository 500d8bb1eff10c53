package main

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/people/api"
	"citycard/clearing/quarantine"
	"citycard/clearing/verdict"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/language"
)

func quarantineCommand() *ffcli.Command {
	return group("quarantine", "records that could not be booked", "", quarantineListCommand(), quarantineJudgeCommand(), quarantineBookCommand())
}

// quarantinedLine is a record in quarantine as it is printed.
type quarantinedLine struct {
	Record string         `json:"record"`
	Day    string         `json:"day"` // clearing day
	Reason verdict.Reason `json:"reason"`
	Judged string         `json:"judged,omitempty"`
	Error  string         `json:"error"`
	Value  string         `json:"value_hex"`
}

const quarantinedHeader = "RECORD\tDAY\tREASON\t>BYTES\tSTATE\tERROR"

func (q quarantinedLine) cells(l language.Language) []string {
	state := l.Choose("open", "待复判")
	if q.Judged != "" {
		state = language.Textf("judged: %s", judgedAs(q.Judged, l)).In(l)
	}
	return []string{q.Record, q.Day, q.Reason.In(l), strconv.Itoa(len(q.Value) / 2), state, strings.Join(strings.Fields(q.Error), " ")}
}

// judgedAs shows the verdict that a record was given when it was judged again.
func judgedAs(name string, l language.Language) string {
	if v, known := verdict.Parse(name); known {
		return v.In(l)
	}
	return name
}

func quarantineListCommand() *ffcli.Command {
	c := newCommand("quarantine list", "[--from DAY] [--to DAY] [--all]", "what is kept alone and was not judged again, with the error", "")
	of := everyDay()
	of.register(c.flags)
	all := c.flags.Bool("all", false, "what was judged again, too")
	c.check = func() error {
		if of.from > of.to {
			return language.Textf("--from %s --to %s: want the first day not after the last", of.from.String(), of.to.String())
		}
		return nil
	}
	return c.reads(func(ctx context.Context, b *books.Books) error {
		return list(c, quarantinedHeader, quarantinedLine.cells, func(add func(quarantinedLine) error) error {
			first, last := of.days()
			return quarantine.List(ctx, b.Ledger, first, last, func(r *quarantine.Record) error {
				if r.Judged != "" && !*all {
					return nil
				}
				return add(quarantinedLine{r.Name(), r.Day.String(), r.Reason, r.Judged, r.Cause, hex.EncodeToString(r.Value)})
			})
		})
	})
}

func quarantineJudgeCommand() *ffcli.Command {
	p := newProposing("quarantine judge", "(--record STREAM@OFFSET | --all)", "propose to judge once more what is kept alone",
		"Put right first what the error names. Once somebody else has approved it, citycard quarantine book judges the records.")
	var records []string
	p.flags.Func("record", "`record` STREAM@OFFSET as citycard quarantine list shows it; may be repeated", func(text string) error {
		records = append(records, text)
		return nil
	})
	all := p.flags.Bool("all", false, "all that is open and not decided")
	p.check = func() error {
		if *all == (len(records) > 0) {
			return language.Textf("want either --record, once or more, or --all")
		}
		return nil
	}
	p.completes = true
	return proposes(p, quarantine.KindJudge, func(context.Context) (quarantine.AskedJudge, error) {
		return quarantine.AskedJudge{Records: records, All: *all}, nil
	})
}

func quarantineBookCommand() *ffcli.Command {
	c := newCommand("quarantine book", "", "judge and book the kept records of which two people have decided it",
		"Each record is judged as if it came today, alone and under its own identity: it is booked once, however often this is\n"+
			"asked, and where the same record came meanwhile it is a duplicate. What fails once more stays, and is tried again the\n"+
			"next time. It takes the masters of citycard serve. Where none runs, the key store's passphrase is read from\n"+
			"--keys-passphrase-file or "+service.PassphraseVariable+".")
	c.flags.StringVar(&c.settings.Keys, "keys", "", "key store `file`, where no citycard serve runs; empty: keys.age in the data directory")
	service.RegisterPassphrase(c.flags, &c.settings.Passphrase)
	c.settings.KeyService.Register(c.flags)
	c.flags.BoolVar(&c.settings.Demo, "demo", false, "TEST masters may be used, where no citycard serve runs")
	return c.acts(func(ctx context.Context, client *api.Client) error { return judge(ctx, c, client) })
}

// triedAlone stands before the answers of a dry run that tries several records: each is rolled back
// before the next.
const triedAlone = "each record is tried as if the others were not judged; what depends on another may end otherwise"

// judge has the records judged, and prints the outcome of each.
func judge(ctx context.Context, c *command, client *api.Client) error {
	judged, stay := 0, 0
	err := client.Judge(ctx, c.dry, func(j *api.Judged) error {
		if judged++; judged == 1 && j.Of > 1 && c.dry {
			c.Print(triedAlone)
		}
		if j.Stays {
			stay++
			c.Print("%s stays: %s", j.Record, j.Why.String())
		} else {
			c.Print("%s: %s", j.Record, judgedAs(j.Verdict, c.Language))
		}
		return nil
	})
	if err != nil {
		return failedBy(err)
	}
	if judged == 0 {
		c.Print("nothing is to be judged; citycard quarantine judge proposes it")
	}
	if stay > 0 {
		return service.Fail("%d of %d records stay in quarantine", stay, judged).Todo("put right what the errors name, and judge them again")
	}
	return nil
}

package main

import (
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/intake"
	"citycard/clearing/quarantine"
	"citycard/clearing/registry"
	"citycard/clearing/rules"
	"citycard/clearing/verdict"
	"citycard/cmd/books"
	"citycard/cmd/server"
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

// judging holds the flags of quarantine book.
type judging struct {
	*command
	keyFile    string
	passphrase string // the file of it
	demo       bool
}

func quarantineBookCommand() *ffcli.Command {
	j := &judging{command: newCommand("quarantine book", "", "judge and book the kept records of which two people have decided it",
		"Each record is judged as if it came today, alone and under its own identity: it is booked once, however often this is\n"+
			"asked, and where the same record came meanwhile it is a duplicate. What fails once more stays, and is tried again the\n"+
			"next time. The key store's passphrase is read from --keys-passphrase-file or "+service.PassphraseVariable+".")}
	j.flags.StringVar(&j.keyFile, "keys", "", "key store `file`; empty: keys.age in the data directory")
	service.RegisterPassphrase(j.flags, &j.passphrase)
	j.flags.BoolVar(&j.demo, "demo", false, "TEST masters may be used")
	return j.changes(j.judge)
}

// triedAlone stands before the answers of a dry run that tries several records: each is rolled back
// before the next.
const triedAlone = "each record is tried as if the others were not judged; what depends on another may end otherwise"

// judge judges the records, and prints the outcome of each.
func (j *judging) judge(ctx context.Context, b *books.Books) error {
	again, err := j.prepare(ctx, b)
	if err != nil {
		return err
	}
	open, err := toJudge(ctx, b)
	if err != nil {
		return err
	}
	if len(open) == 0 {
		j.Print("nothing is to be judged; citycard quarantine judge proposes it")
	}
	if j.dry && len(open) > 1 {
		j.Print(triedAlone)
	}
	stay := 0
	for _, r := range open {
		judged, stays, err := again.Judge(ctx, r)
		switch {
		case stays:
			stay++
			j.Print("%s stays: %v", r.Name(), err)
		case err != nil:
			return err
		default:
			j.Print("%s: %s", r.Name(), judgedAs(judged, j.Language))
		}
	}
	if stay > 0 {
		return service.Fail("%d of %d records stay in quarantine", stay, len(open)).Todo("put right what the errors name, and judge them again")
	}
	return nil
}

// prepare makes the rules, as serve does.
func (j *judging) prepare(ctx context.Context, b *books.Books) (*intake.Again, error) {
	s := &server.Settings{Common: j.Common, Database: b.URL, Keys: j.keyFile, Passphrase: j.passphrase, Demo: j.demo}
	in, err := s.ReadInputs(j.Data, j.Logger())
	if err != nil {
		return nil, err
	}
	edition, err := registry.NewStore(b.Pool()).Load(ctx)
	if err != nil {
		return nil, err
	}
	in.Registry = registry.New(edition)
	set, err := server.InForce(ctx, b.Ledger)
	if err != nil {
		return nil, err
	}
	in.Rules = rules.NewShelf(set)
	zone, err := server.Zone(ctx, b.Ledger)
	if err != nil {
		return nil, err
	}
	topics, err := server.Rules(ctx, b, in, zone)
	return &intake.Again{Ledger: b.Ledger, Rules: topics, Owner: server.OwnerName()}, err
}

// toJudge reads the records that two people want judged. Lists of pensions come before the bank's
// answers to them, because of the order of the topics' names.
func toJudge(ctx context.Context, b *books.Books) (open []*quarantine.Record, err error) {
	decisions, err := quarantine.Decisions(ctx, b.Ledger)
	if err != nil {
		return nil, err
	}
	every := everyDay()
	first, last := every.days()
	err = quarantine.List(ctx, b.Ledger, first, last, func(r *quarantine.Record) error {
		if r.Judged == "" && decisions[r.Decided()] != 0 {
			open = append(open, r)
		}
		return nil
	})
	slices.SortStableFunc(open, func(a, b *quarantine.Record) int {
		if a.Day != b.Day {
			return int(a.Day) - int(b.Day)
		}
		return strings.Compare(a.Stream, b.Stream)
	})
	return open, err
}

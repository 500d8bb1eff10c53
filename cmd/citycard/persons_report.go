package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/people/api"
	"citycard/clearing/persons"
	"citycard/cmd/service"
	"citycard/language"
)

func personsReportCommand() *ffcli.Command {
	c := newWithArguments("persons report", "IMPORT", "what an import of persons matched, or its lines that changed nothing", 1)
	c.registerJSON(jsonLines)
	rejects := c.flags.Bool("rejects", false, "list the lines that changed nothing, each with its reason")
	return c.asks(false, nil, func(ctx context.Context, client *api.Client) error {
		number, err := strconv.ParseInt(c.arguments[0], 10, 64)
		if err != nil || number < 1 {
			return service.Exit(service.ExitUsage, language.Textf("import %q is not a number", c.arguments[0]))
		}
		of, err := client.PersonImport(ctx, number)
		if p, ok := errors.AsType[*api.Problem](err); ok && p.Type == api.NotFound {
			return service.Fail("there is no import %d of persons", number).Todo("%w", errors.New(p.Todo))
		}
		if err != nil {
			return refusedBy(language.Textf("it cannot be shown"), err)
		}
		if !*rejects {
			return c.personsReport(ctx, client, of.Report())
		}
		return list(c, rejectHeader, rejectLine.cells, func(add func(rejectLine) error) error {
			return client.PersonRejects(ctx, number, func(r persons.Reject) error { return add(rejectLine{&r}) })
		})
	})
}

// rejectLine is a line of a roster that changed nothing, as it is printed.
type rejectLine struct{ *persons.Reject }

const rejectHeader = ">LINE\tFIELD\tREASON"

func (r rejectLine) cells(l language.Language) []string {
	return []string{number(int64(r.Line)), r.Field, l.Choose(string(r.Reason)+" ("+r.Wrong().In(l)+")", string(r.Reason)+"（"+r.Wrong().In(l)+"）")}
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// matchReport is a report for machines. A percentage is null where nothing was compared.
type matchReport struct {
	Import int32         `json:"import"`
	File   string        `json:"file_sha256"`
	By     string        `json:"by"`
	At     string        `json:"at"`
	State  persons.State `json:"state"`
	Rows   int64         `json:"rows"`
	persons.Counts
	Accuracy        *float64 `json:"accuracy_percent"`
	AccuracyFormula string   `json:"accuracy_formula"`
	Usable          *float64 `json:"usable_percent"`
	UsableFormula   string   `json:"usable_formula"`
}

func (c *command) personsReport(ctx context.Context, client *api.Client, of persons.Import) error {
	_, zone, err := booksOf(ctx, client)
	if err != nil {
		return err
	}
	of.At = of.At.In(zone.Location)
	n := of.Counts
	if c.asJSON {
		return writeJSON(os.Stdout, matchReport{
			Import: of.Number, File: of.File, By: of.By, At: of.At.Format(time.RFC3339), State: of.State, Rows: n.Rows(), Counts: n,
			Accuracy: percent(n.Accuracy()), AccuracyFormula: "100 * name_agreed / known_before",
			Usable: percent(n.Usable()), UsableFormula: "100 * (rows - refused - conflicting) / rows",
		})
	}
	l := c.Language
	c.Print("import %d of persons, begun by %s at %s, roster %s", of.Number, of.By, of.At.Format(time.RFC3339), of.File)
	switch of.State {
	case persons.Done:
	case persons.Begun:
		c.Print("it has not ended: line %d comes next, and nothing of it counts yet", of.Next)
	case persons.Undoing:
		c.Print("it is being undone: nothing of it counts")
	case persons.Undone:
		c.Print("it was undone: nothing of it is there")
	}
	table := service.Table{Language: l}
	table.Head("ROWS OF THE ROSTER", ">COUNT")
	for _, r := range []struct {
		english, chinese string
		count            int64
	}{
		{"matched exactly", "完全匹配", n.Exact},
		{"matched by name form", "姓名异写匹配", n.Form},
		{"new", "新增", n.New},
		{"conflicting", "冲突", n.Conflicting},
		{"older than what is known", "早于已知状态", n.Older},
		{"repeated", "重复", n.Repeated},
		{"refused", "拒收", n.Refused},
		{"all", "合计", n.Rows()},
		{"of those matched: present again", "匹配中：恢复在册", n.Present},
		{"of those matched: moved away", "匹配中：迁出", n.Moved},
		{"of those matched: died", "匹配中：死亡", n.Died},
		{"of those matched: renamed", "匹配中：更名", n.Renamed},
		{"of those matched: same status from a later day", "匹配中：状态起始日延后", n.Redated},
		{"of those matched: birth date told first", "匹配中：首次提供出生日期", n.Born},
	} {
		table.Add(l.Choose(r.english, r.chinese), number(r.count))
	}
	if err := table.Write(os.Stdout); err != nil {
		return err
	}
	c.Print("accuracy %s: %d rows whose name agrees with the known one after normalisation / %d rows with a valid certificate number that was known before (repeated rows aside)",
		shown(n.Accuracy()), n.Agreed, n.Known)
	c.Print("usable %s: %d rows neither refused nor conflicting / %d rows", shown(n.Usable()), n.Rows()-n.Refused-n.Conflicting, n.Rows())
	return nil
}

// percent is nil where nothing was compared.
func percent(s persons.Share) *float64 {
	if s.Of == 0 {
		return nil
	}
	value := 100 * float64(s.Part) / float64(s.Of)
	return &value
}

// shown is a percentage with two digits, which are cut: 99.999 % is not 100 %.
func shown(s persons.Share) string {
	if s.Of == 0 {
		return "-"
	}
	hundredths := 10_000 * s.Part / s.Of
	return fmt.Sprintf("%d.%02d %%", hundredths/100, hundredths%100)
}

package main

import (
	"context"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/calendar"
	"citycard/clearing/rulefile"
	"citycard/clearing/rules"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// calendarLine is a day of the calendar as it is printed.
type calendarLine struct {
	Day    string        `json:"day"`
	Kind   calendar.Kind `json:"kind"`
	Source string        `json:"source"`
}

func (c calendarLine) cells(l language.Language) []string {
	day, _ := ledger.ParseDay(c.Day) // a checked calendar has it
	return []string{c.Day, weekdayIn(l, day.Time(time.UTC).Weekday()), l.Coded(string(c.Kind), string(c.Kind), c.Kind.Chinese()), c.Source}
}

// weekdayIn is a day of the week in words.
func weekdayIn(l language.Language, day time.Weekday) string {
	return l.Choose(day.String(), [...]string{"星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"}[day])
}

const calendarHeader = "DATE\tWEEKDAY\tKIND\tSOURCE"

func rulesCalendarCommand() *ffcli.Command {
	c := newCommand("rules calendar", "[--from DAY] [--to DAY]", "which days are workdays, restdays and holidays", "")
	of := everyDay()
	c.flags.Var(&of.from, "from", "first `day` YYYYMMDD")
	c.flags.Var(&of.to, "to", "last `day` YYYYMMDD")
	edition := c.flags.String("edition", "", "`edition` as a batch's note or citycard rules history names it, or proposal:2; empty: the one in force")
	c.check = of.check
	return c.reads(func(ctx context.Context, b *books.Books) error {
		set, err := editionOf(ctx, b, *edition)
		if err != nil {
			return err
		}
		return list(c, calendarHeader, calendarLine.cells, func(add func(calendarLine) error) error {
			for day := range set.Calendar.Between(of.days()) {
				if err := add(calendarLine{day.Date.String(), day.Kind, day.Source}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// eachDayChanged compares two calendars: the field of a day is its date, that of its source ends in
// .source.
func eachDayChanged(before, after []byte, add func(fieldChange) error) error {
	was, err := calendarOf(before)
	if err != nil {
		return err
	}
	is, err := calendarOf(after)
	if err != nil {
		return err
	}
	for _, change := range is.Changes(was) {
		day := change.Date.String()
		if change.Was != change.Is {
			if err := add(fieldChange{rules.Calendar, day, string(change.Was), string(change.Is)}); err != nil {
				return err
			}
		}
		if change.WasOf != change.IsOf {
			if err := add(fieldChange{rules.Calendar, day + ".source", change.WasOf, change.IsOf}); err != nil {
				return err
			}
		}
	}
	return nil
}

// calendarOf reads a calendar for a comparison.
func calendarOf(content []byte) (*calendar.Calendar, error) {
	text, err := rulefile.Text(content)
	if err != nil {
		return nil, err
	}
	read, err := calendar.Load(text)
	if err != nil {
		return nil, service.Fail("%s has faults", rules.Calendar.File()).Todo("citycard rules check names them").Because(err)
	}
	return read, nil
}

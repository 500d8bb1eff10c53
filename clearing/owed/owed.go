// Package owed lists what is owed to the holders of cards, and who has to act next: paid orders
// that no card has, loads of which nobody knows whether the card has them, and the money of cards
// that were lost or handed in. It reads what other rooms keep, and decides nothing.
package owed

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/transit/load"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// Figures are by what it is judged.
type Figures struct {
	Today ledger.Day // in the city's zone
	Days  int        // after so many days, by the rules, a person looks after a paid load
}

// Why is why something is owed.
type Why string

// The reasons.
const (
	Waits       Why = "waits"       // a paid order waits for its card longer than the rules' days
	Held        Why = "held"        // a paid order waits, and its card may have it
	Ended       Why = "ended"       // a paid order, or a balance, waits for a card that is ended
	Unconfirmed Why = "unconfirmed" // MAC2 was given out longer than the rules' days ago, and no word of the card has come
	Due         Why = "due"         // a card was lost or handed in, and its money is due
	Altered     Why = "altered"     // a row of the books cannot be what the program wrote: what is owed by it is not known
)

// Next is who acts next, and what they do.
func (w Why) Next() *language.Text {
	switch w {
	case Waits:
		return language.Textf("the holder brings the card to a counter; or two people of the issuer give it back: citycard load withdraw")
	case Held:
		return language.Textf("the issuer finds out whether the card has it; then two people: citycard load withdraw")
	case Ended:
		return language.Textf("two people of the issuer pay it out: citycard load withdraw")
	case Unconfirmed:
		return language.Textf("the channel looks at the card; if that does not have it, two people of the issuer: citycard load refund")
	case Altered:
		return language.Textf("the keeper looks for who altered the books: citycard verify")
	case Due:
	}
	return language.Textf("the holder comes to a counter, for the money or for another card")
}

// Line is something that is owed.
type Line struct {
	Since    ledger.Day // a clearing day; of one that is due, the first day on which it may be paid
	Why      Why
	Card     identity.Card // whose holder it is owed to
	Fen      ledger.Fen
	Placer   load.Placer // of an order: whose number it is; empty for one that is due
	Order    string
	Sequence *uint16 // the card's online sequence of one that is unconfirmed
	Row      string  // what is wrong with a row that was altered; without card and amount
}

// altered makes it the line of such a row.
func (l *Line) altered(row string) {
	if row != "" {
		*l = Line{Since: l.Since, Why: Altered, Placer: l.Placer, Order: l.Order, Row: row}
	}
}

// The sources of lines, in the order in which those of a day are listed.
const (
	orders = iota
	unconfirmed
	ofCards
	sources
)

// place is that of a line in the list: behind all lines before it.
type place struct {
	day    ledger.Day
	source int
	key    string // of the source; empty: before all keys
}

// in is where a source's lines begin that are behind the place.
func (p place) in(source int) place {
	switch {
	case source < p.source:
		return place{day: p.day.Add(1)}
	case source > p.source:
		return place{day: p.day}
	}
	return p
}

// String is the place as a client repeats it.
func (p place) String() string {
	return fmt.Sprintf("%s-%d-%x", p.day, p.source, p.key)
}

// ErrAfter says that a text is no place in the list.
var ErrAfter = language.Textf("want what the page before gave as next")

func parse(text string) (p place, err error) {
	if text == "" {
		return place{}, nil
	}
	parts := strings.Split(text, "-")
	if len(parts) != 3 {
		return p, ErrAfter
	}
	day, wrong := ledger.ParseDay(parts[0])
	source, wrongToo := strconv.Atoi(parts[1])
	key, err := hex.DecodeString(parts[2])
	if wrong != nil || wrongToo != nil || err != nil || source < 0 || source >= sources {
		return p, ErrAfter
	}
	p = place{day, source, string(key)}
	if source == orders && (!utf8.Valid(key) || strings.Count(p.key, "\x00") > 1) {
		return p, ErrAfter
	}
	return p, nil
}

// found is a line with its place, and with what its source knows of it.
type found struct {
	place
	Line
	load    *load.Unconfirmed
	deposit ledger.Fen
}

// List gives a page of what is owed, the oldest first, and what to ask with for the next one;
// empty: there is none. after is empty, or what the page before gave. The error is ErrAfter for
// another one. A page may have fewer lines than limit, and there may be more behind it.
func List(ctx context.Context, l *ledger.Ledger, f Figures, after string, limit int) (lines []Line, next string, err error) {
	from, err := parse(after)
	if err != nil {
		return nil, "", err
	}
	var all []found
	err = l.Look(ctx, func(tx pgx.Tx) error {
		all = nil // Look may run it again
		for source, read := range []func(context.Context, pgx.Tx, Figures, place, int) ([]found, error){orders: readOrders, unconfirmed: readUnconfirmed, ofCards: readCards} {
			list, err := read(ctx, tx, f, from.in(source), limit+1)
			if err != nil {
				return err
			}
			all = append(all, list...)
		}
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("list what is owed: %w", err)
	}
	// Each source has its lines of a day in an order of its own, which is the database's.
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.source, b.source)) })
	if len(all) > limit {
		all = all[:limit]
		next = all[limit-1].place.String()
	}
	if err := complete(ctx, l, all); err != nil {
		return nil, "", fmt.Errorf("list what is owed: %w", err)
	}
	for i := range all {
		if all[i].Fen > 0 || all[i].Why == Altered { // a card that is due may have nothing
			lines = append(lines, all[i].Line)
		}
	}
	return lines, next, nil
}

// complete reads what the sources do not have: the amounts of cards, and the requests of loads.
func complete(ctx context.Context, l *ledger.Ledger, all []found) error {
	var subjects []ledger.Subject
	var loads []load.Unconfirmed
	for i := range all {
		if all[i].load != nil {
			loads = append(loads, *all[i].load)
		}
		if all[i].Why == Due {
			subjects = append(subjects, all[i].Card.Subject())
		}
	}
	purses, err := shadow.BalancesOf(ctx, l, ledger.IDOfCode(chart.Float), subjects)
	if err != nil {
		return err
	}
	requests, err := load.Requests(ctx, l, loads)
	if err != nil {
		return err
	}
	n := 0
	for i := range all {
		line := &all[i].Line
		switch {
		case all[i].load != nil:
			of := &requests[n]
			line.altered(loads[n].Altered)
			if n++; line.Why == Altered {
				continue
			}
			line.Fen, line.Placer, line.Order, line.Sequence = of.Fen, of.Placer, of.Number, &of.Load.Sequence
			if line.Placer == "" {
				line.Placer = load.PlacedBy(of.Channel)
			}
		case line.Why == Due:
			line.Fen = purses[line.Card.Subject()] + all[i].deposit
		}
	}
	return nil
}

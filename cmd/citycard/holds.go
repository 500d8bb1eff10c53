package main

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/language"
	"citycard/ledger"
)

// holdLine is a hold that has not ended; subject and id are in hex, the amount in fen.
type holdLine struct {
	Day     string     `json:"day"`
	Subject string     `json:"subject"`
	ID      string     `json:"id"`
	Debit   string     `json:"debit"`
	Credit  string     `json:"credit"`
	Amount  ledger.Fen `json:"amount"`
	Expires string     `json:"expires,omitempty"`
	Lapsed  bool       `json:"lapsed"`
}

func (h holdLine) cells(l language.Language) []string {
	state := ""
	if h.Lapsed {
		state = l.Choose("lapsed", "已过期")
	}
	return []string{h.Day, h.Subject, h.ID, h.Debit, h.Credit, h.Amount.String(), h.Expires, state}
}

const holdHeader = "DAY\tSUBJECT\tID\tDEBIT\tCREDIT\t>AMOUNT\tEXPIRES\tSTATE"

func holdsCommand() *ffcli.Command {
	c := newCommand("holds", "", "holds that have not ended", "A hold that has lapsed keeps its money until its expiry is posted. Amounts are in yuan, with --json in fen.")
	lapsed := c.flags.Bool("lapsed", false, "only those that have lapsed")
	return c.reads(func(ctx context.Context, b *books.Books) error { return c.holds(ctx, b, *lapsed, time.Now()) })
}

func (c *command) holds(ctx context.Context, b *books.Books, lapsedOnly bool, now time.Time) error {
	chart, err := b.Accounts(ctx)
	if err != nil {
		return err
	}
	return list(c, holdHeader, holdLine.cells, func(add func(holdLine) error) error {
		return b.Holds(ctx, func(h ledger.HoldStatus) error {
			line := holdLine{
				Day: h.Key.Day.String(), Subject: hex.EncodeToString([]byte(h.Key.Subject)), ID: hex.EncodeToString([]byte(h.Key.ID)),
				Debit: books.CodeOf(chart, h.Debit), Credit: books.CodeOf(chart, h.Credit), Amount: h.Amount,
			}
			if !h.Expires.IsZero() {
				line.Expires, line.Lapsed = h.Expires.Format(time.RFC3339), !now.Before(h.Expires)
			}
			if lapsedOnly && !line.Lapsed {
				return nil
			}
			return add(line)
		})
	})
}

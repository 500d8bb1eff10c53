package main

import (
	"context"
	"errors"

	"citycard/clearing/docket"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/transit"
	"citycard/clearing/transit/fare"
	"citycard/clearing/verdict"
	"citycard/language"
	"citycard/ledger"
)

// charge is what a flagged tap was charged, beside what the table of its signed second says.
type charge struct {
	Fen   ledger.Fen  `json:"fen"`                 // with what was paid in cash at a desk
	Table *ledger.Fen `json:"table_fen,omitempty"` // none where the table has no price
	Why   string      `json:"why"`
}

// unknownTable is why a tap is flagged whose price may be right, but not the table that it names.
const unknownTable = "unknown_table"

// beyondOverdraft is why a tap is flagged whose price is right, but whose card is further below
// zero than its product allows.
const beyondOverdraft = "beyond_overdraft"

// tables are what taps are priced by.
type tables struct {
	edition *index.Edition
	rules   transit.Rules
}

func (r *tapReader) readTables(ctx context.Context) error {
	set, err := editionOf(ctx, r.books, "")
	if err != nil {
		return err
	}
	edition, err := registry.NewStore(r.books.Pool()).Load(ctx, registry.Terminals, registry.SAMs, registry.Modes, registry.Issuers)
	if errors.Is(err, registry.ErrEmpty) {
		edition, err = &index.Edition{}, nil
	}
	if err != nil {
		return err
	}
	r.tables = &tables{edition, transit.Rules{Fares: set.Tables, Purses: set.Loads}}
	return nil
}

// flags reports whether the fare of a row's tap is not the table's, and notes both amounts.
func (r *tapReader) flags(row *ledger.Row, item *ruled) bool {
	if item.verdict != verdict.Cleared && item.verdict != verdict.Pending || item.Reason != verdict.None {
		return false
	}
	found, ok := r.tables.rules.Recheck(r.tables.edition, &docket.Record{Value: row.Evidence})
	if !ok || !found.Flagged {
		return false
	}
	item.Charge = &charge{Fen: found.ChargedFen, Why: found.Outcome.String()}
	if found.Outcome <= fare.AmountDiffers {
		table := ledger.Fen(found.ExpectedFen)
		item.Charge.Table = &table
	}
	switch {
	case found.OK() && found.Beyond > 0:
		item.Charge.Why = beyondOverdraft
	case found.OK():
		item.Charge.Why = unknownTable
	}
	return true
}

const chargeHeader = "TIME\tCARD OR WHAT\tTERMINAL\tSEQ\t>CHARGED\t>BY THE TABLE\tWHY\tPAYEE\tBOOKED"

func (item ruled) chargeCells(l language.Language) []string {
	plain := item.cells(l)
	table := "—"
	if item.Charge.Table != nil {
		table = item.Charge.Table.String()
	}
	return []string{plain[0], plain[1], plain[2], plain[3], item.Charge.Fen.String(), table, item.Charge.why(l), item.Payee, item.Booked}
}

func (c *charge) why(l language.Language) string {
	if text, ok := claimWhy(c.Why, l); ok {
		return text
	}
	switch c.Why {
	case fare.AmountDiffers.String():
		return l.Coded(c.Why, "another price than the table's", "与票价表不符")
	case beyondOverdraft:
		return l.Coded(c.Why, "the card is further below zero than its product allows", "透支超出产品限额")
	case unknownTable:
		return l.Coded(c.Why, "it names a fare table that there never was", "所称票价表从未存在")
	}
	return unpricedIn(c.Why, l)
}

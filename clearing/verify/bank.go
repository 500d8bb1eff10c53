package verify

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"citycard/clearing/cards"
	"citycard/clearing/csvfile"
	"citycard/clearing/people"
	"citycard/ledger/chain"
)

// bankAct is the taking of a file of the bank, as the audit has it.
type bankAct struct {
	entry *chain.AuditEntry
	said  cards.BankTold
	left  int // rows of which no step was seen yet
}

func (c *check) toldOfBank() {
	told(c, cards.ActBank, func(e *chain.AuditEntry, of cards.BankTold) {
		c.signedWhat(e, of.What())
		c.acted.bank[of.Number] = &bankAct{e, of, of.Done}
	})
}

// rowOfBank says what differs between a step and the file of which it is a row.
func (c *check) rowOfBank(of *cards.Record, person string) string {
	act := c.acted.bank[of.BankFileOf()]
	switch {
	case act == nil || of.Unit != people.Issuer:
		return "the audit has no such file of the bank"
	case act.entry.First != person || act.entry.At.Unix() != of.At:
		return fmt.Sprintf("%q took the file at second %d; entry %d of the audit has %q at %d", person, of.At, act.entry.Number, act.entry.First, act.entry.At.Unix())
	}
	act.left--
	return ""
}

// bankOf says what is wrong with what a step has done with the bank's word.
func (l *life) bankOf(of *cards.Record) string {
	var was cards.Standing
	if l.last != nil {
		was = l.last.Left
	}
	is := of.Left
	if of.Do == cards.Bank && (!is.BankLater(&was) || was.Bank == cards.NoFunction) {
		return "the bank had said something later, or the card has no bank function"
	}
	if of.Do == cards.Bank {
		is.Bank, is.BankDay, is.BankSequence = was.Bank, was.BankDay, was.BankSequence
		if is != was {
			return "it changes more than the bank function"
		}
	}
	begins := of.Do == cards.Sell || of.Do == cards.Replace && is.State != cards.Replaced // the card is with its customer from now on
	if begins && is.Bank != cards.NoFunction && is.Bank != cards.Waiting {
		return "the bank has not said yet how its function stands"
	}
	if is.BankDay != was.BankDay || is.BankSequence != was.BankSequence || !begins && is.Bank != was.Bank {
		return "it changes what the bank has said"
	}
	return ""
}

// bankFiles compares what is kept of files of the bank, and the steps of their rows, with the
// audit.
func (c *check) bankFiles(ctx context.Context) error {
	files := map[string]csvfile.Told{}
	for _, number := range slices.Sorted(maps.Keys(c.acted.bank)) {
		act := c.acted.bank[number]
		files[act.said.File] = act.said.Told
		if act.left != 0 {
			c.fault(BankFile, fmt.Sprintf("file %d", number), "the audit has %d rows more than there are steps", act.left)
		}
	}
	var file []byte
	var number, same int64
	err := c.each(ctx, "SELECT file, number, same FROM bank_files", []any{&file, &number, &same}, func() error {
		act := c.acted.bank[number]
		if act == nil || act.said.File != hex.EncodeToString(file) || int64(act.said.Same) != same {
			c.fault(BankFile, fmt.Sprintf("file %d", number), "what is kept of it is not what the audit has")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.takenFiles(ctx, BankFile, "file", "SELECT file, lines, done, rejects FROM bank_files", "SELECT file, line, content, why FROM bank_rejects ORDER BY file, line", files)
}

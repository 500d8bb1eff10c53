package cards_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"citycard/clearing/cards"
	"citycard/clearing/csvfile"
	"citycard/clearing/verify"
	"citycard/ledger"
)

// bankFile is a file of the bank with rows.
func bankFile(t testing.TB, rows ...string) *cards.BankFile {
	t.Helper()
	text := "number,state,day,sequence\n" + strings.Join(rows, "\n") + "\n"
	sum := sha256.Sum256([]byte(text))
	f, err := cards.ReadBankFile([]byte(text + csvfile.End(len(rows), sum[:])))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// says has the bank's file with rows taken, of which so many are done and say what was known.
func (c *counter) says(done, same int, rows ...string) cards.BankTaken {
	c.Helper()
	taken, repeated, err := c.TakeBank(c.Context(), bankFile(c, rows...), c.by())
	c.must(err)
	if repeated || taken.Done != done || taken.Same != same || taken.Rows != len(rows) || len(taken.Rejects) != len(rows)-done-same {
		c.Errorf("%+v, repeated %t; want %d done and %d the same", taken, repeated, done, same)
	}
	return taken
}

func (c *counter) bank(card string, state cards.Function, day ledger.Day) {
	c.Helper()
	if f := c.find(card); f.Bank != state || f.BankDay != day {
		c.Errorf("the bank function of card %s is %q of day %d, want %q of %d", card, f.Bank, f.BankDay, state, day)
	}
}

// TestBank takes files of the bank: the good rows count, the bad ones are kept with the reason, and
// what the bank said last stands.
func TestBank(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("social"), shown("Li"))
	c.does(cards.Sell, number(1), product("social"), shown("Wu"))
	c.does(cards.Sell, number(2), product("ordinary"), cash(1000))
	c.bank(number(0), cards.Waiting, 0)
	rows := []string{
		number(0) + ",active,20260105,1", number(1)[1:] + ",挂失,20260104,7",
		number(2) + ",active,20260105,1", number(3) + ",active,20260105,1", "12,active,20260105,1", number(0) + ",gone,20260105,2",
		number(0) + ",closed,20260106,1", number(0) + ",closed,2026-01-05,1", number(0) + ",closed,20260105,0", number(0) + ",closed,20260104,9",
	}
	taken := c.says(2, 0, rows...)
	for i, want := range []string{
		"no bank function", "no card of this number", "want the 19 or 20 digits", "state: want", "that is not to come", "want a day", "want a number from 1", `has said "active" of it with day 20260105 and sequence 1`,
	} {
		if r := taken.Rejects[i]; r.Line != i+4 || r.Content != rows[i+2] || !strings.Contains(r.Why, want) {
			t.Errorf("%+v, want %q", r, want)
		}
	}
	c.bank(number(0), cards.Working, 20260105)
	c.bank(number(1), cards.Suspended, 20260104)
	if again, repeated, err := c.TakeBank(t.Context(), bankFile(t, rows...), c.by()); err != nil || !repeated || again.Done != 2 || len(again.Rejects) != 8 || again.Number != 1 {
		t.Errorf("the same file again: %+v, %t, %v", again, repeated, err)
	}
	// A later file: a whole list again, with one change of the same day, and two of one card.
	c.says(3, 1, number(0)+",active,20260105,1", number(1)+",active,20260105,1", number(0)+",suspended,20260105,2", number(0)+",closed,20260105,3")
	c.bank(number(0), cards.Ended, 20260105)
	c.bank(number(1), cards.Working, 20260105)
	c.says(0, 0, number(1)+",closed,20260105,1") // another state under a name that was used
	if f := c.find(number(0)); f.State != cards.Active || f.Social != cards.Waiting || len(f.Steps) != 4 || f.Steps[3].Order != "bank 2 line 5" {
		t.Errorf("%+v", f)
	}
	// The bank function changes nothing of the others.
	c.does(cards.Activate, number(0), shown("Li"))
	c.does(cards.ReportLoss, number(1), shown("Wu"))
	c.says(1, 0, number(1)+",suspended,20260105,2")
	c.does(cards.Replace, number(1), another(number(4)), cash(2000), shown("Wu"))
	c.bank(number(4), cards.Waiting, 0)
	c.says(2, 0, number(1)+",closed,20260105,3", number(4)+",未激活,20260105,1")
	c.bank(number(1), cards.Ended, 20260105)
	c.bank(number(4), cards.Waiting, 20260105)
	c.stands(number(1), cards.Replaced, 0)
	c.hold()
}

// TestBankForged alters rows of the bank's files behind the books' back: verify names each.
func TestBankForged(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("social"), shown("Li"))
	c.says(1, 1, number(0)+",active,20260104,1", number(0)+",active,20260104,1", number(9)+",active,20260105,1")
	c.says(1, 0, number(0)+",closed,20260105,1")
	if found := c.faults(); len(found) > 0 {
		t.Fatalf("before any change: %q", found)
	}
	c.names([]forgery{
		{"UPDATE cards SET stands = replace(stands, 'ended', 'active')", verify.CardRow},
		{`UPDATE card_steps SET record = replace(record, '"bank":"ended"', '"bank":"active"')`, verify.CardStep},
		{"UPDATE card_steps SET person = 'eve' WHERE number = 2", verify.CardStep},
		{"DELETE FROM card_steps WHERE number = 3", verify.BankFile},
		{"UPDATE bank_files SET number = 7 WHERE number = 1", verify.BankFile},
		{"UPDATE bank_files SET same = 0", verify.BankFile},
		{"UPDATE bank_files SET done = done + 1", verify.BankFile},
		{"UPDATE bank_files SET rejects = 0", verify.BankFile},
		{"UPDATE bank_rejects SET why = 'x'", verify.BankFile},
		{"DELETE FROM bank_rejects", verify.BankFile},
		{"DELETE FROM bank_files WHERE number = 2", verify.BankFile},
	})
}

// TestBankReplacedForged alters what the bank has said of a card in the step that replaces it, in
// the note of the journal and the rows alike: verify names it, as it names a new card that would
// begin so.
func TestBankReplacedForged(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("social"), shown("Li"))
	c.says(1, 0, number(0)+",active,20260104,1")
	c.does(cards.Replace, number(0), another(number(1)), cash(2000), shown("Li"))
	alter := func(from, to, state string) string {
		of := func(text string) string { return fmt.Sprintf(`replace(%s, '"bank":%q', '"bank":%q')`, text, from, to) }
		return fmt.Sprintf(`WITH notes AS (UPDATE journal SET evidence = convert_to(%s, 'UTF8') WHERE id >= '\x60' AND id < '\x61' AND convert_from(evidence, 'UTF8') LIKE '%%"do":"replace"%%'),
			rows AS (UPDATE card_steps SET record = %s WHERE record LIKE '%%"do":"replace"%%') UPDATE cards SET stands = %s WHERE state = '%s'`,
			of("convert_from(evidence, 'UTF8')"), of("record"), of("stands"), state)
	}
	c.names([]forgery{
		{alter("active", "ended", "replaced"), verify.CardStep},
		{alter("waiting", "active", "active"), verify.CardStep},
	})
}

// TestBankModel takes rows at random: of each card there stands what has the last day and sequence.
func TestBankModel(t *testing.T) {
	c := newCounter(t)
	c.open()
	const of = 3
	type word struct {
		state    cards.Function
		day, seq int
	}
	model := [of]word{}
	for n := range of {
		c.does(cards.Sell, number(n), product("social"), shown("Li"))
		model[n] = word{state: cards.Waiting}
	}
	words := map[string]cards.Function{"not_activated": cards.Waiting, "active": cards.Working, "suspended": cards.Suspended, "closed": cards.Ended}
	rapid.Check(t, func(rt *rapid.T) {
		var rows []string
		done, same := 0, 0
		for range rapid.IntRange(1, 6).Draw(rt, "rows") {
			n, text := rapid.IntRange(0, of-1).Draw(rt, "card"), rapid.SampledFrom([]string{"not_activated", "active", "suspended", "closed"}).Draw(rt, "state")
			w := word{words[text], rapid.IntRange(1, 5).Draw(rt, "day"), rapid.IntRange(1, 1000).Draw(rt, "sequence")}
			rows = append(rows, fmt.Sprintf("%s,%s,202601%02d,%d", number(n), text, w.day, w.seq))
			switch is := model[n]; {
			case w == is:
				same++
			case w.day > is.day || w.day == is.day && w.seq > is.seq:
				model[n], done = w, done+1
			}
		}
		taken, repeated, err := c.TakeBank(t.Context(), bankFile(t, rows...), c.by())
		if err != nil || !repeated && (taken.Done != done || taken.Same != same) {
			rt.Fatalf("%+v, %v, want %d and %d: %q", taken, err, done, same, rows)
		}
	})
	for n, w := range model {
		if f := c.find(number(n)); f.Bank != w.state || int(f.BankDay)%100 != w.day%100 || f.BankSequence != int64(w.seq) {
			t.Errorf("card %d: %s of %d, %d; want %+v", n, f.Bank, f.BankDay, f.BankSequence, w)
		}
	}
	c.hold()
}

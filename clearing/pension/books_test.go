package pension_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/pension"
	"citycard/ledger"
)

// books are amounts by key, and count how often they are asked.
type books struct {
	amounts map[ledger.Key]ledger.Fen
	asked   int
}

func (b *books) booked(_ context.Context, keys []ledger.Key) ([]ledger.Fen, error) {
	b.asked++
	found := make([]ledger.Fen, len(keys))
	for i, key := range keys {
		found[i] = b.amounts[key]
	}
	return found, nil
}

func records(messages ...[]byte) []docket.Record {
	list := make([]docket.Record, len(messages))
	for i, value := range messages {
		list[i] = docket.Record{Offset: int64(i), Value: value}
	}
	return list
}

// said are the reasons of a docket's rulings, in order.
func said(d *docket.Docket) (reasons []string) {
	for _, r := range d.Rulings {
		reasons = append(reasons, fmt.Sprint(r.Verdict, " ", r.Reason, " ", r.Fen))
	}
	return reasons
}

// TestBooksAskedOnce rules on batches of lists and of answers that need the books, beside others
// that do not: the books are asked once a batch, and each line gets its own amount.
func TestBooksAskedOnce(t *testing.T) {
	const second, third = "00000000000000000000000000000004", "00000000000000000000000000000005"
	town := clearingtest.New(t, func(files map[string]string) {
		files["persons.csv"] += second + ",employee,retired,0,200000,203012,20200101\n" + third + ",employee,retired,0,100000,203012,20200101\n"
	})
	key := func(person string, id ledger.ID) ledger.Key {
		return ledger.Key{Day: 20260101, Subject: ledger.Subject(clearingtest.Hex(person)), ID: id}
	}
	b := &books{amounts: map[ledger.Key]ledger.Fen{
		key(clearingtest.Retired, identity.Pension("202601", 1)):       300_000,
		key(second, identity.Pension("202601", 1)):                     200_000,
		key(clearingtest.Retired, identity.PensionReturn("202601", 1)): 300_000,
		key(second, identity.PensionReturn("202601", 2)):               200_000,
	}}
	judge := &pension.Judge{People: town.Registry, Rules: town.Rules.Pension, Booked: b.booked}

	line := func(person string, fen int64) *message.PensionLine {
		return &message.PensionLine{Person: clearingtest.Hex(person), AmountFen: fen}
	}
	list := func(payment uint32, lines ...*message.PensionLine) []byte {
		return clearingtest.Encode(&message.PensionBatch{Batch: "b", Month: "202601", Payday: "20260105", Payment: payment, Lines: lines})
	}
	d := docket.New(docket.Source{Stream: "pension.batches/0", Day: 20260105}, 0)
	if _, err := judge.RuleLists(t.Context(), records(
		list(2, line(third, 100_000), line(clearingtest.Retired, 300_000)),
		[]byte("no list"),
		list(1, line(third, 100_000)),
		list(3, line(second, 200_000), line(clearingtest.Retired, 300_000)),
	), d); err != nil {
		t.Fatal(err)
	}
	want := []string{"rejected not_returned 0.00", "cleared  3000.00", "rejected undecodable 0.00", "cleared  1000.00", "cleared  2000.00", "rejected not_returned 0.00"}
	if got := said(d); !slices.Equal(got, want) || b.asked != 1 {
		t.Errorf("lists: %q, asked %d times; want %q, once", got, b.asked, want)
	}

	back := func(lines ...*message.PensionReturn) []byte {
		return clearingtest.Encode(&message.PensionResult{Batch: "b", Month: "202601", Returns: lines})
	}
	returned := func(person string, fen int64) *message.PensionReturn {
		return &message.PensionReturn{Person: clearingtest.Hex(person), AmountFen: fen}
	}
	b.asked = 0
	d = docket.New(docket.Source{Stream: "pension.results/0", Day: 20260105}, 0)
	if _, err := judge.RuleReturns(t.Context(), records(
		back(returned(third, 100_000), returned(second, 200_000)),
		back(),
		[]byte("no answer"),
		back(returned(clearingtest.Retired, 300_000), returned(second, 199_999)),
	), d); err != nil {
		t.Fatal(err)
	}
	want = []string{"rejected not_paid 0.00", "cleared  2000.00", "cleared  0.00", "rejected undecodable 0.00", "cleared  3000.00", "rejected amount_differs 0.00"}
	if got := said(d); !slices.Equal(got, want) || b.asked != 1 {
		t.Errorf("answers: %q, asked %d times; want %q, once", got, b.asked, want)
	}
}

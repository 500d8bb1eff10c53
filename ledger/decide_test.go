package ledger_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"citycard/ledger"
)

// linked ties each transfer but the last to the next.
func linked(transfers ...ledger.Transfer) []ledger.Transfer {
	for i := range transfers[:len(transfers)-1] {
		transfers[i].Linked = true
	}
	return transfers
}

func with(t ledger.Transfer, change func(*ledger.Transfer)) ledger.Transfer {
	change(&t)
	return t
}

// decision is one case of a table: what is posted first, the batch in question, and every answer to
// it.
type decision struct {
	name         string
	first, batch []ledger.Transfer
	want         []string
}

func decide(t *testing.T, cases []decision) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBooks(t)
			if c.first != nil {
				b.post(c.first)
			}
			out := b.post(c.batch)
			if got := describe(out.Transfers); !slices.Equal(got, c.want) {
				t.Errorf("decisions\n  %q\nexpected\n  %q", got, c.want)
			}
			b.verify()
		})
	}
}

// fund debits the fund, which must not be overdrawn.
func fund(id int, amount ledger.Fen) ledger.Transfer {
	return transfer(id, "fund", "operator:bus", amount)
}

func evidence(id int, amount ledger.Fen, text string) ledger.Transfer {
	return with(transfer(id, "float", "operator:bus", amount), func(x *ledger.Transfer) { x.Evidence = []byte(text) })
}

func TestRepeats(t *testing.T) {
	decide(t, []decision{
		{
			"same again",
			[]ledger.Transfer{transfer(1, "float", "operator:bus", 5)},
			[]ledger.Transfer{transfer(1, "float", "operator:bus", 5), transfer(2, "float", "operator:bus", 6)},
			[]string{"duplicate 5", "inserted 6"},
		},
		{
			"twice in one batch", nil,
			[]ledger.Transfer{transfer(1, "float", "operator:bus", 5), transfer(1, "float", "operator:bus", 5), transfer(1, "float", "operator:metro", 5)},
			[]string{"inserted 5", "duplicate 5", "conflict: its key is taken by other content"},
		},
		{
			"other amount",
			[]ledger.Transfer{transfer(1, "float", "operator:bus", 5)},
			[]ledger.Transfer{transfer(1, "float", "operator:bus", 6)},
			[]string{"conflict: its key is taken by other content"},
		},
		{
			"same evidence, other account",
			[]ledger.Transfer{evidence(1, 5, "record")},
			[]ledger.Transfer{with(evidence(1, 5, "record"), func(x *ledger.Transfer) { x.Credit = ledger.IDOfCode("operator:metro") })},
			[]string{"duplicate 5"},
		},
		{
			"other evidence",
			[]ledger.Transfer{evidence(1, 5, "record")},
			[]ledger.Transfer{evidence(1, 5, "Record")},
			[]string{"conflict: its key is taken by other content"},
		},
		{
			"same evidence, other amount",
			[]ledger.Transfer{evidence(1, 5, "record")},
			[]ledger.Transfer{evidence(1, 6, "record")},
			[]string{"conflict: its key is taken by other content"},
		},
	})
}

func TestLimits(t *testing.T) {
	decide(t, []decision{
		{
			"limit in batch order",
			[]ledger.Transfer{transfer(1, "reserve", "fund", 100)},
			[]ledger.Transfer{fund(2, 60), fund(3, 60), fund(4, 40), fund(5, 1), transfer(6, "reserve", "fund", 7), fund(7, 7)},
			[]string{
				"inserted 60", "refused: the debit account does not hold enough", "inserted 40", "refused: the debit account does not hold enough",
				"inserted 7", "inserted 7",
			},
		},
		{
			"limit met, then repeated",
			[]ledger.Transfer{transfer(1, "reserve", "fund", 100), fund(2, 100)},
			[]ledger.Transfer{fund(2, 100), fund(3, 1)},
			[]string{"duplicate 100", "refused: the debit account does not hold enough"},
		},
		{
			"credit limit",
			[]ledger.Transfer{transfer(1, "vault", "float", 10)},
			[]ledger.Transfer{transfer(2, "float", "vault", 8), transfer(3, "float", "vault", 8), transfer(4, "float", "vault", 2)},
			[]string{"inserted 8", "refused: the credit account cannot take as much", "inserted 2"},
		},
	})
}

func TestChains(t *testing.T) {
	decide(t, []decision{
		{
			"chain fails whole",
			[]ledger.Transfer{transfer(1, "reserve", "fund", 100)},
			append(linked(fund(2, 60), transfer(3, "float", "operator:bus", 1), fund(4, 60)), fund(5, 100)),
			[]string{
				"refused: another transfer of its chain was refused", "refused: another transfer of its chain was refused",
				"refused: the debit account does not hold enough", "inserted 100",
			},
		},
		{
			"chain succeeds whole",
			[]ledger.Transfer{transfer(1, "reserve", "fund", 100)},
			linked(fund(2, 60), fund(3, 40)),
			[]string{"inserted 60", "inserted 40"},
		},
		{
			"chain repeated", linked(transfer(1, "reserve", "fund", 100), fund(2, 60)), linked(transfer(1, "reserve", "fund", 100), fund(2, 60)),
			[]string{"duplicate 100", "duplicate 60"},
		},
		{
			"chain partly posted",
			[]ledger.Transfer{transfer(1, "reserve", "fund", 100)},
			linked(transfer(1, "reserve", "fund", 100), fund(2, 60)),
			[]string{"duplicate 100", "refused: only a part of its chain was posted before"},
		},
		{
			"chain in conflict",
			[]ledger.Transfer{transfer(1, "reserve", "fund", 100)},
			linked(fund(2, 60), transfer(1, "reserve", "fund", 99)),
			[]string{"refused: another transfer of its chain was refused", "conflict: its key is taken by other content"},
		},
		{
			"chain with a key twice", nil, linked(transfer(1, "reserve", "fund", 100), transfer(1, "reserve", "fund", 100)),
			[]string{"refused: another transfer of its chain was refused", "refused: its chain has another transfer with the same key"},
		},
		{
			"chain left open", nil,
			[]ledger.Transfer{transfer(1, "reserve", "float", 1), with(transfer(2, "reserve", "float", 1), func(x *ledger.Transfer) { x.Linked = true })},
			[]string{"inserted 1", "refused: the batch ends before its chain does"},
		},
	})
}

func TestMalformed(t *testing.T) {
	decide(t, []decision{
		{"malformed", nil, []ledger.Transfer{
			transfer(1, "float", "operator:bus", 0), transfer(2, "float", "operator:bus", -1), transfer(3, "float", "operator:bus", ledger.MaxAmount+1),
			transfer(4, "float", "float", 1), transfer(5, "float", "nobody", 1), transfer(6, "nobody", "float", 1),
			with(transfer(7, "float", "operator:bus", 1), func(x *ledger.Transfer) { x.Day = 20260230 }),
			with(transfer(8, "float", "operator:bus", 1), func(x *ledger.Transfer) { x.Subject = "" }),
			with(transfer(9, "float", "operator:bus", 1), func(x *ledger.Transfer) { x.ID = ledger.ID(strings.Repeat("x", 65)) }),
			with(transfer(10, "float", "operator:bus", 1), func(x *ledger.Transfer) { x.Evidence = make([]byte, ledger.MaxEvidence+1) }),
			with(transfer(10, "float", "operator:bus", 1), func(x *ledger.Transfer) { x.ID = "\xffmine" }),
			transfer(11, "float", "operator:bus", ledger.MaxAmount),
		}, []string{
			"refused: its amount must be between 1 and 1000000000000000 fen", "refused: its amount must be between 1 and 1000000000000000 fen",
			"refused: its amount must be between 1 and 1000000000000000 fen", "refused: debit and credit are the same account",
			"refused: there is no such account", "refused: there is no such account", "refused: its day must be a calendar day, its subject and id 1 to 64 bytes, the id's first below 0xFD",
			"refused: its day must be a calendar day, its subject and id 1 to 64 bytes, the id's first below 0xFD", "refused: its day must be a calendar day, its subject and id 1 to 64 bytes, the id's first below 0xFD",
			"refused: its evidence is too long", "refused: its day must be a calendar day, its subject and id 1 to 64 bytes, the id's first below 0xFD", "inserted 1000000000000000",
		}},
	})
}

// TestSame lets the batch's caller say what of the evidence counts: here its first byte. What
// stands is kept as it came first; amounts are the ledger's own to compare.
func TestSame(t *testing.T) {
	b := newBooks(t)
	memo := func(id int, text string) ledger.Memo {
		x := transfer(id, "float", "operator:bus", 1)
		return ledger.Memo{Day: x.Day, Subject: x.Subject, ID: x.ID, Kind: "record", Evidence: []byte(text)}
	}
	post := func(memos []ledger.Memo, transfers ...ledger.Transfer) []string {
		batch := b.batch(transfers, memos...)
		batch.Same = func(standing, now []byte) bool { return standing[0] == now[0] }
		out := b.postBatch(batch)
		return append(describe(out.Transfers), describe(out.Memos)...)
	}
	for i, step := range []struct {
		got, want []string
	}{
		{post([]ledger.Memo{memo(2, "m1"), memo(2, "m2"), memo(2, "n1")}, evidence(1, 5, "a1"), evidence(1, 5, "a2")), []string{"inserted 5", "duplicate 5", "inserted 0", "duplicate 0", conflict}},
		{post([]ledger.Memo{memo(2, "m3"), memo(2, "n1")}, evidence(1, 5, "a3"), evidence(1, 6, "a1"), evidence(1, 5, "b1")), []string{"duplicate 5", conflict, conflict, "duplicate 0", "duplicate 0"}},
		{post(nil, transfer(1, "float", "operator:bus", 5)), []string{conflict}},
	} {
		if !slices.Equal(step.got, step.want) {
			t.Errorf("batch %d: decisions\n  %q\nexpected\n  %q", i, step.got, step.want)
		}
	}
	b.verify()
}

func TestMemosShareTheIdentity(t *testing.T) {
	b := newBooks(t)
	memo := func(id int, kind, evidence string) ledger.Memo {
		x := transfer(id, "float", "operator:bus", 1)
		return ledger.Memo{Day: x.Day, Subject: x.Subject, ID: x.ID, Kind: kind, Reason: "why", Evidence: []byte(evidence)}
	}
	out := b.post([]ledger.Transfer{transfer(1, "float", "operator:bus", 1)}, memo(2, "record", "x"), memo(2, "record", "x"), memo(2, "record", "y"),
		memo(1, "record", "x"), memo(3, "reject", ""), memo(4, "", "x"), memo(5, ledger.DisputeKind, "x"), memo(6, "bad\x00kind", "x"))
	want := []string{
		"inserted 0", "duplicate 0", "conflict: its key is taken by other content", "conflict: its key is taken by other content", "inserted 0",
		"refused: its kind must be 1 to 32 and its reason at most 1024 bytes of UTF-8, and kind dispute is reserved",
		"refused: its kind must be 1 to 32 and its reason at most 1024 bytes of UTF-8, and kind dispute is reserved",
		"refused: its kind must be 1 to 32 and its reason at most 1024 bytes of UTF-8, and kind dispute is reserved",
	}
	if got := describe(out.Memos); !slices.Equal(got, want) {
		t.Errorf("memos\n  %q\nexpected\n  %q", got, want)
	}
	out = b.post([]ledger.Transfer{transfer(2, "float", "operator:bus", 1)}, memo(3, "reject", ""), memo(3, "record", ""))
	if got, want := append(describe(out.Transfers), describe(out.Memos)...), []string{
		"conflict: its key is taken by other content", "duplicate 0",
		"conflict: its key is taken by other content",
	}; !slices.Equal(got, want) {
		t.Errorf("later batch\n  %q\nexpected\n  %q", got, want)
	}
	out = b.post(nil, memo(1, "record", "x"), memo(2, "record", "y"), memo(3, "record", "z"))
	if got, want := describe(out.Memos), []string{"duplicate 1", "duplicate 0", "conflict: its key is taken by other content"}; !slices.Equal(got, want) {
		t.Errorf("disputes again\n  %q\nexpected\n  %q", got, want)
	}
	b.verify()
}

func TestClosedAndFrozenAccounts(t *testing.T) {
	b := newBooks(t)
	ctx := context.Background()
	b.post([]ledger.Transfer{transfer(1, "float", "operator:bus", 1)})
	// Another process marks the accounts; this one must notice by itself.
	elsewhere := ledger.New(b.Pool(), b.Dialect())
	b.must(elsewhere.MarkAccount(ctx, "operator:bus", ledger.Marks{Closed: true}, approved))
	b.must(elsewhere.MarkAccount(ctx, "operator:metro", ledger.Marks{Frozen: true}, approved))
	out := b.post([]ledger.Transfer{transfer(1, "float", "operator:bus", 1), transfer(2, "float", "operator:bus", 1), transfer(3, "float", "operator:metro", 1)})
	if got, want := describe(out.Transfers), []string{"duplicate 1", "refused: an account is closed", "refused: an account is frozen"}; !slices.Equal(got, want) {
		t.Errorf("marked: %q, expected %q", got, want)
	}
	b.must(elsewhere.MarkAccount(ctx, "operator:bus", ledger.Marks{}, approved))
	b.must(elsewhere.MarkAccount(ctx, "operator:metro", ledger.Marks{}, approved))
	b.must(elsewhere.OpenAccounts(ctx, []ledger.Account{{Code: "new", Kind: ledger.Income}}))
	out = b.post([]ledger.Transfer{transfer(2, "float", "operator:bus", 1), transfer(3, "float", "operator:metro", 1), transfer(4, "float", "new", 1)})
	if got, want := describe(out.Transfers), []string{"refused: an account is closed", "inserted 1", "inserted 1"}; !slices.Equal(got, want) {
		t.Errorf("marks taken away: %q, expected %q", got, want)
	}
}

package ledger_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/ledgertest"
	"citycard/ledger/schema"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// signedBy is a signature of a person; the ledger keeps it and does not look into it.
func signedBy(name string) chain.Signature {
	return chain.Signature{Key: "SHA256:" + name, Statement: `{"person":"` + name + `"}`, Signature: "U1NIU0lH"}
}

// TestSignedActs books acts of two people, of one and of none with as many signatures as people, or
// without any, and finds them in the audit. Other numbers and sizes are refused; and so are two
// people who do not sign, once somebody has.
func TestSignedActs(t *testing.T) {
	b, _ := newAgent(t)
	ctx := context.Background()
	li, wang := signedBy("Li"), signedBy("Wang")
	by := approved
	named := func() error {
		return b.Write(ctx, func(tx pgx.Tx) error { return ledger.Approve(ctx, tx, "decide", "something", approved) })
	}
	b.must(named())
	by.Signed = []chain.Signature{li, wang}
	_, err := b.ChangeLimit(ctx, "agent", ledger.Limit{Cap: 200}, by)
	b.must(err)
	if _, err := b.ChangeLimit(ctx, "agent", ledger.Limit{Cap: 300}, approved); !errors.Is(err, ledger.ErrUnsigned) {
		t.Errorf("a limit by names: %v", err)
	}
	if err := named(); !errors.Is(err, ledger.ErrUnsigned) {
		t.Errorf("an act by names: %v", err)
	}
	write := func(fn func(tx pgx.Tx) error) error { return b.Write(ctx, fn) }
	record := func(first string, signed ...chain.Signature) error {
		return write(func(tx pgx.Tx) error {
			return ledger.Record(ctx, tx, "look", "something", ledger.Approval{First: first, At: noon, Signed: signed})
		})
	}
	approve := func(signed ...chain.Signature) error {
		by.Signed = signed
		return write(func(tx pgx.Tx) error { return ledger.Approve(ctx, tx, "decide", "something", by) })
	}
	b.must(approve(wang, li))
	b.must(record("Li", li))
	b.must(record("Li"))
	b.must(record(""))
	with := func(change func(s *chain.Signature)) chain.Signature {
		s := signedBy("Li")
		change(&s)
		return s
	}
	for name, err := range map[string]error{
		"one of two":       approve(li),
		"three":            approve(li, wang, li),
		"two of one":       record("Li", li, wang),
		"one of nobody":    record("", li),
		"no key":           record("Li", with(func(s *chain.Signature) { s.Key = "" })),
		"a long key":       record("Li", with(func(s *chain.Signature) { s.Key = strings.Repeat("k", 129) })),
		"no statement":     approve(li, with(func(s *chain.Signature) { s.Statement = "" })),
		"a long statement": approve(li, with(func(s *chain.Signature) { s.Statement = strings.Repeat("k", 8193) })),
		"a zero byte":      approve(li, with(func(s *chain.Signature) { s.Statement = "a\x00" })),
		"no UTF-8":         approve(li, with(func(s *chain.Signature) { s.Statement = "\xff" })),
		"no signature":     record("Li", with(func(s *chain.Signature) { s.Signature = "" })),
		"a long signature": record("Li", with(func(s *chain.Signature) { s.Signature = strings.Repeat("k", 4097) })),
	} {
		var malformed *ledger.BatchError
		if !errors.As(err, &malformed) {
			t.Errorf("%s: %v, want a BatchError", name, err)
		}
	}
	entries, err := b.Audit(ctx, chain.ActChangeLimit, "decide", "look")
	b.must(err)
	want := [][]chain.Signature{nil, {li, wang}, {wang, li}, {li}, nil, nil}
	if !slices.EqualFunc(entries, want, func(e chain.AuditEntry, signed []chain.Signature) bool { return slices.Equal(e.Signed, signed) }) {
		t.Errorf("the audit has %+v, want the signatures %+v", entries, want)
	}
	b.verify()
}

// checked are books with a table of decisions, of which a Check takes one.
type checked struct {
	*books
	calls int
}

func newChecked(b *books) *checked {
	_, err := b.Pool().Exec(context.Background(), "CREATE TABLE decisions (number INT8 PRIMARY KEY)")
	b.must(err)
	return &checked{books: b}
}

// by is an approval whose check takes the decision, and then has the error of its call.
func (c *checked) by(fail ...error) ledger.Approval {
	by := approved
	by.Check = func(ctx context.Context, tx pgx.Tx) error {
		c.calls++
		if _, err := tx.Exec(ctx, "INSERT INTO decisions (number) VALUES (7)"); err != nil {
			return err
		}
		if c.calls <= len(fail) {
			return fail[c.calls-1]
		}
		return nil
	}
	return by
}

// refund is a batch of one transfer and its entry in the audit.
func (c *checked) refund(id int, by ledger.Approval) *ledger.Batch {
	batch := c.batch([]ledger.Transfer{transfer(id, "float", "operator:bus", 5)})
	batch.Finish = func(ctx context.Context, tx pgx.Tx, _ *ledger.Outcome) ([]byte, error) {
		return nil, ledger.Approve(ctx, tx, "refund", "something", by)
	}
	return batch
}

// TestCheckRefuses lets an act's check refuse: nothing of the act stays, nor what the check wrote.
func TestCheckRefuses(t *testing.T) {
	b, _ := newAgent(t)
	c := newChecked(b)
	errNo := errors.New("no")
	before := ledgertest.Dump(t, b.Pool())
	for name, act := range map[string]func(by ledger.Approval) error{
		"limit": func(by ledger.Approval) error {
			_, err := b.ChangeLimit(t.Context(), "agent", ledger.Limit{Cap: 7}, by)
			return err
		},
		"mark": func(by ledger.Approval) error {
			return b.MarkAccount(t.Context(), "agent", ledger.Marks{Frozen: true}, by)
		},
		"batch": func(by ledger.Approval) error {
			_, err := b.Post(t.Context(), c.refund(1, by))
			return err
		},
		"record": func(by ledger.Approval) error {
			by.Second = ""
			return b.Write(t.Context(), func(tx pgx.Tx) error { return ledger.Record(t.Context(), tx, "look", "something", by) })
		},
	} {
		c.calls = 0
		if err := act(c.by(errNo)); !errors.Is(err, errNo) || c.calls != 1 {
			t.Errorf("%s: %v after %d checks, want the error of the only one", name, err, c.calls)
		}
		if after := ledgertest.Dump(t, b.Pool()); after != before {
			t.Errorf("%s: the refused act left\n%s\nof\n%s", name, after, before)
		}
	}
	b.must(b.CloseDay(t.Context(), today, today.Next()))
	b.must(b.EndDay(t.Context(), today))
	before = ledgertest.Dump(t, b.Pool())
	c.calls = 0
	if err := b.ReopenDay(t.Context(), today, c.by(errNo)); !errors.Is(err, errNo) || ledgertest.Dump(t, b.Pool()) != before {
		t.Errorf("the day was reopened without its check: %v", err)
	}
}

// TestCheckAgain makes an act whose transaction fails once: by a collision, and by a connection
// that breaks before and after the commit. The check runs in each attempt that does the act, and
// act, entry and decision are there once.
func TestCheckAgain(t *testing.T) {
	for _, test := range []struct {
		name  string
		cut   cut
		fail  []error
		calls int
	}{
		{"collision", pass, []error{&pgconn.PgError{Severity: "ERROR", Code: "40001"}}, 2},
		{"not stored", unsent, nil, 2},
		{"stored", answered, nil, 1},
	} {
		for act, do := range map[string]func(c *checked, by ledger.Approval) error{
			chain.ActChangeLimit: func(c *checked, by ledger.Approval) error {
				_, err := c.ChangeLimit(context.Background(), "agent", ledger.Limit{Cap: 7}, by)
				return err
			},
			"refund": func(c *checked, by ledger.Approval) error {
				_, err := c.Post(context.Background(), c.refund(1, by))
				return err
			},
		} {
			p, through := newProxy(t, ledgertest.New(t))
			c := newChecked(openBooks(t, ledgertest.Connect(t, through, 4, ledger.WithBackoff(time.Millisecond, 2*time.Millisecond))))
			c.must(c.OpenAccounts(context.Background(), []ledger.Account{{Code: "agent", Kind: ledger.Asset, Flags: ledger.DebitsMustNotExceedCredits, Cap: 100}}))
			p.arm(test.cut)
			c.must(do(c, c.by(test.fail...)))
			var decisions int
			c.must(c.Pool().QueryRow(context.Background(), "SELECT count(*) FROM decisions").Scan(&decisions))
			entries, err := c.Audit(context.Background(), act)
			c.must(err)
			if c.calls != test.calls || decisions != 1 || len(entries) != 1 {
				t.Errorf("%s, %s: %d checks, %d decisions, %d entries; want %d, 1 and 1", test.name, act, c.calls, decisions, len(entries), test.calls)
			}
			c.verify()
		}
	}
}

// TestBooksIdentity tells two databases apart by the identities that were made with their tables.
func TestBooksIdentity(t *testing.T) {
	var seen []string
	for range 2 {
		url := ledgertest.Empty(t)
		for range 2 {
			if _, err := schema.Apply(t.Context(), url); err != nil {
				t.Fatal(err)
			}
			id, err := ledgertest.Connect(t, url, 1).ID(t.Context())
			if err != nil || len(id) != 36 {
				t.Fatalf("the books are %q, %v", id, err)
			}
			seen = append(seen, id)
		}
	}
	if seen[0] != seen[1] || seen[2] != seen[3] || seen[0] == seen[2] {
		t.Errorf("two books, twice each, have the identities %q", seen)
	}
}

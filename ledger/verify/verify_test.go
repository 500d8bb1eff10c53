package verify_test

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/ledgertest"
	"citycard/ledger/shadow"
	"citycard/ledger/verify"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

const (
	yesterday ledger.Day = 20260104
	today     ledger.Day = 20260105
)

// write fills a ledger: three batches yesterday, which is sealed, and two today.
func write(t *testing.T) (*ledger.Ledger, ed25519.PublicKey) {
	t.Helper()
	ctx := context.Background()
	l := ledgertest.Open(t, 4)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(l.OpenDay(ctx, yesterday))
	must(l.OpenAccounts(ctx, []ledger.Account{
		{Code: "float", Kind: ledger.Liability, Shards: 2},
		{Code: "bus", Kind: ledger.Liability, Shards: 2},
		{Code: "fund", Kind: ledger.Liability, Flags: ledger.DebitsMustNotExceedCredits},
	}))
	lease, err := l.Lease(ctx, "taps", "test", 0)
	must(err)
	post := func(n int, day ledger.Day) {
		t.Helper()
		batch := &ledger.Batch{
			Stream: "taps", Epoch: lease.Epoch, From: int64(n) * 10, Next: int64(n)*10 + 10, Day: day, Shard: n,
			Finish: func(context.Context, pgx.Tx, *ledger.Outcome) ([]byte, error) { return []byte("rules 1"), nil },
		}
		for i := range 4 {
			batch.Transfers = append(batch.Transfers, ledger.Transfer{
				Day: yesterday, Subject: "card", ID: ledger.ID(fmt.Sprintf("%d-%d", n, i)),
				Debit: ledger.IDOfCode("float"), Credit: ledger.IDOfCode("bus"), Amount: ledger.Fen(100 + i), Purpose: 1, Evidence: []byte("tap"),
			})
		}
		if n == 1 {
			batch.Transfers = append(batch.Transfers, acts()...)
		}
		batch.Memos = []ledger.Memo{{Day: yesterday, Subject: "card", ID: ledger.ID(fmt.Sprintf("m%d", n)), Kind: "record", Reason: "free", Evidence: []byte("ride")}}
		_, err := l.Post(ctx, batch)
		must(err)
	}
	for n := range 3 {
		post(n, yesterday)
	}
	public, private, err := ed25519.GenerateKey(nil)
	must(err)
	must(l.CloseDay(ctx, yesterday, today))
	must(l.EndDay(ctx, yesterday))
	must(l.ReopenDay(ctx, yesterday, approved("a look")))
	must(l.CloseDay(ctx, yesterday, today))
	must(l.EndDay(ctx, yesterday))
	ledgertest.Pin(t, l, private)
	_, err = l.SealDay(ctx, yesterday, private)
	must(err)
	must(shadow.CheckpointAll(ctx, l, 0))
	post(3, today)
	post(4, today)
	reverse(t, l)
	return l, public
}

// acts are a hold posted in part, one that stays, and a transfer long before the day.
func acts() []ledger.Transfer {
	hold := ledger.Transfer{
		Day: yesterday, Subject: "card", ID: "h1", Debit: ledger.IDOfCode("float"), Credit: ledger.IDOfCode("bus"), Amount: 50,
		Act: ledger.Hold, Expires: time.Unix(1800000000, 0),
	}
	open, old := hold, hold
	open.ID = "h2"
	old.ID, old.Day, old.Act, old.Expires = "old", 20251101, ledger.Move, time.Time{}
	post := ledger.Transfer{Day: yesterday, Subject: "card", ID: "h1", Act: ledger.PostHold, Amount: 20, Now: time.Unix(1767614400, 0)}
	return []ledger.Transfer{hold, open, old, post}
}

// reverse reverses the transfer 0-0.
func reverse(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	lease, err := l.Lease(context.Background(), "desk", "test", 0)
	if err != nil {
		t.Fatal(err)
	}
	out, err := l.Post(context.Background(), &ledger.Batch{
		Stream: "desk", Epoch: lease.Epoch, From: 0, Next: 1, Day: today,
		Transfers: []ledger.Transfer{{Day: yesterday, Subject: "card", ID: "0-0", Act: ledger.Reverse}},
	})
	if err != nil || out.Transfers[0].Result != ledger.Inserted {
		t.Fatalf("reversal: %+v, %v", out, err)
	}
}

func check(t *testing.T, l *ledger.Ledger, signer ed25519.PublicKey) (faults []string, summary verify.Summary) {
	t.Helper()
	summary, err := verify.Books(context.Background(), l, signer, func(f verify.Fault) { faults = append(faults, f.String()) })
	if err != nil {
		t.Fatal(err)
	}
	if summary.Faults != len(faults) {
		t.Errorf("%d faults counted, %d reported", summary.Faults, len(faults))
	}
	return faults, summary
}

func TestTrueBooksHaveNoFault(t *testing.T) {
	l, signer := write(t)
	faults, summary := check(t, l, signer)
	id, err := l.ID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := verify.Summary{ID: id, Entries: 8, Transfers: 25, Memos: 5, Batches: 6, Streams: 2, Accounts: 3, Days: 2, SealedDays: 1}
	if keys := summary.SealKeys; len(keys) != 1 || keys[0].SealedDays != 1 || keys[0].Key != hex.EncodeToString(signer) || keys[0].First != "li" && keys[0].First != "Li" {
		t.Errorf("seal keys %+v, expected the signer's, with one day", keys)
	}
	want.SealKeys = summary.SealKeys
	if len(faults) > 0 || !reflect.DeepEqual(summary, want) {
		t.Errorf("faults %q, summary %+v, expected %+v", faults, summary, want)
	}
	other, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if faults, _ = check(t, l, other); len(faults) != 1 || !strings.HasPrefix(faults[0], string(verify.SealKeyHistory)) {
		t.Errorf("with another signer: %q, expected one fault of the pinned key", faults)
	}
	if faults, _ = check(t, l, nil); len(faults) != 1 || !strings.HasPrefix(faults[0], string(verify.SealUnknown)) {
		t.Errorf("with no signer: %q, expected one fault of the seal", faults)
	}
}

// approved is the approval of two people who have signed, as far as the ledger looks.
func approved(reason string) ledger.Approval {
	return ledger.Approval{First: "Li", Second: "Wang", Reason: reason, At: time.Unix(1767614400, 0), Signed: []chain.Signature{
		{Key: "SHA256:li", Statement: "reopen it", Signature: "U1NI"}, {Key: "SHA256:wang", Statement: "so be it", Signature: "U1NJ"},
	}}
}

// tampering is one thing changed by hand, and the beginnings of the faults that name it; no others
// may be found.
type tampering struct {
	name, statement string
	want            []string
}

// The row most cases change; 312d32 is its id, "1-2", in hex.
const (
	row   = "(day 20260104, subject 63617264, id 312d32)"
	where = " WHERE id = '1-2'"
)

func tamper(t *testing.T, cases []tampering) {
	t.Helper()
	tamperWith(t, func(t *testing.T) *ledger.Ledger { l, _ := write(t); return l }, cases)
}

func tamperWith(t *testing.T, write func(*testing.T) *ledger.Ledger, cases []tampering) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := write(t)
			signer := signerOf(t, l)
			tag, err := l.Pool().Exec(context.Background(), c.statement)
			if err != nil || tag.RowsAffected() == 0 {
				t.Fatalf("tampering changed %d rows: %v", tag.RowsAffected(), err)
			}
			faults, _ := check(t, l, signer)
			left := faults
			for _, want := range c.want {
				at := -1
				for i, f := range left {
					if strings.HasPrefix(f, want) {
						at = i
						break
					}
				}
				if at < 0 {
					t.Errorf("no fault %q", want)
					continue
				}
				left = append(left[:at:at], left[at+1:]...)
			}
			for _, f := range left {
				t.Errorf("unexpected fault %q", f)
			}
			checkExport(t, l, signer, c)
		})
	}
}

// signerOf is who sealed the books, before anybody has changed anything.
func signerOf(t *testing.T, l *ledger.Ledger) (signer []byte) {
	t.Helper()
	if err := l.Pool().QueryRow(t.Context(), "SELECT (SELECT signer FROM days WHERE signer IS NOT NULL LIMIT 1)").Scan(&signer); err != nil {
		t.Fatal(err)
	}
	return signer
}

func TestRowsTampered(t *testing.T) {
	tamper(t, []tampering{
		{
			"amount", "UPDATE journal SET amount = 1" + where,
			[]string{
				"row hash mismatch: transfer " + row, "balance differs from transfers: account float", "balance differs from transfers: account bus",
				"turnover differs from transfers: account float, day 20260104", "turnover differs from transfers: account bus, day 20260104",
				"checkpoint differs from transfers: account float (day 20260104",
				"checkpoint differs from transfers: account bus (day 20260104",
			},
		},
		{
			"account", fmt.Sprintf("UPDATE journal SET credit = %d", ledger.IDOfCode("fund")) + where,
			[]string{
				"row hash mismatch: transfer " + row, "balance differs from transfers: account fund", "balance differs from transfers: account bus",
				"turnover differs from transfers: account fund, day 20260104", "turnover differs from transfers: account bus, day 20260104",
				"checkpoint differs from transfers: account bus (day 20260104",
				"checkpoint differs from transfers: account fund (day 20260104",
			},
		},
		{"evidence", "UPDATE journal SET evidence = 'tip'" + where, []string{"row hash mismatch: transfer " + row}},
		{"key", "UPDATE journal SET id = '1-9'" + where, []string{"row hash mismatch: transfer (day 20260104, subject 63617264, id 312d39)"}},
		{"purpose", "UPDATE journal SET purpose = 2" + where, []string{"row hash mismatch: transfer " + row}},
		{"purpose that is none", "UPDATE journal SET purpose = 70000" + where, []string{"row hash mismatch: transfer " + row}},
		{"flags that are none", "UPDATE journal SET flags = flags + 256" + where, []string{"row hash mismatch: transfer " + row}},
		{"the flag that no row has", "UPDATE journal SET flags = flags + 2" + where, []string{"row hash mismatch: transfer " + row}},
		{"row hash", "UPDATE journal SET hash = '\\x00'" + where, []string{"row hash mismatch: transfer " + row, "batch root mismatch: stream taps, batch 2"}},
		{"memo reason", "UPDATE journal SET reason = 'paid' WHERE id = 'm1'", []string{"row hash mismatch: memo (day 20260104, subject 63617264, id 6d31)"}},
		{
			"booking day", "UPDATE journal SET booking_day = 20260105" + where,
			[]string{
				"row hash mismatch: transfer " + row, "row booked in another day than its batch: transfer " + row,
				"turnover differs from transfers: account float, day 20260104", "turnover differs from transfers: account bus, day 20260104",
				"turnover differs from transfers: account float, day 20260105", "turnover differs from transfers: account bus, day 20260105",
				"checkpoint differs from transfers: account float (day 20260104",
				"checkpoint differs from transfers: account bus (day 20260104",
			},
		},
		{
			"row deleted", "DELETE FROM journal" + where,
			[]string{
				"row missing: stream taps, batch 2, position 2", "balance differs from transfers: account float", "balance differs from transfers: account bus",
				"turnover differs from transfers: account float, day 20260104", "turnover differs from transfers: account bus, day 20260104",
				"checkpoint differs from transfers: account float (day 20260104",
				"checkpoint differs from transfers: account bus (day 20260104",
			},
		},
		{"last row deleted", "DELETE FROM journal WHERE id = 'm1'", []string{"row missing: stream taps, batch 2, position 8"}},
	})
}

func TestSumsTampered(t *testing.T) {
	tamper(t, []tampering{
		{
			"balance", "UPDATE balances SET credits = credits + 1 WHERE account = " + fmt.Sprint(int64(ledger.IDOfCode("bus"))) + " AND shard = 1",
			[]string{"balance differs from transfers: account bus", "debits differ from credits: all accounts"},
		},
		{
			"limit", "UPDATE balances SET debits = debits + 5 WHERE account = " + fmt.Sprint(int64(ledger.IDOfCode("fund"))),
			[]string{"account limit broken: account fund", "balance differs from transfers: account fund", "debits differ from credits: all accounts"},
		},
		{
			"turnover", "UPDATE turnovers SET debits = debits + 1 WHERE day = 20260105 AND shard = 1 AND account = " + fmt.Sprint(int64(ledger.IDOfCode("bus"))),
			[]string{"turnover differs from transfers: account bus, day 20260105"},
		},
	})
}

func TestChainTampered(t *testing.T) {
	tamper(t, []tampering{
		{
			"batch root", "UPDATE batches SET root = '\\x1234' WHERE sequence = 2",
			[]string{"chain link mismatch: stream taps, batch 2", "batch root mismatch: stream taps, batch 2"},
		},
		{"note", "UPDATE batches SET note = 'rules 2' WHERE sequence = 2", []string{"chain link mismatch: stream taps, batch 2"}},
		{
			"chain", "UPDATE batches SET head = '\\x1234' WHERE sequence = 2",
			[]string{
				"chain link mismatch: stream taps, batch 2", "chain link mismatch: stream taps, batch 3",
				"day does not end with its last batch: day 20260104, stream taps: its root over the day's batches",
			},
		},
		{
			"last head", "UPDATE batches SET head = '\\x1234' WHERE sequence = 5",
			[]string{"chain link mismatch: stream taps, batch 5", "stream does not end with its last batch: stream taps"},
		},
		{
			"counts", "UPDATE batches SET transfers = 7, memos = 2 WHERE sequence = 2",
			[]string{"chain link mismatch: stream taps, batch 2", "batch count mismatch: stream taps, batch 2"},
		},
		{
			"positions", "UPDATE batches SET from_position = 11 WHERE sequence = 2",
			[]string{"stream position gap: stream taps, batch 2", "chain link mismatch: stream taps, batch 2"},
		},
		{
			"batch day", "UPDATE batches SET day = 20260104 WHERE sequence = 5",
			[]string{
				"chain link mismatch: stream taps, batch 5", "day does not end with its last batch: day 20260104, stream taps: batch 5",
				"day does not end with its last batch: day 20260104, stream taps: its root over the day's batches",
				"row booked in another day", "row booked in another day", "row booked in another day", "row booked in another day", "row booked in another day",
			},
		},
		{"stream rolled back", "UPDATE streams SET sequence = 4 WHERE stream = 'taps'", []string{"stream does not end with its last batch: stream taps"}},
		{"account renamed", "UPDATE accounts SET code = 'buses' WHERE code = 'bus'", []string{"account number mismatch: account buses", "account differs from its opening: account buses"}},
		{
			"day head", "UPDATE day_heads SET sequence = 2 WHERE stream = 'taps'",
			[]string{
				"day does not end with its last batch: day 20260104, stream taps", "day does not end with its last batch: day 20260104, stream taps",
				"seal root mismatch: day 20260104",
			},
		},
		{
			"seal", "UPDATE days SET root = '\\x1234' WHERE state = 'sealed'",
			[]string{"seal root mismatch: day 20260104", "seal signature invalid: day 20260104"},
		},
	})
}

func TestHoldsTampered(t *testing.T) {
	const hold, posted = "(day 20260104, subject 63617264, id 6831)", "(day 20260104, subject 63617264, id fe6831)"
	tamper(t, []tampering{
		{"state", "UPDATE holds SET state = 'voided', posted = 0 WHERE id = 'h1'", []string{"hold differs from journal: hold " + hold + ": it is voided with 0 posted"}},
		{"terms", "UPDATE holds SET expires = 0 WHERE id = 'h1'", []string{"hold differs from journal: hold " + hold}},
		{
			"open hold deleted", "DELETE FROM holds WHERE id = 'h2'",
			[]string{
				"hold differs from journal: hold (day 20260104, subject 63617264, id 6832): it is none", "held amount differs from holds: account float",
				"held amount differs from holds: account bus",
			},
		},
		{
			"held sum", "UPDATE balances SET debits_held = 0 WHERE debits_held > 0",
			[]string{"held amount differs from holds: account float"},
		},
		{"when it lapses", "UPDATE journal SET expires = 1 WHERE id = 'h1'", []string{"row hash mismatch: transfer " + hold, "hold differs from journal: hold " + hold}},
		{
			"posted beyond the hold", "UPDATE journal SET credit = debit WHERE id = '\\xfe6831'",
			[]string{
				"row hash mismatch: transfer " + posted, "nothing it could act on: transfer " + posted, "balance differs from transfers: account float",
				"balance differs from transfers: account bus", "turnover differs from transfers: account float, day 20260104",
				"turnover differs from transfers: account bus, day 20260104", "checkpoint differs from transfers: account float (day 20260104",
				"checkpoint differs from transfers: account bus (day 20260104",
			},
		},
		{
			"reversal of another day", "UPDATE journal SET effective_day = 20260105 WHERE id = '\\xfd302d30'",
			[]string{
				"row hash mismatch: transfer (day 20260105, subject 63617264, id fd302d30)",
				"nothing it could act on: transfer (day 20260105, subject 63617264, id fd302d30)",
			},
		},
	})
}

func TestCheckpointsTampered(t *testing.T) {
	tamper(t, []tampering{
		{"balance", "UPDATE checkpoints SET balance = balance + 1 WHERE balance > 0", []string{
			"checkpoint differs from transfers: account bus (day 20260104, subject 63617264",
			"checkpoint differs from transfers: latest of account bus (day 20260104, subject 63617264",
		}},
		{
			"deleted", "DELETE FROM checkpoints",
			[]string{
				"checkpoint differs from transfers: account bus (day 20260104", "checkpoint differs from transfers: account float (day 20260104",
				"checkpoint differs from transfers: latest of account bus (day 20260104", "checkpoint differs from transfers: latest of account float (day 20260104",
			},
		},
		{"invented", "INSERT INTO checkpoints VALUES (1, 'x', 20260104, 5)", []string{
			"checkpoint differs from transfers: account number 1 (day 20260104",
			"checkpoint differs from transfers: latest of account number 1 (day 20260104, subject 78, id ): there is none",
		}},
		{"latest", "UPDATE shadows SET balance = balance + 1 WHERE balance > 0", []string{"checkpoint differs from transfers: latest of account bus (day 20260104"}},
		{"latest deleted", "DELETE FROM shadows WHERE balance > 0", []string{"checkpoint differs from transfers: latest of account bus (day 20260104"}},
		{"active day hidden", "DELETE FROM activity WHERE effective_day = 20251101", []string{"rows not found by subject: rows (day 20251101, subject 63617264"}},
		{"late day hidden", "DELETE FROM late", []string{"rows not found by subject: rows (day 20251101, subject 63617264"}},
	})
}

func TestAuditTampered(t *testing.T) {
	tamper(t, []tampering{
		{"name", "UPDATE audit SET second = 'Zhang' WHERE number = 5", []string{"audit chain mismatch: audit entry 5: its hash"}},
		{"statement", "UPDATE audit SET signed = replace(signed, 'so be', 'no to') WHERE number = 5", []string{"audit chain mismatch: audit entry 5: its hash"}},
		{"signatures", "UPDATE audit SET signed = '' WHERE number = 5", []string{"audit chain mismatch: audit entry 5: its hash"}},
		{"spelling", "UPDATE audit SET signed = signed || ' ' WHERE number = 5", []string{"audit chain mismatch: audit entry 5: its hash"}},
		{"identity", "UPDATE books SET id = '00000000-0000-4000-8000-000000000000'", []string{"audit chain mismatch: audit entry 1: its hash"}},
		{"no identity", "DELETE FROM books", []string{"audit chain mismatch: audit entry 1: its hash", "audit chain mismatch: the books: their identity"}},
		{"pinned key deleted", "DELETE FROM audit WHERE number = 8", []string{
			"audit chain mismatch: day 20260104: it was sealed when entry 8", "audit chain mismatch: end of the audit: it is entry 8",
			"seal signature invalid: day 20260104: it was signed by ",
		}},
		{"pinned key replaced", "UPDATE audit SET what = '{\"key\":\"" + strings.Repeat("0a", 32) + "\"}' WHERE number = 8", []string{
			"audit chain mismatch: audit entry 8: its hash", "seal signature invalid: day 20260104: it was signed by ",
			"seal key differs from its changes: audit entry 8: it pins the seal key 0a0a",
		}},
		{"pinned key not to be read", "UPDATE audit SET what = '{\"key\":\"0a\"}' WHERE number = 8", []string{
			"audit chain mismatch: audit entry 8: its hash", "seal signature invalid: day 20260104: it was signed by ",
			"seal key differs from its changes: the audit: audit entry 8, pin seal key: a public key of 1 bytes, expected 32",
		}},
		{"last deleted", "DELETE FROM audit WHERE number >= 7", []string{
			"audit chain mismatch: day 20260104: it was sealed when entry 8", "audit chain mismatch: end of the audit: it is entry 8",
			"seal signature invalid: day 20260104: it was signed by ", "day differs from its changes: day 20260104: it is sealed; its last change left it \"closing\"",
		}},
		{"end", "UPDATE audit_end SET number = 9", []string{"audit chain mismatch: end of the audit: it is entry 9"}},
		{"end deleted", "DELETE FROM audit_end", []string{"audit chain mismatch: end of the audit: it is entry -1"}},
		{
			"what the seal covers", "UPDATE day_heads SET head = batches WHERE stream = ''",
			[]string{"audit chain mismatch: day 20260104", "seal root mismatch: day 20260104"},
		},
		{
			"root over batches", "UPDATE day_heads SET batches = head WHERE stream = 'taps'",
			[]string{"day does not end with its last batch: day 20260104, stream taps: its root over", "seal root mismatch: day 20260104"},
		},
	})
}

// TestBatchDeleted takes a whole batch out, rows and link.
func TestBatchDeleted(t *testing.T) {
	l, signer := write(t)
	for _, statement := range []string{"DELETE FROM journal WHERE sequence = 2", "DELETE FROM batches WHERE sequence = 2"} {
		if _, err := l.Pool().Exec(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	faults, _ := check(t, l, signer)
	if len(faults) == 0 || !strings.HasPrefix(faults[0], "batch missing: stream taps, batch 3: the batch before it is 1") {
		t.Errorf("faults %q, expected first that batch 2 is missing", faults)
	}
	if _, err := l.Pool().Exec(context.Background(), "DELETE FROM batches WHERE sequence = 3"); err != nil {
		t.Fatal(err)
	}
	faults, _ = check(t, l, signer)
	extra := 0
	for _, f := range faults {
		if strings.HasPrefix(f, string(verify.RowExtra)) {
			extra++
		}
	}
	if extra != 5 {
		t.Errorf("%d rows without a batch are named, expected 5: %q", extra, faults)
	}
}

package verify_test

import (
	"context"
	"fmt"
	"testing"

	"citycard/ledger"
)

// withMarks adds an account to the books that was frozen and is not any more, and another that was
// closed.
func withMarks(t *testing.T) *ledger.Ledger {
	t.Helper()
	ctx := context.Background()
	l, _ := write(t)
	by := approved("a look")
	for _, err := range []error{
		l.OpenAccounts(ctx, []ledger.Account{{Code: "desk", Kind: ledger.Asset, Owner: "kiosk"}, {Code: "old", Kind: ledger.Liability}}),
		l.MarkAccount(ctx, "desk", ledger.Marks{Frozen: true}, by), l.MarkAccount(ctx, "desk", ledger.Marks{}, by), l.MarkAccount(ctx, "old", ledger.Marks{Closed: true}, by),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func TestChartTampered(t *testing.T) {
	of := func(code string) string { return fmt.Sprintf(" WHERE account = %d", ledger.IDOfCode(code)) }
	const opening = "account differs from its opening: account "
	tamperWith(t, withMarks, []tampering{
		{"nothing", "UPDATE accounts SET owner = owner", nil},
		{"limit taken away", "UPDATE accounts SET flags = 0" + of("fund"), []string{opening + "fund: opened as liability account of \"\" with flags \"\""}},
		{"opened again", "UPDATE accounts SET flags = 0" + of("old"), []string{"account differs from its changes: account old: its flags are \"\"; its last mark left \"closed\""}},
		{"frozen", "UPDATE accounts SET flags = 8" + of("desk"), []string{"account differs from its changes: account desk: its flags are \"frozen\""}},
		{"kind", "UPDATE accounts SET kind = 'income'" + of("bus"), []string{opening + "bus"}},
		{"owner", "UPDATE accounts SET owner = 'me'" + of("bus"), []string{opening + "bus"}},
		{"hash", "UPDATE accounts SET hash = '\\x00'" + of("bus"), []string{opening + "bus", "account differs from its opening: accounts opened in version 1 by audit entry 2"}},
		{"version", "UPDATE accounts SET version = 9" + of("bus"), []string{"account differs from its changes: account bus: its version is 9; its last change made 1"}},
		{"opening", "UPDATE accounts SET opened = 3" + of("old"), []string{
			opening + "old: no entry of the audit opens accounts in version 3", "account differs from its opening: accounts opened in version 2 by audit entry 9: there are 1, it opened 2",
		}},
		{"deleted", "DELETE FROM accounts" + of("desk"), []string{
			"account differs from its opening: accounts opened in version 2 by audit entry 9: there are 1, it opened 2",
			"account differs from its changes: account desk: it was changed, and there is no such account", "balances differ from the account's shards: account number",
		}},
		{"the chart", "UPDATE chart SET version = 7", []string{"chart version mismatch: the chart: its version is 7, its last change made 5"}},
		{"the chart deleted", "DELETE FROM chart", []string{"chart version mismatch: the chart: its version is -1"}},
		{"mark", "UPDATE audit SET what = replace(what, '\"old_flags\":8', '\"old_flags\":9') WHERE number = 11", []string{
			"audit chain mismatch: audit entry 11", "account differs from its changes: audit entry 11: it marks account desk",
		}},
	})
}

func TestShardsTampered(t *testing.T) {
	bus := fmt.Sprintf(" WHERE account = %d", ledger.IDOfCode("bus"))
	tamper(t, []tampering{
		{"balance of another shard", "UPDATE balances SET shard = 2" + bus + " AND shard = 1", []string{
			"shard differs from batches: account bus: shard 2", "balances differ from the account's shards: account bus: it has 2 rows, of shards 0 to 2",
		}},
		{"empty shard deleted", "DELETE FROM balances WHERE debits = 0 AND credits = 0", []string{"balances differ from the account's shards: account fund: it has "}},
		{"turnover of another shard", "UPDATE turnovers SET shard = shard + 5 WHERE day = 20260104 AND shard = 1 AND" + bus[6:], []string{
			"shard differs from batches: account bus, day 20260104: shard 6", "shard differs from batches: account bus, day 20260104: shard 1",
		}},
	})
}

func TestDaysTampered(t *testing.T) {
	const day = "day differs from its changes: day "
	tamper(t, []tampering{
		{"deleted", "DELETE FROM days WHERE day = 20260105", []string{day + "20260105: the audit has its opening", "day does not end with its last batch: day 20260105", "day does not end with its last batch: day 20260105", "day does not end with its last batch: day 20260105"}},
		{"next", "UPDATE days SET next_day = 20260106 WHERE day = 20260104", []string{day + "20260104: day 20260106 follows it; it was closed before day 20260105"}},
		{"closed", "UPDATE days SET state = 'closed' WHERE day = 20260105", []string{
			day + "20260105: it is closed; its last change left it \"open\"", "day does not end with its last batch: day 20260105", "day does not end with its last batch: day 20260105",
			"day does not end with its last batch: day 20260105",
		}},
		{"unsealed", "UPDATE days SET state = 'closed' WHERE day = 20260104", []string{
			day + "20260104: it is closed and has parts of a seal", "checkpoint differs from transfers: progress in day 20260104",
		}},
		{"another", "INSERT INTO days (day, state) VALUES (20260107, 'open')", []string{day + "20260107: it is open; its last change left it \"\""}},
		{"head deleted", "DELETE FROM day_heads WHERE stream = 'taps'", []string{
			day + "20260104: of 0 streams it is there how they left it; 1 left it", "seal root mismatch: day 20260104",
			"day does not end with its last batch: day 20260104", "day does not end with its last batch: day 20260104", "day does not end with its last batch: day 20260104",
		}},
	})
}

func TestStreamsTampered(t *testing.T) {
	const taps = " WHERE stream = 'taps'"
	tamper(t, []tampering{
		{"owner", "UPDATE streams SET owner = 'somebody'" + taps, []string{"lease differs from its hash: stream taps: lease 1 of \"somebody\""}},
		{"next", "UPDATE streams SET next = 60" + taps, []string{"stream does not end with its last batch: stream taps: it stands at batch 5, position 60"}},
		{"lease", "UPDATE streams SET epoch = 0" + taps, []string{
			"lease goes back: stream taps: its lease is number 0, its last batch was posted under 1", "lease differs from its hash: stream taps",
		}},
		{"day ahead", "UPDATE streams SET day = 20260106" + taps, []string{"stream stands in a day that it cannot be in: stream taps"}},
		{"day that ended", "UPDATE streams SET day = 20260104" + taps, []string{"stream stands in a day that it cannot be in: stream taps"}},
		{"lease of a batch", "UPDATE batches SET epoch = 2 WHERE sequence = 2", []string{"chain link mismatch: stream taps, batch 2", "lease goes back: stream taps, batch 3"}},
		{"time of a batch", "UPDATE batches SET at = at + INTERVAL '1 microsecond' WHERE sequence = 2", []string{"chain link mismatch: stream taps, batch 2"}},
	})
}

func TestWhatMakesReadingFastTampered(t *testing.T) {
	const progress = "checkpoint differs from transfers: progress in day 20260104"
	tamper(t, []tampering{
		{"reached", "UPDATE checkpointing SET reached = 'card'", []string{progress}},
		{"done", "UPDATE checkpointing SET done = false", []string{progress}},
		{"another day", "UPDATE checkpointing SET day = 20260105", []string{
			progress[:len(progress)-8] + "20260105: it is open", "checkpoint differs from transfers: account bus (day 20260105",
			"checkpoint differs from transfers: account float (day 20260105",
		}},
		{"deleted", "DELETE FROM checkpointing", []string{"checkpoint differs from transfers: account bus (day 20260104", "checkpoint differs from transfers: account float (day 20260104"}},
	})
}

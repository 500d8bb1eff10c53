package verify

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"citycard/clearing/counters"
	"citycard/clearing/dayclose"
	"citycard/clearing/message"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// closings compares the registry version of each closed day with the audit.
func (c *check) closings(ctx context.Context) error {
	defer c.inOrder()()
	want := map[dayclose.Closing]bool{}
	told(c, dayclose.ActClose, func(_ *chain.AuditEntry, what dayclose.Closing) { want[what] = true })
	var is dayclose.Closing
	err := c.each(ctx, "SELECT day, reopened, registry FROM closings", []any{&is.Day, &is.Reopened, &is.Registry}, func() error {
		if !want[is] {
			c.fault(Closing, closingName(is), "with version %d of the registry; the audit has no such entry", is.Registry)
		}
		delete(want, is)
		return nil
	})
	for missing := range want {
		c.fault(Closing, closingName(missing), "it is not there; the audit has it with version %d of the registry", missing.Registry)
	}
	return err
}

func closingName(is dayclose.Closing) string {
	return fmt.Sprintf("close of day %v, reopened %d times", is.Day, is.Reopened)
}

// topics compares the topics with how the audit says they were first seen.
func (c *check) topics(ctx context.Context) error {
	defer c.inOrder()()
	want := map[message.TopicFound]bool{}
	told(c, message.ActTopic, func(_ *chain.AuditEntry, what message.TopicFound) { want[what] = true })
	var is message.TopicFound
	var id []byte
	err := c.each(ctx, "SELECT topic, id, partitions FROM topics", []any{&is.Topic, &id, &is.Partitions}, func() error {
		if is.ID = hex.EncodeToString(id); !want[is] {
			c.fault(Topic, "topic "+is.Topic, "id %s, %d partitions; the audit has no such entry", is.ID, is.Partitions)
		}
		delete(want, is)
		return nil
	})
	for missing := range want {
		c.fault(Topic, "topic "+missing.Topic, "it is not there; the audit has it with id %s, %d partitions", missing.ID, missing.Partitions)
	}
	return err
}

// roundKey is a round over a day.
type roundKey struct {
	day   ledger.Day
	round int
}

func (k roundKey) String() string { return fmt.Sprintf("day %v, round %d", k.day, k.round) }

// passes compares what rounds over cards left with the hashes that the audit has of it.
func (c *check) passes(ctx context.Context) error {
	want := map[roundKey]counters.Outcome{}
	told(c, counters.ActPass, func(_ *chain.AuditEntry, what counters.Outcome) { want[roundKey{what.Day, what.Round}] = what })
	there := map[roundKey]bool{}
	var is counters.Outcome
	var done bool
	err := c.each(ctx, "SELECT day, round, reopened, before_day, before_round, done, rows_read, cards, sams FROM passes", []any{
		&is.Day, &is.Round, &is.Reopened, &is.BeforeDay, &is.BeforeRound, &done, &is.Rows, &is.Cards, &is.SAMs,
	}, func() error {
		k := roundKey{is.Day, is.Round}
		there[k] = true
		said, ok := want[k]
		now := said
		now.Reopened, now.BeforeDay, now.BeforeRound, now.Rows, now.Cards, now.SAMs = is.Reopened, is.BeforeDay, is.BeforeRound, is.Rows, is.Cards, is.SAMs
		if ok != done || ok && now != said {
			c.fault(Pass, k.String(), "it is done: %v, in row %+v; the audit says done: %v, %+v", done, is, ok, said)
		}
		return nil
	})
	if err != nil {
		return err
	}
	kept, err := c.keptFrom(ctx, want)
	if err != nil {
		return err
	}
	for _, k := range slices.SortedFunc(maps.Keys(want), func(a, b roundKey) int { return int(a.day-b.day)*1000 + a.round - b.round }) {
		if !there[k] {
			c.fault(Pass, k.String(), "it is not there, as the audit has it")
		}
		if err := c.leftovers(ctx, k, want[k], k.day >= kept); err != nil {
			return err
		}
	}
	return c.strayHistories(ctx, want, there)
}

// keptFrom is the first day whose histories must exist. Histories before the last round with which
// an unsealed day may begin are dropped.
func (c *check) keptFrom(ctx context.Context, rounds map[roundKey]counters.Outcome) (kept ledger.Day, err error) {
	var open ledger.Day
	if err := c.tx.QueryRow(ctx, "SELECT coalesce(min(day), 29991231)::INT4 FROM days WHERE state <> 'sealed'").Scan(&open); err != nil {
		return 0, err
	}
	for k := range rounds {
		if k.day < open {
			kept = max(kept, k.day)
		}
	}
	return kept, nil
}

// leftovers compares the results of a round with its hashes.
func (c *check) leftovers(ctx context.Context, k roundKey, said counters.Outcome, must bool) error {
	found, err := counters.FindingsOf(ctx, c.tx, k.day, k.round)
	if err != nil {
		return err
	}
	if found != said.Findings {
		c.fault(Pass, "findings of "+k.String(), "they make the hash %s; the audit has %s", found, said.Findings)
	}
	var cuts, parts, histories int
	err = c.tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM history_cuts WHERE day = $1 AND round = $2), (SELECT count(*) FROM history_parts WHERE day = $1 AND round = $2),
		(SELECT count(*) FROM histories WHERE day = $1 AND round = $2)`, k.day, k.round).Scan(&cuts, &parts, &histories)
	if err != nil {
		return err
	}
	if cuts+parts+histories == 0 && !must {
		return nil
	}
	if found, err = counters.PartsOf(ctx, c.tx, k.day, k.round); err != nil {
		return err
	}
	if found != said.Parts || cuts != parts {
		c.fault(Pass, "parts of "+k.String(), "%d, of which %d are stored, make the hash %s; the audit has %s", cuts, parts, found, said.Parts)
	}
	made, modules, err := counters.HistoriesOf(ctx, c.tx, k.day, k.round)
	if err != nil {
		return err
	}
	if modules != said.Modules {
		c.fault(Pass, "histories of SAMs, "+k.String(), "they make the hash %s; the audit has %s", modules, said.Modules)
	}
	return c.cardHistories(ctx, k, made)
}

// cardHistories compares the histories of a round's cards with the hashes of their parts,
// which the hash over the parts covers.
func (c *check) cardHistories(ctx context.Context, k roundKey, made map[int][]byte) error {
	empty := counters.NoHistories()
	var number int
	var hash, uses []byte
	err := c.each(ctx, "SELECT number, histories, uses FROM history_parts WHERE day = $1 AND round = $2", []any{&number, &hash, &uses}, func() error {
		is, ok := made[number]
		if !ok {
			is = empty
		}
		delete(made, number)
		if !bytes.Equal(is, hash) || len(uses) > 0 {
			c.fault(Pass, fmt.Sprintf("histories of cards, %s, part %d", k, number), "they make the hash %x; their part has %x, and %d bytes of numbers left", is, hash, len(uses))
		}
		return nil
	}, k.day, k.round)
	for _, number := range slices.Sorted(maps.Keys(made)) {
		c.fault(Pass, fmt.Sprintf("histories of cards, %s, part %d", k, number), "there is no such part")
	}
	return err
}

// strayHistories reports histories that belong to no round, neither complete nor under way.
func (c *check) strayHistories(ctx context.Context, done map[roundKey]counters.Outcome, there map[roundKey]bool) error {
	var table string
	var k roundKey
	return c.each(ctx, `SELECT 'findings', day, round FROM findings GROUP BY day, round UNION ALL SELECT 'histories', day, round FROM histories GROUP BY day, round
		UNION ALL SELECT 'history_parts', day, round FROM history_parts GROUP BY day, round UNION ALL SELECT 'history_cuts', day, round FROM history_cuts GROUP BY day, round`,
		[]any{&table, &k.day, &k.round}, func() error {
			if _, ok := done[k]; !ok && !there[k] {
				c.fault(Pass, k.String(), "there are %s of it, and no such round", table)
			}
			return nil
		})
}

package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"citycard/clearing/cards"
	"citycard/clearing/identity"
	"citycard/clearing/registry"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// All that there is of what the registry is to say of cards: what each step wants (0), as its note
// in the journal has it, what is kept of that (1), and what the registry says (2): of cards of
// which something is due, and in the changes that follow counters. Those of one card together, by
// the digits by which the registry knows it.
const besideDues = `
	SELECT substring(subject, 5) AS key, 0 AS what, subject AS card, 0::INT8 AS step, evidence AS content, '' AS number, 0::INT8 AS since, 0::INT8 AS until, 0::INT8 AS expires, 0::INT8 AS change
		FROM journal WHERE id >= '\x60' AND id < '\x61' AND length(subject) = $2
	UNION ALL SELECT substring(card, 5), 1, card, step, convert_to(reason, 'UTF8'), number, since, until, expires::INT8, change FROM registry_dues
	UNION ALL SELECT r.key, 2, NULL, 0, convert_to(r.record, 'UTF8'), '', r.kind, r.effective_from, 0, r.change FROM registry_rows AS r JOIN registry_versions AS v ON v.change = r.change
		WHERE r.kind IN ($3, $4) AND (r.change = ANY($1) OR r.key IN (SELECT substring(card, 5) FROM registry_dues))
	ORDER BY key, what, card, step, change, since, until`

// dueRow is a row of besideDues.
type dueRow struct {
	key, card, content   []byte
	what                 int
	step                 int64
	number               string
	since, until, expire int64
	change               int64
}

// dueKey is a step of a card.
type dueKey struct {
	card string
	step int64
}

// wants is what is due because of a step.
type wants struct {
	of     cards.Due
	number string
}

// dueKept is what is kept of one step.
type dueKept struct {
	dueKey
	wants
	change int64
}

// said is a row of the registry.
type said struct {
	kind    registry.Kind
	from    int64
	change  int64
	record  string
	claimed bool // a step has it said
}

// dueLife is all of one card.
type dueLife struct {
	key   []byte
	wants map[dueKey]wants
	kept  []dueKept
	said  []said
}

// dues compares what the registry is to say of cards with their steps, and what it says by then
// with the changes that are said to have it.
func (c *check) dues(ctx context.Context) error {
	follows := map[int64]bool{}
	changes := []int64{}
	told(c, registry.ActFollow, func(_ *chain.AuditEntry, entered registry.Entered) {
		follows[entered.Change], changes = true, append(changes, entered.Change)
	})
	var r dueRow
	of := &dueLife{}
	err := c.each(ctx, besideDues, []any{&r.key, &r.what, &r.card, &r.step, &r.content, &r.number, &r.since, &r.until, &r.expire, &r.change}, func() error {
		if !bytes.Equal(r.key, of.key) {
			c.endDues(of, follows)
			of = &dueLife{key: bytes.Clone(r.key), wants: map[dueKey]wants{}}
		}
		of.add(&r)
		return nil
	}, changes, len(identity.Card{}), int64(registry.Cards), int64(registry.Hotlist))
	c.endDues(of, follows)
	return err
}

// due is what is kept of a step.
func (r *dueRow) due() cards.Due {
	return cards.Due{Since: r.since, Until: r.until, Reason: string(r.content), Expires: ledger.Day(r.expire)}
}

func (l *dueLife) add(r *dueRow) {
	switch r.what {
	case 0:
		var of cards.Record
		if json.Unmarshal(r.content, &of) == nil && of.Due != nil { // what cannot be read is named as a step
			l.wants[dueKey{string(r.card), of.Step}] = wants{*of.Due, of.Left.Number}
		}
	case 1:
		l.kept = append(l.kept, dueKept{dueKey{string(r.card), r.step}, wants{r.due(), r.number}, r.change})
	default:
		l.said = append(l.said, said{registry.Kind(r.since), r.until, r.change, string(r.content), false})
	}
}

func (l *dueLife) name() string { return fmt.Sprintf("card ****%x", l.key[max(0, len(l.key)-2):]) }

// endDues reports what differs of one card.
func (c *check) endDues(l *dueLife, follows map[int64]bool) {
	defer c.inOrder()()
	wanted := cards.NewWanted()
	waits := false
	for i, k := range l.kept {
		where := fmt.Sprintf("%s, step %d", l.name(), k.step)
		if want, there := l.wants[k.dueKey]; !there || want != k.wants {
			c.fault(CardDue, where, "it is %+v; its step has %+v", k.of, want.of)
		}
		delete(l.wants, k.dueKey)
		wanted.Add(k.of)
		switch {
		case k.change == 0:
			waits = true
		case waits:
			c.fault(CardDue, where, "the registry has it in change %d, and not what was due before", k.change)
		case k.change != cards.SaidBefore && !follows[k.change]:
			c.fault(CardDue, where, "change %d of the registry does not follow counters", k.change)
		case i+1 == len(l.kept) || l.kept[i+1].change != k.change:
			if !l.says(wanted, k.change) {
				c.fault(CardDue, where, "change %d of the registry does not say it", k.change)
			}
		}
	}
	for key, want := range l.wants {
		c.fault(CardDue, fmt.Sprintf("%s, step %d", l.name(), key.step), "the step wants %+v to be said, and that is not kept", want.of)
	}
	for _, row := range l.said {
		if follows[row.change] && !row.claimed {
			c.fault(CardDue, l.name(), "change %d of the registry follows counters, and no step wants what it says of %s", row.change, row.kind)
		}
	}
}

// says reports whether the registry says all that is wanted, by a change or, for SaidBefore, at
// all. It notes what of a change was wanted.
func (l *dueLife) says(wanted *cards.Wanted, change int64) bool {
	find := func(kind registry.Kind, fits func(fields map[string]string, from int64) bool) (found bool) {
		for i := range l.said {
			row := &l.said[i]
			if row.kind != kind || change > 0 && row.change > change {
				continue
			}
			if fields, err := kind.Row(row.record); err == nil && fits(fields, row.from) {
				found = true
				row.claimed = row.claimed || row.change == change
			}
		}
		return found
	}
	for _, want := range wanted.Listed() {
		until := ""
		if want.Until != 0 {
			until = strconv.FormatInt(want.Until, 10)
		}
		if !find(registry.Hotlist, func(fields map[string]string, from int64) bool {
			return from == want.Since && fields["reason"] == want.Reason && fields["effective_to"] == until
		}) {
			return false
		}
	}
	return wanted.Expires() == 0 || find(registry.Cards, func(fields map[string]string, _ int64) bool {
		return fields["expires"] == wanted.Expires().String()
	})
}

package verify

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"citycard/clearing/cards"
	"citycard/clearing/counters"
	"citycard/clearing/dayclose"
	"citycard/clearing/message"
	"citycard/clearing/people/access"
	offered "citycard/clearing/people/proposal"
	"citycard/clearing/persons"
	"citycard/clearing/quarantine"
	"citycard/clearing/receipt"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/rules"
	"citycard/clearing/stock"
	"citycard/clearing/transit/load"
	"citycard/ledger/chain"
)

// acts are clearing's acts by which its tables are checked.
func acts() []string {
	all := []string{
		registry.ActFound, registry.ActApprove, registry.ActFollow, registry.ActIssued, dayclose.ActClose, message.ActTopic, counters.ActPass,
		rules.ActFound, rules.ActApprove, persons.ActImport, persons.ActTry, persons.ActUndo, persons.ActEnd,
		access.ActIssue, access.ActRevoke, quarantine.ActJudge, quarantine.ActBooked,
		load.ActAskInvoice, load.ActAnswers, offered.ActPropose, offered.ActReject, offered.ActWithdraw, receipt.ActBook, receipt.ActReverse,
		cards.ActOpenShift, cards.ActOpenOther, cards.ActCloseShift, cards.ActByTwo, cards.ActHandOver, cards.ActGiveBack, cards.ActConsent, cards.ActIssue, cards.ActBank, stock.ActReceive, stock.ActMove, stock.ActSpoil, stock.ActCount,
	}
	for _, do := range cards.Does() {
		all = append(all, do.Act())
	}
	return all
}

// change is a change of the registry, as the audit or a proposal tells it and as it is there.
type change struct {
	content *registry.Content
	told    string // where
	entered *registry.Entered
	entry   *chain.AuditEntry

	there  bool
	digest registry.Digest
}

type changes map[int64]*change

func (all changes) at(number int64) *change {
	c := all[number]
	if c == nil {
		c = &change{}
		all[number] = c
	}
	return c
}

// inOrder calls fn for all changes, by number.
func (all changes) inOrder(fn func(number int64, c *change)) {
	for _, number := range slices.Sorted(maps.Keys(all)) {
		fn(number, all[number])
	}
}

func changeName(number int64) string { return fmt.Sprintf("registry change %d", number) }

// tells notes what a change is, and names one that is told in two ways.
func (c *check) tells(all changes, content registry.Content, where string) *change {
	of := all.at(content.Change)
	if of.content != nil && *of.content != content {
		c.fault(RegistryChange, changeName(content.Change), "%s has %+v; %s has %+v", of.told, *of.content, where, content)
	}
	of.content, of.told = &content, where
	return of
}

// registry compares changes and versions with the audit and with the proposals, and rows with the
// digests. A change that nobody has proposed is in force nowhere.
func (c *check) registry(ctx context.Context) error {
	all := changes{}
	var number int64
	var body string
	err := c.each(ctx, "SELECT number, body FROM proposals WHERE kind = '"+registry.ChangeName+"' ORDER BY number", []any{&number, &body}, func() error {
		var content registry.Content
		if err := json.Unmarshal([]byte(body), &content); err != nil {
			c.fault(Unreadable, offerName(number), "its request: %v", err)
			return nil
		}
		c.tells(all, content, offerName(number))
		return nil
	})
	if err != nil {
		return err
	}
	for _, act := range []string{registry.ActFound, registry.ActApprove, registry.ActFollow, registry.ActIssued} {
		told(c, act, func(e *chain.AuditEntry, entered registry.Entered) {
			of := c.tells(all, entered.Content, fmt.Sprintf("entry %d of the audit", e.Number))
			if of.entered != nil {
				c.fault(RegistryChange, changeName(entered.Change), "it came in force twice: in entries %d and %d of the audit", of.entry.Number, e.Number)
			}
			of.entered, of.entry = &entered, e
		})
	}
	for _, step := range []func(context.Context, changes) error{c.registryRows, c.registryChanges, c.registryVersions} {
		if err := step(ctx, all); err != nil {
			return err
		}
	}
	return nil
}

// registryRows adds up the digests of all rows.
func (c *check) registryRows(ctx context.Context, all changes) error {
	var number, kind, from int64
	var key []byte
	var record string
	return c.each(ctx, "SELECT change, kind, key, effective_from, record FROM registry_rows ORDER BY change, kind, key, effective_from",
		[]any{&number, &kind, &key, &from, &record}, func() error {
			if err := all.at(number).digest.Add(registry.Kind(kind), key, from, record); err != nil {
				c.fault(RegistryRow, fmt.Sprintf("%s, %s from %d", changeName(number), registry.Kind(kind).KeyName(key), from), "%v", err)
			}
			return nil
		})
}

// registryChanges compares changes with what was proposed or came in force, and with their rows.
func (c *check) registryChanges(ctx context.Context, all changes) error {
	var is registry.Content
	var digest []byte
	var drafted int64
	err := c.each(ctx, "SELECT number, base, rows, digest, drafted FROM registry_changes ORDER BY number", []any{&is.Change, &is.Base, &is.Rows, &digest, &drafted}, func() error {
		of := all.at(is.Change)
		of.there = true
		if of.content != nil && drafted != 0 {
			c.fault(RegistryChange, changeName(is.Change), "it is kept as a draft, which is removed; %s has it", of.told)
		}
		if is.Digest = hex.EncodeToString(digest); of.content != nil && is != *of.content {
			c.fault(RegistryChange, changeName(is.Change), "%+v; %s has %+v", is, of.told, *of.content)
		}
		return nil
	})
	if err != nil {
		return err
	}
	all.inOrder(func(number int64, of *change) {
		if of.content == nil {
			return
		}
		if !of.there {
			c.fault(RegistryChange, changeName(number), "it is not there, as %s has it", of.told)
		}
		if sum, rows := of.digest.Sum(); rows != of.content.Rows || hex.EncodeToString(sum[:]) != of.content.Digest {
			c.fault(RegistryChange, changeName(number), "its %d rows make the digest %x; %s has %d and %s", rows, sum, of.told, of.content.Rows, of.content.Digest)
		}
	})
	return nil
}

// registryVersions compares the versions with the audit, and their heads with the digests.
func (c *check) registryVersions(ctx context.Context, all changes) error {
	byVersion := map[int64]*change{}
	name := func(number int64) string { return fmt.Sprintf("registry version %d", number) }
	all.inOrder(func(_ int64, of *change) {
		if of.entered == nil {
			return
		}
		if other := byVersion[of.entered.Version]; other != nil {
			c.fault(RegistryVersion, name(of.entered.Version), "it came in force twice: in entries %d and %d of the audit", other.entry.Number, of.entry.Number)
		}
		byVersion[of.entered.Version] = of
	})
	var number, of int64
	var head []byte
	seen := map[int64]bool{}
	err := c.each(ctx, "SELECT number, change, head FROM registry_versions ORDER BY number", []any{&number, &of, &head}, func() error {
		seen[number] = true
		switch want := byVersion[number]; {
		case want == nil:
			c.fault(RegistryVersion, name(number), "the audit has no such decision")
		case want.entered.Change != of || want.entered.Head != hex.EncodeToString(head):
			c.fault(RegistryVersion, name(number), "change %d, head %x; the audit has change %d, head %s", of, head, want.entered.Change, want.entered.Head)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var last [32]byte
	next := int64(1)
	for _, number := range slices.Sorted(maps.Keys(byVersion)) {
		of := byVersion[number]
		if !seen[number] {
			c.fault(RegistryVersion, name(number), "it is not there, as entry %d of the audit has it", of.entry.Number)
		}
		if number != next || of.entered.Base != number-1 {
			c.fault(RegistryVersion, name(number), "it was made for version %d, and follows %d", of.entered.Base, next-1)
		}
		next = number + 1
		var digest [32]byte
		if _, err := hex.Decode(digest[:], []byte(of.entered.Digest)); err != nil || len(of.entered.Digest) != 2*len(digest) {
			c.fault(Unreadable, fmt.Sprintf("audit entry %d", of.entry.Number), "its digest is %q", of.entered.Digest)
		}
		if last = registry.Head(last, digest); hex.EncodeToString(last[:]) != of.entered.Head {
			c.fault(RegistryVersion, name(number), "its head is %s; the changes make %x", of.entered.Head, last)
		}
		c.heads[index.VersionOf(last)] = true
	}
	return nil
}

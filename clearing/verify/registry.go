package verify

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

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
	"citycard/ledger/chain"
)

// acts are clearing's acts by which its tables are checked.
func acts() []string {
	return []string{
		registry.ActPropose, registry.ActFound, registry.ActApprove, registry.ActReject, dayclose.ActClose, message.ActTopic, counters.ActPass,
		rules.ActPropose, rules.ActFound, rules.ActApprove, rules.ActReject, persons.ActImport, persons.ActUndo, persons.ActEnd,
		access.ActIssue, access.ActRevoke, quarantine.ActJudge, quarantine.ActBooked,
		offered.ActPropose, offered.ActReject, offered.ActWithdraw, receipt.ActBook, receipt.ActReverse,
	}
}

// change is a change of the registry, as the audit tells it and as it is there.
type change struct {
	proposal *registry.Proposal
	proposed *chain.AuditEntry
	decision *registry.Decision
	decided  *chain.AuditEntry

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

// registry compares changes and versions with the audit, and rows with the digests.
func (c *check) registry(ctx context.Context) error {
	all := changes{}
	told(c, registry.ActPropose, func(e *chain.AuditEntry, p registry.Proposal) {
		of := all.at(p.Change)
		of.proposal, of.proposed = &p, e
	})
	for _, act := range []string{registry.ActFound, registry.ActApprove, registry.ActReject} {
		told(c, act, func(e *chain.AuditEntry, d registry.Decision) {
			of := all.at(d.Change)
			of.decision, of.decided = &d, e
		})
	}
	for _, step := range []func(context.Context, changes) error{c.registrySteps, c.registryRows, c.registryChanges, c.registryVersions} {
		if err := step(ctx, all); err != nil {
			return err
		}
	}
	return nil
}

// registrySteps compares who imported and who decided.
func (c *check) registrySteps(ctx context.Context, all changes) error {
	const imported, decided = 1, 2
	seen := map[[2]int64]bool{}
	var number, step, at int64
	var act, person string
	err := c.each(ctx, "SELECT change, step, act, person, at FROM registry_audit ORDER BY change, step", []any{&number, &step, &act, &person, &at}, func() error {
		seen[[2]int64{number, step}] = true
		e, wantAct, by := all.at(number).proposed, "import", ""
		if step == decided {
			if e = all.at(number).decided; e != nil {
				wantAct = map[string]string{registry.ActFound: "found", registry.ActApprove: "approve", registry.ActReject: "reject"}[e.Act]
			}
		}
		switch {
		case e == nil && step == imported:
			return nil // an import that did not come to its end: its rows are in force nowhere
		case e == nil:
			c.fault(RegistryChange, changeName(number), "%s by %s: the audit has no such act", act, person)
			return nil
		}
		if by = e.First; e.Act == registry.ActApprove {
			by = e.Second
		}
		if act != wantAct || person != by || at != e.At.Unix() {
			c.fault(RegistryChange, changeName(number), "%s by %s at second %d; the audit has %s by %s at %d", act, person, at, wantAct, by, e.At.Unix())
		}
		return nil
	})
	if err != nil {
		return err
	}
	all.inOrder(func(number int64, of *change) {
		for step, e := range map[int64]*chain.AuditEntry{imported: of.proposed, decided: of.decided} {
			if e != nil && !seen[[2]int64{number, step}] {
				c.fault(RegistryChange, changeName(number), "who did %q is not there, as entry %d of the audit has it", e.Act, e.Number)
			}
		}
	})
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

// registryChanges compares changes with what was proposed, and with their rows.
func (c *check) registryChanges(ctx context.Context, all changes) error {
	var number int64
	var p registry.Proposal
	var digest []byte
	var reason string
	err := c.each(ctx, "SELECT number, base, rows, digest, reason FROM registry_changes ORDER BY number", []any{&number, &p.Base, &p.Rows, &digest, &reason}, func() error {
		of := all.at(number)
		of.there = true
		if p.Change, p.Digest = number, hex.EncodeToString(digest); of.proposal == nil {
			c.fault(RegistryChange, changeName(number), "the audit has no such proposal")
			return nil
		}
		if p != *of.proposal || reason != of.proposed.Reason {
			c.fault(RegistryChange, changeName(number), "%+v for %q; the audit has %+v for %q", p, reason, *of.proposal, of.proposed.Reason)
		}
		return nil
	})
	if err != nil {
		return err
	}
	all.inOrder(func(number int64, of *change) {
		if of.proposal == nil {
			return
		}
		if !of.there {
			c.fault(RegistryChange, changeName(number), "it is not there, as entry %d of the audit has it", of.proposed.Number)
		}
		if sum, rows := of.digest.Sum(); rows != of.proposal.Rows || hex.EncodeToString(sum[:]) != of.proposal.Digest {
			c.fault(RegistryChange, changeName(number), "its %d rows make the digest %x; the audit has %d and %s", rows, sum, of.proposal.Rows, of.proposal.Digest)
		}
	})
	return nil
}

// registryVersions compares the versions with the decisions, and their heads with the
// digests.
func (c *check) registryVersions(ctx context.Context, all changes) error {
	byVersion := map[int64]*change{}
	for number, of := range all {
		switch {
		case of.decision == nil || of.decision.Version == 0:
		case of.proposal == nil:
			c.fault(RegistryVersion, changeName(number), "version %d: nobody proposed it", of.decision.Version)
		default:
			byVersion[of.decision.Version] = of
		}
	}
	var number, of int64
	var head []byte
	seen := map[int64]bool{}
	err := c.each(ctx, "SELECT number, change, head FROM registry_versions ORDER BY number", []any{&number, &of, &head}, func() error {
		seen[number] = true
		want := byVersion[number]
		switch {
		case want == nil:
			c.fault(RegistryVersion, fmt.Sprintf("registry version %d", number), "the audit has no such decision")
		case want.decision.Change != of || want.decision.Head != hex.EncodeToString(head):
			c.fault(RegistryVersion, fmt.Sprintf("registry version %d", number), "change %d, head %x; the audit has change %d, head %s", of, head,
				want.decision.Change, want.decision.Head)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var last [32]byte
	for _, number := range slices.Sorted(maps.Keys(byVersion)) {
		of := byVersion[number]
		if !seen[number] {
			c.fault(RegistryVersion, fmt.Sprintf("registry version %d", number), "it is not there, as entry %d of the audit has it", of.decided.Number)
		}
		var digest [32]byte
		if _, err := hex.Decode(digest[:], []byte(of.proposal.Digest)); err != nil || len(of.proposal.Digest) != 2*len(digest) {
			c.fault(Unreadable, fmt.Sprintf("audit entry %d", of.proposed.Number), "its digest is %q", of.proposal.Digest)
		}
		if last = registry.Head(last, digest); hex.EncodeToString(last[:]) != of.decision.Head {
			c.fault(RegistryVersion, fmt.Sprintf("registry version %d", number), "its head is %s; the changes make %x", of.decision.Head, last)
		}
		c.heads[index.VersionOf(last)] = true
	}
	return nil
}

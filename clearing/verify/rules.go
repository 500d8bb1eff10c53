package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"citycard/clearing/rules"
	"citycard/ledger/chain"
)

// proposal is a proposal of rule documents, as the audit tells it and as it is there.
type proposal struct {
	proposed *rules.Proposed
	proposer *chain.AuditEntry
	decided  *rules.Decided
	decider  *chain.AuditEntry

	there, ended bool
	hashes       map[rules.Kind][]byte
}

type proposals map[int64]*proposal

func (all proposals) at(number int64) *proposal {
	p := all[number]
	if p == nil {
		p = &proposal{hashes: map[rules.Kind][]byte{}}
		all[number] = p
	}
	return p
}

func proposalName(number int64) string { return fmt.Sprintf("proposal %d of rules", number) }

// rules compares documents with the digests of their proposals, and proposals, decisions and
// editions with the audit.
func (c *check) rules(ctx context.Context) error {
	all := proposals{}
	told(c, rules.ActPropose, func(e *chain.AuditEntry, p rules.Proposed) {
		of := all.at(p.Proposal)
		of.proposed, of.proposer = &p, e
	})
	for _, act := range []string{rules.ActFound, rules.ActApprove, rules.ActReject} {
		told(c, act, func(e *chain.AuditEntry, d rules.Decided) {
			of := all.at(d.Proposal)
			of.decided, of.decider = &d, e
		})
	}
	for _, step := range []func(context.Context, proposals) error{c.ruleDocuments, c.ruleProposals, c.ruleDecisions, c.ruleEditions} {
		if err := step(ctx, all); err != nil {
			return err
		}
	}
	return nil
}

// ruleDocuments checks the hash of each document.
func (c *check) ruleDocuments(ctx context.Context, all proposals) error {
	var number int64
	var kind string
	var content, hash []byte
	return c.each(ctx, "SELECT proposal, kind, content, hash FROM rule_documents ORDER BY proposal, kind", []any{&number, &kind, &content, &hash}, func() error {
		if sum := sha256.Sum256(content); !bytes.Equal(sum[:], hash) || !rules.Kind(kind).Known() {
			c.fault(RuleDocument, fmt.Sprintf("%s, document %q", proposalName(number), kind), "its hash is %x; it is kept with %x", sum, hash)
		}
		all.at(number).hashes[rules.Kind(kind)] = bytes.Clone(hash)
		return nil
	})
}

// ruleProposals compares proposals with the audit and with their documents.
func (c *check) ruleProposals(ctx context.Context, all proposals) error {
	var number, at int64
	var p rules.Proposed
	var sum []byte
	var person, reason, change string
	err := c.each(ctx, "SELECT number, base, digest, person, reason, at, fare_change FROM rule_proposals ORDER BY number", []any{&number, &p.Base, &sum, &person, &reason, &at, &change}, func() error {
		of := all.at(number)
		of.there = true
		p.Proposal, p.Digest = number, hex.EncodeToString(sum)
		if of.proposed != nil {
			p.Change = of.proposed.Change
			if want, err := rules.ChangeText(p.Change); err != nil || change != want {
				c.fault(RuleProposal, proposalName(number), "its change of prices is %q; the audit has %q", change, want)
			}
		}
		switch e := of.proposer; {
		case e == nil:
			c.fault(RuleProposal, proposalName(number), "the audit has no such proposal")
		case p != *of.proposed || person != e.First || reason != e.Reason || at != e.At.Unix():
			c.fault(RuleProposal, proposalName(number), "%+v by %s for %q at second %d; the audit has %+v by %s for %q at %d",
				p, person, reason, at, *of.proposed, e.First, e.Reason, e.At.Unix())
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, number := range slices.Sorted(maps.Keys(all)) {
		of := all[number]
		switch sum := rules.Digest(of.hashes); {
		case of.proposed == nil:
			if !of.there && len(of.hashes) > 0 {
				c.fault(RuleDocument, proposalName(number), "it has documents, and the audit has no such proposal")
			}
		case !of.there:
			c.fault(RuleProposal, proposalName(number), "it is not there, as entry %d of the audit has it", of.proposer.Number)
		case hex.EncodeToString(sum[:]) != of.proposed.Digest:
			c.fault(RuleProposal, proposalName(number), "its documents make the digest %x; the audit has %s", sum, of.proposed.Digest)
		}
	}
	return nil
}

// ruleDecisions compares who decided.
func (c *check) ruleDecisions(ctx context.Context, all proposals) error {
	var number, at int64
	var act, person, zone string
	err := c.each(ctx, "SELECT proposal, act, person, at, zone FROM rule_decisions ORDER BY proposal", []any{&number, &act, &person, &at, &zone}, func() error {
		of := all.at(number)
		of.ended = true
		if of.decider == nil {
			c.fault(RuleProposal, proposalName(number), "%s by %s: the audit has no such decision", act, person)
			return nil
		}
		e := of.decider
		want, by := rules.Stored(e.Act), e.First
		if e.Act == rules.ActApprove {
			by = e.Second
		}
		if act != want || person != by || at != e.At.Unix() {
			c.fault(RuleProposal, proposalName(number), "%s by %s at second %d; the audit has %s by %s at %d", act, person, at, want, by, e.At.Unix())
		}
		if zone != of.decided.Zone {
			c.fault(RuleProposal, proposalName(number), "its zone is %q; the audit has %q", zone, of.decided.Zone)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, number := range slices.Sorted(maps.Keys(all)) {
		if of := all[number]; of.decider != nil && !of.ended {
			c.fault(RuleProposal, proposalName(number), "its decision is not there, as entry %d of the audit has it", of.decider.Number)
		}
	}
	return nil
}

// ruleEditions compares editions with the decisions, and their heads with the digests.
func (c *check) ruleEditions(ctx context.Context, all proposals) error {
	made := map[int64]*proposal{}
	for number, of := range all {
		switch {
		case of.decided == nil || of.decided.Edition == 0:
		case of.proposed == nil:
			c.fault(RuleEdition, proposalName(number), "edition %d: nobody proposed it", of.decided.Edition)
		default:
			made[of.decided.Edition] = of
		}
	}
	name := func(number int64) string { return fmt.Sprintf("edition %d of rules", number) }
	var number, of int64
	var head []byte
	seen := map[int64]bool{}
	err := c.each(ctx, "SELECT number, proposal, head FROM rule_editions ORDER BY number", []any{&number, &of, &head}, func() error {
		seen[number] = true
		switch want := made[number]; {
		case want == nil:
			c.fault(RuleEdition, name(number), "the audit has no such decision")
		case want.decided.Proposal != of || want.decided.Head != hex.EncodeToString(head):
			c.fault(RuleEdition, name(number), "proposal %d, head %x; the audit has proposal %d, head %s", of, head, want.decided.Proposal, want.decided.Head)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var last rules.Edition
	for _, number := range slices.Sorted(maps.Keys(made)) {
		of := made[number]
		if !seen[number] {
			c.fault(RuleEdition, name(number), "it is not there, as entry %d of the audit has it", of.decider.Number)
		}
		sum, err := hex.DecodeString(of.proposed.Digest)
		if err != nil || len(sum) != sha256.Size {
			c.fault(Unreadable, fmt.Sprintf("audit entry %d", of.proposer.Number), "its digest is %q", of.proposed.Digest)
			continue
		}
		last = last.Next([sha256.Size]byte(sum))
		if last.Number != number || hex.EncodeToString(last.Head[:]) != of.decided.Head {
			c.fault(RuleEdition, name(number), "its head is %s; the proposals make %s", of.decided.Head, last)
		}
		c.editions[last.String()] = true
	}
	return nil
}

// knowsEdition reports whether a batch may name an edition. Where there are no rules, as in a trial
// of clearing alone, it names none.
func (c *check) knowsEdition(named string) bool {
	return c.editions[named] || len(c.editions) == 0 && named == rules.Edition{}.String()
}

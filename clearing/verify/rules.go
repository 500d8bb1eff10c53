package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"citycard/clearing/rules"
	"citycard/ledger/chain"
)

// edition is an edition of the rules, as the audit tells it.
type edition struct {
	entered *rules.Entered
	entry   *chain.AuditEntry
	hashes  map[rules.Kind][]byte
}

func editionName(number int64) string { return fmt.Sprintf("edition %d of rules", number) }

// rules compares documents with their hashes, and editions with the audit.
func (c *check) rules(ctx context.Context) error {
	contents, err := c.documentContents(ctx)
	if err != nil {
		return err
	}
	if err := c.proposedDocuments(ctx, contents); err != nil {
		return err
	}
	made := map[int64]*edition{}
	for _, act := range []string{rules.ActFound, rules.ActApprove} {
		told(c, act, func(e *chain.AuditEntry, entered rules.Entered) {
			hashes, err := rules.Hashes(entered.Documents)
			if err != nil {
				c.fault(Unreadable, fmt.Sprintf("audit entry %d", e.Number), "%v", err)
			}
			if other := made[entered.Edition]; other != nil {
				c.fault(RuleEdition, editionName(entered.Edition), "it came in force twice: in entries %d and %d of the audit", other.entry.Number, e.Number)
			}
			made[entered.Edition] = &edition{&entered, e, hashes}
			c.keptDocuments(contents, hashes, editionName(entered.Edition))
		})
	}
	if err := c.ruleEditions(ctx, made); err != nil {
		return err
	}
	return c.editionDocuments(ctx, made)
}

// documentContents checks the hash of each document, and finds those that are no drafts.
func (c *check) documentContents(ctx context.Context) (map[[sha256.Size]byte]bool, error) {
	contents := map[[sha256.Size]byte]bool{}
	var content, hash []byte
	var drafted int64
	err := c.each(ctx, "SELECT content, hash, drafted FROM document_contents ORDER BY hash", []any{&content, &hash, &drafted}, func() error {
		sum := sha256.Sum256(content)
		if contents[sum] = drafted == 0; !bytes.Equal(sum[:], hash) {
			c.fault(RuleDocument, fmt.Sprintf("document %x", hash), "its hash is %x; it is kept with %x", sum, hash)
		}
		return nil
	})
	return contents, err
}

// keptDocuments names the documents that are not there, or not for good.
func (c *check) keptDocuments(contents map[[sha256.Size]byte]bool, hashes map[rules.Kind][]byte, where string) {
	for _, kind := range rules.Kinds() {
		hash := hashes[kind]
		if hash == nil {
			continue
		}
		switch held, there := contents[[sha256.Size]byte(hash)]; {
		case !there:
			c.fault(RuleDocument, where, "its document %q of the hash %x is not there", kind, hash)
		case !held:
			c.fault(RuleDocument, where, "its document %q of the hash %x is kept as a draft, which is removed", kind, hash)
		}
	}
}

// proposedDocuments looks for the documents that proposals name.
func (c *check) proposedDocuments(ctx context.Context, contents map[[sha256.Size]byte]bool) error {
	var number int64
	var body string
	return c.each(ctx, "SELECT number, body FROM proposals WHERE kind = '"+rules.ChangeName+"' ORDER BY number", []any{&number, &body}, func() error {
		var content rules.Content
		err := json.Unmarshal([]byte(body), &content)
		if err == nil {
			var hashes map[rules.Kind][]byte
			hashes, err = rules.Hashes(content.Documents)
			c.keptDocuments(contents, hashes, offerName(number))
		}
		if err != nil {
			c.fault(Unreadable, offerName(number), "its request: %v", err)
		}
		return nil
	})
}

// ruleEditions compares editions with the audit, and their heads with the digests.
func (c *check) ruleEditions(ctx context.Context, made map[int64]*edition) error {
	var number int64
	var head []byte
	var zone string
	seen := map[int64]bool{}
	err := c.each(ctx, "SELECT number, head, zone FROM editions ORDER BY number", []any{&number, &head, &zone}, func() error {
		seen[number] = true
		switch want := made[number]; {
		case want == nil:
			c.fault(RuleEdition, editionName(number), "the audit has no such decision")
		case want.entered.Head != hex.EncodeToString(head):
			c.fault(RuleEdition, editionName(number), "its head is %x; the audit has %s", head, want.entered.Head)
		case want.entered.Zone != zone:
			c.fault(RuleEdition, editionName(number), "its zone is %q; the audit has %q", zone, want.entered.Zone)
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
			c.fault(RuleEdition, editionName(number), "it is not there, as entry %d of the audit has it", of.entry.Number)
		}
		last = last.Next(rules.Digest(of.hashes))
		if last.Number != number || hex.EncodeToString(last.Head[:]) != of.entered.Head {
			c.fault(RuleEdition, editionName(number), "its head is %s; the documents make %s", of.entered.Head, last)
		}
		c.editions[last.String()] = true
	}
	return nil
}

// editionDocuments compares which documents an edition has.
func (c *check) editionDocuments(ctx context.Context, made map[int64]*edition) error {
	var number int64
	var kind string
	var hash []byte
	seen := map[int64]map[rules.Kind]bool{}
	err := c.each(ctx, "SELECT edition, kind, hash FROM edition_documents ORDER BY edition, kind", []any{&number, &kind, &hash}, func() error {
		where := fmt.Sprintf("%s, document %q", editionName(number), kind)
		of := made[number]
		if of == nil {
			c.fault(RuleDocument, where, "the audit has no such edition")
			return nil
		}
		if seen[number] == nil {
			seen[number] = map[rules.Kind]bool{}
		}
		seen[number][rules.Kind(kind)] = true
		if want := of.hashes[rules.Kind(kind)]; !bytes.Equal(want, hash) {
			c.fault(RuleDocument, where, "its hash is %x; the audit has %x", hash, want)
		}
		return nil
	})
	for _, number := range slices.Sorted(maps.Keys(made)) {
		for _, kind := range slices.Sorted(maps.Keys(made[number].hashes)) {
			if !seen[number][kind] {
				c.fault(RuleDocument, fmt.Sprintf("%s, document %q", editionName(number), kind), "it is not there, as entry %d of the audit has it", made[number].entry.Number)
			}
		}
	}
	return err
}

// knowsEdition reports whether a batch may name an edition. Where there are no rules, as in a trial
// of clearing alone, it names none.
func (c *check) knowsEdition(named string) bool {
	return c.editions[named] || len(c.editions) == 0 && named == rules.Edition{}.String()
}

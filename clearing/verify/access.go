package verify

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/ledger/chain"
)

// granted is a credential as the audit tells it.
type granted struct {
	access.Issued
	person          string
	issued, revoked int64 // seconds
}

// access compares the credentials with the acts that issued and revoked them.
func (c *check) access(ctx context.Context) error {
	name := func(number int64) string { return fmt.Sprintf("credential %d", number) }
	all := map[int64]*granted{}
	told(c, access.ActIssue, func(e *chain.AuditEntry, i access.Issued) {
		if all[i.Credential] != nil {
			c.fault(AccessRow, name(i.Credential), "the audit has it issued twice, again in entry %d", e.Number)
		}
		c.signedWhat(e, i.What(e.At.Unix()))
		all[i.Credential] = &granted{Issued: i, person: e.First, issued: e.At.Unix()}
	})
	told(c, access.ActRevoke, func(e *chain.AuditEntry, i access.Ended) {
		c.signedWhat(e, i.What())
		switch of := all[i.Credential]; {
		case of == nil || of.revoked != 0:
			c.fault(AccessRow, name(i.Credential), "entry %d of the audit revokes it, and it was not in force", e.Number)
		default:
			of.revoked = e.At.Unix()
		}
	})
	var row granted
	var hash []byte
	err := c.each(ctx, "SELECT number, unit, kind, hash, person, issued, expires, revoked FROM credentials ORDER BY number",
		[]any{&row.Credential, &row.Unit, &row.Kind, &hash, &row.person, &row.issued, &row.Expires, &row.revoked}, func() error {
			row.Hash = hex.EncodeToString(hash)
			switch want := all[row.Credential]; {
			case want == nil:
				c.fault(AccessRow, name(row.Credential), "the audit does not have it")
			case *want != row:
				c.fault(AccessRow, name(row.Credential), "%+v; the audit has %+v", row, *want)
			}
			delete(all, row.Credential)
			return nil
		})
	for _, number := range slices.Sorted(maps.Keys(all)) {
		c.fault(AccessRow, name(number), "it is not there, and the audit has it")
	}
	return err
}

// signedWhat checks that the person of an act signed just what was done, if anybody signed it.
func (c *check) signedWhat(e *chain.AuditEntry, what string) {
	for _, signature := range e.Signed {
		if statement, err := people.ParseStatement(signature.Statement); err == nil && statement.What != what {
			c.fault(Signature, fmt.Sprintf("audit entry %d, %s", e.Number, e.Act), "%q signed %q, and done was %q", statement.Person, statement.What, what)
		}
	}
}

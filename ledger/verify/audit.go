package verify

import (
	"fmt"

	"citycard/ledger"
	"citycard/ledger/chain"
)

// auditChain follows the audit's entries as they come.
type auditChain struct {
	books  *books
	last   chain.AuditEntry
	hashes map[int64]chain.Hash
}

func (c *auditChain) add(e chain.AuditEntry) {
	c.books.summary.Entries++
	where := fmt.Sprintf("audit entry %d", e.Number)
	before, what := c.last.Hash, "the hash before"
	if e.Number == 1 {
		before, what = chain.AuditStart(c.books.summary.ID), fmt.Sprintf("the identity of the books, %q,", c.books.summary.ID)
	}
	if e.Number != c.last.Number+1 {
		c.books.fault(AuditChain, where, "the entry before it is %d, expected %d", c.last.Number, e.Number-1)
	} else if want := e.HashAfter(before); want != e.Hash {
		c.books.fault(AuditChain, where, "its hash is %x, its content and %s make %x", e.Hash, what, want)
	}
	c.hashes[e.Number], c.last = e.Hash, e
	switch e.Act {
	case chain.ActOpenAccounts, chain.ActMarkAccount, chain.ActChangeLimit:
		c.books.changeChart(&e)
	case chain.ActOpenDay, chain.ActCloseDay, chain.ActEndDay, chain.ActReopenDay:
		c.books.changeDay(&e)
	case chain.ActPinSealKey:
		c.books.pinSealKey(&e)
	}
}

// end compares the last entry with what the books say it is.
func (c *auditChain) end(number int64, hash chain.Hash) {
	if c.books.summary.ID == "" {
		c.books.fault(AuditChain, "the books", "their identity is not there")
	}
	if number != c.last.Number || hash != c.last.Hash {
		c.books.fault(AuditChain, "end of the audit", "it is entry %d of hash %x; the last one there is %d of hash %x", number, hash, c.last.Number, c.last.Hash)
	}
}

// covers compares what a day's seal covers of the audit with the audit.
func (c *auditChain) covers(day ledger.Day, number int64, head chain.Hash) {
	if hash, ok := c.hashes[number]; !ok || hash != head {
		c.books.fault(AuditChain, fmt.Sprintf("day %v", day), "it was sealed when entry %d had the hash %x; that is not there", number, head)
	}
}

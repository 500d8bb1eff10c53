package verify

import (
	"context"
	"fmt"

	"citycard/clearing/quarantine"
	"citycard/ledger/chain"
)

// judged wants a decision of two people, whose entry comes before, for each record that was judged
// again.
func (c *check) judged(context.Context) error {
	decisions := map[quarantine.Decided]int64{}
	told(c, quarantine.ActJudge, func(e *chain.AuditEntry, of quarantine.Decided) {
		if decisions[of] == 0 {
			decisions[of] = e.Number
		}
	})
	told(c, quarantine.ActBooked, func(e *chain.AuditEntry, b quarantine.Booked) {
		if decision := decisions[b.Decided]; decision == 0 || decision != b.Decision || decision >= e.Number {
			c.fault(Signature, fmt.Sprintf("audit entry %d, %s", e.Number, e.Act), "%s of day %s was judged again by decision %d, and the audit has it in entry %d", b.Record, b.Day, b.Decision, decision)
		}
	})
	return nil
}

package people

import (
	"context"
	"encoding/json"
	"fmt"

	"citycard/ledger"
	"citycard/ledger/chain"
)

// Event is an act on a person, as the audit has it.
type Event struct {
	chain.AuditEntry
	Person Person // as the act left them; of a disabling the id alone
}

// History is what was done to a person, oldest first.
func History(ctx context.Context, l *ledger.Ledger, id string) (events []Event, err error) {
	entries, err := l.Audit(ctx, ActEnrolKeeper, ActEnrol, ActChange, ActDisable, ActDeputy, ActEndDeputy)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		var of Enrolled
		if err := json.Unmarshal([]byte(e.What), &of); err != nil {
			return nil, fmt.Errorf("audit entry %d, %s: %w", e.Number, e.Act, err)
		}
		if of.ID != id {
			continue
		}
		p := Person{ID: of.ID, Name: of.Name, Unit: of.Unit, Role: of.Role, Revision: of.Revision, Demo: of.Demo, Service: of.Service}
		if of.Key != "" {
			if p.Key, err = ParsePublicKey(of.Key); err != nil {
				return nil, fmt.Errorf("audit entry %d, %s: %w", e.Number, e.Act, err)
			}
		}
		events = append(events, Event{e, p})
	}
	if len(events) == 0 {
		return nil, nobody(id)
	}
	return events, nil
}

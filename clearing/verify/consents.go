package verify

import (
	"context"
	"encoding/hex"
	"maps"
	"slices"

	"citycard/clearing/cards"
	"citycard/clearing/people"
	"citycard/ledger"
)

// consentAct is what two people have let a counter do, as the audit has it.
type consentAct struct {
	given cards.ConsentGiven
	kept  bool // its row was seen
}

// consents compares what two people have let counters do with the audit.
func (c *check) consents(ctx context.Context) error {
	var unit, number string
	var content []byte
	var most ledger.Fen
	err := c.each(ctx, "SELECT unit, number, content, most FROM card_consents ORDER BY unit, number", []any{&unit, &number, &content, &most}, func() error {
		key := orderKey{people.Unit(unit), number}
		act := c.acted.consents[key]
		if act == nil || act.given.Content != hex.EncodeToString(content) || act.given.Most != most {
			c.fault(CardConsent, key.String(), "the audit has no such consent of two people")
			return nil
		}
		act.kept = true
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range slices.SortedFunc(maps.Keys(c.acted.consents), orderKey.compare) {
		if !c.acted.consents[key].kept {
			c.fault(CardConsent, key.String(), "two people have let it be done, and that is not kept")
		}
	}
	return nil
}

package verify

import (
	"context"
	"encoding/hex"

	"citycard/clearing/cards"
	"citycard/clearing/people"
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
	err := c.each(ctx, "SELECT unit, number, content FROM card_consents ORDER BY unit, number", []any{&unit, &number, &content}, func() error {
		key := orderKey{people.Unit(unit), number}
		act := c.acted.consents[key]
		if act == nil || act.given.Content != hex.EncodeToString(content) {
			c.fault(CardConsent, key.String(), "the audit has no such consent of two people")
			return nil
		}
		act.kept = true
		return nil
	})
	for key, act := range c.acted.consents {
		if err == nil && !act.kept {
			c.fault(CardConsent, key.String(), "two people have let it be done, and that is not kept")
		}
	}
	return err
}

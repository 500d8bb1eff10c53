package cards_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"citycard/clearing/cards"
	"citycard/clearing/transit/load"
)

// TestContractActs has a channel do what its contract does not name, twice: it is refused, and
// nothing is booked. Without a contract it does nothing; what the contract names is done.
func TestContractActs(t *testing.T) {
	for _, do := range cards.Does() {
		if _, known := load.Acts()[string(do)]; !known {
			t.Errorf("no contract can name %s", do)
		}
	}
	c := newCounter(t)
	inForce := c.Office.InForce
	with := func(channel, acts string, limit int) {
		t.Helper()
		contracts, err := load.LoadContracts(fmt.Appendf(nil, `{"versions": [{"version": "c", "effective_from": "20130101", "source": "test", "contracts": [
			{"channel": %q, "kind": "counter", "commission_share": "0", "commission_fen": 0, "limit_fen": %d, "acts": [%s]}]}]}`, channel, limit, acts))
		c.must(err)
		c.Office.InForce = func(ctx context.Context) (*cards.Figures, error) {
			f, err := inForce(ctx)
			if err == nil {
				f.Contracts = contracts
			}
			return f, err
		}
	}
	sale := c.order(cards.Sell, number(0), product("ordinary"), cash(1000))
	for _, test := range []struct{ channel, acts string }{{"counter", `"load", "refund"`}, {"other", `"sell"`}} {
		with(test.channel, test.acts, 5000)
		for range 2 {
			refusal := (*cards.Refusal)(nil)
			if _, err := c.Office.Do(c.Context(), sale, c.by()); !errors.As(err, &refusal) {
				t.Errorf("with %s of %s: %v, want a refusal", test.acts, test.channel, err)
			}
		}
	}
	found, err := c.Office.Find(c.Context(), sale.Card)
	if c.must(err); len(found.Steps) != 0 {
		t.Errorf("it has %d steps", len(found.Steps))
	}
	c.open()
	with("counter", `"sell"`, 999)
	for range 2 {
		if _, err := c.Office.Do(c.Context(), sale, c.by()); err == nil {
			t.Error("it is sold beyond what the channel may owe")
		}
	}
	with("counter", `"sell"`, 1000)
	done, err := c.Office.Do(c.Context(), sale, c.by())
	c.must(err)
	with("counter", `"load"`, 0) // what was done stays done, whatever holds now
	again, err := c.Office.Do(c.Context(), sale, c.by())
	if c.must(err); !again.Repeated || again.Step.Order != done.Step.Order {
		t.Errorf("the same order again: %+v", again)
	}
}

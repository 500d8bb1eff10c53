package load_test

import (
	"net/http"
	"strings"
	"testing"

	"citycard/clearing/cards"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
)

// TestCardInUse has cards in each state loaded: one that was not sold, or has come back, takes no
// money, however it is paid.
func TestCardInUse(t *testing.T) {
	c := newCounter(t)
	card := identity.CardOf(clearingtest.CardID(clearingtest.Card))
	for n, state := range []cards.State{
		"", cards.Unknown, cards.Active, cards.Brief, cards.HandedIn, cards.Inactive, cards.Issued, cards.Spoilt, cards.Returned, cards.Refunded, cards.Replaced,
	} {
		if state != "" {
			if _, err := c.ledger.Pool().Exec(t.Context(), "INSERT INTO cards (card, state, lapses, steps, stands) VALUES ($1, $2, 0, 1, '{}') ON CONFLICT (card) DO UPDATE SET state = excluded.state", card[:], string(state)); err != nil {
				t.Fatal(err)
			}
		}
		refused := n > 5
		answer := c.ask(c.town.LoadRequest(clearingtest.Card, "o-x"+string(state), uint16(n+1), 0, 1000, at(9)))
		if is := answer.GetRefusal() == string(verdict.CardNotInUse); is != refused {
			t.Errorf("a card that is %q: %v, want it refused: %t", state, answer, refused)
		}
		if _, wrong := c.place("w-x"+string(state), clearingtest.Card, 1000); (wrong.Error == string(verdict.CardNotInUse)) != refused {
			t.Errorf("placed for a card that is %q: %+v", state, wrong)
		}
		status, _, wrong := c.group("g-x"+strings.ReplaceAll(string(state), "_", ""), func(*load.GroupOrder) {})
		if (wrong.Error == string(verdict.CardNotInUse)) != refused || refused != (status != http.StatusOK) {
			t.Errorf("a group with a card that is %q: %d %+v", state, status, wrong)
		}
	}
}

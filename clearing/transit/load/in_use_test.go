package load_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"citycard/clearing/cards"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/ledger"
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

// TestCashIsInAShift has loads and orders of a channel of kind counter paid where a shift is open:
// nowhere else, and it is that shift's cash. What was paid before is finished without one.
func TestCashIsInAShift(t *testing.T) {
	c := newCounter(t)
	first := c.town.LoadRequest(clearingtest.Card, "c-1", 1, 0, 5000, at(9))
	if answer := c.ask(first); answer.GetMac2() == nil {
		t.Fatalf("in a shift: %v", answer)
	}
	there := func(order, terminal string) (int, load.Placed, fault) {
		t.Helper()
		var answer struct {
			load.Placed
			fault
		}
		status := c.send(http.MethodPost, load.PathOrders, token, fmt.Sprintf(`{"channel":"counter","order":%q,"card":%q,"amount_fen":2000,"terminal":%q}`, order, clearingtest.Card, terminal), &answer)
		return status, answer.Placed, answer.fault
	}
	if _, placed, wrong := there("w-1", "310000000050"); placed.State != load.StateWaiting {
		t.Errorf("an order in a shift: %+v", wrong)
	}
	for _, terminal := range []string{"", "310000000051", "310000000099"} {
		if status, _, wrong := there("w-2", terminal); status != http.StatusConflict || wrong.Error != string(verdict.NoShift) {
			t.Errorf("an order at terminal %q: %d %+v", terminal, status, wrong)
		}
	}
	if status, _, wrong := there("w-2", "31000000005"); status != http.StatusBadRequest || wrong.Error != string(verdict.InvalidField) {
		t.Errorf("an order at no terminal: %d %+v", status, wrong)
	}
	c.counted = 7000
	if err := c.shift("1", cards.Closes); err != nil {
		t.Fatal(err)
	}
	if answer := c.ask(c.town.LoadRequest(clearingtest.OtherCard, "c-2", 1, 0, 5000, at(9))); answer.GetRefusal() != string(verdict.NoShift) {
		t.Errorf("in no shift: %v", answer)
	}
	if _, _, wrong := there("w-2", "310000000050"); wrong.Error != string(verdict.NoShift) {
		t.Errorf("an order in no shift: %+v", wrong)
	}
	if answer := c.ask(first); answer.GetMac2() == nil {
		t.Errorf("a load that was paid before: %v", answer)
	}
	if _, placed, wrong := there("w-1", "310000000051"); placed.State != load.StateWaiting {
		t.Errorf("an order that was placed before: %+v", wrong)
	}
	waited := c.town.LoadRequest(clearingtest.Card, "w-1", 2, 0, 2000, at(9))
	waited.Placer = "channel:counter"
	if answer := c.ask(waited); answer.GetMac2() == nil {
		t.Errorf("what was paid before, and is written in no shift: %v", answer)
	}
	c.wantBalances(map[string]ledger.Fen{"channel:counter": -7000})
	c.sound()
}

package load_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"citycard/cardos/keys"
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

// inCash is an order for a group of two loads that is paid in cash at a terminal.
func inCash(terminal string) *load.GroupOrder {
	return &load.GroupOrder{
		Channel: "counter", Order: "g-1", Payer: "School 1", Terminal: terminal,
		Loads: []load.GroupLoad{{Card: clearingtest.Card, Fen: 5000}, {Card: clearingtest.OtherCard, Fen: 4000}},
	}
}

// groupsOfTwo has two loads make an order for a group.
func (c *counter) groupsOfTwo() {
	c.Helper()
	rules, err := load.LoadRules([]byte(`{"versions": [{"version": "small", "effective_from": "20200101", "maximum_fen": 100000, "multiple_of_fen": 1000, "refund_after_days": 30,
		"counter_single_fen": 50000, "group_cards": 2, "source": "test"}]}`))
	if err != nil {
		c.Fatal(err)
	}
	c.rules = func() (*load.Rules, string) { return rules, "" }
}

// TestGroupAtAnotherTerminal asks for an order for a group again, at another terminal and at none:
// it is the same order, and was placed.
func TestGroupAtAnotherTerminal(t *testing.T) {
	c := newCounter(t)
	c.groupsOfTwo()
	for _, terminal := range []string{"310000000050", "310000000051", ""} {
		if placed, err := c.authority.PlaceGroup(t.Context(), inCash(terminal)); err != nil || placed.Fen != 9000 {
			t.Errorf("at terminal %q: %+v, %v", terminal, placed, err)
		}
	}
	c.wantBalances(map[string]ledger.Fen{"channel:counter": -9000})
	c.sound()
}

// TestShiftEndsMeanwhile places orders whose shift ends between the look at it and the booking:
// they are refused, and nothing is booked.
func TestShiftEndsMeanwhile(t *testing.T) {
	for name, test := range map[string]struct {
		asks  int // what contracts say, before the shift is looked at
		place func(c *counter) error
	}{
		"an order": {1, func(c *counter) error {
			_, err := c.authority.Place(c.Context(), &load.PlaceOrder{Channel: "counter", Order: "w-1", Card: clearingtest.Card, Fen: 2000, Terminal: "310000000050"})
			return err
		}},
		"an order for a group": {2, func(c *counter) error {
			_, err := c.authority.PlaceGroup(c.Context(), inCash("310000000050"))
			return err
		}},
	} {
		c := newCounter(t)
		c.groupsOfTwo()
		asked := 0
		c.authority.Contracts = func() *load.Contracts {
			if asked++; asked == test.asks+1 { // the last question before the booking is what the channel may owe
				if err := c.shift("1", cards.Closes); err != nil {
					t.Error(err)
				}
			}
			return c.contracts
		}
		err := test.place(c)
		if refusal, ok := errors.AsType[*load.Refusal](err); !ok || refusal.Reason != verdict.NoShift || !strings.Contains(refusal.Detail, "closed just now") {
			t.Errorf("%s: %v", name, err)
		}
		c.wantBalances(map[string]ledger.Fen{"channel:counter": 0})
		c.sound()
	}
}

// meeting is a key service that has two loads go on at once. As the first one meets, its shift
// ends.
type meeting struct {
	service load.KeyService // nil: any MAC will do
	both    *sync.WaitGroup
	ends    func()
}

func (m *meeting) AuthoriseLoad(ctx context.Context, o keys.LoadOrder) (keys.MAC, error) {
	if m.ends != nil {
		m.ends()
	}
	m.both.Done()
	m.both.Wait()
	if m.service == nil {
		return keys.MAC{}, nil
	}
	return m.service.AuthoriseLoad(ctx, o)
}

// TestBatchWithoutAShift has two loads in one batch, of which one is in no shift any more when it
// is booked: it is refused, and the other one is booked in another batch.
func TestBatchWithoutAShift(t *testing.T) {
	c := newCounter(t)
	if err := c.shift("2", cards.Opens); err != nil {
		t.Fatal(err)
	}
	poster, err := load.NewPoster(t.Context(), c.ledger, "together", "test", time.Second, load.CountedBy(func() *load.Contracts { return c.contracts }, func() time.Time { return at(12) }))
	if err != nil {
		t.Fatal(err)
	}
	defer poster.Close()
	other, one, looks := *c.authority, *c.authority, 0
	other.Poster, one.Poster = poster, poster
	one.Now = func() time.Time { looks++; return at(12) }
	authorise := func(order string, sequence uint16) int {
		t.Helper()
		looks = 0
		if _, err := one.Authorise(t.Context(), c.town.LoadRequest(clearingtest.Card, order, sequence, 0, 3000, at(9))); err != nil {
			t.Errorf("a load in a shift: %v", err)
		}
		return looks
	}
	once := authorise("c-1", 1)
	var both sync.WaitGroup
	both.Add(2)
	one.Keys = &meeting{service: c.authority.Keys, both: &both}
	other.Keys = &meeting{both: &both, ends: func() {
		if err := c.shift("2", cards.Closes); err != nil {
			t.Error(err)
		}
	}}
	request := c.town.LoadRequest(clearingtest.OtherCard, "c-2", 1, 0, 5000, at(9))
	request.Terminal = clearingtest.Hex("310000000051")
	refused := make(chan error, 1)
	go func() {
		_, err := other.Authorise(t.Context(), request)
		refused <- err
	}()
	if again := authorise("c-3", 2); again <= once {
		t.Errorf("a load whose batch was undone looks at the time %d times, and another one %d times", again, once)
	}
	if refusal, ok := errors.AsType[*load.Refusal](<-refused); !ok || refusal.Reason != verdict.NoShift {
		t.Errorf("the load in no shift: %v", refusal)
	}
	c.wantBalances(map[string]ledger.Fen{"channel:counter": -6000})
	c.sound()
}

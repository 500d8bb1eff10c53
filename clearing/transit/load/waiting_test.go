package load_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	beside "citycard/clearing/verify"
	"citycard/ledger"
	"citycard/ledger/verify"
)

// send sends a request in JSON, or without a body, and reads the answer into it.
func (c *counter) send(method, path, bearer, body string, into any) (status int) {
	c.Helper()
	request, err := http.NewRequestWithContext(c.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+bearer)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(answer, into)
	}
	if err != nil {
		c.Fatalf("%s %s: %s, %v: %s", method, path, response.Status, err, answer)
	}
	return response.StatusCode
}

// fault is what is wrong with a request.
type fault struct{ Error, Field, Message string }

// place places an order of the channel web.
func (c *counter) place(order, card string, fen int) (load.Placed, fault) {
	c.Helper()
	var answer struct {
		load.Placed
		fault
	}
	c.send(http.MethodPost, load.PathOrders, webs, fmt.Sprintf(`{"channel":"web","order":%q,"card":%q,"amount_fen":%d}`, order, card, fen), &answer)
	return answer.Placed, answer.fault
}

// waits is what waits for a card, as one of the channel counter's counters asks.
func (c *counter) waits(card string) []load.Placed {
	c.Helper()
	var list load.List
	if status := c.send(http.MethodGet, load.PathWaiting+"?channel=counter&card="+card, token, "", &list); status != http.StatusOK {
		c.Fatalf("status %d", status)
	}
	return list.Loads
}

// became is what became of an order.
func (c *counter) became(channel, bearer, order string) load.Placed {
	c.Helper()
	var placed load.Placed
	if status := c.send(http.MethodGet, load.PathOrders+"?channel="+channel+"&order="+url.QueryEscape(order), bearer, "", &placed); status != http.StatusOK {
		c.Fatalf("status %d", status)
	}
	return placed
}

// asks asks for MAC2 of an order that is paid already, at a counter of the channel counter.
func (c *counter) asks(placed load.Placed, card string, sequence uint16) *message.LoadAnswer {
	c.Helper()
	r := c.town.LoadRequest(card, placed.Order, sequence, 0, uint32(placed.Fen), at(9))
	r.Placer = string(placed.Placer)
	return c.ask(r)
}

// confirm books a card's confirmation, as a batch of the topic does.
func (c *counter) confirm(card string, sequence uint16, fen ledger.Fen) {
	c.Helper()
	subject := identity.CardOf(clearingtest.CardID(card)).Subject()
	_, err := c.ledger.PostOnce(c.Context(), "loads/0", "test", 0, func(b *ledger.Batch) error {
		b.Transfers = []ledger.Transfer{{
			Day: b.Day, Subject: subject, ID: identity.LoadWritten(2, sequence), Debit: ledger.IDOfCode(chart.Unwritten), Credit: ledger.IDOfCode(chart.Float),
			Amount: fen, Purpose: chart.PurposeLoad,
		}}
		b.Finish = func(ctx context.Context, tx pgx.Tx, _ *ledger.Outcome) ([]byte, error) {
			return nil, load.Keep(ctx, tx, &docket.Docket{Transfers: b.Transfers})
		}
		return nil
	})
	if err != nil {
		c.Fatal(err)
	}
}

func (c *counter) wantBalances(want map[string]ledger.Fen) {
	c.Helper()
	for code, fen := range want {
		sums, err := c.ledger.Balance(c.Context(), code)
		if err != nil {
			c.Fatal(err)
		}
		if sums.CreditBalance() != fen {
			c.Errorf("%s holds %d fen, want %d", code, sums.CreditBalance(), fen)
		}
	}
}

// sound wants the books and clearing's tables to be sound.
func (c *counter) sound() {
	c.Helper()
	if _, err := verify.Books(c.Context(), c.ledger, nil, func(f verify.Fault) {
		if f.Kind != beside.Signature { // nobody signs the shift
			c.Error(f)
		}
	}, beside.Tables); err != nil {
		c.Fatal(err)
	}
}

func wantStates(t *testing.T, list []load.Placed, want ...string) {
	t.Helper()
	var got []string
	for _, p := range list {
		text := string(p.Placer) + " " + p.Order + " " + string(p.State)
		if p.Sequence != nil {
			text += fmt.Sprint(" ", *p.Sequence)
		}
		got = append(got, text)
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("there waits %q, want %q", got, want)
	}
}

// TestWaitingLoad has a channel place a paid order twice without a card, and another channel's
// counter write it: the money is taken once, and MAC2 is given for one sequence, as often as it is
// asked for.
func TestWaitingLoad(t *testing.T) {
	c := newCounter(t)
	for range 2 {
		placed, wrong := c.place("w-1", clearingtest.Card, 5000)
		if placed.State != load.StateWaiting || placed.Placer != "channel:web" || placed.Card != "****0001" {
			t.Fatalf("placed: %+v, %+v", placed, wrong)
		}
	}
	c.wantBalances(map[string]ledger.Fen{"channel:web": -5000, chart.Waiting: 5000, "channel:counter": 0})
	list := c.waits(clearingtest.Card)
	wantStates(t, list, "channel:web w-1 waiting")
	wantStates(t, c.waits(clearingtest.OtherCard))
	for range 2 {
		if answer := c.asks(list[0], clearingtest.Card, 7); len(answer.GetMac2()) != 4 {
			t.Fatalf("the counter gets %v, want MAC2", answer)
		}
	}
	c.wantBalances(map[string]ledger.Fen{"channel:web": -5000, chart.Waiting: 0, chart.Unwritten: 5000, "channel:counter": 0})
	wantStates(t, c.waits(clearingtest.Card), "channel:web w-1 authorised 7")
	if answer := c.asks(list[0], clearingtest.Card, 8); answer.GetRefusal() != string(verdict.LoadConflict) {
		t.Errorf("for the card's next sequence: %v, want load_conflict", answer)
	}
	c.confirm(clearingtest.Card, 7, 5000)
	wantStates(t, c.waits(clearingtest.Card))
	if is := c.became("web", webs, "w-1"); is.State != load.StateWritten || *is.Sequence != 7 {
		t.Errorf("it became %+v, want written", is)
	}
	for _, sequence := range []uint16{7, 8} {
		if answer := c.asks(list[0], clearingtest.Card, sequence); answer.GetRefusal() != string(verdict.LoadEnded) {
			t.Errorf("once it is written: %v, want load_ended", answer)
		}
	}
	c.wantBalances(map[string]ledger.Fen{"channel:web": -5000, chart.Waiting: 0, chart.Unwritten: 0, chart.Float: 5000, "channel:counter": 0})
	c.sound()
}

// TestOrderOfAnotherCounter has a load torn at one channel's counter, and written at another's: the
// first has paid it, and is charged once.
func TestOrderOfAnotherCounter(t *testing.T) {
	c := newCounter(t)
	if answer := c.ask(c.town.LoadRequest(clearingtest.Card, "o-1", 3, 0, 5000, at(9))); len(answer.GetMac2()) != 4 {
		t.Fatalf("%v", answer)
	}
	var list load.List
	c.send(http.MethodGet, load.PathWaiting+"?channel=web&card="+clearingtest.Card, webs, "", &list)
	wantStates(t, list.Loads, "channel:counter o-1 authorised 3")
	again := c.town.LoadRequest(clearingtest.Card, "o-1", 3, 0, 5000, at(10))
	again.Channel, again.Placer = "web", "channel:counter"
	response := c.post(again, "Bearer "+webs)
	response.Body.Close()
	if _, err := c.authority.Authorise(t.Context(), again); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("another counter is answered %s, and %v", response.Status, err)
	}
	again.Order = "o-2"
	if refusal := (*load.Refusal)(nil); !errors.As(authorised(c, again), &refusal) || refusal.Reason != verdict.LoadUnknown {
		t.Errorf("an order that nobody paid: %v, want load_unknown", refusal)
	}
	c.wantBalances(map[string]ledger.Fen{"channel:counter": -5000, "channel:web": 0, chart.Unwritten: 5000})
	if is := c.became("counter", token, "o-1"); is.State != load.StateAuthorised || *is.Sequence != 3 || is.Fen != 5000 {
		t.Errorf("it became %+v, want authorised", is)
	}
	c.confirm(clearingtest.Card, 3, 5000)
	if is := c.became("counter", token, "o-1"); is.State != load.StateWritten {
		t.Errorf("it became %+v, want written", is)
	}
	wantStates(t, c.waits(clearingtest.Card))
	if is := c.became("counter", token, "o-9"); is.State != load.StateUnknown {
		t.Errorf("an order that never was: %+v", is)
	}
}

func authorised(c *counter, r *message.LoadRequest) error {
	_, err := c.authority.Authorise(c.Context(), r)
	return err
}

// TestPlaceRefused places what must not be placed, each twice: a code and a sentence, and no money.
func TestPlaceRefused(t *testing.T) {
	c := newCounter(t)
	c.place("w-1", clearingtest.Card, 5000)
	if answer := c.ask(c.town.LoadRequest(clearingtest.Card, "taken", 3, 0, 5000, at(9))); len(answer.GetMac2()) != 4 {
		t.Fatalf("%v", answer)
	}
	for _, test := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"the number for another card", `{"channel":"web","order":"w-1","card":"` + clearingtest.OtherCard + `","amount_fen":5000}`, 409, "load_conflict"},
		{"the number for another amount", `{"channel":"web","order":"w-1","card":"` + clearingtest.Card + `","amount_fen":6000}`, 409, "load_conflict"},
		{"a card that is not registered", `{"channel":"web","order":"w-2","card":"` + clearingtest.Stranger + `","amount_fen":5000}`, 409, "unknown_card"},
		{"a blocked card", `{"channel":"web","order":"w-2","card":"` + clearingtest.BlockedCard + `","amount_fen":5000}`, 409, "card_blocked"},
		{"an expired card", `{"channel":"web","order":"w-2","card":"` + clearingtest.ExpiredCard + `","amount_fen":5000}`, 409, "card_expired"},
		{"more than a purse holds", `{"channel":"web","order":"w-2","card":"` + clearingtest.Card + `","amount_fen":101000}`, 409, "above_limit"},
		{"no multiple", `{"channel":"web","order":"w-2","card":"` + clearingtest.Card + `","amount_fen":5001}`, 400, "invalid_field"},
		{"less than nothing", `{"channel":"web","order":"w-2","card":"` + clearingtest.Card + `","amount_fen":-1000}`, 400, "invalid_field"},
		{"a short number", `{"channel":"web","order":"w-2","card":"0310","amount_fen":5000}`, 400, "invalid_field"},
		{"an issuer that is none", `{"channel":"web","order":"w-2","card":"` + clearingtest.Card + `","issuer":"10","amount_fen":5000}`, 400, "invalid_field"},
		{"another city's issuer", `{"channel":"web","order":"w-2","card":"` + clearingtest.Card + `","issuer":"0203040506070809","amount_fen":5000}`, 409, "unknown_card"},
		{"no order number", `{"channel":"web","order":"","card":"` + clearingtest.Card + `","amount_fen":5000}`, 400, "invalid_field"},
		{"another channel", `{"channel":"counter","order":"w-2","card":"` + clearingtest.Card + `","amount_fen":5000}`, 403, "other_unit"},
		{"no JSON", `{`, 400, "undecodable"},
		{"a field that there is not", `{"channel":"web","order":"w-2","card":"` + clearingtest.Card + `","amount_fen":5000,"source":"reserve"}`, 400, "undecodable"},
	} {
		for range 2 {
			var wrong fault
			if status := c.send(http.MethodPost, load.PathOrders, webs, test.body, &wrong); status != test.status || wrong.Error != test.want || wrong.Message == "" {
				t.Errorf("%s: %d %+v, want %d %s", test.name, status, wrong, test.status, test.want)
			}
		}
	}
	var wrong fault
	if status := c.send(http.MethodPost, load.PathOrders, token, `{"channel":"counter","order":"taken","card":"`+clearingtest.Card+`","amount_fen":5000,"terminal":"310000000050"}`, &wrong); status != 409 || wrong.Error != "load_conflict" {
		t.Errorf("the number of an order that was authorised at once: %d %+v", status, wrong)
	}
	if answer := c.ask(c.town.LoadRequest(clearingtest.Card, "w-1", 4, 0, 5000, at(9))); len(answer.GetMac2()) != 4 {
		t.Errorf("the same number of another channel: %v, want MAC2", answer)
	}
	for _, path := range []string{load.PathWaiting + "?channel=counter", load.PathWaiting + "?card=" + clearingtest.Card, load.PathOrders + "?channel=counter"} {
		if status := c.send(http.MethodGet, path, token, "", &wrong); status != 400 || wrong.Error != "undecodable" {
			t.Errorf("%s: %d %+v", path, status, wrong)
		}
	}
	if status := c.send(http.MethodGet, load.PathOrders+"?channel=web&order=w-1", token, "", &wrong); status != 403 || wrong.Error != "other_unit" {
		t.Errorf("another channel's order: %d %+v", status, wrong)
	}
	c.wantBalances(map[string]ledger.Fen{"channel:web": -5000, chart.Waiting: 5000, "channel:counter": -10_000, chart.Unwritten: 10_000})
	c.sound()
}

// TestPlacedRefused asks for MAC2 of waiting loads as they are not.
func TestPlacedRefused(t *testing.T) {
	c := newCounter(t)
	placed, _ := c.place("w-1", clearingtest.Card, 5000)
	if answer := c.ask(c.town.LoadRequest(clearingtest.Card, "o-1", 3, 0, 5000, at(9))); len(answer.GetMac2()) != 4 {
		t.Fatalf("%v", answer)
	}
	less := placed
	less.Fen = 4000
	unpaid := placed
	unpaid.Order = "w-9"
	other := placed
	other.Placer = "card:010149105070200000000001"
	nobody := placed
	nobody.Placer = "till:7"
	for _, test := range []struct {
		name     string
		placed   load.Placed
		card     string
		sequence uint16
		want     verdict.Reason
	}{
		{"for another card", placed, clearingtest.OtherCard, 3, verdict.LoadConflict},
		{"for less", less, clearingtest.Card, 4, verdict.LoadConflict},
		{"for the sequence of another order", placed, clearingtest.Card, 3, verdict.LoadConflict},
		{"one that was never placed", unpaid, clearingtest.Card, 4, verdict.LoadUnknown},
		{"one of another placer", other, clearingtest.Card, 4, verdict.LoadUnknown},
		{"one of no placer", nobody, clearingtest.Card, 4, verdict.InvalidField},
	} {
		for range 2 {
			if answer := c.asks(test.placed, test.card, test.sequence); answer.GetRefusal() != string(test.want) || len(answer.GetMac2()) != 0 {
				t.Errorf("%s: %v, want %s", test.name, answer, test.want)
			}
		}
	}
	c.wantBalances(map[string]ledger.Fen{chart.Waiting: 5000, chart.Unwritten: 5000})
	c.sound()
}

package load_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// group places an order for a group of the channel web.
func (c *counter) group(order string, change func(*load.GroupOrder)) (status int, placed load.PlacedGroup, wrong fault) {
	c.Helper()
	g := load.GroupOrder{Channel: "web", Order: order, Payer: "School 1", Transfer: "slip 7"}
	for range 10 {
		g.Loads = append(g.Loads, load.GroupLoad{Card: clearingtest.Card, Fen: 60_000}, load.GroupLoad{Card: clearingtest.OtherCard, Fen: 40_000})
	}
	change(&g)
	body, err := json.Marshal(g)
	if err != nil {
		c.Fatal(err)
	}
	var answer struct {
		load.PlacedGroup
		fault
	}
	status = c.send(http.MethodPost, load.PathGroups, webs, string(body), &answer)
	return status, answer.PlacedGroup, answer.fault
}

// TestGroup places an order for a group twice: its loads wait, each for its card; and what differs
// under its number, or is no group, is refused whole.
func TestGroup(t *testing.T) {
	c := newCounter(t)
	for range 2 {
		status, placed, wrong := c.group("g-1", func(*load.GroupOrder) {})
		if status != http.StatusOK || placed.Loads != 20 || placed.Fen != 1_000_000 {
			t.Fatalf("%d %+v %+v", status, placed, wrong)
		}
	}
	c.wantBalances(map[string]ledger.Fen{"channel:web": -1_000_000, chart.Waiting: 1_000_000})
	if list := c.waits(clearingtest.Card); len(list) != 10 || list[0].Order != "g-1-1" || list[0].Fen != 60_000 {
		t.Errorf("there waits %+v", list)
	}
	if is := c.became("web", webs, "g-1"); is.State != load.StateGroup {
		t.Errorf("it became %+v", is)
	}
	if is := c.became("web", webs, "g-1-2"); is.State != load.StateWaiting {
		t.Errorf("a load of it became %+v", is)
	}
	c.place("g-9-3", clearingtest.Card, 1000)
	for _, test := range []struct {
		name, order string
		change      func(*load.GroupOrder)
		status      int
		want, field string
	}{
		{"another payer", "g-1", func(g *load.GroupOrder) { g.Payer = "School 2" }, 409, "load_conflict", ""},
		{"another amount", "g-1", func(g *load.GroupOrder) { g.Loads[3].Fen = 50_000 }, 409, "load_conflict", ""},
		{"too small", "g-2", func(g *load.GroupOrder) { g.Loads = g.Loads[:19] }, 409, "group_too_small", ""},
		{"not by transfer", "g-2", func(g *load.GroupOrder) { g.Transfer = "" }, 400, "invalid_field", "transfer"},
		{"no payer", "g-2", func(g *load.GroupOrder) { g.Payer = "" }, 400, "invalid_field", "payer"},
		{"nothing", "g-2", func(g *load.GroupOrder) { g.Loads = nil }, 400, "invalid_field", "loads"},
		{"a load that is no multiple", "g-2", func(g *load.GroupOrder) { g.Loads[7].Fen++ }, 400, "invalid_field", "loads[7].amount_fen"},
		{"a blocked card", "g-2", func(g *load.GroupOrder) { g.Loads[2].Card = clearingtest.BlockedCard }, 409, "card_blocked", ""},
		{"a number of whose loads one is taken", "g-9", func(*load.GroupOrder) {}, 409, "load_conflict", ""},
	} {
		for range 2 {
			status, _, wrong := c.group(test.order, test.change)
			if status != test.status || wrong.Error != test.want || wrong.Field != test.field || wrong.Message == "" {
				t.Errorf("%s: %d %+v, want %d %s of %q", test.name, status, wrong, test.status, test.want, test.field)
			}
		}
	}
	c.wantBalances(map[string]ledger.Fen{"channel:web": -1_001_000, chart.Waiting: 1_001_000})
	c.sound()
}

// TestSingle asks for loads that are larger than one load of the channel's kind may be.
func TestSingle(t *testing.T) {
	c := newCounter(t)
	rules, err := load.LoadRules([]byte(`{"versions": [{"version": "small", "effective_from": "20200101", "maximum_fen": 100000, "multiple_of_fen": 1000, "refund_after_days": 30,
		"counter_single_fen": 50000, "online_single_fen": 20000, "source": "test"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	c.rules = func() (*load.Rules, string) { return rules, "" }
	for range 2 {
		if answer := c.ask(c.town.LoadRequest(clearingtest.Card, "o-1", 1, 0, 51_000, at(9))); answer.GetRefusal() != string(verdict.AboveSingle) {
			t.Errorf("at a counter: %v, want above_single", answer)
		}
		if _, wrong := c.place("w-1", clearingtest.Card, 21_000); wrong.Error != string(verdict.AboveSingle) {
			t.Errorf("online: %+v, want above_single", wrong)
		}
		if status, _, wrong := c.group("g-1", func(g *load.GroupOrder) { g.Loads = g.Loads[1:2] }); status != 409 || wrong.Error != string(verdict.AboveSingle) {
			t.Errorf("for a group: %d %+v, want above_single", status, wrong)
		}
	}
	if answer := c.ask(c.town.LoadRequest(clearingtest.Card, "o-2", 1, 0, 50_000, at(9))); len(answer.GetMac2()) != 4 {
		t.Errorf("as much as one load may be: %v, want MAC2", answer)
	}
	if placed, wrong := c.place("w-2", clearingtest.Card, 20_000); placed.State != load.StateWaiting {
		t.Errorf("as much as one load may be: %+v", wrong)
	}
}

// TestStolenToken has somebody with a channel's token ask for ever, for cards at hand, for waiting
// loads and for groups: the channel's limit stops all of it, whatever is asked; the alarm has come
// before; and no other channel is stopped.
func TestStolenToken(t *testing.T) {
	c := newCounter(t)
	const limit = 200_000
	change, err := c.ledger.ChangeLimit(t.Context(), chart.Channel("web"), ledger.Limit{Cap: limit, Alarm: 150_000}, clearingtest.Approved())
	if err != nil || change.OldCap != ledger.MaxAmount {
		t.Fatalf("%+v, %v", change, err)
	}
	stopped := map[string]int{}
	for n := range 30 {
		r := c.town.LoadRequest(clearingtest.Card, "s-"+fmt.Sprint(n), uint16(n), 0, 10_000, at(9))
		r.Channel = "web"
		if _, err := c.authority.Authorise(t.Context(), r); err != nil {
			stopped[reasonOf(err)]++
		}
		if _, wrong := c.place("p-"+fmt.Sprint(n), clearingtest.OtherCard, 10_000); wrong.Error != "" {
			stopped[wrong.Error]++
		}
	}
	_, _, wrong := c.group("g-1", func(*load.GroupOrder) {})
	if stopped[string(verdict.ChannelLimit)] != 40 || len(stopped) != 1 || wrong.Error != string(verdict.ChannelLimit) {
		t.Errorf("stopped by %v, and a group by %+v; want channel_limit alone, 40 times", stopped, wrong)
	}
	c.wantBalances(map[string]ledger.Fen{"channel:web": -limit})
	if answer := c.ask(c.town.LoadRequest(clearingtest.Card, "o-1", 60, 0, 5000, at(9))); len(answer.GetMac2()) != 4 {
		t.Errorf("another channel: %v, want MAC2", answer)
	}
}

func reasonOf(err error) string {
	if refusal, ok := err.(*load.Refusal); ok {
		return string(refusal.Reason)
	}
	return err.Error()
}

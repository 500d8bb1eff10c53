package load_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// of is a load of a card at a channel.
func (c *counter) of(channel, order string, sequence uint16, fen uint32) error {
	r := c.town.LoadRequest(clearingtest.Card, order, sequence, 0, fen, at(9))
	r.Channel = channel
	_, err := c.authority.Authorise(c.Context(), r)
	return err
}

// TestContractLimit has many ask at once for a channel whose account has no cap of its own: its
// contract's limit in force stops all beyond it, for cards at hand, waiting loads and groups; what
// is paid is answered again; and a new contract holds at once.
func TestContractLimit(t *testing.T) {
	c := newCounter(t)
	const limit = 60_000
	c.contracts = contractsOf(t, limit)
	var all sync.WaitGroup
	refused := make(chan string, 40)
	for n := range 20 {
		all.Go(func() {
			if err := c.of("web", fmt.Sprint("s-", n), uint16(n), 10_000); err != nil {
				refused <- reasonOf(err)
			}
		})
		all.Go(func() {
			_, err := c.authority.Place(t.Context(), &load.PlaceOrder{Channel: "web", Order: fmt.Sprint("p-", n), Card: clearingtest.OtherCard, Fen: 10_000})
			if err != nil {
				refused <- reasonOf(err)
			}
		})
	}
	all.Wait()
	close(refused)
	stopped := map[string]int{}
	for reason := range refused {
		stopped[reason]++
	}
	if len(stopped) != 1 || stopped[string(verdict.ChannelLimit)] != 34 {
		t.Errorf("stopped by %v, want channel_limit 34 times", stopped)
	}
	c.wantBalances(map[string]ledger.Fen{chart.Channel("web"): -limit})
	if _, _, wrong := c.group("g-1", func(*load.GroupOrder) {}); wrong.Error != string(verdict.ChannelLimit) {
		t.Errorf("a group: %+v, want channel_limit", wrong)
	}
	c.contracts = contractsOf(t, limit+10_000)
	for range 2 {
		if err := c.of("web", "more", 30, 10_000); err != nil {
			t.Errorf("by the new contract: %v", err)
		}
	}
	c.contracts = contractsOf(t, 0)
	if err := c.of("web", "more", 30, 10_000); err != nil {
		t.Errorf("what is paid is refused: %v", err)
	}
	c.wantBalances(map[string]ledger.Fen{chart.Channel("web"): -limit - 10_000})
	c.sound()
}

// TestNoContract has a channel without a contract, and one whose contract is not for loads: the
// first may owe no more than the smallest single load, the second loads nothing.
func TestNoContract(t *testing.T) {
	c := newCounter(t)
	want := func(channel string, sequence uint16, fen uint32, want verdict.Reason) {
		t.Helper()
		for range 2 {
			refusal := (*load.Refusal)(nil)
			if err := c.of(channel, fmt.Sprint("o-", sequence), sequence, fen); !errors.As(err, &refusal) || refusal.Reason != want {
				t.Errorf("%d fen of %s: %v, want %s", fen, channel, err, want)
			}
		}
	}
	want("new", 1, 51_000, verdict.AboveSingle)
	if err := c.of("new", "o-2", 2, 50_000); err != nil {
		t.Error(err)
	}
	want("new", 3, 1000, verdict.ChannelLimit)
	want("agent", 4, 1000, verdict.ChannelMayNot)
	c.wantBalances(map[string]ledger.Fen{chart.Channel("new"): -50_000, chart.Channel("agent"): 0})
}

// TestPaidStaysPaid has a contract end while an order is torn: what is paid is answered again, and
// nothing new is paid, under its number or another.
func TestPaidStaysPaid(t *testing.T) {
	c := newCounter(t)
	if err := c.of("web", "o-1", 1, 10_000); err != nil {
		t.Fatal(err)
	}
	ended, err := load.LoadContracts([]byte(`{"versions": [{"version": "c", "effective_from": "20200101", "source": "test", "contracts": [
		{"channel": "web", "kind": "agent", "commission_share": "0", "commission_fen": 0, "limit_fen": 0, "acts": ["sell"]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	c.contracts = ended
	for range 2 {
		if err := c.of("web", "o-1", 1, 10_000); err != nil {
			t.Errorf("what is paid: %v", err)
		}
		for _, err := range []error{c.of("web", "o-2", 2, 10_000), c.of("web", "o-1", 2, 10_000), c.of("web", "o-1", 1, 20_000)} {
			if refusal := (*load.Refusal)(nil); !errors.As(err, &refusal) || refusal.Reason != verdict.ChannelMayNot {
				t.Errorf("%v, want channel_may_not", err)
			}
		}
	}
	c.wantBalances(map[string]ledger.Fen{"channel:web": -10_000})
}

// TestSignedLongAgo has a stolen token's holder choose the time that is signed: the contract and
// the largest single load of now hold.
func TestSignedLongAgo(t *testing.T) {
	c := newCounter(t)
	rules, err := load.LoadRules([]byte(`{"versions": [
		{"version": "large", "effective_from": "20200101", "maximum_fen": 100000, "multiple_of_fen": 1000, "refund_after_days": 30, "source": "test"},
		{"version": "small", "effective_from": "2026-01-05T10:00", "maximum_fen": 100000, "multiple_of_fen": 1000, "refund_after_days": 30, "counter_single_fen": 20000, "source": "test"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	c.rules = func() (*load.Rules, string) { return rules, "" }
	for range 2 { // signed at nine, asked at twelve
		refusal := (*load.Refusal)(nil)
		if err := c.of("counter", "o-1", 1, 21_000); !errors.As(err, &refusal) || refusal.Reason != verdict.AboveSingle {
			t.Errorf("%v, want above_single", err)
		}
	}
	c.wantBalances(map[string]ledger.Fen{"channel:counter": 0})
}

// TestContractActs names what is wrong with the acts of a contract.
func TestContractActs(t *testing.T) {
	for _, test := range []struct{ kind, acts, want string }{
		{"agent", `[]`, "acts: empty"},
		{"agent", `["load", "load"]`, `"load" is there twice`},
		{"agent", `["steal"]`, `"steal", want one of activate_social`},
		{"agent", `["refund"]`, `"refund" is for a channel of kind counter alone`},
		{"online", `["return"]`, `"return" is for a channel of kind counter alone`},
	} {
		_, err := load.LoadContracts(fmt.Appendf(nil, `{"versions": [{"version": "c", "effective_from": "20200101", "source": "test", "contracts": [
			{"channel": "a", "kind": %q, "commission_share": "0", "commission_fen": 0, "limit_fen": 0, "acts": %s}]}]}`, test.kind, test.acts))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s of %s: %v, want %s", test.acts, test.kind, err, test.want)
		}
	}
}

package load_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/cards"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/message"
	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/clearing/schema"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

func at(hour int) time.Time { return time.Date(2026, 1, 5, hour, 0, 0, 0, time.UTC) }

// counter asks a load authority over HTTP.
type counter struct {
	*testing.T
	town      *clearingtest.Town
	ledger    *ledger.Ledger
	url       string
	authority *load.Authority
	field     string // that the last answer names as wrong
	rules     func() (*load.Rules, string)
	fresh     error // that the rules are not known to be in force
	contracts *load.Contracts
	shifts    int        // orders of shifts
	counted   ledger.Fen // what is counted where one closes
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	return newCounterWith(t, func(*ledger.Account) {})
}

// contractsOf has contracts with the channels counter and web, and what web may owe; agent loads no
// cards.
func contractsOf(t *testing.T, limit ledger.Fen) *load.Contracts {
	t.Helper()
	all, err := load.LoadContracts(fmt.Appendf(nil, `{"versions": [{"version": "c", "effective_from": "20200101", "source": "test", "contracts": [
		{"channel": "counter", "kind": "counter", "commission_share": "0", "commission_fen": 0, "limit_fen": 1000000000, "acts": ["load"]},
		{"channel": "agent", "kind": "agent", "commission_share": "0", "commission_fen": 0, "limit_fen": 1000000000, "acts": ["sell"]},
		{"channel": "web", "kind": "online", "commission_share": "0", "commission_fen": 0, "limit_fen": %d, "acts": ["load"]}]}]}`, limit))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// newCounterWith opens accounts as edit changes them.
func newCounterWith(t *testing.T, edit func(*ledger.Account)) *counter {
	t.Helper()
	url := ledgertest.New(t)
	if err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	town := clearingtest.New(t, func(files map[string]string) {
		files["counters.csv"] = "terminal,channel,counter,effective_from,effective_to\n310000000050,counter,1,20200101,\n310000000051,counter,2,20200101,\n"
		files["channels.csv"] += "web,网上,Web,20200101,\nagent,代理,Agent,20200101,\nnew,新,New,20200101,\n"
	})
	c := &counter{T: t, town: town, ledger: ledgertest.Connect(t, url, 8)}
	c.rules = c.town.Rules.Loads
	c.contracts = contractsOf(t, 1_000_000_000)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.ledger.OpenDay(t.Context(), 20260105))
	accounts := chart.Accounts(c.town.Registry.Current())
	for i := range accounts {
		edit(&accounts[i])
	}
	must(c.ledger.OpenAccounts(t.Context(), accounts))
	c.town.Found(t, c.ledger.Pool())
	must(c.shift("1", cards.Opens))
	gatherer, err := load.NewPoster(t.Context(), c.ledger, "authorised", "test", time.Millisecond, load.CountedBy(func() *load.Contracts { return c.contracts }, func() time.Time { return at(12) }))
	must(err)
	t.Cleanup(gatherer.Close)
	authority := &load.Authority{
		Registry: c.town.Registry, Keys: keys.NewKeyring(c.town.Keys), Poster: gatherer, Books: c.ledger, Rules: func() (*load.Rules, string) { return c.rules() },
		Fresh: func() error { return c.fresh }, Now: func() time.Time { return at(12) }, Stream: "waiting", Owner: "test",
		Contracts: func() *load.Contracts { return c.contracts },
	}
	c.authority = authority
	log, counted, door := slog.New(slog.DiscardHandler), func(verdict.Reason) {}, c.door()
	mux := http.NewServeMux()
	mux.Handle(load.Path, access.Handler(door, authority.Endpoint(log, counted)))
	mux.Handle(load.PathOrders, authority.OrdersHandler(door, log, counted))
	mux.Handle(load.PathGroups, access.Handler(door, authority.GroupEndpoint(log, counted)))
	mux.Handle(load.PathWaiting, access.Handler(door, authority.WaitingEndpoint(log)))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// shift does something with a shift at a counter of channel counter.
func (c *counter) shift(desk string, do cards.ShiftDo) error {
	c.Helper()
	set := c.town.Rules.Current()
	office := &cards.Office{Ledger: c.ledger, Owner: "test", InForce: func(context.Context) (*cards.Figures, error) {
		return &cards.Figures{Products: set.Products, Calendar: set.Calendar, Now: at(12)}, nil
	}}
	c.shifts++
	_, err := office.Shift(c.Context(), &cards.ShiftOrder{Number: fmt.Sprint("s-", c.shifts), Channel: "counter", Counter: desk, Do: do, Counted: c.counted}, ledger.Approval{First: "cara", At: at(12)})
	return err
}

// token is what the channel counter proves itself by here, and nobodys that of a channel which the
// registry does not have.
const (
	token   = "7bOYbJ7vTUYlX2s6QxvSgGv0cZbVqk0yQm8w1n2p3r4"
	nobodys = "8bOYbJ7vTUYlX2s6QxvSgGv0cZbVqk0yQm8w1n2p3r4"
	webs    = "9bOYbJ7vTUYlX2s6QxvSgGv0cZbVqk0yQm8w1n2p3r4"
)

// door is a door that has read the tokens of the channels.
func (c *counter) door() *access.Door {
	c.Helper()
	store := &access.Store{Ledger: c.ledger}
	by := ledger.Approval{First: "ann", Reason: "test", At: time.Now()}
	for unit, token := range map[people.Unit]string{access.Channel("counter"): token, access.Channel("nobody"): nobodys, access.Channel("web"): webs} {
		if _, err := store.Issue(c.Context(), access.Order{Unit: unit, Kind: access.Token, Hash: access.HashToken(token), Days: 1}, by); err != nil {
			c.Fatal(err)
		}
	}
	door := access.NewDoor(access.Settings{Store: store, Now: time.Now, Log: slog.New(slog.DiscardHandler), Rate: 1000, Refused: func(access.Reason) {}})
	ctx, cancel := context.WithCancel(c.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); door.Follow(ctx) }()
	c.Cleanup(func() { cancel(); <-ended })
	for door.Check(ctx) != nil {
		time.Sleep(time.Millisecond)
	}
	return door
}

// post sends a request with what it is authorised by.
func (c *counter) post(r *message.LoadRequest, authorization string) *http.Response {
	c.Helper()
	request, err := http.NewRequestWithContext(c.Context(), http.MethodPost, c.url+load.Path, bytes.NewReader(clearingtest.Encode(r)))
	if err != nil {
		c.Fatal(err)
	}
	request.Header.Set("Content-Type", load.ContentType)
	request.Header.Set("Authorization", authorization)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.Fatal(err)
	}
	return response
}

// ask sends a request and gives the answer.
func (c *counter) ask(r *message.LoadRequest) *message.LoadAnswer {
	c.Helper()
	own := token
	if r.GetChannel() == "nobody" {
		own = nobodys
	}
	response := c.post(r, "Bearer "+own)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode == http.StatusBadRequest && response.Header.Get("Content-Type") == "application/json" {
		var fault struct{ Error, Field, Message string }
		if err := json.Unmarshal(body, &fault); err != nil || !strings.HasPrefix(fault.Message, fault.Field+" ") {
			c.Errorf("%v: %s", err, body)
		}
		c.field = fault.Field
		return &message.LoadAnswer{Refusal: fault.Error}
	}
	if err != nil || response.StatusCode != http.StatusOK {
		c.Fatalf("status %s, %v: %s", response.Status, err, body)
	}
	answer := &message.LoadAnswer{}
	if err := proto.Unmarshal(body, answer); err != nil {
		c.Fatal(err)
	}
	return answer
}

func (c *counter) owed() ledger.Fen {
	c.Helper()
	sums, err := c.ledger.Balance(c.Context(), chart.Channel("counter"))
	if err != nil {
		c.Fatal(err)
	}
	return sums.Debits - sums.Credits
}

// TestAuthoriseOnce asks for the same order again, from the card after a reset
// (other random number, other MAC1): MAC2 both times, the money once.
func TestAuthoriseOnce(t *testing.T) {
	c := newCounter(t)
	request := c.town.LoadRequest(clearingtest.Card, "o1", 3, 1000, 5000, at(9))
	for range 3 {
		if answer := c.ask(request); len(answer.GetMac2()) != 4 || answer.GetRefusal() != "" {
			t.Fatalf("answer %v, want MAC2", answer)
		}
		request = c.town.LoadRequest(clearingtest.Card, "o1", 3, 1000, 5000, at(9))
	}
	if owed := c.owed(); owed != 5000 {
		t.Errorf("the channel owes %d fen, want 5000", owed)
	}
}

// TestAuthoriseBySignedSecond asks for 5 yuan, which may be loaded from four o'clock on and not a
// second before.
func TestAuthoriseBySignedSecond(t *testing.T) {
	c := newCounter(t)
	c.rules = func() (*load.Rules, string) { return datedRules(t), "" }
	four := time.Date(2026, 1, 5, 4, 0, 0, 0, time.UTC)
	if answer := c.ask(c.town.LoadRequest(clearingtest.Card, "o1", 1, 0, 500, four.Add(-time.Second))); answer.GetRefusal() != string(verdict.InvalidField) || c.field != "amount_fen" {
		t.Errorf("a second before four: %v about %s, want %s about amount_fen", answer, c.field, verdict.InvalidField)
	}
	if answer := c.ask(c.town.LoadRequest(clearingtest.Card, "o2", 2, 0, 500, four)); answer.GetRefusal() != "" || len(answer.GetMac2()) != 4 {
		t.Errorf("at four: %v, want MAC2", answer)
	}
}

// TestRefusals asks for what must not be authorised: a reason, no MAC2, no money.
func TestRefusals(t *testing.T) {
	c := newCounter(t)
	c.ask(c.town.LoadRequest(clearingtest.Card, "first", 0, 0, 5000, at(9)))
	tests := []struct {
		name   string
		want   verdict.Reason
		change func(r *message.LoadRequest)
		card   string
	}{
		{"another order for the same sequence", verdict.LoadConflict, func(r *message.LoadRequest) { r.OnlineSequence = 0 }, clearingtest.Card},
		{"MAC1 of another amount", verdict.BadMAC1, func(r *message.LoadRequest) { r.AmountFen = 6000 }, clearingtest.Card},
		{"MAC1 of another balance", verdict.BadMAC1, func(r *message.LoadRequest) { r.OldBalanceFen = 1 }, clearingtest.Card},
		{"not a multiple of ten yuan", verdict.InvalidField, func(r *message.LoadRequest) { r.AmountFen = 5001 }, clearingtest.Card},
		{"nothing", verdict.InvalidField, func(r *message.LoadRequest) { r.AmountFen = 0 }, clearingtest.Card},
		{"above the maximum", verdict.AboveLimit, func(r *message.LoadRequest) { r.OldBalanceFen = 99_000 }, clearingtest.Card},
		{"unknown channel", verdict.UnknownChannel, func(r *message.LoadRequest) { r.Channel = "nobody" }, clearingtest.Card},
		{"no order number", verdict.InvalidField, func(r *message.LoadRequest) { r.Order = "" }, clearingtest.Card},
		{"a time that is none", verdict.InvalidField, func(r *message.LoadRequest) { r.Time = clearingtest.Hex("20261301000000") }, clearingtest.Card},
		{"a day too far back", verdict.ImplausibleDate, func(r *message.LoadRequest) { r.Time = clearingtest.Hex("20260103235959") }, clearingtest.Card},
		{"a day too far ahead", verdict.ImplausibleDate, func(r *message.LoadRequest) { r.Time = clearingtest.Hex("20260107000000") }, clearingtest.Card},
		{"short card number", verdict.InvalidField, func(r *message.LoadRequest) { r.Card = r.Card[:9] }, clearingtest.Card},
		{"unknown card", verdict.UnknownCard, func(*message.LoadRequest) {}, clearingtest.Stranger},
		{"blocked card", verdict.CardBlocked, func(*message.LoadRequest) {}, clearingtest.BlockedCard},
		{"expired card", verdict.CardExpired, func(*message.LoadRequest) {}, clearingtest.ExpiredCard},
	}
	for _, test := range tests {
		request := c.town.LoadRequest(test.card, "o2", 1, 0, 5000, at(10))
		if test.name == "another order for the same sequence" {
			request = c.town.LoadRequest(test.card, "o2", 0, 0, 5000, at(10))
		}
		test.change(request)
		if answer := c.ask(request); answer.GetRefusal() != string(test.want) || len(answer.GetMac2()) != 0 {
			t.Errorf("%s: answer %v, want refusal %s", test.name, answer, test.want)
		}
	}
	if owed := c.owed(); owed != 5000 {
		t.Errorf("the channel owes %d fen, want the 5000 of the first order", owed)
	}
}

// TestInvalidFields changes one field after the other: the answer names it.
func TestInvalidFields(t *testing.T) {
	c := newCounter(t)
	for field, change := range map[string]func(r *message.LoadRequest){
		"card":            func(r *message.LoadRequest) { r.Card = r.Card[:9] },
		"issuer":          func(r *message.LoadRequest) { r.Issuer = nil },
		"terminal":        func(r *message.LoadRequest) { r.Terminal = append(r.Terminal, 0) },
		"random":          func(r *message.LoadRequest) { r.Random = nil },
		"mac1":            func(r *message.LoadRequest) { r.Mac1 = r.Mac1[:3] },
		"time":            func(r *message.LoadRequest) { r.Time = clearingtest.Hex("20261301000000") },
		"order":           func(r *message.LoadRequest) { r.Order = "" },
		"key_version":     func(r *message.LoadRequest) { r.KeyVersion = 256 },
		"algorithm":       func(r *message.LoadRequest) { r.Algorithm = 256 },
		"online_sequence": func(r *message.LoadRequest) { r.OnlineSequence = 65_536 },
		"amount_fen":      func(r *message.LoadRequest) { r.AmountFen = 5001 },
	} {
		request := c.town.LoadRequest(clearingtest.Card, "o1", 0, 0, 5000, at(9))
		change(request)
		if answer := c.ask(request); answer.GetRefusal() != string(verdict.InvalidField) || c.field != field {
			t.Errorf("%s: answer %v of field %q", field, answer, c.field)
		}
	}
}

// TestBadRequests sends what is no LoadRequest.
func TestBadRequests(t *testing.T) {
	c := newCounter(t)
	send := func(method string, body []byte) *http.Response {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, c.url+load.Path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	get := send(http.MethodGet, nil)
	get.Body.Close()
	if get.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET gives %s, want 405", get.Status)
	}
	for status, body := range map[int][]byte{http.StatusBadRequest: {0xFF, 0xFF}, http.StatusRequestEntityTooLarge: make([]byte, 10_000)} {
		response := send(http.MethodPost, body)
		var fault struct{ Error, Message string }
		err := json.NewDecoder(response.Body).Decode(&fault)
		response.Body.Close()
		if response.StatusCode != status || err != nil || fault.Error == "" || fault.Message == "" {
			t.Errorf("%d bytes: %s with %+v, %v; want %d with JSON that says why", len(body), response.Status, fault, err, status)
		}
	}
}

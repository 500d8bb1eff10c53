package keyservice_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/keyservice/keyservicetest"
	"citycard/cardos/personalisation"
	"citycard/language"
)

// twoOrders are an order of three transit cards and two social-security cards, each of which may be
// made once more, one that has the first of these numbers too, and one of another client.
const twoOrders = `{"orders":[
 {"name":"job-1","client":"all","batch":"samples","issuer":"0101491000000000","first":"31040908070605040302","last":"31040908070605040304","region":"410100","cards":5,"again":1},
 {"name":"job-2","client":"all","batch":"samples","issuer":"0101491000000000","first":"31040908070605040302","last":"31040908070605040309","cards":2},
 {"name":"job-3","client":"another","batch":"samples","issuer":"0101491000000000","first":"31040908070605040302","last":"31040908070605040309","cards":9}]}`

// cardOf is a transit card with another end of its number.
func cardOf(last byte) keyservice.Card {
	c := transit
	c.Transit.ASN[9] = last
	return c
}

// A card gets its keys by one order of the client that asks, as often as that says, and no other
// gets any. A service that was started again remembers.
func TestOrders(t *testing.T) {
	o := newOffice(t)
	o.ordered(twoOrders)
	challenge := byte(0)
	ask := func(order string, card keyservice.Card) error {
		challenge++
		issue, err := o.asks(o.all).Personalise(t.Context(), keyservice.Blank{Order: order, Card: card, Challenge: [8]byte{challenge}})
		if err != nil && (len(issue.Keys) > 0 || issue.Answer != [8]byte{}) {
			t.Error("keys with a refusal")
		}
		return err
	}
	otherIssuer, otherCity, second := cardOf(2), social, social
	otherIssuer.Transit.Issuer[3]++
	otherCity.Social.City[0]++
	second.Social.Card[0]++
	for i, test := range []struct {
		order string
		card  keyservice.Card
		want  string // empty: it gets its keys
	}{
		{"job-1", cardOf(2), ""},
		{"job-2", cardOf(2), "was made by another order"},
		{"job-1", cardOf(2), ""}, // its blank was spoilt
		{"job-1", cardOf(2), `was made as often as order "job-1" allows`},
		{"job-1", cardOf(5), `is none of order "job-1"`},
		{"job-1", otherIssuer, `is none of order "job-1"`},
		{"job-1", social, ""},
		{"job-1", otherCity, `is none of order "job-1"`},
		{"job-2", second, `is none of order "job-2"`},
		{"job-4", cardOf(3), `has no order "job-4" of ours`},
		{"job-3", cardOf(3), `has no order "job-3" of ours`},
		{"job-2", cardOf(8), ""},
		{"job-2", cardOf(8), `was made as often as order "job-2" allows`},
		{"job-2", cardOf(9), ""},
		{"job-2", cardOf(7), `order "job-2" has all its cards`},
		{"job-1", second, ""},
	} {
		if i%3 == 2 { // it is started again
			o.must(o.service.Made.Log().Close())
			made, _, err := keyservice.OpenMade(o.made)
			o.must(err)
			o.service.Made = made
		}
		err := ask(test.order, test.card)
		if test.want == "" && err != nil || test.want != "" && (!errors.Is(err, keyservice.ErrRefused) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%d, %s of %s: %v, want %q", i, test.card, test.order, err, test.want)
		}
		if err != nil && language.Error(language.Chinese(), err) == err.Error() {
			t.Errorf("not in Chinese: %v", err)
		}
	}
	want := []string{
		"1 all personalise job-1 0 given", "2 all personalise job-1 0 given_again", "3 all personalise job-1 0 given",
		"4 all personalise job-2 0 given", "5 all personalise job-2 0 given", "6 all personalise job-1 0 given",
	}
	if got := saysOf(o.lines(o.made)); !slices.Equal(got, want) {
		t.Errorf("the log of cards has\n%s", strings.Join(got, "\n"))
	}
	var refused []string
	for _, u := range o.uses() {
		refused = append(refused, u.Outcome)
	}
	if got, want := strings.Join(refused, " "), "other_order made_before not_the_card not_the_card not_the_card not_the_card not_ordered not_ordered made_before all_made"; got != want {
		t.Errorf("refused: %s\nwant     %s", got, want)
	}
}

// A question whose answer was lost is asked again with the same blank, and makes no second card.
func TestSameBlankAgain(t *testing.T) {
	o := newOffice(t)
	o.ordered(twoOrders)
	blank := keyservice.Blank{Order: "job-2", Card: cardOf(2), Challenge: [8]byte{1}}
	for range 3 {
		_, err := o.asks(o.all).Personalise(t.Context(), blank)
		o.must(err)
	}
	o.must(o.service.Made.Log().Close())
	again, _, err := keyservice.OpenMade(o.made)
	o.must(err)
	o.service.Made = again
	_, err = o.asks(o.all).Personalise(t.Context(), blank)
	o.must(err)
	blank.Challenge[0]++
	if _, err := o.asks(o.all).Personalise(t.Context(), blank); !errors.Is(err, keyservice.ErrRefused) {
		t.Errorf("another blank: %v", err)
	}
	if made := o.lines(o.made); len(made) != 1 {
		t.Errorf("%d lines in the log of cards", len(made))
	}
}

// slow is a token that is slow with one card.
type slow struct {
	keyservice.Backend
	card        keyservice.Card
	asked, goOn chan struct{}
}

func (s *slow) Personalise(ctx context.Context, b keyservice.Blank) (keyservice.Issue, error) {
	if b.Card == s.card {
		close(s.asked)
		<-s.goOn
	}
	return s.Backend.Personalise(ctx, b)
}

// A token that is slow with one card keeps no other card back, and nobody who asks how many there
// are.
func TestSlowToken(t *testing.T) {
	o := newOffice(t)
	o.ordered(twoOrders)
	token := &slow{o.service.Backend, cardOf(2), make(chan struct{}), make(chan struct{})}
	o.service.Backend = token
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	made := make(chan error, 1)
	go func() {
		_, err := o.asks(o.all).Personalise(ctx, keyservice.Blank{Order: "job-1", Card: cardOf(2)})
		made <- err
	}()
	<-token.asked
	for n, card := range []keyservice.Card{cardOf(8), cardOf(9)} {
		if _, err := o.asks(o.all).Personalise(ctx, keyservice.Blank{Order: "job-2", Card: card}); err != nil {
			t.Errorf("card %s: %v", card, err)
		}
		if is := o.service.Made.Cards(); is != n+1 {
			t.Errorf("%d cards were made, want %d", is, n+1)
		}
	}
	close(token.goOn)
	o.must(<-made)
	if is := o.service.Made.Cards(); is != 3 {
		t.Errorf("%d cards were made, want 3", is)
	}
}

// Many that ask for one card at once get it as often as its order says.
func TestOneCardAtOnce(t *testing.T) {
	o := newOffice(t)
	o.ordered(twoOrders)
	c := o.asks(o.all)
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := 0
	for n := range byte(8) {
		wg.Go(func() {
			_, err := c.Personalise(t.Context(), keyservice.Blank{Order: "job-1", Card: cardOf(3), Challenge: [8]byte{n + 1}})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				got++
			}
		})
	}
	if wg.Wait(); got != 2 || len(o.lines(o.made)) != 2 {
		t.Errorf("made %d times, want 2", got)
	}
}

// A backend that fails has made nothing, and a log of cards with a gap is not gone on with.
func TestMadeIsWhole(t *testing.T) {
	o := newOffice(t)
	o.ordered(strings.ReplaceAll(twoOrders, `"samples"`, `"none"`))
	c := o.asks(o.all)
	if _, err := c.Personalise(t.Context(), keyservice.Blank{Order: "job-2", Card: cardOf(2)}); !errors.Is(err, keyservice.ErrBatch) || !errors.Is(err, keyservice.ErrRefused) {
		t.Errorf("without a transport key: %v", err)
	}
	o.ordered(twoOrders)
	_, err := c.Personalise(t.Context(), keyservice.Blank{Order: "job-1", Card: cardOf(2)})
	o.must(err)
	if n := o.service.Made.Cards(); n != 1 {
		t.Errorf("%d cards, want 1", n)
	}
	note := "started; " + o.service.Made.Note()
	if err := o.service.Made.After(note); err != nil {
		t.Error(err)
	}
	empty, _, err := keyservice.OpenMade(t.TempDir())
	o.must(err)
	if err := empty.After(note); err == nil {
		t.Error("a log of cards that lost its end is gone on with")
	}
	o.must(empty.Log().Close())
}

// Wrong orders files are not taken.
func TestParseOrders(t *testing.T) {
	line := `{"name":"a","client":"c","batch":"b","issuer":"0101491000000000","first":"31040908070605040302","last":"31040908070605040309","cards":2}`
	for name, test := range map[string]struct{ from, to, want string }{
		"twice":      {"}", "}," + line, "twice"},
		"no name":    {`"a"`, `""`, "want a name"},
		"no client":  {`"c"`, `""`, "no client"},
		"no batch":   {`"b"`, `""`, "no batch"},
		"cards":      {`"cards":2`, `"cards":0`, "want 1 to"},
		"again":      {`"cards":2`, `"cards":2,"again":99`, "times again"},
		"no numbers": {`"first":"31040908070605040302","last":"31040908070605040309"`, `"first":"","last":""`, "neither numbers nor a region"},
		"turned":     {"40302", "40310", "no numbers of cards"},
		"letters":    {"40302", "4030a", "no numbers of cards"},
		"one":        {`"first":"31040908070605040302",`, "", "no numbers of cards"},
		"issuer":     {`0101491000000000`, "01", "hexadecimal"},
		"region":     {`"cards"`, `"region":"41","cards"`, "region"},
		"a mistake":  {`"cards"`, `"card"`, "JSON"},
	} {
		if _, err := keyservice.ParseOrders([]byte(`{"orders":[` + strings.Replace(line, test.from, test.to, 1) + `]}`)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	orders, err := keyservice.ParseOrders([]byte(twoOrders))
	if err != nil || orders.Len() != 3 || len(orders.Samples()) != 3 || orders.Describe()[0] != "job-1 client:all batch:samples cards:5 again:1" {
		t.Errorf("%v, %v", orders, err)
	}
}

// What is written on a card needs the centre's permit, for this order, this card and this day.
func TestPermits(t *testing.T) {
	o := newOffice(t)
	c := o.asks(o.all)
	pin := keyservice.Command{Order: "o-1", Card: transit, KeyVersion: 1, Header: [4]byte{0x84, 0x24}, Data: []byte{0x12, 0x34}}
	day := keyservice.Command{Order: "o-2", Card: transit, KeyVersion: 1, Header: [4]byte{0x04, 0xD6, 0x95, 24}, Data: []byte{0x20, 0x30, 0x12, 0x31}}
	permitted := func(c keyservice.Command, at time.Time, change func(*keyservice.Command)) keyservice.Command {
		c = keyservicetest.Permitted(c, at)
		change(&c)
		return c
	}
	now, as := time.Now(), func(*keyservice.Command) {}
	for name, test := range map[string]struct {
		command keyservice.Command
		want    string
	}{
		"a PIN":        {permitted(pin, now, as), ""},
		"a day":        {permitted(day, now, as), ""},
		"none":         {pin, "has signed no permit"},
		"another's":    {permitted(pin, now, func(c *keyservice.Command) { c.Order = "o-9" }), "has signed no permit"},
		"another card": {permitted(day, now, func(c *keyservice.Command) { c.Card = cardOf(9) }), "has signed no permit"},
		"another day":  {permitted(day, now, func(c *keyservice.Command) { c.Data = []byte{0x20, 0x31, 0x12, 0x31} }), "has signed no permit"},
		"a PIN's":      {permitted(day, now, func(c *keyservice.Command) { c.Permit = keyservicetest.Permitted(pin, now).Permit }), "has signed no permit"},
		"longer":       {permitted(pin, now, func(c *keyservice.Command) { c.Permit[7]++ }), "has signed no permit"},
		"old":          {permitted(pin, now.Add(-time.Hour), as), "permit is over"},
		"for ever":     {permitted(pin, now.Add(time.Hour), as), "permit is over"},
	} {
		data, err := c.Secure(t.Context(), test.command)
		if test.want == "" && err != nil || test.want != "" && (!errors.Is(err, keyservice.ErrRefused) || !strings.Contains(err.Error(), test.want) || len(data) > 0) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	outcomes := map[string]int{}
	for _, u := range o.uses() {
		outcomes[u.Outcome]++
	}
	if got := fmt.Sprint(outcomes); got != "map[given:2 permit:6 permit_over:2]" {
		t.Errorf("the log of uses has %s", got)
	}
	if _, err := keyservice.ParseClients([]byte(`{"clients":[` + o.line("all", o.all, 1, keyservice.PINs) + `],"centre":["00"]}`)); err == nil {
		t.Error("two digits are taken for the centre's key")
	}
	alone, err := keyservice.ParseClients([]byte(`{"clients":[` + o.line("all", o.all, 1e6, keyservice.PINs) + `]}`))
	o.must(err)
	o.clients.Store(alone)
	if _, err := c.Secure(t.Context(), permitted(pin, now, as)); !errors.Is(err, keyservice.ErrRefused) {
		t.Errorf("a service that knows no centre: %v", err)
	}
}

// A store takes the transport key of a batch into its file while a service follows it, and keeps it
// over a rotation.
func TestTransportKeyIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.age")
	if err := keys.GenerateTest(1).WithWorkFactor(2).Create(path, "p"); err != nil {
		t.Fatal(err)
	}
	o := newOffice(t)
	ring, err := keys.OpenKeyring(path, "p", o.service.Log)
	o.must(err)
	o.service.Backend = keyservice.Software{Keyring: ring}
	held, err := ring.Held(t.Context())
	o.must(err)
	blank := keyservice.Blank{Order: keyservicetest.Batch, Card: transit}
	if _, err := o.asks(o.all).Personalise(t.Context(), blank); !errors.Is(err, keyservice.ErrBatch) {
		t.Errorf("before it has the key: %v", err)
	}
	with := keyservicetest.WithBatch(t, ring.Store())
	o.must(with.WithWorkFactor(2).Save(path, "p"))
	issue, err := o.asks(o.all).Personalise(t.Context(), blank)
	if answers := personalisation.AnswerKey(keyservicetest.TransportKey()); err != nil || string(issue.Answer[:]) != string(answers.Encrypt(make([]byte, 8))) {
		t.Errorf("once it has: %v", err)
	}
	if now, err := ring.Held(t.Context()); err != nil || now != held {
		t.Errorf("clearing's keys come as others: %v", err)
	}
	rotated, err := with.Rotate(strings.NewReader(strings.Repeat("rotation", 100)))
	o.must(err)
	if _, ok := rotated.Transport(keyservicetest.Batch); !ok {
		t.Error("a rotation loses the transport key")
	}
}

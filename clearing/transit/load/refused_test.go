package load_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/people/access"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// TestWrongClock asks for loads that are signed for a time that is over, where cards and channels
// are judged as they stand now, not as they stood then; and for a time to come, at which they
// must stand too.
func TestWrongClock(t *testing.T) {
	const other, last = "03105070200000000005", "03105070200000000006"
	town := clearingtest.New(t, func(files map[string]string) {
		files["hotlist.csv"] = "card,reason,effective_from,effective_to\n" + clearingtest.Card + ",lost,20260105080000,\n" +
			clearingtest.OtherCard + ",lost,20260105140000,\n"
		files["cards.csv"] += other + "," + clearingtest.Issuer + ",01,active,20200101,20260104\n" + last + "," + clearingtest.Issuer + ",01,active,20200101,20260105\n"
		files["channels.csv"] += "old,旧柜台,Old,20200101,20260104\nclosing,新柜台,Closing,20200101,20260105\n"
	})
	authority := &load.Authority{Registry: town.Registry, Keys: keys.NewKeyring(town.Keys), Rules: town.Rules.Loads, Fresh: town.Rules.Fresh, Now: func() time.Time { return at(12) }}
	yesterday, tomorrow := at(12).AddDate(0, 0, -1), at(12).AddDate(0, 0, 1)
	for _, test := range []struct {
		name, card, channel string
		signed              time.Time
		want                verdict.Reason
	}{
		{"listed this morning, signed an hour before that", clearingtest.Card, "counter", at(7), verdict.CardListed},
		{"listed this morning, signed yesterday", clearingtest.Card, "counter", yesterday, verdict.CardListed},
		{"listed now, signed ahead", clearingtest.Card, "counter", at(13), verdict.CardListed},
		{"expired yesterday, signed yesterday", other, "counter", yesterday, verdict.CardExpired},
		{"a channel until yesterday, signed yesterday", clearingtest.OtherCard, "old", yesterday, verdict.UnknownChannel},
		{"listed from two on, signed after that", clearingtest.OtherCard, "counter", at(15), verdict.CardListed},
		{"expires today, signed tomorrow", last, "counter", tomorrow, verdict.CardExpired},
		{"a channel until today, signed tomorrow", last, "closing", tomorrow, verdict.UnknownChannel},
	} {
		request := town.LoadRequest(test.card, "o1", 1, 4000, 5000, test.signed)
		request.Channel = test.channel
		_, err := authority.Authorise(t.Context(), request)
		if refusal, ok := err.(*load.Refusal); !ok || refusal.Reason != test.want {
			t.Errorf("%s: %v, want a refusal for %s", test.name, err, test.want)
		}
	}
}

// TestChannelRefused asks in the name of channels whose accounts take nothing: the answer
// is a refusal with its reason, for as long as that is so, and no money moves.
func TestChannelRefused(t *testing.T) {
	c := newCounter(t)
	ask := func(sequence uint16) string {
		t.Helper()
		answer := c.ask(c.town.LoadRequest(clearingtest.Card, "o"+string(rune('a'+sequence)), sequence, 0, 5000, at(9)))
		if (answer.GetRefusal() == "") != (len(answer.GetMac2()) == 4) {
			t.Fatalf("answer %v", answer)
		}
		return answer.GetRefusal()
	}
	mark := func(frozen bool) {
		t.Helper()
		if err := c.ledger.MarkAccount(t.Context(), chart.Channel("counter"), ledger.Marks{Frozen: frozen}, clearingtest.Approved()); err != nil {
			t.Fatal(err)
		}
	}
	mark(true)
	for range 2 {
		if got := ask(0); got != string(verdict.AccountClosed) {
			t.Errorf("a frozen channel is answered %q, want account_closed", got)
		}
	}
	mark(false)
	if got := ask(0); got != "" {
		t.Errorf("a channel that is free again is answered %q", got)
	}
	mark(true)
	if got := ask(0); got != "" {
		t.Errorf("an order that stands is answered %q once its channel is frozen, want MAC2", got)
	}
	if owed := c.owed(); owed != 5000 {
		t.Errorf("the channel owes %d fen, want one order's 5000", owed)
	}
}

// TestRulesNotKnown asks while nobody knows which rules are in force: the outcome is not known, and
// no money moves. The same request gets MAC2 once they are known.
func TestRulesNotKnown(t *testing.T) {
	c := newCounter(t)
	c.fresh = errors.New("the last look is too long ago")
	request := c.town.LoadRequest(clearingtest.Card, "o1", 0, 0, 5000, at(9))
	answer := c.post(request, "Bearer "+token)
	if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d, %v; want 503", answer.StatusCode, err)
	}
	if owed := c.owed(); owed != 0 {
		t.Errorf("the channel owes %d fen for an order by unknown rules", owed)
	}
	c.fresh = nil
	if answer := c.ask(request); len(answer.GetMac2()) != 4 {
		t.Errorf("answer %v, want MAC2", answer)
	}
	if owed := c.owed(); owed != 5000 {
		t.Errorf("the channel owes %d fen, want one order's 5000", owed)
	}
}

// TestChannelLimit takes a channel to what it may owe.
func TestChannelLimit(t *testing.T) {
	c := newCounterWith(t, func(a *ledger.Account) {
		if a.Code == chart.Channel("counter") {
			a.Flags, a.Cap = ledger.DebitsMustNotExceedCredits, 12_000
		}
	})
	for sequence, want := range []verdict.Reason{verdict.None, verdict.None, verdict.ChannelLimit, verdict.ChannelLimit} {
		answer := c.ask(c.town.LoadRequest(clearingtest.Card, "o"+string(rune('a'+sequence)), uint16(sequence), 0, 5000, at(9)))
		if answer.GetRefusal() != string(want) || (len(answer.GetMac2()) == 4) != (want == verdict.None) {
			t.Errorf("order %d: answer %v, want %q", sequence, answer, want)
		}
	}
	if owed := c.owed(); owed != 10_000 {
		t.Errorf("the channel owes %d fen, want 10000", owed)
	}
}

// TestAnothersChannel asks for a load in the name of another channel, and without a token: nothing
// is booked.
func TestAnothersChannel(t *testing.T) {
	c := newCounter(t)
	request := c.town.LoadRequest(clearingtest.Card, "o1", 3, 1000, 5000, at(9))
	for authorization, want := range map[string]int{
		"Bearer " + nobodys: http.StatusForbidden, "": http.StatusUnauthorized, "Bearer " + access.NewToken(): http.StatusUnauthorized,
	} {
		answer := c.post(request, authorization)
		if err := answer.Body.Close(); err != nil || answer.StatusCode != want {
			t.Errorf("%q: %s, want %d", authorization, answer.Status, want)
		}
	}
	if owed := c.owed(); owed != 0 {
		t.Errorf("the channel owes %d fen, want nothing", owed)
	}
	if answer := c.ask(request); len(answer.GetMac2()) != 4 {
		t.Errorf("with its token: %v, want MAC2", answer)
	}
}

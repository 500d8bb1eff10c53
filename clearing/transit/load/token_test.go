package load_test

import (
	"net/http"
	"testing"

	"citycard/clearing/clearingtest"
	"citycard/clearing/transit/load"
)

// TestToken asks for loads in a channel's name without its token: 401, and nothing is
// booked. A channel without a token is allowed nothing.
func TestToken(t *testing.T) {
	c := newCounter(t)
	for name, authorization := range map[string]string{
		"none": "", "another": "Bearer " + load.NewToken(), "empty": "Bearer ", "cut": "Bearer " + token[:42], "longer": "Bearer " + token + "A",
		"no scheme": token, "other scheme": "Basic " + token, "its hash": "Bearer " + load.HashToken(token).String(),
	} {
		response := c.post(c.town.LoadRequest(clearingtest.Card, "o1", 3, 1000, 5000, at(9)), authorization)
		response.Body.Close()
		if response.StatusCode != http.StatusUnauthorized || response.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: %s, want 401", name, response.Status)
		}
	}
	request := c.town.LoadRequest(clearingtest.Card, "o1", 3, 1000, 5000, at(9))
	request.Channel = "unlisted"
	for _, authorization := range []string{"Bearer " + token, "Bearer ", ""} {
		response := c.post(request, authorization)
		response.Body.Close()
		if response.StatusCode != http.StatusUnauthorized {
			t.Errorf("a channel without a token, %q: %s, want 401", authorization, response.Status)
		}
	}
	if owed := c.owed(); owed != 0 {
		t.Errorf("the channel owes %d fen, want nothing", owed)
	}
	if answer := c.ask(c.town.LoadRequest(clearingtest.Card, "o1", 3, 1000, 5000, at(9))); len(answer.GetMac2()) != 4 {
		t.Errorf("with the token: %v, want MAC2", answer)
	}
}

// TestTokenHash reads back what is kept of a token, and refuses anything else.
func TestTokenHash(t *testing.T) {
	// echo -n citycard | sha256sum
	const known = "1409b37c88702ffba5e7aface610c41f1f8f5a3bcb2e6f78a589d8fa91fdd40f"
	if got := load.HashToken("citycard").String(); got != known {
		t.Errorf("hash of citycard is %s, want %s", got, known)
	}
	if h, err := load.ParseTokenHash(known + "\n"); err != nil || h != load.HashToken("citycard") {
		t.Errorf("%v, %v", h, err)
	}
	for _, text := range []string{"", known[:62], known + "00", "x" + known[1:]} {
		if _, err := load.ParseTokenHash(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	if a, b := load.NewToken(), load.NewToken(); a == b || len(a) != 43 {
		t.Errorf("tokens %q and %q, want two of 43 characters", a, b)
	}
}

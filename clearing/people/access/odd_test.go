package access

import (
	"strings"
	"testing"
	"time"
)

// TestOddRows alters credentials so that they cannot be read: they are listed as such, open
// nothing, and are named; the others open as before.
func TestOddRows(t *testing.T) {
	s := storeAt(t, fresh(t))
	for _, text := range []string{token, another, old} {
		if _, err := s.Issue(t.Context(), tokenOrder("channel:counter", text), by("ann")); err != nil {
			t.Fatal(err)
		}
	}
	for _, change := range []string{
		"UPDATE credentials SET expires = floor(extract(epoch FROM now()))::INT8 + 1000", "UPDATE credentials SET hash = '\\x00' WHERE number = 2", "UPDATE credentials SET expires = 9000000000000000000 WHERE number = 3",
	} {
		if _, err := s.Ledger.Pool().Exec(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.List(t.Context())
	if err != nil || len(all) != 3 || all[0].State(time.Now()) != InForce || all[1].State(time.Now()) != Odd || all[2].State(time.Now()) != Odd {
		t.Errorf("listed are %+v, %v", all, err)
	}
	g := newGate(t, s, 1000)
	g.at = time.Now()
	if err := g.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if answer := g.ask("channel:counter", with("Bearer "+token)); answer.Code != 200 {
		t.Errorf("one that can be read: %d %s", answer.Code, answer.Body)
	}
	g.wantRefused("an odd one", g.ask("channel:counter", with("Bearer "+old)), 401, Unknown)
	if notice := g.Notice(); !strings.HasSuffix(notice, ": 2, 3") {
		t.Errorf("notice %q", notice)
	}
	if !strings.Contains(g.log.String(), "a credential cannot be read") {
		t.Errorf("log %q", g.log.String())
	}
	if revoked, _, err := s.Revoke(t.Context(), 2, by("ann")); err != nil || revoked.State(time.Now()) != Revoked {
		t.Errorf("revoked: %+v, %v", revoked, err)
	}
}

// TestWrongClock has processes whose clocks are years off: whether a credential has expired is a
// matter of the database's clock.
func TestWrongClock(t *testing.T) {
	s := storeAt(t, fresh(t))
	for _, text := range []string{token, old} {
		if _, err := s.Issue(t.Context(), tokenOrder("channel:counter", text), by("ann")); err != nil {
			t.Fatal(err)
		}
	}
	for _, change := range []string{
		"UPDATE credentials SET expires = floor(extract(epoch FROM now()))::INT8 + 1000 WHERE number = 1", "UPDATE credentials SET expires = floor(extract(epoch FROM now()))::INT8 - 1 WHERE number = 2",
	} {
		if _, err := s.Ledger.Pool().Exec(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	for _, off := range []time.Duration{-3, 0, 3} {
		g := newGate(t, s, 1000)
		g.at = time.Now().Add(off * 365 * 24 * time.Hour)
		if err := g.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if answer := g.ask("channel:counter", with("Bearer "+token)); answer.Code != 200 {
			t.Errorf("%d years off: %d %s", off, answer.Code, answer.Body)
		}
		g.wantRefused("expired", g.ask("channel:counter", with("Bearer "+old)), 401, HasExpired)
	}
}

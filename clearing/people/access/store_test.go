package access

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/schema"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

func by(name string) ledger.Approval {
	return ledger.Approval{First: name, Reason: "contract", At: noon}
}

// fresh is the address of a database with clearing's tables.
func fresh(t *testing.T) string {
	t.Helper()
	url := ledgertest.New(t)
	if err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	return url
}

// storeAt is the store of one process.
func storeAt(t *testing.T, url string) *Store {
	t.Helper()
	return &Store{Ledger: ledgertest.Connect(t, url, 4)}
}

func tokenOrder(unit people.Unit, token string) Order {
	return Order{Unit: unit, Kind: Token, Hash: HashToken(token), Days: 30}
}

// audited is what the audit has of credentials.
func audited(t *testing.T, s *Store) (all []string) {
	t.Helper()
	entries, err := s.Ledger.Audit(t.Context(), ActIssue, ActRevoke)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Act+" by "+e.First)
	}
	return all
}

// TestIssue issues credentials and revokes one, twice.
func TestIssue(t *testing.T) {
	s := storeAt(t, fresh(t))
	first, err := s.Issue(t.Context(), tokenOrder("channel:counter", "a"), by("ann"))
	if err != nil || first.Number != 1 || !first.Expires.Equal(noon.AddDate(0, 0, 30)) {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := s.Issue(t.Context(), tokenOrder("channel:kiosk", "b"), by("ann"))
	if err != nil || second.Number != 2 {
		t.Fatalf("%+v, %v", second, err)
	}
	later := by("bob")
	later.At = noon.Add(time.Hour)
	if c, again, err := s.Revoke(t.Context(), 1, later); err != nil || again || !c.Revoked.Equal(later.At) {
		t.Errorf("revoked: %+v, %t, %v", c, again, err)
	}
	if _, again, err := s.Revoke(t.Context(), 1, later); err != nil || !again {
		t.Errorf("revoked again at once: %t, %v", again, err)
	}
	later.At = noon.Add(2 * time.Hour)
	if c, again, err := s.Revoke(t.Context(), 1, later); err != nil || !again || !c.Revoked.Equal(noon.Add(time.Hour)) {
		t.Errorf("revoked again: %+v, %t, %v", c, again, err)
	}
	if _, _, err := s.Revoke(t.Context(), 3, later); !errors.Is(err, ErrNone) {
		t.Errorf("one that there is not: %v", err)
	}
	all, err := s.List(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	for i, want := range []State{Revoked, InForce} {
		if got := all[i].State(noon.Add(3 * time.Hour)); got != want {
			t.Errorf("credential %d is %s, want %s", i+1, got, want)
		}
	}
	if got := all[1].State(second.Expires); got != Expired {
		t.Errorf("at its end it is %s", got)
	}
	if got := fmt.Sprint(audited(t, s)); got != "[issue access by ann issue access by ann revoke access by bob]" {
		t.Errorf("the audit has %s", got)
	}
}

// TestUnfitOrders orders what nobody may have.
func TestUnfitOrders(t *testing.T) {
	s := storeAt(t, fresh(t))
	for name, o := range map[string]Order{
		"no days":        {Unit: "channel:counter", Kind: Token},
		"for ever":       {Unit: "channel:counter", Kind: Token, Days: 401},
		"no API":         {Unit: "operator:metro", Kind: Token, Days: 1},
		"no unit":        {Unit: "", Kind: Token, Days: 1},
		"no id":          {Unit: "channel:", Kind: Token, Days: 1},
		"a strange id":   {Unit: "channel:a b", Kind: Token, Days: 1},
		"two ids":        {Unit: "channel:a:b", Kind: Token, Days: 1},
		"an id too long": {Unit: Channel(strings.Repeat("a", 33)), Kind: Token, Days: 1},
	} {
		var unfit *OrderError
		if _, err := s.Issue(t.Context(), o, by("ann")); !errors.As(err, &unfit) {
			t.Errorf("%s: %v, want an OrderError", name, err)
		}
	}
	o := tokenOrder("channel:counter", "a")
	for name, who := range map[string]ledger.Approval{
		"no time": {First: "ann"}, "two people": {First: "ann", Second: "bob", At: noon}, "a name that cannot be seen": {First: "\u200b", At: noon},
	} {
		if _, err := s.Issue(t.Context(), o, who); err == nil {
			t.Errorf("%s: issued", name)
		}
	}
	if all, err := s.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("there are %+v, %v", all, err)
	}
}

// TestCertificateOnce takes one certificate for two units, and for one unit twice: no. Once it was
// revoked its own unit may have it again, and no other.
func TestCertificateOnce(t *testing.T) {
	s := storeAt(t, fresh(t))
	order := func(unit people.Unit) Order { return Order{Unit: unit, Kind: Certificate, Hash: Hash{1}, Days: 30} }
	if _, err := s.Issue(t.Context(), order("channel:counter"), by("ann")); err != nil {
		t.Fatal(err)
	}
	refused := func(unit people.Unit, who string) {
		t.Helper()
		var taken *TakenError
		if _, err := s.Issue(t.Context(), order(unit), by(who)); !errors.As(err, &taken) || *taken != (TakenError{1, "channel:counter"}) {
			t.Errorf("%s: %v, want that it is credential 1", unit, err)
		}
	}
	refused("channel:kiosk", "ann")
	refused("channel:counter", "bob")
	if _, _, err := s.Revoke(t.Context(), 1, by("ann")); err != nil {
		t.Fatal(err)
	}
	refused("channel:kiosk", "ann")
	if c, err := s.Issue(t.Context(), order("channel:counter"), by("bob")); err != nil || c.Number != 2 {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestIssueTogether issues from many processes at once: each gets a number of its own.
func TestIssueTogether(t *testing.T) {
	url := fresh(t)
	numbers := make([]int64, 8)
	var all sync.WaitGroup
	for i := range numbers {
		s := storeAt(t, url)
		all.Go(func() {
			c, err := s.Issue(t.Context(), tokenOrder("channel:counter", NewToken()), by("ann"))
			if err != nil {
				t.Error(err)
			}
			numbers[i] = c.Number
		})
	}
	all.Wait()
	seen := map[int64]bool{}
	for _, n := range numbers {
		if n < 1 || n > 8 || seen[n] {
			t.Errorf("numbers %v, want 1 to 8 once each", numbers)
		}
		seen[n] = true
	}
}

// TestCommitCut loses the COMMIT of an issue and of a revocation, or its answer: each happens once,
// and is said to have happened.
func TestCommitCut(t *testing.T) {
	for name, landed := range map[string]bool{"not landed": false, "landed": true} {
		t.Run(name, func(t *testing.T) {
			url := fresh(t)
			var armed, cuts atomic.Int64
			_, through := ledgertest.NewRelay(t, url, cutter(&armed, &cuts, landed))
			s, direct := storeAt(t, through), storeAt(t, url)
			armed.Store(1)
			c, err := s.Issue(t.Context(), tokenOrder("channel:counter", "a"), by("ann"))
			if err != nil || c.Number != 1 || cuts.Load() != 1 {
				t.Fatalf("issued: %+v, %v, %d cuts", c, err, cuts.Load())
			}
			armed.Store(1)
			if _, again, err := s.Revoke(t.Context(), 1, by("ann")); err != nil || again || cuts.Load() != 2 {
				t.Fatalf("revoked: %t, %v, %d cuts", again, err, cuts.Load())
			}
			if got := fmt.Sprint(audited(t, direct)); got != "[issue access by ann revoke access by ann]" {
				t.Errorf("the audit has %s", got)
			}
			if all, err := direct.List(t.Context()); err != nil || len(all) != 1 || all[0].State(noon) != Revoked {
				t.Errorf("there are %+v, %v", all, err)
			}
		})
	}
}

// cutter carries what is said, and cuts one COMMIT while it is armed: before the server has it, or
// once the server has answered.
func cutter(armed, cuts *atomic.Int64, landed bool) func(client, server net.Conn) {
	return func(client, server net.Conn) {
		var deaf atomic.Bool
		over := make(chan struct{})
		go func() {
			defer close(over)
			defer func() { _, _ = client.Close(), server.Close() }()
			for buffer := make([]byte, 1<<16); ; {
				n, err := server.Read(buffer)
				if err != nil || deaf.Load() {
					return
				}
				if _, err := client.Write(buffer[:n]); err != nil {
					return
				}
			}
		}()
		defer func() {
			_ = server.Close()
			<-over
		}()
		for first := true; ; first = false {
			frame, err := ledgertest.Frame(client, first)
			if err != nil {
				return
			}
			cut := ledgertest.IsCommit(frame) && armed.CompareAndSwap(1, 0)
			if cut {
				cuts.Add(1)
				if deaf.Store(true); !landed {
					_ = client.Close()
					return
				}
			}
			if _, err := server.Write(frame); err != nil {
				return
			}
			if cut {
				_, _ = io.Copy(io.Discard, client)
				return
			}
		}
	}
}

// TestSigned has people sign what they issue and revoke: it happens if they may, and signed just
// that.
func TestSigned(t *testing.T) {
	s := storeAt(t, fresh(t))
	staff := peopletest.New(t, s.Ledger)
	order := tokenOrder("channel:counter", "a")
	other := tokenOrder("channel:kiosk", "a")
	if c, err := s.Issue(t.Context(), order, staff.Alone(t, "kim", ActIssue, order.What(), "contract")); err != nil || c.Person != "kim" {
		t.Fatalf("%+v, %v", c, err)
	}
	if _, err := s.Issue(t.Context(), tokenOrder("channel:counter", "b"), staff.Alone(t, "kim", ActIssue, other.What(), "contract")); err == nil {
		t.Error("issued what was not signed")
	}
	if _, _, err := s.Revoke(t.Context(), 1, staff.Alone(t, "kim", ActRevoke, "credential 2", "lost")); err == nil {
		t.Error("revoked what was not signed")
	}
	signature := staff.Sign(t, "cleo", ActRevoke, "credential 1", "lost")
	var denied *people.DeniedError
	if _, err := staff.Signed(t.Context(), signature, ActRevoke); !errors.As(err, &denied) {
		t.Errorf("a clerk: %v, want that she may not", err)
	}
	if _, _, err := s.Revoke(t.Context(), 1, staff.Alone(t, "ann", ActRevoke, "credential 1", "lost")); err != nil {
		t.Errorf("a supervisor: %v", err)
	}
	if got := fmt.Sprint(audited(t, s)); got != "[issue access by kim revoke access by ann]" {
		t.Errorf("the audit has %s", got)
	}
}

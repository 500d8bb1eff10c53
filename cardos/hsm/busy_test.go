package hsm

import (
	"context"
	"errors"
	"sync"
	"testing"

	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
)

// Many ask at once while the token ends the login again and again: every answer is right.
func TestManyAskWhileLoginsEnd(t *testing.T) {
	store := keys.GenerateTest(1)
	masters := inUse(t, store)
	token := masters.token
	var asking, ending sync.WaitGroup
	answered := make(chan struct{}, 8)
	ending.Go(func() {
		n := 0
		for range answered {
			if n++; n%25 == 0 {
				logOut(t, token)
			}
		}
	})
	for worker := range byte(6) {
		asking.Go(func() {
			for n := range byte(25) {
				o, want := orderOf(store, card(worker*25+n))
				if got, err := masters.AuthoriseLoad(t.Context(), o); err != nil || got != want {
					t.Errorf("MAC2 %x, %v, want %x", got, err, want)
				}
				answered <- struct{}{}
			}
		})
	}
	asking.Wait()
	close(answered)
	ending.Wait()
	for range token.sessions { // no session is left in the middle of a call
		o, _ := orderOf(store, card(1))
		if _, err := masters.AuthoriseLoad(t.Context(), o); err != nil {
			t.Error(err)
		}
	}
}

// logOut ends the login between two operations: SoftHSM2 crashes where it ends during a search.
func logOut(t *testing.T, token *Token) {
	t.Helper()
	token.using.Lock()
	defer token.using.Unlock()
	session := <-token.now.Load().free
	defer func() { token.now.Load().free <- session }()
	if err := token.module.calls.Logout(session); err != nil {
		t.Error(err)
	}
}

// Who waits for a session gives up with its context.
func TestWaitingEnds(t *testing.T) {
	masters := inUse(t, keys.GenerateTest(1))
	token, free := masters.token, make(chan struct{})
	var holding sync.WaitGroup
	begun := make(chan struct{}, token.sessions)
	for range token.sessions {
		holding.Go(func() {
			_ = token.once(t.Context(), "test", func(*work) error {
				begun <- struct{}{}
				<-free
				return nil
			})
		})
	}
	for range token.sessions {
		<-begun
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := masters.Personalise(ctx, keyservice.Blank{Card: keyservice.Card{Kind: keyservice.Transit}}); !errors.Is(err, context.Canceled) {
		t.Errorf("all sessions are busy: %v, want the end of the context", err)
	}
	close(free)
	holding.Wait()
}

// The loads that SoftHSM2 authorises in a second, without the wire.
func BenchmarkAuthoriseLoad(b *testing.B) {
	store := keys.GenerateTest(1)
	masters := inUse(b, store)
	o, _ := orderOf(store, card(1))
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := masters.AuthoriseLoad(b.Context(), o); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "keyservice.softhsm_mac2_per_second")
}

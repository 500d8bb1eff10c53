package intent_test

import (
	"fmt"
	"testing"
	"time"

	"citycard/clearing/message"
	"citycard/terminals/card"
	"citycard/terminals/intent"
	"citycard/terminals/sam"
)

// forge begins a payment of a card whose proof the SAM refuses.
func (l *lane) forge(t *message.Tap) {
	l.Helper()
	must(l.T, l.book.Begin(t))
	must(l.T, l.book.End(nil, fmt.Errorf("served: %w", &card.UnknownError{Tap: t, Err: sam.ErrForged})))
}

// numbered is a tap under the number of another card.
func numbered(t *message.Tap, n int) *message.Tap {
	t.GetDebit().Card[8], t.GetDebit().Card[9] = byte(n/10%10<<4|n%10), byte(n/1000%10<<4|n/100%10)
	return t
}

// A card whose proof is wrong has no weight: nothing of it leaves the lane, however many there are,
// and it ends in time. If the card itself comes meanwhile it is settled.
func TestForged(t *testing.T) {
	l := open(t, gateIn())
	_, torn := passenger(t, 1)
	held, p := passenger(t, 2)
	l.tear(tap(torn, gateIn(), 7, morning()))
	for i := range uint32(3 * intent.Most) {
		l.forge(tap(p, gateIn(), i, morning()))
	}
	want := intent.Counts{Open: 1, Doubted: intent.Most - 1}
	for range 2 {
		if c := l.book.Counts(); c != want {
			t.Errorf("%+v, want %+v", c, want)
		}
		if got := []int{l.count(message.TopicIntents), l.count(message.TopicTapsUnconfirmed), len(l.book.Share(nil))}; got[0] != 1 || got[1] != 0 || got[2] != 1 {
			t.Errorf("of forged cards is told: %v", got)
		}
		l.again()
	}
	if s, err := l.book.Settle(t.Context(), held, morning().Add(time.Second), fails(card.ErrTooLate)); err != nil || s.Lost != intent.Most-1 || l.count(message.TopicTapsUnconfirmed) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := l.book.Settle(t.Context(), held, morning().Add(time.Second), paid); err != nil || len(s.Paid) != intent.Most-1 {
		t.Errorf("%+v, %v", s, err)
	}
	l.forge(tap(p, gateIn(), 1000, morning()))
	if n, err := l.book.Raise(morning().Add(24*time.Hour), 24*time.Hour); err != nil || n != 1 {
		t.Errorf("%d went up, %v", n, err)
	}
	if c := l.book.Counts(); c != (intent.Counts{Unconfirmed: 1}) {
		t.Errorf("%+v", c)
	}
}

// Cards that are silent after they were told to pay push out no payment of a card that has paid at
// this lane, also after a restart; of others they do, and clearing is told.
func TestSilent(t *testing.T) {
	l := open(t, gateIn())
	_, p := passenger(t, 1)
	done := tap(p, gateIn(), 6, morning())
	must(t, l.book.Begin(done))
	done.Debit.Tac = []byte{1, 2, 3, 4}
	must(t, l.book.End(done, nil))
	l.again()
	records, err := l.out.Recent()
	must(t, err)
	must(t, l.book.Recall(records))
	mine := tap(p, gateIn(), 7, morning())
	l.tear(mine)
	for i := range 3 * intent.Most {
		l.tear(numbered(tap(p, gateIn(), uint32(i), morning()), i))
	}
	if c := l.book.Counts(); c != (intent.Counts{Open: intent.Most}) {
		t.Errorf("%+v", c)
	}
	standing := map[string]bool{}
	for _, local := range l.out.Locals() {
		standing[string(local.Key)] = true
	}
	if !standing[string(message.IntentKey(mine.GetDebit()))] {
		t.Error("silent cards have pushed out the payment of a card that pays here")
	}
	if n := l.count(message.TopicTapsUnconfirmed); n != 2*intent.Most+1 {
		t.Errorf("%d went up, want %d", n, 2*intent.Most+1)
	}
	// Under the number of that card they take its weight, and clearing is told.
	for i := range uint32(2) {
		l.tear(tap(p, gateIn(), 5000+i, morning()))
	}
	l.tear(numbered(tap(p, gateIn(), 9, morning()), 999))
	if n := l.count(message.TopicTapsUnconfirmed); n != 2*intent.Most+4 {
		t.Errorf("%d went up, want %d", n, 2*intent.Most+4)
	}
}

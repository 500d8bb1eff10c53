package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/bcd"
	"citycard/cardos/chip"
	"citycard/cardos/purse"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/simulators/vcard"
	"citycard/terminals/counter"
)

// passenger is the card with a number.
func passenger(t *testing.T, h *hall, n int) *chip.Chip {
	t.Helper()
	order := *transitOrder.Transit
	order.Number = fmt.Sprintf("031050702000000%04d2", n)
	held := chip.NewTransit(uint64(n))
	_, err := counter.Personalise(t.Context(), held, held.PowerOn(), h.store, counter.Order{Kind: counter.Transit, Transit: &order})
	must(t, err)
	return held
}

// fatal is a card in a reader whose DEBIT ends the program that sends it, before or after the card
// has paid, or some time after the answer.
type fatal struct {
	*chip.Chip
	kill   func()
	before bool
	after  time.Duration // of the answer; negative: there is none
	once   *sync.Once
}

func (c fatal) Transmit(ctx context.Context, command []byte) (answer []byte, err error) {
	if command[0] != 0x80 || command[1] != 0x54 {
		return c.Chip.Transmit(ctx, command)
	}
	c.once.Do(func() {
		if c.before {
			c.kill()
			err = errors.New("the program that sent it is gone")
			return
		}
		answer, err = c.Chip.Transmit(ctx, command)
		if c.after < 0 {
			c.kill()
			return
		}
		time.AfterFunc(c.after, c.kill)
	})
	return answer, err
}

// sentTaps reads all taps that are in Kafka, by what a card's log says of them. Two of one debit
// must be the same to clearing.
func (h *hall) sentTaps(topic string, n int) map[string][]*kgo.Record {
	h.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(h.broker.ListenAddrs()...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	must(h.T, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(h.Context(), 20*time.Second)
	defer cancel()
	taps := map[string][]*kgo.Record{}
	for len(taps) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			h.Fatalf("%d of %d debits are in topic %s: %v\n%s", len(taps), n, topic, err, h.words.all())
		}
		for _, r := range fetches.Records() {
			tap := new(message.Tap)
			must(h.T, proto.Unmarshal(r.Value, tap))
			key := fmt.Sprintf("%s %d %x", r.Key, tap.GetCardCounter(), tap.GetDebit().GetTime())
			if before := taps[key]; len(before) > 0 && topic == message.TopicTaps && !identity.SameTap(before[0].Value, r.Value) {
				h.Errorf("two taps of debit %s are a dispute", key)
			}
			taps[key] = append(taps[key], r)
		}
	}
	return taps
}

// passages is how many a card has paid: what proves that it is the card is no composite purchase.
func passages(c *chip.Chip) (n int) {
	for _, r := range c.Describe().Transit.Log {
		if r.Type == purse.TypeCAPP {
			n++
		}
	}
	return n
}

// wantDebits compares the logs of cards with the taps in Kafka.
func (h *hall) wantDebits(cards []*chip.Chip) {
	h.Helper()
	debits := map[string]bool{}
	for _, c := range cards {
		read := c.Describe().Transit
		if n := passages(c); n != 1 {
			h.Errorf("card %s has paid %d times for one passage", read.Number, n)
		}
		for _, r := range read.Log {
			at, err := bcd.Append(nil, r.Time)
			must(h.T, err)
			debits[fmt.Sprintf("%s %d %x", read.Number, r.Sequence, at)] = true
		}
	}
	for key := range h.sentTaps(message.TopicTaps, len(debits)) {
		if !debits[key] {
			h.Errorf("tap %s is of no debit", key)
		}
	}
}

// holdUntilServed holds a card to the first lane until it is let in, or has been before.
func (h *hall) holdUntilServed(held *chip.Chip) {
	h.Helper()
	served := func() bool {
		return len(h.words.with("msg=paid"))+len(h.words.with("inside already"))+len(h.words.with("has just paid here")) > 0
	}
	h.holdUntil(held, served)
}

// holdUntil holds a card to the first lane until something is done. pcscd does not see a card that
// comes at once after one whose program was killed, so it may be held again.
func (h *hall) holdUntil(held vcard.Card, done func() bool) {
	h.Helper()
	for range 5 {
		slot := h.slot(0)
		must(h.T, slot.Insert(h.Context(), held))
		for end := time.Now().Add(5 * time.Second); !done() && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		}
		_ = slot.Remove() // it may be out already
		if done() {
			return
		}
	}
	h.Fatalf("the card is not served:\n%s", h.words.all())
}

// TestKilledAtTheDebit: an agent is killed while its card is told to pay, before and after the card
// has paid and at moments after the answer. When the agent runs again and the card comes back, the
// debit is in Kafka once, and the card has paid once.
func TestKilledAtTheDebit(t *testing.T) {
	h := newHall(t, 1)
	var cards []*chip.Chip
	moments := []time.Duration{-1, 0, 300 * time.Microsecond, time.Millisecond, 3 * time.Millisecond}
	for i := range 1 + len(moments) {
		held := passenger(t, h, i)
		cards = append(cards, held)
		h.start("--lane", laneN(0, ""))
		h.await(30*time.Second, `msg="in service"`)
		killed := make(chan struct{})
		c := fatal{Chip: held, once: new(sync.Once), before: i == len(moments), kill: func() {
			_ = h.cmd.Process.Kill()
			_ = h.cmd.Wait()
			close(killed)
		}}
		if !c.before {
			c.after = moments[i]
		}
		h.holdUntil(c, func() bool {
			select {
			case <-killed:
				return true
			default:
				return false
			}
		})
		takeOut(t, nil)
		h.start("--lane", laneN(0, ""))
		h.await(30*time.Second, `msg="in service"`)
		h.holdUntilServed(held)
		takeOut(t, nil)
		h.stop()
	}
	h.wantDebits(cards)
}

// TestNeighbourSettles: a card is torn at one gate, after it has paid, and goes to another, which
// finds the outcome and lets it in. The first gate hears of it. A card that was torn and stays away
// is unconfirmed after a while.
func TestNeighbourSettles(t *testing.T) {
	h := newHall(t, 2)
	h.start("--lane", laneN(0, ""), "--lane", laneN(1, ""), "--unconfirmed-after", "3s")
	h.awaitTimes(2, 30*time.Second, `msg="in service"`)
	held, away := passenger(t, h, 1), passenger(t, h, 2)
	first, second := h.slot(0), h.slot(1)
	must(t, first.Insert(t.Context(), leavingCard{held, chip.AfterCommit}))
	h.await(recoverLimit, "outcome unknown", "lane=gate-0")
	_ = first.Remove()
	h.awaitMetric(`cardterm_intents{lane="gate-1",state="neighbours"} 1`)
	must(t, second.Insert(t.Context(), held))
	h.await(recoverLimit, "msg=paid", "lane=gate-1")
	must(t, second.Remove())
	h.awaitMetric(`cardterm_intents{lane="gate-0",state="open"} 0`)
	h.awaitMetric(`cardterm_intents{lane="gate-1",state="neighbours"} 0`)
	h.wantDebits([]*chip.Chip{held})

	must(t, first.Insert(t.Context(), leavingCard{away, chip.AfterCommit}))
	h.awaitTimes(2, recoverLimit, "outcome unknown", "lane=gate-0")
	_ = first.Remove()
	h.await(2*recoverLimit, "payments stay unconfirmed", "lane=gate-0")
	unconfirmed := map[string]bool{} // held, whose codes no SAM knew, as well
	for _, records := range h.sentTaps(message.TopicTapsUnconfirmed, 2) {
		_, err := message.CheckUnconfirmed(records[0].Value)
		must(t, err)
		unconfirmed[string(records[0].Key)] = true
	}
	if !unconfirmed[away.Describe().Transit.Number] {
		t.Errorf("unconfirmed are those of %v", unconfirmed)
	}
	must(t, first.Insert(t.Context(), away))
	h.await(recoverLimit, "msg=paid", "lane=gate-0")
	must(t, first.Remove())
	h.wantDebits([]*chip.Chip{held, away})
	h.stop()
}

// TestKilledBeforePassengerKnows: an agent is killed after a card has paid at the front door of a
// bus, before the passenger was told. The passenger tries the back door, and does not pay again.
func TestKilledBeforePassengerKnows(t *testing.T) {
	h := newHall(t, 2)
	bus := ",role=validator,vehicle=A1"
	h.start("--lane", laneN(0, bus), "--lane", laneN(1, bus))
	h.awaitTimes(2, 30*time.Second, `msg="in service"`)
	held, front, back := passenger(t, h, 1), h.slot(0), h.slot(1)
	must(t, front.Insert(t.Context(), held))
	h.await(recoverLimit, "msg=paid", "lane=gate-0")
	must(t, h.cmd.Process.Kill())
	_ = h.cmd.Wait() // it was killed
	must(t, front.Remove())
	h.start("--lane", laneN(0, bus), "--lane", laneN(1, bus))
	must(t, back.Insert(t.Context(), held))
	h.await(30*time.Second, "has just paid here", "lane=gate-1")
	must(t, back.Remove())
	h.stop()
	h.wantDebits([]*chip.Chip{held})
}

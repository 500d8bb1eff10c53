package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/identity"
	"citycard/clearing/message"
	riders "citycard/simulators/passenger"
	"citycard/terminals/reader"
)

// TestTorture: whatever happens to agents, readers, cards and the broker, in the end each debit on
// a card is a tap in Kafka, once by what identifies it, or one that stays unconfirmed; no tap is of
// a debit that no card made; and no card has paid twice for one passage. What is in Kafka is then
// cleared, and is in the ledger once.
func TestTorture(t *testing.T) {
	seed, taps, buses, cards := uint64(20260101), tortureTaps, tortureBuses, tortureCards
	if text := os.Getenv("CITYCARD_SOAK_READER_TAPS"); text != "" {
		var err error
		taps, err = strconv.Atoi(text)
		must(t, err)
		seed, err = strconv.ParseUint(os.Getenv("CITYCARD_SOAK_SEED"), 10, 32)
		must(t, err)
		buses, cards = soakBuses, soakCards
	}
	r := newTorture(t, buses, cards, seed)
	if cards == soakCards {
		r.longest, r.calm = 3*time.Minute, 10*time.Second
	}
	ledger := r.startCentre()
	r.other = reader.Observe()
	began := time.Now()
	r.suffer(taps)
	t.Logf("seed %d: %d debits in %s, %v", seed, r.debits.Load(), time.Since(began).Round(time.Second), r.did)
	must(t, r.other.Close())
	r.settle()
	for _, b := range r.buses {
		b.awaitSent()
		b.stop()
	}
	r.working.Wait()
	r.judge()
	r.audit(ledger)
}

// suffer lets passengers ride until so many debits were made, and everything has happened.
func (r *torture) suffer(taps int) {
	enough := make(chan struct{})
	var all, tormenting sync.WaitGroup
	for range len(r.lanes) + len(r.buses) {
		all.Go(func() {
			for {
				select {
				case <-enough:
					return
				case v := <-r.idle:
					v.ride(r.buses[r.random.below(len(r.buses))])
					r.idle <- v
				}
			}
		})
	}
	for _, torments := range r.torments() {
		tormenting.Go(func() {
			for begun := false; !begun || r.debits.Load() < int64(taps) && !r.Failed(); begun = true {
				for _, at := range r.random.order(len(torments)) {
					r.rest(r.random.pause(100*time.Millisecond, r.calm))
					torments[at].does()
					r.count(torments[at].name)
				}
			}
		})
	}
	tormenting.Wait()
	close(enough)
	all.Wait()
}

// settle lets the cards that were torn come once more, as passengers do.
func (r *torture) settle() {
	for range 3 {
		rides := map[*traveller]*coach{}
		taps := r.read(message.TopicTaps)
		for _, v := range r.cards {
			for _, d := range v.card.Debits() {
				if len(taps[keyOf(d.Terminal[:], d.Sequence)]) == 0 {
					rides[v] = r.lanes[d.Terminal[5]].bus
				}
			}
		}
		if len(rides) == 0 {
			return
		}
		var all sync.WaitGroup
		for v, b := range rides {
			all.Go(func() { v.ride(b) })
		}
		all.Wait()
	}
}

// awaitSent waits until no record of the bus waits and none of its payments is open.
func (b *coach) awaitSent() {
	var page []byte
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		answer, err := http.Get("http://" + b.pages + "/metrics")
		if err != nil {
			continue
		}
		var text bytes.Buffer
		_, err = text.ReadFrom(answer.Body)
		must(b.t.T, err)
		must(b.t.T, answer.Body.Close())
		page = text.Bytes()
		done := true
		for _, d := range b.t.lanes {
			if d.bus == b {
				done = done && bytes.Contains(page, fmt.Appendf(nil, "\ncardterm_outbox_waiting{lane=%q} 0\n", d.name)) &&
					bytes.Contains(page, fmt.Appendf(nil, "\ncardterm_intents{lane=%q,state=\"open\"} 0\n", d.name))
			}
		}
		if done {
			return
		}
	}
	b.t.Errorf("bus %s has not sent everything, or has open payments", b.name)
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "cardterm_outbox") || strings.HasPrefix(line, "cardterm_intents") {
			b.t.Log(line)
		}
	}
}

func keyOf(terminal []byte, sequence uint32) string { return fmt.Sprintf("%x %d", terminal, sequence) }

// read reads all records of a topic, by SAM and its number.
func (r *torture) read(topic string) map[string][]*kgo.Record {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.address()), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	must(r.T, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	must(r.T, err)
	end, _ := ends.Lookup(topic, 0)
	all := map[string][]*kgo.Record{}
	for next := int64(0); next < end.Offset; {
		fetches := client.PollFetches(ctx)
		must(r.T, fetches.Err())
		for _, record := range fetches.Records() {
			tap := r.tap(topic, record)
			key := keyOf(tap.GetDebit().GetTerminal(), tap.GetDebit().GetTerminalSequence())
			all[key] = append(all[key], record)
			next = record.Offset + 1
		}
	}
	return all
}

func (r *torture) tap(topic string, record *kgo.Record) *message.Tap {
	if topic == message.TopicTapsUnconfirmed {
		tap, err := message.CheckUnconfirmed(record.Value)
		must(r.T, err)
		return tap
	}
	tap := new(message.Tap)
	must(r.T, proto.Unmarshal(record.Value, tap))
	return tap
}

// judge holds what is in Kafka against the accounts of the cards.
func (r *torture) judge() {
	taps, unconfirmed := r.read(message.TopicTaps), r.read(message.TopicTapsUnconfirmed)
	made := map[string]bool{}
	confirmed, kept, repeated := 0, 0, 0
	for _, v := range r.cards {
		fen := uint32(0)
		for _, d := range v.card.Debits() {
			key := keyOf(d.Terminal[:], d.Sequence)
			made[key] = true
			fen += d.Fen
			switch all := taps[key]; {
			case len(all) > 0:
				confirmed++
				repeated += len(all) - 1
				for _, again := range all {
					r.same(v, d, r.tap(message.TopicTaps, again))
					if !identity.SameTap(all[0].Value, again.Value) {
						r.Errorf("debit %+v of card %s is two taps that are a dispute", d, v.number())
					}
				}
			case len(unconfirmed[key]) > 0:
				kept++
				r.same(v, d, r.tap(message.TopicTapsUnconfirmed, unconfirmed[key][0]))
			default:
				r.Errorf("debit %+v is on card %s and nowhere else", d, v.number())
			}
		}
		now := v.card.Chip().Describe().Transit
		if lost := v.before.BalanceFen - now.BalanceFen; lost != int32(fen) || int(now.OfflineSequence-v.before.OfflineSequence) != len(v.card.Debits()) {
			r.Errorf("card %s has lost %d fen in %d payments, its account has %d in %d", v.number(), lost, now.OfflineSequence-v.before.OfflineSequence, fen, len(v.card.Debits()))
		}
	}
	for key := range taps {
		if !made[key] {
			r.Errorf("tap %s is of no debit: %v", key, r.tap(message.TopicTaps, taps[key][0]))
		}
	}
	r.Logf("%d debits are taps, %d of them sent twice; %d stay unconfirmed, and %d are unconfirmed in all", confirmed, repeated, kept, len(unconfirmed))
}

// same compares a record with the debit on the card.
func (r *torture) same(v *traveller, d riders.Debit, tap *message.Tap) {
	r.Helper()
	t := tap.GetDebit()
	if !bytes.Equal(t.GetCard(), d.Number[:]) || !bytes.Equal(t.GetIssuer(), v.issuer()) || t.GetType() != uint32(d.Type) || t.GetAmountFen() != d.Fen ||
		!bytes.Equal(t.GetTime(), d.Time[:]) || tap.GetCardCounter() != uint32(d.Counter) || tap.GetBalanceFen() != d.Balance {
		r.Errorf("the record %v is not of debit %+v", tap, d)
	}
}

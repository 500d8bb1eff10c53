package intake_test

import (
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"google.golang.org/protobuf/proto"

	"citycard/broker"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// until waits for something that comes about by itself.
func (h *house) until(what string, came func() bool) {
	h.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !came(); <-tick.C {
		if time.Now().After(deadline) {
			h.Fatalf("not within a minute: %s", what)
		}
	}
}

// hit waits until a fault has answered n requests.
func (h *house) hit(fault *kfake.FaultHandle, n int) {
	h.Helper()
	h.until(fmt.Sprintf("%d requests refused", n), func() bool { return fault.Hits() >= n })
}

// waiting counts the messages that are still to be sent.
func (h *house) waiting() (n int) {
	h.Helper()
	h.must(h.ledger.Pool().QueryRow(h.Context(), "SELECT count(*) FROM outbound").Scan(&n))
	return n
}

// untilSent waits until none is.
func (h *house) untilSent() {
	h.Helper()
	h.until("all messages sent", func() bool { return h.waiting() == 0 })
}

// everything reads all partitions of a topic up to where they end now.
func (h *house) everything(topic string) (records []*kgo.Record) {
	h.Helper()
	ends, err := kadm.NewClient(h.client).ListEndOffsets(h.Context(), topic)
	h.must(err)
	h.must(ends.Error())
	from, left := map[int32]kgo.Offset{}, map[int32]int64{}
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset > 0 {
			from[end.Partition], left[end.Partition] = kgo.NewOffset().AtStart(), end.Offset
		}
	})
	reader, err := broker.Connect(h.Context(), h.kafka, 10*time.Second, slog.New(slog.DiscardHandler),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	h.must(err)
	defer reader.Close()
	for len(left) > 0 {
		fetches := reader.PollFetches(h.Context())
		h.must(fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			records = append(records, r)
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return records
}

// placeOf is where a message stands: a reader drops what it has seen of a place.
func placeOf(r *kgo.Record) string {
	return fmt.Sprintf("%s %016x %016x", r.Headers[0].Value, r.Headers[1].Value, r.Headers[2].Value)
}

// published are a topic's messages as a reader sees them that drops repeats. Of each stream
// they come in the order of their places.
func (h *house) published(topic string) (messages []*kgo.Record, repeats int) {
	h.Helper()
	seen, last := map[string]bool{}, map[string]string{}
	for _, r := range h.everything(topic) {
		at, way := placeOf(r), fmt.Sprintf("%s to partition %d", r.Headers[0].Value, r.Partition)
		if seen[at] {
			repeats++
			continue
		}
		if at <= last[way] {
			h.Errorf("%s: %s came behind %s", way, at, last[way])
		}
		seen[at], last[way] = true, at
		messages = append(messages, r)
	}
	return messages, repeats
}

// bad are taps with a wrong TAC, each another one.
func (h *house) bad(from, n int) (list []sent) {
	for i := range n {
		m := h.ride(uint32(from + i))
		m.Debit.Tac[0] ^= 1
		list = append(list, tap(m))
	}
	return list
}

// wantPublished compares what was published with what is kept in the books, and with how
// many were sent.
func (h *house) wantPublished(n int) (repeats int) {
	h.Helper()
	kept := map[string]bool{}
	h.must(h.ledger.ScanMemos(h.Context(), today, today, func(row ledger.Row) error {
		if row.Kind == docket.KindReject {
			kept[row.Reason+" "+string(row.Evidence)] = true
		}
		return nil
	}))
	messages, repeats := h.published(message.TopicRejectsTransit)
	if len(kept) != n || len(messages) != n {
		h.Errorf("%d rejects in the books, %d published, want %d", len(kept), len(messages), n)
	}
	for _, r := range messages {
		var m message.Reject
		h.must(proto.Unmarshal(r.Value, &m))
		if !kept[m.GetReason()+" "+string(m.GetOriginal())] {
			h.Errorf("published and not in the books: %v", &m)
		}
	}
	return repeats
}

// newCluster is a broker that can be told to fail, with its log in dir.
func newCluster(t testing.TB, dir string, port int) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(dir), kfake.SyncWrites())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func portOf(t *testing.T, addr string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// refuses has a broker answer every message to a topic with an error.
func refuses(c *kfake.Cluster, topic string, err *kerr.Error) *kfake.FaultHandle {
	return c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: err, Count: -1})
}

// TestRefusedMessages has the broker refuse what the pump sends, as one does whose access
// list was changed: what was committed stays to be sent, also over a restart, and is
// published in order once the broker takes it. What goes to another topic does not wait.
func TestRefusedMessages(t *testing.T) {
	c := newCluster(t, filepath.Join(t.TempDir(), "kafka"), 0)
	h := newHouseOn(t, c.ListenAddrs()[0])
	fault := refuses(c, message.TopicRejectsTransit, kerr.TopicAuthorizationFailed)
	h.send(h.bad(0, 30)...)
	h.send(tap(h.ride(1000)))
	stop := h.start("first")
	h.cleared()
	h.hit(fault, 2)
	h.until("what is for another topic sent", func() bool { return h.waiting() == 30 })
	h.must(stop())
	stop = h.start("second")
	h.hit(fault, fault.Hits()+1)
	if n := len(h.everything(message.TopicRejectsTransit)); n != 0 || h.waiting() != 30 {
		t.Fatalf("%d rejects published and %d waiting, want the broker to have refused all 30", n, h.waiting())
	}
	fault.Remove()
	h.send(h.bad(30, 30)...)
	h.cleared()
	h.untilSent()
	h.must(stop())
	h.wantPublished(60)
	if cleared, _ := h.published(message.TopicCleared); len(cleared) != 1 {
		t.Errorf("%d cleared records published, want 1", len(cleared))
	}
}

// TestStoredAndNotAnswered has the broker store what the pump sends and deny it, until the
// process is stopped: it is sent again, under the same place, and then forgotten.
func TestStoredAndNotAnswered(t *testing.T) {
	c := newCluster(t, filepath.Join(t.TempDir(), "kafka"), 0)
	h := newHouseOn(t, c.ListenAddrs()[0])
	fault := refuses(c, message.TopicRejectsTransit, kerr.NotEnoughReplicasAfterAppend)
	h.send(h.bad(0, 120)...)
	stop := h.start("first")
	h.cleared()
	h.hit(fault, 2)
	h.must(stop())
	if n := h.waiting(); n != 120 {
		t.Errorf("%d messages waiting, want all 120: none was acknowledged", n)
	}
	if n := len(h.everything(message.TopicRejectsTransit)); n == 0 {
		t.Error("the broker stored nothing: the test is of no use")
	}
	fault.Remove()
	stop = h.start("second")
	h.untilSent()
	h.must(stop())
	if h.wantPublished(120) == 0 {
		t.Error("nothing was sent twice: the test is of no use")
	}
}

// TestBrokerGone takes the broker away with messages under way, and brings it back: all are
// published.
func TestBrokerGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kafka")
	c := newCluster(t, dir, 0)
	addr := c.ListenAddrs()[0]
	h := newHouseOn(t, addr)
	fault := refuses(c, message.TopicRejectsTransit, kerr.NotEnoughReplicas)
	h.send(h.bad(0, 200)...)
	stop := h.start("test")
	h.cleared()
	h.hit(fault, 1)
	c.Close()
	newCluster(t, dir, portOf(t, addr))
	h.untilSent()
	h.must(stop())
	h.wantPublished(200)
}

// TestForgetting breaks the line to the database around the statement with which the pump
// forgets what was acknowledged. Where it was not done, all is sent again; where it was,
// nothing is; and nothing is left over.
func TestForgetting(t *testing.T) {
	for _, answered := range []bool{false, true} {
		t.Run(fmt.Sprintf("done=%v", answered), func(t *testing.T) {
			h := newHouse(t)
			h.send(h.bad(0, 20)...)
			l, through := newLine(t, h.url, "DELETE FROM outbound", answered)
			far := *h
			far.ledger = ledgertest.Connect(t, through, 8, ledger.WithRetries(2), ledger.WithBackoff(time.Millisecond, time.Millisecond))
			in := far.intake("first")
			_, stop := h.run(in)
			h.cleared()
			<-l.broken
			stop()
			left, memory := 20, 0
			if answered {
				left, memory = 0, 1
			}
			var places int
			h.must(h.ledger.Pool().QueryRow(t.Context(), "SELECT count(*) FROM pumps").Scan(&places))
			if n := h.waiting(); n != left || places != memory {
				t.Errorf("%d messages and %d places are stored, want %d and %d", n, places, left, memory)
			}
			again := h.start("second")
			h.send(h.bad(20, 20)...)
			h.cleared()
			h.untilSent()
			h.must(again())
			if repeats := h.wantPublished(40); (repeats > 0) == answered {
				t.Errorf("%d messages sent twice, want some: %v", repeats, !answered)
			}
		})
	}
}

// TestPumpGoesOn keeps the pump's place where nothing is left of what was sent, so that a
// process that starts does not begin at the beginning.
func TestPumpGoesOn(t *testing.T) {
	h := newHouse(t)
	var places []string
	for i := range 3 {
		h.send(h.bad(i*100, 100)...)
		stop := h.start("test")
		h.cleared()
		h.untilSent()
		h.must(stop())
		var at string
		h.must(h.ledger.Pool().QueryRow(t.Context(), "SELECT lpad(sequence::TEXT, 8, '0') || '/' || lpad(position::TEXT, 8, '0') FROM pumps WHERE stream = 'taps/0'").Scan(&at))
		places = append(places, at)
	}
	if !slices.IsSorted(places) || len(slices.Compact(places)) != 3 || strings.HasPrefix(places[0], "00000000/") {
		t.Errorf("the pump's places are %v, want them to move on", places)
	}
	if repeats := h.wantPublished(300); repeats > 0 {
		t.Errorf("%d messages sent twice", repeats)
	}
}

// TestStoppedWhilePublishing stops a process to which the broker owes an answer about the
// registry.
func TestStoppedWhilePublishing(t *testing.T) {
	c := newCluster(t, filepath.Join(t.TempDir(), "kafka"), 0)
	h := newHouseOn(t, c.ListenAddrs()[0])
	h.change(registryFiles())
	fault := refuses(c, message.TopicRegistry, kerr.NotEnoughReplicasAfterAppend)
	stop := h.start("test")
	h.hit(fault, 2)
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	select {
	case err := <-stopped:
		h.must(err)
	case <-time.After(time.Minute):
		t.Fatal("the process cannot be stopped")
	}
	fault.Remove()
	stop = h.start("again")
	h.await(1)
	h.must(stop())
}

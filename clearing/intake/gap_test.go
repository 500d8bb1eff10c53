package intake

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/clearing/message"
	"citycard/clearing/topics"
	"citycard/ledger"
)

// TestGaps holds what was delivered against the log: an aborted transaction's offsets
// may be missing, anything else may not.
func TestGaps(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	t.Cleanup(cluster.Close)
	connect := func(opts ...kgo.Opt) *kgo.Client {
		client, err := broker.Connect(t.Context(), cluster.ListenAddrs()[0], 10*time.Second, quiet, append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
		must(err)
		t.Cleanup(client.Close)
		return client
	}
	plain, inTransactions := connect(), connect(kgo.TransactionalID("test"))
	must(topics.Layout{Partitions: 1}.Ensure(t.Context(), plain, topics.All()...))
	send := func(client *kgo.Client) {
		t.Helper()
		must(client.ProduceSync(t.Context(), &kgo.Record{Topic: message.TopicTaps, Value: []byte("tap")}).FirstErr())
	}
	transaction := func(end kgo.TransactionEndTry) {
		t.Helper()
		must(inTransactions.BeginTransaction())
		send(inTransactions)
		must(inTransactions.EndTransaction(t.Context(), end))
	}
	send(plain)                // 0
	transaction(kgo.TryAbort)  // 1, marker 2
	send(plain)                // 3
	transaction(kgo.TryCommit) // 4, marker 5
	send(plain)                // 6
	delivered := func(offsets ...int64) []*kgo.Record {
		records := make([]*kgo.Record, len(offsets))
		for i, offset := range offsets {
			records[i] = &kgo.Record{Offset: offset}
		}
		return records
	}
	tests := []struct {
		name      string
		position  int64
		delivered []*kgo.Record
		missing   int64 // the first offset that is missing, -1 where none is
	}{
		{"all", 0, delivered(0, 1, 2, 3, 4, 5, 6), -1},
		{"without what was aborted", 0, delivered(0, 2, 3, 4, 5, 6), -1},
		{"begins behind what was aborted", 1, delivered(2, 3), -1},
		{"without a record in the middle", 2, delivered(2, 4, 5, 6), 3},
		{"without the first record", 0, delivered(3, 4, 5, 6), 0},
		{"without what was committed", 3, delivered(3, 5, 6), 4},
		{"without the whole transaction", 0, delivered(0, 1, 2, 3, 6), 4},
		{"begins behind what was committed", 4, delivered(5, 6), 4},
		{"behind what was aborted, too much", 1, delivered(4, 5, 6), 3},
	}
	for _, test := range tests {
		p := &partition{
			in: &Intake{kafka: cluster.ListenAddrs()[0], log: quiet}, topic: message.TopicTaps, stream: "taps/0", lease: ledger.Lease{Next: test.position},
		}
		err := p.contiguous(t.Context(), test.delivered)
		var gap *gapError
		switch {
		case test.missing < 0 && err != nil:
			t.Errorf("%s: %v, want nothing missing", test.name, err)
		case test.missing >= 0 && (!errors.As(err, &gap) || gap.From != test.missing):
			t.Errorf("%s: %v, want offset %d missing", test.name, err, test.missing)
		}
	}
	p := &partition{stream: "taps/0", lease: ledger.Lease{Next: 2}}
	if err := p.contiguous(t.Context(), delivered(1, 2)); err == nil {
		t.Error("an offset that was consumed before was taken again")
	}
}

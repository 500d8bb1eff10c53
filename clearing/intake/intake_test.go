package intake_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/broker"
	"citycard/broker/kafkatest"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/clearing/topics"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/verify"
)

// ride is a signed bus tap.
func (h *house) ride(sequence uint32) *message.Tap {
	return h.town.Tap(clearingtest.Tap{
		Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: sequence, Fen: 80, At: noon(5),
	})
}

func tap(m *message.Tap) sent { return sent{message.TopicTaps, 0, clearingtest.Encode(m)} }

// TestRepeatsPayOnce sends a tap, the same bytes again, and the same number of a SAM
// signed for another amount, in one batch and across batches and partitions: one
// payment, and one dispute that keeps the other bytes: sent again they are a repeat
// like any other.
func TestRepeatsPayOnce(t *testing.T) {
	for _, apart := range []bool{false, true} {
		t.Run(fmt.Sprintf("apart=%v", apart), func(t *testing.T) {
			h := newHouse(t)
			altered := h.ride(1)
			altered.Debit.AmountFen += 5
			h.town.Sign(altered.Debit)
			messages := []sent{tap(h.ride(1)), tap(h.ride(1)), tap(altered), tap(altered)}
			for i, m := range messages {
				if apart {
					m.partition = int32(i) % partitions
					h.send(m)
					h.clear()
				}
			}
			if !apart {
				h.send(messages...)
				h.clear()
			}
			h.wantBalances(map[string]ledger.Fen{"operator:bus": 80, "float:own": -80})
			disputes := 0
			h.must(h.ledger.ScanMemos(t.Context(), today, today, func(row ledger.Row) error {
				if row.Kind != ledger.DisputeKind || string(row.Evidence) != string(clearingtest.Encode(altered)) {
					t.Errorf("memo of kind %s with evidence %x", row.Kind, row.Evidence)
				}
				disputes++
				return nil
			}))
			if disputes != 1 {
				t.Errorf("%d disputes, want the altered version kept once", disputes)
			}
		})
	}
}

// TestRejects sends bytes that are no message and a tap with a wrong TAC: nothing
// moves, the consumer goes on, the original bytes are kept and published with
// their place.
func TestRejects(t *testing.T) {
	h := newHouse(t)
	bad := h.ride(2)
	bad.Debit.Tac[0] ^= 0x80
	h.send(sent{message.TopicTaps, 0, []byte("\xff\xfe rubbish")}, tap(bad), tap(h.ride(3)), sent{message.TopicTaps, 0, nil})
	stop := h.start("test")
	h.cleared()
	published := h.read(message.TopicRejectsTransit, 3)
	h.must(stop())
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 80})

	want := map[int64]struct {
		reason   string
		original string
	}{0: {"undecodable", "\xff\xfe rubbish"}, 1: {"bad_tac", string(clearingtest.Encode(bad))}, 3: {"undecodable", ""}}
	for _, record := range published {
		var reject message.Reject
		h.must(proto.Unmarshal(record.Value, &reject))
		w, ok := want[reject.GetOffset()]
		if !ok || reject.GetReason() != w.reason || string(reject.GetOriginal()) != w.original || reject.GetStream() != "taps/0" {
			t.Errorf("reject %v, want %+v", &reject, w)
		}
		delete(want, reject.GetOffset())
		if record.Headers[0].Key != intake.HeaderStream || string(record.Headers[0].Value) != "taps/0" ||
			binary.BigEndian.Uint64(record.Headers[1].Value) == 0 {
			t.Errorf("headers %v, want stream taps/0 and a sequence", record.Headers)
		}
	}
	kept := 0
	h.must(h.ledger.ScanMemos(t.Context(), today, today, func(row ledger.Row) error {
		if row.Kind == docket.KindReject {
			kept++
		}
		return nil
	}))
	if kept != 3 {
		t.Errorf("%d rejects kept, want 3", kept)
	}
}

// TestStoppedAnywhere stops the intake again and again while a stream of taps
// comes in over all partitions; at the end each is booked once and the books
// verify.
func TestStoppedAnywhere(t *testing.T) {
	h := newHouse(t)
	const taps = 3000
	var messages []sent
	for i := range taps {
		m := tap(h.ride(uint32(i)))
		m.partition = int32(i) % partitions
		messages = append(messages, m)
		if i%20 == 0 {
			messages = append(messages, m)
		}
	}
	h.send(messages...)
	// Each round stops once the books have grown, so the stop falls somewhere
	// else each time.
	for round := range ledger.Fen(8) {
		stop := h.start("test")
		for h.balance("operator:bus") < round*10_000 {
			if err := t.Context().Err(); err != nil {
				t.Fatal(err)
			}
		}
		h.must(stop())
	}
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": taps * 80, "float:own": -taps * 80})
	_, err := verify.Books(t.Context(), h.ledger, nil, func(f verify.Fault) { t.Error(f) })
	h.must(err)
}

// TestNewerOwner leases a stream from under an intake: it commits no more under
// its old lease, drops what it has, joins the group again and goes on; every tap is
// booked once.
func TestNewerOwner(t *testing.T) {
	h := newHouse(t)
	stop := h.start("first")
	h.send(tap(h.ride(1)))
	h.cleared()
	before, err := h.ledger.Lease(t.Context(), "taps/0", "thief", 0)
	h.must(err)
	h.send(tap(h.ride(2)), tap(h.ride(3)))
	h.cleared()
	h.must(stop())
	after, err := h.ledger.Stream(t.Context(), "taps/0")
	h.must(err)
	if after.Epoch <= before.Epoch {
		t.Errorf("the stream is at epoch %d after the thief's %d: it was committed under an old lease", after.Epoch, before.Epoch)
	}
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 240})
}

// TestTwoProcesses lets two intakes share the partitions while taps come in, ends
// one of them in the middle and starts a third: partitions move, every tap is
// booked once.
func TestTwoProcesses(t *testing.T) {
	h := newHouse(t)
	var messages []sent
	const taps = 6000
	for i := range taps {
		m := tap(h.ride(uint32(i)))
		m.partition = int32(i) % partitions
		messages = append(messages, m)
	}
	stopFirst, stopSecond := h.start("first"), h.start("second")
	h.send(messages[:taps/3]...)
	h.cleared()
	h.send(messages[taps/3 : 2*taps/3]...)
	h.must(stopFirst())
	stopThird := h.start("third")
	h.send(messages[2*taps/3:]...)
	h.cleared()
	h.must(stopSecond())
	h.must(stopThird())
	h.wantBalances(map[string]ledger.Fen{"operator:bus": taps * 80, "float:own": -taps * 80})
	_, err := verify.Books(t.Context(), h.ledger, nil, func(f verify.Fault) { t.Error(f) })
	h.must(err)
}

// TestTopicMadeAnew deletes and recreates an input topic: its positions mean
// nothing any more, so the intake refuses to start.
func TestTopicMadeAnew(t *testing.T) {
	h := newHouse(t)
	h.send(tap(h.ride(1)))
	h.clear()
	admin := kadm.NewClient(h.client)
	_, err := admin.DeleteTopic(t.Context(), message.TopicTaps)
	h.must(err)
	h.must(topics.Layout{Partitions: partitions}.Ensure(t.Context(), h.client, topics.All()...))
	var wrong *intake.TopicError
	if err := h.intake("test").Run(t.Context()); !errors.As(err, &wrong) || wrong.Topic != message.TopicTaps {
		t.Errorf("the intake ended with %v, want a TopicError of taps", err)
	}
}

// TestDayCloses closes the day while taps come in: every batch is wholly in one
// day, and all are booked.
func TestDayCloses(t *testing.T) {
	h := newHouse(t)
	var messages []sent
	for i := range 1000 {
		m := tap(h.ride(uint32(i)))
		m.partition = int32(i) % partitions
		messages = append(messages, m)
	}
	h.send(messages...)
	stop := h.start("test")
	for h.balance("operator:bus") == 0 {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	h.must(h.ledger.CloseDay(t.Context(), today, today.Next()))
	h.cleared()
	h.must(stop())
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 80_000})
	_, err := verify.Books(t.Context(), h.ledger, nil, func(f verify.Fault) { t.Error(f) })
	h.must(err)
}

// TestPayeeFrozen freezes the operator's account: what its riders paid waits in
// suspense, and flows again when the account is free.
func TestPayeeFrozen(t *testing.T) {
	h := newHouse(t)
	h.send(tap(h.ride(1)))
	h.clear()
	h.must(h.ledger.MarkAccount(t.Context(), "operator:bus", ledger.Marks{Frozen: true}, clearingtest.Approved()))
	h.send(tap(h.ride(2)))
	h.clear()
	h.must(h.ledger.MarkAccount(t.Context(), "operator:bus", ledger.Marks{}, clearingtest.Approved()))
	h.send(tap(h.ride(3)))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 160, "suspense:payee_closed": 80, "float:own": -240})
}

// TestPoison sends what could stop a consumer: text that a database refuses,
// lists and records longer than the ledger takes, keys that do not fit. Each is
// rejected and kept, and the good record behind it is booked.
func TestPoison(t *testing.T) {
	h := newHouse(t)
	nul := claim("with\x00nul", clearingtest.Worker)
	long := claim(strings.Repeat("九", 11), clearingtest.Worker)
	hospital := claim("s", clearingtest.Worker)
	hospital.Hospital = "h\x00"
	list := &message.PensionBatch{Batch: "b", Month: "202601", Payday: "20260105"}
	for range 60_000 {
		list.Lines = append(list.Lines, &message.PensionLine{Person: []byte{1}, AmountFen: 1})
	}
	name := &message.PensionBatch{Batch: strings.Repeat("b", 70_000), Month: "202601", Payday: "20260105"}
	padded := append(clearingtest.Encode(h.ride(1)), append([]byte{0xFA, 0x7F, 0x80, 0x80, 0x06}, make([]byte, 98_304)...)...)
	h.send(
		request(nul), request(long), request(hospital), request(claim("good", clearingtest.Worker)),
		sent{message.TopicPensionBatches, 0, clearingtest.Encode(list)}, sent{message.TopicPensionBatches, 0, clearingtest.Encode(name)},
		sent{message.TopicPensionBatches, 0, clearingtest.Encode(&message.PensionBatch{
			Batch: "good", Month: "202601", Payday: "20260105",
			Lines: []*message.PensionLine{{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: 300_000}},
		})},
		sent{message.TopicTaps, 0, padded}, tap(h.ride(2)),
	)
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 80, chart.PensionPayout: 300_000})
	if h.balance("hospital:h1") == 0 {
		t.Error("the good claim was not settled")
	}
	kept := 0
	h.must(h.ledger.ScanMemos(t.Context(), today, today, func(row ledger.Row) error {
		if row.Kind == docket.KindReject && row.Reason != "invalid_field" {
			t.Errorf("rejected as %s", row.Reason)
		}
		if row.Kind == docket.KindReject && !identity.IsFurtherPiece(row.ID) {
			kept++
		}
		return nil
	}))
	if kept != 6 {
		t.Errorf("%d rejects kept, want 6", kept)
	}
}

// TestManyLists sends more pension lines in one batch of records than the ledger
// takes at once: they are committed record by record.
func TestManyLists(t *testing.T) {
	h := newHouse(t)
	for part := range 3 {
		list := &message.PensionBatch{Batch: fmt.Sprint(part), Month: "202601", Payday: "20260105"}
		for i := range 20_000 {
			list.Lines = append(list.Lines, &message.PensionLine{Person: []byte{byte(part), byte(i), byte(i >> 8)}, AmountFen: 1})
		}
		h.send(sent{message.TopicPensionBatches, 0, clearingtest.Encode(list)})
	}
	h.clear()
	kept := 0
	h.must(h.ledger.ScanMemos(t.Context(), today, today, func(ledger.Row) error {
		kept++
		return nil
	}))
	if kept != 60_000 {
		t.Errorf("%d rejects kept, want 60000", kept)
	}
}

// TestCleared publishes what was cleared and nothing else, once in order, with
// the card as a token; what was published leaves the queue.
func TestCleared(t *testing.T) {
	h := newHouse(t)
	bad := h.ride(9)
	bad.Debit.Tac[0] ^= 1
	lost := h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.Unlisted, Sequence: 1, Fen: 80, At: noon(5)})
	h.send(tap(h.ride(1)), tap(h.ride(1)), tap(bad), tap(lost), tap(h.ride(2)))
	stop := h.start("test")
	h.cleared()
	records := h.read(message.TopicCleared, 2)
	waiting := 1
	for waiting > 0 {
		h.must(h.ledger.Pool().QueryRow(t.Context(), "SELECT count(*) FROM outbound WHERE topic = 'cleared'").Scan(&waiting))
	}
	h.must(stop())
	if len(records) != 2 {
		t.Fatalf("%d records published, want 2", len(records))
	}
	token := h.town.Keys.Held().CardTokens().Token(clearingtest.CardID(clearingtest.Card))
	for i, record := range records {
		var cleared message.Cleared
		h.must(proto.Unmarshal(record.Value, &cleared))
		if string(cleared.GetCardToken()) != string(token[:]) || string(record.Key) != string(token[:]) || cleared.GetAmountFen() != 80 ||
			cleared.GetPurpose() != "bus" || cleared.GetDay() != today.String() {
			t.Errorf("record %d is %v", i, &cleared)
		}
		if strings.Contains(string(record.Value), string(clearingtest.Hex(clearingtest.Card))) {
			t.Errorf("record %d names the card", i)
		}
		if position := binary.BigEndian.Uint64(record.Headers[2].Value); i > 0 && position <= binary.BigEndian.Uint64(records[i-1].Headers[2].Value) {
			t.Errorf("record %d is at position %d, not after the one before", i, position)
		}
	}
}

// TestDaySealed closes and seals a day while the intake is idle: the next tap is
// booked in the day after, and the intake goes on.
func TestDaySealed(t *testing.T) {
	h := newHouse(t)
	stop := h.start("test")
	h.send(tap(h.ride(1)))
	h.cleared()
	h.must(h.ledger.CloseDay(t.Context(), today, today.Next()))
	h.must(h.ledger.EndDay(t.Context(), today))
	signer := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	ledgertest.Pin(t, h.ledger, signer)
	_, err := h.ledger.SealDay(t.Context(), today, signer)
	h.must(err)
	h.send(tap(h.ride(2)))
	h.cleared()
	h.must(stop())
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 160})
}

// TestTransactions sends taps in a Kafka transaction that is taken back and in one
// that stands: the first were never sent, and the markers hold nothing up.
func TestTransactions(t *testing.T) {
	kafka := kafkatest.Start(t)
	h := newHouseOn(t, kafka.Addr)
	producer, err := broker.Connect(t.Context(), kafka.Addr, 10*time.Second, slog.New(slog.DiscardHandler),
		kgo.TransactionalID("test"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	h.must(err)
	defer producer.Close()
	for sequence, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		h.must(producer.BeginTransaction())
		h.must(producer.ProduceSync(t.Context(), &kgo.Record{Topic: message.TopicTaps, Value: tap(h.ride(uint32(sequence))).value}).FirstErr())
		h.must(producer.EndTransaction(t.Context(), end))
	}
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 80})
}

package intake_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/broker"
	"citycard/broker/kafkatest"
	"citycard/clearing/clearingtest"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/ledger"
)

// change puts registry files in force on top of what is.
func (h *house) change(files map[string]string) {
	h.Helper()
	store := registry.NewStore(h.ledger.Pool())
	latest, err := store.Latest(h.Context())
	h.must(err)
	var base *index.Edition
	if latest > 0 {
		base, err = store.Load(h.Context())
		h.must(err)
	}
	draft, err := registry.Read(clearingtest.WriteFiles(h, files), base)
	h.must(err)
	if base == nil {
		h.must(store.Found(h.Context(), draft, ledger.Approval{First: "founder", At: noon(5)}))
		return
	}
	content, err := store.Keep(h.Context(), draft)
	h.must(err)
	h.must(store.Approve(h.Context(), content, ledger.Approval{First: "ann", Second: "bob", Reason: "a test", At: noon(5)}))
}

// await waits until a version is published, and reads what both topics hold then.
func (h *house) await(version int64) map[string][]*kgo.Record {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), awaitLimit)
	defer cancel()
	for done := int64(0); done < version; {
		h.must(h.ledger.Pool().QueryRow(ctx, "SELECT coalesce(max(sequence), 0) FROM pumps WHERE stream = $1", intake.RegistryStream).Scan(&done))
	}
	return map[string][]*kgo.Record{message.TopicHotlist: h.committed(message.TopicHotlist), message.TopicRegistry: h.committed(message.TopicRegistry)}
}

// committed reads all of a topic but what was taken back.
func (h *house) committed(topic string) (records []*kgo.Record) {
	h.Helper()
	ends, err := kadm.NewClient(h.client).ListEndOffsets(h.Context(), topic)
	h.must(err)
	end, _ := ends.Lookup(topic, 0)
	reader, err := broker.Connect(h.Context(), h.kafka, 10*time.Second, slog.New(slog.DiscardHandler),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	h.must(err)
	defer reader.Close()
	ctx, cancel := context.WithTimeout(h.Context(), awaitLimit)
	defer cancel()
	for next := int64(0); next < end.Offset; {
		fetches := reader.PollFetches(ctx)
		h.must(fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			if next = r.Offset + 1; !r.Attrs.IsControl() {
				records = append(records, r)
			}
		})
	}
	return records
}

// last is what compaction leaves of records: the last of each key.
func last(records []*kgo.Record) map[string]*kgo.Record {
	left := map[string]*kgo.Record{}
	for _, r := range records {
		left[string(r.Key)] = r
	}
	return left
}

func numbered(r *kgo.Record, header string) uint64 {
	for _, h := range r.Headers {
		if h.Key == header {
			return binary.BigEndian.Uint64(h.Value)
		}
	}
	return 1 << 63
}

func (h *house) entry(r *kgo.Record) *message.RegistryEntry {
	h.Helper()
	var m message.RegistryEntry
	if r == nil {
		h.Fatal("no such key is published")
	}
	h.must(proto.Unmarshal(r.Value, &m))
	return &m
}

func registryFiles() map[string]string {
	files := clearingtest.Files()
	listOtherCity(files)
	files["hotlist.csv"] = hotlistHeader + clearingtest.Card + ",lost,20260105120000,\n"
	return files
}

const (
	hotlistHeader   = "card,reason,effective_from,effective_to\n"
	terminalsHeader = "terminal,operator,mode,line,station,effective_from,effective_to\n"
)

// TestPublish founds a registry and changes it: each key's last record is all that
// the registry says of it, under the version, and nobody's card or money is told.
func TestPublish(t *testing.T) {
	h := newHouse(t)
	h.change(registryFiles())
	stop := h.start("test")
	h.hotlistAt(1)
	first := h.await(1)
	if hot, rest := len(first[message.TopicHotlist]), len(first[message.TopicRegistry]); hot != 1 || rest != 2+2+2+1+1 {
		h.Errorf("%d and %d records are published, want 1 card and 8 others", hot, rest)
	}
	h.change(map[string]string{
		"terminals.csv": terminalsHeader + clearingtest.BusValidator + ",bus,bus,9,,20260201,\n",
		"hotlist.csv":   hotlistHeader + clearingtest.Card + ",lost,20260105120000,20260106000000\n" + clearingtest.Card + ",stolen,20260107000000,\n",
	})
	h.hotlistAt(2)
	second := h.await(2)
	h.must(stop())
	left := last(second[message.TopicRegistry])
	bus := h.entry(left["terminals:"+string(clearingtest.Hex(clearingtest.BusValidator))])
	if rows := bus.GetRows(); bus.GetVersion() != 2 || len(rows) != 2 || rows[0].Columns["line"] != "1" || rows[1].Columns["line"] != "9" || rows[1].Columns["effective_from"] != "20260201" {
		h.Errorf("the terminal that moved reads %v", bus)
	}
	if metro := h.entry(left["operators:metro"]); metro.GetVersion() != 1 || metro.GetRows()[0].Columns["name_en"] != "Metro" {
		h.Errorf("the operator reads %v", metro)
	}
	var card message.HotlistEntry
	hot := last(second[message.TopicHotlist])[string(clearingtest.Hex(clearingtest.Card)[2:])]
	h.must(proto.Unmarshal(hot.Value, &card))
	if rows := card.GetRows(); card.GetVersion() != 2 || len(rows) != 2 || rows[0].GetTo() != "20260106000000" || rows[1].GetFrom() != "20260107000000" || rows[1].GetReason() != "stolen" {
		h.Errorf("the card reads %v", &card)
	}
	if at, sequence := numbered(hot, intake.HeaderPosition), numbered(hot, intake.HeaderSequence); sequence != 2 || at != 0 {
		h.Errorf("the card is row %d of version %d, want row 0 of 2", at, sequence)
	}
	for _, r := range append(second[message.TopicRegistry], second[message.TopicHotlist]...) {
		if bytes.Contains(r.Value, clearingtest.Hex(clearingtest.OtherCard)) || bytes.Contains(r.Value, []byte(clearingtest.Worker)) {
			h.Errorf("%q tells of a card or person: %x", r.Key, r.Value)
		}
	}

	// Started again, it sends nothing; with its memory gone, all of it again as it is.
	stop = h.start("again")
	h.cleared()
	if again := h.await(2); len(again[message.TopicRegistry]) != len(second[message.TopicRegistry]) {
		h.Errorf("%d records after a restart, were %d", len(again[message.TopicRegistry]), len(second[message.TopicRegistry]))
	}
	_, err := h.ledger.Pool().Exec(h.Context(), "DELETE FROM pumps WHERE stream = $1", intake.RegistryStream)
	h.must(err)
	whole := h.await(2)
	h.must(stop())
	for key, r := range last(whole[message.TopicRegistry]) {
		if was := h.entry(left[key]); len(h.entry(r).GetRows()) != len(was.GetRows()) || h.entry(r).GetVersion() != 2 {
			h.Errorf("%q reads %v, was %v", key, h.entry(r), was)
		}
	}
}

// TestPublishFences stops an owner in the middle of publishing: the one that comes after
// it publishes a newer version, and nothing that the first one had under way is ever
// read behind it. On Apache Kafka, whose word it is.
func TestPublishFences(t *testing.T) {
	h := newHouseOn(t, kafkatest.Start(t).Addr)
	h.change(registryFiles())
	stopped, err := broker.Connect(t.Context(), h.kafka, 10*time.Second, slog.New(slog.DiscardHandler), kgo.TransactionalID(intake.RegistryProducer))
	h.must(err)
	defer stopped.Close()
	old := &kgo.Record{Topic: message.TopicRegistry, Key: []byte("operators:bus"), Value: []byte("old")}
	h.must(stopped.BeginTransaction())
	h.must(stopped.ProduceSync(t.Context(), old).FirstErr())

	stop := h.start("next")
	h.await(1)
	h.must(stop())
	if err := stopped.EndTransaction(t.Context(), kgo.TryCommit); err == nil {
		t.Error("the owner that was stopped could commit")
	}
	if err := stopped.BeginTransaction(); err == nil {
		again := &kgo.Record{Topic: message.TopicRegistry, Key: old.Key, Value: old.Value}
		if err := stopped.ProduceSync(t.Context(), again).FirstErr(); err == nil {
			t.Error("the owner that was stopped goes on sending")
		}
	}
	bus := h.entry(last(h.committed(message.TopicRegistry))["operators:bus"])
	if bus.GetVersion() != 1 || bus.GetRows()[0].Columns["mode"] != "bus" {
		t.Errorf("the operator reads %v", bus)
	}
}

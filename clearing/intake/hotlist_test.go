package intake_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/clearingtest"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/ledger"
)

const boundsHeader = "list,few,grow_percent,shrink_percent,share_percent,effective_from,effective_to\n"

// listed are rows of a hotlist for cards of a range of numbers.
func listed(from, to int) string {
	var rows strings.Builder
	rows.WriteString(hotlistHeader)
	for n := from; n < to; n++ {
		rows.WriteString("031050709999" + strconv.Itoa(10_000_000+n) + ",lost,20260105120000,\n")
	}
	return rows.String()
}

// refused is the hotlist that the intake refuses, nil for none.
func (h *house) refused() *intake.RefusedHotlist {
	h.intakes.Lock()
	defer h.intakes.Unlock()
	return h.intakes.running[0].RefusedHotlist()
}

// hotlistAt waits until the hotlist of a version is published.
func (h *house) hotlistAt(version int64) {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), awaitLimit)
	defer cancel()
	store := registry.NewStore(h.ledger.Pool())
	for done := int64(0); done < version; {
		var err error
		done, err = store.PublishedHotlist(ctx)
		h.must(err)
	}
}

// signed wants the topic hotlist to be what was signed last.
func (h *house) signed(version int64, cards int, decided bool) {
	h.Helper()
	holds := last(h.committed(message.TopicHotlist))
	p, err := message.OpenPublication(message.PublicOf(h.signer.Key), message.TopicHotlist, holds[message.PublicationKey].Value)
	h.must(err)
	delete(holds, message.PublicationKey)
	sum := message.NewHotlistHash()
	for _, key := range slices.Sorted(maps.Keys(holds)) {
		entry := new(message.HotlistEntry)
		h.must(proto.Unmarshal(holds[key].Value, entry))
		sum.Add(entry)
	}
	if p.GetVersion() != version || p.GetRecords() != int64(cards) || len(holds) != cards || !bytes.Equal(p.GetHash(), sum.Sum()) || p.GetDecided() != decided {
		h.Errorf("%d cards are published, and signed is %v; want %d of version %d", len(holds), p, cards, version)
	}
}

// TestHotlistOutsideItsBounds: a hotlist that grows too much is not published until two people have
// decided it, other kinds are, and the decision is good for that one list.
func TestHotlistOutsideItsBounds(t *testing.T) {
	h := newHouse(t)
	h.signer = &message.Signer{Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	files := clearingtest.Files()
	files["hotlist.csv"] = listed(0, 5)
	files["list_bounds.csv"] = boundsHeader + "hotlist,5,20,20,1000,20260101,\n"
	h.change(files)
	stop := h.start("test")
	h.hotlistAt(1)
	h.change(map[string]string{"hotlist.csv": listed(5, 11), "terminals.csv": terminalsHeader + clearingtest.BusValidator + ",bus,bus,9,,20260201,\n"})
	if records := h.await(2); len(last(records[message.TopicHotlist]))-1 != 5 {
		t.Fatalf("%d cards are published, want the 5 of before", len(last(records[message.TopicHotlist]))-1)
	}
	h.signed(1, 5, false)
	store := registry.NewStore(h.ledger.Pool())
	at, _ := index.ParseMoment("20260201000000")
	step, err := store.HotlistStep(t.Context(), 1, 2, at)
	h.must(err)
	if step.Check() == nil || step.Before != 5 || step.Named != 11 || step.Added != 6 {
		t.Errorf("the step is %+v", step)
	}
	// A decision about another step changes nothing.
	override := func(after, version string) {
		h.must(h.ledger.Change(t.Context(), "test", func(tx pgx.Tx) error {
			return ledger.Approve(t.Context(), tx, registry.ActPublish, `{"after":`+after+`,"version":`+version+`}`, ledger.Approval{First: "ann", Second: "bob", Reason: "a test", At: noon(5)})
		}))
	}
	override("0", "2")
	h.change(map[string]string{"terminals.csv": terminalsHeader + clearingtest.BusValidator + ",bus,bus,10,,20260301,\n"})
	if records := h.await(3); len(last(records[message.TopicHotlist]))-1 != 5 {
		t.Fatal("a decision about another step published the list")
	}
	override("1", "2")
	h.hotlistAt(2)
	if n := len(last(h.committed(message.TopicHotlist))) - 1; n != 11 {
		t.Errorf("%d cards are published, want 11", n)
	}
	h.signed(2, 11, true)
	// A few cards are within the bounds; emptying the list is not.
	h.change(map[string]string{"hotlist.csv": listed(11, 16)})
	h.hotlistAt(4)
	h.signed(4, 16, false)
	h.change(map[string]string{"hotlist.csv": strings.ReplaceAll(listed(0, 16), ",\n", ",20260105120001\n")})
	h.await(5)
	h.must(stop())
	if done, err := store.PublishedHotlist(t.Context()); err != nil || done != 4 {
		t.Errorf("the hotlist of version %d is published, %v, want that of 4", done, err)
	}
}

// registered are rows of cards of a range of numbers.
func registered(from, to int) string {
	var rows strings.Builder
	rows.WriteString("card,issuer,type,status,effective_from,expires\n")
	for n := from; n < to; n++ {
		rows.WriteString("031050709999" + strconv.Itoa(10_000_000+n) + "," + clearingtest.Issuer + ",01,active,20200101,20401231\n")
	}
	return rows.String()
}

// TestHotlistCountsTheBooksCards: the cards that come with a list count at once, not only when the
// process has read the registry again, as it never does here.
func TestHotlistCountsTheBooksCards(t *testing.T) {
	h := newHouse(t)
	files := clearingtest.Files()
	files["list_bounds.csv"] = boundsHeader + "hotlist,1,1000,1000,10,20260101,\n"
	h.change(files)
	h.change(map[string]string{"cards.csv": registered(0, 60), "hotlist.csv": listed(0, 6)})
	stop := h.start("test")
	h.hotlistAt(2)
	h.must(stop())
}

// TestHotlistIsJudgedAgain: a list that is refused is published when time brings it within its
// bounds.
func TestHotlistIsJudgedAgain(t *testing.T) {
	h := newHouse(t)
	var ahead atomic.Int64
	h.metrics = intake.NewMetrics(prometheus.NewRegistry(), func() time.Time { return noon(5).Add(time.Duration(ahead.Load())) })
	files := clearingtest.Files()
	files["hotlist.csv"] = listed(0, 5)
	files["list_bounds.csv"] = boundsHeader + "hotlist,5,20,20,1000,20260101,\n"
	h.change(files)
	stop := h.start("test")
	h.hotlistAt(1)
	h.change(map[string]string{"hotlist.csv": strings.Replace(listed(5, 11), ",\n", ",20260105120030\n", 1)})
	for h.refused() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	ahead.Store(int64(time.Minute))
	h.hotlistAt(2)
	h.must(stop())
}

// TestHotlistBringsNoBounds: a list is held against the bounds that there were before it.
func TestHotlistBringsNoBounds(t *testing.T) {
	h := newHouse(t)
	files := clearingtest.Files()
	files["hotlist.csv"] = listed(0, 5)
	files["list_bounds.csv"] = boundsHeader + "hotlist,5,20,20,1000,20260101,\n"
	h.change(files)
	wide := boundsHeader + "hotlist,5,1000,20,1000,20260102,\n"
	h.change(map[string]string{"hotlist.csv": listed(5, 11), "list_bounds.csv": wide})
	h.change(map[string]string{"hotlist.csv": listed(11, 12)})
	store := registry.NewStore(h.ledger.Pool())
	at, _ := index.ParseMoment("20260201000000")
	for _, version := range []int64{2, 3} {
		step, err := store.HotlistStep(t.Context(), 1, version, at)
		h.must(err)
		if step.Check() == nil {
			t.Errorf("version %d is within the bounds that it brings", version)
		}
	}
	// Once the list is published, the bounds hold; and the founding has none before it.
	for after, version := range map[int64]int64{2: 3, 0: 1} {
		step, err := store.HotlistStep(t.Context(), after, version, at)
		h.must(err)
		if why := step.Check(); why != nil {
			t.Errorf("version %d after %d: %v", version, after, why)
		}
	}
	p, err := store.HotlistPublication(t.Context(), 2, at)
	h.must(err)
	if p.GetGrowPercent() != 20 {
		t.Errorf("terminals are told that the list may grow by %d percent", p.GetGrowPercent())
	}
}

// TestHotlistIsFinished: a list that was cut off between two pages is finished, although the next
// one is refused.
func TestHotlistIsFinished(t *testing.T) {
	cluster := newCluster(t, filepath.Join(t.TempDir(), "kafka"), 0)
	h := newHouseOn(t, cluster.ListenAddrs()[0])
	h.signer = &message.Signer{Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	files := clearingtest.Files()
	files["hotlist.csv"] = listed(0, 5)
	files["list_bounds.csv"] = boundsHeader + "hotlist,1500,20,20,1000,20260101,\n"
	h.change(files)
	stop := h.start("test")
	h.hotlistAt(1)
	h.must(stop())
	h.change(map[string]string{"hotlist.csv": listed(5, 1205)})
	var page atomic.Bool // the first one is sent
	cluster.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		page.Store(true)
		return nil, nil, false
	})
	fault := cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: message.TopicHotlist, Err: kerr.NotEnoughReplicas, Count: -1,
		When: func(kmsg.Request) bool { return page.Load() },
	})
	stop = h.start("test")
	ctx, cancel := context.WithTimeout(t.Context(), awaitLimit)
	defer cancel()
	h.must(fault.Wait(ctx, 1))
	if n := len(last(h.committed(message.TopicHotlist))) - 1; n != 5+1000 {
		t.Fatalf("%d cards are published, want those of before and one page", n)
	}
	h.must(stop())
	fault.Remove()
	h.change(map[string]string{"hotlist.csv": listed(1205, 3000)})
	stop = h.start("test")
	h.hotlistAt(2)
	h.must(stop())
	h.signed(2, 1205, false)
}

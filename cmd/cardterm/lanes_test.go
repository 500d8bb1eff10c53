package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/broker/kafkatest"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/simulators/pcscd"
	"citycard/simulators/vcard"
	"citycard/terminals/reader"
)

// recoverLimit is how long an agent may take to serve cards again.
const recoverLimit = 5 * time.Second

// T is a test or a benchmark.
type T = testing.TB

// hall is an agent with several lanes. Lane N has the two slots of reader N: one for cards, one for
// its SAM.
type hall struct {
	T
	store  *keys.Store
	daemon *pcscd.Daemon
	broker *kfake.Cluster
	pages  string
	data   string
	sams   []*vcard.Slot
	words  *said
	cmd    *exec.Cmd
	binary string // of the program, where not the test's own is to be measured
}

// newHall starts pcscd with a number of readers, and a broker.
func newHall(t testing.TB, readers int) *hall {
	t.Helper()
	h := &hall{T: t, store: keys.GenerateTest(7), pages: kafkatest.FreeAddress(t), data: filepath.Join(t.TempDir(), "data")}
	h.begin(readers)
	var err error
	h.broker, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicTaps, message.TopicFares, message.TopicHotlist, message.TopicIntents, message.TopicTapsUnconfirmed))
	must(t, err)
	t.Cleanup(h.broker.Close)
	return h
}

// begin starts a pcscd with a number of readers, with a SAM in each of them.
func (h *hall) begin(readers int) {
	h.Helper()
	if os.Geteuid() != 0 {
		h.Skip("a private pcscd, which alone may be ended by a test, needs root on Linux")
	}
	ctx, cancel := context.WithTimeout(h.Context(), time.Minute)
	defer cancel()
	d, err := pcscd.StartPrivate(ctx, slog.New(slog.DiscardHandler), readers)
	must(h.T, err)
	h.Cleanup(func() { must(h.T, d.Close()) })
	for _, setting := range d.Environment() {
		name, value, _ := strings.Cut(setting, "=")
		h.Setenv(name, value)
	}
	h.daemon = d
	h.sams = nil
	for i := range readers {
		h.sams = append(h.sams, h.sam(i))
	}
}

func (h *hall) sam(i int) *vcard.Slot {
	h.Helper()
	slot := vcard.NewSlot(h.daemon.Slots[2*i+1])
	must(h.T, slot.Insert(h.Context(), chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 0, byte(i)}, h.store.SAMKeys())))
	return slot
}

func (h *hall) slot(i int) *vcard.Slot { return vcard.NewSlot(h.daemon.Slots[2*i]) }

const gateFares = `{"version":"test-1","effectiveFrom":"20200101000000","maximumFen":100000,"metroStations":1,"metroClass":"AA==","metroLimitMinutes":240,` +
	`"fares":[{"cardType":3,"prices":[{"metroFen":[200],"bus":[{"line":1,"fen":0}]}]}]}`

// start starts the agent with lanes.
func (h *hall) start(args ...string) {
	h.Helper()
	fares := filepath.Join(h.TempDir(), "fares.json")
	must(h.T, os.WriteFile(fares, []byte(gateFares), 0o600))
	h.words = &said{}
	h.cmd = command(h.T, append(args, "--role", "gate", "--fares", fares, "--unsigned", "--kafka", strings.Join(h.broker.ListenAddrs(), ","), "--data", h.data, "--ops", h.pages)...)
	h.cmd.Stderr = h.words
	if h.binary != "" {
		h.cmd.Path = h.binary
	}
	must(h.T, h.cmd.Start())
}

// laneN is the flag of lane N.
func laneN(i int, more string) string {
	return fmt.Sprintf("name=gate-%d,reader=%s,sam=%s%s", i, slotName(i, 0), slotName(i, 1), more)
}

// slotName is what pcscd calls a slot of a reader.
func slotName(reader, slot int) string {
	if reader == 0 {
		return fmt.Sprintf("Virtual PCD 00 0%d", slot)
	}
	return fmt.Sprintf("Virtual PCD %d 00 0%d", reader+1, slot)
}

func (h *hall) await(limit time.Duration, words ...string) {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), limit)
	defer cancel()
	h.words.await(ctx, h.T, words...)
}

// awaitTimes waits until a number of lines have the words.
func (h *hall) awaitTimes(n int, limit time.Duration, words ...string) {
	h.Helper()
	for end := time.Now().Add(limit); len(h.words.with(words...)) < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			h.Fatalf("%d lines with %q, want %d:\n%s", len(h.words.with(words...)), words, n, h.words.all())
		}
	}
}

func (h *hall) stop() {
	h.Helper()
	must(h.T, h.cmd.Process.Signal(syscall.SIGTERM))
	if err := h.cmd.Wait(); err != nil {
		h.Errorf("it was stopped and ends with %v:\n%s", err, h.words.all())
	}
}

func (h *hall) page(path string) string {
	h.Helper()
	request, err := http.NewRequestWithContext(h.Context(), http.MethodGet, "http://"+h.pages+path, nil)
	must(h.T, err)
	answer, err := http.DefaultClient.Do(request)
	must(h.T, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(h.T, err)
	return string(text)
}

// awaitMetric waits until a line is on the pages, which an agent has a moment after it has begun.
func (h *hall) awaitMetric(line string) {
	h.Helper()
	for end := time.Now().Add(recoverLimit); !strings.Contains(metricsAt(h.Context(), h.pages), "\n"+line+"\n"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			h.Fatalf("the pages lack %s", line)
		}
	}
}

// taps reads a number of taps from Kafka, and returns their terminals.
func (h *hall) taps(n int) map[byte]int {
	h.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(h.broker.ListenAddrs()...), kgo.ConsumeTopics(message.TopicTaps), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	must(h.T, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(h.Context(), 30*time.Second)
	defer cancel()
	terminals := map[byte]int{}
	for got := 0; got < n; {
		fetches := client.PollFetches(ctx)
		must(h.T, fetches.Err())
		for _, r := range fetches.Records() {
			tap := new(message.Tap)
			must(h.T, proto.Unmarshal(r.Value, tap))
			terminals[tap.GetDebit().GetTerminal()[5]]++
			got++
		}
	}
	return terminals
}

// TestFourLanes: an agent serves four lanes at once, each with a SAM, an outbox and metrics of its
// own. The lane without a SAM is out of service and the others are not; once the SAM is there it
// serves too.
func TestFourLanes(t *testing.T) {
	h := newHall(t, 4)
	must(t, h.sams[3].Remove())
	lanes := []map[string]any{}
	for i := range 4 {
		lane := map[string]any{"name": fmt.Sprintf("gate-%d", i), "reader": slotName(i, 0), "sam": slotName(i, 1), "station": 1}
		if i == 1 {
			lane["role"] = "validator"
		}
		lanes = append(lanes, lane)
	}
	content, err := json.Marshal(map[string]any{"lanes": lanes})
	must(t, err)
	file := filepath.Join(t.TempDir(), "lanes.json")
	must(t, os.WriteFile(file, content, 0o600))
	h.start("--lanes", file)
	h.await(30*time.Second, `msg="out of service"`, "lane=gate-3", "no card in the reader", "passenger=")
	for i := range 3 {
		h.await(30*time.Second, `msg="in service"`, fmt.Sprintf("lane=gate-%d", i))
		must(t, h.slot(i).Insert(t.Context(), personalised(t, h.store)))
	}
	for i := range 3 {
		h.await(30*time.Second, "msg=paid", fmt.Sprintf("lane=gate-%d", i))
	}
	if page := h.page("/readyz"); !strings.Contains(page, `"lane gate-3":"SAM: no card`) || !strings.Contains(page, `"lane gate-0":"ok"`) {
		t.Errorf("readiness of the lanes: %s", page)
	}
	h.sam(3)
	h.await(recoverLimit, `msg="in service again"`, "lane=gate-3")
	must(t, h.slot(3).Insert(t.Context(), personalised(t, h.store)))
	h.await(30*time.Second, "msg=paid", "lane=gate-3")
	if terminals := h.taps(4); len(terminals) != 4 {
		t.Errorf("taps of terminals %v, want one of each", terminals)
	}
	for i := range 4 {
		for _, want := range []string{`cardterm_taps_total{lane="gate-%d",outcome="paid"} 1`, `cardterm_lane_serving{lane="gate-%d"} 1`, `cardterm_outbox_waiting{lane="gate-%d"} 0`} {
			h.awaitMetric(fmt.Sprintf(want, i))
		}
		if segments, err := filepath.Glob(filepath.Join(h.data, "lanes", fmt.Sprintf("gate-%d", i), "outbox", "*.log")); err != nil || len(segments) != 1 {
			t.Errorf("outbox of lane %d: %q, %v", i, segments, err)
		}
	}
	h.stop()
}

// TestReaderLess: pcscd is started again with a reader less, and then with all. Each time every
// lane whose reader is there serves again in time, and the other says what is missing.
func TestReaderLess(t *testing.T) {
	h := newHall(t, 2)
	h.start("--repeat", "0s", "--lane", laneN(0, ""), "--lane", laneN(1, ""))
	h.awaitTimes(2, 30*time.Second, `msg="in service"`)
	must(t, h.daemon.Close())
	h.awaitTimes(2, recoverLimit, `msg="out of service"`, "no smart card service")
	h.begin(1)
	h.await(recoverLimit, `msg="in service again"`, "lane=gate-0")
	h.await(recoverLimit, `msg="out of service"`, "lane=gate-1", "no reader is called")
	must(t, h.slot(0).Insert(t.Context(), personalised(t, h.store)))
	h.await(recoverLimit, "msg=paid", "lane=gate-0")
	must(t, h.daemon.Close())
	h.awaitTimes(2, recoverLimit, `msg="out of service"`, "lane=gate-0")
	h.begin(2)
	h.awaitTimes(2, recoverLimit, `msg="in service again"`, "lane=gate-0")
	h.await(recoverLimit, `msg="in service again"`, "lane=gate-1")
	for i := range 2 {
		must(t, h.slot(i).Insert(t.Context(), personalised(t, h.store)))
	}
	h.awaitTimes(2, recoverLimit, "msg=paid", "lane=gate-0")
	h.await(recoverLimit, "msg=paid", "lane=gate-1")
	h.taps(3)
	h.stop()
}

// TestOneReaderTwoLanes: of two lanes whose readers' names fit the same reader one serves, and the
// other says why it does not. It serves once the first one lets the reader go.
func TestOneReaderTwoLanes(t *testing.T) {
	h := newHall(t, 2)
	part := fmt.Sprintf("name=gate-1,reader=PCD 00 00,sam=%s", slotName(1, 1))
	h.start("--lane", laneN(0, ""), "--lane", part)
	h.await(30*time.Second, `msg="in service"`)
	h.await(30*time.Second, `msg="out of service"`, "another lane or SAM has this reader")
	first, second := 0, 1
	if len(h.words.with(`msg="in service"`, "lane=gate-1")) > 0 {
		first, second = 1, 0
	}
	if n := len(h.words.with(`msg="in service"`)); n != 1 {
		t.Errorf("%d lanes serve one reader", n)
	}
	must(t, h.sams[first].Remove())
	h.await(3*recoverLimit, `msg="in service again"`, fmt.Sprintf("lane=gate-%d", second))
	must(t, h.slot(0).Insert(t.Context(), personalised(t, h.store)))
	h.await(recoverLimit, "msg=paid", fmt.Sprintf("lane=gate-%d", second))
	h.stop()
}

// TestNameOfTwoReaders: a lane whose reader's name fits two is out of service while both are there.
func TestNameOfTwoReaders(t *testing.T) {
	h := newHall(t, 2)
	h.start("--lane", fmt.Sprintf("name=gate-0,reader=00 00,sam=%s", slotName(0, 1)))
	h.await(30*time.Second, `msg="out of service"`, "is a part of", slotName(0, 0), slotName(1, 0))
	must(t, h.daemon.Close())
	h.await(recoverLimit, "no smart card service")
	h.begin(1)
	h.await(recoverLimit, `msg="in service again"`, "lane=gate-0")
	h.stop()
}

// TestCardOfAnotherProgram: a card that another program holds, and resets, is served once that
// program lets it go, without being taken out.
func TestCardOfAnotherProgram(t *testing.T) {
	h := newHall(t, 1)
	other := reader.Observe()
	defer func() { must(t, other.Close()) }()
	rd, err := other.Open(t.Context(), "00 00")
	must(t, err)
	card := personalised(t, h.store)
	must(t, h.slot(0).Insert(t.Context(), card))
	held, err := rd.WaitCard(t.Context())
	must(t, err)
	h.start("--lane", laneN(0, ""))
	h.await(30*time.Second, "card not served yet", "lane=gate-0", "in use by another program", "passenger=")
	must(t, held.Close())
	h.await(recoverLimit, "msg=paid")
	if n := len(h.words.with("card not served yet")); n != 1 {
		t.Errorf("it is said %d times that another program holds the card", n)
	}
	h.stop()
	must(t, rd.Close())
	if log := card.Describe().Transit.Log; len(log) != 1 {
		t.Errorf("the card paid %d times", len(log))
	}
}

// silent is a card that takes a command and does not answer, until it is taken out.
type silent struct{ *chip.Chip }

func (silent) Transmit(ctx context.Context, _ []byte) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestDriverStalls: while the driver of a lane's reader waits for a card that does not answer, the
// lane says so; once the card is out it serves again.
func TestDriverStalls(t *testing.T) {
	h := newHall(t, 1)
	h.start("--lane", laneN(0, ""))
	h.await(30*time.Second, `msg="in service"`)
	slot := h.slot(0)
	must(t, slot.Insert(t.Context(), silent{chip.NewTransit(1)}))
	h.await(2*recoverLimit, `msg="out of service"`, "driver does not answer", "passenger=")
	must(t, slot.Remove())
	h.await(recoverLimit, `msg="in service again"`)
	must(t, slot.Insert(t.Context(), personalised(t, h.store)))
	h.await(recoverLimit, "msg=paid")
	h.stop()
}

// TestSpareSAM: the SAM of a lane is pulled, and one of the same place takes over; a lane elsewhere
// does not get it.
func TestSpareSAM(t *testing.T) {
	h := newHall(t, 3)
	h.start("--lane", laneN(0, ""), "--lane", laneN(1, ",operator=2"), "--spare-sam", "sam="+slotName(2, 1))
	h.awaitTimes(2, 30*time.Second, `msg="in service"`)
	must(t, h.sams[1].Remove())
	h.await(recoverLimit, `msg="out of service"`, "lane=gate-1", "SAM")
	must(t, h.sams[0].Remove())
	h.await(recoverLimit, "a spare SAM takes the place", "lane=gate-0")
	h.await(recoverLimit, `msg="in service again"`, "lane=gate-0")
	must(t, h.slot(0).Insert(t.Context(), personalised(t, h.store)))
	h.await(recoverLimit, "msg=paid", "lane=gate-0")
	if terminals := h.taps(1); terminals[2] != 1 {
		t.Errorf("taps of terminals %v, want one of the spare SAM", terminals)
	}
	if len(h.words.with("in service again", "lane=gate-1")) > 0 {
		t.Error("a lane of another operator took the spare SAM")
	}
	h.stop()
}

// TestLaneFaults: settings that cannot be are refused with their place and what was expected.
func TestLaneFaults(t *testing.T) {
	common, spare := laneFlags{role: roleGate, place: anyPlace()}, spareFlags{}
	for content, want := range map[string]string{
		`[]`:                                   "the file: [, want an object",
		`{"lanes":[]}`:                         "lanes: there is none",
		`{"lanes":[{"name":"a","sam":"s"}]} x`: "want its end",
		`{"lanes":[{"name":"a"}]}`:             "lanes[0]: no SAM",
		`{"lanes":[{"name":"a","sam":"s","colour":"green"}]}`:                    "lanes[0]: colour: there is no such setting; there are: ",
		`{"lanes":[{"name":"a","sam":"s"},{"name":"b","sam":"s","line":"one"}]}`: `lanes[1]: line: "one", want a value such as "1"`,
		`{"lanes":[{"name":"a","sam":"s","line":true}]}`:                         "lanes[0].line: true, want a text or a number",
		`{"lanes":[{"name":"a","name":"b","sam":"s"}]}`:                          "lanes[0]: name stands there twice",
		`{"lanes":[{"name":"a b","sam":"s"}]}`:                                   `name: "a b", want 1 to 32 letters`,
		`{"lanes":[{"name":"a","sam":"s","direction":"sideways"}]}`:              `direction: "sideways", want in or out`,
		`{"lanes":[{"name":"a","sam":"s","line":70000}]}`:                        "70000, want at most 65535",
		`{"lanes":[{"name":"a","sam":"s","role":"bouncer"}]}`:                    `role: "bouncer", want watch`,
		`{"lanes":[{"name":"a","sam":"s"}],"spare_sams":[{"line":1}]}`:           "spare_sams[0]: sam: it is missing",
		`{"lanes":[{"name":"a","sam":"s"}],"spares":[]}`:                         "spares: there is no such member",
		`{"lanes":[{"name":"a","sam":"s"`:                                        "not JSON",
	} {
		if _, _, err := parseLanes([]byte(content), common, spare); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
	lanes, spares, err := parseLanes([]byte(`{"lanes":[{"name":"a","reader":"x, y","sam":"s","line":3,"direction":"out"}],"spare_sams":[{"sam":"t","line":3}]}`), common, spare)
	must(t, err)
	if l := lanes[0]; len(lanes) != 1 || l.reader != "x, y" || l.place.line != 3 || l.place.direction != "out" || l.place.station != 1 || spares[0] != (spareFlags{sam: "t", line: 3}) {
		t.Errorf("read %+v, %+v", lanes, spares)
	}
	two := func(change func(*laneFlags)) []laneFlags {
		a, b := laneFlags{name: "a", reader: "1"}, laneFlags{name: "b", reader: "2"}
		change(&b)
		return []laneFlags{a, b}
	}
	for want, lanes := range map[string][]laneFlags{
		"two lanes are called":    two(func(l *laneFlags) { l.name = "a" }),
		"reader: it is missing":   two(func(l *laneFlags) { l.reader = "" }),
		"of lane a and of lane b": two(func(l *laneFlags) { l.module.reader = "1" }),
		"it is that of lane a":    {{name: "a", reader: "1", module: moduleFlags{terminal: "491010000001"}}, {name: "b", reader: "2", module: moduleFlags{terminal: "491010000001"}}},
	} {
		if err := together(lanes, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, text := range []string{"name", "=x", "name=a,,"} {
		if _, err := pairsOf(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// awaitCard waits until pcscd has seen a card in every slot.
func awaitCard(t testing.TB, h *hall) {
	t.Helper()
	readers := reader.Observe()
	defer func() { must(t, readers.Close()) }()
	for {
		view, changed, err := readers.View(h.Context())
		must(t, err)
		if !slices.ContainsFunc(view.Slots, func(s reader.Slot) bool { return !s.Card() }) && len(view.Slots) > 0 {
			return
		}
		<-changed
	}
}

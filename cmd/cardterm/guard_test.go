package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/terminals/counter"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
	"citycard/terminals/sam"
	"citycard/terminals/tariff"
)

// newBus is a validator of a ride that costs 1.50 yuan, with its outbox at a path.
func newBus(t *testing.T, path string, l *lane) *lane {
	t.Helper()
	store, _ := keyFile(t)
	psam := chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 0, 1}, store.SAMKeys())
	psam.PowerOn()
	module, err := sam.Open(t.Context(), psam)
	must(t, err)
	fares, err := tariff.Of(busFares("test-1", "20200101000000", 1, 150))
	must(t, err)
	l.shared, l.log = &shared{zone: time.UTC}, slog.New(slog.DiscardHandler)
	l.settings = laneFlags{name: "bus", role: roleValidator, place: anyPlace(), notice: noticeFlags{lowBalance: yuanValue{fen: 500}, expiryDays: 30}}
	l.taps = newTapCounter(prometheus.NewRegistry()).MustCurryWith(prometheus.Labels{"lane": "bus"})
	l.out, err = outbox.Open(path)
	must(t, err)
	l.book, err = intent.Open(l.out, l.settings.place.passages(roleValidator))
	must(t, err)
	l.role, err = l.settings.place.role(roleValidator, module, fares, nil, nil, l.intend)
	must(t, err)
	return l
}

// funded is a card with ten yuan.
func funded(t *testing.T) *chip.Chip {
	t.Helper()
	store, _ := keyFile(t)
	card := personalised(t, store)
	_, err := counter.TopUp(t.Context(), card, authority{store}, counter.Load{Order: "1", Channel: "counter", Amount: 1000, Terminal: [6]byte{0x49, 0x10, 0x30, 0, 0, 1}, At: time.Now()})
	must(t, err)
	return card
}

// TestRepeatGuard: a card that is held to the reader again within the time is not charged again and
// its result is shown again, also by an agent that was started in between, for a minute; after the
// time it is charged. Without a guard it is charged each time.
func TestRepeatGuard(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox")
	l := newBus(t, path, &lane{guard: guard{within: 5 * time.Second}})
	card, at := funded(t), time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	tap := func(after time.Duration, paid int, outcome string) {
		t.Helper()
		card.PowerOn()
		must(t, l.take(t.Context(), card, at.Add(after)))
		if n := len(card.Describe().Transit.Log); n != paid+1 { // the load is one
			t.Errorf("after %v the card has paid %d times, want %d", after, n-1, paid)
		}
		if counted(t, l, outcome) == 0 {
			t.Errorf("after %v it is not %s", after, outcome)
		}
	}
	tap(0, 1, "paid")
	tap(4*time.Second, 1, "repeated")
	must(t, l.book.Close())
	must(t, l.out.Close())
	l = newBus(t, path, &lane{guard: guard{within: 5 * time.Second}})
	records, err := l.out.Recent()
	must(t, err)
	must(t, l.guard.recall(records, at.Add(6*time.Second)))
	tap(7*time.Second, 1, "repeated") // started again after the time: it may be in the reader still
	tap(59*time.Second, 1, "repeated")
	tap(60*time.Second, 2, "paid")
	tap(65*time.Second, 3, "paid")
	l.guard = guard{}
	tap(65*time.Second, 4, "paid")
	must(t, l.out.Close())
}

// slow is a card that is long in paying, by the lane's clock.
type slow struct {
	apdu.Card
	wait func()
}

func (s slow) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if command[0] == 0x80 && command[1] == 0x54 {
		s.wait()
	}
	return s.Card.Transmit(ctx, command)
}

// TestLateResult: a passenger who waits too long for the result goes to the next door of the bus,
// which knows that the card has paid, for a minute. One who was told at once may pay there for
// somebody else.
func TestLateResult(t *testing.T) {
	front, back := newBus(t, filepath.Join(t.TempDir(), "outbox"), &lane{guard: guard{within: 5 * time.Second}}), newBus(t, filepath.Join(t.TempDir(), "outbox"), &lane{guard: guard{within: 5 * time.Second}})
	unguarded := newBus(t, filepath.Join(t.TempDir(), "outbox"), &lane{})
	var clock time.Time
	for _, l := range []*lane{front, back, unguarded} {
		l.clock = func() time.Time { return clock }
	}
	join([]*guard{&front.guard, &back.guard, &unguarded.guard})
	card, at := funded(t), time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	tap := func(l *lane, held apdu.Card, after time.Duration, paid int) {
		t.Helper()
		card.PowerOn()
		must(t, l.take(t.Context(), held, at.Add(after)))
		if n := len(card.Describe().Transit.Log) - 1; n != paid { // the load is one
			t.Errorf("after %v the card has paid %d times, want %d", after, n, paid)
		}
	}
	tap(front, card, 0, 1)
	tap(back, card, time.Second, 2)
	tap(front, slow{card, func() { clock = clock.Add(longestWait) }}, 10*time.Second, 3)
	tap(back, card, 20*time.Second, 3)
	tap(front, card, 69*time.Second, 3)
	tap(back, card, 70*time.Second, 4)
	tap(unguarded, card, 71*time.Second, 5)
	for _, l := range []*lane{front, back, unguarded} {
		must(t, l.out.Close())
	}
}

// TestDisplay: who connects to the socket reads what passengers should see, with the number
// masked; a display that reads nothing keeps no lane waiting, and what it misses is counted.
func TestDisplay(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	d, err := startDisplay(t.Context(), toSocket+socket, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	must(t, err)
	conn, err := net.Dial("unix", socket)
	must(t, err)
	defer conn.Close() //nolint:errcheck // the test ends
	for connected := false; !connected; time.Sleep(time.Millisecond) {
		d.mu.Lock()
		connected = len(d.readers) == 1
		d.mu.Unlock()
	}
	l := newBus(t, filepath.Join(t.TempDir(), "outbox"), &lane{guard: guard{within: 5 * time.Second}})
	l.display = d
	card, at := funded(t), time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	lines := bufio.NewScanner(conn)
	want := func(after time.Duration, text string) {
		t.Helper()
		card.PowerOn()
		must(t, l.take(t.Context(), card, at.Add(after)))
		if !lines.Scan() || !strings.Contains(lines.Text(), text) || strings.Contains(lines.Text(), "03105070200000000012") {
			t.Errorf("a display reads %s, want %s", lines.Text(), text)
		}
		if err := json.Unmarshal(lines.Bytes(), new(shown)); err != nil {
			t.Error(err)
		}
	}
	want(0, `"lane":"bus","outcome":"paid","sound":1,"card":"****0012","amount_fen":150,"balance_fen":850,"movement":"single","expiry":"20991231","text":"paid 1.50, balance 8.50","text_zh":"已扣款 1.50 元，余额 8.50 元"}`)
	want(time.Second, `"outcome":"repeated","sound":5,"card":"****0012","amount_fen":150,"balance_fen":850`)
	want(10*time.Second, `"balance_fen":700`)
	want(20*time.Second, `"balance_fen":550`)
	want(30*time.Second, `"sound":2,"card":"****0012","amount_fen":150,"balance_fen":400,"movement":"single","expiry":"20991231","warning":"low_balance","text":"paid 1.50, balance 4.00: please load the card","text_zh":"已扣款 1.50 元，余额 4.00 元，请充值"}`)
	want(40*time.Second, `"balance_fen":250`)
	want(50*time.Second, `"balance_fen":100`)
	want(60*time.Second, `"outcome":"short","sound":3,"card":"****0012","expiry":"20991231","text":"the balance does not suffice: please load the card","text_zh":"余额不足，请充值"}`)
	for range 100_000 { // more than the socket and the queue hold
		d.show(shown{Lane: "bus"})
	}
	var m dto.Metric
	must(t, d.dropped.Write(&m))
	if m.GetCounter().GetValue() == 0 {
		t.Error("no line was left out of a display that does not read")
	}
	must(t, conn.Close())
	must(t, d.Close(t.Context()))
	must(t, l.out.Close())
}

// TestOutboxIsCarried: what waits in a lane is exported beside the agent that has it open, and
// imported into another lane and again: these are the very records, with the same keys, so that
// clearing counts each once. A file with a wrong byte gives nothing.
func TestOutboxIsCarried(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "a", "lanes", "gate-1", "outbox"), filepath.Join(dir, "b", "lanes", "gate-2", "outbox")
	out, err := outbox.Open(from)
	must(t, err)
	defer func() { must(t, out.Close()) }()
	for i := range byte(10) {
		must(t, out.Append(outbox.Record{Topic: message.TopicTaps, Key: []byte("card"), Value: []byte{i}},
			outbox.Record{Topic: message.TopicIntents, Key: []byte("intent"), Value: []byte{i}}))
	}
	other, err := outbox.Open(to)
	must(t, err)
	must(t, other.Close())
	file := filepath.Join(dir, "carried")
	if text := string(output(t, "outbox", "list", "--json", "--data", filepath.Join(dir, "a"))); !strings.Contains(text, `[{"lane":"gate-1","waiting":20,"sent":0,"open":0}]`) {
		t.Errorf("list: %s", text)
	}
	if text := string(output(t, "outbox", "export", "--data", filepath.Join(dir, "a"), "--lane", "gate-1", file)); !strings.Contains(text, "exported: 20 records of lane gate-1") {
		t.Errorf("export: %s", text)
	}
	for range 2 {
		if text := string(output(t, "outbox", "import", "--data", filepath.Join(dir, "b"), "--lane", "gate-2", file)); !strings.Contains(text, "imported: 10 records of lane gate-1") || !strings.Contains(text, "left out: 10") {
			t.Errorf("import: %s", text)
		}
	}
	n := 0
	_, err = outbox.Look(to, func(r outbox.Record) error {
		if r.Topic != message.TopicTaps || string(r.Key) != "card" || string(r.Value) != string([]byte{byte(n % 10)}) {
			t.Errorf("record %d is %+v", n, r)
		}
		n++
		return nil
	})
	if err != nil || n != 20 {
		t.Errorf("%d records, %v", n, err)
	}
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicTaps))
	must(t, err)
	defer brokers.Close()
	if text := string(output(t, "outbox", "import", "--kafka", strings.Join(brokers.ListenAddrs(), ","), file)); !strings.Contains(text, "imported: 10 records of lane gate-1") {
		t.Errorf("import: %s", text)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers.ListenAddrs()...), kgo.ConsumeTopics(message.TopicTaps), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	must(t, err)
	defer client.Close()
	for n := 0; n < 10; {
		fetches := client.PollFetches(t.Context())
		must(t, fetches.Err())
		for _, r := range fetches.Records() {
			if string(r.Key) != "card" || string(r.Value) != string([]byte{byte(n)}) {
				t.Errorf("record %d in Kafka is %q, %x", n, r.Key, r.Value)
			}
			n++
		}
	}
	for _, test := range []struct {
		want string
		args []string
	}{
		{"is there already", []string{"export", "--data", filepath.Join(dir, "a"), "--lane", "gate-1", file}},
		{"in use", []string{"import", "--data", filepath.Join(dir, "a"), "--lane", "gate-1", file}},
		{"no lane", []string{"export", "--data", filepath.Join(dir, "a"), "--lane", "gate-9", file + "2"}},
		{"the brokers do not answer", []string{"import", "--kafka", "127.0.0.1:1", file}},
		{"where to?", []string{"import", file}},
		{"not an export", []string{"import", "--data", filepath.Join(dir, "b"), "--lane", "gate-2", filepath.Join(from, "lock")}},
	} {
		cmd := command(t, append([]string{"outbox"}, test.args...)...)
		answer, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(answer), test.want) {
			t.Errorf("%v: %v, %s", test.args, err, answer)
		}
	}
}

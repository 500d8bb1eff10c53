package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/simulators/pcscd/pcscdtest"
	"citycard/simulators/vcard"
	"citycard/terminals/card"
	"citycard/terminals/counter"
	"citycard/terminals/reader"
)

// bank is a load authority over HTTP that does what a test says; MAC2 is real.
type bank struct {
	*httptest.Server
	mu     sync.Mutex
	store  *keys.Store
	denied string // an answer of 403
	refuse string
	lose   bool           // its answers break off
	paid   map[string]int // by order: how often it was asked for
	waits  []counter.WaitingLoad
}

func newBank(t *testing.T, store *keys.Store) *bank {
	b := &bank{store: store, paid: map[string]int{}}
	b.start(t)
	return b
}

func (b *bank) start(t testing.TB) {
	b.Server = httptest.NewServer(http.HandlerFunc(b.answer))
	t.Cleanup(b.Close)
}

func (b *bank) answer(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.URL.Path == "/v1/loads/waiting" && r.Method == http.MethodGet {
		_ = json.NewEncoder(w).Encode(map[string]any{"loads": b.waits})
		return
	}
	body, err := io.ReadAll(r.Body)
	request := new(message.LoadRequest)
	if err != nil || proto.Unmarshal(body, request) != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	if b.denied != "" || r.Header.Get("Authorization") != "Bearer right" {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"error":"`+b.denied+`","message":"the request is about another unit"}`)
		return
	}
	answer := &message.LoadAnswer{Refusal: b.refuse}
	if b.refuse == "" {
		if answer, err = (authority{b.store}).AuthoriseLoad(r.Context(), request); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		b.paid[request.GetOrder()]++
	}
	b.waits = slices.DeleteFunc(b.waits, func(w counter.WaitingLoad) bool {
		return w.Order == request.GetOrder() && w.Placer == request.GetPlacer()
	})
	if b.lose {
		panic(http.ErrAbortHandler)
	}
	encoded, err := proto.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(encoded)
}

// set changes what the bank does.
func (b *bank) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

func (b *bank) orders() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.paid)
}

// shop is a counter of a test.
type shop struct {
	*testing.T
	bank *bank
	args []string
}

func newShop(t *testing.T, store *keys.Store, more ...string) *shop {
	t.Helper()
	token := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(token, []byte("right\n"), 0o600))
	b := newBank(t, store)
	return &shop{t, b, append([]string{
		"--reader", "00 00", "--data", filepath.Join(t.TempDir(), "data"), "--loads", b.URL, "--token", token,
		"--channel", "counter", "--terminal", "491030000001", "--city", "4910",
	}, more...)}
}

// gives runs a command of the counter and returns what it prints.
func (s *shop) gives(command string, args ...string) string {
	s.Helper()
	return string(output(s.T, s.typed(command, args)...))
}

// typed is a command with the shop's flags.
func (s *shop) typed(command string, args []string) []string {
	words := []string{"counter", command}
	if command == "shift" { // the flags go behind what is done with it
		words, args = append(words, args[0]), args[1:]
	}
	return append(append(words, s.args...), args...)
}

// fails runs a command that fails with an exit code, and returns what it says.
func (s *shop) fails(code int, name string, args ...string) string {
	s.Helper()
	out, err := command(s.T, s.typed(name, args)...).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != code {
		s.Fatalf("%s %v: %v: %s\nwant exit code %d", name, args, err, out, code)
	}
	return string(out)
}

// An amount that was paid is on the card in the reader, its record is with the brokers, and its
// receipt is printed; what is on the card is said in words, without what only its holder may see.
func TestCounterTopUp(t *testing.T) {
	slot := pcscdtest.Slots(t)[0]
	takeOut(t, nil)
	store := keys.GenerateTest(7)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicLoads))
	must(t, err)
	defer cluster.Close()
	paper := filepath.Join(t.TempDir(), "paper")
	must(t, os.WriteFile(paper, nil, 0o600))
	s := newShop(t, store, "--kafka", strings.Join(cluster.ListenAddrs(), ","))
	held := personalised(t, store)
	must(t, slot.Insert(t.Context(), held))
	defer takeOut(t, slot)

	if out := s.gives("top-up", "--amount", "50", "--dry-run"); !strings.Contains(out, "****0012 would get 50.00") || s.bank.orders() != 0 {
		t.Errorf("would do %s", out)
	}
	if out := s.fails(7, "top-up", "--amount", "50"); !strings.Contains(out, "give --yes") {
		t.Error(out)
	}
	var l loaded
	must(t, json.Unmarshal([]byte(s.gives("top-up", "--amount", "50", "--yes", "--json", "--printer", "device:"+paper, "--receipt-heading", "绿城通")), &l))
	if !l.Done || !l.Sent || l.Fen != 5000 || l.Balance != 5000 || l.Card != "****0012" || s.bank.orders() != 1 {
		t.Errorf("did %+v", l)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(message.TopicLoads))
	must(t, err)
	defer client.Close()
	records := client.PollRecords(t.Context(), 1).Records()
	load := new(message.Load)
	must(t, proto.Unmarshal(records[0].Value, load))
	if load.GetOrder() != l.Order || len(load.GetTac()) != 4 || string(records[0].Key) != transitOrder.Transit.Number {
		t.Errorf("record %s %v", records[0].Key, load)
	}
	receipt, err := os.ReadFile(paper)
	must(t, err)
	for _, want := range []string{"绿城通\ntop-up\n", l.Order, "****0012", "loaded: 50.00 yuan", "balance on the card: 50.00 yuan"} {
		if !strings.Contains(string(receipt), want) {
			t.Errorf("the receipt lacks %q:\n%s", want, receipt)
		}
	}
	look := s.gives("look")
	if !strings.Contains(look, "50.00 yuan") || !strings.Contains(look, "02 (load)") || strings.Contains(look, transitOrder.Transit.Number) || strings.Contains(look, "李四") {
		t.Errorf("looks like\n%s", look)
	}
}

// Receipts wait as long as the printer is away, and are printed once it is there; then once more if
// somebody asks.
func TestCounterPrinterAway(t *testing.T) {
	slot := pcscdtest.Slots(t)[0]
	takeOut(t, nil)
	store := keys.GenerateTest(7)
	s := newShop(t, store)
	must(t, slot.Insert(t.Context(), personalised(t, store)))
	defer takeOut(t, slot)
	away := []string{"--printer", "device:" + filepath.Join(t.TempDir(), "none")}
	out, err := command(t, append(append([]string{"counter", "top-up", "--amount", "10", "--yes"}, s.args...), away...)...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "has got 10.00 yuan") || !strings.Contains(string(out), "waits, the printer does not take it") {
		t.Fatalf("%v: %s", err, out)
	}
	number := strings.TrimSpace(s.gives("receipt", "--list"))
	if out := s.fails(1, "receipt", away...); !strings.Contains(out, "look at the printer") {
		t.Error(out)
	}
	if text := s.gives("receipt", "--printer", "command:cat", "--language", "zh"); text != "" || s.gives("receipt", "--list") != "" {
		t.Errorf("printed: %q; waiting: %q", text, s.gives("receipt", "--list"))
	}
	if again := s.gives("receipt", number, "--language", "zh"); !strings.Contains(again, number) || !strings.Contains(again, "充值") {
		t.Errorf("once more: %s", again)
	}
	if out := s.fails(7, "receipt", "none-1"); !strings.Contains(out, "no receipt of that number") {
		t.Error(out)
	}
}

// pulled is a card that is pulled out of a virtual reader when CREDIT FOR LOAD comes.
type pulled struct {
	*chip.Chip
	moment chip.Moment
	once   sync.Once
}

func (p *pulled) Transmit(ctx context.Context, c []byte) ([]byte, error) {
	if len(c) > 1 && c[0] == 0x80 && c[1] == 0x52 {
		p.once.Do(func() { p.LosePower(p.moment) })
	}
	return p.Chip.Transmit(ctx, c)
}

// A card that is pulled while it takes the money has it once in the end: a later run of the counter
// asks the card, and the same order again if it has to. Nothing is given back meanwhile.
func TestCounterTorn(t *testing.T) {
	store := keys.GenerateTest(7)
	for _, test := range []struct {
		moment  chip.Moment
		outcome counter.Outcome
	}{{chip.AfterCommit, counter.WasWritten}, {chip.BeforeCommit, counter.WrittenNow}} {
		t.Run(string(test.outcome), func(t *testing.T) {
			slot := pcscdtest.Slots(t)[0]
			takeOut(t, nil)
			s, held := newShop(t, store), personalised(t, store)
			must(t, slot.Insert(t.Context(), &pulled{Chip: held, moment: test.moment}))
			out := s.fails(1, "top-up", "--amount", "50", "--yes")
			if !strings.Contains(out, "is not finished") || !strings.Contains(out, "give no money back before") {
				t.Error(out)
			}
			_ = slot.Remove() // its card has gone
			takeOut(t, nil)
			held.PowerOn()
			putIn(t, slot, held)
			if out := s.fails(7, "top-up", "--amount", "10", "--yes"); !strings.Contains(out, "it comes first") {
				t.Error(out)
			}
			if list := s.gives("orders"); !strings.Contains(list, "****0012") || !strings.Contains(list, "50.00") {
				t.Error(list)
			}
			var all []resolvedOrder
			must(t, json.Unmarshal([]byte(s.gives("resolve", "--json")), &all))
			if len(all) != 1 || all[0].Outcome != test.outcome || all[0].Balance != 5000 || s.bank.orders() != 1 {
				t.Errorf("resolved %+v, %d orders", all, s.bank.orders())
			}
			if read := held.Describe().Transit; read.BalanceFen != 5000 || len(read.Log) != 1 {
				t.Errorf("card %+v", read)
			}
			if out := s.gives("resolve"); !strings.Contains(out, "nothing is open") {
				t.Error(out)
			}
			takeOut(t, slot)
		})
	}
}

// putIn puts a card in and waits until pcscd has seen it. After a card that was pulled it sometimes
// does not; then the card is put in once more.
func putIn(t *testing.T, slot *vcard.Slot, card vcard.Card) {
	t.Helper()
	for {
		must(t, slot.Insert(t.Context(), card))
		readers := reader.Observe()
		r, err := readers.Open(t.Context(), "00 00")
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		held, err := r.WaitCard(ctx)
		cancel()
		if err == nil {
			must(t, errors.Join(held.Close(), r.Close(), readers.Close()))
			return
		}
		must(t, errors.Join(r.Close(), readers.Close()))
		t.Logf("pcscd does not see the card: %v", err)
		takeOut(t, slot)
	}
}

// What does not fit is refused in one clear sentence, in both languages, and nothing is charged.
func TestCounterRefuses(t *testing.T) {
	slot := pcscdtest.Slots(t)[0]
	takeOut(t, nil)
	store := keys.GenerateTest(7)
	s, held := newShop(t, store), personalised(t, store)
	must(t, slot.Insert(t.Context(), held))
	defer takeOut(t, slot)
	for name, test := range map[string]struct {
		set  func()
		args []string
		code int
		want [2]string
	}{
		"another channel's token": {func() { s.bank.denied = "other_unit" }, nil, 7, [2]string{"the token is another channel's", "令牌属于其他渠道"}},
		"listed":                  {func() { s.bank.refuse = "card_listed" }, nil, 7, [2]string{"card_listed", "刷卡时卡在黑名单中"}},
		"another city's card":     {func() {}, []string{"--city", "4920"}, 7, [2]string{"of another city (4910)", "外地卡"}},
		"no amount":               {func() {}, []string{"--amount", "0"}, 2, [2]string{"--amount YUAN", "--amount"}},
		"no token":                {func() {}, []string{"--token", "/none"}, 2, [2]string{"--token", "--token"}},
	} {
		t.Run(name, func(t *testing.T) {
			s.bank.set(func() { s.bank.denied, s.bank.refuse = "", ""; test.set() })
			for i, language := range []string{"en", "zh"} {
				out := s.fails(test.code, "top-up", append([]string{"--amount", "50", "--yes", "--language", language}, test.args...)...)
				if !strings.Contains(out, test.want[i]) || strings.Count(strings.TrimSpace(out), "\n") > 0 {
					t.Errorf("%q\nwant one line with %q", out, test.want[i])
				}
			}
		})
	}
	s.bank.set(func() { s.bank.denied, s.bank.refuse = "", "" })
	if list := s.gives("orders", "--json"); strings.TrimSpace(list) != "[]" || held.Describe().Transit.BalanceFen != 0 {
		t.Errorf("open: %s", list)
	}
	// An answer that is lost leaves the order open, and the same order is asked for again.
	s.bank.set(func() { s.bank.lose = true })
	if out := s.fails(1, "top-up", "--amount", "50", "--yes"); !strings.Contains(out, "is not finished") {
		t.Error(out)
	}
	s.bank.set(func() { s.bank.lose = false })
	if out := s.gives("resolve"); !strings.Contains(out, "has them now") || s.bank.orders() != 1 || held.Describe().Transit.BalanceFen != 5000 {
		t.Errorf("%s; %d orders, card %+v", out, s.bank.orders(), held.Describe().Transit)
	}
}

// Money that waits for a card comes onto it once, and nobody pays for it at the counter; what the
// card has got already is not written again.
func TestCounterWritesWhatWaits(t *testing.T) {
	slot := pcscdtest.Slots(t)[0]
	takeOut(t, nil)
	store := keys.GenerateTest(7)
	s, held := newShop(t, store), personalised(t, store)
	must(t, slot.Insert(t.Context(), held))
	defer takeOut(t, slot)
	later := uint16(7)
	s.bank.set(func() {
		s.bank.waits = []counter.WaitingLoad{
			{Placer: "channel:app", Order: "W-1", State: "waiting", Fen: 2000},
			{Placer: "channel:app", Order: "W-2", State: "authorised", Fen: 3000, Sequence: &later},
		}
	})
	out := s.gives("resolve")
	if !strings.Contains(out, "order W-1: 20.00 yuan that waited") || strings.Contains(out, "W-2") || held.Describe().Transit.BalanceFen != 2000 {
		t.Errorf("%s; card %+v", out, held.Describe().Transit)
	}
	if out := s.gives("resolve"); !strings.Contains(out, "nothing is open") || held.Describe().Transit.BalanceFen != 2000 {
		t.Errorf("%s; card %+v", out, held.Describe().Transit)
	}
}

// The holder's PIN is changed on both kinds of card; one that is locked says so.
func TestCounterPIN(t *testing.T) {
	slot := pcscdtest.Slots(t)[0]
	takeOut(t, nil)
	store := keys.GenerateTest(7)
	held := personalised(t, store)
	must(t, slot.Insert(t.Context(), held))
	defer takeOut(t, slot)
	change := func(old, fresh string) (string, error) {
		cmd := command(t, "counter", "pin", "--reader", "00 00")
		cmd.Stdin = strings.NewReader(old + "\n" + fresh + "\n")
		out, err := cmd.CombinedOutput()
		return string(bytes.TrimSpace(out)), err
	}
	if out, err := change("123456", "654321"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for left := 2; left >= 0; left-- {
		if out, err := change("123456", "111111"); err == nil || !strings.Contains(out, "wrong") && !strings.Contains(out, "locked") || strings.Contains(out, "123456") {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if out, err := change("654321", "111111"); err == nil || !strings.Contains(out, "the PIN is locked") {
		t.Errorf("%v: %s", err, out)
	}
	if err := outside(t, slot, held).VerifyPIN(t.Context(), "654321"); !errors.Is(err, card.ErrPINLocked) {
		t.Error(err)
	}
	putIn(t, slot, held)
}

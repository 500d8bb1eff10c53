package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	"citycard/cardos/psam"
	"citycard/cardos/purse"
	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/simulators/pcscd/pcscdtest"
	"citycard/simulators/vcard"
	"citycard/terminals/contents"
	"citycard/terminals/counter"
	"citycard/terminals/reader"
	"citycard/terminals/sam"
)

// The tests run the program as an operator does: as a process, with a real pcscd
// and vpcd. When started by a test the binary of the test is the program.

const asProgram = "CARDTERM_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	path, err := os.Executable()
	must(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", asProgram+"=1", service.PassphraseVariable+"="+passphrase)
	return cmd
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const passphrase = "only a test"

// keyFile writes the test's key store.
func keyFile(t testing.TB) (*keys.Store, string) {
	t.Helper()
	store := keys.GenerateTest(7)
	path := filepath.Join(t.TempDir(), "keys")
	must(t, store.WithWorkFactor(10).Save(path, passphrase))
	return store, path
}

var transitOrder = counter.Order{Kind: counter.Transit, Transit: &counter.TransitOrder{
	Number: "03105070200000000012", Issuer: "99994910ffffffff", Start: "20200101", Expiry: "20991231",
	CardType: 3, Province: "4900", City: "4910", Interoperable: true, HolderName: "李四", PIN: "123456",
}}

var socialOrder = counter.Order{Kind: counter.SocialSecurity, SocialSecurity: &counter.SocialSecurityOrder{
	Region: "410100", Version: "2.00", Institution: "410100000000", Issued: "20200101", Expiry: "20991231",
	CardNumber: "A00000019", SecurityNumber: "111111198101011110", Name: "张三", Sex: "1", Nation: "01",
	Birthplace: "410100", Birthday: "19810101", PIN: "654321",
}}

// Orders go in, cards come out: one good, one that cannot be made, one good; a
// card is then read back, masked.
func TestIssueAndRead(t *testing.T) {
	_, keyPath := keyFile(t)
	slot := pcscdtest.Slots(t)[0]
	cmd := command(t, "issue", "--demo", "--keys", keyPath, "--reader", "00 00", "--wait", "10s")
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	must(t, cmd.Start())
	results := bufio.NewScanner(out)
	next := func() (r result) {
		t.Helper()
		if !results.Scan() {
			t.Fatalf("no result: %v, %s", cmd.Wait(), stderr.String())
		}
		must(t, json.Unmarshal(results.Bytes(), &r))
		return r
	}
	transit, social := chip.NewTransit(3), chip.NewSocialSecurity(4)
	encoder := json.NewEncoder(in)

	must(t, encoder.Encode(transitOrder))
	must(t, slot.Insert(t.Context(), transit))
	if r := next(); !r.OK || r.Issued == nil || r.Issued.Number != transitOrder.Transit.Number {
		t.Fatalf("transit: %+v", r)
	}
	must(t, slot.Remove())
	_, err = io.WriteString(in, "{\"kind\":\"transit\",\"colour\":\"green\"}\n")
	must(t, err)
	if r := next(); r.OK || !strings.Contains(r.Error, "colour") {
		t.Errorf("an order with an unknown field: %+v", r)
	}
	must(t, encoder.Encode(socialOrder))
	must(t, slot.Insert(t.Context(), social))
	if r := next(); !r.OK || r.Issued == nil || r.Issued.Identification != social.Describe().SocialSecurity.Identification {
		t.Fatalf("social security: %+v", r)
	}
	must(t, slot.Remove())
	must(t, in.Close())
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(stderr.String(), "orders that failed: 1") {
		t.Errorf("ended with %v, %q", err, stderr.String())
	}

	takeOut(t, nil)
	must(t, slot.Insert(t.Context(), social))
	var c contents.Contents
	must(t, json.Unmarshal(output(t, "read", "--json", "--reader", "00 00"), &c))
	if s := c.SocialSecurity; s == nil || s.Name != "张*" || s.SecurityNumber != "111111***********0" || s.Birthday != "1981****" {
		t.Errorf("read %+v", c.SocialSecurity)
	}
	takeOut(t, slot)
	must(t, slot.Insert(t.Context(), transit))
	if text := string(output(t, "read", "--reader", "00 00", "--show-person")); !strings.Contains(text, "03105070200000000012") || !strings.Contains(text, "李四") {
		t.Errorf("read %s", text)
	}
}

// takeOut takes a card out of the first slot and waits until pcscd has seen it:
// a newly started program would otherwise still find the old card.
func takeOut(t *testing.T, slot *vcard.Slot) {
	t.Helper()
	if slot != nil {
		must(t, slot.Remove())
	}
	readers := reader.Observe()
	r, err := readers.Open(t.Context(), "00 00")
	must(t, err)
	must(t, r.WaitEmpty(t.Context()))
	must(t, errors.Join(r.Close(), readers.Close()))
}

func output(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := command(t, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v: %s", args, err, stderr.String())
	}
	return b
}

// tapsOfLane runs the agent with its SAM in the second reader, holds a card to it, and returns the
// tap that arrived in Kafka and the printed text. SIGTERM ends the program in order.
func tapsOfLane(t *testing.T, slot *vcard.Slot, stdout io.Writer, args ...string) (*message.Tap, *chip.Chip) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicTaps, message.TopicFares))
	must(t, err)
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(message.TopicTaps))
	must(t, err)
	defer client.Close()
	table, err := proto.Marshal(&message.FareTable{Version: "test-1", EffectiveFrom: "20200101000000", MaximumFen: 100_000, MetroStations: 1, MetroClass: []byte{0}, MetroLimitMinutes: 240, Fares: []*message.CardFares{{CardType: 3, Prices: []*message.Prices{{MetroFen: []uint32{200}, Bus: []*message.BusFare{{Line: 1, Fen: 0}}}}}}})
	must(t, err)
	must(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: message.TopicFares, Key: []byte("test-1"), Value: table}).FirstErr())

	pages := kafkatest.FreeAddress(t)
	cmd := command(t, append(args, "--reader", "00 00", "--sam", "00 01", "--unsigned", "--kafka", strings.Join(cluster.ListenAddrs(), ","), "--data", filepath.Join(t.TempDir(), "data"), "--ops", pages)...)
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"})
	must(t, err)
	defer manager.Close()
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+manager.LocalAddr().String())
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	must(t, cmd.Start())
	card := personalised(t, keys.GenerateTest(7))
	must(t, slot.Insert(t.Context(), card))
	defer takeOut(t, slot)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	fetches := client.PollRecords(ctx, 1)
	if ctx.Err() != nil || len(fetches.Records()) != 1 {
		must(t, cmd.Process.Kill())
		t.Fatalf("no tap came: %v\n%v: %s", fetches.Err(), cmd.Wait(), stderr.String())
	}
	record := fetches.Records()[0]
	tap := new(message.Tap)
	must(t, proto.Unmarshal(record.Value, tap))
	if number := card.Describe().Transit.Number; string(record.Key) != number {
		t.Errorf("key %s, card %s", record.Key, number)
	}
	wantWatched(t, pages)
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v: %s", err, stderr.String())
	}
	must(t, manager.SetReadDeadline(time.Now().Add(time.Minute)))
	for _, want := range []string{"READY=1", "STOPPING=1"} {
		told := make([]byte, 64)
		if n, err := manager.Read(told); err != nil || string(told[:n]) != want {
			t.Errorf("told the service manager %q (%v), want %q", told[:n], err, want)
		}
	}
	return tap, card
}

// wantWatched checks that the page of a working terminal has the metrics that alerts and dashboard
// use.
func wantWatched(t *testing.T, address string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
	must(t, err)
	answer, err := http.DefaultClient.Do(request)
	must(t, err)
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	must(t, err)
	found := 0
	for _, file := range []string{"../../deploy/prometheus/citycard.rules.yml", "../../deploy/grafana/citycard.json"} {
		text, err := os.ReadFile(file)
		must(t, err)
		for _, name := range regexp.MustCompile(`\bcardterm_[a-z_]+`).FindAllString(string(text), -1) {
			if found++; !bytes.Contains(page, []byte("\n# TYPE "+name+" ")) {
				t.Errorf("%s uses %s, which /metrics does not have", file, name)
			}
		}
	}
	if found < 6 {
		t.Errorf("%d metrics are watched: the search finds too little", found)
	}
}

// A card held to a gate or a validator becomes a record in Kafka, and with --trace a dialogue in
// words; never a key, a PIN or the holder.
func TestLanesSendTaps(t *testing.T) {
	s := pcscdtest.Slots(t)
	takeOut(t, nil)
	store := keys.GenerateTest(7)
	must(t, s[1].Insert(t.Context(), chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 0, 1}, store.SAMKeys())))
	for _, lane := range []struct {
		args []string
		mode message.Mode
		want []string // printed; nothing else than nothing where empty
	}{
		{[]string{"--role", "gate"}, message.Mode_MODE_METRO, nil},
		{[]string{"--role", "gate", "--trace", "--language", "zh"}, message.Mode_MODE_METRO, []string{"T=1", "1. 选择", "复合应用消费初始化", "金额", "9000"}},
		{[]string{"--role", "validator", "--trace"}, message.Mode_MODE_BUS, []string{"T=1", "1. SELECT", "INITIALIZE FOR CAPP PURCHASE", "DEBIT", "TAC = "}},
	} {
		t.Run(strings.Join(lane.args, " "), func(t *testing.T) {
			var stdout bytes.Buffer
			tap, card := tapsOfLane(t, s[0], &stdout, lane.args...)
			read := card.Describe().Transit
			if tap.GetFareVersion() != "test-1" || tap.GetMode() != lane.mode || len(read.Log) != 1 || read.Log[0].Time != hex.EncodeToString(tap.GetDebit().GetTime()) {
				t.Errorf("tap %v, card %+v", tap, read)
			}
			text := stdout.String()
			if len(lane.want) == 0 && text != "" {
				t.Errorf("printed without --trace: %s", text)
			}
			for _, want := range lane.want {
				if !strings.Contains(text, want) {
					t.Errorf("the trace lacks %q:\n%s", want, text)
				}
			}
			if len(lane.want) > 0 && strings.Index(text, "ATR") > strings.Index(text, "1. ") {
				t.Errorf("the trace does not begin with the ATR:\n%s", text)
			}
			cardKeys := store.CardKeys(keys.CardID{Issuer: [8]byte(tap.GetDebit().GetIssuer()), ASN: [10]byte(tap.GetDebit().GetCard())})
			purchase, tac := cardKeys.Purchase(), cardKeys.TAC()
			for _, secret := range []string{hex.EncodeToString(purchase[:]), hex.EncodeToString(tac[:]), hex.EncodeToString([]byte("李四")), transitOrder.Transit.PIN} {
				if strings.Contains(strings.ToLower(text), secret) {
					t.Error("the trace holds a key, the PIN or the holder")
				}
			}
		})
	}
	// A lane goes on taking fares after the reader of its trace has gone.
	r, w, err := os.Pipe()
	must(t, err)
	must(t, r.Close())
	defer func() { must(t, w.Close()) }()
	if tap, _ := tapsOfLane(t, s[0], w, "--role", "validator", "--trace"); tap.GetMode() != message.Mode_MODE_BUS {
		t.Errorf("tap %v", tap)
	}
}

func personalised(t testing.TB, store *keys.Store) *chip.Chip {
	t.Helper()
	card := chip.NewTransit(9)
	atr := card.PowerOn()
	_, err := counter.Personalise(t.Context(), card, atr, store, transitOrder)
	must(t, err)
	return card
}

// Each refusal is one line that says what to do, and an exit code that is not 0.
func TestRefusals(t *testing.T) {
	pcscdtest.Slots(t)
	_, testKeys := keyFile(t)
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"read", "--wait", "300ms"}, "put one in"},
		{[]string{"read", "--reader", "none such"}, "Virtual PCD"},
		{[]string{"issue"}, "--keys FILE"},
		{[]string{"issue", "--keys", "/no/such/file"}, "check the path"},
		{[]string{"issue", "--keys", testKeys}, "TEST masters"},
		{[]string{"--role", "bouncer"}, "watch, gate or validator"},
		{[]string{"--role", "gate", "--sam", "00 01"}, "--kafka HOST:PORT"},
		{[]string{"--zone", "Mars/Olympus"}, "Area/City"},
		{[]string{"--role", "gate", "--sam", "00 01", "--unsigned", "--kafka", "127.0.0.1:1", "--fares", "/no/such/file", "--data", filepath.Join(t.TempDir(), "a")}, "--fares FILE"},
		{[]string{"--role", "gate", "--sam", "00 01", "--kafka", "127.0.0.1:1"}, "--publisher FILE"},
		{[]string{"--role", "gate", "--sam", "00 01", "--kafka", "127.0.0.1:1", "--publisher", "/dev/null"}, "/dev/null is no publishing key"},
		{[]string{"--no-such-flag"}, "no-such-flag"},
		{[]string{"read", "--wait", "300ms", "--language", "zh"}, "cardterm: 读卡器中没有卡片：请放入卡片（读卡器 Virtual PCD 00 00）"},
		{[]string{"read", "--reader", "none such", "--language", "zh"}, `cardterm: 没有名称含 "none such" 的读卡器；现有：Virtual PCD 00 00、Virtual PCD 00 01`},
		{[]string{"--role", "bouncer", "--language", "zh"}, `应为 watch、gate 或 validator`},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			cmd := command(t, test.args...)
			cmd.Env = append(cmd.Env, "CARDTERM_LOG_LEVEL=error")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			err := cmd.Run()
			lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
			if err == nil || len(lines) != 1 || !strings.Contains(lines[0], test.want) {
				t.Errorf("%v, %q; want one line with %q", err, stderr.String(), test.want)
			}
		})
	}
}

// The software SAM never uses a sequence number twice, whatever happens after it has given one out.
func TestSoftwareSAMCountsOnAfterACrash(t *testing.T) {
	_, keyPath := keyFile(t)
	t.Setenv(service.PassphraseVariable, passphrase)
	image := filepath.Join(t.TempDir(), "sam.img")
	flags := moduleFlags{keyFlags: keyFlags{path: keyPath, demo: true}, terminal: "491010000001"}
	var last uint32
	for range 3 {
		soft, err := flags.software(image) // each time as if the program had been killed
		must(t, err)
		for range 2 {
			n := sale(t, soft, 1)
			if n <= last {
				t.Fatalf("sequence %d after %d", n, last)
			}
			last = n
		}
	}
	// The module gets the rotated masters, and its sequence continues.
	store, err := keys.Open(keyPath, passphrase)
	must(t, err)
	store, err = store.Rotate(strings.NewReader(strings.Repeat("rotation", 100)))
	must(t, err)
	must(t, store.WithWorkFactor(10).Save(keyPath, passphrase))
	soft, err := flags.software(image)
	must(t, err)
	for _, version := range []byte{2, 1} {
		if n := sale(t, soft, version); n != last+1 {
			t.Errorf("sequence %d for version %d, want %d", n, version, last+1)
		} else {
			last = n
		}
	}
	flags.terminal = "491010000002"
	if _, err := flags.software(image); err == nil || !strings.Contains(err.Error(), "another SAM") {
		t.Errorf("another terminal: %v", err)
	}
}

// sale starts a sale with a card of a key version and returns its number.
func sale(t *testing.T, card *softModule, version byte) uint32 {
	t.Helper()
	module, err := sam.Open(t.Context(), card)
	must(t, err)
	start, err := module.Start(t.Context(), psam.Purchase{
		Type: purse.TypeCAPP, Time: [7]byte{0x20, 0x26, 0x11, 0x24, 0x08}, KeyVersion: version,
		Factors: psam.UnionFactors(keys.CardID{}),
	})
	must(t, err)
	return start.TerminalSequence
}

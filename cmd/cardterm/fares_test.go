package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
	"citycard/cardos/purse"
	"citycard/clearing/message"
	"citycard/simulators/pcscd/pcscdtest"
	"citycard/simulators/vcard"
	"citycard/terminals/counter"
)

// authority lets a key store write money.
type authority struct{ *keys.Store }

func (a authority) AuthoriseLoad(_ context.Context, r *message.LoadRequest) (*message.LoadAnswer, error) {
	mac2, err := a.Store.AuthoriseLoad(keys.LoadOrder{
		Card: keys.CardID{Issuer: [8]byte(r.GetIssuer()), ASN: [10]byte(r.GetCard())}, OldBalance: r.GetOldBalanceFen(),
		Amount: r.GetAmountFen(), Type: purse.TypeEPLoad, Terminal: [6]byte(r.GetTerminal()), Time: [7]byte(r.GetTime()),
		OnlineSequence: uint16(r.GetOnlineSequence()), Random: [4]byte(r.GetRandom()),
		KeyVersion: byte(r.GetKeyVersion()), Algorithm: byte(r.GetAlgorithm()), MAC1: keys.MAC(r.GetMac1()),
	})
	if err != nil {
		return nil, err
	}
	return &message.LoadAnswer{Mac2: mac2[:]}, nil
}

// heldCard is a card that says when the reader has let it go. A card that is taken out earlier, and
// put in again at once, may not be noticed by pcscd.
type heldCard struct {
	*chip.Chip
	released chan struct{}
}

func (c heldCard) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	select {
	case <-c.released:
	default:
	}
	return c.Chip.Transmit(ctx, command)
}

func (c heldCard) Reset() []byte {
	select {
	case c.released <- struct{}{}:
	default:
	}
	return c.Chip.Reset()
}

// fareTest is a bus validator in a real pcscd, whose broker can go away and come back.
type fareTest struct {
	*testing.T
	ctx     context.Context
	slot    *vcard.Slot
	card    heldCard
	address string // of the broker
	port    int
	data    string
	pages   string
	zone    *time.Location
	fares   []*message.FareTable // what was published, in the order in which they begin

	cluster *kfake.Cluster
	client  *kgo.Client
	cmd     *exec.Cmd
	words   *said
	paid    int // taps of the running program
}

func newFareTest(t *testing.T) *fareTest {
	t.Helper()
	slots := pcscdtest.Slots(t)
	takeOut(t, nil)
	store := keys.GenerateTest(7)
	must(t, slots[1].Insert(t.Context(), chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 0, 1}, store.SAMKeys())))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	f := &fareTest{T: t, ctx: ctx, slot: slots[0], card: heldCard{personalised(t, store), make(chan struct{}, 1)}, address: kafkatest.FreeAddress(t), pages: kafkatest.FreeAddress(t), data: filepath.Join(t.TempDir(), "data")}
	_, err := counter.TopUp(ctx, f.card.Chip, authority{store}, counter.Load{Order: "1", Channel: "counter", Amount: 90_000, Terminal: [6]byte{0x49, 0x10, 0x30, 0, 0, 1}, At: time.Now()})
	must(t, err)
	_, port, err := net.SplitHostPort(f.address)
	must(t, err)
	f.port, err = strconv.Atoi(port)
	must(t, err)
	f.zone, err = time.LoadLocation("Asia/Shanghai")
	must(t, err)
	return f
}

// broker starts a broker, without records.
func (f *fareTest) broker() {
	f.Helper()
	var err error
	f.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(f.port), kfake.SeedTopics(1, message.TopicTaps, message.TopicFares, message.TopicHotlist))
	must(f.T, err)
	f.Cleanup(f.cluster.Close)
	f.client, err = kgo.NewClient(kgo.SeedBrokers(f.address), kgo.ConsumeTopics(message.TopicTaps), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	must(f.T, err)
	f.Cleanup(f.client.Close)
}

// publish publishes a table by which a ride costs as much.
func (f *fareTest) publish(version string, begins time.Time, fen uint32) {
	f.Helper()
	table := busFares(version, begins.In(f.zone).Format("20060102150405"), 1, fen)
	value, err := proto.Marshal(table)
	must(f.T, err)
	f.fares = append(f.fares, table)
	f.record(version, value)
}

func (f *fareTest) record(key string, value []byte) {
	f.Helper()
	must(f.T, f.client.ProduceSync(f.ctx, &kgo.Record{Topic: message.TopicFares, Key: []byte(key), Value: value}).FirstErr())
}

// start starts the validator.
func (f *fareTest) start() {
	f.Helper()
	f.words, f.paid = &said{}, 0
	f.cmd = command(f.T, "--role", "validator", "--repeat", "0s", "--reader", "00 00", "--sam", "00 01", "--unsigned", "--kafka", f.address, "--data", f.data, "--ops", f.pages)
	f.cmd.Stderr = f.words
	must(f.T, f.cmd.Start())
}

// stop stops it in order.
func (f *fareTest) stop() {
	f.Helper()
	must(f.T, f.cmd.Process.Signal(syscall.SIGTERM))
	if err := f.cmd.Wait(); err != nil {
		f.Errorf("it was stopped and ends with %v:\n%s", err, f.words.all())
	}
}

func (f *fareTest) await(words ...string) {
	f.Helper()
	f.words.await(f.ctx, f.T, words...)
}

// tap holds the card to the reader until it is served, and returns what the program says of it.
func (f *fareTest) tap() string {
	f.Helper()
	must(f.T, f.slot.Insert(f.ctx, f.card))
	f.paid++
	for f.ctx.Err() == nil {
		if lines := f.words.with("msg=paid"); len(lines) == f.paid {
			select {
			case <-f.card.released:
			case <-f.ctx.Done():
				f.Fatal("the reader does not let the card go")
			}
			takeOut(f.T, f.slot)
			return lines[f.paid-1]
		}
		if refused := append(f.words.with("msg=refused"), f.words.with("outcome unknown")...); len(refused) > 0 {
			f.Fatalf("not paid: %s", refused[0])
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.Fatalf("the card is not served:\n%s", f.words.all())
	return ""
}

// wantTap holds the card to the reader and checks the price and the version.
func (f *fareTest) wantTap(fen int, version string) {
	f.Helper()
	if line := f.tap(); !strings.Contains(line, fmt.Sprintf(" fen=%d ", fen)) || !strings.HasSuffix(line, " fares="+version) {
		f.Errorf("want %d fen by %s: %s", fen, version, line)
	}
}

// tapsUntil holds the card to the reader again and again until it pays by a version.
func (f *fareTest) tapsUntil(version string) {
	f.Helper()
	for !strings.HasSuffix(f.tap(), " fares="+version) {
	}
}

// wantRecords reads as many taps as there were: each is priced by the table that holds at the
// second which the card has signed.
func (f *fareTest) wantRecords(n int) {
	f.Helper()
	for read := 0; read < n; {
		fetches := f.client.PollFetches(f.ctx)
		must(f.T, fetches.Err())
		for _, r := range fetches.Records() {
			tap := new(message.Tap)
			must(f.T, proto.Unmarshal(r.Value, tap))
			signed, due := hex.EncodeToString(tap.GetDebit().GetTime()), (*message.FareTable)(nil)
			for _, table := range f.fares {
				if table.GetEffectiveFrom() <= signed {
					due = table
				}
			}
			if fen := due.GetFares()[0].GetPrices()[0].GetBus()[0].GetFen(); tap.GetFareVersion() != due.GetVersion() || tap.GetDebit().GetAmountFen() != fen {
				f.Errorf("a tap of %s costs %d fen by %s, want %d by %s", signed, tap.GetDebit().GetAmountFen(), tap.GetFareVersion(), fen, due.GetVersion())
			}
			read++
		}
	}
}

// metric checks a line of the pages.
func (f *fareTest) metric(want string) {
	f.Helper()
	request, err := http.NewRequestWithContext(f.ctx, http.MethodGet, "http://"+f.pages+"/metrics", nil)
	must(f.T, err)
	answer, err := http.DefaultClient.Do(request)
	must(f.T, err)
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	must(f.T, err)
	if !strings.Contains(string(page), "\n"+want) {
		f.Errorf("the pages lack %q", want)
	}
}

// TestFaresChangeWhileALaneRuns: tables that are published, refused and withdrawn while a validator
// runs reach it; it changes to new prices by its clock, also while the broker is away; started
// again without a broker it works with what it has kept, and without a broker and with a damaged
// file it waits. No tap is lost, and each is priced by its signed second.
func TestFaresChangeWhileALaneRuns(t *testing.T) {
	f := newFareTest(t)
	f.broker()
	f.publish("old", time.Date(2020, 1, 1, 0, 0, 0, 0, f.zone), 100)
	f.start()
	f.await("taking fares", "version=old")
	f.wantTap(100, "old")

	far := time.Date(2099, 1, 1, 4, 0, 0, 0, f.zone)
	f.publish("far", far, 900)
	f.await("new fares are known", "next=far", `from="2099-01-01 04:00:00"`)
	f.metric(fmt.Sprintf(`cardterm_fares_next_timestamp_seconds{version="far"} %s`, strconv.FormatFloat(float64(far.Unix()), 'g', -1, 64)))
	f.record("far", nil)
	f.await("the fares that were to come are withdrawn", "version=far")
	f.fares = f.fares[:1]
	f.record("bad", []byte{0xFF})
	f.await("published fares are refused", `\"bad\"`)
	f.metric("cardterm_fares_refused_total 1")
	f.metric("cardterm_fares_read_timestamp_seconds 1")

	f.publish("new", time.Now().Add(3*time.Second), 200)
	f.tapsUntil("new")
	f.await("the fares have changed", "version=new", "before=old")
	f.metric(`cardterm_fares_info{version="new"} 1`)
	f.wantRecords(f.paid)

	f.publish("third", time.Now().Add(8*time.Second), 300)
	f.await("new fares are known", "next=third")
	kept := f.paid
	f.cluster.Close()
	f.tapsUntil("third")
	f.await("the fares have changed", "version=third", "before=new")
	f.await("the fares are not followed; the lane goes on with those it knows")
	kept = f.paid - kept
	f.stop()

	f.start()
	f.await("works with those of its last run", "version=third")
	f.await("taking fares", "version=third")
	f.wantTap(300, "third")
	if lines := f.words.with("last run"); len(lines) != 1 {
		t.Errorf("it says %d times that it works with what it has kept: %q", len(lines), lines)
	}
	kept += f.paid
	f.stop()

	file := filepath.Join(f.data, "fares")
	content, err := os.ReadFile(file)
	must(t, err)
	content[len(content)/2] ^= 1
	must(t, os.WriteFile(file, content, 0o600))
	f.start()
	f.await("the fares that were kept are not used", file, "damaged")
	f.await("waiting for fares from Kafka")
	f.broker()
	f.publish("fourth", time.Date(2021, 1, 1, 0, 0, 0, 0, f.zone), 400)
	f.await("taking fares", "version=fourth")
	f.fares = f.fares[1 : len(f.fares)-1] // those by which the taps that wait were priced
	f.wantRecords(kept)
	f.fares = []*message.FareTable{busFares("fourth", "20210101000000", 1, 400)}
	f.wantTap(400, "fourth")
	f.wantRecords(1)
	f.stop()
}

package intake_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/intake"
	"citycard/clearing/medical"
	"citycard/clearing/message"
	"citycard/clearing/pension"
	"citycard/clearing/schema"
	"citycard/clearing/topics"
	"citycard/clearing/transit"
	"citycard/clearing/transit/exits"
	"citycard/clearing/transit/load"
	"citycard/clearing/transit/unconfirmed"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		if err := runChild(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	ledgertest.Main(m)
}

const (
	today      ledger.Day = 20260105
	partitions int32      = 3
)

func noon(day int) time.Time { return time.Date(2026, 1, day, 12, 0, 0, 0, time.UTC) }

// house is a broker and a ledger with a town in it, and intakes that come and go.
type house struct {
	testing.TB
	town   *clearingtest.Town
	ledger *ledger.Ledger
	url    string // of its database
	client *kgo.Client
	kafka  string
	queue  int       // bytes above which an intake pauses; 0 for the default
	twice  *retries  // what had the ledger make an attempt again
	paid   load.Paid // the ledger's, unless a test puts itself before it

	tacs *keys.TACs // of the town's keys, unless a test gives its own

	intakes *intakes
	signer  *message.Signer // of what terminals follow; nil for none
	metrics *intake.Metrics // of the next intake, where a test looks at them

	patience time.Duration                              // of an intake; 0 for the default
	spoil    func(rules map[string]func() intake.Rules) // where a test puts itself before the rules
}

// intakes are those that were started and not yet stopped.
type intakes struct {
	sync.Mutex
	running []*running
}

// running is an intake that was started.
type running struct {
	*intake.Intake
	ended chan struct{}
	err   error // Run's, once ended is closed
}

// retries counts the further attempts of a ledger by their cause.
type retries struct {
	sync.Mutex
	causes map[string]int
}

func (r *retries) add(cause string) {
	r.Lock()
	defer r.Unlock()
	r.causes[cause]++
}

func (r *retries) of(cause string) int {
	r.Lock()
	defer r.Unlock()
	return r.causes[cause]
}

// newHouse has a broker of its own, the embedded one but for its question who one is.
func newHouse(t testing.TB) *house {
	t.Helper()
	return newHouseWith(t, nil)
}

// newHouseWith has another registry as well.
func newHouseWith(t testing.TB, edit func(files map[string]string)) *house {
	t.Helper()
	return furnish(t, newCluster(t, filepath.Join(t.TempDir(), "kafka"), 0).ListenAddrs()[0], edit)
}

// newHouseOn uses the broker at an address.
func newHouseOn(t testing.TB, kafka string) *house {
	t.Helper()
	return furnish(t, kafka, nil)
}

func furnish(t testing.TB, kafka string, edit func(files map[string]string)) *house {
	t.Helper()
	h := &house{TB: t, town: clearingtest.New(t, edit), kafka: kafka, intakes: &intakes{}, twice: &retries{causes: map[string]int{}}}
	h.url = ledgertest.New(t)
	if err := schema.Apply(t.Context(), h.url); err != nil {
		t.Fatal(err)
	}
	h.ledger = ledgertest.Connect(t, h.url, 24, ledger.WithRetryHook(h.twice.add))
	h.paid = h.ledger.Amounts
	var err error
	if h.client, err = broker.Connect(t.Context(), h.kafka, 10*time.Second, slog.New(slog.DiscardHandler),
		kgo.RecordPartitioner(kgo.ManualPartitioner())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.client.Close)
	h.must(topics.Layout{Partitions: partitions}.Ensure(t.Context(), h.client, topics.All()...))
	h.must(h.ledger.OpenDay(t.Context(), today))
	h.must(h.ledger.OpenAccounts(t.Context(), chart.Accounts(h.town.Registry.Current())))
	h.post("openings", chart.Openings(h.town.Registry.Current())...)
	h.post("receipts",
		receipt(chart.BankMedical, chart.Fund("employee"), 1_000_000),
		receipt(chart.BankPension, chart.PensionFund, 1_000_000))
	return h
}

func receipt(bank, account string, fen ledger.Fen) ledger.Transfer {
	return receiptNumber("1", bank, account, fen)
}

func receiptNumber(number, bank, account string, fen ledger.Fen) ledger.Transfer {
	return ledger.Transfer{
		Day: today, Subject: ledger.Subject(account), ID: identity.Receipt(number),
		Debit: ledger.IDOfCode(bank), Credit: ledger.IDOfCode(account), Amount: fen, Purpose: chart.PurposeReceipt,
	}
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// post books transfers in a stream of its own.
func (h *house) post(stream string, transfers ...ledger.Transfer) {
	h.Helper()
	lease, err := h.ledger.Lease(h.Context(), stream, "test", 0)
	h.must(err)
	_, err = h.ledger.Post(h.Context(), &ledger.Batch{
		Stream: stream, Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: lease.Day, Transfers: transfers,
	})
	h.must(err)
}

// rules are what is done with each input topic.
func (h *house) rules() map[string]func() intake.Rules {
	h.Helper()
	verifier := h.tacs
	if verifier == nil {
		verifier = keys.NewTACs(h.town.Keys.Held())
	}
	accounts, err := h.ledger.Accounts(h.Context())
	h.must(err)
	taps := &transit.Judge{Registry: h.town.Registry, Accounts: accounts, TACs: verifier, Rules: h.town.Rules.Transit, Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1}, Zone: time.UTC}
	loads := &load.Judge{TACs: verifier, Paid: h.paid, Written: load.WrittenIn(h.ledger), Rules: h.town.Rules.Loads}
	codes := &unconfirmed.Codes{Ledger: h.ledger}
	all := map[string]func() intake.Rules{
		message.TopicTaps: func() intake.Rules { return intake.Taps(taps, codes, h.town.Keys.Held().CardTokens()) },
		message.TopicTapsUnconfirmed: func() intake.Rules {
			return intake.UnconfirmedTaps(&unconfirmed.Judge{Registry: h.town.Registry})
		},
		message.TopicExitTickets: func() intake.Rules { return intake.ExitTickets(&exits.Judge{Registry: h.town.Registry}) },
		message.TopicLoads:       func() intake.Rules { return intake.Loads(loads, h.town.Keys.Held().CardTokens()) },
		message.TopicMedicalRequests: func() intake.Rules {
			return intake.MedicalRequests(&medical.Judge{People: h.town.Registry, Rules: h.town.Rules.Medical, Holdings: h.ledger.Holdings})
		},
		message.TopicPensionBatches: func() intake.Rules {
			return intake.PensionBatches(&pension.Judge{People: h.town.Registry, Rules: h.town.Rules.Pension, Booked: h.ledger.Amounts})
		},
		message.TopicPensionResults: func() intake.Rules {
			return intake.PensionResults(&pension.Judge{People: h.town.Registry, Booked: h.ledger.Amounts})
		},
	}
	if h.spoil != nil {
		h.spoil(all)
	}
	return all
}

// intake makes an intake; small batches, so that a test has several.
func (h *house) intake(owner string) *intake.Intake {
	h.Helper()
	metrics := h.metrics
	if metrics == nil {
		metrics = intake.NewMetrics(prometheus.NewRegistry(), time.Now)
	}
	in, err := intake.New(h.ledger, h.kafka, h.rules(),
		intake.Settings{
			BatchRecords: 50, BatchWait: time.Millisecond, QueueBytes: h.queue, Owner: owner, Patience: h.patience,
			Topics: topics.Layout{Partitions: partitions}, Registry: h.town.Registry, Signer: h.signer,
		},
		metrics, slog.New(slog.DiscardHandler))
	h.must(err)
	return in
}

// start runs an intake; the returned function stops it and gives Run's error.
func (h *house) start(owner string) (stop func() error) {
	h.Helper()
	ctx, cancel := context.WithCancel(h.Context())
	r := &running{Intake: h.intake(owner), ended: make(chan struct{})}
	h.intakes.Lock()
	h.intakes.running = append(h.intakes.running, r)
	h.intakes.Unlock()
	go func() {
		r.err = r.Run(ctx)
		close(r.ended)
	}()
	return func() error {
		h.intakes.Lock()
		h.intakes.running = slices.DeleteFunc(h.intakes.running, func(other *running) bool { return other == r })
		h.intakes.Unlock()
		cancel()
		<-r.ended
		return r.err
	}
}

// clear runs an intake until everything sent so far is in the books.
func (h *house) clear() {
	h.Helper()
	stop := h.start("test")
	h.cleared()
	h.must(stop())
}

// awaitLimit is how long records may take on a busy machine.
const awaitLimit = 2 * time.Minute

// cleared waits until everything sent so far is in the books. Where an intake ends before, or the
// time is up, the test fails and says why.
func (h *house) cleared() {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), awaitLimit)
	defer cancel()
	h.intakes.Lock()
	all := slices.Clone(h.intakes.running)
	h.intakes.Unlock()
	for _, r := range all {
		go func() {
			select {
			case <-r.ended:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	err := intake.Await(ctx, h.client, h.ledger, nil)
	if err == nil {
		return
	}
	for _, r := range all {
		select {
		case <-r.ended:
			err = errors.Join(err, fmt.Errorf("an intake ended: %w", r.err))
		default:
			err = errors.Join(err, r.Ready(h.Context()))
		}
	}
	h.Fatalf("not cleared: %v", err)
}

// sent is one message for a partition.
type sent struct {
	topic     string
	partition int32
	value     []byte
}

func (h *house) send(messages ...sent) {
	h.Helper()
	records := make([]*kgo.Record, len(messages))
	for i, m := range messages {
		records[i] = &kgo.Record{Topic: m.topic, Partition: m.partition, Key: []byte(strconv.Itoa(i)), Value: m.value}
	}
	h.must(h.client.ProduceSync(h.Context(), records...).FirstErr())
}

// balance is credits less debits.
func (h *house) balance(code string) ledger.Fen {
	h.Helper()
	sums, err := h.ledger.Balance(h.Context(), code)
	h.must(err)
	return sums.Credits - sums.Debits
}

func (h *house) wantBalances(want map[string]ledger.Fen) {
	h.Helper()
	for code, fen := range want {
		if got := h.balance(code); got != fen {
			h.Errorf("%s holds %d fen, want %d", code, got, fen)
		}
	}
}

// wantLookedUpFirst says that no batch ran its transaction twice to look keys up.
func (h *house) wantLookedUpFirst() {
	h.Helper()
	if n := h.twice.of("look-up"); n != 0 {
		h.Errorf("%d transactions ran twice to look keys up, want none", n)
	}
}

// read fetches n records of a topic that the pump sent. An intake that is stopped between
// sending and remembering it sends again, so what was seen before is dropped.
func (h *house) read(topic string, n int) []*kgo.Record {
	h.Helper()
	reader, err := broker.Connect(h.Context(), h.kafka, 10*time.Second, slog.New(slog.DiscardHandler),
		kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	h.must(err)
	defer reader.Close()
	var records []*kgo.Record
	seen := map[string]bool{}
	ctx, cancel := context.WithTimeout(h.Context(), awaitLimit)
	defer cancel()
	for len(records) < n {
		fetches := reader.PollFetches(ctx)
		for _, e := range fetches.Errors() {
			h.Fatalf("%d records of %s, want %d: %v", len(records), topic, n, e.Err)
		}
		for _, r := range fetches.Records() {
			if place := fmt.Sprint(r.Headers); !seen[place] {
				seen[place] = true
				records = append(records, r)
			}
		}
	}
	return records
}

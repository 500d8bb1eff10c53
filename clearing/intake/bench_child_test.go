package intake_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"

	"citycard/cardos/keys"
	"citycard/clearing/clearingtest"
	"citycard/clearing/intake"
	"citycard/clearing/medical"
	"citycard/clearing/message"
	"citycard/clearing/pension"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/rules"
	"citycard/clearing/topics"
	"citycard/clearing/transit"
	"citycard/clearing/transit/exits"
	"citycard/clearing/transit/load"
	"citycard/clearing/transit/unconfirmed"
	"citycard/ledger"
)

// childVariable turns the test binary into a process of the benchmark.
const childVariable = "CITYCARD_BENCH_CHILD"

const (
	roleBroker   = "broker"
	roleClearing = "clearing"
)

// child says what such a process does.
type child struct {
	Role, Dir, Kafka, Database, Profiles string
}

// cleared is what the clearing process says at its end.
type cleared struct {
	PeakMB  float64            // most that was resident while it drained
	CPU     float64            // seconds of user and system, from its beginning to its end
	HeapMB  float64            // live at the end
	Seconds map[string]float64 // of all partitions' batches, by phase
	Batches float64
}

// process is a child at work.
type process struct {
	b     *testing.B
	said  string // its first line
	in    io.WriteCloser
	lines *bufio.Scanner
	cmd   *exec.Cmd
	ended bool
}

// startChild starts one and waits for its first line.
func startChild(b *testing.B, c child) *process {
	b.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		b.Fatal(err)
	}
	p := &process{b: b, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		p.in, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if !p.ended {
			p.finish()
		}
	})
	p.lines = bufio.NewScanner(out)
	p.said = p.line()
	return p
}

func (p *process) line() string {
	p.b.Helper()
	if !p.lines.Scan() {
		p.b.Fatalf("the %s process says no more", p.cmd.Env[len(p.cmd.Env)-1])
	}
	return p.lines.Text()
}

func (p *process) say(word string) {
	p.b.Helper()
	if _, err := fmt.Fprintln(p.in, word); err != nil {
		p.b.Fatal(err)
	}
}

// end closes the process's input and reads what it says last.
func (p *process) end() (c cleared) {
	p.b.Helper()
	p.in.Close()
	if err := json.Unmarshal([]byte(p.line()), &c); err != nil {
		p.b.Fatal(err)
	}
	p.finish()
	return c
}

func (p *process) finish() {
	p.ended = true
	p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		p.b.Errorf("a process of the benchmark: %v", err)
	}
}

// runChild is the main function of such a process.
func runChild(text string) error {
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	if c.Role == roleBroker {
		return runBroker(&c)
	}
	return runClearing(&c)
}

func runBroker(c *child) error {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(c.Dir), kfake.SyncWrites())
	if err != nil {
		return err
	}
	defer cluster.Close()
	fmt.Println(cluster.ListenAddrs()[0])
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// runClearing clears, from a line on its input until that ends.
func runClearing(c *child) error {
	ctx := context.Background()
	begun := time.Now()
	edition, err := registry.Import(c.Dir)
	if err != nil {
		return err
	}
	metrics := prometheus.NewRegistry()
	in, err := newBenchIntake(ctx, c, edition, metrics)
	if err != nil {
		return err
	}
	seconds, startPeak := time.Since(begun).Seconds(), statusMB("VmHWM:")
	debug.FreeOSMemory()
	fmt.Printf("%.1f s, %.0f MB at the most, %.0f MB now\n", seconds, startPeak, statusMB("VmRSS:"))
	input := bufio.NewReader(os.Stdin)
	if _, err := input.ReadString('\n'); err != nil {
		return err
	}
	profile, err := os.Create(filepath.Join(c.Profiles, cpuProfile))
	if err == nil {
		err = pprof.StartCPUProfile(profile)
	}
	if err != nil {
		return err
	}
	spent := cpuSeconds()
	running, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- in.Run(running) }()
	peak := watch(running)
	_, err = io.Copy(io.Discard, input)
	spent = cpuSeconds() - spent
	pprof.StopCPUProfile()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	cancel()
	result := cleared{PeakMB: <-peak, CPU: spent, HeapMB: float64(memory.HeapAlloc) / (1 << 20), Seconds: map[string]float64{}}
	err = errors.Join(err, <-ended, profile.Close(), writeHeap(filepath.Join(c.Profiles, "heap")), result.read(metrics))
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

func writeHeap(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(file, 0), file.Close())
}

func newBenchIntake(ctx context.Context, c *child, edition *index.Edition, metrics prometheus.Registerer) (*intake.Intake, error) {
	pool, dialect, err := ledger.Connect(ctx, c.Database, 24)
	if err != nil {
		return nil, err
	}
	l := ledger.New(pool, dialect)
	accounts, err := l.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	store, people := keys.GenerateTest(clearingtest.Seed), registry.New(edition)
	set, err := clearingtest.Rules()
	if err != nil {
		return nil, err
	}
	shelf, verifier := rules.NewShelf(set), keys.NewTACs(store.Held())
	judge := &transit.Judge{Registry: people, Accounts: accounts, TACs: verifier, Rules: shelf.Transit, Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1}}
	codes := &unconfirmed.Codes{Ledger: l}
	return intake.New(l, c.Kafka, map[string]func() intake.Rules{
		message.TopicTaps:            func() intake.Rules { return intake.Taps(judge, codes, store.Held().CardTokens()) },
		message.TopicTapsUnconfirmed: func() intake.Rules { return intake.UnconfirmedTaps(&unconfirmed.Judge{Registry: people}) },
		message.TopicExitTickets:     func() intake.Rules { return intake.ExitTickets(&exits.Judge{Registry: people}) },
		message.TopicLoads: func() intake.Rules {
			return intake.Loads(&load.Judge{TACs: verifier, Paid: l.Amounts, Written: load.WrittenIn(l), Rules: shelf.Loads}, store.Held().CardTokens())
		},
		message.TopicMedicalRequests: func() intake.Rules {
			return intake.MedicalRequests(&medical.Judge{People: people, Rules: shelf.Medical, Holdings: l.Holdings})
		},
		message.TopicPensionBatches: func() intake.Rules {
			return intake.PensionBatches(&pension.Judge{People: people, Rules: shelf.Pension, Booked: l.Amounts})
		},
		message.TopicPensionResults: func() intake.Rules { return intake.PensionResults(&pension.Judge{People: people, Booked: l.Amounts}) },
	}, intake.Settings{Owner: "bench", Topics: topics.Layout{Partitions: benchParts}, Registry: people}, intake.NewMetrics(metrics, time.Now), slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
}

// cpuSeconds is what this process has used of the processors, user and system together.
func cpuSeconds() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}

// watch notes the most that is resident until ctx ends.
func watch(ctx context.Context) <-chan float64 {
	most := make(chan float64, 1)
	go func() {
		peak := 0.0
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			peak = max(peak, statusMB("VmRSS:"))
			<-tick.C
		}
		most <- peak
	}()
	return most
}

// statusMB reads a size of this process from /proc; 0 where there is none.
func statusMB(name string) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), name)
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kb, err := strconv.ParseFloat(fields[0], 64)
	if err != nil {
		return 0
	}
	return kb / 1024
}

// read takes the phases from the metrics.
func (c *cleared) read(metrics prometheus.Gatherer) error {
	families, err := metrics.Gather()
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "citycard_batch_phase_seconds":
				c.Seconds[m.GetLabel()[0].GetValue()] = m.GetHistogram().GetSampleSum()
			case "citycard_batches_total":
				c.Batches += m.GetCounter().GetValue()
			}
		}
	}
	return err
}

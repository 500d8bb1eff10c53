package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"citycard/broker/kafkatest"
	"citycard/cardos/chip"
	"citycard/clearing/message"
	riders "citycard/simulators/passenger"
	"citycard/simulators/pcscd"
	"citycard/simulators/specimen"
	"citycard/simulators/vcard"
	"citycard/terminals/reader"
)

// The torture has buses with two doors each: an agent with two lanes, a card reader and a SAM each,
// over one real pcscd. Passengers ride while agents are killed, pcscd and the broker go and come
// back, readers are missing for a while, another program takes and resets cards, and cards are torn
// at any command. Everything random follows from a seed, as far as processes let it.

const (
	doorsOfBus = 2
	// tortureTaps is how many payments the short form wants, and how many cards make them.
	tortureTaps  = 12
	tortureCards = 30
	tortureBuses = 2
	// All of the long form, for CITYCARD_SOAK_READER_TAPS.
	soakCards = 200
	soakBuses = 4
)

const tortureFares = `{"version":"test-1","effectiveFrom":"20200101000000","maximumFen":100000,"fares":[{"cardType":1,"prices":[{"bus":[{"line":1,"fen":1}]}]}]}`

// torture is everything that the passengers ride in.
type torture struct {
	*testing.T
	random *dice
	fares  string
	buses  []*coach
	lanes  []*door
	sams   []*chip.Chip
	port   int
	kept   string // the broker's log

	broker *kfake.Cluster
	// longest is how long the broker may be away, and calm how long nothing happens.
	longest, calm time.Duration

	world  sync.RWMutex
	daemon *pcscd.Daemon // nil while it does not run

	idle    chan *traveller
	cards   []*traveller
	debits  atomic.Int64
	mu      sync.Mutex
	did     map[string]int
	other   *reader.Observer
	working sync.WaitGroup
}

// dice are random numbers for several goroutines.
type dice struct {
	mu sync.Mutex
	*rand.Rand
}

func (d *dice) below(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.IntN(n)
}

func (d *dice) order(n int) []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Perm(n)
}

func (d *dice) pause(least, most time.Duration) time.Duration {
	return least + time.Duration(d.below(int(most-least)))
}

// coach is a bus: an agent.
type coach struct {
	t     *torture
	name  string
	pages string
	data  string

	mu  sync.Mutex
	run *running // nil while it does not run
}

// running is the process of an agent.
type running struct {
	cmd    *exec.Cmd
	words  *said
	killed atomic.Bool // or stopped
}

// door is a lane of a bus, at a reader.
type door struct {
	bus   *coach
	name  string
	index int
	turn  sync.Mutex // one card at a time

	mu    sync.Mutex
	shown []shown
}

func newTorture(t *testing.T, buses, cards int, seed uint64) *torture {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a private pcscd, which alone may be ended by a test, needs root on Linux")
	}
	r := &torture{
		T: t, random: &dice{Rand: rand.New(rand.NewPCG(seed, 1))}, fares: filepath.Join(t.TempDir(), "fares.json"), kept: t.TempDir(),
		idle: make(chan *traveller, cards), did: map[string]int{}, port: kafkatest.FreePort(t),
		longest: 3 * time.Second, calm: time.Second,
	}
	must(t, os.WriteFile(r.fares, []byte(tortureFares), 0o600))
	for i := range buses {
		b := &coach{t: r, name: fmt.Sprintf("B%d", i), pages: kafkatest.FreeAddress(t), data: filepath.Join(t.TempDir(), "data")}
		r.buses = append(r.buses, b)
		for range doorsOfBus {
			n := len(r.lanes)
			r.lanes = append(r.lanes, &door{bus: b, name: fmt.Sprintf("door-%d", n), index: n})
			r.sams = append(r.sams, chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 1, byte(n)}, specimen.Keys().SAMKeys()))
		}
	}
	for i := range cards {
		c, err := specimen.New(t.Context(), specimen.Transit, seed*1000+uint64(i), time.Now())
		must(t, err)
		v := &traveller{torture: r, card: riders.Of(c), before: c.Describe().Transit}
		r.cards = append(r.cards, v)
		r.idle <- v
	}
	r.startBroker()
	t.Cleanup(func() { r.broker.Close() })
	r.startDaemon(len(r.lanes))
	t.Cleanup(func() { must(t, r.daemon.Close()) })
	for _, b := range r.buses {
		b.start()
		t.Cleanup(b.kill)
	}
	return r
}

func (r *torture) count(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.did[what]++
}

func (r *torture) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)) }

func (r *torture) startBroker() {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(r.port), kfake.DataDir(r.kept), kfake.SyncWrites(),
		kfake.SeedTopics(1, message.TopicTaps, message.TopicHotlist, message.TopicIntents, message.TopicTapsUnconfirmed))
	if err != nil {
		r.Error(err)
		return
	}
	r.broker = c
}

// startDaemon starts pcscd with a number of readers and puts the SAMs into them.
func (r *torture) startDaemon(readers int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	d, err := pcscd.StartPrivate(ctx, slog.New(slog.DiscardHandler), readers)
	if err != nil {
		r.Error(err)
		return
	}
	r.daemon = d
	for _, setting := range d.Environment() {
		name, value, _ := strings.Cut(setting, "=")
		if err := os.Setenv(name, value); err != nil { // the same for all daemons of a process
			r.Error(err)
		}
	}
	for i := range readers {
		if err := vcard.NewSlot(d.Slots[2*i+1]).Insert(ctx, r.sams[i]); err != nil {
			r.Errorf("SAM %d: %v", i, err)
		}
	}
}

// slot is where a door's cards are held, nil while there is no such reader.
func (r *torture) slot(d *door) *vcard.Slot {
	r.world.RLock()
	defer r.world.RUnlock()
	if r.daemon == nil || 2*d.index >= len(r.daemon.Slots) {
		return nil
	}
	return vcard.NewSlot(r.daemon.Slots[2*d.index])
}

// start starts the agent of a bus, unless it runs.
func (b *coach) start() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.run != nil {
		return
	}
	path, err := os.Executable()
	if err != nil {
		b.t.Error(err)
		return
	}
	args := []string{
		"--role", "validator", "--vehicle", b.name, "--fares", b.t.fares, "--unsigned", "--kafka", b.t.address(), "--data", b.data, "--ops", b.pages,
		"--display", "stdout", "--unconfirmed-after", "5s",
	}
	for _, d := range b.t.lanes {
		if d.bus == b {
			args = append(args, "--lane", fmt.Sprintf("name=%s,reader=%s,sam=%s", d.name, pcscd.Name(2*d.index), pcscd.Name(2*d.index+1)))
		}
	}
	run := &running{cmd: exec.Command(path, args...), words: &said{}}
	run.cmd.Env = append(os.Environ(), "LC_ALL=C", asProgram+"=1")
	run.cmd.Stderr = run.words
	out, err := run.cmd.StdoutPipe()
	if err == nil {
		err = run.cmd.Start()
	}
	if err != nil {
		b.t.Error(err)
		return
	}
	b.run = run
	b.t.working.Go(func() { b.listen(run, out) })
}

// listen takes what the displays of a bus show.
func (b *coach) listen(run *running, out io.Reader) {
	for decoder := json.NewDecoder(out); ; {
		var s shown
		if err := decoder.Decode(&s); err != nil { // it was killed, if need be in the middle of a line
			if !run.killed.Load() {
				b.t.Errorf("the agent of bus %s has ended by itself (%v):\n%s", b.name, err, run.words.all())
			}
			return
		}
		at := slices.IndexFunc(b.t.lanes, func(d *door) bool { return d.name == s.Lane })
		if at < 0 {
			b.t.Errorf("a display shows %+v", s)
			return
		}
		d := b.t.lanes[at]
		d.mu.Lock()
		d.shown = append(d.shown, s)
		d.mu.Unlock()
	}
}

// kill kills the agent of a bus, if it runs.
func (b *coach) kill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.run == nil {
		return
	}
	b.run.killed.Store(true)
	_ = b.run.cmd.Process.Kill()
	_ = b.run.cmd.Wait() // it was killed
	b.run = nil
}

// stop ends the agent of a bus in order.
func (b *coach) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.run.killed.Store(true)
	err := b.run.cmd.Process.Signal(syscall.SIGTERM)
	if err = errors.Join(err, b.run.cmd.Wait()); err != nil {
		b.t.Errorf("bus %s was stopped and ends with %v:\n%s", b.name, err, b.run.words.all())
	}
	b.run = nil
}

// torment is something that happens to agents, readers or the broker. It leaves everything as it
// found it.
type torment struct {
	name string
	does func()
}

// torments are what happens at readers, and beside that to agents and to the broker.
func (r *torture) torments() [][]torment {
	return [][]torment{
		{
			{"pcscd started again", func() { r.restart(len(r.lanes)) }},
			{"readers missing", func() { r.restart(len(r.lanes)-1, len(r.lanes)) }},
			{"cards taken by another program", func() {
				for range 4 {
					r.takeAway(r.lanes[r.random.below(len(r.lanes))])
				}
			}},
		},
		{
			{"agents killed", func() {
				b := r.buses[r.random.below(len(r.buses))]
				b.kill()
				r.rest(r.random.pause(0, 700*time.Millisecond))
				b.start()
			}},
		},
		{
			{"broker away", func() {
				r.broker.Close()
				r.rest(r.random.pause(time.Second, r.longest))
				r.startBroker()
			}},
		},
	}
}

// restart ends pcscd and starts it with each of the numbers of readers.
func (r *torture) restart(numbers ...int) {
	for _, readers := range numbers {
		r.world.Lock()
		daemon := r.daemon
		r.daemon = nil
		r.world.Unlock()
		if err := daemon.Close(); err != nil {
			r.Error(err)
		}
		r.rest(r.random.pause(0, time.Second))
		r.world.Lock()
		r.startDaemon(readers)
		r.world.Unlock()
		r.rest(r.random.pause(r.calm/2, 2*r.calm))
	}
}

// takeAway takes a card at a door for another program, holds it for a while and resets it.
func (r *torture) takeAway(d *door) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	rd, err := r.other.Open(ctx, pcscd.Name(2*d.index))
	if err != nil {
		return // there is no such reader now
	}
	card, err := rd.WaitCard(ctx)
	if err == nil {
		r.rest(r.random.pause(0, 300*time.Millisecond))
		err = card.Close()
		r.count("cards reset")
	}
	_ = errors.Join(err, rd.Close()) // whatever became of the card
}

func (r *torture) rest(pause time.Duration) { time.Sleep(pause) }

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/broker/kafkatest"
	"citycard/clearing/message"
	"citycard/terminals/outbox"
)

// storedTaps is how many taps a lane has stored while it had no broker; a week of the busiest gates
// with CITYCARD_SOAK_TAPS.
const (
	storedTaps   = 30_000
	mostMemory   = 100 // MB, of an agent that sends what it has stored
	storedAtOnce = 500
)

// store fills the outbox of a lane that has not reached a broker, as its taps would.
func store(t *testing.T, dir string, count int) {
	t.Helper()
	out, err := outbox.Open(dir)
	must(t, err)
	tap := &message.Tap{
		Medium: message.Medium_MEDIUM_CONTACTLESS, Mode: message.Mode_MODE_METRO, Movement: message.Movement_MOVEMENT_ENTRY, Line: 1, Station: 1,
		CardType: 3, FareVersion: "test-1", BalanceFen: 5000,
		Debit: &message.Debit{
			Card: make([]byte, 10), Issuer: make([]byte, 8), Type: 9, AmountFen: 200, Terminal: []byte{0x49, 0x10, 0x10, 0, 0, 0},
			Time: []byte{0x20, 0x26, 0x11, 0x24, 8, 0, 0}, Tac: []byte{1, 2, 3, 4},
		},
	}
	for n := 0; n < count; {
		var some []outbox.Record
		for ; n < count && len(some) < storedAtOnce; n++ {
			tap.Debit.TerminalSequence = uint32(n + 1)
			binary.BigEndian.PutUint32(tap.Debit.Card[6:], uint32(n%50_000))
			value, err := proto.Marshal(tap)
			must(t, err)
			some = append(some, outbox.Record{Topic: message.TopicTaps, Key: []byte(strconv.Itoa(n % 50_000)), Value: value})
		}
		must(t, out.Append(some...))
	}
	must(t, out.Close())
}

// TestWeekWithoutBroker: a lane has stored taps for long and has no reader now; once a broker is
// there, all of them arrive in their order, and the agent needs little memory for it.
func TestWeekWithoutBroker(t *testing.T) {
	count := storedTaps
	if text := os.Getenv("CITYCARD_SOAK_TAPS"); text != "" {
		var err error
		count, err = strconv.Atoi(text)
		must(t, err)
	}
	data := filepath.Join(t.TempDir(), "data")
	agent := func(address string) *spokenLines {
		fares := filepath.Join(t.TempDir(), "fares.json")
		must(t, os.WriteFile(fares, []byte(gateFares), 0o600))
		cmd := command(t, "--role", "gate", "--terminal", "491010000000", "--fares", fares, "--unsigned", "--kafka", address, "--data", data)
		cmd.Env = append(cmd.Env, "PCSCLITE_CSOCK_NAME=/nowhere")
		return listen(t, cmd)
	}
	port := kafkatest.FreePort(t)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	first := agent(address) // it makes its directory
	first.until(isAway, "")
	must(t, first.cmd.Process.Kill())
	_ = first.cmd.Wait() // it was killed
	store(t, filepath.Join(data, "lanes", "1", "outbox"), count)

	second := agent(address)
	second.until("the brokers do not answer", "")
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.SeedTopics(1, message.TopicTaps, message.TopicHotlist, message.TopicIntents, message.TopicTapsUnconfirmed))
	must(t, err)
	defer broker.Close()
	began := time.Now()
	awaitInOrder(t, address, count)
	took := time.Since(began)
	peak := memoryMB(t, second.cmd.Process.Pid, "VmHWM:")
	t.Logf("%d taps in %s, %.0f a second; the agent had %.0f MB at most", count, took.Round(time.Millisecond), float64(count)/took.Seconds(), peak)
	if peak > mostMemory && !underRace {
		t.Errorf("the agent had %.0f MB, want at most %d", peak, mostMemory)
	}
	must(t, second.cmd.Process.Kill())
	_ = second.cmd.Wait() // it was killed
}

// awaitInOrder reads taps whose SAM numbers count from one, each once.
func awaitInOrder(t *testing.T, address string, count int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(address, ",")...), kgo.ConsumeTopics(message.TopicTaps), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	must(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	tap := new(message.Tap)
	for next := uint32(1); next <= uint32(count); {
		fetches := client.PollFetches(ctx)
		must(t, fetches.Err())
		for _, r := range fetches.Records() {
			must(t, proto.Unmarshal(r.Value, tap))
			if n := tap.GetDebit().GetTerminalSequence(); n != next {
				t.Fatalf("tap %d comes where %d is due", n, next)
			}
			next++
		}
	}
}

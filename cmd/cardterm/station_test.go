package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/simulators/pcscd/pcscdtest"
)

// deskFares is a table of two stations for the card of transitOrder.
func deskFares() *message.FareTable {
	return &message.FareTable{
		Version: "test-1", EffectiveFrom: "20200101000000", MaximumFen: 100_000, MetroStations: 2, MetroClass: []byte{0, 1, 2, 3}, MetroLimitMinutes: 240,
		Fares: []*message.CardFares{{CardType: 3, MetroHighestFen: 900, Prices: []*message.Prices{{MetroFen: []uint32{200, 300, 300, 200}}}}},
	}
}

func faresFile(t testing.TB) string {
	t.Helper()
	content, err := protojson.Marshal(deskFares())
	must(t, err)
	path := filepath.Join(t.TempDir(), "fares.json")
	must(t, os.WriteFile(path, content, 0o600))
	return path
}

// The desk says for both sides of the gates what is wrong with the card in a reader, in words and
// as JSON, without the card's whole number, and the card stays as it is.
func TestStationLook(t *testing.T) {
	slot := pcscdtest.Slots(t)[0]
	takeOut(t, nil)
	card := personalised(t, keys.GenerateTest(7))
	must(t, slot.Insert(t.Context(), card))
	defer takeOut(t, slot)
	look := []string{"station", "look", "--reader", "00 00", "--station", "2", "--fares", faresFile(t), "--data", t.TempDir()}
	out := output(t, append(look, "--json")...)
	var l looked
	must(t, json.Unmarshal(out, &l))
	if l.Outside.Fault != "nothing" || l.Inside.Fault != "no_entry" || l.Inside.Update != "03" || l.Inside.Fen != 900 || l.Card != "****0012" || l.Fares != "test-1" {
		t.Errorf("%s", out)
	}
	english, chinese := string(output(t, look...)), string(output(t, append(look, "--language", "zh")...))
	for text, want := range map[string]string{
		english: "to get in    nothing is wrong: a gate lets the card in\nto get out   the card has not got in: update 03",
		chinese: "无异常：闸机可进站",
	} {
		if !strings.Contains(text, want) || strings.Contains(text, transitOrder.Transit.Number) {
			t.Errorf("%s\nwant %q", text, want)
		}
	}
	if log := card.Describe().Transit.Log; len(log) != 0 {
		t.Errorf("the card was changed: %+v", log)
	}
}

// deskBroker is a broker with the topics of a desk and a published fare table.
func deskBroker(t *testing.T) (cluster *kfake.Cluster, client *kgo.Client) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicTaps, message.TopicFares, message.TopicHotlist, message.TopicIntents, message.TopicTapsUnconfirmed, message.TopicExitTickets, message.TopicAcks))
	must(t, err)
	t.Cleanup(cluster.Close)
	client, err = kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(message.TopicTaps))
	must(t, err)
	t.Cleanup(client.Close)
	table, err := proto.Marshal(deskFares())
	must(t, err)
	must(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: message.TopicFares, Key: []byte("test-1"), Value: table}).FirstErr())
	return cluster, client
}

// nextTap is the next tap that arrives.
func nextTap(t *testing.T, client *kgo.Client) *message.Tap {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	fetches := client.PollRecords(ctx, 1)
	if len(fetches.Records()) != 1 {
		t.Fatalf("no tap came: %v", fetches.Err())
	}
	tap := new(message.Tap)
	must(t, proto.Unmarshal(fetches.Records()[0].Value, tap))
	return tap
}

// A desk corrects a card in a real reader, with its SAM in another: it shows what it would do, does
// it, and the tap is with the brokers. What does not fit is refused, and the card stays as it is.
func TestStationUpdate(t *testing.T) {
	s := pcscdtest.Slots(t)
	takeOut(t, nil)
	store := keys.GenerateTest(7)
	must(t, s[1].Insert(t.Context(), chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 0, 1}, store.SAMKeys())))
	cluster, client := deskBroker(t)
	card := personalised(t, store)
	must(t, s[0].Insert(t.Context(), card))
	defer takeOut(t, s[0])
	data := filepath.Join(t.TempDir(), "data")
	update := func(args ...string) *exec.Cmd {
		return command(t, append([]string{
			"station", "update", "--reader", "00 00", "--sam", "00 01", "--station", "2", "--unsigned",
			"--kafka", strings.Join(cluster.ListenAddrs(), ","), "--data", data,
		}, args...)...)
	}
	done := func(args ...string) (u updated) {
		t.Helper()
		cmd := update(append(args, "--json")...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, stderr.String())
		}
		must(t, json.Unmarshal(out, &u))
		return u
	}
	refused := func(want string, args ...string) {
		t.Helper()
		out, err := update(args...).CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 7 || !strings.Contains(string(out), want) {
			t.Errorf("%v: %v: %s\nwant exit code 7 and %q", args, err, out, want)
		}
	}
	refused("nothing is wrong", "--reason", "10", "--yes")
	refused("give --yes", "--reason", "03", "--from", "1")
	refused("load it, or take cash", "--reason", "03", "--yes")
	if u := done("--reason", "03", "--from", "1", "--dry-run"); u.Done || u.Update != "03" || u.Fen != 0 || u.Entry != 1 {
		t.Errorf("would do %+v", u)
	}
	if log := card.Describe().Transit.Log; len(log) != 0 {
		t.Errorf("the card was changed: %+v", log)
	}
	if u := done("--reason", "03", "--from", "1", "--yes"); !u.Done || !u.Sent || u.Card != "****0012" {
		t.Errorf("did %+v", u)
	}
	tap := nextTap(t, client)
	if tap.GetUpdate().GetReason() != message.UpdateReason_UPDATE_REASON_NO_ENTRY || tap.GetEntryStation() != 1 || tap.GetStation() != 2 || len(tap.GetDebit().GetTac()) != 4 {
		t.Errorf("tap %v", tap)
	}
	if u := done("--reason", "02", "--pay", "cash", "--staff", "A17", "--yes"); !u.Done || u.Cash != 300 || u.Fen != 0 {
		t.Errorf("did %+v", u)
	}
	tap = nextTap(t, client)
	if u := tap.GetUpdate(); u.GetCashFen() != 300 || u.GetStaff() != "A17" || tap.GetEntryStation() != 1 || len(tap.GetEntryTime()) != 7 {
		t.Errorf("tap %v", tap)
	}
	if read := card.Describe().Transit; len(read.Log) != 2 || read.Journeys[0].Type != tunion.JourneyAdjust || read.Journeys[1].Type != tunion.JourneyEntry {
		t.Errorf("card %+v", read)
	}
}

// TestStationPageIsHeard: a desk with a page says what it follows, as each lane does; by that its
// clock is compared with the brokers'.
func TestStationPageIsHeard(t *testing.T) {
	s := pcscdtest.Slots(t)
	takeOut(t, nil)
	must(t, s[1].Insert(t.Context(), chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 0, 1}, keys.GenerateTest(7).SAMKeys())))
	defer takeOut(t, nil)
	defer s[1].Remove() //nolint:errcheck // the test ends
	cluster, client := deskBroker(t)
	startPage(t, "--reader", "00 00", "--sam", "00 01", "--station", "2", "--unsigned",
		"--kafka", strings.Join(cluster.ListenAddrs(), ","), "--data", filepath.Join(t.TempDir(), "data"))
	client.AddConsumeTopics(message.TopicAcks)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	fetches := client.PollRecords(ctx, 1)
	if len(fetches.Records()) != 1 || string(fetches.Records()[0].Key) != "491010000001/desk" {
		t.Errorf("the desk is not heard: %v, %v", fetches.Records(), fetches.Err())
	}
}

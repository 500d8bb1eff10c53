package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/rulefile"
	"citycard/clearing/transit/fare"
	"citycard/clearing/transit/load"
	"citycard/cmd/service"
	"citycard/simulators/truth"
)

const testPassphrase = "only for this test"

// keyFile makes a key file and sets its passphrase.
func keyFile(t testing.TB) (string, *keys.Store) {
	t.Helper()
	store := keys.GenerateTest(3)
	path := filepath.Join(t.TempDir(), "keys")
	if err := store.WithWorkFactor(4).Save(path, testPassphrase); err != nil {
		t.Fatal(err)
	}
	t.Setenv(service.PassphraseVariable, testPassphrase)
	return path, store
}

// loadService answers like the load authority, without books.
func loadService(t *testing.T, store *keys.Store) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var q message.LoadRequest
		if err == nil {
			err = proto.Unmarshal(body, &q)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		mac2, err := store.AuthoriseLoad(keys.LoadOrder{
			Card:       keys.CardID{Issuer: [8]byte(q.GetIssuer()), ASN: [10]byte(q.GetCard())},
			OldBalance: q.GetOldBalanceFen(), Amount: q.GetAmountFen(), Type: 2, Terminal: [6]byte(q.GetTerminal()), Time: [7]byte(q.GetTime()),
			OnlineSequence: uint16(q.GetOnlineSequence()), Random: [4]byte(q.GetRandom()), MAC1: keys.MAC(q.GetMac1()),
			KeyVersion: byte(q.GetKeyVersion()), Algorithm: byte(q.GetAlgorithm()),
		})
		answer := &message.LoadAnswer{Mac2: mac2[:]}
		if err != nil {
			answer = &message.LoadAnswer{Refusal: "bad_mac1"}
		}
		out, err := proto.Marshal(answer)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(out)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// fakeBroker is an embedded Kafka with the input topics and the fares published.
func fakeBroker(t *testing.T, fares ...*message.FareTable) string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, message.InputTopics()...), kfake.SeedTopics(1, message.TopicFares))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	addr := cluster.ListenAddrs()[0]
	client, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, table := range fares {
		value, err := proto.Marshal(table)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: message.TopicFares, Key: []byte(table.GetVersion()), Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return addr
}

// officialTables are what clearing builds from the documents of an issued city.
func officialTables(t testing.TB, dir string) *fare.Tables {
	t.Helper()
	document := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, "rules", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	n, err := fare.LoadNetworks(document("network.json"))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := fare.LoadRules(document("fares.json"))
	if err != nil {
		t.Fatal(err)
	}
	purses, err := load.LoadRules(document("loads.json"))
	if err != nil {
		t.Fatal(err)
	}
	tables, err := fare.Build(rules, n, purses.Terms(), purses.PurseMaximum, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// officialFares are those of a day.
func officialFares(t testing.TB, dir string, day time.Time) *message.FareTable {
	t.Helper()
	return officialTables(t, dir).At(rulefile.MomentOf(day)).Message()
}

// run runs a command of the program with its real flags.
func run(t testing.TB, args ...string) error {
	t.Helper()
	command := rootCommand()
	if err := command.Parse(args); err != nil {
		t.Fatal(err)
	}
	return command.Run(t.Context())
}

// TestCityIntoKafka issues a city, plays its day and finds in Kafka exactly the records of the
// truth, each card's in the truth's order.
func TestCityIntoKafka(t *testing.T) {
	keyPath, store := keyFile(t)
	dir := t.TempDir()
	common := []string{"--data", dir, "--keys", keyPath, "--seed", "5", "--cards", "300", "--day", "20261124"}
	if err := run(t, append([]string{"issue"}, common...)...); err != nil {
		t.Fatal(err)
	}
	people, err := registry.Import(filepath.Join(dir, "registry"))
	if err != nil {
		t.Fatalf("clearing does not take the registry: %v", err)
	}
	if counts := people.Counts(); counts["cards"] == 0 || counts["persons"] == 0 {
		t.Errorf("registry %v", counts)
	}
	addr := fakeBroker(t, officialFares(t, dir, time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)))
	play := append([]string{"city", "--kafka", addr, "--api", loadService(t, store), "--rides", "6", "--duplicates", "0.05", "--tampered", "0.05"}, common...)
	if err := run(t, play...); err != nil {
		t.Fatal(err)
	}
	records, err := truth.ReadRecords(filepath.Join(dir, "truth"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{} // by subject and topic, hashes in order
	for _, r := range records {
		if r.Line == "" { // a list's records share one message
			want[r.Topic+" "+r.Subject] = append(want[r.Topic+" "+r.Subject], r.SHA256)
		}
	}
	got, values := readAll(t, addr, messagesOf(records))
	checkTACs(t, store, records, values)
	for key, hashes := range want {
		topic, subject := splitKey(key)
		if subject == "" || topic == message.TopicMedicalRequests {
			continue // unreadable records carry their card in the Kafka key alone
		}
		if !subsequence(hashes, got[topic][numberOf(subject)]) {
			t.Errorf("%s of card %s: the broker has another order than the truth", topic, subject)
		}
	}
	purses, err := truth.ReadPurses(filepath.Join(dir, "truth"))
	if err != nil || len(purses) != 240 {
		t.Errorf("%d purses, %v; want 240", len(purses), err)
	}
}

// numberOf is the number of a card of this city or of a simulated other city; a subject that is not
// a card's is returned unchanged.
func numberOf(subject string) string {
	if len(subject) != 24 {
		return subject
	}
	return "0310" + subject[8:]
}

func splitKey(key string) (topic, subject string) {
	topic, subject, _ = strings.Cut(key, " ")
	return topic, subject
}

// readAll reads all records of the input topics, which are at least so many: one whose
// acknowledgement was late may be there twice. It returns the hashes in order, by topic and key,
// and the values by hash.
func readAll(t *testing.T, addr string, least int, opts ...kgo.Opt) (got map[string]map[string][]string, values map[string][]byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(addr), kgo.ConsumeTopics(message.InputTopics()...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, message.InputTopics()...)
	if err != nil || ends.Error() != nil {
		t.Fatal(err, ends.Error())
	}
	count := 0
	ends.Each(func(end kadm.ListedOffset) { count += int(end.Offset) })
	if count < least {
		t.Fatalf("%d records are there, want at least %d", count, least)
	}
	got, values = map[string]map[string][]string{}, map[string][]byte{}
	for seen := 0; seen < count; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d of %d records arrived: %v", seen, count, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			seen++
			if got[r.Topic] == nil {
				got[r.Topic] = map[string][]string{}
			}
			sum := sha256.Sum256(r.Value)
			hash := hex.EncodeToString(sum[:])
			got[r.Topic][string(r.Key)] = append(got[r.Topic][string(r.Key)], hash)
			values[hash] = r.Value
		})
	}
	return got, values
}

// checkTACs uses the keys, which the truth does not have, to check the truth's statement about
// every tap's TAC.
func checkTACs(t *testing.T, store *keys.Store, records []truth.Record, values map[string][]byte) {
	t.Helper()
	verifier := keys.NewTACVerifier(store.TACMaster())
	genuine, forged := 0, 0
	for _, r := range records {
		if r.Topic != message.TopicTaps || r.Reason == "undecodable" || r.Reason == "invalid_field" || r.Reason == "transaction_type" {
			continue
		}
		// The test does not have the keys of another city's cards.
		foreign := strings.HasPrefix(r.Subject, "999999")
		var m message.Tap
		if err := proto.Unmarshal(values[r.SHA256], &m); err != nil {
			t.Fatalf("record %s: %v", r.SHA256, err)
		}
		d := m.GetDebit()
		ok := make([]bool, 1)
		verifier.VerifyPurchases([]keys.PurchaseRecord{{
			Card:   keys.CardID{Issuer: [8]byte(d.GetIssuer()), ASN: [10]byte(d.GetCard())},
			Amount: d.GetAmountFen(), Type: byte(d.GetType()), Terminal: [6]byte(d.GetTerminal()), TerminalSequence: d.GetTerminalSequence(),
			Time: [7]byte(d.GetTime()), TAC: keys.MAC(d.GetTac()),
		}}, ok)
		if ok[0] == (r.Reason == "bad_tac" || foreign) {
			t.Errorf("record %s is %s %s, its TAC verifies: %v", r.SHA256, r.Verdict, r.Reason, ok[0])
		}
		if ok[0] {
			genuine++
		} else {
			forged++
		}
	}
	if genuine == 0 || forged == 0 {
		t.Errorf("%d TACs verify, %d do not; want some of both", genuine, forged)
	}
}

// subsequence reports whether the hashes occur in all in this order.
func subsequence(hashes, all []string) bool {
	for _, h := range all {
		if len(hashes) > 0 && hashes[0] == h {
			hashes = hashes[1:]
		}
	}
	return len(hashes) == 0
}

func TestRefusals(t *testing.T) {
	keyPath, store := keyFile(t)
	empty := fakeBroker(t)
	dir := t.TempDir()
	common := []string{"--data", dir, "--keys", keyPath, "--cards", "50", "--day", "20261124"}
	others := &message.FareTable{Version: "x", EffectiveFrom: "20200101000000", Fares: []*message.CardFares{{CardType: 1, Prices: []*message.Prices{{}}}}}
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no key file", []string{"issue", "--data", t.TempDir()}, "--keys"},
		{"no such key file", []string{"issue", "--data", t.TempDir(), "--keys", filepath.Join(dir, "nothing")}, "correct --keys"},
		{"bad day", []string{"issue", "--data", t.TempDir(), "--keys", keyPath, "--day", "yesterday"}, "YYYYMMDD"},
		{"bad zone", []string{"issue", "--data", t.TempDir(), "--keys", keyPath, "--zone", "Mars"}, "--zone"},
		{"too few cards", []string{"issue", "--data", t.TempDir(), "--keys", keyPath, "--cards", "3"}, "--cards"},
		{"too many orders", []string{"orders", "--count", "999"}, "--count"},
		{"no such profile", []string{"card", "--profile", "bank", "--describe"}, "--profile"},
		{"no reader", []string{"card", "--vpcd", "127.0.0.1:1"}, "vsmartcard-vpcd"},
		{"no fares yet", append([]string{"city", "--kafka", empty, "--wait", "300ms"}, common...), "citycard serve"},
		{"bad authority", append([]string{"city", "--kafka", fakeBroker(t, others), "--api", "nowhere"}, common...), "--api"},
		{"other city", append([]string{"city", "--kafka", empty, "--seed", "99"}, common...), "--seed 1"},
		{"issued before", append([]string{"issue"}, common...), "another directory"},
		{"other fares", append([]string{"city", "--kafka", fakeBroker(t, others), "--api", loadService(t, store)}, common...), "are not those of this city"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := run(t, c.args...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	t.Setenv(service.PassphraseVariable, "wrong")
	if err := run(t, append([]string{"issue"}, common...)...); err == nil || !strings.Contains(err.Error(), service.PassphraseVariable) {
		t.Errorf("wrong passphrase: %v", err)
	}
}

func TestProgressIsThinned(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1000, 0)
	p := newProgress(&out, func() time.Time { now = now.Add(time.Millisecond); return now })
	for i := range 1000 {
		p.report("day", i+1, 1000)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var last progressLine
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last != (progressLine{"day", 1000, 1000}) {
		t.Errorf("last line %q, %v", lines[len(lines)-1], err)
	}
	if len(lines) > 8 {
		t.Errorf("%d lines in a second", len(lines))
	}
}

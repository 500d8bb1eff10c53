package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"index/suffixarray"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/broker/kafkatest"
	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/clearing/transit/unconfirmed"
	"citycard/cmd/demostaff"
	"citycard/ledger"
	"citycard/ledger/export"
	"citycard/ledger/schema"
	"citycard/simulators/city"
)

// exposedDay is a small city's day of which all texts are kept: the output of programs, the records
// in Kafka, the export.
type exposedDay struct {
	process
	data, field, kafka string
	tokens             string // the folder
	staff              *crew
	said               bytes.Buffer // by the commands
}

// TestExposure plays a small city's day and closes, seals, verifies and exports it. Then it
// searches everything that was printed and sent for every card number and for all personal data on
// social-security cards, and checks the access rights of the files.
func TestExposure(t *testing.T) {
	t.Parallel()
	d := &exposedDay{}
	dir := reachableDir(t)
	d.data, d.field = filepath.Join(dir, "data"), filepath.Join(dir, "field")
	d.T, d.programs = t, build(t, "citycard", "cardsim")
	defer syscall.Umask(syscall.Umask(0)) // the children's too: no file may lean on it
	d.live()
	records := d.topics()
	secrets := d.secrets(records)
	for what, text := range map[string][]byte{
		"serve's log": d.log.Bytes(), "what the commands print": d.said.Bytes(), "the topics": exposedTopics(t, records),
		"the export": d.exported(), "PostgreSQL's log": d.private("data", "server.log"),
	} {
		if len(text) == 0 && what != "PostgreSQL's log" {
			t.Errorf("%s: nothing to look at", what)
		}
		index := suffixarray.New(text)
		for secret, name := range secrets {
			if at := index.Lookup([]byte(secret), 1); len(at) > 0 {
				t.Errorf("%s: %s in %q", what, name, text[max(0, at[0]-80):min(len(text), at[0]+len(secret)+20)])
			}
		}
	}
	d.modes(d.data)
	d.modes(d.field)
}

// looks finds the URL of those who look in the data directory, and nowhere a credential that writes
// but in the private database's own folder.
func (d *exposedDay) looks() {
	word, password := readFile(d.T, filepath.Join(d.data, "running.json")), string(d.private("password"))
	if !strings.Contains(word, schema.Reader) {
		d.Error("running.json has no URL for those who look")
	}
	err := filepath.WalkDir(d.data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && entry.Name() == "database" {
			return cmp.Or(err, fs.SkipDir)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil && (password != "" && bytes.Contains(text, []byte(password)) || bytes.Contains(text, []byte("postgres://")) && entry.Name() != "running.json") {
			d.Errorf("%s has a credential of the database", path)
		}
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
}

func (d *exposedDay) say(name string, args ...string) string {
	d.Helper()
	var out, all bytes.Buffer
	command := d.command(d.Context(), name, args...)
	command.Stdout, command.Stderr = &out, &all
	err := command.Run()
	all.Write(out.Bytes())
	d.said.Write(all.Bytes())
	if err != nil {
		d.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, all.String())
	}
	return out.String()
}

// live plays the day, from the keys to the export.
func (d *exposedDay) live() {
	city := []string{"--data", d.field, "--cards", "400", "--seed", "13", "--keys", filepath.Join(d.data, "keys.age"), "--day", testDay, "--log-level", "debug"}
	d.say("citycard", "keys", "--data", d.data, "--seed", "13")
	d.say("cardsim", append([]string{"issue"}, city...)...)
	kafka, api, ops := kafkatest.FreePort(d.T), kafkatest.FreePort(d.T), kafkatest.FreePort(d.T)
	d.kafka, d.ops = fmt.Sprintf("127.0.0.1:%d", kafka), fmt.Sprintf("127.0.0.1:%d", ops)
	d.args = []string{
		"serve", "--demo", "--examples", "--log-level", "debug", "--day", testDay, "--data", d.data, "--registry", filepath.Join(d.field, "registry"),
		"--kafka-port", fmt.Sprint(kafka), "--api", fmt.Sprintf("127.0.0.1:%d", api), "--ops", d.ops,
	}
	d.start()
	d.ready()
	d.looks()
	d.staff = d.enrolled(d.T, "--data", d.data)
	d.staff.receive("50000000", "fund:employee", "fund:resident", "pension:fund")
	d.tokens = d.staff.letIn(filepath.Join(d.field, "registry"))
	d.say("cardsim", append([]string{
		"city", "--kafka", d.kafka, "--kafka-user", "citycard", "--kafka-password-file", filepath.Join(d.data, "kafka", "password"), "--api", fmt.Sprintf("http://127.0.0.1:%d", api), "--tokens", d.tokens,
	}, city...)...)
	on := []string{"--data", d.data, "--day", testDay}
	d.say("citycard", append([]string{"day", "close"}, on...)...)
	d.say("citycard", append([]string{"day", "findings"}, on...)...)
	d.release()
	public := strings.Fields(d.say("citycard", "seal-key", "make", "--data", d.data))
	d.said.WriteString(d.staff.two(demostaff.Kim, demostaff.Lee, "seal-key", "pin"))
	d.say("citycard", append([]string{"day", "seal"}, on...)...)
	verified := d.say("citycard", "verify", "--data", d.data, "--truth", filepath.Join(d.field, "truth"))
	if !strings.Contains(verified, "trusted signer "+public[len(public)-1]) || !strings.Contains(verified, "THE BOOKS HOLD") {
		d.Errorf("the sealed day: %s", verified)
	}
	d.say("citycard", "export", "--data", d.data, "--out", filepath.Join(d.data, "books"))
	d.until(time.Minute, "aware of the close", func() bool { return strings.Contains(d.get("/metrics"), "\ncitycard_close_findings{") })
	for _, page := range []string{"/", "/metrics", "/readyz"} {
		text := d.get(page)
		if !strings.Contains(text, "TEST masters") && !strings.Contains(text, "\ncitycard_test_masters 1\n") {
			d.Errorf("%s does not say that TEST masters are in use", page)
		}
		if page == "/metrics" {
			wantWatched(d.T, "citycard", text)
		}
		d.said.WriteString(text)
	}
}

// release decides about one suspended tap, so that the audit has an entry.
func (d *exposedDay) release() {
	list := d.run(d.T, "citycard", "suspense", "list", "--data", d.data, "--from", testDay, "--to", testDay, "--json") // for a person's eyes
	for line := range strings.Lines(list) {
		var waiting struct{ Row, Reason string }
		if err := json.Unmarshal([]byte(line), &waiting); err != nil {
			d.Fatal(err)
		}
		if waiting.Reason == "unknown_terminal" {
			d.said.WriteString(d.staff.two(demostaff.Ann, demostaff.Bob, "suspense", "release", "--row", waiting.Row, "--to", "operator:zzmetro", "--because", "its number was typed wrong"))
			return
		}
	}
	d.Fatal("no tap of an unknown terminal waits")
}

// topics reads all that Kafka holds and ends the server.
func (d *exposedDay) topics() []*kgo.Record {
	access, err := serverAccess(d.data).Options(d.kafka)
	if err != nil {
		d.Fatal(err)
	}
	client, err := kgo.NewClient(append(access, kgo.SeedBrokers(d.kafka), kgo.ConsumeRegex(), kgo.ConsumeTopics(".*"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		d.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(d.Context(), time.Minute)
	defer cancel()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx)
	if err != nil {
		d.Fatal(err)
	}
	left := map[string]int64{} // per partition, transaction markers included
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 && !strings.HasPrefix(o.Topic, "__") {
			left[fmt.Sprint(o.Topic, o.Partition)] = o.Offset
		}
	})
	var records []*kgo.Record
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			d.Fatalf("%v; not read to the end: %v", err, left)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			records = append(records, r)
			// A topic that was written in transactions ends with a marker, which is not a record.
			if at := fmt.Sprint(r.Topic, r.Partition); r.Offset+2 >= left[at] {
				delete(left, at)
			}
		})
	}
	d.signal(syscall.SIGTERM)
	return records
}

// exposedTopics are the topics' keys and values, except those that need a card's number.
func exposedTopics(t *testing.T, records []*kgo.Record) []byte {
	var text bytes.Buffer
	seen := map[string]bool{}
	for _, r := range records {
		seen[r.Topic] = true
		switch r.Topic {
		case message.TopicTaps, message.TopicTapsUnconfirmed, message.TopicExitTickets, message.TopicLoads, message.TopicHotlist, message.TopicIntents:
			continue
		case message.TopicRejectsTransit, message.TopicRejectsLoads, message.TopicRejectsMedical, message.TopicRejectsPension:
			var reject message.Reject
			if err := proto.Unmarshal(r.Value, &reject); err != nil {
				t.Fatal(err)
			}
			if ofCards(reject.GetStream()) {
				continue
			}
		}
		fmt.Fprintf(&text, "\n%s %s %s\n", r.Topic, r.Key, r.Value)
	}
	// The city's loads and claims are all taken. The first three topics are written by agents
	// alone, and its lanes are none.
	empty := []string{message.TopicTapsUnconfirmed, message.TopicExitTickets, message.TopicIntents, message.TopicAcks, message.TopicHotlist, message.TopicModes, message.TopicRejectsLoads, message.TopicRejectsMedical}
	for _, topic := range slices.Concat(message.InputTopics(), message.OutputTopics(), message.StateTopics()) {
		if !seen[topic] && !slices.Contains(empty, topic) {
			t.Errorf("topic %s holds nothing to look at", topic)
		}
	}
	if !slices.ContainsFunc(slices.Collect(maps.Keys(seen)), func(topic string) bool { return strings.HasPrefix(topic, message.MedicalResultsOf("")) }) {
		t.Error("no hospital was answered")
	}
	return text.Bytes()
}

// ofCards are the streams whose rows are about cards: the row's subject is a card, and its
// evidence what the card signed.
func ofCards(stream string) bool {
	for _, prefix := range []string{"taps/", "taps.unconfirmed/", unconfirmed.Stream, "loads/", "authorised/", "releases", "opening"} {
		if strings.HasPrefix(stream, prefix) {
			return true
		}
	}
	return false
}

// exported is the export as text, without the subjects and evidence of rows about cards. Values in
// base64 or hex are added as bytes as well.
func (d *exposedDay) exported() []byte {
	file, err := os.Open(filepath.Join(d.data, "books"))
	if err != nil {
		d.Fatal(err)
	}
	defer file.Close()
	var text bytes.Buffer
	cards, rows := map[ledger.StreamID]bool{}, 0
	err = export.Read(file, func(line *export.Line) error {
		if s := line.Stream; s != nil {
			cards[s.Number] = ofCards(s.Stream)
		}
		if line.Row != nil {
			rows++
		}
		plain, err := json.Marshal(line)
		if err != nil {
			return err
		}
		var members any
		if err = json.Unmarshal(plain, &members); err != nil {
			return err
		}
		spread(&text, members, line.Row != nil && cards[line.Row.Stream])
		text.WriteByte('\n')
		return nil
	})
	if err != nil || rows < 1000 || !strings.Contains(text.String(), "release suspended") {
		d.Errorf("%d rows exported, or no release: %v", rows, err)
	}
	return text.Bytes()
}

// spread writes all texts of a JSON value.
func spread(out *bytes.Buffer, value any, ofCard bool) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if !ofCard || key != "subject" && key != "evidence" {
				spread(out, inner, ofCard)
			}
		}
	case []any:
		for _, inner := range v {
			spread(out, inner, ofCard)
		}
	case string:
		out.WriteString(v + " ")
		if raw, err := hex.DecodeString(v); err == nil {
			out.Write(raw)
		}
		if raw, err := base64.StdEncoding.DecodeString(v); err == nil {
			out.Write(raw)
		}
		out.WriteByte(' ')
	}
}

// secrets are the values that must not be found, in each form, by name.
func (d *exposedDay) secrets(records []*kgo.Record) map[string]string {
	secrets := map[string]string{}
	add := func(name, digits string) {
		secrets[digits], secrets[strings.ToLower(digits)] = name, name
		if raw, err := hex.DecodeString(digits); err == nil {
			secrets[string(raw)] = name
		}
	}
	secrets[passphrase], secrets[string(d.private("password"))] = "the keys' passphrase", "the database's password"
	delete(secrets, "") // another database than a private PostgreSQL has none
	secrets[string(bytes.TrimSpace(d.file("kafka", "password")))] = "the broker's password"
	for _, channel := range []string{"app", "counter", "kiosk"} {
		secrets[tokenIn(d.T, d.tokens, channel)] = "a channel's token"
	}
	cards := 0
	for _, r := range records {
		var tap message.Tap
		if r.Topic == message.TopicTaps && proto.Unmarshal(r.Value, &tap) == nil && len(tap.GetDebit().GetCard()) == 10 {
			cards++
			number := hex.EncodeToString(tap.GetDebit().GetCard())
			add("a card's number", number)
			secrets[number[1:]] = "a card's printed number"
			add("what keys are derived from a card's number by", number[4:])
		}
	}
	people := 0
	for _, c := range d.chips() {
		if s := c.Describe().SocialSecurity; s != nil {
			people++
			add("an identification code", s.Identification)
			add("an identity number", s.SecurityNumber)
			add("a name", s.Name)
		}
	}
	if cards < 500 || people < 50 || secrets[""] != "" {
		d.Fatalf("%d taps and %d people give %d secrets", cards, people, len(secrets))
	}
	return secrets
}

// chips are the cards of the city.
func (d *exposedDay) chips() (all []*chip.Chip) {
	data, err := os.ReadFile(filepath.Join(d.field, city.ImageFile))
	if err != nil {
		d.Fatal(err)
	}
	for rest := data[8 : len(data)-4]; len(rest) > 0; { // between magic and checksum
		length := binary.BigEndian.Uint32(rest)
		c, err := chip.Load(rest[4 : 4+length])
		if err != nil {
			d.Fatal(err)
		}
		all, rest = append(all, c), rest[4+length:]
	}
	return all
}

// private is a file of the private PostgreSQL; nil if the private database is of another kind.
func (d *exposedDay) private(elements ...string) []byte {
	if _, err := os.Stat(filepath.Join(d.data, "database", "data")); err != nil {
		return nil
	}
	return d.file(append([]string{"database"}, elements...)...)
}

func (d *exposedDay) file(elements ...string) []byte {
	text, err := os.ReadFile(filepath.Join(append([]string{d.data}, elements...)...))
	if err != nil {
		d.Fatal(err)
	}
	return text
}

// modes checks the access rights of everything below a directory. It does not look inside the
// folders of the embedded broker and the private database, since the folders themselves allow no
// access.
func (d *exposedDay) modes(root string) {
	files := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		want := fs.FileMode(0o600)
		switch {
		case entry.IsDir() && os.Geteuid() == 0 && root == d.data && (name == "." || name == "database"):
			want = 0o711 // the database's user passes through
		case entry.IsDir():
			want = 0o700
		}
		if info.Mode().Perm() != want {
			d.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		if name == filepath.Join("kafka", "log") || name == filepath.Join("database", "data") {
			return fs.SkipDir
		}
		files++
		return nil
	})
	if err != nil || files < 8 {
		d.Errorf("%s: %d files, %v", root, files, err)
	}
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/broker"
	"citycard/broker/kafkatest"
	"citycard/clearing/message"
	"citycard/clearing/transit/load"
)

// exampleRegistry is a registry for which the examples of docs/messages.md are valid.
func exampleRegistry() map[string]string {
	return map[string]string{
		"operators.csv": "id,name,name_en,mode,effective_from,effective_to\nbus,公交,Bus,bus,20200101,\n",
		"terminals.csv": "terminal,operator,mode,line,station,effective_from,effective_to\n999900000001,bus,bus,7,,20260101,\n",
		"cards.csv":     "card,issuer,type,status,effective_from,expires\n03104999900000000017,99994910ffffffff,01,active,20200101,20991231\n",
		"channels.csv":  "id,name,name_en,effective_from,effective_to\nkiosk,自助机,Kiosk,20200101,\n",
		"hospitals.csv": "id,name,name_en,class,effective_from,effective_to\nh1,一院,First,2,20200101,\n",
		"persons.csv": "token,insurance,status,personal_account_fen,pension_fen,certified_until,effective_from\n" +
			"ec763aa442aaf5c42f9da6c07c5703b8,employee,working,1000000,320050,202612,20200101\n",
		"purses.csv":  "card,issuer,fen,day\n",
		"hotlist.csv": "card,reason,effective_from,effective_to\n03104999900000000018,lost,20260105120000,\n",
		"modes.csv":   "id,kind,area,effective_from,effective_to\n1,no_date,operator:bus,20260105070000,\n",
	}
}

// exampleCity is a serving citycard for the examples.
type exampleCity struct {
	*reference
	programs
	data, api, token string
	client           *kgo.Client
}

func startExampleCity(t *testing.T) *exampleCity {
	p := build(t, "citycard", "cardsim")
	dir := reachableDir(t)
	c := &exampleCity{reference: newReference(t), programs: p, data: filepath.Join(dir, "data"), api: kafkatest.FreeAddress(t)}
	field := filepath.Join(dir, "field")
	p.testKeys(t, c.data, 1)
	p.run(t, "cardsim", "issue", "--data", field, "--cards", "100", "--keys", filepath.Join(c.data, "keys.age"), "--day", testDay)
	registry := filepath.Join(dir, "registry")
	if err := os.Mkdir(registry, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(field, "rules"), filepath.Join(dir, "rules")); err != nil {
		t.Fatal(err)
	}
	for name, text := range exampleRegistry() {
		if err := os.WriteFile(filepath.Join(registry, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kafka, ops := kafkatest.FreeAddress(t), kafkatest.FreeAddress(t)
	_, port, _ := strings.Cut(kafka, ":")
	s := &process{T: t, programs: p, ops: ops, args: []string{
		"serve", "--demo", "--examples", "--day", testDay, "--data", c.data, "--registry", registry, "--kafka-port", port, "--api", c.api, "--ops", ops,
	}}
	s.start()
	t.Cleanup(func() { s.signal(os.Interrupt) })
	p.run(t, "citycard", "ready", "--data", c.data)
	staff := p.enrolled(t, "--data", c.data)
	c.token = tokenIn(t, staff.letIn(registry), "kiosk")
	staff.receive("10000", "fund:employee", "pension:fund")
	opts, err := serverAccess(c.data).Options(kafka)
	if err != nil {
		t.Fatal(err)
	}
	topics := slices.Concat(message.OutputTopics(), []string{message.TopicRegistry, message.TopicHotlist, message.TopicModes, message.MedicalResultsOf("h1")})
	opts = append(opts, kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(100*time.Millisecond), kgo.MetadataMaxAge(time.Second), kgo.UnknownTopicRetries(-1))
	if c.client, err = broker.Connect(t.Context(), kafka, 10*time.Second, slog.New(slog.DiscardHandler), opts...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.client.Close)
	return c
}

// send writes a record in the form that its topic requires.
func (c *exampleCity) send(topic, key string, value []byte) {
	c.Helper()
	if err := c.client.ProduceSync(c.Context(), &kgo.Record{Topic: topic, Key: []byte(key), Value: value}).FirstErr(); err != nil {
		c.Fatal(err)
	}
}

// authorise asks the load authority, which knows a new credential within seconds.
func (c *exampleCity) authorise(request *message.LoadRequest) *message.LoadAnswer {
	c.Helper()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	status, body := c.ask(request)
	for end := time.Now().Add(20 * time.Second); status == http.StatusUnauthorized && time.Now().Before(end); status, body = c.ask(request) {
		<-again.C
	}
	answer := new(message.LoadAnswer)
	if status != http.StatusOK || proto.Unmarshal(body, answer) != nil {
		c.Fatalf("the load authority: %d: %q", status, body)
	}
	return answer
}

func (c *exampleCity) ask(request *message.LoadRequest) (status int, body []byte) {
	c.Helper()
	ask, err := http.NewRequestWithContext(c.Context(), http.MethodPost, "http://"+c.api+load.Path, bytes.NewReader(c.encoded(request)))
	if err != nil {
		c.Fatal(err)
	}
	ask.Header.Set("Content-Type", load.ContentType)
	ask.Header.Set("Authorization", "Bearer "+c.token)
	response, err := http.DefaultClient.Do(ask)
	if err != nil {
		c.Fatal(err)
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(response.Body); err != nil {
		c.Fatal(err)
	}
	return response.StatusCode, body
}

func (c *exampleCity) encoded(m proto.Message) []byte {
	c.Helper()
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		c.Fatal(err)
	}
	return value
}

// TestExamplesAreCleared writes the page's examples of participants' messages to a serving
// citycard, each with the page's key, and compares the answers with the page's.
func TestExamplesAreCleared(t *testing.T) {
	t.Parallel()
	c := startExampleCity(t)
	want := map[string]example{} // by topic
	var rejected []example
	inputs := map[string][]example{}
	for _, e := range c.examples() {
		switch {
		case slices.Contains(message.InputTopics(), e.topic):
			inputs[e.topic] = append(inputs[e.topic], e)
		case e.topic == message.TopicIntents || e.topic == message.TopicAcks: // nothing answers
		case e.topic != "HTTP" && e.topic != message.TopicFares:
			want[e.topic] = e
			if strings.HasPrefix(e.topic, "rejects.") {
				rejected = append(rejected, e)
			}
		}
	}
	if answer := c.authorise(exampleOf[*message.LoadRequest](c.reference)); !proto.Equal(answer, exampleOf[*message.LoadAnswer](c.reference)) {
		t.Errorf("the load authority answers %v", answer)
	}
	for _, topic := range message.InputTopics() {
		for _, e := range inputs[topic] {
			c.send(topic, e.key, c.encoded(e.message))
		}
	}
	for _, e := range rejected {
		reject, _ := e.message.(*message.Reject)
		input, _, _ := strings.Cut(reject.GetStream(), "/")
		c.send(input, inputs[input][0].key, reject.GetOriginal())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(want) > 0 {
		fetches := c.client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("not published as the page has it: %v", want)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if e, ok := want[r.Topic]; ok && c.isExample(e, r) {
				delete(want, r.Topic)
			}
		})
	}
	for account, fen := range map[string]string{"operator:bus": "0.80", "hospital:h1": "100.00", "pension:returned": "3,200.50", "channel:kiosk": "-50.00"} {
		out := c.run(t, "citycard", "account", "--data", c.data, "--code", account)
		if !strings.Contains(strings.ReplaceAll(out, ",", ""), strings.ReplaceAll(fen, ",", "")) {
			t.Errorf("%s does not hold %s:\n%s", account, fen, out)
		}
	}
}

// isExample reports whether a record is the example of its topic. The position of a rejected record
// depends on the broker.
func (c *exampleCity) isExample(e example, r *kgo.Record) bool {
	c.Helper()
	got := e.message.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(r.Value, got); err != nil {
		c.Errorf("%s: %v", r.Topic, err)
	}
	if reject, ok := got.(*message.Reject); ok {
		if string(r.Key) != reject.GetStream() {
			c.Errorf("a reject of %s has the key %q", reject.GetStream(), r.Key)
		}
		model, _ := e.message.(*message.Reject)
		reject.Stream, reject.Offset = model.GetStream(), model.GetOffset()
		return proto.Equal(got, e.message)
	}
	key := string(r.Key)
	switch m := got.(type) {
	case *message.RegistryEntry:
		key = fmt.Sprintf("%s: and the 6 bytes %x", m.GetKind(), bytes.TrimPrefix(r.Key, []byte(m.GetKind()+":")))
	case *message.HotlistEntry:
		key = fmt.Sprintf("the 8 bytes %x", r.Key)
	case *message.ModeList:
	default:
		key = fmt.Sprintf("the 16 bytes %x", key)
	}
	return key == e.key && proto.Equal(got, e.message)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/broker/kafkatest"
	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/service"
	"citycard/simulators/specimen"
)

// centre is a clearing centre: `citycard serve` with a broker of its own.
type centre struct {
	*testing.T
	dir     string
	env     []string
	kafka   int
	pages   string
	serving *exec.Cmd
	words   said
	begun   chan error
}

// startCentre starts one that knows cards and, on buses of a line, SAMs. It begins while the test
// goes on.
func startCentre(t *testing.T, cards []*chip.TransitDescribed, line int, terminals ...string) *centre {
	t.Helper()
	dir, err := os.MkdirTemp("", "citycard-test-")
	must(t, err)
	must(t, os.Chmod(dir, 0o755)) // its database is another user's
	c := &centre{
		T: t, dir: dir, kafka: kafkatest.FreePort(t), pages: kafkatest.FreeAddress(t), begun: make(chan error, 1),
		env: append(os.Environ(), "LC_ALL=C", service.PassphraseVariable+"="+passphrase),
	}
	if url := bookstest.Database(t); url != "" {
		c.env = append(c.env, "CITYCARD_DB="+url)
	}
	t.Cleanup(c.end)
	go func() { c.begun <- c.begin(cards, line, terminals) }()
	return c
}

// startCentre starts a centre that knows the torture's cards and SAMs.
func (r *torture) startCentre() *centre {
	r.Helper()
	var cards []*chip.TransitDescribed
	for _, v := range r.cards {
		cards = append(cards, v.before)
	}
	var terminals []string
	for i := range r.lanes {
		terminals = append(terminals, doorTerminal(i))
	}
	return startCentre(r.T, cards, 1, terminals...)
}

// doorTerminal is the number of a door's SAM.
func doorTerminal(door int) string { return fmt.Sprintf("49101000%04x", 1<<8|door) }

func (c *centre) path(elements ...string) string {
	return filepath.Join(append([]string{c.dir}, elements...)...)
}

// begin makes keys and a registry, and starts to serve.
func (c *centre) begin(known []*chip.TransitDescribed, line int, validators []string) error {
	if out, err := exec.CommandContext(c.Context(), "go", "build", "-o", c.dir, "citycard/cmd/citycard", "citycard/cmd/cardsim").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w: %s", err, out)
	}
	data, err := service.OpenDataDir(c.path("data"), books.DataPurpose)
	if err == nil {
		err = errors.Join(specimen.Keys().WithWorkFactor(2).Create(c.path("data", "keys.age"), passphrase), data.Close())
	}
	if err != nil {
		return err
	}
	if _, err := c.run("cardsim", "issue", "--data", c.path("field"), "--cards", "100", "--keys", c.path("data", "keys.age")); err != nil {
		return err
	}
	var cards, terminals strings.Builder
	cards.WriteString("card,issuer,type,status,effective_from,expires\n")
	for _, v := range known {
		fmt.Fprintf(&cards, "%s,%s,%02x,active,20200101,20991231\n", v.Number, v.Issuer, v.CardType)
	}
	terminals.WriteString("terminal,operator,mode,line,station,effective_from,effective_to\n")
	for _, number := range validators {
		fmt.Fprintf(&terminals, "%s,bus,bus,%d,,20200101,\n", number, line)
	}
	for name, text := range map[string]string{
		"operators.csv": "id,name,name_en,mode,effective_from,effective_to\nbus,公交,Bus,bus,20200101,\n",
		"cards.csv":     cards.String(), "terminals.csv": terminals.String(),
		"purses.csv": "card,issuer,fen,day\n", "hotlist.csv": "card,reason,effective_from,effective_to\n",
	} {
		if err := os.WriteFile(c.path("field", "registry", name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if _, err := c.run("citycard", "publish-key", "make", "--data", c.path("data")); err != nil {
		return err
	}
	c.serving = c.command("citycard", "serve", "--demo", "--examples", "--data", c.path("data"), "--registry", c.path("field", "registry"),
		"--kafka-port", fmt.Sprint(c.kafka), "--api", "127.0.0.1:0", "--ops", c.pages)
	c.serving.Stdout, c.serving.Stderr = &c.words, &c.words
	if err := c.serving.Start(); err != nil {
		c.serving = nil
		return err
	}
	_, err = c.run("citycard", "ready", "--data", c.path("data"))
	return err
}

func (c *centre) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(c.path(program), args...)
	cmd.Env = c.env
	return cmd
}

// run runs a program to its end and returns what it printed.
func (c *centre) run(program string, args ...string) ([]byte, error) {
	cmd := c.command(program, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, errs.String())
	}
	return out.Bytes(), nil
}

// end ends it, and removes everything.
func (c *centre) end() {
	if c.serving != nil {
		if err := errors.Join(c.serving.Process.Signal(syscall.SIGTERM), c.serving.Wait()); err != nil {
			c.Errorf("the clearing centre ends with %v:\n%s", err, c.words.all())
		}
	}
	if err := os.RemoveAll(c.dir); err != nil {
		c.Error(err)
	}
}

// send gives the centre all records of the torture, in their order.
func (c *centre) send(topics ...[]*kgo.Record) {
	c.Helper()
	opts, err := broker.Access{User: "citycard", PasswordFile: c.path("data", "kafka", "password")}.Options(c.address())
	must(c.T, err)
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(c.address()))...)
	must(c.T, err)
	defer client.Close()
	for _, records := range topics {
		copies := make([]*kgo.Record, len(records))
		for i, r := range records {
			copies[i] = &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value}
		}
		must(c.T, client.ProduceSync(c.Context(), copies...).FirstErr())
	}
}

func (c *centre) address() string { return fmt.Sprintf("127.0.0.1:%d", c.kafka) }

// booked is a tap in the ledger.
type booked struct {
	Verdict  string `json:"verdict"`
	Fen      uint32 `json:"fen"`
	Card     string `json:"card"`
	Time     string `json:"time"`
	Terminal string `json:"terminal"`
	Sequence uint32 `json:"sequence"`
}

// lodged is a tap in the ledger with its record.
type lodged struct {
	booked
	Evidence string `json:"evidence_hex"`
}

// taps are the taps of a terminal in the ledger.
func (c *centre) taps(terminal string) (taps []lodged) {
	c.Helper()
	out, err := c.run("citycard", "tap", "find", "--terminal", terminal, "--json", "--limit", "1000000", "--data", c.path("data"))
	must(c.T, err)
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var b lodged
		if err := decoder.Decode(&b); errors.Is(err, io.EOF) {
			return taps
		} else if err != nil {
			c.Fatalf("%v: %s", err, out)
		}
		taps = append(taps, b)
	}
}

// audit holds the ledger against the accounts of the cards: each debit that is a tap in Kafka is
// there once, paid, and nothing else is. The others are kept unconfirmed, for nothing, as are those
// whose lanes did not know for a while.
func (r *torture) audit(c *centre) {
	r.Helper()
	must(r.T, <-c.begun)
	taps, unconfirmed := r.read(message.TopicTaps), r.read(message.TopicTapsUnconfirmed)
	c.send(inOrder(taps), inOrder(unconfirmed))
	want, claimed := map[booked]bool{}, map[booked]bool{}
	for key := range unconfirmed {
		t := r.tap(message.TopicTapsUnconfirmed, unconfirmed[key][0]).GetDebit()
		claimed[booked{"unconfirmed", 0, fmt.Sprintf("%x", t.GetCard()), fmt.Sprintf("%x", t.GetTime()), fmt.Sprintf("%x", t.GetTerminal()), t.GetTerminalSequence()}] = true
	}
	for _, v := range r.cards {
		for _, d := range v.card.Debits() {
			b := booked{"cleared", d.Fen, v.number(), fmt.Sprintf("%x", d.Time), fmt.Sprintf("%x", d.Terminal), d.Sequence}
			if len(taps[keyOf(d.Terminal[:], d.Sequence)]) == 0 {
				b.Verdict, b.Fen = "unconfirmed", 0
			}
			want[b] = true
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	var got []lodged
	for got = nil; ; got = nil {
		for i := range r.lanes {
			got = append(got, c.taps(doorTerminal(i))...)
		}
		if len(got) >= len(taps)+len(claimed) || ctx.Err() != nil {
			break
		}
	}
	seen := map[booked]int{}
	for _, k := range got {
		b := k.booked
		if b.Verdict == "duplicate" {
			continue
		}
		if seen[b]++; !want[b] && !claimed[b] || seen[b] > 1 {
			r.Errorf("the ledger has %+v %d times, wanted: %t", b, seen[b], want[b])
		}
	}
	for b := range want {
		if seen[b] == 0 {
			r.Errorf("the ledger lacks %+v", b)
		}
	}
	r.Logf("in the ledger are %d taps, each once, and %d unconfirmed records", len(taps), len(claimed))
}

// inOrder are the records of a topic as they came.
func inOrder(byKey map[string][]*kgo.Record) (all []*kgo.Record) {
	for _, records := range byKey {
		all = append(all, records...)
	}
	slices.SortFunc(all, func(a, b *kgo.Record) int { return int(a.Offset - b.Offset) })
	return all
}

package main

import (
	"context"
	"errors"
	"flag"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/simulators/crowd"
	"citycard/simulators/plan"
)

// directFrom is the number of cards above which no chips are made by default: with ten times as
// many, the chips would fill gigabytes and a day would take an hour. The help texts have it too.
const directFrom = 200_000

// mode chooses between chips and compact state: a flag that may be left to the
// number of cards.
type mode struct{ set, direct bool }

func (m *mode) String() string {
	if m == nil || !m.set {
		return "auto"
	}
	return strconv.FormatBool(m.direct)
}

// Set takes auto or a truth value.
func (m *mode) Set(text string) error {
	if text == "auto" {
		*m = mode{}
		return nil
	}
	direct, err := strconv.ParseBool(text)
	if err != nil {
		return language.Textf("want true, false or auto")
	}
	*m = mode{set: true, direct: direct}
	return nil
}

// IsBoolFlag lets --direct stand alone.
func (m *mode) IsBoolFlag() bool { return true }

// onlyDirect lists the given flags that have no effect in a city with chips.
func (c *dayInTheCity) onlyDirect() (names []string) {
	c.flags.Visit(func(f *flag.Flag) {
		if strings.HasPrefix(f.Usage, "direct:") {
			names = append(names, "--"+f.Name)
		}
	})
	return names
}

// parts reads --part.
func (c *dayInTheCity) parts() (part, parts int, err error) {
	if c.part == "" {
		return 0, 0, nil
	}
	n, m, found := strings.Cut(c.part, "/")
	part, errN := strconv.Atoi(n)
	parts, errM := strconv.Atoi(m)
	if !found || errN != nil || errM != nil || part < 1 || part > parts {
		return 0, 0, service.Exit(service.ExitUsage, language.Textf("--part %q: want N/M, such as 1/2", c.part))
	}
	return part, parts, nil
}

// playDirect plays one day of a city of millions.
func (c *dayInTheCity) playDirect(ctx context.Context, day plan.Day) error {
	part, parts, err := c.parts()
	if err != nil {
		return err
	}
	mail, err := newPost(c.brokers(), c.opts)
	if err != nil {
		return service.Fail("bad address of the message log").Todo("correct --kafka").Because(err)
	}
	defer mail.client.Close()
	_, err = crowd.Play(ctx, crowd.Options{
		Day: day, Hot: c.hot, OrderSeed: c.orderSeed, Part: part, Parts: parts, Truth: filepath.Join(c.Data, "truth"),
		Send: mail.send, Sent: mail.sent,
	})
	if errors.Is(err, crowd.ErrPlayed) {
		return service.Refuse("%s or a later day has been played in %s", day.Date.Format("20060102"), c.Data).Todo("give a later --day, or an empty directory with --data")
	}
	return err
}

// post sends letters to Kafka, acknowledged by all in-sync replicas, each exactly once (the client
// is idempotent). The first error ends it. That the broker goes as the client connects is none: the
// fares were read with the same settings, so it is not they that are wrong.
type post struct {
	client *kgo.Client
	mu     sync.Mutex
	err    error
}

func newPost(brokers []string, opts []kgo.Opt) (*post, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.MaxBufferedRecords(100_000), kgo.DefaultProduceTopic(message.TopicTaps),
		kgo.AlwaysRetryEOF(),
	}, opts...)...)
	if err != nil {
		return nil, err
	}
	return &post{client: client}, nil
}

func (p *post) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *post) send(ctx context.Context, _ int, letters []crowd.Letter) error {
	if err := p.failed(); err != nil {
		return err
	}
	records := make([]kgo.Record, len(letters))
	for i, l := range letters {
		records[i].Key, records[i].Value = l.Key, l.Value
		p.client.Produce(ctx, &records[i], p.answer)
	}
	return ctx.Err()
}

func (p *post) answer(_ *kgo.Record, err error) {
	if err == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = language.Textf("topic %s: %w", message.TopicTaps, err)
	}
}

func (p *post) sent(ctx context.Context) error {
	return errors.Join(p.client.Flush(ctx), p.failed())
}

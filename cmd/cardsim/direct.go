package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/simulators/city"
	"citycard/simulators/crowd"
	"citycard/simulators/network"
)

// directFrom is the number of cards above which no chips are made unless told: ten
// times as many would fill gigabytes and take an hour to play.
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
		return errors.New("want true, false or auto")
	}
	*m = mode{set: true, direct: direct}
	return nil
}

// IsBoolFlag lets --direct stand alone.
func (m *mode) IsBoolFlag() bool { return true }

// crowding are the settings of cities of millions.
type crowding struct {
	mode   mode
	riders int
}

func (c *crowding) register(flags *flag.FlagSet) {
	flags.Var(&c.mode, "direct", "no chips: taps from compact state, for millions of cards; auto: above "+strconv.Itoa(directFrom)+" cards / 直接生成交易")
	flags.IntVar(&c.riders, "riders", 0, "direct: `NUMBER` of cards that ride, 0 for all; the others only stand in the registry / 乘车卡数")
}

func (c *crowding) direct(cards int) bool { return c.mode.direct || !c.mode.set && cards > directFrom }

// city is the city that the flags describe.
func (c *crowding) city(s *settings, day time.Time) crowd.City {
	riders := c.riders
	if riders == 0 {
		riders = s.cards
	}
	y, m, d := day.Date()
	return crowd.City{Seed: s.seed, Cards: s.cards, Riders: riders, Day: y*10_000 + int(m)*100 + d}
}

// issueCrowd issues a city of millions; already is true where the directory holds it.
func (c *crowding) issueCrowd(s *settings, day time.Time, p *progress) (already bool, err error) {
	want := c.city(s, day)
	if err := want.Check(); err != nil {
		return false, service.Fail("no such city / 没有这样的城市", "correct --cards or --riders", err)
	}
	if _, other, err := city.ReadState(s.Data); err != nil || other {
		return false, service.Refuse(s.Data+" holds a city with chips / 目录中是有卡片的城市", "give another directory with --data, or leave out --direct", err)
	}
	have, ok, err := crowd.Read(s.Data)
	if ok {
		want.Day = have.Day // a city may be played on other days than its first
	}
	switch {
	case err != nil:
		return false, service.Fail("data directory not usable / 数据目录不可用", "give another one with --data", err)
	case ok && have != want:
		return false, service.Fail(
			fmt.Sprintf("%s holds a city of %d cards, %d of them riders, with seed %d / 目录中是另一座城市", s.Data, have.Cards, have.Riders, have.Seed),
			fmt.Sprintf("give --seed %d --cards %d --riders %d, or another --data", have.Seed, have.Cards, have.Riders), nil)
	case ok:
		return true, nil
	}
	n, err := network.Zhengzhou()
	if err != nil {
		return false, err
	}
	if err := crowd.Issue(s.Data, want, n, func(done, total int) { p.report("issue", done, total) }); err != nil {
		return false, service.Fail("registry not written / 登记文件未写入", "check the disk", err)
	}
	return false, p.Err()
}

// playing are the settings of a direct city's day.
type playing struct {
	shares    crowd.Shares
	orderSeed uint64
	part      string
	hot       string
}

func (d *playing) register(flags *flag.FlagSet) {
	for _, f := range []struct {
		name, usage string
		value       *float64
		start       float64
	}{
		{"counter-gaps", "direct: `SHARE` of taps before which one of the card was lost / 卡计数器缺口", &d.shares.CounterGap, 0.001},
		{"sam-gaps", "direct: `SHARE` of taps before which the SAM lost one / 终端序号缺口", &d.shares.SAMGap, 0.001},
		{"hot-share", "direct: `SHARE` of rides for --hot-operator / 热点运营商占比", &d.shares.Hot, 0},
	} {
		flags.Float64Var(f.value, f.name, f.start, f.usage)
	}
	flags.StringVar(&d.hot, "hot-operator", "", "direct: `ID` of the operator that has most of the rides / 热点运营商")
	flags.Uint64Var(&d.orderSeed, "order-seed", 0, "direct: `NUMBER` that shuffles the order of sending; 0: as it happened / 发送次序种子")
	flags.StringVar(&d.part, "part", "", "direct: send only part `N/M` of the day, in turn; the truth is the whole day's / 分批发送")
}

// onlyDirect lists given flags that mean nothing to chips.
func (d *playing) onlyDirect(flags *flag.FlagSet) (names []string) {
	flags.Visit(func(f *flag.Flag) {
		if strings.HasPrefix(f.Usage, "direct:") {
			names = append(names, "--"+f.Name)
		}
	})
	return names
}

// all are the shares of both kinds of flags.
func (d *playing) all(s city.Shares) crowd.Shares {
	out := d.shares
	out.Duplicate, out.OutOfOrder, out.Late, out.Undecodable, out.Invalid = s.Duplicate, s.OutOfOrder, s.Late, s.Undecodable, s.Invalid
	out.UnknownTerminal, out.WrongClock, out.Foreign = s.UnknownTerminal, s.WrongClock, s.Foreign
	out.Tampered, out.Fields = s.Tampered, s.Fields
	return out
}

// parts reads --part.
func (d *playing) parts() (part, parts int, err error) {
	if d.part == "" {
		return 0, 0, nil
	}
	n, m, found := strings.Cut(d.part, "/")
	part, errN := strconv.Atoi(n)
	parts, errM := strconv.Atoi(m)
	if !found || errN != nil || errM != nil || part < 1 || part > parts {
		return 0, 0, service.Exit(service.ExitUsage, fmt.Errorf("--part %q: want N/M, such as 1/2", d.part))
	}
	return part, parts, nil
}

// playCrowd plays one day of a city of millions.
func (c *dayInTheCity) playCrowd(ctx context.Context, day time.Time, store *keys.Store, fares *message.FareTable, p *progress) (err error) {
	n, err := network.Zhengzhou()
	if err != nil {
		return err
	}
	part, parts, err := c.direct.parts()
	if err != nil {
		return err
	}
	issued, _, err := crowd.Read(c.Data)
	if err != nil {
		return service.Fail("data directory not usable / 数据目录不可用", "give another one with --data", err)
	}
	mail, err := newPost(c.brokers(), c.opts)
	if err != nil {
		return service.Fail("bad address of the message log / Kafka 地址有误", "correct --kafka", err)
	}
	defer mail.client.Close()
	_, err = crowd.Play(ctx, crowd.Options{
		Dir: c.Data, City: issued, Network: n, Keys: store, Fares: fares, Day: day, Shares: c.direct.all(c.shares),
		Rides: c.rides, Hot: c.direct.hot, OrderSeed: c.direct.orderSeed, Part: part, Parts: parts, Truth: filepath.Join(c.Data, "truth"),
		Send: mail.send, Sent: mail.sent, Progress: func(done, total int) { p.report("day", done, total) },
	})
	if errors.Is(err, crowd.ErrPlayed) {
		return service.Refuse(day.Format("20060102")+" or a later day has been played in "+c.Data+" / 该日或更晚的日子已模拟", "give a later --day, or an empty directory with --data", nil)
	}
	return err
}

// post sends letters to Kafka, acknowledged by all in-sync replicas and each once
// (the client is idempotent). The first error ends it.
type post struct {
	client *kgo.Client
	mu     sync.Mutex
	err    error
}

func newPost(brokers []string, opts []kgo.Opt) (*post, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.MaxBufferedRecords(100_000), kgo.DefaultProduceTopic(message.TopicTaps),
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
		p.err = fmt.Errorf("topic %s: %w", message.TopicTaps, err)
	}
}

func (p *post) sent(ctx context.Context) error {
	return errors.Join(p.client.Flush(ctx), p.failed())
}

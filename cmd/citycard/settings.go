package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"citycard/broker"
	"citycard/cardos/keys"
	"citycard/clearing/intake"
	"citycard/clearing/topics"
	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/schema"
)

// settings are what serve and demo share.
type settings struct {
	service.Common
	database   string
	dbTimeout  time.Duration
	kafka      string
	access     broker.Access
	kafkaPort  int
	partitions int
	replicas   int
	minInsync  int
	keyFile    string
	passphrase string // the file of it
	registry   string
	ops        string
	api        string
	tokens     string
	instance   string
	zone       zone
	day        day
	patience   time.Duration
	demo       bool // TEST masters may be used
}

func (s *settings) register(fs *flag.FlagSet) {
	s.Register(fs)
	service.RegisterDatabase(fs, &s.database, "`URL` of CockroachDB or PostgreSQL; empty: a private one in the data directory / 数据库地址")
	fs.DurationVar(&s.dbTimeout, "db-timeout", schema.DefaultPatience, "how long the database may leave a statement of a posting without an answer / 数据库应答时限")
	fs.StringVar(&s.kafka, "kafka", "", "`HOST:PORT[,…]` of Kafka; empty: an embedded broker in the data directory / Kafka 地址")
	s.access.Register(fs)
	service.Whole(fs, &s.kafkaPort, "kafka-port", 0, 65535, "`port` of the embedded broker on 127.0.0.1; 0 takes a free one / 内置消息服务端口")
	s.partitions = 4
	service.Whole(fs, &s.partitions, "partitions", 1, 1000, "`number` of partitions of topics that are created / 新建主题的分区数")
	service.Whole(fs, &s.replicas, "kafka-replicas", 0, 0, "`number` of replicas that every topic must have; 0: three, or as many as there are brokers / 主题副本数")
	service.Whole(fs, &s.minInsync, "kafka-min-insync", 0, 0, "`number` of replicas that must have a record before it is acknowledged; 0: more than half / 最少同步副本数")
	fs.StringVar(&s.keyFile, "keys", "", "key store `file`; empty: keys.age in the data directory / 密钥库文件")
	service.RegisterPassphrase(fs, &s.passphrase)
	fs.StringVar(&s.registry, "registry", "", "`directory` of the network, and of the files that found the registry of an empty database; empty: registry in the data directory / 登记库目录")
	fs.StringVar(&s.ops, "ops", s.ops, "`address` of metrics, health and status pages / 监控与状态页地址")
	fs.StringVar(&s.api, "api", s.api, "`address` of the load authority / 圈存授权接口地址")
	fs.StringVar(&s.tokens, "channel-tokens", "", "`directory` of the channels' tokens, ID.sha256 each; empty: "+channelTokens+" in the data directory, made where they are missing / 渠道令牌目录")
	fs.StringVar(&s.instance, "instance", "", "`name` of this process among those that share the work, kept over restarts; empty: of host and data directory / 实例名")
	fs.DurationVar(&s.patience, "patience", intake.DefaultPatience, "how `long` a partition waits for an account that refuses what must be booked, before the record is kept alone / 等待账户的时限,逾时隔离")
	fs.Var(&s.zone, "zone", "time `zone` of cards and days / 时区")
	fs.Var(&s.day, "day", "first clearing `day` YYYYMMDD; empty: today / 首个清算日")
}

// layout is what the topics must be like.
func (s *settings) layout() topics.Layout {
	return topics.Layout{Partitions: int32(s.partitions), Replicas: s.replicas, MinInsync: s.minInsync}
}

// instanceName is this process's name among those that share the work.
func (s *settings) instanceName(dir string) string {
	if s.instance != "" {
		return s.instance
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	sum := sha256.Sum256([]byte(dir))
	return fmt.Sprintf("%.32s-%x", host, sum[:4])
}

// checkPorts looks whether the addresses can be listened on, before anything is begun that
// cannot be reached in the end.
func (s *settings) checkPorts(ctx context.Context) error {
	if s.kafka == "" {
		if err := service.TryListen(ctx, "kafka-port", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.kafkaPort))); err != nil {
			return err
		}
	}
	if err := service.TryListen(ctx, "api", s.api); err != nil {
		return err
	}
	return service.TryListen(ctx, "ops", s.ops)
}

// firstDay is the clearing day that new books begin with.
func (s *settings) firstDay(now time.Time) ledger.Day {
	if s.day != 0 {
		return ledger.Day(s.day)
	}
	return ledger.DayOf(now.In(s.zone.location()))
}

// testMasters is what a process that uses them says of itself.
const testMasters = "TEST masters are in use: anybody can make cards, taps and loads that verify / 正在使用测试主密钥"

// openKeys opens the key store. TEST masters are refused outside a demonstration.
func openKeys(path, passphraseFile string, demo bool, log *slog.Logger) (*keys.Keyring, error) {
	passphrase, err := service.Passphrase(passphraseFile)
	if err != nil {
		return nil, err
	}
	ring, err := keys.OpenKeyring(path, passphrase, log)
	if err != nil {
		return nil, cannotOpenKeys(path, err)
	}
	if err := service.AllowKeys(ring.Store().Test(), path, demo); err != nil {
		return nil, err
	}
	if ring.Store().Test() {
		log.Warn(testMasters, "keys", path)
	}
	return ring, nil
}

func cannotOpenKeys(path string, err error) error {
	return service.Fail("cannot open the key store "+path+" / 无法打开密钥库", "check --keys and its passphrase; \"citycard keys\" makes one", err)
}

// zone is a flag that holds a time zone; the zero value is Asia/Shanghai.
type zone struct{ *time.Location }

const defaultZone = "Asia/Shanghai"

func (z *zone) String() string {
	if z.Location == nil {
		return defaultZone
	}
	return z.Location.String()
}

func (z *zone) Set(text string) error {
	location, err := time.LoadLocation(text)
	if err != nil {
		return fmt.Errorf("%q is not a time zone such as %s", text, defaultZone)
	}
	z.Location = location
	return nil
}

func (z *zone) location() *time.Location {
	if z.Location == nil {
		// Without a zone database on the machine the offset is right all the same:
		// China has had no summer time since 1991.
		return time.FixedZone(defaultZone, 8*60*60)
	}
	return z.Location
}

// day is a flag that holds a clearing day; the zero value is none.
type day ledger.Day

func (d *day) String() string {
	if *d == 0 {
		return ""
	}
	return ledger.Day(*d).String()
}

func (d *day) Set(text string) error {
	parsed, err := ledger.ParseDay(text)
	if err != nil {
		return err
	}
	*d = day(parsed)
	return nil
}

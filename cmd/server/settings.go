package server

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"citycard/broker"
	"citycard/clearing/intake"
	"citycard/clearing/topics"
	"citycard/cmd/books"
	"citycard/cmd/keyserver"
	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/schema"
)

// Settings are the flags that serve and demo share.
type Settings struct {
	service.Common
	Database   string
	Look       string // URL of the database for those who look
	DBTimeout  time.Duration
	Kafka      string
	Access     broker.Access
	KafkaPort  int
	Partitions int
	Keys       string // the key store's file
	Passphrase string // the file of it
	KeyService keyserver.ClientSettings
	Registry   string
	Rules      string // directory of the documents that found the rules
	Examples   bool   // rules may be examples
	Ops        string
	API        APISettings
	Instance   string
	Zone       service.Zone
	Day        books.Day
	Patience   time.Duration
	Demo       bool // TEST masters may be used

	replicas  int
	minInsync int
}

// RegisterServing adds the flags of a serving process; values that are already set become the
// defaults.
func (s *Settings) RegisterServing(fs *flag.FlagSet) {
	s.Register(fs)
	service.RegisterDatabase(fs, &s.Database, "`URL` of CockroachDB or PostgreSQL; empty: a private one in the data directory")
	service.RegisterLook(fs, &s.Look)
	fs.DurationVar(&s.DBTimeout, "db-timeout", schema.DefaultPatience, "how long the database may leave a statement of a posting without an answer")
	fs.StringVar(&s.Kafka, "kafka", "", "`HOST:PORT[,…]` of Kafka; empty: an embedded broker in the data directory")
	s.Access.Register(fs)
	service.Whole(fs, &s.KafkaPort, "kafka-port", 0, 65535, "`port` of the embedded broker on 127.0.0.1; 0 takes a free one")
	s.Partitions = 4
	service.Whole(fs, &s.Partitions, "partitions", 1, 1000, "`number` of partitions of topics that are created")
	service.Whole(fs, &s.replicas, "kafka-replicas", 0, 0, "`number` of replicas that every topic must have; 0: three, or as many as there are brokers")
	service.Whole(fs, &s.minInsync, "kafka-min-insync", 0, 0, "`number` of replicas that must have a record before it is acknowledged; 0: more than half")
	fs.StringVar(&s.Keys, "keys", "", "key store `file`; empty: keys.age in the data directory")
	service.RegisterPassphrase(fs, &s.Passphrase)
	fs.StringVar(&s.Registry, "registry", "", "`directory` of the files that found the registry of an empty database; empty: registry in the data directory")
	fs.StringVar(&s.Rules, "rules", "", "`directory` of the documents that found the rules of an empty database; empty: rules beside the registry's")
	fs.BoolVar(&s.Examples, "examples", false, "rules may be examples, for which nobody answers: this is a demonstration or a trial")
	fs.StringVar(&s.Ops, "ops", s.Ops, "`address` of metrics, health and status pages")
	s.API.register(fs)
	fs.StringVar(&s.Instance, "instance", "", "`name` of this process among those that share the work, kept over restarts; empty: of host and data directory")
	fs.DurationVar(&s.Patience, "patience", intake.DefaultPatience, "how `long` a partition waits for an account that refuses what must be booked, before the record is kept alone")
	fs.Var(&s.Zone, "zone", "time `zone` of cards and days, with which an empty database is founded for ever")
	fs.Var(&s.Day, "day", "first clearing `day` YYYYMMDD; empty: today")
}

// layout describes the required topics.
func (s *Settings) layout() topics.Layout {
	return topics.Layout{Partitions: int32(s.Partitions), Replicas: s.replicas, MinInsync: s.minInsync}
}

// instanceName is this process's name among those that share the work.
func (s *Settings) instanceName(dir string) string {
	if s.Instance != "" {
		return s.Instance
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	sum := sha256.Sum256([]byte(dir))
	return fmt.Sprintf("%.32s-%x", host, sum[:4])
}

// CheckPorts tries to listen on the addresses before anything starts, so that no process starts
// which cannot be reached.
func (s *Settings) CheckPorts(ctx context.Context) error {
	if s.Kafka == "" {
		if err := service.TryListen(ctx, "kafka-port", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.KafkaPort))); err != nil {
			return err
		}
	}
	if err := s.API.check(); err != nil {
		return err
	}
	if err := service.TryListen(ctx, "api", s.API.Address); err != nil {
		return err
	}
	return service.TryListen(ctx, "ops", s.Ops)
}

// FirstDay is the clearing day that new books begin with.
func (s *Settings) FirstDay(now time.Time) ledger.Day {
	if s.Day != 0 {
		return ledger.Day(s.Day)
	}
	return ledger.DayOf(now.In(s.Zone.Location()))
}

// KeyPath is the key store's file: the named one, or the data directory's.
func (s *Settings) KeyPath(dir string) string {
	if s.Keys != "" {
		return s.Keys
	}
	return filepath.Join(dir, "keys.age")
}

func (s *Settings) registryPath(dir string) string {
	if s.Registry != "" {
		return s.Registry
	}
	return filepath.Join(dir, "registry")
}

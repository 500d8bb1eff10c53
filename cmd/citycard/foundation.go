package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/clearing/message"
	"citycard/clearing/topics"
	"citycard/cmd/observe"
	"citycard/cmd/service"
	"citycard/ledger"
)

// foundation is what everything else stands on: the books and the message log.
type foundation struct {
	books *books
	fresh bool   // the books were empty
	kafka string // seed addresses
	asks  broker.Access
	// access is what the cluster asks of a client, as a client is made with it.
	access []kgo.Opt
	admin  *kgo.Client
	layout topics.Layout
	failed chan error // the first end of a part that was not asked for
}

// fail reports an end that was not asked for; the first is the one that counts.
func (f *foundation) fail(err error) {
	select {
	case f.failed <- err:
	default:
	}
}

// failure is why a part ended, nil while all are at work.
func (f *foundation) failure() error {
	select {
	case err := <-f.failed:
		return err
	default:
		return nil
	}
}

// watch reports the end of the private database and of the embedded broker.
func (f *foundation) watch(embedded *broker.Embedded, stack *service.Stack) {
	stopped := make(chan struct{})
	var unwritten <-chan error
	if embedded != nil {
		unwritten = embedded.Failed()
	}
	go func() {
		select {
		case <-f.books.database.Ended():
			f.books.told.Store(true)
			f.fail(f.books.database.Err())
		case err := <-unwritten:
			f.fail(err)
		case <-stopped:
		}
	}()
	stack.Push("watch", func(context.Context) error { close(stopped); return nil })
}

// lay opens the books and the message log and pushes their ends on the stack.
func lay(ctx context.Context, s *settings, dir *service.DataDir, now time.Time, stack *service.Stack, log *slog.Logger) (*foundation, error) {
	f := &foundation{layout: s.layout(), failed: make(chan error, 1)}
	if s.dbTimeout <= 0 {
		return nil, service.Exit(service.ExitUsage, fmt.Errorf("--db-timeout %s: want more than 0s", s.dbTimeout))
	}
	// The quick refusal comes first: a database takes seconds to start.
	embedded, err := f.reachKafka(ctx, s, dir, stack, log)
	if err != nil {
		return nil, err
	}
	if f.books, err = openBooks(ctx, s.database, observe.PrivateDir(dir.Path), s.partitions*4+8, log, ledger.Patience(s.dbTimeout)); err != nil {
		return nil, err
	}
	stack.Push("database", f.books.Close)
	log.Info("books open", "database", f.books.description)
	f.watch(embedded, stack)
	return f, f.begin(ctx, s.firstDay(now))
}

// reachKafka starts the embedded broker, or connects to the one given, and makes
// sure that the topics are there.
func (f *foundation) reachKafka(ctx context.Context, s *settings, dir *service.DataDir, stack *service.Stack, log *slog.Logger) (embedded *broker.Embedded, err error) {
	if f.kafka, f.asks = s.kafka, s.access; f.kafka == "" {
		embedded, err = broker.Start(dir.Join("kafka"), s.kafkaPort, log)
		if err != nil {
			return nil, service.Fail("cannot start the embedded broker / 内置消息服务无法启动", "choose another --kafka-port, or give --kafka", err)
		}
		stack.Push("broker", func(context.Context) error { return embedded.Close() })
		f.kafka, f.asks = embedded.Addr, embedded.Access
	}
	if f.access, err = f.asks.Options(f.kafka); err != nil {
		return nil, service.Exit(service.ExitUsage, err)
	}
	if f.admin, err = broker.Connect(ctx, f.kafka, 10*time.Second, log, append([]kgo.Opt{kgo.RequiredAcks(kgo.AllISRAcks()), kgo.AllowIdempotentProduceCancellation()}, f.access...)...); err != nil {
		return nil, service.Unreachable("cannot reach Kafka / 无法连接 Kafka", "start the broker or correct --kafka", err)
	}
	stack.Push("kafka client", func(context.Context) error { f.admin.Close(); return nil })
	return embedded, ensureTopics(ctx, f.admin, s.layout())
}

// ensureTopics makes the topics that are missing and refuses those that do not fit.
func ensureTopics(ctx context.Context, admin *kgo.Client, layout topics.Layout) error {
	err := layout.Ensure(ctx, admin, topics.All()...)
	var unfit *topics.SettingsError
	if errors.As(err, &unfit) {
		return service.Fail("Kafka would not keep what it is given / Kafka 主题配置不能保证数据不丢失", "", err)
	}
	return err
}

// begin opens the first day of new books; books that have days are left alone.
func (f *foundation) begin(ctx context.Context, first ledger.Day) error {
	days, err := f.books.Days(ctx)
	if err != nil {
		return err
	}
	if f.fresh = len(days) == 0; !f.fresh {
		return nil
	}
	return f.books.OpenDay(ctx, first)
}

// unused refuses books and topics that hold something already: what a
// demonstration finds there it could not tell from its own.
func (f *foundation) unused(ctx context.Context) error {
	if !f.fresh {
		return service.Refuse("the database holds books already / 数据库中已有账簿", "give --db of an empty database", nil)
	}
	ends, err := kadm.NewClient(f.admin).ListEndOffsets(ctx, message.InputTopics()...)
	if err != nil {
		return fmt.Errorf("ends of the input topics: %w", err)
	}
	var used error
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset > 0 && used == nil {
			used = service.Refuse("topic "+end.Topic+" holds records already / 主题中已有记录", "give --kafka of a cluster without them", nil)
		}
	})
	return used
}

// keyFile and registryDir are where the settings say, or in the data directory.
func (s *settings) keyPath(dir string) string {
	if s.keyFile != "" {
		return s.keyFile
	}
	return filepath.Join(dir, "keys.age")
}

func (s *settings) registryPath(dir string) string {
	if s.registry != "" {
		return s.registry
	}
	return filepath.Join(dir, "registry")
}

// postClaimed posts transfers as the next batch of a stream.
func (f *foundation) postClaimed(ctx context.Context, claim *ledger.Claim, transfers []ledger.Transfer) error {
	next := claim.Next + 1
	out, err := f.books.Post(ctx, &ledger.Batch{Stream: claim.Stream, Epoch: claim.Epoch, From: claim.Next, Next: next, Day: claim.Day, Transfers: transfers})
	if err != nil {
		return fmt.Errorf("post %s: %w", claim.Stream, err)
	}
	claim.Next = next
	for i, decision := range out.Transfers {
		switch {
		case decision.Disputed:
			return fmt.Errorf("post %s: transfer %d: other content stands under its key", claim.Stream, i)
		case decision.Result == ledger.Refused:
			return fmt.Errorf("post %s: transfer %d: %s: %w", claim.Stream, i, decision.Result, decision.Err)
		}
	}
	return nil
}

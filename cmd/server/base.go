package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/clearing/message"
	"citycard/clearing/topics"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// Base holds the books and the message log, with which a server works.
type Base struct {
	Books  *books.Books
	Kafka  string // seed addresses
	Access broker.Access
	Admin  *kgo.Client

	fresh   bool      // the books were empty
	options []kgo.Opt // of Access, as a client is made with them
	layout  topics.Layout
	signer  *message.Signer // of what terminals follow; nil for none
	failed  chan error      // the first unexpected end of a part
}

// fail reports that a part ended without being asked to. The first report counts.
func (b *Base) fail(err error) {
	select {
	case b.failed <- err:
	default:
	}
}

// Failed gives the reason when a part ends without being asked to.
func (b *Base) Failed() <-chan error { return b.failed }

// Failure is why a part ended, nil while all are at work.
func (b *Base) Failure() error {
	select {
	case err := <-b.failed:
		return err
	default:
		return nil
	}
}

// watch reports the end of the private database and of the embedded broker.
func (b *Base) watch(ctx context.Context, embedded *broker.Embedded) {
	var unwritten <-chan error
	if embedded != nil {
		unwritten = embedded.Failed()
	}
	select {
	case <-b.Books.Ended():
		b.fail(b.Books.Err())
	case err := <-unwritten:
		b.fail(err)
	case <-ctx.Done():
	}
}

// OpenBase opens the books and the message log; the stack closes them.
func OpenBase(ctx context.Context, s *Settings, dir *service.DataDir, now time.Time, stack *service.Stack, log *slog.Logger) (*Base, error) {
	b := &Base{layout: s.layout(), failed: make(chan error, 1)}
	if s.DBTimeout <= 0 {
		return nil, service.Exit(service.ExitUsage, language.Textf("--db-timeout %s: want more than 0s", s.DBTimeout))
	}
	// The quick refusal comes first: a database takes seconds to start.
	embedded, err := b.reachKafka(ctx, s, dir, stack, log)
	if err != nil {
		return nil, err
	}
	if b.Books, err = books.Open(ctx, s.Database, dir.Path, s.Partitions*4+8, log, ledger.Patience(s.DBTimeout)); err != nil {
		return nil, err
	}
	stack.Push("database", b.Books.Close)
	if b.Books.Look == "" {
		b.Books.Look = s.Look
	}
	if err := books.CheckLook(ctx, b.Books.Look); err != nil {
		return nil, err
	}
	log.Info("books open", "database", b.Books.Description)
	stack.Go(ctx, "watch", func(ctx context.Context) { b.watch(ctx, embedded) })
	return b, b.begin(ctx, s.FirstDay(now))
}

// reachKafka starts the embedded broker, or connects to the given one, and makes
// sure that the topics are there.
func (b *Base) reachKafka(ctx context.Context, s *Settings, dir *service.DataDir, stack *service.Stack, log *slog.Logger) (embedded *broker.Embedded, err error) {
	if b.Kafka, b.Access = s.Kafka, s.Access; b.Kafka == "" {
		embedded, err = broker.Start(dir.Join("kafka"), s.KafkaPort, log)
		if err != nil {
			return nil, service.Fail("cannot start the embedded broker").Todo("choose another --kafka-port, or give --kafka").Because(err)
		}
		stack.Push("broker", func(context.Context) error { return embedded.Close() })
		b.Kafka, b.Access = embedded.Addr, embedded.Access
	}
	if b.options, err = b.Access.Options(b.Kafka); err != nil {
		return nil, service.Exit(service.ExitUsage, err)
	}
	if b.Admin, err = broker.Connect(ctx, b.Kafka, 10*time.Second, log, append([]kgo.Opt{kgo.RequiredAcks(kgo.AllISRAcks()), kgo.AllowIdempotentProduceCancellation()}, b.options...)...); err != nil {
		return nil, service.Unreachable("cannot reach Kafka").Todo("start the broker or correct --kafka").Because(err)
	}
	stack.Push("kafka client", func(context.Context) error { b.Admin.Close(); return nil })
	return embedded, ensureTopics(ctx, b.Admin, s.layout())
}

// ensureTopics makes the topics that are missing and refuses those that do not fit.
func ensureTopics(ctx context.Context, admin *kgo.Client, layout topics.Layout) error {
	err := layout.Ensure(ctx, admin, topics.All()...)
	var unfit *topics.SettingsError
	if errors.As(err, &unfit) {
		return service.Fail("Kafka would not keep what it is given").Because(err)
	}
	return err
}

// begin opens the first day of new books; books that have days are left alone.
func (b *Base) begin(ctx context.Context, first ledger.Day) error {
	days, err := b.Books.Days(ctx)
	if err != nil {
		return err
	}
	if b.fresh = len(days) == 0; !b.fresh {
		return nil
	}
	return b.Books.OpenDay(ctx, first)
}

// Unused refuses books and topics that are not empty: a demonstration could not tell their content
// from its own.
func (b *Base) Unused(ctx context.Context) error {
	if !b.fresh {
		return service.Refuse("the database holds books already").Todo("give --db of an empty database")
	}
	ends, err := kadm.NewClient(b.Admin).ListEndOffsets(ctx, message.InputTopics()...)
	if err != nil {
		return language.Textf("ends of the input topics: %w", err)
	}
	var used error
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset > 0 && used == nil {
			used = service.Refuse("topic %s holds records already", end.Topic).Todo("give --kafka of a cluster without them")
		}
	})
	return used
}

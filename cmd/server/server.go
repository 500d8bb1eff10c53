package server

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/intake"
	"citycard/clearing/message"
	peopleapi "citycard/clearing/people/api"
	"citycard/clearing/rules"
	"citycard/cmd/service"
	"citycard/terminals/downlink"
)

// Server is a running clearing process: registry and rules are loaded, accounts are open, the
// intake consumes, and the load authority answers.
type Server struct {
	*Base
	*Inputs
	Owner  string // of the streams that it writes
	API    string // URL of the load authority and, where that is safe, of the API for people
	Socket string // at which people act

	zone     *time.Location // of days and moments, from the founding of the rules
	intake   *intake.Intake
	glance   *glance
	people   *peopleapi.Server
	instance string
	demo     bool // people of a demonstration may be enrolled
}

// Start starts clearing on its base.
func (b *Base) Start(ctx context.Context, s *Settings, dir string, in *Inputs, ops *service.Ops, stack *service.Stack, log *slog.Logger) (*Server, error) {
	c := &Server{Base: b, Inputs: in, Owner: OwnerName(), instance: s.instanceName(dir), demo: s.Demo}
	if err := b.openPublishKey(dir, ops, log); err != nil {
		return nil, err
	}
	if err := allowPeople(ctx, b.Books.Ledger, s.Demo); err != nil {
		return nil, err
	}
	if err := c.openRules(ctx, s, dir, stack, log); err != nil {
		return nil, err
	}
	if err := c.openRegistry(ctx, s, dir, stack, log); err != nil {
		return nil, err
	}
	if err := c.startAuthority(ctx, s, dir, ops, stack, log); err != nil {
		return nil, err
	}
	return c, c.startIntake(ctx, s, ops, stack, log)
}

// OwnerName is the name under which this process holds the streams that it writes.
func OwnerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

// publishFares makes the topic fares hold the fare tables of a set, and its calendar, for the
// terminals: it publishes what the topic does not have as it is. The calendar comes first, and of
// the tables the newest, so that a topic with a part of them has the table in force, or none that
// has begun. Tables that the set does not have are published as gone: they were to begin on a day
// that had not come, or they are of an edition that a backup did not have.
func (b *Base) publishFares(ctx context.Context, set *rules.Set) error {
	standing, said, err := downlink.Read(ctx, strings.Split(b.Kafka, ","), b.options...)
	if err != nil {
		return err
	}
	var records []*kgo.Record
	holds := map[string][]byte{}
	days, err := proto.MarshalOptions{Deterministic: true}.Marshal(set.Calendar.Message())
	if err != nil {
		return fmt.Errorf("encode the calendar: %w", err)
	}
	holds[message.CalendarKey] = days
	if stands := standing[message.CalendarKey]; stands == nil || !bytes.Equal(stands.Value, days) {
		records = append(records, &kgo.Record{Topic: message.TopicFares, Key: []byte(message.CalendarKey), Value: days})
	}
	for _, table := range slices.Backward(set.Tables.All()) {
		value, err := proto.MarshalOptions{Deterministic: true}.Marshal(table.Message())
		if err != nil {
			return fmt.Errorf("encode fare table %s: %w", table.Version(), err)
		}
		holds[table.Version()] = value
		if stands := standing[table.Version()]; stands == nil || !bytes.Equal(stands.Value, value) {
			records = append(records, &kgo.Record{Topic: message.TopicFares, Key: []byte(table.Version()), Value: value})
		}
	}
	for version := range standing {
		if _, stays := holds[version]; !stays {
			records = append(records, &kgo.Record{Topic: message.TopicFares, Key: []byte(version)})
		}
	}
	statements, err := b.statements(&message.Publication{Topic: message.TopicFares, Version: set.Edition.Number, Records: int64(len(holds)), Hash: message.RecordsHash(holds)})
	if err != nil {
		return err
	}
	for _, s := range statements {
		if stands := said[string(s.Key)]; stands == nil || !bytes.Equal(stands.Value, s.Value) {
			records = append(records, &kgo.Record{Topic: message.TopicFares, Key: s.Key, Value: s.Value})
		}
	}
	if err := b.Admin.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("publish fare tables: %w", err)
	}
	return nil
}

// statements are what is signed of a publication, none without a key.
func (b *Base) statements(p *message.Publication) ([]message.Statement, error) {
	if b.signer == nil {
		return nil, nil
	}
	return b.signer.Statements(p)
}

// startIntake begins to consume.
func (c *Server) startIntake(ctx context.Context, s *Settings, ops *service.Ops, stack *service.Stack, log *slog.Logger) error {
	rules, err := Rules(ctx, c.Books, c.Inputs, c.zone)
	if err != nil {
		return err
	}
	metrics := intake.NewMetrics(ops.Registry(), time.Now)
	settings := intake.Settings{Owner: c.Owner, Instance: c.instance, Kafka: c.options, Topics: c.layout, Registry: c.Registry, Zone: c.zone, Signer: c.signer, Patience: s.Patience}
	if c.intake, err = intake.New(c.Books.Ledger, c.Kafka, rules, settings, metrics, log); err != nil {
		return err
	}
	c.glance = newGlance(c.Books.Ledger, time.Now, log)
	stack.Go(ctx, "glance", c.glance.follow)
	stack.Go(ctx, "cards", func(ctx context.Context) { followCards(ctx, c.Books.Ledger, followEvery, log) })
	stack.Go(ctx, "drafts", func(ctx context.Context) { forgetDrafts(ctx, c.Books, draftsEvery, draftsFor, log) })
	ops.Registry().MustRegister(c.Books.Retries, newGauges(c), newBookGauges(c.glance, c.zone))
	lanes := newLanes(c.Registry.Current, func() time.Time { return time.Now().In(c.zone) })
	ops.Registry().MustRegister(lanes)
	stack.Go(ctx, "lanes", func(ctx context.Context) { lanes.follow(ctx, c.Kafka, log, c.options) })
	ops.Check("database", c.Books.Ready)
	ops.Check("kafka", c.Admin.Ping)
	ops.Check("intake", c.intake.Ready)
	ops.Check("rules", c.Rules.Check)
	if c.tacs.Held().Test() {
		ops.Notice(func() string { return testMasters })
	}
	ops.Notice(func() string {
		if notice := c.calendarNotice(time.Now()); notice != nil {
			return notice.Error()
		}
		return ""
	})
	ops.Notice(func() string {
		if refused := c.intake.RefusedHotlist(); refused != nil {
			return refused.Text().Error()
		}
		return ""
	})
	ops.Check("keys", c.tacs.Refresh)
	stack.Go(ctx, "intake", func(ctx context.Context) {
		if err := c.intake.Run(ctx); err != nil {
			log.Error("the intake stopped", "error", err)
			c.fail(err)
		}
	})
	return nil
}

// StopLimit is how long the parts of a process have to stop.
const StopLimit = 30 * time.Second

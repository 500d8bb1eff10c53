package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/intake"
	"citycard/clearing/medical"
	"citycard/clearing/message"
	"citycard/clearing/pension"
	"citycard/clearing/registry"
	"citycard/clearing/transit"
	"citycard/clearing/transit/fare"
	"citycard/clearing/transit/load"
	"citycard/cmd/service"
)

// center is the clearing centre at work: registry and rules loaded, accounts
// open, the intake consuming, the load authority answering.
type center struct {
	*foundation
	*inputs
	zone     *time.Location
	intake   *intake.Intake
	glance   *glance
	owner    string
	instance string
	apiURL   string
}

// inputs are what clearing is told from outside: the masters, who and what is
// registered, and the fares of the network.
type inputs struct {
	keys     *keys.Keyring
	founding *registry.Draft // read early, where the registry can only be founded
	registry *registry.Registry
	fares    *fare.Tables
	purses   *load.Rules
}

// readInputs reads them all, so that a mistake shows before anything is started.
func (s *settings) readInputs(dir string, log *slog.Logger) (*inputs, error) {
	ring, err := openKeys(s.keyPath(dir), s.passphrase, s.demo, log)
	if err != nil {
		return nil, err
	}
	in := &inputs{keys: ring}
	if err := in.readFounding(s, dir); err != nil {
		return nil, err
	}
	return in, in.load(s.registryPath(dir))
}

// tapWindow is how far a signed date may lie from the clearing day before a
// person has to look at it. An operator's choice, not a rule of any city.
func tapWindow() transit.Plausible { return transit.Plausible{DaysBack: 60, DaysAhead: 1} }

// open starts the clearing centre on its foundation.
func (f *foundation) open(ctx context.Context, s *settings, dir string, in *inputs, ops *service.Ops, stack *service.Stack, log *slog.Logger) (*center, error) {
	c := &center{foundation: f, inputs: in, zone: s.zone.location(), owner: ownerName(), instance: s.instanceName(dir)}
	if err := c.openRegistry(ctx, s, dir, stack, log); err != nil {
		return nil, err
	}
	if err := c.publishFares(ctx); err != nil {
		return nil, err
	}
	if err := c.startAuthority(ctx, s, dir, ops, stack, log); err != nil {
		return nil, err
	}
	return c, c.startIntake(ctx, s, ops, stack, log)
}

func ownerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

// load builds the fare tables of the network that lies beside the registry's files.
func (in *inputs) load(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "network.json"))
	if err != nil {
		return service.Fail("the network cannot be read / 无法读取线网文件", "put network.json beside the registry's files", err)
	}
	network, err := fare.LoadNetwork(data)
	if err != nil {
		return service.Fail("network.json cannot be used / 线网文件有误", "correct it", err)
	}
	rules, err := fare.LoadRules(fare.ExampleJSON())
	if err != nil {
		return err
	}
	if in.purses, err = load.ParseRules(load.ExampleJSON()); err != nil {
		return err
	}
	if in.fares, err = fare.Build(rules, network, in.purses.PurseMaximum); err != nil {
		return service.Fail("the fares of the network cannot be used / 票价表有误", "correct the fare rules or network.json", err)
	}
	return nil
}

// publishFares puts the fare tables where terminals read them, oldest first. It
// may do so at every start: the topic is compacted by version.
func (c *center) publishFares(ctx context.Context) error {
	for _, table := range c.fares.All() {
		value, err := proto.Marshal(table.Message())
		if err != nil {
			return fmt.Errorf("encode fare table %s: %w", table.Version(), err)
		}
		record := &kgo.Record{Topic: message.TopicFares, Key: []byte(table.Version()), Value: value}
		if err := c.admin.ProduceSync(ctx, record).FirstErr(); err != nil {
			return fmt.Errorf("publish fare table %s: %w", table.Version(), err)
		}
	}
	return nil
}

// startIntake begins to consume.
func (c *center) startIntake(ctx context.Context, s *settings, ops *service.Ops, stack *service.Stack, log *slog.Logger) error {
	rules, err := c.rules(ctx)
	if err != nil {
		return err
	}
	metrics := intake.NewMetrics(ops.Registry(), time.Now)
	settings := intake.Settings{Owner: c.owner, Instance: c.instance, Kafka: c.access, Topics: c.layout, Registry: c.registry, Patience: s.patience}
	if c.intake, err = intake.New(c.books.Ledger, c.kafka, rules, settings, metrics, log); err != nil {
		return err
	}
	c.glance = newGlance(c.books.Ledger, time.Now, log)
	c.glance.start(ctx, stack)
	ops.Registry().MustRegister(c.books.retries, newGauges(c), newBookGauges(c.glance, c.zone))
	ops.Check("database", c.books.ready)
	ops.Check("kafka", c.admin.Ping)
	ops.Check("intake", c.intake.Ready)
	if c.keys.Store().Test() {
		ops.Notice(testMasters)
	}
	ops.Check("keys", func(context.Context) error { return c.keys.Refresh() })
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := c.intake.Run(running); err != nil {
			log.Error("the intake stopped", "error", err)
			c.fail(err)
		}
	}()
	stack.Push("intake", func(ctx context.Context) error {
		cancel()
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return nil
}

// rules are what is done with each input topic.
func (c *center) rules(ctx context.Context) (map[string]func() intake.Rules, error) {
	accounts, err := c.books.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	taps := &transit.Judge{Registry: c.registry, Accounts: accounts, TACs: c.keys, Fares: c.fares, Purses: c.purses, Dates: tapWindow(), Zone: c.zone}
	loads := &load.Judge{TACs: c.keys, Paid: c.books.Amounts, Written: load.WrittenIn(c.books.Ledger), Rules: c.purses}
	medicalRules, err := medical.LoadRules(medical.ExampleJSON())
	if err != nil {
		return nil, err
	}
	pensionRules, err := pension.LoadRules(pension.ExampleJSON())
	if err != nil {
		return nil, err
	}
	return map[string]func() intake.Rules{
		message.TopicTaps:            func() intake.Rules { return intake.Taps(taps, c.keys.Store().CardTokens()) },
		message.TopicLoads:           func() intake.Rules { return intake.Loads(loads, c.registry, c.keys.Store().CardTokens()) },
		message.TopicMedicalRequests: func() intake.Rules { return intake.MedicalRequests(c.registry, medicalRules, c.books.Ledger) },
		message.TopicPensionBatches:  func() intake.Rules { return intake.PensionBatches(c.registry, pensionRules, c.books.Amounts) },
		message.TopicPensionResults:  func() intake.Rules { return intake.PensionResults(c.registry, c.books.Amounts) },
	}, nil
}

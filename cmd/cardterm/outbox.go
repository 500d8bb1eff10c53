package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/broker"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/outbox"
)

// outboxProgram is `cardterm outbox`.
type outboxProgram struct {
	service.Common
	lane   string
	kafka  string
	access broker.Access
}

func outboxCommand() *ffcli.Command {
	return &ffcli.Command{
		Name: "outbox", ShortUsage: "cardterm outbox COMMAND", ShortHelp: "the records that wait in the lanes, and to carry them elsewhere",
		LongHelp: "A lane without a network goes on, and its records wait on its disk. They can be carried: export writes\n" +
			"them into one file, import sends them from another machine. Nothing is lost and nothing counts twice if a\n" +
			"file is imported twice, or if the lane sends the same records later: clearing knows a tap by what its card has signed.",
		FlagSet: flag.NewFlagSet("cardterm outbox", flag.ContinueOnError),
		Exec: func(context.Context, []string) error {
			return service.Exit(service.ExitUsage, service.Fail("which command?").Todo("cardterm outbox --help lists them"))
		},
		Subcommands: []*ffcli.Command{outboxListCommand(), outboxExportCommand(), outboxImportCommand()},
	}
}

func newOutboxProgram(name string) (*outboxProgram, *flag.FlagSet) {
	p := &outboxProgram{Common: service.Common{Data: "cardterm-data"}}
	flags := flag.NewFlagSet("cardterm outbox "+name, flag.ContinueOnError)
	p.Register(flags)
	return p, flags
}

// outboxList is `cardterm outbox list`.
type outboxList struct {
	agent
	json bool
}

func outboxListCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm outbox list", flag.ContinueOnError)
	p := &outboxList{agent: newAgent()}
	p.registerAll(flags)
	flags.BoolVar(&p.json, "json", false, "print JSON")
	return &ffcli.Command{
		Name: "list", ShortUsage: "cardterm outbox list [flags]", ShortHelp: "show how many records wait in each lane",
		LongHelp: "It may run beside the agent, and changes nothing. With the agent's own flags, or its --config, it says of\n" +
			"each lane whether it is in the settings: the agent sends the outbox of one that is not, and serves no card there.",
		FlagSet: flags, Exec: p.list,
	}
}

func outboxExportCommand() *ffcli.Command {
	p, flags := newOutboxProgram("export")
	flags.StringVar(&p.lane, "lane", "", "`NAME` of the lane")
	return &ffcli.Command{
		Name: "export", ShortUsage: "cardterm outbox export --lane NAME FILE", ShortHelp: "write the waiting records of a lane into a file",
		LongHelp: "It may run beside the agent, and changes nothing: the lane still sends the records if it can. The file has card\n" +
			"numbers in it; only its owner can read it. docs/operations.md has its layout.",
		FlagSet: flags, Exec: p.export,
	}
}

func outboxImportCommand() *ffcli.Command {
	p, flags := newOutboxProgram("import")
	flags.StringVar(&p.kafka, "kafka", "", "`HOST:PORT` of the brokers, by commas, to which the records are sent")
	p.access.Register(flags)
	flags.StringVar(&p.lane, "lane", "", "in place of --kafka: `NAME` of the lane of --data whose outbox takes them; its agent must not run")
	return &ffcli.Command{
		Name: "import", ShortUsage: "cardterm outbox import (--kafka HOST:PORT | --lane NAME) FILE", ShortHelp: "send the records of a file",
		LongHelp: "The whole file is checked first. Taps, loads and exit tickets are sent; what lanes tell each other is left out, since it is old.\n" +
			"If it fails in between, run it again.",
		FlagSet: flags, Exec: p.take,
	}
}

// home is the outbox of a lane.
func (p *outboxProgram) home(lane string) string {
	return filepath.Join(p.Data, "lanes", lane, "outbox")
}

// looks is how often an outbox is read in which something is being written.
const looks = 3

// steady reads an outbox that may change meanwhile.
func steady(read func() error) (err error) {
	for range looks {
		if err = read(); err == nil {
			return nil
		}
	}
	return err
}

func (p *outboxList) list(_ context.Context, args []string) error {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	homes, err := filepath.Glob(filepath.Join(p.Data, "lanes", "*", "outbox"))
	if err != nil {
		return err
	}
	if len(homes) == 0 {
		return service.Fail("no lanes in %s", p.Data).Todo("give --data with the directory of the agent")
	}
	lanes, err := p.settings()
	if err != nil {
		return err
	}
	var all []waiting
	for _, home := range homes {
		w, err := waitingIn(home)
		if err != nil {
			return err
		}
		w.Left = len(lanes) > 0 && !slices.ContainsFunc(lanes, func(l laneFlags) bool { return l.name == w.Lane && l.charges() })
		all = append(all, w)
	}
	if p.json {
		return json.NewEncoder(os.Stdout).Encode(all)
	}
	table := &service.Table{Language: p.Language}
	table.Head("lane", ">records that wait", ">records sent, ever", ">open payments", "in the settings")
	for _, w := range all {
		in := "-"
		switch {
		case w.Left:
			in = p.Language.Of("no")
		case len(lanes) > 0:
			in = p.Language.Of("yes")
		}
		table.Add(w.Lane, strconv.FormatUint(w.Waiting, 10), strconv.FormatUint(w.Sent, 10), strconv.Itoa(w.Open), in)
	}
	return table.Write(os.Stdout)
}

// waiting is what is in an outbox.
type waiting struct {
	Lane    string `json:"lane"`
	Waiting uint64 `json:"waiting"`
	Sent    uint64 `json:"sent"`
	Open    int    `json:"open"`
	Left    bool   `json:"left,omitempty"` // the settings do not name its lane
}

// waitingIn reads an outbox, beside the agent that may have it open.
func waitingIn(home string) (w waiting, err error) {
	w.Lane = filepath.Base(filepath.Dir(home))
	return w, steady(func() error {
		s, err := outbox.Look(home, nil)
		if err != nil {
			return err
		}
		open, err := openPayments(home)
		w.Waiting, w.Sent, w.Open = s.Waiting(), s.Position, len(open)
		return err
	})
}

// settings are the lanes of the agent, if they are given.
func (p *outboxList) settings() ([]laneFlags, error) {
	if len(p.given) == 0 && p.file == "" && !p.charges() {
		return nil, nil
	}
	lanes, _, err := p.lanes()
	return lanes, err
}

// file is the one argument.
func file(args []string) (string, error) {
	if len(args) != 1 {
		return "", service.Exit(service.ExitUsage, service.Fail("want one file").Todo("give its name"))
	}
	return args[0], nil
}

func (p *outboxProgram) export(_ context.Context, args []string) error {
	path, err := file(args)
	if err != nil {
		return err
	}
	if _, err := os.Stat(p.home(p.lane)); p.lane == "" || err != nil {
		return service.Exit(service.ExitUsage, service.Fail("no lane %q in %s", p.lane, p.Data).Todo("give --lane with a name that cardterm outbox list shows").Because(err))
	}
	var head outbox.Head
	var memos []outbox.Record
	err = steady(func() (err error) {
		// Before the records: a payment that ends meanwhile has its tap among them.
		if memos, err = openPayments(p.home(p.lane)); err != nil {
			return err
		}
		head, err = outbox.Export(p.home(p.lane), p.lane, path, time.Now(), memos...)
		return err
	})
	if errors.Is(err, os.ErrExist) {
		return service.Fail("%s is there already", path).Todo("give another name")
	}
	if err != nil {
		return err
	}
	p.Print("exported: %d records of lane %s, from number %d on, to %s; open payments among them: %d", head.Records, head.Lane, head.First, path, len(memos))
	return p.Printed()
}

// openPayments are the payments of a lane whose outcome is not known, as the clearing centre is
// told of them. It closes one whose tap comes later.
func openPayments(home string) (memos []outbox.Record, err error) {
	standing, err := outbox.Standing(home)
	if err != nil {
		return nil, err
	}
	for _, l := range standing {
		if !message.IsIntentKey(l.Key) {
			continue
		}
		m, err := message.ParseIntent(l.Key, l.Value)
		if err != nil {
			return nil, err
		}
		if m.GetState() == message.IntentState_INTENT_STATE_DOUBTED {
			continue // its card's proof was wrong
		}
		number, err := tunion.Number([10]byte(m.GetTap().GetDebit().GetCard()))
		if err != nil {
			return nil, err
		}
		value, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.GetTap())
		if err != nil {
			return nil, err
		}
		memos = append(memos, outbox.Record{Topic: message.TopicTapsUnconfirmed, Key: []byte(number), Value: value})
	}
	return memos, nil
}

// sent says whether records of a topic are imported: those of which clearing knows whether it has
// them already.
func sent(topic string) bool {
	switch topic {
	case message.TopicTaps, message.TopicTapsUnconfirmed, message.TopicExitTickets, message.TopicLoads:
		return true
	}
	return false
}

func (p *outboxProgram) take(ctx context.Context, args []string) error {
	path, err := file(args)
	if err != nil {
		return err
	}
	var head outbox.Head
	var taken, leftOut int
	pick := func(send func(outbox.Record) error) func(outbox.Record) error {
		return func(r outbox.Record) error {
			if !sent(r.Topic) {
				leftOut++
				return nil
			}
			taken++
			return send(r)
		}
	}
	switch {
	case (p.kafka == "") == (p.lane == ""):
		return service.Exit(service.ExitUsage, service.Fail("where to?").Todo("give --kafka HOST:PORT or --lane NAME"))
	case p.kafka != "":
		head, err = p.toBrokers(ctx, path, pick)
	default:
		head, err = p.toLane(path, pick)
	}
	if err != nil {
		return err
	}
	p.Print("imported: %d records of lane %s, exported %s; left out: %d", taken, head.Lane, head.Made.Format(time.RFC3339), leftOut)
	return p.Printed()
}

// toBrokers sends the records and returns when each is acknowledged.
func (p *outboxProgram) toBrokers(ctx context.Context, path string, pick func(func(outbox.Record) error) func(outbox.Record) error) (outbox.Head, error) {
	up := uplink{brokers: strings.Split(p.kafka, ","), access: p.access}
	opts, err := up.options()
	if err != nil {
		return outbox.Head{}, service.Exit(service.ExitUsage, err)
	}
	if away, err := up.ask(ctx, opts); err != nil {
		if away {
			return outbox.Head{}, service.Unreachable("the brokers do not answer").Todo("check --kafka and the network").Because(err)
		}
		return outbox.Head{}, err
	}
	client, err := kgo.NewClient(append(outbox.ProducerOptions(up.brokers...), opts...)...)
	if err != nil {
		return outbox.Head{}, err
	}
	defer client.Close()
	var failed atomic.Pointer[error]
	head, err := outbox.Import(path, pick(func(r outbox.Record) error {
		client.Produce(ctx, &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
		if err := failed.Load(); err != nil {
			return *err
		}
		return nil
	}))
	if err == nil {
		err = client.Flush(ctx)
	}
	if why := failed.Load(); why != nil && err == nil {
		err = *why
	}
	return head, err
}

// toLane appends the records to the outbox of a lane.
func (p *outboxProgram) toLane(path string, pick func(func(outbox.Record) error) func(outbox.Record) error) (head outbox.Head, err error) {
	if _, err := os.Stat(p.home(p.lane)); err != nil {
		return head, service.Exit(service.ExitUsage, service.Fail("no lane %q in %s", p.lane, p.Data).Todo("give --lane with a name that cardterm outbox list shows").Because(err))
	}
	out, err := outbox.Open(p.home(p.lane))
	if err != nil {
		return head, language.Textf("lane %s: %w", p.lane, err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	var group []outbox.Record
	head, err = outbox.Import(path, pick(func(r outbox.Record) error {
		if group = append(group, r); len(group) < 256 {
			return nil
		}
		err := out.Append(group...)
		group = group[:0]
		return err
	}))
	if err != nil {
		return head, err
	}
	return head, out.Append(group...)
}

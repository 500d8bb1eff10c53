package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/reader"
)

// doctor is `cardterm doctor`: it looks at everything that the agent needs, with its flags.
type doctor struct {
	agent
	json  bool
	all   []finding
	taken map[string]string // by the name of the reader: the lane
}

func doctorCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm doctor", flag.ContinueOnError)
	d := &doctor{agent: newAgent()}
	d.registerAll(flags)
	flags.BoolVar(&d.json, "json", false, "print JSON")
	return &ffcli.Command{
		Name: "doctor", ShortUsage: "cardterm doctor [flags]", ShortHelp: "look at everything that the agent needs",
		LongHelp: "Give the agent's own flags, or its --config. It may run beside the agent: what that one has open is not\n" +
			"touched. Exit code 0: all is well, or there are warnings alone; 4: only the brokers do not answer; 3: something\n" +
			"else does not hold.",
		FlagSet: flags, Exec: d.exec,
	}
}

// Grades of findings.
const (
	fine    = "ok"
	warning = "warning"
	broken  = "broken"
)

// finding is what was found of one thing.
type finding struct {
	what, grade string
	says        *language.Text
	todo        *language.Text // nil where nothing is to be done
}

func (d *doctor) find(what, grade string, says, todo *language.Text) {
	d.all = append(d.all, finding{what, grade, says, todo})
}

// fails adds an error as a finding.
func (d *doctor) fails(what string, err error, todo *language.Text) {
	d.find(what, broken, language.Textf("%w", err), todo)
}

func (d *doctor) exec(ctx context.Context, args []string) error {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	lanes, spares, err := d.lanes()
	if err != nil {
		return err
	}
	d.versions()
	d.readers(ctx, lanes, spares)
	d.disk()
	d.left(lanes)
	d.clock()
	var key ed25519.PublicKey
	if slices.ContainsFunc(lanes, func(l laneFlags) bool { return l.charges() }) {
		key = d.publisher()
	}
	if d.kafka != "" {
		d.broker(ctx, lanes, key)
	}
	if err := d.print(); err != nil {
		return err
	}
	return d.verdict()
}

// print prints the findings.
func (d *doctor) print() error {
	if d.json {
		type line struct {
			Check   string `json:"check"`
			Finding string `json:"finding"`
			Says    string `json:"says"`
			Todo    string `json:"todo,omitempty"`
		}
		lines := make([]line, len(d.all))
		for i, f := range d.all {
			lines[i] = line{f.what, f.grade, f.says.Error(), ""}
			if f.todo != nil {
				lines[i].Todo = f.todo.Error()
			}
		}
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(lines)
	}
	table := &service.Table{Language: d.Language}
	table.Head("what", "finding", "details", "to do")
	for _, f := range d.all {
		todo := ""
		if f.todo != nil {
			todo = f.todo.In(d.Language)
		}
		table.Add(inWords(d.Language, f.what), inWords(d.Language, f.grade), f.says.In(d.Language), todo)
	}
	return table.Write(os.Stdout)
}

// inWords is a check or a grade in a language.
func inWords(l language.Language, code string) string {
	return l.Choose(code, map[string]string{
		"version": "版本", "reader": "读卡器", "disk": "磁盘", "outbox": "发件箱", "publisher": "发布公钥", "clock": "时钟", "broker": "Kafka", "modes": "降级模式", "pcscd": "pcscd", "SAM": "SAM",
		fine: "正常", warning: "注意", broken: "不符合要求",
	}[code])
}

// verdict is the exit code.
func (d *doctor) verdict() error {
	faults, brokers := 0, 0
	for _, f := range d.all {
		if f.grade == broken {
			faults++
			if f.what == "broker" {
				brokers++
			}
		}
	}
	switch {
	case faults == 0:
		return nil
	case faults == brokers:
		return service.Unreachable("the brokers do not take what this terminal sends").Todo("see above; what is recorded waits on the disk")
	}
	return service.Exit(service.ExitFindings, service.Fail("findings that keep this terminal from working: %d", faults).Todo("see above"))
}

func (d *doctor) versions() {
	v := service.ReadVersion("cardterm")
	d.find("version", fine, language.Textf("cardterm %s, PC/SC library %s", v.Number, reader.LibraryVersion()), nil)
}

// readers looks at pcscd, at the readers of the lanes and at their SAMs.
func (d *doctor) readers(ctx context.Context, lanes []laneFlags, spares []spareFlags) {
	observer := reader.Observe()
	defer observer.Close() //nolint:errcheck // it was only looked at
	slots, err := observer.Readers(ctx)
	if err != nil {
		d.fails("pcscd", err, language.Textf("do what it says, then look again"))
		return
	}
	names := make([]string, len(slots))
	for i, s := range slots {
		names[i] = s.Name
	}
	d.find("pcscd", fine, language.Textf("it answers; readers: %s", strings.Join(names, ", ")), nil)
	d.taken = map[string]string{}
	for _, l := range lanes {
		d.reader("reader", l.name, l.reader, slots)
		if l.charges() && l.module.reader != "" {
			d.sam(ctx, observer, l.name, l.module.reader, slots)
		}
	}
	for _, s := range spares {
		d.sam(ctx, observer, "-", s.sam, slots)
	}
}

// reader finds the reader of a lane.
func (d *doctor) reader(what, lane, name string, slots []reader.Slot) (reader.Slot, bool) {
	s, err := reader.Find(slots, name)
	switch {
	case errors.Is(err, reader.ErrAmbiguous):
		d.find(what, broken, language.Textf("lane %s: %w", lane, err), language.Textf("correct the name: cardterm list has them"))
		return s, false
	case err != nil:
		d.find(what, broken, language.Textf("lane %s: no reader is called %q", lane, name), language.Textf("plug it in, or correct the name: cardterm list has them"))
		return s, false
	}
	if other, taken := d.taken[s.Name]; taken {
		d.find(what, broken, language.Textf("lane %s: %s is that of lane %s too", lane, s.Name, other), language.Textf("give each its own reader, by its whole name"))
		return s, false
	}
	d.taken[s.Name] = lane
	if what == "reader" {
		d.find(what, fine, language.Textf("lane %s: %s", lane, s.Name), nil)
	}
	return s, true
}

func (d *doctor) sam(ctx context.Context, observer *reader.Observer, lane, name string, slots []reader.Slot) {
	slot, there := d.reader("SAM", lane, name, slots)
	if !there {
		return
	}
	switch l := look(ctx, observer, slot); {
	case l.Kind == "sam":
		d.find("SAM", fine, language.Textf("lane %s: terminal %s", lane, l.Number), nil)
	case l.State == "used":
		d.find("SAM", fine, language.Textf("lane %s: a program has it open, as a running agent does", lane), nil)
	case l.State == "empty":
		d.find("SAM", broken, language.Textf("lane %s: %s is empty", lane, slot.Name), language.Textf("put the SAM in"))
	default:
		d.find("SAM", broken, language.Textf("lane %s: in %s is no SAM, or one that does not answer", lane, slot.Name), language.Textf("take it out and put the right one in"))
	}
}

// broker asks the brokers, and whether they have the topics of a terminal.
func (d *doctor) broker(ctx context.Context, lanes []laneFlags, key ed25519.PublicKey) {
	up := uplink{brokers: strings.Split(d.kafka, ","), access: d.access}
	opts, err := up.options()
	if err != nil {
		d.fails("broker", err, language.Textf("correct the file"))
		return
	}
	if away, err := up.ask(ctx, opts); err != nil {
		todo := language.Textf("correct the user, the password or the authority")
		if away {
			todo = language.Textf("look at the network and at the brokers")
		}
		d.fails("broker", err, todo)
		return
	}
	missing, newest, err := up.topics(ctx, opts)
	if err != nil {
		d.fails("broker", err, language.Textf("look at the rights of the terminal's user"))
		return
	}
	noModes := slices.Contains(missing, message.TopicModes)
	missing = slices.DeleteFunc(missing, func(topic string) bool { return topic == message.TopicModes })
	if len(missing) > 0 {
		d.find("broker", broken, language.Textf("there is no topic %s, or the terminal may not see it", strings.Join(missing, ", ")), language.Textf("start citycard serve, which makes them, or give the terminal its rights"))
		return
	}
	d.find("broker", fine, language.Textf("%s answers and has the topics", d.kafka), nil)
	d.modes(lanes, noModes)
	d.clockBefore(newest)
	if key != nil {
		d.signed(ctx, up, key)
	}
}

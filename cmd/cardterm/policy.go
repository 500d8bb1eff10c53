package main

import (
	"errors"
	"flag"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/kept"
)

// onFault is what a lane does under a fault with which it could charge: it takes cards and marks
// their taps, or refuses them.
type onFault struct{ refuse bool }

func (o *onFault) String() string {
	if o.refuse {
		return "refuse"
	}
	return "mark"
}

// Set implements flag.Value.
func (o *onFault) Set(text string) error {
	if text != "mark" && text != "refuse" {
		return language.Textf("want mark or refuse")
	}
	o.refuse = text == "refuse"
	return nil
}

// policyFlags are the settings of a policy.
type policyFlags struct {
	behindDays    uint // 0: it never counts
	behind, clock onFault
}

func (p *policyFlags) register(flags *flag.FlagSet) {
	flags.UintVar(&p.behindDays, "behind-after", 3, "a lane that has not had the whole hotlist and all fares for so many `DAYS` is behind; 0: never")
	flags.Var(&p.behind, "behind", "what a lane does that is behind: `mark` the taps, or refuse cards")
	flags.Var(&p.clock, "clock", "what a lane does whose clock is not known to be right: `mark` the taps, or refuse cards")
}

// policy says what lanes do under a fault. Without fares, without a SAM or with a clock that was
// never set nothing can be charged rightly; for the other faults there are settings.
type policy struct {
	policyFlags
	log    *slog.Logger
	clock  *clock
	latest func() int64 // when the lanes last had all that is published, seconds since 1970; 0: not in this run
	path   string       // of the file that keeps it

	mu    sync.Mutex
	had   int64             // by the file
	fault map[string]string // those that were said last, by name
}

// currentMagic begins the file that keeps when the lanes last had all that is published.
const currentMagic = "CITYCUR1"

// keepEvery is how often that is written down.
const keepEvery = time.Hour

// openPolicy opens the policy of an agent.
func openPolicy(flags policyFlags, log *slog.Logger, path string, latest func() int64) *policy {
	p := &policy{policyFlags: flags, log: log, clock: newClock(), latest: latest, path: path, fault: map[string]string{}}
	acks, err := kept.Read[message.Ack](path, currentMagic)
	if err != nil {
		log.Warn("when the lanes last had all that is published is not known", logged(err))
	}
	for _, a := range acks {
		p.had = max(p.had, a.GetCurrent())
	}
	return p
}

// current is when the lanes last had all that is published, in seconds since 1970.
func (p *policy) current(now time.Time) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(past(p.had, now), past(p.latest(), now))
}

// past is a second that is over, and 0 for one to come: it was noted by a clock that was ahead.
func past(second int64, now time.Time) int64 {
	if second > now.Add(clockSlack).Unix() {
		return 0
	}
	return second
}

// keep writes down when the lanes last had all that is published, at most once in a while.
func (p *policy) keep(now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	latest := past(p.latest(), now)
	if latest < past(p.had, now)+int64(keepEvery.Seconds()) {
		return nil
	}
	if err := kept.Write(p.path, currentMagic, func(yield func(*message.Ack) bool) { yield(&message.Ack{Current: latest}) }); err != nil {
		return err
	}
	p.had = latest
	return nil
}

// look says which marks the taps of now carry, or why no card is taken. It logs one line when a
// fault begins, and one when it ends. Nil is a policy without faults.
func (p *policy) look(now time.Time) (marks []message.Mark, err error) {
	if p == nil {
		return nil, nil
	}
	wrong := p.clock.look(now)
	if p.say("clock", wrong, p.policyFlags.clock.refuse || errors.Is(wrong, errClockUnset)) {
		return nil, wrong
	}
	if wrong != nil {
		marks = append(marks, message.Mark_MARK_CLOCK)
	}
	wrong = p.isBehind(now)
	if p.say("behind", wrong, p.behind.refuse) {
		return nil, wrong
	}
	if wrong != nil {
		marks = append(marks, message.Mark_MARK_BEHIND)
	}
	return marks, nil
}

// clockUnset returns an error if the clock cannot be right. Nil is a policy without faults.
func (p *policy) clockUnset(now time.Time) error {
	if p == nil {
		return nil
	}
	if err := p.clock.look(now); errors.Is(err, errClockUnset) {
		return err
	}
	return nil
}

// isBehind returns an error if the lanes have not had all that is published for too long.
func (p *policy) isBehind(now time.Time) error {
	current := p.current(now)
	switch last := time.Unix(current, 0); {
	case p.behindDays == 0:
		return nil
	case current == 0:
		return language.Textf("the published hotlist has not been read yet")
	case now.Sub(last) > time.Duration(p.behindDays)*24*time.Hour:
		return language.Textf("the published fares and hotlist were last read on %s", last.In(now.Location()).Format(time.DateOnly))
	}
	return nil
}

// say logs a fault when it begins or ends, and reports whether cards are refused for it.
func (p *policy) say(name string, fault error, refuse bool) bool {
	text := ""
	if fault != nil {
		text = fault.Error()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if before := p.fault[name]; before != text {
		p.fault[name] = text
		switch {
		case fault == nil:
			p.log.Info("a fault is over", "fault", name)
		case refuse:
			p.log.Error("cards are refused", "fault", name, logged(fault))
		default:
			p.log.Warn("cards are taken, and their taps marked", "fault", name, logged(fault))
		}
	}
	return fault != nil && refuse
}

// gauge shows the faults of now.
func (p *policy) gauge() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "cardterm_faults", Help: "Faults of the agent under which it marks taps or refuses cards: an old hotlist, a clock that may be wrong.",
	}, func() float64 {
		_, _ = p.look(time.Now()) // so that a lane without passengers is seen too
		p.mu.Lock()
		defer p.mu.Unlock()
		faults := 0.0
		for _, text := range p.fault {
			if text != "" {
				faults++
			}
		}
		return faults
	})
}

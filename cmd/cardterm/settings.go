package main

import (
	"flag"
	"regexp"
	"strings"
	"time"

	"citycard/cmd/service"
	"citycard/language"
)

// laneFlags are the settings of one lane. Those on the command line hold for every lane that has
// none of its own.
type laneFlags struct {
	name   string
	reader string
	role   string
	module moduleFlags
	place  placeFlags
	repeat time.Duration
	notice noticeFlags
}

// register registers the settings that a lane can have, with what is there as their defaults.
func (l *laneFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&l.reader, "reader", l.reader, "`NAME` of the reader, or a part of that name alone; the first one where empty")
	flags.StringVar(&l.role, "role", l.role, "the terminal's `ROLE`: watch (show cards), gate (metro), validator (bus)")
	l.module.register(flags)
	l.place.register(flags)
	flags.DurationVar(&l.repeat, "repeat", l.repeat, "a card that is held to the reader again within `DURATION` is shown its result again, and not charged again; 0s: it is charged")
	flags.Var(&l.notice.lowBalance, "low-balance", "warn passengers whose balance is below `YUAN` afterwards")
	flags.UintVar(&l.notice.expiryDays, "expiry-warning", l.notice.expiryDays, "warn passengers whose card expires within so many `DAYS`")
}

func (l *laneFlags) charges() bool { return l.role != roleWatch }

// pair is a setting and its value.
type pair struct{ key, value string }

// with returns the lane with settings of its own.
func (l laneFlags) with(pairs []pair) (laneFlags, error) {
	flags := flag.NewFlagSet("lane", flag.ContinueOnError)
	flags.StringVar(&l.name, "name", l.name, "")
	l.register(flags)
	return l, assign(flags, pairs)
}

// assign gives settings their values, each at most once.
func assign(flags *flag.FlagSet, pairs []pair) error {
	given := map[string]bool{}
	for _, p := range pairs {
		f := flags.Lookup(p.key)
		if f == nil {
			var known []string
			flags.VisitAll(func(f *flag.Flag) { known = append(known, f.Name) })
			return language.Textf("%s: there is no such setting; there are: %s", p.key, strings.Join(known, " "))
		}
		if given[p.key] {
			return language.Textf("%s: given twice, want it once", p.key)
		}
		given[p.key] = true
		if err := f.Value.Set(p.value); err != nil {
			return language.Textf("%s: %q, want a value such as %q", p.key, p.value, f.DefValue)
		}
	}
	return nil
}

// pairsOf reads name=gate-3,reader=…; a value with a comma in it needs a file.
func pairsOf(text string) ([]pair, error) {
	var pairs []pair
	for part := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(part, "=")
		if !ok || key == "" {
			return nil, language.Textf("%q, want SETTING=VALUE; a value with a comma in it needs --lanes FILE", part)
		}
		pairs = append(pairs, pair{key, value})
	}
	return pairs, nil
}

var laneName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// check refuses a lane that could never work, and says what it should be.
func (l *laneFlags) check() error {
	switch {
	case !laneName.MatchString(l.name):
		return language.Textf("name: %q, want 1 to 32 letters, digits, - and _", l.name)
	case l.role != roleWatch && l.role != roleGate && l.role != roleValidator:
		return language.Textf("role: %q, want watch, gate or validator", l.role)
	case !l.charges():
		return nil
	case l.module.reader == "" && l.module.terminal == "":
		return language.Textf("no SAM: want sam (a reader), or for development terminal (12 digits)")
	}
	return l.place.check(l.role)
}

// spareFlags are a SAM that may take the place of a lane's own, at one line, station and operator.
type spareFlags struct {
	sam                     string
	line, station, operator uint
}

func (s spareFlags) with(pairs []pair) (spareFlags, error) {
	flags := flag.NewFlagSet("spare SAM", flag.ContinueOnError)
	flags.StringVar(&s.sam, "sam", s.sam, "")
	flags.UintVar(&s.line, "line", s.line, "")
	flags.UintVar(&s.station, "station", s.station, "")
	flags.UintVar(&s.operator, "operator", s.operator, "")
	if err := assign(flags, pairs); err != nil {
		return s, err
	}
	if s.sam == "" {
		return s, language.Textf("sam: it is missing, want the name of its reader")
	}
	return s, nil
}

// at says whether the registry lets the SAM stand for one of a lane: it binds a SAM's number to a
// line, a station and an operator, and the fares go to that operator.
func (s spareFlags) at(p placeFlags) bool {
	return s.line == p.line && s.station == p.station && s.operator == p.operator
}

// texts is a flag that may be given several times.
type texts []string

func (t *texts) String() string { return strings.Join(*t, " ") }

// Set implements flag.Value.
func (t *texts) Set(value string) error {
	*t = append(*t, value)
	return nil
}

// lanes are the lanes of the command line and of the file.
func (a *agent) lanes() ([]laneFlags, []spareFlags, error) {
	lanes, spares, err := a.read()
	if err == nil && len(lanes) == 0 {
		single := a.laneFlags
		single.name = "1"
		lanes, err = []laneFlags{single}, single.check()
	}
	if err == nil {
		err = together(lanes, spares)
	}
	if err != nil {
		return nil, nil, service.Exit(service.ExitUsage, service.Fail("a lane cannot work so").Todo("correct it; docs/configuration.md has the settings of lanes").Because(err))
	}
	return lanes, spares, nil
}

func (a *agent) read() ([]laneFlags, []spareFlags, error) {
	common, spare := a.laneFlags, spareFlags{line: a.place.line, station: a.place.station, operator: a.place.operator}
	if a.file != "" {
		if len(a.given) > 0 || len(a.spares) > 0 {
			return nil, nil, language.Textf("--lane and --lanes are given, want one of them")
		}
		return readLanes(a.file, common, spare)
	}
	var lanes []laneFlags
	var spares []spareFlags
	for _, text := range a.given {
		pairs, err := pairsOf(text)
		if err != nil {
			return nil, nil, language.Textf("--lane %s: %w", text, err)
		}
		l, err := common.with(pairs)
		if err == nil {
			err = l.check()
		}
		if err != nil {
			return nil, nil, language.Textf("--lane %s: %w", text, err)
		}
		lanes = append(lanes, l)
	}
	for _, text := range a.spares {
		pairs, err := pairsOf(text)
		if err != nil {
			return nil, nil, language.Textf("--spare-sam %s: %w", text, err)
		}
		s, err := spare.with(pairs)
		if err != nil {
			return nil, nil, language.Textf("--spare-sam %s: %w", text, err)
		}
		spares = append(spares, s)
	}
	return lanes, spares, nil
}

// together refuses lanes that cannot be in one agent.
func together(lanes []laneFlags, spares []spareFlags) error {
	names, readers, terminals := map[string]bool{}, map[string]string{}, map[string]string{}
	var errs []error
	take := func(reader, whose string) {
		if before, taken := readers[reader]; taken && reader != "" {
			errs = append(errs, language.Textf("the reader %q is of %s and of %s, want one each", reader, before, whose))
		}
		readers[reader] = whose
	}
	for _, l := range lanes {
		if names[l.name] {
			errs = append(errs, language.Textf("two lanes are called %q, want a name each", l.name))
		}
		names[l.name] = true
		if l.reader == "" && len(lanes) > 1 {
			errs = append(errs, language.Textf("lane %s: reader: it is missing, want the name of its reader", l.name))
		}
		take(l.reader, "lane "+l.name)
		take(l.module.reader, "lane "+l.name)
		if l.module.reader == "" && l.module.terminal != "" {
			if before, taken := terminals[l.module.terminal]; taken {
				errs = append(errs, language.Textf("lane %s: terminal %s: it is that of lane %s, want one each", l.name, l.module.terminal, before))
			}
			terminals[l.module.terminal] = l.name
		}
	}
	for _, s := range spares {
		take(s.sam, "the spare SAMs")
	}
	if len(errs) > 0 {
		return errs[0]
	}
	return nil
}

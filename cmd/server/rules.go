package server

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"citycard/clearing/calendar"
	"citycard/clearing/rulefile"
	"citycard/clearing/rules"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// rulesPoll is how often a process looks for a newer edition of the rules.
const rulesPoll = time.Second

// ReadDocuments reads the documents in a folder, which may have their schemas beside them. A kind
// without a file is left out; a file with another name may be a document whose name is misspelt,
// and is refused. The error joins all that cannot be read; what can be is returned too.
func ReadDocuments(dir string) (map[rules.Kind][]byte, error) {
	foreign, err := rulefile.Foreign(dir, append(rules.Files(), rules.SchemaFolder))
	if err != nil {
		return nil, err
	}
	contents := map[rules.Kind][]byte{}
	var faults []error
	for _, name := range foreign {
		faults = append(faults, language.Textf("%s is no document: the nearest name is %s; rename it or take it out of the folder", filepath.Join(dir, name), language.Nearest(name, rules.Files())))
	}
	for _, kind := range rules.Kinds() {
		path := kind.PathIn(dir)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		content, err := ReadDocument(path)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		contents[kind] = content
	}
	if len(faults) == 1 {
		return contents, faults[0]
	}
	return contents, errors.Join(faults...)
}

// ReadDocument reads a document. One that is too long for any is refused unread.
func ReadDocument(path string) ([]byte, error) { return ReadFile(path, rules.MaxBytes) }

// ReadFile reads a file of at most so many bytes. A longer one is refused unread, and so is what is
// no file: to open a pipe would wait for its writer.
func ReadFile(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, language.Textf("%s is a folder, want a file", path)
	case !info.Mode().IsRegular():
		return nil, language.Textf("%s is a pipe or a device, want a file", path)
	case info.Size() > most:
		return nil, language.Textf("%s has %d bytes, want at most %d", path, info.Size(), most)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	// It may grow while it is read.
	content, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(content)) > most {
		return nil, language.Textf("%s has %d bytes, want at most %d", path, len(content), most)
	}
	return content, err
}

// InForce reads the rules in force. In a database without rules nothing can be worked with.
func InForce(ctx context.Context, l *ledger.Ledger) (*rules.Set, error) {
	set, err := (&rules.Store{Ledger: l}).InForce(ctx)
	if errors.Is(err, rules.ErrEmpty) {
		return nil, errNoRules()
	}
	return set, err
}

// Zone reads the zone in which days and moments are read, from the founding of the rules.
func Zone(ctx context.Context, l *ledger.Ledger) (*time.Location, error) {
	zone, err := (&rules.Store{Ledger: l}).Zone(ctx)
	if errors.Is(err, rules.ErrEmpty) {
		return nil, errNoRules()
	}
	return zone, err
}

func errNoRules() error {
	return service.NoBooks("the database holds no rules yet").Todo("citycard serve founds them from --rules")
}

// foundingRules reads the documents that found the rules of an empty database; those that are
// missing are the examples, if these may be used.
func (s *Settings) foundingRules(dir string) (*rules.Set, error) {
	path := s.rulesPath(dir)
	contents, err := ReadDocuments(path)
	if _, none := os.Stat(path); s.Examples && errors.Is(none, fs.ErrNotExist) {
		contents, err = map[rules.Kind][]byte{}, nil
	}
	if err != nil {
		return nil, BadRules(service.Fail("the rules cannot be read").Todo("put the city's documents there, or name their folder with --rules; citycard rules template writes examples to begin with"), err)
	}
	for _, kind := range rules.Kinds() {
		if contents[kind] == nil && s.Examples {
			contents[kind] = kind.Example()
		}
	}
	set, err := rules.Read(contents)
	if err != nil {
		return nil, BadRules(service.Fail("the rules in %s cannot be used", path).Todo("correct the documents named; citycard rules check names every fault"), err)
	}
	if err := set.Covers(ledger.DayOf(time.Now().In(s.Zone.Location()))); err != nil {
		return nil, BadRules(service.Fail("the rules in %s cannot be used", path).Todo("correct the documents named; citycard rules check names every fault"), err)
	}
	return set, s.allow(set)
}

// BadRules adds faults, each in a line of its own.
func BadRules(f *service.Failure, err error) error {
	var lines []error
	if many, ok := err.(interface{ Unwrap() []error }); ok && len(many.Unwrap()) > 1 {
		lines = many.Unwrap()
	} else {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			lines = append(lines, errors.New(line))
		}
	}
	if len(lines) == 1 {
		return f.Because(err)
	}
	return f.BecauseOf(len(lines), lines)
}

// allow refuses rules that are examples, for which nobody answers, unless this is a trial.
func (s *Settings) allow(set *rules.Set) error {
	if examples := set.Examples(); len(examples) > 0 && !s.Examples {
		return service.Refuse("the rules are examples, for which nobody answers: %s", strings.Join(examples, "; ")).
			Todo("give the city's own documents, or --examples where this is a demonstration or a trial")
	}
	return nil
}

func (s *Settings) rulesPath(dir string) string {
	if s.Rules != "" {
		return s.Rules
	}
	return filepath.Join(filepath.Dir(s.registryPath(dir)), "rules")
}

// readRules reads the founding documents if there is no database yet, so that a mistake in them is
// found before anything starts.
func (in *Inputs) readRules(s *Settings, dir string) (err error) {
	if s.Database != "" {
		return nil
	}
	if _, err := os.Stat(books.PrivateDir(dir)); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	in.first, err = s.foundingRules(dir)
	return err
}

// openRules loads the rules in force, or founds them in an empty database; from then on it follows
// their editions, and publishes their fares.
func (c *Server) openRules(ctx context.Context, s *Settings, dir string, stack *service.Stack, log *slog.Logger) error {
	store, at := &rules.Store{Ledger: c.Books.Ledger}, time.Now()
	set, err := store.InForce(ctx)
	if errors.Is(err, rules.ErrEmpty) {
		set, err = c.foundRules(ctx, s, dir, store, log)
	}
	if err != nil {
		return err
	}
	if err := s.allow(set); err != nil {
		return err
	}
	if c.zone, err = store.Zone(ctx); err != nil {
		return err
	}
	if s.Zone.Given() && s.Zone.String() != c.zone.String() {
		return service.Refuse("the rules were founded for the time zone %s, not %s", c.zone.String(), s.Zone.String()).
			Todo("leave --zone out: days and fares are read in one zone for ever")
	}
	c.Rules = rules.Timed(set, at, time.Now)
	stack.Go(ctx, "rules", func(ctx context.Context) { c.Rules.Follow(ctx, store, rulesPoll, c.publishFares, log) })
	return nil
}

// calendarDays is how many days before its end a calendar is missed.
const calendarDays = 30

// calendarNotice says that the calendar in force ends soon, or has ended; nil where it does not.
func (c *Server) calendarNotice(now time.Time) *language.Text {
	return calendarEnds(c.Rules.Current().Calendar.Last(), ledger.DayOf(now.In(c.zone)))
}

func calendarEnds(last, today ledger.Day) *language.Text {
	if today.Add(calendarDays) < last {
		return nil
	}
	return language.Textf("the calendar ends with %s: propose a calendar.csv with the year %d; without it no rules can be approved in that year, and value dates are not known",
		last, calendar.YearOf(last)+1)
}

// foundRules makes the documents the first edition. If two processes do so at once, one is first
// and the other uses its result.
func (c *Server) foundRules(ctx context.Context, s *Settings, dir string, store *rules.Store, log *slog.Logger) (*rules.Set, error) {
	if c.first == nil {
		var err error
		if c.first, err = s.foundingRules(dir); err != nil {
			return nil, err
		}
	}
	err := store.Found(ctx, c.first, s.Zone.Location(), ledger.Approval{First: c.Owner, At: time.Now()})
	if err == nil {
		log.Info("rules founded", "directory", s.rulesPath(dir))
	}
	if err != nil && !errors.Is(err, rules.ErrFounded) {
		return nil, err
	}
	return store.InForce(ctx)
}

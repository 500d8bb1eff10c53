package downlink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/terminals/tariff"
)

// Follower keeps the fare tables of a terminal up to date with topic fares. Its functions are
// called by Follow, one at a time, and have to be set.
type Follower struct {
	Schedule *tariff.Schedule
	Now      func() time.Time
	// Trust is whose publications count. Without it every table counts, of any writer.
	Trust *Trust
	// Read is called whenever the terminal knows everything that has been published, after a
	// change and every few seconds.
	Read func()
	// Away is called when the topic cannot be read, once until it is read again.
	Away func(why error)
	// Refused is called once for each record that is no table which a terminal can use.
	Refused func(why error)
	// Unsaved is called when the tables cannot be kept on disk, once until they are.
	Unsaved func(why error)

	refused told
	away    bool
	unsaved error
}

const (
	// askEvery is the time between two questions for the topic's end while nothing comes.
	askEvery = 10 * time.Second
	// askLimit is how long the brokers may take to answer one.
	askLimit = 5 * time.Second
	// behindLimit is how long the terminal may not know everything that has been published. After
	// longer, the record of a withdrawal may be gone, which brokers keep for a day (topic setting
	// delete.retention.ms): only who reads the whole topic knows that the table is gone.
	behindLimit = time.Hour
)

// Follow keeps the schedule up to date until ctx ends. It reads the whole, compacted topic first,
// and the schedule changes when all of it is read: so a table that was withdrawn never holds again
// while an old record of it passes by. It waits for a broker or a topic that is away; meanwhile the
// schedule stays as it is. opts are the client options that the brokers require. It returns ctx's
// error, or one after which the caller follows again, and so reads the whole topic: one is that the
// terminal was behind for over an hour.
func (f *Follower) Follow(ctx context.Context, brokers []string, opts ...kgo.Opt) error {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.MetadataMinAge(time.Second), // the topic may just have been made
	}, opts...)...)
	if err != nil {
		return fmt.Errorf("fares: %w", err)
	}
	defer client.Close()
	r := &reading{Follower: f, admin: kadm.NewClient(client), next: map[int32]int64{}, withdrawn: map[string]bool{}, holds: map[string][]byte{}}
	if err := r.begin(ctx); err != nil {
		return err
	}
	client.AddConsumeTopics(message.TopicFares)
	for {
		changed, err := r.poll(ctx, client)
		if err != nil {
			return err
		}
		if changed && r.whole && f.Trust == nil {
			r.publish()
		}
		ended, err := r.ended(ctx)
		if err != nil {
			return err
		}
		if ended && !r.whole {
			r.whole = true
			if f.Trust == nil {
				r.publish()
			}
		}
		if f.Trust != nil && !r.settle(ended, !changed) {
			continue
		}
		if f.unsaved != nil {
			f.save()
		}
		if ended {
			f.Read()
		}
	}
}

// settle puts what the topic has into the schedule, if it is what was signed, and reports whether
// the schedule is the topic's. What it refuses it says once; that the content is another one than
// was signed it says only when nothing more comes.
func (r *reading) settle(ended, idle bool) bool {
	if r.settled || !ended || len(r.holds) == 0 && r.said == nil {
		return r.settled
	}
	p, err := r.Trust.open(message.TopicFares, r.said)
	if err == nil && (p.GetRecords() != int64(len(r.holds)) || !bytes.Equal(p.GetHash(), message.RecordsHash(r.holds))) {
		err = fmt.Errorf("version %d: %w", p.GetVersion(), errDiffers)
	}
	if err != nil {
		if idle || !errors.Is(err, errDiffers) && !errors.Is(err, message.ErrUnsigned) {
			r.refused.once(r.Refused, fmt.Errorf("fares: %w", err))
		}
		return false
	}
	r.publish()
	r.refused = nil // what is refused from now on is news
	if err := r.Trust.took(message.TopicFares, p.GetVersion()); err != nil {
		r.refused.once(r.Unsaved, err)
	}
	r.settled = true
	return true
}

// save keeps the schedule on disk.
func (f *Follower) save() {
	err := f.Schedule.Save()
	if err != nil && f.unsaved == nil {
		f.Unsaved(err)
	}
	f.unsaved = err
}

// passed returns nil for an error that ends by itself, after telling it; and any other error, and
// that of a ctx that has ended.
func (f *Follower) passed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !passing(err) {
		return fmt.Errorf("fares: read topic %s: %w", message.TopicFares, err)
	}
	if !f.away {
		f.away = true
		f.Away(err)
	}
	return nil
}

// told is what was told.
type told map[string]bool

// once tells what was not told before.
func (t *told) once(tell func(why error), why error) {
	if *t == nil {
		*t = told{}
	}
	if !(*t)[why.Error()] {
		(*t)[why.Error()] = true
		tell(why)
	}
}

// reading is one reading of the topic, from its start.
type reading struct {
	*Follower
	admin     *kadm.Client
	next      map[int32]int64 // the offset to be read next, by partition
	tables    []*tariff.Table // in the order in which they were published
	days      *message.Calendar
	withdrawn map[string]bool
	holds     map[string][]byte // all records by their keys, as they are hashed
	said      []byte            // the publication, nil for none
	settled   bool              // with Trust: what was read is what was signed, and in the schedule
	whole     bool              // everything was read at least once
	known     time.Time         // when it began, or last knew everything
}

// begin finds the start of the topic, and waits until there is one.
func (r *reading) begin(ctx context.Context) error {
	pause := time.NewTicker(retryPause)
	defer pause.Stop()
	for {
		starts, err := r.list(ctx, r.admin.ListStartOffsets)
		if err == nil {
			starts.Each(func(o kadm.ListedOffset) { r.next[o.Partition] = o.Offset })
			r.known = r.Now()
			return nil
		}
		if err := r.passed(ctx, err); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pause.C:
		}
	}
}

// list asks for offsets of the topic.
func (r *reading) list(ctx context.Context, ask func(context.Context, ...string) (kadm.ListedOffsets, error)) (kadm.ListedOffsets, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	offsets, err := ask(ctx, message.TopicFares)
	if err == nil {
		err = offsets.Error()
	}
	return offsets, err
}

// ended reports whether everything that has been published is read. It is not while the topic is
// away.
func (r *reading) ended(ctx context.Context) (bool, error) {
	ends, err := r.list(ctx, r.admin.ListCommittedOffsets)
	if err != nil {
		return false, r.passed(ctx, err)
	}
	r.away = false
	now := r.Now()
	if behind := max(now.Sub(r.known), now.Round(0).Sub(r.known.Round(0))); behind > behindLimit {
		return false, fmt.Errorf("fares: topic %s was not read for %s: it is read from its start", message.TopicFares, behind.Round(time.Minute))
	}
	all := true
	ends.Each(func(o kadm.ListedOffset) {
		next := r.next[o.Partition]
		if all = all && o.Offset <= next; o.Offset < next {
			err = fmt.Errorf("fares: topic %s ends at offset %d and was read up to %d: it has been made again", message.TopicFares, o.Offset, next)
		}
	})
	if all && err == nil {
		r.known = now
	}
	return all && err == nil, err
}

// poll takes what comes next. It returns after a while if nothing comes.
func (r *reading) poll(ctx context.Context, client *kgo.Client) (changed bool, err error) {
	limit := askEvery
	if !r.whole {
		limit = retryPause
	}
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	fetches := client.PollFetches(waiting)
	for _, e := range fetches.Errors() {
		if errors.Is(e.Err, context.DeadlineExceeded) && ctx.Err() == nil {
			continue // nothing came
		}
		if err := r.passed(ctx, e.Err); err != nil {
			return false, err
		}
	}
	fetches.EachRecord(func(record *kgo.Record) {
		if r.next[record.Partition] = record.Offset + 1; !record.Attrs.IsControl() {
			r.take(record)
			changed = true
		}
	})
	return changed, nil
}

// take takes one record. One that is no usable table changes nothing: what was known under its key
// before stays.
func (r *reading) take(record *kgo.Record) {
	key := string(record.Key)
	if message.OfPublication(record.Key) {
		r.state(record)
		return
	}
	r.settled = false
	delete(r.holds, key)
	if len(record.Value) > 0 {
		r.holds[key] = record.Value
	}
	if key == message.CalendarKey {
		r.date(record)
		return
	}
	if len(record.Value) == 0 {
		r.withdrawn[key] = true
		r.drop(key)
		return
	}
	table, err := tableOf(record)
	if err != nil {
		r.refused.once(r.Refused, refused(record, err))
		known, ok := r.Schedule.Version(key)
		if !ok || r.withdrawn[key] || slices.ContainsFunc(r.tables, named(key)) {
			return
		}
		table = known
	}
	delete(r.withdrawn, key)
	r.drop(key)
	r.tables = append(r.tables, table)
}

// date takes the calendar. One that cannot be used changes nothing.
func (r *reading) date(record *kgo.Record) {
	if len(record.Value) == 0 {
		r.days, r.withdrawn[message.CalendarKey] = nil, true
		return
	}
	days, err := calendarOf(record)
	if err != nil {
		r.refused.once(r.Refused, refused(record, err))
		return
	}
	r.days, r.withdrawn[message.CalendarKey] = days, false
}

// state takes what is signed of the topic.
func (r *reading) state(record *kgo.Record) {
	if r.Trust == nil {
		return
	}
	r.settled = false
	if !message.IsSuccessor(record.Key) {
		r.said = record.Value
	} else if err := r.Trust.succeed(record.Value); err != nil {
		r.refused.once(r.Unsaved, err)
	}
}

func (r *reading) drop(version string) { r.tables = slices.DeleteFunc(r.tables, named(version)) }

func named(version string) func(*tariff.Table) bool {
	return func(t *tariff.Table) bool { return t.Version() == version }
}

// publish puts what was read into the schedule. A topic without any table withdraws only what it
// names: it may have been made again after a loss, and the clearing centre publishes all its tables
// when it starts.
func (r *reading) publish() {
	tables := r.tables
	if len(tables) == 0 {
		for _, known := range r.Schedule.All() {
			if !r.withdrawn[known.Version()] {
				tables = append(tables, known)
			}
		}
	}
	days := r.days
	if days == nil && !r.withdrawn[message.CalendarKey] {
		days = r.Schedule.Days()
	}
	r.Schedule.Set(days, tables...)
	r.save()
}

// refused says which record is not taken.
func refused(record *kgo.Record, why error) error {
	return fmt.Errorf("fares: the record of %q at offset %d: %w", record.Key, record.Offset, why)
}

// calendarOf is the calendar of a record.
func calendarOf(record *kgo.Record) (*message.Calendar, error) {
	m := &message.DayKinds{}
	if err := proto.Unmarshal(record.Value, m); err != nil {
		return nil, fmt.Errorf("it is no calendar: %w", err)
	}
	return message.NewCalendar(m)
}

// tableOf is the table of a record. The clearing centre publishes each under its version, and
// withdraws it under the same key.
func tableOf(record *kgo.Record) (*tariff.Table, error) {
	m := &message.FareTable{}
	if err := proto.Unmarshal(record.Value, m); err != nil {
		return nil, fmt.Errorf("it is no fare table: %w", err)
	}
	if m.GetVersion() != string(record.Key) {
		return nil, fmt.Errorf("its key is not the version of its table, which is %q", m.GetVersion())
	}
	return tariff.New(m)
}

// Package downlink reads what the clearing centre publishes for terminals, and what lanes tell each
// other.
package downlink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/message"
	"citycard/terminals/tariff"
)

// Fares returns the fare tables of the topic fares, of which one holds at a time as clocks in its
// location show it; opts are the client options that the brokers require. It waits for a broker,
// and for that table to be published, as long as ctx allows. It calls waiting once, with what it
// waits for. Errors: tariff.ErrNone, or what the broker says.
func Fares(ctx context.Context, brokers []string, at time.Time, waiting func(why error), opts ...kgo.Opt) (*tariff.Schedule, error) {
	pause := time.NewTicker(retryPause)
	defer pause.Stop()
	for told := false; ; told = true {
		fares, err := read(ctx, brokers, at, opts)
		if err == nil || !passing(err) {
			return fares, err
		}
		if !told {
			waiting(err)
		}
		// A terminal starts when it can, not when it is lucky.
		select {
		case <-ctx.Done():
			return nil, err
		case <-pause.C:
		}
	}
}

// passing reports an error that ends when the broker comes back or when the clearing centre, which
// makes the topic and publishes the table, has started.
func passing(err error) bool {
	var away net.Error
	return errors.As(err, &away) || errors.Is(err, tariff.ErrNone) || errors.Is(err, io.EOF) || kgo.IsRetryableBrokerErr(err) || kerr.IsRetriable(err)
}

// retryPause is the time between two attempts to reach a broker that is away.
const retryPause = 200 * time.Millisecond

// read reads the topic once.
func read(ctx context.Context, brokers []string, at time.Time, opts []kgo.Opt) (*tariff.Schedule, error) {
	standing, err := Standing(ctx, brokers, opts...)
	if err != nil {
		return nil, err
	}
	return holding(standing, at)
}

// Standing reads the tables and the calendar of topic fares: the last record under each key,
// without those that say that a table no longer counts. What an open transaction holds back is not
// there yet.
func Standing(ctx context.Context, brokers []string, opts ...kgo.Opt) (map[string]*kgo.Record, error) {
	standing, _, err := Read(ctx, brokers, opts...)
	return standing, err
}

// Read reads the tables of topic fares as Standing does, and apart from them what is signed of
// them.
func Read(ctx context.Context, brokers []string, opts ...kgo.Opt) (standing, said map[string]*kgo.Record, err error) {
	if standing, err = whole(ctx, brokers, opts); err != nil {
		return nil, nil, err
	}
	said = map[string]*kgo.Record{}
	for key, r := range standing {
		if message.OfPublication(r.Key) {
			said[key] = r
			delete(standing, key)
		}
	}
	return standing, said, nil
}

// whole is the last record under each key.
func whole(ctx context.Context, brokers []string, opts []kgo.Opt) (map[string]*kgo.Record, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(message.TopicFares),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), // every start reads the whole, compacted topic
		// The last record may be the end of a transaction.
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
	}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("fares: %w", err)
	}
	defer client.Close()
	left, err := unread(ctx, kadm.NewClient(client))
	if err != nil {
		return nil, err
	}
	standing := make(map[string]*kgo.Record)
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("fares: read topic %s: %w", message.TopicFares, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			switch {
			case r.Attrs.IsControl():
			case len(r.Value) == 0:
				delete(standing, string(r.Key))
			default:
				standing[string(r.Key)] = r
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return standing, nil
}

// unread are the ends of the partitions of topic fares that have something to read: brokers may
// have deleted all that came before an end.
func unread(ctx context.Context, admin *kadm.Client) (map[int32]int64, error) {
	ends, err := admin.ListCommittedOffsets(ctx, message.TopicFares)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("fares: ask for the end of topic %s: %w", message.TopicFares, err)
	}
	starts, err := admin.ListStartOffsets(ctx, message.TopicFares)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("fares: ask for the start of topic %s: %w", message.TopicFares, err)
	}
	left := make(map[int32]int64)
	ends.Each(func(end kadm.ListedOffset) {
		if start, _ := starts.Lookup(end.Topic, end.Partition); start.Offset < end.Offset {
			left[end.Partition] = end.Offset
		}
	})
	return left, nil
}

// holding are the tables, of which one must hold at a time, and the calendar. A record that is no
// usable table or calendar is an error.
func holding(standing map[string]*kgo.Record, at time.Time) (*tariff.Schedule, error) {
	var tables []*tariff.Table
	var days *message.Calendar
	for _, r := range slices.SortedFunc(maps.Values(standing), published) {
		if string(r.Key) == message.CalendarKey {
			var err error
			if days, err = calendarOf(r); err != nil {
				return nil, refused(r, err)
			}
			continue
		}
		table, err := tableOf(r)
		if err != nil {
			return nil, refused(r, err)
		}
		tables = append(tables, table)
	}
	schedule := new(tariff.Schedule)
	schedule.Set(days, tables...)
	_, err := schedule.At(at)
	return schedule, err
}

// published compares records by when they were published.
func published(a, b *kgo.Record) int {
	return cmp.Or(a.Timestamp.Compare(b.Timestamp), cmp.Compare(a.Offset, b.Offset))
}

package quarantine

import (
	"context"
	"fmt"
	"strings"

	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// Record is a record, or a line of one, that is kept alone.
type Record struct {
	Day    ledger.Day // the clearing day on which it was kept
	Place  identity.Quarantined
	Stream string
	Reason verdict.Reason
	Cause  string // the error
	Value  []byte
	Judged string // the verdict it was given when it was judged again; empty while it is open
}

// Name is how the record is named to people: STREAM@OFFSET. The lines of one record share it.
func (r *Record) Name() string { return fmt.Sprintf("%s@%d", r.Stream, r.Place.Offset) }

// List calls fn for each record that was kept on the days from one to another, in the order
// of days, streams and offsets.
func List(ctx context.Context, l *ledger.Ledger, from, to ledger.Day, fn func(*Record) error) error {
	names, err := l.StreamNames(ctx)
	if err != nil {
		return err
	}
	judged, reader := map[ledger.Key]string{}, docket.NewReader()
	var last *Record
	end := func() error {
		if last == nil {
			return nil
		}
		done := last
		last = nil
		return fn(done)
	}
	err = shadow.Statement(ctx, l, identity.QuarantineSubject, from, to, func(row ledger.Row) error {
		place, kept := identity.ParseQuarantined(row.ID)
		switch {
		case !kept:
			judged[ledger.Key{Day: row.Day, Subject: row.Subject, ID: row.ID}] = row.Reason
			return nil
		case place.Piece > 0 && last != nil:
			last.Value = append(last.Value, row.Evidence...)
			return nil
		}
		if err := end(); err != nil {
			return err
		}
		booked, _ := reader.Row(&row)
		last = &Record{
			Day: row.Day, Place: place, Stream: names[place.Stream], Reason: booked.Reason, Cause: booked.Cause,
			Value: row.Evidence, Judged: judged[place.Judged(row.Day)],
		}
		return nil
	})
	if err == nil {
		err = end()
	}
	if err != nil {
		return fmt.Errorf("list the quarantine: %w", err)
	}
	return nil
}

// Open counts the records that are kept alone and were not judged again. It looks at keys
// alone.
func Open(ctx context.Context, l *ledger.Ledger) (records int, err error) {
	return open(ctx, l, func(ledger.StreamID) bool { return true })
}

// OpenOf counts those of one topic.
func OpenOf(ctx context.Context, l *ledger.Ledger, topic string) (records int, err error) {
	names, err := l.StreamNames(ctx)
	if err != nil {
		return 0, err
	}
	return open(ctx, l, func(stream ledger.StreamID) bool {
		// A stream without a known name may belong to any topic.
		name, known := names[stream]
		return !known || strings.HasPrefix(name, topic+"/")
	})
}

// open counts those of some streams.
func open(ctx context.Context, l *ledger.Ledger, of func(ledger.StreamID) bool) (records int, err error) {
	keys, err := l.KeysOf(ctx, identity.QuarantineSubject)
	if err != nil {
		return 0, fmt.Errorf("count the quarantine: %w", err)
	}
	open := map[ledger.Key]bool{}
	for _, key := range keys {
		place, kept := identity.ParseQuarantined(key.ID)
		if !kept {
			open[key] = false
			continue
		}
		judged := place.Judged(key.Day)
		if _, known := open[judged]; !known && of(place.Stream) {
			open[judged] = true
		}
	}
	for _, is := range open {
		if is {
			records++
		}
	}
	return records, nil
}

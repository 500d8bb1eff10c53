package counters

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"citycard/clearing/message"
	"citycard/ledger"
)

// ActCloseWithout is the audit's word for a day that two people close without a stream.
const ActCloseWithout = "close day without"

// Unread is a stream that a day was closed without: it stood at a position, its partition's
// end is what was waited for. What it held then is booked on a later day.
type Unread struct {
	Day     ledger.Day
	Stream  string // topic/partition
	At, End int64
}

// String is how the audit has it.
func (u Unread) String() string { return fmt.Sprintf("%s "+unreadFormat, u.Day, u.Stream, u.At, u.End) }

const unreadFormat = "%s stood at %d of %d"

// ParseUnread reads it.
func ParseUnread(text string) (u Unread, err error) {
	var day string
	if _, err = fmt.Sscanf(text, "%s "+unreadFormat, &day, &u.Stream, &u.At, &u.End); err == nil {
		u.Day, err = ledger.ParseDay(day)
	}
	if err != nil {
		return u, fmt.Errorf("audit: %q does not say what a day was closed without: %w", text, err)
	}
	return u, nil
}

// Unread lists what a day was closed without.
func (c Checker) Unread(ctx context.Context, day ledger.Day) ([]Unread, error) {
	list, err := c.EverUnread(ctx)
	return slices.DeleteFunc(list, func(u Unread) bool { return u.Day != day }), err
}

// EverUnread lists what days were closed without, of all days.
func (c Checker) EverUnread(ctx context.Context) (list []Unread, err error) {
	entries, err := c.Ledger.Audit(ctx, ActCloseWithout)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		u, err := ParseUnread(entry.What)
		if err != nil {
			return nil, err
		}
		list = append(list, u)
	}
	return list, nil
}

// unread says of which kinds of records a day does not have all: what is missing of them is
// no finding yet.
type unread struct{ taps, loads bool }

func (c Checker) unread(ctx context.Context, day ledger.Day) (of unread, err error) {
	list, err := c.Unread(ctx, day)
	for _, u := range list {
		topic, _, _ := strings.Cut(u.Stream, "/")
		of.taps = of.taps || topic == message.TopicTaps
		of.loads = of.loads || topic == message.TopicLoads
	}
	return of, err
}

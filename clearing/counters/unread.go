package counters

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"citycard/clearing/message"
	"citycard/ledger"
)

// ActCloseWithout is the audit's act for a day that two people close without a stream.
const ActCloseWithout = "close day without"

// Unread is a stream without which a day was closed. It has the stream's position and the
// partition's end for which the close waited. The records in between are booked on a later day.
type Unread struct {
	Day     ledger.Day
	Stream  string // topic/partition
	At, End int64
}

// String is the text that the audit keeps.
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

// EverUnread lists the streams without which days were closed, for all days.
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

// unread names the kinds of records that a day does not have completely. A missing number of these
// kinds is no finding yet.
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

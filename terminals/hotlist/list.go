package hotlist

import (
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
)

// clock is the format of seconds in rows; the texts sort in the order of time.
const clock = "20060102150405"

// ListedError refuses a card that is on the hotlist. Nothing on it has changed.
type ListedError struct {
	Reason string
	Since  string // YYYYMMDDhhmmss
}

func (e *ListedError) Error() string {
	return fmt.Sprintf("the card is on the hotlist since %s (%s)", e.Since, e.Reason)
}

// List is a hotlist. It is safe for concurrent use; a nil list is empty.
type List struct {
	path string

	mu    sync.RWMutex
	cards map[keys.Digits]*message.HotlistEntry
	newer int64 // the highest version seen
}

// Check refuses a card that is listed at a time in the city's zone, with a *ListedError. It
// compares only the digits that derive the card's keys, since the other digits can be changed on
// the way.
func (l *List) Check(card keys.Digits, at time.Time) error {
	if l == nil {
		return nil
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	second, found := at.Format(clock), (*message.HotlistRow)(nil)
	for _, row := range l.cards[card].GetRows() {
		if row.GetFrom() <= second && (found == nil || found.GetFrom() <= row.GetFrom()) {
			found = row
		}
	}
	if found == nil || found.GetTo() != "" && found.GetTo() < second {
		return nil
	}
	return &ListedError{Reason: found.GetReason(), Since: found.GetFrom()}
}

// Compare counts the cards that other entries name at a time in the city's zone or after it, those
// of them that the list does not name, and those that only the list names.
func (l *List) Compare(other map[keys.Digits]*message.HotlistEntry, at time.Time) (named, added, gone int64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	second := at.Format(clock)
	for card, e := range other {
		if !names(e, second) {
			continue
		}
		if named++; !names(l.cards[card], second) {
			added++
		}
	}
	for card, e := range l.cards {
		if names(e, second) && !names(other[card], second) {
			gone++
		}
	}
	return named, added, gone
}

// names reports whether a card is listed at a second or after it. A row that has begun counts until
// the next one begins.
func names(e *message.HotlistEntry, second string) bool {
	rows := e.GetRows()
	for i, row := range rows {
		replaced := i+1 < len(rows) && rows[i+1].GetFrom() <= second
		if (row.GetTo() == "" || row.GetTo() >= second) && !replaced {
			return true
		}
	}
	return false
}

// Replace puts other cards, which were checked, in the place of all that the list knows.
func (l *List) Replace(version int64, cards map[keys.Digits]*message.HotlistEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cards, l.newer = cards, version
}

// Apply adds published entries to the list. An entry older than the known one is skipped; an
// invalid one is an error, and none is kept.
func (l *List) Apply(entries ...*message.HotlistEntry) error {
	for _, e := range entries {
		if err := Check(e); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		card := keys.Digits(e.GetCard())
		if known := l.cards[card]; known.GetVersion() <= e.GetVersion() {
			l.cards[card] = e
		}
		l.newer = max(l.newer, e.GetVersion())
	}
	return nil
}

// Check refuses an entry that is no usable one.
func Check(e *message.HotlistEntry) error {
	if len(e.GetCard()) != len(keys.Digits{}) {
		return fmt.Errorf("hotlist: digits of a card number in %d bytes, want %d", len(e.GetCard()), len(keys.Digits{}))
	}
	for _, row := range e.GetRows() {
		for _, text := range []string{row.GetFrom(), row.GetTo()} {
			if _, err := time.Parse(clock, text); err != nil && !(text == "" && text == row.GetTo() && row.GetFrom() != "") {
				return fmt.Errorf("hotlist: card %s: time %q, want YYYYMMDDhhmmss", tunion.Masked(hex.EncodeToString(e.GetCard())), text)
			}
		}
	}
	return nil
}

// Version is the newest registry version that the list has received, 0 for none.
func (l *List) Version() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.newer
}

// Cards is the number of cards that the list knows, including those that are no longer listed.
func (l *List) Cards() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.cards)
}

package outbox

import "errors"

// Recent returns the records of the newest segment, whether they have been sent or not, the oldest
// first. They are those of the last taps, unless a segment has just begun.
func (l *Log) Recent() ([]Record, error) {
	l.mu.Lock()
	first, next := l.segments[len(l.segments)-1].first, l.next
	l.mu.Unlock()
	c, err := l.cursorAt(first)
	if err != nil {
		return nil, err
	}
	records, err := c.records(next, segmentSize)
	return records, errors.Join(err, c.close())
}

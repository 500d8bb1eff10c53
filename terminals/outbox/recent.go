package outbox

import "errors"

// Recent returns the records of the two newest segments, whether they have been sent or not, the
// oldest first. They are those of the last taps.
func (l *Log) Recent() ([]Record, error) {
	l.mu.Lock()
	first, next := l.segments[max(0, len(l.segments)-2)].first, l.next
	l.mu.Unlock()
	c, err := l.cursorAt(first)
	if err != nil {
		return nil, err
	}
	records, err := c.records(next, 2*segmentSize)
	return records, errors.Join(err, c.close())
}

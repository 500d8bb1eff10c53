package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Append makes the records durable, in order and all or none, and returns when they are. It waits
// for the disk and cannot be cancelled: a caller that returned early could not know whether the
// records are stored. Errors: a record outside the limits (nothing was written), ErrBroken with its
// cause, or that the outbox was closed.
func (l *Log) Append(records ...Record) error { return l.Keep(nil, records...) }

// Keep is Append for records to send and local ones: both are durable, or neither.
func (l *Log) Keep(local []Local, records ...Record) error {
	if len(local)+len(records) == 0 {
		return nil
	}
	size := 0
	for _, r := range local {
		if err := r.validate(); err != nil {
			return err
		}
		size += r.record().size()
	}
	for _, r := range records {
		if err := r.validate(); err != nil {
			return err
		}
		size += r.size()
	}
	if size > maxGroup {
		return fmt.Errorf("outbox: %d records of %d bytes at once, at most %d", len(local)+len(records), size, maxGroup)
	}
	g, err := l.join(local, records, size)
	if err != nil {
		return err
	}
	<-g.done
	return g.err
}

// join adds the records to the group that waits for the next sync.
func (l *Log) join(local []Local, records []Record, size int) (*group, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.pending != nil && len(l.pending.payload)+size > maxGroup && l.err == nil && !l.closing {
		l.wake.Wait()
	}
	if l.err != nil {
		return nil, l.err
	}
	if l.closing {
		return nil, errClosed
	}
	accepted, err := l.accepted.with(local)
	if err != nil {
		return nil, err
	}
	l.accepted = accepted
	if l.pending == nil {
		l.pending = &group{done: make(chan struct{})}
	}
	g := l.pending
	for _, r := range local {
		g.payload = appendRecord(g.payload, r.record())
	}
	g.local = append(g.local, local...)
	for _, r := range records {
		g.payload = appendRecord(g.payload, r)
	}
	g.count += len(records)
	l.wake.Broadcast()
	return g, nil
}

// run is the one writer.
func (l *Log) run() {
	defer close(l.stopped)
	for {
		l.mu.Lock()
		for l.pending == nil && !l.closing {
			l.wake.Wait()
		}
		g := l.pending
		l.pending = nil
		err := l.err
		l.wake.Broadcast() // there is room for the next group
		l.mu.Unlock()
		if g == nil {
			return
		}
		if err == nil {
			err = l.write(g)
		}
		l.mu.Lock()
		l.breakOn(err)
		if err != nil {
			l.takeBack()
		}
		l.notify()
		l.mu.Unlock()
		g.err = err
		close(g.done)
	}
}

// write makes one group durable.
func (l *Log) write(g *group) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	standing, err := l.local.with(g.local)
	l.mu.Unlock()
	if err != nil {
		return err
	}
	if l.end+int64(frameHeader+len(g.payload)) > l.size {
		if err := l.startSegment(l.next); err != nil {
			return err
		}
	}
	b := encodeFrame(l.salt, frame{first: l.next, count: g.count, payload: g.payload})
	if err := l.disk.write(l.file, b, l.end); err != nil {
		return fmt.Errorf("%w: write: %w", ErrBroken, err)
	}
	if err := l.disk.sync(l.file); err != nil {
		return fmt.Errorf("%w: sync: %w", ErrBroken, err)
	}
	l.end += int64(len(b))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next += uint64(g.count) // under writing too: Ready must not see the one without the other
	l.local = standing
	return nil
}

// takeBack forgets the local records of a group that was not written. The caller holds mu.
func (l *Log) takeBack() {
	l.accepted = l.local
	if l.pending == nil {
		return
	}
	if accepted, err := l.local.with(l.pending.local); err == nil { // else write says so
		l.accepted = accepted
	}
}

// Ready returns nil if there is room for the records of a tap that starts now.
// Call it before the card is debited. A full disk is reported here and heals as
// soon as there is room; ErrBroken does not heal, and a closed outbox does not either.
func (l *Log) Ready() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	err, closing, next, waiting := l.err, l.closing, l.next, 0
	if l.pending != nil {
		waiting = len(l.pending.payload)
	}
	l.mu.Unlock()
	switch {
	case err != nil:
		return err
	case closing:
		return errClosed
	case l.end+int64(waiting)+reserve <= l.size:
		return nil
	}
	err = l.startSegment(next)
	l.mu.Lock()
	l.breakOn(err)
	l.mu.Unlock()
	return err
}

// breakOn keeps an error after which the file's state is unknown. The caller
// holds mu.
func (l *Log) breakOn(err error) {
	if l.err == nil && errors.Is(err, ErrBroken) {
		l.err = err
		// If this fails, nothing can be made on the disk, and Open fails too.
		_ = os.WriteFile(filepath.Join(l.dir, brokenName), nil, 0o600)
		l.wake.Broadcast()
	}
}

// notify wakes all goroutines that wait for a change. The caller holds mu.
func (l *Log) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"citycard/cmd/service"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
)

// leftLane is the outbox of a lane that the settings do not name any more, because it was removed
// or has another name now. What it has is sent, and its open payments are settled by other lanes of
// the agent, or go up as unconfirmed; nothing is added. One that breaks, or that cannot be opened,
// is opened again.
type leftLane struct {
	name string

	mu   sync.Mutex
	out  *outbox.Log // nil while it cannot be opened
	book *intent.Book
	sent func() // ends the forwarding
}

// leftEvery is how often the outboxes without a lane are looked at.
const leftEvery = 10 * time.Second

// leftLanes names the lanes that have an outbox in a data directory and take no fares by the
// settings.
func leftLanes(data string, lanes []laneFlags) (names []string, err error) {
	folders, err := os.ReadDir(filepath.Join(data, "lanes"))
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return nil, err
	}
	for _, f := range folders {
		known := slices.ContainsFunc(lanes, func(l laneFlags) bool { return l.name == f.Name() && l.charges() })
		if _, err := os.Stat(filepath.Join(data, "lanes", f.Name(), "outbox")); !known && err == nil {
			names = append(names, f.Name())
		}
	}
	return names, nil
}

// openLeft opens the outboxes of lanes that are not in the settings, and says so in one line. One
// that cannot be opened stops no lane.
func (a *agent) openLeft(ctx context.Context, stack *service.Stack, common *shared, lanes []laneFlags) (left []*leftLane, err error) {
	names, err := leftLanes(a.Data, lanes)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	var waiting uint64
	open := 0
	for _, name := range names {
		l := &leftLane{name: name}
		l.renew(ctx, common)
		if out, counts := l.box(); out != nil {
			waiting, open = waiting+out.Status().Waiting(), open+counts.Open
		}
		stack.Push("outbox of lane "+name, func(context.Context) error { return l.close(common) })
		left = append(left, l)
	}
	stack.Go(ctx, "outboxes without a lane", func(ctx context.Context) { renewLeft(ctx, common, left) })
	common.log.Warn("lanes that are not in the settings have outboxes: what they have is sent, and no card is served",
		"lanes", strings.Join(names, " "), "waiting", waiting, "open", open)
	return left, nil
}

// renewLeft looks at the outboxes without a lane until ctx ends.
func renewLeft(ctx context.Context, common *shared, left []*leftLane) {
	tick := time.NewTicker(leftEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, l := range left {
			l.renew(ctx, common)
		}
	}
}

// renew opens the outbox unless it is open and takes records.
func (l *leftLane) renew(ctx context.Context, common *shared) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out != nil {
		err := l.out.Ready()
		if !errors.Is(err, outbox.ErrBroken) {
			return
		}
		common.log.Warn("the outbox of a lane that is not in the settings is opened again", "lane", l.name, logged(errors.Join(err, l.shut(common))))
	}
	if err := l.open(common.dir.Join("lanes", l.name, "outbox")); err != nil {
		common.log.Error("the outbox of a lane that is not in the settings cannot be used", "lane", l.name, logged(err))
		return
	}
	l.sent = common.forward.add(ctx, l.name, l.out)
	common.intents.add(l.name, l.book)
}

// open opens the outbox. The caller holds mu.
func (l *leftLane) open(home string) error {
	out, err := outbox.Open(home)
	if err != nil {
		return err
	}
	book, err := intent.Open(out, intent.Place{})
	if err != nil {
		return errors.Join(err, out.Close())
	}
	l.out, l.book = out, book
	return nil
}

// box is the outbox, and what is open in it; nil while it cannot be opened.
func (l *leftLane) box() (out *outbox.Log, counts intent.Counts) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out == nil {
		return nil, counts
	}
	return l.out, l.book.Counts()
}

func (l *leftLane) close(common *shared) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out == nil {
		return nil
	}
	return l.shut(common)
}

// shut closes the outbox. The caller holds mu.
func (l *leftLane) shut(common *shared) error {
	l.sent()
	common.intents.remove(l.name)
	err := errors.Join(l.book.Close(), l.out.Close())
	l.out, l.book = nil, nil
	return err
}

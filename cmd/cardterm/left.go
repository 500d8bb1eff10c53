package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"citycard/cmd/service"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
)

// leftLane is the outbox of a lane that the settings do not name any more, because it was removed
// or has another name now. What it has is sent, and its open payments are settled by other lanes of
// the agent, or go up as unconfirmed; nothing is added.
type leftLane struct {
	name string
	out  *outbox.Log
	book *intent.Book
	sent func() // ends the forwarding
}

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
		if err := l.open(common.dir.Join("lanes", name, "outbox")); err != nil {
			common.log.Error("the outbox of a lane that is not in the settings cannot be used", "lane", name, logged(err))
			continue
		}
		waiting, open = waiting+l.out.Status().Waiting(), open+l.book.Counts().Open
		l.sent = common.forward.add(ctx, name, l.out)
		common.intents.add(name, l.book)
		stack.Push("outbox of lane "+name, func(context.Context) error { return l.close(common) })
		left = append(left, l)
	}
	common.log.Warn("lanes that are not in the settings have outboxes: what they have is sent, and no card is served",
		"lanes", strings.Join(names, " "), "waiting", waiting, "open", open)
	return left, nil
}

func (l *leftLane) open(home string) (err error) {
	if l.out, err = outbox.Open(home); err != nil {
		return err
	}
	if l.book, err = intent.Open(l.out, intent.Place{}); err != nil {
		return errors.Join(err, l.out.Close())
	}
	return nil
}

func (l *leftLane) close(common *shared) error {
	l.sent()
	common.intents.remove(l.name)
	return errors.Join(l.book.Close(), l.out.Close())
}

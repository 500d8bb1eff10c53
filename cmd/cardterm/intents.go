package main

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/terminals/downlink"
	"citycard/terminals/intent"
)

const (
	// raiseEvery is how often lanes look for payments that have been open for too long.
	raiseEvery = time.Minute
	// mostStanding is how many open payments are kept for lanes that begin later.
	mostStanding = 4096
)

// neighbours have the payments that are open at the lanes of an agent, and tell these lanes of what
// other lanes have.
type neighbours struct {
	log    *slog.Logger
	zone   *time.Location
	after  time.Duration // until clearing is told of an open payment
	places []intent.Place

	mu       sync.Mutex
	books    map[string]*intent.Book // of the lanes whose outbox is open
	standing map[string][]byte       // of topic intents, near a place, by key
}

// startNeighbours follows topic intents and looks for old payments in the background.
func startNeighbours(ctx context.Context, stack *service.Stack, common *shared, lanes []laneFlags, after time.Duration, up uplink) *neighbours {
	n := &neighbours{log: common.log, zone: common.zone, after: after, books: map[string]*intent.Book{}, standing: map[string][]byte{}}
	for _, l := range lanes {
		n.places = append(n.places, l.place.passages(l.role))
	}
	stack.Go(ctx, "unconfirmed", n.raise)
	read := false
	follower := &downlink.IntentFollower{
		Begin: n.begin, Heard: n.heard, Read: func() { read = true },
		Refused: func(why error) { n.log.Error("an open payment of another lane is refused", logged(why)) },
	}
	stack.Go(ctx, "intents", func(ctx context.Context) {
		again(ctx, func(ctx context.Context) (gotOn bool, err error) {
			read = false
			err = up.follow(ctx, follower)
			return read, err
		}, func(err error, pause time.Duration) {
			n.log.Error("open payments of other lanes are not followed", "again_in", pause, logged(err))
		})
	})
	return n
}

// follow follows until ctx ends or the brokers refuse it.
func (u uplink) follow(ctx context.Context, follower *downlink.IntentFollower) error {
	opts, err := u.options()
	if err != nil {
		return err
	}
	if away, err := u.ask(ctx, opts); err != nil && !away {
		return err
	}
	return follower.Follow(ctx, u.brokers, opts...)
}

// add tells a lane of what has been heard, and from now on of what comes.
func (n *neighbours) add(lane string, book *intent.Book) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.books[lane] = book
	for key, value := range n.standing {
		if err := book.Heard([]byte(key), value); err != nil { // it was taken before
			n.log.Error("an open payment of another lane is refused", logged(err))
		}
	}
}

// remove leaves out a lane whose outbox will be closed.
func (n *neighbours) remove(lane string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.books, lane)
}

// begin forgets everything, before the topic is read from its start.
func (n *neighbours) begin() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.standing)
	for _, b := range n.books {
		b.Forget()
	}
}

// heard takes a record of the topic.
func (n *neighbours) heard(key, value []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(value) == 0 {
		delete(n.standing, string(key))
	} else {
		m, err := message.ParseIntent(key, value)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(n.places, func(p intent.Place) bool { return p.Near(m.GetTap()) }) {
			return nil
		}
		if len(n.standing) < mostStanding {
			n.standing[string(key)] = value
		}
	}
	for _, b := range n.books {
		if err := b.Heard(key, value); err != nil {
			return err
		}
	}
	return nil
}

// counts are those of a lane.
func (n *neighbours) counts(lane string) intent.Counts {
	n.mu.Lock()
	defer n.mu.Unlock()
	if b := n.books[lane]; b != nil {
		return b.Counts()
	}
	return intent.Counts{}
}

// raise tells clearing of payments that have been open for too long, until ctx ends.
func (n *neighbours) raise(ctx context.Context) {
	tick := time.NewTicker(max(time.Second, min(raiseEvery, n.after)))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			n.raiseNow(time.Now().In(n.zone))
		}
	}
}

func (n *neighbours) raiseNow(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for lane, b := range n.books {
		raised, err := b.Raise(now, n.after)
		if raised > 0 {
			n.log.Warn("payments stay unconfirmed; the clearing centre is told", "lane", lane, "payments", raised)
		}
		if err != nil {
			n.log.Error("the clearing centre is not told of open payments", "lane", lane, logged(err))
		}
	}
}

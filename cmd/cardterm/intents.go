package main

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/terminals/downlink"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
)

const (
	// raiseEvery is how often lanes look for payments that have been open for too long.
	raiseEvery = time.Minute
	// mostStanding is how many open payments are kept for lanes that begin later.
	mostStanding = 4096
	// mostOver is how many ends are remembered of those that lanes told each other.
	mostOver = 1024
)

// neighbours have the payments that are open at the lanes of an agent, and tell these lanes of what
// other lanes have: those of the same agent at once, those of others as topic intents has them.
type neighbours struct {
	log    *slog.Logger
	zone   *time.Location
	after  time.Duration // until clearing is told of an open payment
	places []intent.Place

	mu       sync.Mutex
	books    map[string]*intent.Book // of the lanes whose outbox is open
	standing map[string][]byte       // of topic intents, near a place, by key
	own      map[string]opened       // of the agent's lanes, by key; also of a lane whose outbox is closed
	over     []string                // keys of own that ended: the topic may still have them
}

// opened is an open payment of a lane of the agent.
type opened struct {
	lane  string
	value []byte
}

func newNeighbours(log *slog.Logger, zone *time.Location, after time.Duration, places []intent.Place) *neighbours {
	return &neighbours{
		log: log, zone: zone, after: after, places: places,
		books: map[string]*intent.Book{}, standing: map[string][]byte{}, own: map[string]opened{},
	}
}

// startNeighbours follows topic intents and looks for old payments in the background.
func startNeighbours(ctx context.Context, stack *service.Stack, common *shared, lanes []laneFlags, after time.Duration, up uplink) *neighbours {
	var places []intent.Place
	for _, l := range lanes {
		places = append(places, l.place.passages(l.role))
	}
	n := newNeighbours(common.log, common.zone, after, places)
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

// add tells a lane of what has been heard, and from now on of what comes, and the other lanes of
// what it has.
func (n *neighbours) add(lane string, book *intent.Book) {
	has := book.Share(func(key, value []byte) { n.told(lane, key, value) })
	n.mu.Lock()
	defer n.mu.Unlock()
	n.books[lane] = book
	for key, value := range n.standing {
		n.refuse(book.Heard([]byte(key), value))
	}
	for key, o := range n.own {
		if o.lane != lane {
			n.refuse(book.Told([]byte(key), o.value))
		} else if !slices.ContainsFunc(has, func(l outbox.Local) bool { return string(l.Key) == key }) {
			n.tell(lane, []byte(key), nil) // its end is on the disk, and the lane did not know
		}
	}
	for _, l := range has {
		if slices.Contains(n.over, string(l.Key)) {
			n.refuse(book.Told(l.Key, nil))
			continue
		}
		n.tell(lane, l.Key, l.Value)
	}
}

// told takes what a lane tells of a payment of its own, or of one that it has settled.
func (n *neighbours) told(lane string, key, value []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tell(lane, key, value)
}

// tell tells the other lanes. The caller holds mu, also while the disk of a lane is written to
// whose payment another lane has settled: where eight lanes tear and settle a card each at one
// moment, they wait no longer than the disk needs (BenchmarkNeighboursTell).
func (n *neighbours) tell(lane string, key, value []byte) {
	if len(value) > 0 {
		n.own[string(key)] = opened{lane, value}
	} else {
		delete(n.own, string(key))
		delete(n.standing, string(key))
		if n.over = append(n.over, string(key)); len(n.over) > mostOver {
			n.over = n.over[1:]
		}
	}
	for name, book := range n.books {
		if name != lane {
			n.refuse(book.Told(key, value))
		}
	}
}

// refuse says why a book does not take what another lane has.
func (n *neighbours) refuse(err error) {
	if err != nil {
		n.log.Error("an open payment of another lane is refused", logged(err))
	}
}

// remove leaves out a lane whose outbox will be closed.
func (n *neighbours) remove(lane string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.books, lane)
}

// begin forgets what the topic said, before it is read from its start.
func (n *neighbours) begin() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.standing)
	for lane, b := range n.books {
		b.Forget()
		for key, o := range n.own {
			if o.lane != lane {
				n.refuse(b.Told([]byte(key), o.value))
			}
		}
	}
}

// heard takes a record of the topic.
func (n *neighbours) heard(key, value []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(value) == 0 {
		delete(n.standing, string(key))
		delete(n.own, string(key))
	} else {
		if slices.Contains(n.over, string(key)) {
			return nil // the end is on its way to the topic
		}
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

// has reports whether the book of a lane is still this one.
func (n *neighbours) has(lane string, b *intent.Book) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.books[lane] == b
}

func (n *neighbours) raiseNow(now time.Time) {
	n.mu.Lock()
	books := maps.Clone(n.books)
	n.mu.Unlock() // lanes tell each other while the disk writes
	for lane, b := range books {
		raised, err := b.Raise(now, n.after)
		if raised > 0 {
			n.log.Warn("payments stay unconfirmed; the clearing centre is told", "lane", lane, "payments", raised)
		}
		if err != nil && n.has(lane, b) {
			n.log.Error("the clearing centre is not told of open payments", "lane", lane, logged(err))
		}
	}
}

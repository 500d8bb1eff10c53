package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
	"citycard/terminals/reader"
)

func laneOf(common *shared, settings laneFlags, taps *prometheus.CounterVec) *lane {
	l := &lane{
		shared: common, settings: settings, log: common.log.With("lane", settings.name),
		taps: taps.MustCurryWith(prometheus.Labels{"lane": settings.name}), tried: make(chan struct{}),
	}
	l.standing.log, l.guard.within = l.log, settings.repeat
	l.serve, l.turn = l.watch, l.next
	if settings.charges() {
		l.serve = l.charge
	}
	l.settings.module.keyFlags = common.keys
	l.trouble.Store(&trouble{err: language.Textf("the lane has not begun")})
	l.last.Store(time.Now().Unix())
	return l
}

// run serves until ctx ends. Whatever goes wrong, the lane says it in one line and tries again.
func (l *lane) run(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		began := time.Now()
		err := l.session(ctx)
		if ctx.Err() != nil {
			break
		}
		l.trouble.Store(&trouble{err: err})
		if l.standing.stop(err) {
			l.display.tell(l.state(time.Now().In(l.zone), outcomeOutOfService))
		}
		l.once.Do(func() { close(l.tried) })
		if away(err) || time.Since(began) > lastPause {
			pause = firstPause
		}
		l.rest(ctx, err, pause)
		if !away(err) {
			pause = min(2*pause, lastPause)
		}
	}
	if err := l.closeOut(); err != nil {
		l.log.Warn("the outbox is not closed in order", logged(err))
	}
}

// rest waits until another try may do better.
func (l *lane) rest(ctx context.Context, err error, pause time.Duration) {
	var changed <-chan struct{}
	if away(err) {
		if _, news, err := l.readers.View(ctx); err == nil {
			changed = news
		}
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-time.After(pause):
	}
}

// session opens what the lane needs and serves cards until something is in the way.
func (l *lane) session(ctx context.Context) (err error) {
	if l.settings.charges() {
		if err := l.openOut(ctx); err != nil {
			return err
		}
	}
	if l.reader, err = l.readers.Open(ctx, l.settings.reader); err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	var sam *seat
	defer func() {
		end(nil)
		watching.Wait() // nobody waits at a reader that is closed
		if sam != nil {
			l.release(sam)
		}
		if failed := l.reader.Close(); failed != nil && err == nil {
			err = failed
		}
	}()
	if l.settings.charges() {
		if sam, err = l.equip(ctx); err != nil {
			return err
		}
		watching.Go(func() { sam.watch(ctx, end) })
	}
	if l.served { // a card that stayed in the reader has been served
		if err := l.reader.WaitEmpty(ctx); err != nil {
			return err
		}
	}
	l.begin()
	for ctx.Err() == nil {
		if err := l.turn(ctx); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return err
		}
	}
	return context.Cause(ctx)
}

// begin says that cards are served.
func (l *lane) begin() {
	l.trouble.Store(nil)
	l.display.tell(l.state(time.Now().In(l.zone), outcomeInService))
	if !l.standing.goOn() {
		l.log.Info("in service", "reader", l.reader.Name(), "role", l.settings.role)
	}
	l.once.Do(func() { close(l.tried) })
}

// equip opens the SAM, or a spare one, and makes the role with it.
func (l *lane) equip(ctx context.Context) (*seat, error) {
	s, err := l.settings.module.open(ctx, l.readers, l.home("sam.img"))
	if err != nil && !errors.Is(err, reader.ErrNoService) {
		s, err = l.spare(ctx, err)
	}
	if err != nil {
		return nil, err
	}
	if l.role, err = l.settings.place.role(l.settings.role, s.module, l.fares.Schedule, l.hot, l.modes.List, l.intend); err != nil {
		l.release(s)
		return nil, err
	}
	terminal := s.module.Terminal()
	l.terminal.Store(&terminal)
	l.log.Info("taking fares", append([]any{"terminal", fmt.Sprintf("%x", s.module.Terminal())}, l.fares.state().attrs()...)...)
	return s, nil
}

// spare opens a spare SAM of the lane's place.
func (l *lane) spare(ctx context.Context, why error) (*seat, error) {
	for _, name := range l.spares.free(l.settings.place) {
		if !l.spares.take(name) {
			continue
		}
		s, err := openSAM(ctx, l.readers, name)
		if err == nil {
			l.log.Warn("a spare SAM takes the place of the lane's", "sam", name, logged(why))
			s.spare = name
			return s, nil
		}
		l.spares.giveBack(name)
	}
	return nil, why
}

// release closes a SAM.
func (l *lane) release(s *seat) {
	if err := s.Close(); err != nil && !away(err) {
		l.log.Warn("the SAM is not let go", logged(err))
	}
	if s.spare != "" {
		l.spares.giveBack(s.spare)
	}
}

// home is a path in the lane's own directory.
func (l *lane) home(name string) string { return l.dir.Join("lanes", l.settings.name, name) }

// openOut opens the outbox unless it is open, and lets it be forwarded. One that takes no more
// records is opened again.
func (l *lane) openOut(ctx context.Context) error {
	if l.out != nil {
		if err := l.out.Ready(); !errors.Is(err, outbox.ErrBroken) {
			return nil
		}
		if err := l.closeOut(); err != nil {
			l.log.Warn("the outbox is opened again", logged(err))
		}
	}
	out, err := outbox.Open(l.home("outbox"))
	if err != nil {
		return err
	}
	if l.book, err = intent.Open(out, l.settings.place.passages(l.settings.role)); err != nil {
		return errors.Join(err, out.Close())
	}
	if err := l.recall(out); err != nil {
		l.log.Warn("which cards have just paid is not known", logged(err))
	}
	l.out = out
	l.box.Store(out)
	l.unsent = l.forward.add(ctx, l.settings.name, out)
	l.intents.add(l.settings.name, l.book)
	return nil
}

// openAll opens the outboxes of all lanes before any of them serves a card: an open payment of one
// lane concerns the others, and so does one of which the passenger may not have been told, who then
// tries the next door. A lane whose outbox cannot be opened tries again, and says why.
func openAll(ctx context.Context, lanes []*lane) {
	places := map[intent.Place][]*guard{}
	for _, l := range lanes {
		if !l.settings.charges() || l.openOut(ctx) != nil {
			continue
		}
		here := l.settings.place.passages(l.settings.role)
		if here.Mode == message.Mode_MODE_BUS && here.Vehicle == "" {
			continue // it may be another bus
		}
		places[here] = append(places[here], &l.guard)
	}
	for _, doors := range places {
		join(doors)
	}
}

// recall remembers the cards that have just paid, from the records of the last run.
func (l *lane) recall(out *outbox.Log) error {
	records, err := out.Recent()
	if err != nil {
		return err
	}
	return errors.Join(l.book.Recall(records), l.guard.recall(records, time.Now().In(l.zone)))
}

// closeOut closes the outbox.
func (l *lane) closeOut() error {
	if l.out == nil {
		return nil
	}
	l.unsent()
	l.intents.remove(l.settings.name)
	l.box.Store(nil)
	err := errors.Join(l.book.Close(), l.out.Close())
	l.out, l.book = nil, nil
	return err
}

// ready says whether cards can be served.
func (l *lane) ready(context.Context) error {
	if t := l.trouble.Load(); t != nil {
		return t.err
	}
	box := l.box.Load()
	if box == nil {
		return nil
	}
	if _, err := l.policy.look(time.Now()); err != nil {
		return err
	}
	return box.Ready()
}

// next serves one card. An error means that the session ends.
func (l *lane) next(ctx context.Context) error {
	card, err := l.reader.WaitCard(ctx)
	switch {
	case errors.Is(err, reader.ErrBusy):
		l.log.Warn("card not served yet", logged(err), "passenger", "hold the card still")
		return l.reader.WaitFree(ctx)
	case errors.Is(err, reader.ErrUnresponsive):
		l.log.Warn("card not served", logged(err), "passenger", "hold the card again")
		return l.reader.WaitEmpty(ctx)
	case err != nil:
		return err
	}
	// A card that is being served is finished even if the program is told to stop.
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), tapLimit)
	defer cancel()
	l.served = true
	l.busy.Store(time.Now().Unix())
	defer l.busy.Store(0)
	err = l.serve(limited, card)
	l.last.Store(time.Now().Unix())
	// If the service has gone, or is shutting down, the next call returns an error that says so.
	if failed := card.Close(); failed != nil && err == nil {
		l.log.Warn("card not let go", logged(failed))
	}
	if err == nil && l.reader.Stalled() {
		err = language.Textf("%w (reader %s)", reader.ErrStalled, l.reader.Name())
	}
	if err != nil {
		return err
	}
	l.busy.Store(0)
	return l.reader.WaitEmpty(ctx)
}

// longestCard is far above what a card and the disk may take.
const longestCard = 30 * time.Second

// hangs says whether the lane is stuck in serving a card: a call to the disk does not return.
func (l *lane) hangs(now time.Time) bool {
	since := l.busy.Load()
	return since != 0 && now.Sub(time.Unix(since, 0)) > longestCard
}

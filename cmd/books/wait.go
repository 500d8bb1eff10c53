package books

import (
	"context"
	"log/slog"
	"time"

	"citycard/cmd/service"
	"citycard/language"
)

// Patience is how long a command waits for a process that starts to serve.
type Patience struct {
	Appear time.Duration // for one that is not there yet
	Step   time.Duration // for a starting process that stays at one step; a long step has no limit
	Say    time.Duration // interval of the messages that say what it waits for
	Log    *slog.Logger
}

// StepLimit is how long a starting process may stay at a step that is not long.
const StepLimit = time.Minute

const (
	lookEvery = 50 * time.Millisecond
	sayEvery  = 10 * time.Second
	// wordless is how long a directory may be in use before its process has written the running
	// file. A serving process writes it at once.
	wordless = time.Second
)

// Serving finds the process that serves a data directory, and waits for one that is starting; ok is
// false if there is none. It also returns the file of a killed process, since the database and the
// broker that the file names may still be there.
func Serving(ctx context.Context, data string, log *slog.Logger) (r Running, ok bool, err error) {
	return (&Patience{Step: StepLimit, Say: sayEvery, Log: log}).Serving(ctx, data)
}

// Serving does the same as the function Serving, with other time limits. With Appear it also waits
// for a process that has not started yet, and ignores the file of a killed one.
func (p *Patience) Serving(ctx context.Context, data string) (r Running, ok bool, err error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	w := watch{Patience: p, data: data, began: time.Now()}
	for {
		if r, ok, done, err := w.look(time.Now()); done || err != nil {
			return r, ok, err
		}
		select {
		case <-ctx.Done():
			return Running{}, false, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// watch is one wait.
type watch struct {
	*Patience
	data    string
	began   time.Time
	waiting bool // for a process that starts
	doing   string
	since   time.Time // when it began with that
	said    time.Time
}

// look checks once; done is false while there is something to wait for.
func (w *watch) look(now time.Time) (r Running, ok, done bool, err error) {
	r, word := ReadRunning(w.data)
	held := service.InUse(w.data)
	switch {
	case word && r.Doing == "" && (held || w.Appear == 0):
		return r, true, true, nil
	case word && held:
		return Running{}, false, false, w.starting(r, now)
	case w.waiting && !held:
		return Running{}, false, true, service.Fail("citycard serve of %s ended before it was ready", w.data).Todo("see what it said, and start it again")
	case w.waiting: // it is stopping
		return Running{}, false, false, nil
	case now.Sub(w.began) < w.Appear:
		w.say(now, "not there yet")
		return Running{}, false, false, nil
	case held && now.Sub(w.began) < wordless:
		return Running{}, false, false, nil
	}
	return Running{}, false, true, nil
}

// starting waits for a process that is starting, until it has stayed at one step for too long.
func (w *watch) starting(r Running, now time.Time) error {
	if r.Doing != w.doing {
		w.doing, w.since = r.Doing, now
	}
	w.waiting = true
	if !r.Long && now.Sub(w.since) >= w.Step {
		return service.Unreachable("citycard serve of %s is still %s after %s", w.data, step(r.Doing), now.Sub(w.since).Round(time.Second)).Todo("look at what it says, and try again")
	}
	w.say(now, r.Doing)
	return nil
}

// step is what a starting process does, as its file says in English.
type step string

func (s step) Error() string { return string(s) }

// In says it in a language.
func (s step) In(l language.Language) string { return l.Of(string(s)) }

// say logs what it waits for, at once and then at intervals.
func (w *watch) say(now time.Time, serve string) {
	if !w.said.IsZero() && now.Sub(w.said) < w.Say {
		return
	}
	w.said = now
	w.Log.Info("waiting for serve to be ready", "data", w.data, "serve", serve)
}

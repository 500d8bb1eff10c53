package access

import (
	"context"
	"strconv"
	"strings"
	"time"

	"citycard/clearing/people"
	"citycard/language"
)

const (
	// MaxAge is how old the last look at the credentials may be for anybody to be let in. So an act
	// counts in every process after that time at the latest.
	MaxAge = 5 * time.Second

	lookEvery = time.Second
	lookLimit = 2 * time.Second // a database that has gone does not always say so
	// logEvery is how often the same kind of line is logged at most.
	logEvery = 10 * time.Second
)

// errUnread is what Check says until the credentials are read for the first time.
var errUnread = language.Textf("the credentials of the units have not been read yet")

// register is what one look at the credentials found.
type register struct {
	at    time.Time // before it was looked
	clock time.Time // of the database, then
	by    map[Hash]*Credential
	odd   []string // the numbers of those whose rows cannot be read
}

// now is the time by the database's clock, as far as it went on since the look. So a process whose
// clock is wrong neither lets in nor shuts out.
func (r *register) now(now time.Time) time.Time { return r.clock.Add(r.age(now)) }

// age is how long ago the look was. A clock on the wall may be set back, and the other one may
// stand still while the machine sleeps: the longer time counts.
func (r *register) age(now time.Time) time.Duration {
	return max(now.Sub(r.at), now.Round(0).Sub(r.at.Round(0)))
}

// Follow reads the credentials every second, until ctx ends.
func (d *Door) Follow(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		err := d.look(ctx)
		d.failure.Store(&err)
		if err != nil && ctx.Err() == nil {
			if passed, due := d.unread.due(d.now()); due {
				d.log.Error("the units' credentials cannot be read", "error", err, "others_since", passed)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look reads the credentials once.
func (d *Door) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	r := &register{at: d.now(), by: map[Hash]*Credential{}}
	all, clock, err := d.store.standing(ctx)
	if err != nil {
		return err
	}
	r.clock = clock
	for i := range all {
		c := &all[i]
		if c.Odd != nil {
			r.odd = append(r.odd, strconv.FormatInt(c.Number, 10))
			if passed, due := d.odd.due(d.now()); due {
				d.log.Error("a credential cannot be read, and opens nothing", "credential", c.Number, "error", c.Odd, "others_since", passed)
			}
			continue
		}
		// A certificate may have been issued again after it had expired.
		if was := r.by[c.Hash]; was == nil || was.Expires.Before(c.Expires) {
			r.by[c.Hash] = c
		}
	}
	d.register.Store(r)
	return nil
}

// Ends gives for each unit when the last of its credentials ends, or has ended lately.
func (d *Door) Ends() map[people.Unit]time.Time {
	ends := map[people.Unit]time.Time{}
	if known := d.register.Load(); known != nil {
		for _, c := range known.by {
			if c.Expires.After(ends[c.Unit]) {
				ends[c.Unit] = c.Expires
			}
		}
	}
	return ends
}

// Notice names the credentials that cannot be read; it is empty if there is none.
func (d *Door) Notice() string {
	known := d.register.Load()
	if known == nil || len(known.odd) == 0 {
		return ""
	}
	return language.Textf("credentials that cannot be read open nothing, and citycard verify names what was altered: %s", strings.Join(known.odd, ", ")).Error()
}

// Check returns why the credentials could not be read, nil if they were.
func (d *Door) Check(context.Context) error {
	if err := d.failure.Load(); err != nil {
		return *err
	}
	return errUnread
}

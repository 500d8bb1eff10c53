package access

import (
	"context"
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
	at time.Time // before it was looked
	by map[Hash]*Credential
}

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
	all, err := d.store.standing(ctx)
	if err != nil {
		return err
	}
	for i := range all {
		c := &all[i]
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

// Check returns why the credentials could not be read, nil if they were.
func (d *Door) Check(context.Context) error {
	if err := d.failure.Load(); err != nil {
		return *err
	}
	return errUnread
}

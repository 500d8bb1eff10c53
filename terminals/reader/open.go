package reader

import (
	"context"
	"slices"
	"strings"

	"citycard/language"
)

// Find finds the reader of a name: the one that is called so, or else the only one whose name
// contains it. The empty name means the first one. Errors: ErrNoReader, ErrAmbiguous.
func Find(slots []Slot, name string) (Slot, error) {
	var found []Slot
	for _, s := range slots {
		if s.Name == name {
			return s, nil
		}
		if strings.Contains(s.Name, name) {
			found = append(found, s)
		}
	}
	switch {
	case len(found) == 0:
		return Slot{}, &unknownReader{name, names(slots)}
	case len(found) > 1 && name != "":
		return Slot{}, &ambiguous{name, names(found)}
	}
	return found[0], nil
}

func names(slots []Slot) (all []string) {
	for _, s := range slots {
		all = append(all, s.Name)
	}
	return all
}

// Open opens the reader that Find finds; for the empty name it is the first one that is not open. A
// reader has one user at a time in a program: a lane that serves cards in it, or one whose SAM it
// holds.
// Errors: ErrNoService, ErrNoReader, ErrAmbiguous, ErrHeld until the other Reader is closed, and
// ErrStalled as long as a call to its driver has not returned.
func (o *Observer) Open(ctx context.Context, name string) (*Reader, error) {
	view, _, err := o.View(ctx)
	if err != nil {
		return nil, err
	}
	slots, err := o.Readers(ctx)
	if err != nil {
		return nil, err
	}
	slot, err := o.take(slots, name)
	if err != nil {
		return nil, err
	}
	r := &Reader{name: slot.Name, observer: o, service: view.service}
	if o.stalls(r.name) {
		err = r.stalled()
	} else {
		err = r.reach(ctx)
	}
	if err != nil {
		o.giveBack(r.name)
		return nil, err
	}
	return r, nil
}

// take finds a reader and marks it as open.
func (o *Observer) take(slots []Slot, name string) (Slot, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if name == "" {
		if at := slices.IndexFunc(slots, func(s Slot) bool { return !o.open[s.Name] }); at >= 0 {
			slots = slots[at:]
		}
	}
	slot, err := Find(slots, name)
	if err != nil {
		return Slot{}, err
	}
	if o.open[slot.Name] {
		return Slot{}, language.Textf("%w (reader %s)", ErrHeld, slot.Name)
	}
	o.open[slot.Name] = true
	return slot, nil
}

func (o *Observer) giveBack(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.open, name)
}

package server

import (
	"context"
	"strings"

	"citycard/clearing/people"
	"citycard/cmd/service"
	"citycard/ledger"
)

// allowPeople refuses books whose people are of a demonstration, unless this is one: who has
// the folder of their keys is all of them.
func allowPeople(ctx context.Context, l *ledger.Ledger, demo bool) error {
	if demo {
		return nil
	}
	store, err := people.NewStore(l)
	if err != nil {
		return err
	}
	list, err := store.List(ctx, false)
	if err != nil {
		return err
	}
	var ids []string
	for i := range list {
		if list[i].Demo {
			ids = append(ids, list[i].ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return service.Refuse("the books have people of a demonstration: %s", strings.Join(ids, ", ")).
		Todo("serve books of your own, in which people enrol with keys of their own; or give --demo where this is a demonstration or a trial")
}

package demo

import (
	"context"
	"errors"

	"citycard/clearing/people/access"
	"citycard/cmd/demostaff"
	"citycard/cmd/server"
	"citycard/ledger"
)

// tokens is the folder in the data directory for what the city's channels prove themselves by.
const tokens = "tokens"

// letIn issues a token to each channel, good for a day.
func (d *demo) letIn(ctx context.Context) error {
	books := d.base.Books.Ledger
	issue := func(o access.Order) (access.Credential, error) {
		by, err := d.staff.Alone(ctx, demostaff.Ann, access.ActIssue, o.What(), "demonstration")
		if err != nil {
			return access.Credential{}, err
		}
		return (&access.Store{Ledger: books}).Issue(ctx, o, by)
	}
	notDone := func(err error) bool { return !errors.Is(err, ledger.ErrOutcomeUnknown) }
	for _, channel := range d.server.Registry.Current().Channels() {
		path := d.tokenOf(channel.ID)
		if _, _, err := server.IssueToken(access.Channel(channel.ID), 1, path, false, issue, notDone); err != nil {
			return err
		}
	}
	return nil
}

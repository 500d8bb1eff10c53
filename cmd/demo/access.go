package demo

import (
	"context"
	"path/filepath"

	"citycard/clearing/people/access"
	"citycard/cmd/demostaff"
	"citycard/cmd/server"
	"citycard/ledger"
)

// tokens is the folder in the data directory for what the city's channels prove themselves by.
const tokens = "tokens"

// letIn issues a token to each channel, good for a day.
func (d *demo) letIn(ctx context.Context) error {
	by := func(what string) (ledger.Approval, error) {
		return d.staff.Alone(ctx, demostaff.Ann, access.ActIssue, what, "demonstration")
	}
	for _, channel := range d.server.Registry.Current().Channels() {
		path := filepath.Join(d.dir.Join(tokens), channel.ID+".token")
		if _, _, err := server.IssueToken(ctx, d.base.Books.Ledger, access.Channel(channel.ID), 1, path, by); err != nil {
			return err
		}
	}
	return nil
}

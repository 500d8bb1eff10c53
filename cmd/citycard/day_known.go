package main

import (
	"context"

	"citycard/cmd/server"
	"citycard/ledger"
)

// knownDay refuses a clearing day that the books do not have; 0, no day at all, passes.
func knownDay(ctx context.Context, books *ledger.Ledger, day ledger.Day) error {
	if day == 0 {
		return nil
	}
	days, err := books.Days(ctx)
	if err != nil {
		return err
	}
	return server.OneOf(days, day)
}

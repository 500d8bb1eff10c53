package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"citycard/cmd/service"
	"citycard/terminals/page"
)

// servePage serves a page for staff at an address on loopback; end is called if it ends by itself.
func servePage(ctx context.Context, address string, pages http.Handler, log *slog.Logger, end context.CancelCauseFunc) (*page.Server, error) {
	served, err := page.Listen(ctx, address, pages, log)
	if errors.Is(err, page.ErrNotLoopback) {
		return nil, service.Exit(service.ExitUsage, service.Fail("no page at %q", address).Todo("give --page 127.0.0.1:0").Because(err))
	}
	if err != nil {
		return nil, service.Fail("no page at %q", address).Todo("give another --page").Because(err)
	}
	go func() {
		if err := served.Serve(); !errors.Is(err, http.ErrServerClosed) {
			end(err)
		}
	}()
	return served, nil
}

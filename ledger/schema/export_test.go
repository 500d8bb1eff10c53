package schema

import (
	"context"
	"log/slog"
	"time"
)

// MigratePatiently migrates with a notice each time a statement has taken as long as patience.
func MigratePatiently(ctx context.Context, url string, log *slog.Logger, patience time.Duration, sets ...Set) (Dialect, error) {
	return migrate(ctx, url, &watch{log: log, patience: patience}, sets)
}

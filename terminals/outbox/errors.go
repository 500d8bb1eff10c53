package outbox

import (
	"errors"
	"fmt"
)

// The errors of an outbox. Callers branch on ErrBroken alone.
var (
	// errInUse: another process holds the directory. Stop that one, or use
	// another directory.
	errInUse = errors.New("outbox is in use by another process")
	// ErrBroken: a write or sync failed; open the outbox again.
	ErrBroken = errors.New("outbox takes no more records until it is opened again")
	// errClosed: Close was called.
	errClosed = errors.New("outbox is closed")
	// errForwarding: Forward is already running on this outbox.
	errForwarding = errors.New("outbox is already being forwarded")
)

// damagedError says where records that were promised cannot be read. Nothing is
// repaired: a person decides, with the file at hand.
type damagedError struct {
	File   string
	Offset int64 // -1 when the whole file or the set of files is meant
	Reason string
}

func (e *damagedError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("outbox damaged: %s: %s; keep a copy of the directory and do not delete it", e.File, e.Reason)
	}
	return fmt.Sprintf("outbox damaged: %s at byte %d: %s; keep a copy of the directory and do not delete it", e.File, e.Offset, e.Reason)
}

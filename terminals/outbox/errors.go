package outbox

import (
	"errors"
	"fmt"

	"citycard/language"
)

// The errors of an outbox. Callers branch on ErrBroken alone.
var (
	// errInUse: another process holds the directory. Stop that one, or use
	// another directory.
	errInUse = language.Textf("outbox is in use by another process")
	// ErrBroken: a write or sync failed; open the outbox again.
	ErrBroken = language.Textf("outbox takes no more records until it is opened again")
	// errClosed: Close was called.
	errClosed = language.Textf("outbox is closed")
	// errForwarding: Forward is already running on this outbox.
	errForwarding = language.Textf("outbox is already being forwarded")
)

// damagedError says where records that were promised cannot be read. Nothing is
// repaired: a person decides, with the file at hand.
type damagedError struct {
	File   string
	Offset int64 // -1 when the whole file or the set of files is meant
	Reason string
}

func (e *damagedError) Error() string { return e.In(language.Language{}) }

// In says it in a language; the reason stays in English.
func (e *damagedError) In(l language.Language) string {
	if e.Offset < 0 {
		return language.Textf("outbox damaged: %s: %s; keep a copy of the directory and do not delete it", e.File, e.Reason).In(l)
	}
	return language.Textf("outbox damaged: %s at byte %d: %s; keep a copy of the directory and do not delete it", e.File, e.Offset, e.Reason).In(l)
}

// sendError is what the brokers, or the client, say to a record.
type sendError struct {
	topic string
	err   error
}

func (e *sendError) Error() string {
	return fmt.Sprintf("outbox: send to topic %s: %v", e.topic, e.err)
}

func (e *sendError) Unwrap() error { return e.err }

// Refused reports that an error of Forward is the brokers' or the client's, and not the outbox's
// own: other outboxes that use the same client meet it too.
func Refused(err error) bool {
	var refused *sendError
	return errors.As(err, &refused)
}

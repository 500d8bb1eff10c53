package proposal

import (
	"time"

	"citycard/language"
)

// The errors of an office. Those below say more.
var (
	ErrNone     = language.Textf("there is no such proposal")
	ErrKind     = language.Textf("there is no such kind of proposal")
	ErrProposer = language.Textf("somebody else must approve it: nobody approves what they proposed, with whatever key")
	ErrStandsIn = language.Textf("somebody else must decide it: a deputy decides nothing that the person whom they stand in for has proposed")
	ErrReject   = language.Textf("somebody else must reject it: who proposed it withdraws it")
	ErrNotOwn   = language.Textf("only the proposer may withdraw it")
	ErrAltered  = language.Textf("the proposal is not the one that was signed: its row in the database was altered; citycard verify names it")
	ErrRequest  = language.Textf("this is no request of its kind")
	ErrSigned   = language.Textf("it would not do what was signed: something that it acts on has moved, or the statement is of something else")
	ErrReason   = language.Textf("the statement has another reason")
	ErrHash     = language.Textf("the proposal has another hash than the one that was approved")
)

// Refusal is how a kind refuses what cannot be done, and says what to do.
type Refusal struct {
	*language.Text
	Todo *language.Text // nil: the text says it
}

// Unwrap gives the text, which may wrap an error.
func (r *Refusal) Unwrap() error { return r.Text }

// StaleError means that a proposal would not do any more what it was shown to do.
type StaleError struct {
	Number int64
	Moved  []*language.Text
}

func (e *StaleError) text() *language.Text {
	text := language.Textf("proposal %d would not do any more what was proposed", e.Number)
	for i, moved := range e.Moved {
		if i == maxMoved {
			return language.Textf("%w; and %d more", text, len(e.Moved)-i)
		}
		text = language.Textf("%w; %w", text, moved)
	}
	return text
}

// maxMoved is how many of the rows that moved an error names.
const maxMoved = 5

func (e *StaleError) Error() string                 { return e.text().Error() }
func (e *StaleError) In(l language.Language) string { return e.text().In(l) }

// DecidedError means that a proposal does not wait any more.
type DecidedError struct {
	Number int64
	State  State
	By     string // who decided; empty where nobody did
	At     time.Time
}

func (e *DecidedError) text() *language.Text {
	switch e.State {
	case Approved:
		return language.Textf("proposal %d was approved by %s on %s", e.Number, e.By, e.At.Format(time.RFC3339))
	case Rejected:
		return language.Textf("proposal %d was rejected by %s on %s", e.Number, e.By, e.At.Format(time.RFC3339))
	case Withdrawn:
		return language.Textf("proposal %d was withdrawn by %s on %s", e.Number, e.By, e.At.Format(time.RFC3339))
	case Expired:
		return language.Textf("proposal %d has expired on %s", e.Number, e.At.Format(time.RFC3339))
	case Ended:
		return language.Textf("proposal %d has ended: %s, who proposed it, is not enrolled with that key any more", e.Number, e.By)
	}
	return language.Textf("proposal %d is %s", e.Number, string(e.State))
}

func (e *DecidedError) Error() string                 { return e.text().Error() }
func (e *DecidedError) In(l language.Language) string { return e.text().In(l) }

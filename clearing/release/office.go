package release

import (
	"encoding/json"
	"fmt"

	"citycard/clearing/chart"
	"citycard/language"
	"citycard/ledger"
)

// Stream is where decisions are booked.
const Stream = "releases"

// Acts, as the audit has them.
const (
	ActRefund  = "refund load"
	ActRelease = "release suspended"
	ActCorrect = "correct release"
	ActPayout  = "release payout"
)

// Refusal says why nothing was booked, and what the asker can do about it.
type Refusal struct {
	*language.Text
	Todo *language.Text // nil: the text says it
}

func refuse(format string, args ...any) *Refusal {
	return &Refusal{Text: language.Textf(format, args...)}
}

func (r *Refusal) todo(format string, args ...any) *Refusal {
	r.Todo = language.Textf(format, args...)
	return r
}

// Office shows what a decision would book, and books what was decided.
type Office struct {
	Ledger *ledger.Ledger
	Owner  string // who leases the stream, for the log
	// RefundAfterDays is how long the rules wait for a card to confirm its load.
	RefundAfterDays int
	Today           ledger.Day // in the city's zone
}

// evidence says what a decision does, without the time and the people: no matter who repeats it,
// the evidence is the same.
type evidence struct {
	Act string `json:"act"`
	Row string `json:"row"`
	To  string `json:"to"`
}

func (e evidence) encode() ([]byte, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("release: %w", err)
	}
	return data, nil
}

// isTo reports whether an account is of one of the kinds, and names its owner.
func isTo(code string, kinds ...string) bool {
	for _, kind := range kinds {
		if chart.KindOf(code) == kind && len(code) > len(kind)+1 {
			return true
		}
	}
	return false
}

func noAccount(code string) *Refusal {
	return refuse("there is no account %q", code).todo("citycard account lists them")
}

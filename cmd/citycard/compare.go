package main

import (
	"context"

	"citycard/cmd/observe"
	"citycard/ledger"
)

// compareTruth holds the books against what a simulated city knows it sent, and the
// counts of verdicts too.
func (r *report) compareTruth(ctx context.Context, l *ledger.Ledger, dir string) error {
	found, err := observe.Books(ctx, l, dir, "")
	if err != nil {
		return err
	}
	r.Sent = int64(found.Sent)
	r.Lost, r.Doubled = int64(found.Lost), int64(found.Doubled)
	r.Wrong = int64(found.Wrong + found.Unexpected)
	r.PurseMismatches = int64(found.Purses)
	for _, fault := range found.Faults() {
		r.fault("%s", fault)
	}
	r.Reserve.PursesFen = ledger.Fen(found.PursesFen)
	if r.Reserve.PursesFen != r.Reserve.FloatFen {
		r.fault("all purses hold %s yuan, the float is %s", yuan(r.Reserve.PursesFen), yuan(r.Reserve.FloatFen))
	}
	return nil
}

package dayclose_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/dayclose"
	"citycard/clearing/people/proposal"
	"citycard/ledger"
)

// TestReopenedMeanwhile reopens a day as it was shown to two people, and not once it was reopened
// and closed again after they looked.
func TestReopenedMeanwhile(t *testing.T) {
	o := newOffice(t)
	const day ledger.Day = 20260301
	o.must(o.ledger.OpenDay(t.Context(), day))
	end := func() {
		o.must(o.ledger.CloseDay(t.Context(), day, day.Next()))
		o.must(o.ledger.EndDay(t.Context(), day))
	}
	end()
	kind := dayclose.ReopenKind(o.ledger)
	body, err := proposal.Body(dayclose.ReopenRequest{Day: day})
	o.must(err)
	by := ledger.Approval{First: "Li", Second: "Wang", Reason: "a depot's file", At: time.Unix(1_772_000_000, 0), Check: func(context.Context, pgx.Tx) error { return nil }}
	shown, err := kind.Show(t.Context(), body)
	o.must(err)
	_, err = kind.Do(t.Context(), body, shown, by)
	o.must(err)
	end()
	refused := (*proposal.Refusal)(nil)
	if _, err := kind.Do(t.Context(), body, shown, by); !errors.As(err, &refused) {
		t.Errorf("reopened once more: %v", err)
	}
	shown, err = kind.Show(t.Context(), body)
	o.must(err)
	_, err = kind.Do(t.Context(), body, shown, by)
	o.must(err)
}

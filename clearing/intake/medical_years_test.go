package intake_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/clearingtest"
	"citycard/ledger/ledgertest"
)

// TestMedicalYearsUnchanged watches the line to the database for the statement that stores what
// persons have used. Claims that are repeated, refused or disputed change nothing, and the
// statement is not sent for them; the next claim sends it.
func TestMedicalYearsUnchanged(t *testing.T) {
	h := newHouse(t)
	first, refused := claim("s1", clearingtest.Worker), claim("s2", clearingtest.Retired)
	refused.InScopeFen++ // more than the total
	disputed := claim("s1", clearingtest.Worker)
	disputed.TotalFen++
	h.send(request(first), request(claim("s3", clearingtest.Retired)))
	h.clear()

	l, through := newLine(t, h.url, "INSERT INTO medical_years", false)
	far := *h
	far.ledger = ledgertest.Connect(t, through, 8)
	in := far.intake("test")
	ended, stop := h.run(in)
	h.awaitReady(in, ended, "")
	repaired := make(chan struct{})
	go func() {
		defer close(repaired)
		<-l.broken
		l.mend()
	}()
	h.send(request(first), request(refused), request(disputed))
	h.cleared()
	select {
	case <-l.broken:
		t.Error("tallies were stored that nothing had changed")
	default:
	}
	h.send(request(claim("s4", clearingtest.Worker)))
	<-repaired
	h.cleared()
	stop()

	rows, err := h.ledger.Pool().Query(t.Context(), "SELECT settlements FROM medical_years WHERE kind = 'outpatient' ORDER BY person")
	h.must(err)
	counts, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	h.must(err)
	if len(counts) != 2 || counts[0]+counts[1] != 3 {
		t.Errorf("settlements by person: %v, want two of one and one of the other", counts)
	}
	h.verify()
}

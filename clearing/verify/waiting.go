package verify

import (
	"context"
	"encoding/hex"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/tunion"
	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/transit/load"
	"citycard/ledger"
)

// Each load that waits for its card, or waited: the row of the journal that placed it (05), the one
// that took it back (06), the load as which it was authorised (03) and that load's refund (04), and
// whether its card has confirmed it.
const waitingLoads = `
	SELECT w.placer, w.number, w.subject, w.id, w.card, w.fen, w.source, w.booked, w.state, w.type, w.sequence, w.load,
		w.moves, p.evidence, coalesce(p.debit, 0), coalesce(p.credit, 0), coalesce(p.amount, 0), coalesce(p.booking_day, 0),
		coalesce(b.debit, 0), coalesce(b.amount, 0), a.evidence, coalesce(a.debit, 0), coalesce(a.credit, 0), coalesce(a.amount, 0),
		r.id IS NOT NULL, l.card IS NOT NULL
	FROM waiting_loads AS w
	LEFT JOIN journal AS p ON p.effective_day = $1 AND p.subject = w.subject AND p.id = w.id AND p.kind IS NULL
	LEFT JOIN journal AS b ON b.effective_day = $1 AND b.subject = w.subject AND b.id = '\x06'::BYTEA || substring(w.id, 2) AND b.kind IS NULL
	LEFT JOIN journal AS a ON a.effective_day = $1 AND a.subject = w.card AND a.id = w.load AND a.kind IS NULL
	LEFT JOIN journal AS r ON r.effective_day = $1 AND r.subject = w.card AND r.id = '\x04'::BYTEA || substring(w.load, 2) AND r.kind IS NULL
	LEFT JOIN written_loads AS l ON l.card = w.card AND l.type = w.type AND l.sequence = w.sequence
	ORDER BY w.placer, w.number`

// Rows of the journal that no row of waiting_loads has: placed loads, withdrawals, and loads that
// were authorised out of what waited and not refunded.
const unkeptWaiting = `
	SELECT j.subject, j.id FROM journal AS j LEFT JOIN waiting_loads AS w ON w.subject = j.subject AND w.id = '\x05'::BYTEA || substring(j.id, 2)
		WHERE j.effective_day = $1 AND j.id >= '\x05' AND j.id < '\x07' AND j.kind IS NULL AND w.placer IS NULL
	UNION ALL SELECT j.subject, j.id FROM journal AS j LEFT JOIN waiting_loads AS w ON w.card = j.subject AND w.load = j.id
		LEFT JOIN journal AS r ON r.effective_day = $1 AND r.subject = j.subject AND r.id = '\x04'::BYTEA || substring(j.id, 2) AND r.kind IS NULL
		WHERE j.effective_day = $1 AND j.id >= '\x03' AND j.id < '\x04' AND j.kind IS NULL AND j.debit = $2 AND w.placer IS NULL AND r.id IS NULL
	ORDER BY subject, id`

// waitingRow is a row of waitingLoads.
type waitingRow struct {
	placer, number, source, state string
	subject, id, card, load       []byte
	fen                           ledger.Fen
	booked                        ledger.Day
	kind, sequence, moves         int64
	placed, back, paid            ledger.Row
	placedOn                      ledger.Day
	refunded, confirmed           bool
	placedEvidence, orderEvidence []byte
}

// waiting compares the loads that wait for their cards with the journal.
func (c *check) waiting(ctx context.Context) error {
	var r waitingRow
	err := c.each(ctx, waitingLoads, []any{
		&r.placer, &r.number, &r.subject, &r.id, &r.card, &r.fen, &r.source, &r.booked, &r.state, &r.kind, &r.sequence, &r.load,
		&r.moves, &r.placedEvidence, &r.placed.Debit, &r.placed.Credit, &r.placed.Amount, &r.placedOn,
		&r.back.Debit, &r.back.Amount, &r.orderEvidence, &r.paid.Debit, &r.paid.Credit, &r.paid.Amount, &r.refunded, &r.confirmed,
	}, func() error {
		if wrong := r.wrong(); wrong != "" {
			c.fault(WaitingLoad, "order "+r.number+" of "+load.Placer(r.placer).Masked(), "%s", wrong)
		}
		return nil
	}, identity.NoDay)
	if err != nil {
		return err
	}
	var subject, id []byte
	return c.each(ctx, unkeptWaiting, []any{&subject, &id}, func() error {
		c.fault(WaitingLoad, "subject "+tunion.Masked(hex.EncodeToString(subject)), "the journal has %x, and no row says that it waited", id)
		return nil
	}, identity.NoDay, ledger.IDOfCode(chart.Waiting))
}

// wrong says what differs; it is empty if nothing does.
func (r *waitingRow) wrong() string {
	waiting := ledger.IDOfCode(chart.Waiting)
	is, err := load.ReadPlacement(r.placedEvidence)
	card, known := identity.ParseCard(r.card)
	if r.moves > 0 { // its notes say which card it went over to
		card = is.Card
	}
	switch {
	case r.placed.Amount == 0:
		return "the journal has no row that placed it"
	case err != nil || !known || is != load.Placement{Placer: load.Placer(r.placer), Number: r.number, Card: card, Fen: r.fen, Source: r.source, Terminal: is.Terminal}:
		return "the journal has another order under its key"
	case r.placed.Debit != ledger.IDOfCode(r.source) || r.placed.Credit != waiting || r.placed.Amount != r.fen || r.placedOn != r.booked:
		return "it was placed with another amount, between other accounts, or on another day"
	case (r.back.Amount != 0) != (r.state == string(load.StateWithdrawn)):
		return "it is " + r.state + ", and the journal does not say so"
	case r.back.Amount != 0 && (r.back.Debit != waiting || r.back.Amount != r.fen):
		return "another amount was taken back"
	}
	return r.authorised()
}

// authorised says what differs in the load as which it was authorised.
func (r *waitingRow) authorised() string {
	as := r.state == string(load.StateAuthorised) || r.state == string(load.StateWritten)
	if !as {
		if len(r.load) > 0 || r.kind != 0 || r.sequence != 0 {
			return "it is " + r.state + ", and has a load"
		}
		return ""
	}
	of, ok := identity.AuthorisedLoad(ledger.ID(r.load))
	var request message.LoadRequest
	switch {
	case !ok || int64(of.Kind) != r.kind || int64(of.Sequence) != r.sequence || r.paid.Amount == 0:
		return "the journal has no such load of its card"
	case proto.Unmarshal(r.orderEvidence, &request) != nil || request.GetPlacer() != r.placer || request.GetOrder() != r.number:
		return "its load was another order's"
	case r.paid.Debit != ledger.IDOfCode(chart.Waiting) || r.paid.Credit != ledger.IDOfCode(chart.Unwritten) || r.paid.Amount != r.fen:
		return "its load has another amount, or moved between other accounts"
	case r.refunded:
		return "its load was refunded"
	case r.confirmed != (r.state == string(load.StateWritten)):
		return "it is " + r.state + ", and its card has not said so, or has"
	}
	return ""
}

package verify

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/transit/load"
	"citycard/ledger"
)

// The notes about each load that waits or waited: by which it went over to another card (07), and
// by which it is held (08). Then its row, with what placed it. All have the hash of the order's
// number in their ids.
const waitingNotes = `
	SELECT subject, substring(id, 2, 32) AS name, 0 AS what, id, evidence, ''::TEXT AS placer, ''::TEXT AS number, ''::BYTEA AS card, 0::INT8 AS moves, false AS held, ''::BYTEA AS refunded
		FROM journal WHERE effective_day = $1 AND id >= '\x07' AND id < '\x09'
	UNION ALL SELECT w.subject, substring(w.id, 2), 1, w.id, p.evidence, w.placer, w.number, w.card, w.moves, w.held, w.refunded
		FROM waiting_loads AS w LEFT JOIN journal AS p ON p.effective_day = $1 AND p.subject = w.subject AND p.id = w.id AND p.kind IS NULL
	ORDER BY subject, name, what, id`

// Refunds of loads that had waited, with what each was authorised as.
const refundedWaiting = `
	SELECT r.subject, a.id, a.evidence FROM journal AS r
	JOIN journal AS a ON a.effective_day = $1 AND a.subject = r.subject AND a.id = '\x03'::BYTEA || substring(r.id, 2)
	WHERE r.effective_day = $1 AND r.id >= '\x04' AND r.id < '\x05' AND r.kind IS NULL AND r.credit = $2`

// noted is what the journal says about one order that waits.
type noted struct {
	subject, name []byte
	moves         []load.MoveNote
	held          *load.HeldNote
	wrong         string
}

// noteRow is a row of waitingNotes.
type noteRow struct {
	subject, name, id, evidence, card, refunded []byte
	what                                        int
	placer, number                              string
	moves                                       int64
	held                                        bool
}

// refundedAs are, by placer and order, the loads as which orders were authorised and given back
// last, of each card: an order is authorised again once it was given back, with a later sequence of
// the card, or as a further attempt for the same one.
type refundedAs map[[2]string]map[identity.Card]identity.Load

// waitingNotes compares what is kept of a waiting load's cards with the journal's notes.
func (c *check) waitingNotes(ctx context.Context) error {
	refunded, err := c.refundedAs(ctx)
	if err != nil {
		return err
	}
	var r noteRow
	n := &noted{}
	end := func() {
		if len(n.moves) > 0 || n.held != nil || n.wrong != "" {
			c.fault(WaitingLoad, fmt.Sprintf("order of %.40q", n.subject), "the journal has notes about it, and no row says that it waited")
		}
	}
	err = c.each(ctx, waitingNotes, []any{&r.subject, &r.name, &r.what, &r.id, &r.evidence, &r.placer, &r.number, &r.card, &r.moves, &r.held, &r.refunded}, func() error {
		if !bytes.Equal(r.subject, n.subject) || !bytes.Equal(r.name, n.name) {
			end()
			n = &noted{subject: bytes.Clone(r.subject), name: bytes.Clone(r.name)}
		}
		if r.what == 0 {
			n.add(&r)
			return nil
		}
		wrong := n.differs(&r)
		if wrong == "" {
			wrong = refunded.differs(&r)
		}
		if wrong != "" {
			c.fault(WaitingLoad, "order "+r.number+" of "+load.Placer(r.placer).Masked(), "%s", wrong)
		}
		n = &noted{}
		return nil
	}, identity.NoDay)
	end()
	return err
}

func (c *check) refundedAs(ctx context.Context) (refundedAs, error) {
	of := refundedAs{}
	var subject, id, evidence []byte
	err := c.each(ctx, refundedWaiting, []any{&subject, &id, &evidence}, func() error {
		var request message.LoadRequest
		card, ok := identity.ParseCard(subject)
		as, fits := identity.AuthorisedLoad(ledger.ID(id))
		if !ok || !fits || proto.Unmarshal(evidence, &request) != nil {
			return nil // its row is checked elsewhere
		}
		name := [2]string{request.GetPlacer(), request.GetOrder()}
		if of[name] == nil {
			of[name] = map[identity.Card]identity.Load{}
		}
		was, before := of[name][card]
		if !before || cmp.Or(cmp.Compare(as.Sequence, was.Sequence), cmp.Compare(as.Attempt, was.Attempt)) > 0 {
			of[name][card] = as
		}
		return nil
	}, identity.NoDay, ledger.IDOfCode(chart.Waiting))
	return of, err
}

// add takes up a note.
func (n *noted) add(r *noteRow) {
	var err error
	if r.id[0] == identity.LoadHeld("")[0] {
		n.held = new(load.HeldNote)
		err = json.Unmarshal(r.evidence, n.held)
	} else {
		var move load.MoveNote
		err = json.Unmarshal(r.evidence, &move)
		n.moves = append(n.moves, move)
	}
	if err != nil {
		n.wrong = "a note about it cannot be read"
	}
}

// differs says what of a row the notes do not say.
func (n *noted) differs(r *noteRow) string {
	if n.wrong != "" {
		return n.wrong
	}
	if r.held != (n.held != nil) || n.held != nil && (string(n.held.Placer) != r.placer || n.held.Number != r.number) {
		return "the journal does not say as its row does whether it is held"
	}
	if int64(len(n.moves)) != r.moves {
		return fmt.Sprintf("it went over to another card %d times, and the journal has %d notes of it", r.moves, len(n.moves))
	}
	is, err := load.ReadPlacement(r.evidence)
	if err != nil || len(n.moves) == 0 {
		return "" // its row of the journal is checked elsewhere
	}
	at := is.Card
	for i := range n.moves {
		m := &n.moves[i]
		to, err := m.Card()
		if err != nil || string(m.Placer) != r.placer || m.Number != r.number || m.Move != int64(i)+1 || m.From != at.Digits() {
			return "a note about it does not follow the one before"
		}
		at = to
	}
	if card, ok := identity.ParseCard(r.card); !ok || card != at {
		return "it waits for another card than its notes say"
	}
	return ""
}

// differs says whether a row does not know as what it was given back last, or does so wrongly.
func (of refundedAs) differs(r *noteRow) string {
	card, _ := identity.ParseCard(r.card)
	was, there := of[[2]string{r.placer, r.number}][card]
	is, given := identity.AuthorisedLoad(ledger.ID(r.refunded))
	if there != given || len(r.refunded) > 0 && !given || is != was {
		return "its row does not say as the journal does which load of its card was given back last"
	}
	return ""
}

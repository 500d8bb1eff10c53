package verify

import (
	"context"

	"citycard/clearing/chart"
	"citycard/clearing/message"
	"citycard/clearing/transit/unconfirmed"
	"citycard/ledger"
)

// All that there is of taps without a TAC, those of one tap together: its memo (52), its row, what
// was decided (53), the money that went back (54) with the tap's place, and its lost code.
const besideTaps = `
	SELECT subject AS card, effective_day AS day, substring(id, 2) AS spend, 0 AS what, booking_day::INT8 AS n, '' AS text, evidence, 0::INT8 AS debit, 0::INT8 AS credit
		FROM journal WHERE id >= '\x52' AND id < '\x53' AND kind = 'unconfirmed'
	UNION ALL SELECT card, day, id, 1, booked::INT8, decided, NULL, 0, 0 FROM unconfirmed_taps
	UNION ALL SELECT r.subject, r.effective_day, substring(r.id, 2), 2, r.amount, coalesce(r.reason, ''), CASE WHEN t.id IS NULL THEN NULL ELSE '\x01'::BYTEA END,
			coalesce(r.debit, 0), coalesce(r.credit, 0)
		FROM journal r LEFT JOIN journal t ON t.effective_day = r.effective_day AND t.subject = r.subject AND t.id = substring(r.id, 2)
		WHERE r.id >= '\x53' AND r.id < '\x54' AND (r.kind IS NULL OR r.kind = 'resolved')
	UNION ALL SELECT f.subject, f.effective_day, substring(f.id, 2), 3, f.amount, '', CASE WHEN t.id IS NULL THEN NULL ELSE '\x01'::BYTEA END,
			coalesce(f.debit, 0), coalesce(f.credit, 0)
		FROM journal f LEFT JOIN journal t ON t.effective_day = f.effective_day AND t.subject = f.subject AND t.id = substring(f.id, 2)
			AND t.stream = f.stream AND t.sequence = f.sequence
		WHERE f.id >= '\x54' AND f.id < '\x55' AND f.kind IS NULL
	UNION ALL SELECT card, day, id, 4, fen, '', NULL, 0, 0 FROM lost_codes WHERE number > 0
	ORDER BY card, day, spend, what`

// tapRow is a row of besideTaps.
type tapRow struct {
	card, spend   []byte
	day           ledger.Day
	what          int
	n             int64 // a day, or fen
	text          string
	bytes         []byte // evidence, or that the tap is there
	debit, credit ledger.AccountID
}

// keptTap is all that there is of one tap without a TAC.
type keptTap struct {
	key                ledger.Key
	evidence           []byte
	booked, kept       int64 // clearing days, as the memo and the row have them; 0 without
	decided            string
	resolved           string // as the journal has it
	came               bool   // the tap itself
	moved, back, lost  int64  // fen
	wrong, backed, odd bool   // accounts that are not those; money went back; it did not go back with the tap
}

// unconfirmedTaps compares the taps without a TAC with the journal.
func (c *check) unconfirmedTaps(ctx context.Context) error {
	var r tapRow
	var k *keptTap
	err := c.each(ctx, besideTaps, []any{&r.card, &r.day, &r.spend, &r.what, &r.n, &r.text, &r.bytes, &r.debit, &r.credit}, func() error {
		key := ledger.Key{Day: r.day, Subject: ledger.Subject(r.card), ID: ledger.ID(r.spend)}
		if k == nil || k.key != key {
			c.endTap(k)
			k = &keptTap{key: key}
		}
		k.add(&r)
		return nil
	})
	c.endTap(k)
	return err
}

func (k *keptTap) add(r *tapRow) {
	float, lost := ledger.IDOfCode(chart.Float), ledger.IDOfCode(chart.CodeLost)
	switch r.what {
	case 0:
		k.booked, k.evidence = r.n, append([]byte{}, r.bytes...)
	case 1:
		k.kept, k.decided = r.n, r.text
	case 2:
		k.came, k.moved, k.resolved = len(r.bytes) > 0, r.n, r.text
		if r.n > 0 {
			k.resolved = string(unconfirmed.CodeLost)
			k.wrong = k.wrong || r.debit != float || r.credit != lost
		}
	case 3:
		k.backed, k.odd, k.back = true, len(r.bytes) == 0, r.n
		k.wrong = k.wrong || r.debit != lost || r.credit != float
	default:
		k.lost += r.n
	}
}

func (c *check) endTap(k *keptTap) {
	if k == nil {
		return
	}
	if wrong := k.fault(); wrong != "" {
		c.fault(Unconfirmed, unconfirmed.RowName(k.key), "%s", wrong)
	}
}

// fault says what differs; it is empty if nothing does.
func (k *keptTap) fault() string {
	if k.booked == 0 {
		return "the journal has no record of it"
	}
	tap, err := message.CheckUnconfirmed(k.evidence)
	switch {
	case err != nil || unconfirmed.KeyOf(tap) != k.key:
		return "its record is of another tap, or of none"
	case k.kept != k.booked:
		return "its row is missing, or of another clearing day"
	case k.decided != k.resolved:
		return "its row says that it is resolved as " + quoted(k.decided) + "; the journal has " + quoted(k.resolved)
	case k.wrong:
		return "its money moved between other accounts"
	case k.moved > 0 && k.moved != int64(tap.GetDebit().GetAmountFen()):
		return "another amount was given up than the one of its record"
	case k.lost != k.moved:
		return "its lost code is missing, of another amount, or there twice"
	case k.backed && (k.back != k.moved || k.odd):
		return "what went back is not what was given up, or did not go back with the tap"
	case k.came && k.moved > 0 && !k.backed:
		return "the tap was booked, and what was given up did not go back"
	}
	return ""
}

func quoted(decided string) string {
	if decided == "" {
		return "nothing"
	}
	return decided
}

// lostCodes checks that the codes are numbered from 0, which is none, without a gap: a batch of
// taps asks for the next number alone.
func (c *check) lostCodes(ctx context.Context) error {
	var number, next int64
	var card, id []byte
	var day ledger.Day
	var fen int64
	err := c.each(ctx, "SELECT number, card, day, id, fen FROM lost_codes ORDER BY number", []any{&number, &card, &day, &id, &fen}, func() error {
		if number != next || number == 0 && (len(card) > 0 || day != 0 || len(id) > 0 || fen != 0) {
			c.fault(Unconfirmed, "lost codes", "there is number %d where %d should be, or number 0 is a code", number, next)
		}
		next = number + 1
		return nil
	})
	if err == nil && next == 0 {
		c.fault(Unconfirmed, "lost codes", "there is no number 0")
	}
	return err
}

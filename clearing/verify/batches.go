package verify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"citycard/clearing/docket"
	"citycard/clearing/pension"
	"citycard/clearing/transit/load"
	"citycard/ledger"
)

// Notes come in the order of their batches, each followed by what became true with it:
// settlements, lists of pensions with the pensions booked (ids that begin with 20, 21 and 22),
// messages, and of which shifts the cash of its loads is.
const besideBatches = `
	SELECT stream, sequence, 0 AS what, 0::INT4 AS position, note, ''::TEXT, ''::TEXT, NULL::BYTEA, NULL::BYTEA, NULL::BYTEA FROM batches WHERE length(note) > 0
	UNION ALL SELECT coalesce(s.number, -1), m.sequence, 1, m.position, NULL, m.hospital, m.settlement, m.person, m.claim, m.result
		FROM medical_settlements m LEFT JOIN streams s ON s.stream = m.stream
	UNION ALL SELECT coalesce(s.number, -1), p.sequence, 2, p.position, NULL, p.topic, p.stream, p.hash, p.value, NULL
		FROM pension_originals p LEFT JOIN streams s ON s.stream = p.stream
	UNION ALL SELECT stream, sequence, 3, position, NULL, '', '', id, evidence, NULL
		FROM journal WHERE kind IS NULL AND id >= '\x20' AND id < '\x23'
	UNION ALL SELECT coalesce(s.number, -1), o.sequence, 4, o.position::INT4, NULL, o.topic, o.stream, o.key, o.value,
			CASE WHEN o.refused IS NULL THEN NULL ELSE '\x01'::BYTEA END
		FROM outbound o LEFT JOIN streams s ON s.stream = o.stream
	UNION ALL SELECT j.stream, j.sequence, 5, 0::INT4, NULL, t.shift::TEXT, sum(t.fen)::TEXT, NULL, NULL, NULL
		FROM terminal_loads t JOIN journal j ON j.effective_day = 19000101 AND j.subject = t.card AND j.id = t.id WHERE t.shift <> 0 AND t.fen > 0
		GROUP BY j.stream, j.sequence, t.shift
	ORDER BY stream, sequence, what, position`

// beside is a row of besideBatches.
type beside struct {
	stream           ledger.StreamID
	sequence         int64
	what             int
	position         int
	note             []byte
	first, second    string
	one, two, thirds []byte
}

// batch has the content of a note, and how much of it was found.
type batch struct {
	stream   ledger.StreamID
	sequence int64
	docket.Evidence
	answered, kept int             // settlements and lists seen
	lines          map[string]bool // of these lists
	loose          int             // pensions that are none of these lines
	load.CashNote
	cash []load.ShiftCash // by the rows of its loads
}

// batches compares settlements and outgoing messages with the notes of their batches, and
// looks for the registry that each names.
func (c *check) batches(ctx context.Context) error {
	names, err := c.streamNames(ctx)
	if err != nil {
		return err
	}
	pumped, err := c.pumped(ctx)
	if err != nil {
		return err
	}
	r := &batchReader{check: c, names: names, pumped: pumped, expected: map[ledger.StreamID]int64{}, last: map[ledger.StreamID]place{}, first: map[ledger.StreamID]place{}, waiting: map[ledger.StreamID]int64{}}
	var b beside
	err = c.each(ctx, besideBatches, []any{
		&b.stream, &b.sequence, &b.what, &b.position, &b.note, &b.first, &b.second, &b.one, &b.two, &b.thirds,
	}, func() error {
		r.add(&b)
		return nil
	})
	if err != nil {
		return err
	}
	r.end()
	r.pumps()
	return nil
}

// pump is how far a stream's messages were sent.
type pump struct {
	stream string
	place
	sent int64
	real bool // there is, or was, such a message
}

// pumped reads the pumps of streams, and compares the registry's with its versions.
func (c *check) pumped(ctx context.Context) (map[ledger.StreamID]*pump, error) {
	pumps := map[ledger.StreamID]*pump{}
	var is pump
	err := c.each(ctx, "SELECT stream, sequence, position, sent FROM pumps", []any{&is.stream, &is.sequence, &is.position, &is.sent}, func() error {
		switch is.stream {
		case registryPump, hotlistPump, hotlistBegun:
			c.registryPump(is.stream, is.place, is.sent)
			return nil
		}
		of := is
		of.real = of.place == place{0, -1} // the beginning
		pumps[ledger.IDOfStream(is.stream)] = &of
		return nil
	})
	return pumps, err
}

func (c *check) streamNames(ctx context.Context) (map[ledger.StreamID]string, error) {
	names := map[ledger.StreamID]string{}
	var number ledger.StreamID
	var name string
	err := c.each(ctx, "SELECT number, stream FROM streams", []any{&number, &name}, func() error {
		names[number] = name
		return nil
	})
	return names, err
}

// place is a message's in its stream.
type place struct {
	sequence int64
	position int
}

func (p place) before(other place) bool {
	return p.sequence < other.sequence || p.sequence == other.sequence && p.position < other.position
}

// batchReader follows the rows beside batches.
type batchReader struct {
	*check
	names    map[ledger.StreamID]string
	pumped   map[ledger.StreamID]*pump
	at       batch
	expected map[ledger.StreamID]int64 // messages that became true
	last     map[ledger.StreamID]place // the last of them
	waiting  map[ledger.StreamID]int64 // those that are still to be sent
	first    map[ledger.StreamID]place // the first of these
}

func (r *batchReader) name(stream ledger.StreamID, sequence int64) string {
	name, ok := r.names[stream]
	if !ok {
		name = "that is not there"
	}
	return fmt.Sprintf("stream %s, batch %d", name, sequence)
}

func (r *batchReader) add(b *beside) {
	if b.what == 0 || r.at.stream != b.stream || r.at.sequence != b.sequence {
		r.end()
		r.at = batch{stream: b.stream, sequence: b.sequence}
	}
	switch b.what {
	case 0:
		r.begin(b)
	case 1:
		r.settlement(b)
	case 2:
		r.list(b)
	case 3:
		if !r.at.lines[string(b.two)] {
			r.at.loose++
		}
	case 5:
		r.cash(b)
	default:
		r.message(b)
	}
}

// begin reads a note. A note that is not a docket's names no rows beside the ledger.
func (r *batchReader) begin(b *beside) {
	var note docket.Note
	if err := json.Unmarshal(b.note, &note); err != nil {
		return
	}
	r.at.Evidence = note.Evidence
	if err := json.Unmarshal(b.note, &r.at.CashNote); err != nil {
		r.fault(TerminalLoad, r.name(b.stream, b.sequence), "its note of cash cannot be read: %v", err)
	}
	if version, ok := note.Versions["registry"]; ok && !r.heads[version] {
		r.fault(RegistryNamed, r.name(b.stream, b.sequence), "it was judged by version %q, which is not there", version)
	}
	if named, ok := note.Versions["rules"]; ok && !r.knowsEdition(named) {
		r.fault(RuleNamed, r.name(b.stream, b.sequence), "it was judged by edition %q, which is not there", named)
	}
	if n := len(note.Outgoing); n > 0 {
		r.expected[b.stream] += int64(n)
		r.last[b.stream] = place{b.sequence, n - 1}
		if p := r.pumped[b.stream]; p != nil && p.sequence == b.sequence && p.position >= 0 && p.position < n {
			p.real = true
		}
	}
}

func (r *batchReader) settlement(b *beside) {
	r.at.answered++
	where := fmt.Sprintf("settlement %s of hospital %s", b.second, b.first)
	if b.position < 0 || b.position >= len(r.at.Answers) || docket.MarkOf([]byte(b.first), []byte(b.second), b.one, b.two, b.thirds) != r.at.Answers[b.position] {
		r.fault(Settlement, where, "it is answer %d of %s, whose note has another or none", b.position, r.name(b.stream, b.sequence))
	}
}

// list compares a list of pensions, or a bank's answer, with its hash and its mark, and takes up
// its lines.
func (r *batchReader) list(b *beside) {
	r.at.kept++
	hash := sha256.Sum256(b.two)
	lines, err := pension.Lines(b.first, b.two)
	if err != nil || !bytes.Equal(hash[:], b.one) || b.position < 0 || b.position >= len(r.at.Originals) ||
		docket.MarkOf([]byte(b.first), hash[:], b.two) != r.at.Originals[b.position] {
		r.fault(PensionOriginal, fmt.Sprintf("list %x of %s", b.one, b.first), "it is list %d of %s, whose note has another or none", b.position, r.name(b.stream, b.sequence))
		return
	}
	if r.at.lines == nil {
		r.at.lines = map[string]bool{}
	}
	for _, line := range lines {
		r.at.lines[string(line)] = true
	}
}

// cash takes up what the loads of a batch have brought to a shift.
func (r *batchReader) cash(b *beside) {
	shift, err := strconv.ParseInt(b.first, 10, 64)
	fen, failed := strconv.ParseInt(b.second, 10, 64)
	if err != nil || failed != nil {
		r.fault(TerminalLoad, r.name(b.stream, b.sequence), "its loads have %q fen of shift %q", b.second, b.first)
		return
	}
	r.at.cash = append(r.at.cash, load.ShiftCash{Shift: shift, Fen: ledger.Fen(fen)})
}

func (r *batchReader) message(b *beside) {
	// Rows that the broker refused for good stay behind the pump's place, to be tried again.
	if _, some := r.first[b.stream]; !some && len(b.thirds) == 0 {
		r.first[b.stream] = place{b.sequence, b.position}
	}
	r.waiting[b.stream]++
	if b.position < 0 || b.position >= len(r.at.Outgoing) || docket.MarkOf([]byte(b.first), b.one, b.two) != r.at.Outgoing[b.position] {
		r.fault(Message, fmt.Sprintf("message %d of stream %s, batch %d, to %s", b.position, b.second, b.sequence, b.first), "its batch's note has another or none")
	}
}

// end reports what of the last batch is not there.
func (r *batchReader) end() {
	if missing := len(r.at.Originals) - r.at.kept; missing > 0 {
		r.fault(PensionOriginal, r.name(r.at.stream, r.at.sequence), "%d of its %d lists are not there", missing, len(r.at.Originals))
	}
	if r.at.loose > 0 {
		r.fault(PensionLine, r.name(r.at.stream, r.at.sequence), "%d of its pensions are no line of its lists", r.at.loose)
	}
	slices.SortFunc(r.at.cash, func(a, b load.ShiftCash) int { return cmp.Compare(a.Shift, b.Shift) })
	if !slices.Equal(r.at.cash, r.at.Cash) {
		r.fault(TerminalLoad, r.name(r.at.stream, r.at.sequence), "the cash of its loads is that of the shifts %v; its note has %v", r.at.cash, r.at.Cash)
	}
	if missing := len(r.at.Answers) - r.at.answered; missing > 0 {
		r.fault(Settlement, r.name(r.at.stream, r.at.sequence), "%d of its %d settlements are not there", missing, len(r.at.Answers))
	}
}

// pumps compares the sent and the waiting messages with the committed ones.
func (r *batchReader) pumps() {
	for _, id := range slices.Sorted(maps.Keys(r.pumped)) {
		p := r.pumped[id]
		where := "pump of stream " + p.stream
		if waiting := r.waiting[id]; r.expected[id] != waiting+p.sent {
			r.fault(Pump, where, "%d were sent and %d wait; the batches have %d", p.sent, waiting, r.expected[id])
		}
		if first, some := r.first[id]; !p.real || some && !p.before(first) {
			r.fault(Pump, where, "it has come to batch %d, message %d, which is none or not sent; the last one is %v, the first that waits %v", p.sequence, p.position,
				r.last[id], first)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.expected)) {
		if waiting := r.waiting[id]; r.pumped[id] == nil && waiting != r.expected[id] {
			r.fault(Pump, "pump of stream "+r.names[id], "none was sent and %d wait; the batches have %d", waiting, r.expected[id])
		}
	}
}

// The streams under which the registry and its hotlist are published, by version.
const (
	registryPump = "registry"
	hotlistPump  = "hotlist"
	hotlistBegun = "hotlist begun"
)

func (c *check) registryPump(stream string, at place, sent int64) {
	if at.sequence < 0 || at.sequence > int64(len(c.heads)) || at.position != 0 || sent != 0 {
		c.fault(Pump, "pump of the "+stream, "it has come to version %d, message %d, and sent %d; there are %d versions", at.sequence, at.position, sent, len(c.heads))
	}
}

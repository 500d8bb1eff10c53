package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"citycard/ledger"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// What a stream left a day with must be the last batch it booked in the day, and nothing may be booked in the day by a stream that has
// left it, or in a day that was closed without it.
const (
	wrongHeads = `SELECT h.day, h.stream, h.sequence FROM day_heads h LEFT JOIN streams s ON s.stream = h.stream
		LEFT JOIN batches b ON b.stream = s.number AND b.sequence = h.sequence
		WHERE h.stream <> '' AND (s.stream IS NULL OR h.sequence > 0 AND (b.head IS NULL OR b.head <> h.head)
			OR h.sequence = 0 AND h.head <> '\x0000000000000000000000000000000000000000000000000000000000000000')`

	lateBatches = `SELECT b.day, coalesce(s.stream, ''), b.sequence FROM batches b LEFT JOIN streams s ON s.number = b.stream
		LEFT JOIN day_heads h ON h.day = b.day AND h.stream = s.stream
		LEFT JOIN days d ON d.day = b.day
		WHERE b.sequence > h.sequence OR h.sequence IS NULL AND (d.state IS NULL OR d.state IN ('closed', 'sealed'))`
)

// checkDays checks where the streams left each day, and the seals.
func (b *books) checkDays(ctx context.Context) error {
	for query, detail := range map[string]string{
		wrongHeads:  "batch %d, with which the stream left the day, is not there or has another head",
		lateBatches: "batch %d is booked in the day, which had ended for the stream or never began",
	} {
		err := b.each(ctx, query, func(rows pgx.Rows) error {
			var day ledger.Day
			var name string
			var sequence int64
			if err := rows.Scan(&day, &name, &sequence); err != nil {
				return err
			}
			b.fault(DayHead, fmt.Sprintf("day %v, stream %s", day, name), detail, sequence)
			return nil
		})
		if err != nil {
			return err
		}
	}
	roots, err := b.dayRoots(ctx)
	if err != nil {
		return err
	}
	err = b.each(ctx, "SELECT day, state, coalesce(next_day, 0), root, signature, signer FROM days ORDER BY day", func(rows pgx.Rows) error {
		var status ledger.DayStatus
		var root, signature, signer []byte
		if err := rows.Scan(&status.Day, &status.State, &status.Next, &root, &signature, &signer); err != nil {
			return err
		}
		return b.day(status, root, signature, signer, roots)
	})
	if err != nil {
		return err
	}
	b.endDays()
	return nil
}

// dayHistory is a day as the audit tells it, and how many streams left it by what is there.
type dayHistory struct {
	ledger.DayStatus
	streams, heads int
	auditHead      bool // what its seal covers of the audit is there
	seen           bool
}

func (b *books) dayAt(day ledger.Day) *dayHistory {
	h := b.days[day]
	if h == nil {
		h = &dayHistory{DayStatus: ledger.DayStatus{Day: day}}
		b.days[day] = h
	}
	return h
}

// changeDay follows one entry of the audit that opens, closes, ends or reopens a day.
func (b *books) changeDay(e *chain.AuditEntry) {
	where := fmt.Sprintf("audit entry %d", e.Number)
	moved, err := e.DayMoved()
	if err != nil {
		b.fault(DayHistory, "the audit", "%v", err)
		return
	}
	h := b.dayAt(moved.Day)
	h.streams += moved.Streams
	was := h.State
	var allowed []ledger.DayState
	switch e.Act {
	case chain.ActOpenDay:
		h.State, allowed = ledger.DayOpen, []ledger.DayState{""}
	case chain.ActCloseDay:
		h.State, h.Next, allowed = ledger.DayClosing, moved.Next, []ledger.DayState{ledger.DayOpen}
		if next := b.dayAt(moved.Next); next.State == "" {
			next.State = ledger.DayOpen
		}
	case chain.ActEndDay:
		h.State, allowed = ledger.DayClosed, []ledger.DayState{ledger.DayClosing}
	case chain.ActReopenDay:
		h.State, allowed = ledger.DayOpen, []ledger.DayState{ledger.DayClosed}
	}
	if !slices.Contains(allowed, was) {
		b.fault(DayHistory, where, "%s of day %v, which was %q by the entries before", e.Act, moved.Day, was)
	}
}

// day compares a day with its history, and checks its seal.
func (b *books) day(d ledger.DayStatus, root, signature, signer []byte, roots map[ledger.Day]*chain.Tree) error {
	b.summary.Days++
	where := fmt.Sprintf("day %v", d.Day)
	h := b.dayAt(d.Day)
	h.seen = true
	sealed := d.State == ledger.DaySealed
	if d.State != h.State && !(sealed && h.State == ledger.DayClosed) {
		b.fault(DayHistory, where, "it is %s; its last change left it %q", d.State, h.State)
	}
	if d.Next != h.Next {
		b.fault(DayHistory, where, "day %v follows it; it was closed before day %v", d.Next, h.Next)
	}
	if h.heads != h.streams {
		b.fault(DayHistory, where, "of %d streams it is there how they left it; %d left it", h.heads, h.streams)
	}
	if !sealed {
		if root != nil || signature != nil || signer != nil || h.auditHead {
			b.fault(DayHistory, where, "it is %s and has parts of a seal", d.State)
		}
		return nil
	}
	seal := chain.Seal{Day: d.Day, Signature: signature, Signer: signer}
	copy(seal.Root[:], root)
	return b.checkSeal(&seal, roots[d.Day])
}

// endDays reports days that are gone, and streams that stand in none that they can be in.
func (b *books) endDays() {
	for day, h := range b.days {
		if !h.seen {
			b.fault(DayHistory, fmt.Sprintf("day %v", day), "the audit has its opening or streams that left it, and there is no such day")
		}
	}
	for _, s := range b.streams {
		if s.name == "" {
			continue // of batches of which it is known that they have no stream
		}
		h := b.days[s.day]
		if h == nil || h.State != ledger.DayOpen && h.State != ledger.DayClosing || s.day <= s.left || s.day < s.last.Day {
			b.fault(StreamDay, "stream "+s.name, "it stands in day %v, which has ended or never began; it left day %v last, its last batch is of day %v", s.day,
				s.left, s.last.Day)
		}
	}
}

// dayHeads are the leaves that the streams contribute to the roots of days.
type dayHeads map[ledger.Day][]headLeaf

type headLeaf struct {
	stream string
	hash   chain.Hash
}

// noteHead adds a stream's leaf, and compares what it says of the batches booked in the day with those that were seen.
func (b *books) noteHead(heads dayHeads, day ledger.Day, name string, sequence int64, head chain.Hash, batches *chain.Hash) error {
	var root chain.Hash
	if batches != nil {
		root = *batches
	}
	heads[day] = append(heads[day], headLeaf{name, chain.HeadLeaf(day, name, sequence, head, root)})
	if name == "" {
		b.dayAt(day).auditHead = true
		return nil
	}
	b.dayAt(day).heads++
	s := b.streams[ledger.IDOfStream(name)]
	if s == nil {
		return nil
	}
	if s.left = max(s.left, day); batches == nil {
		return nil
	}
	want, err := s.bookedIn(day).Root()
	if err == nil && want != root {
		b.fault(DayHead, fmt.Sprintf("day %v, stream %s", day, name), "its root over the day's batches is %x, they make %x", root, want)
	}
	return err
}

// roots computes each day's root.
func (heads dayHeads) roots() (map[ledger.Day]*chain.Tree, error) {
	roots := make(map[ledger.Day]*chain.Tree, len(heads))
	for day, all := range heads {
		// Sorted here, because the databases disagree about the order of text.
		slices.SortFunc(all, func(x, y headLeaf) int { return strings.Compare(x.stream, y.stream) })
		roots[day] = &chain.Tree{}
		for _, leaf := range all {
			if err := roots[day].Add(leaf.hash); err != nil {
				return nil, err
			}
		}
	}
	return roots, nil
}

// dayRoots computes each day's root over the streams' heads.
func (b *books) dayRoots(ctx context.Context) (map[ledger.Day]*chain.Tree, error) {
	heads := make(dayHeads)
	err := b.each(ctx, "SELECT day, stream, sequence, head, batches FROM day_heads", func(rows pgx.Rows) error {
		var day ledger.Day
		var name string
		var sequence int64
		var head, batches []byte
		if err := rows.Scan(&day, &name, &sequence, &head, &batches); err != nil {
			return err
		}
		var hash, root chain.Hash
		copy(hash[:], head)
		if copy(root[:], batches); batches == nil {
			return b.noteHead(heads, day, name, sequence, hash, nil)
		}
		return b.noteHead(heads, day, name, sequence, hash, &root)
	})
	if err != nil {
		return nil, err
	}
	return heads.roots()
}

func (b *books) checkSeal(seal *chain.Seal, tree *chain.Tree) error {
	b.summary.SealedDays++
	where := fmt.Sprintf("day %v", seal.Day)
	if tree == nil {
		tree = &chain.Tree{}
	}
	root, err := tree.Root()
	if err != nil {
		return err
	}
	if root != seal.Root {
		b.fault(SealRoot, where, "its root is %x, its streams' heads make %x", seal.Root, root)
	}
	switch {
	case !seal.Valid():
		b.fault(SealSignature, where, "the signature does not match the root")
	case b.signer == nil:
		b.fault(SealUnknown, where, "it is signed by %x, and no signer was given to believe", []byte(seal.Signer))
	case !b.signer.Equal(seal.Signer):
		b.fault(SealSignature, where, "it was signed by %x, expected %x", []byte(seal.Signer), []byte(b.signer))
	}
	return nil
}

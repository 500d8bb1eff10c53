package verify

import (
	"fmt"
	"slices"
	"strings"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/export"
)

// dayHistory is a day as the audit tells it, and how many streams left it by what is there.
type dayHistory struct {
	ledger.DayStatus
	streams, heads int
	audit          int64 // the last entry of the audit that its seal covers; 0: none
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
func (b *books) day(d *export.Day) {
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
		if d.Root != nil || d.Signature != nil || d.Signer != nil || h.audit != 0 {
			b.fault(DayHistory, where, "it is %s and has parts of a seal", d.State)
		}
		return
	}
	seal := chain.Seal{Day: d.Day, Signature: d.Signature, Signer: d.Signer}
	if d.Root != nil {
		seal.Root = *d.Root
	}
	b.checkSeal(&seal, b.heads.root(d.Day), h.audit)
}

// endDays reports days that are gone, and streams that stand in none that they can be in.
func (b *books) endDays() {
	for day, h := range b.days {
		if !h.seen {
			b.fault(DayHistory, fmt.Sprintf("day %v", day), "the audit has its opening or streams that left it, and there is no such day")
		}
	}
	for _, s := range b.streams {
		if s.unknown {
			continue
		}
		h := b.days[s.Day]
		if h == nil || h.State != ledger.DayOpen && h.State != ledger.DayClosing || s.Day <= s.left || s.Day < s.last.Day {
			b.fault(StreamDay, "stream "+s.Stream.Stream, "it stands in day %v, which has ended or never began; it left day %v last, its last batch is of day %v",
				s.Day, s.left, s.last.Day)
		}
	}
}

// dayHeads are the leaves that the streams contribute to the roots of days.
type dayHeads map[ledger.Day][]headLeaf

type headLeaf struct {
	stream string
	hash   chain.Hash
}

// head adds a stream's leaf, and compares what it says of the batches booked in the day with those
// that were seen.
func (b *books) head(h *export.Head) {
	var root chain.Hash
	if h.Batches != nil {
		root = *h.Batches
	} else if h.Stream == chain.AuditStream {
		root = chain.StoredHash([]byte{}) // it has a root of zeros, not none
	}
	b.heads[h.Day] = append(b.heads[h.Day], headLeaf{h.Stream, chain.HeadLeaf(h.Day, h.Stream, h.Sequence, h.Head, root)})
	if h.Stream == chain.AuditStream {
		b.covered = append(b.covered, *h)
		b.dayAt(h.Day).audit = h.Sequence
		return
	}
	if b.dayAt(h.Day).heads++; b.summary.Part != "" {
		return // streams and batches are not in it
	}
	s := b.streams[ledger.IDOfStream(h.Stream)]
	if s == nil {
		b.fault(DayHead, fmt.Sprintf("day %v, stream %s", h.Day, h.Stream), "it left the day with batch %d, and there is no such stream", h.Sequence)
		return
	}
	if s.left = max(s.left, h.Day); h.Batches == nil {
		return
	}
	if want := s.bookedIn(h.Day).Root(); want != root {
		b.fault(DayHead, fmt.Sprintf("day %v, stream %s", h.Day, h.Stream), "its root over the day's batches is %x, they make %x", root, want)
	}
}

// root computes a day's root.
func (heads dayHeads) root(day ledger.Day) chain.Hash {
	// Sorted here, because the databases disagree about the order of text.
	slices.SortFunc(heads[day], func(x, y headLeaf) int { return strings.Compare(x.stream, y.stream) })
	var tree chain.Tree
	for _, leaf := range heads[day] {
		tree.Add(leaf.hash)
	}
	return tree.Root()
}

// checkSeal compares a day's seal, which covers the audit up to an entry, with the root that its
// streams make and the key that was pinned.
func (b *books) checkSeal(seal *chain.Seal, root chain.Hash, audit int64) {
	b.summary.SealedDays++
	where := fmt.Sprintf("day %v", seal.Day)
	if root != seal.Root {
		b.fault(SealRoot, where, "its root is %x, its streams' heads make %x", seal.Root, root)
	}
	if !seal.Valid() {
		b.fault(SealSignature, where, "the signature does not match the root")
		return
	}
	b.signedBy(seal, where, audit)
}

package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"citycard/ledger"

	"github.com/jackc/pgx/v5"
)

// What a stream left a day with must be the last batch it booked in the day, and nothing may be booked in the day by a stream that has
// left it, or in a day that was closed without it.
const (
	wrongHeads = `SELECT h.day, h.stream, h.sequence FROM day_heads h JOIN streams s ON s.stream = h.stream
		LEFT JOIN batches b ON b.stream = s.number AND b.sequence = h.sequence
		WHERE h.sequence > 0 AND (b.head IS NULL OR b.head <> h.head)`

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
	return b.each(ctx, "SELECT day, state, root, signature, signer FROM days ORDER BY day", func(rows pgx.Rows) error {
		var seal ledger.Seal
		var state ledger.DayState
		var root, signer []byte
		if err := rows.Scan(&seal.Day, &state, &root, &seal.Signature, &signer); err != nil {
			return err
		}
		b.summary.Days++
		if state == ledger.DaySealed {
			copy(seal.Root[:], root)
			seal.Signer = signer
			return b.checkSeal(&seal, roots[seal.Day])
		}
		return nil
	})
}

// dayHeads are the leaves that the streams contribute to the roots of days.
type dayHeads map[ledger.Day][]headLeaf

type headLeaf struct {
	stream string
	hash   ledger.Hash
}

// noteHead adds a stream's leaf, and compares what it says of the batches booked in the day with those that were seen.
func (b *books) noteHead(heads dayHeads, day ledger.Day, name string, sequence int64, head ledger.Hash, batches *ledger.Hash) error {
	var root ledger.Hash
	if batches != nil {
		root = *batches
	}
	heads[day] = append(heads[day], headLeaf{name, ledger.HeadLeaf(day, name, sequence, head, root)})
	s := b.streams[ledger.IDOfStream(name)]
	if batches == nil || name == "" || s == nil {
		return nil
	}
	want, err := s.bookedIn(day).Root()
	if err == nil && want != root {
		b.fault(DayHead, fmt.Sprintf("day %v, stream %s", day, name), "its root over the day's batches is %x, they make %x", root, want)
	}
	return err
}

// roots computes each day's root.
func (heads dayHeads) roots() (map[ledger.Day]*ledger.Tree, error) {
	roots := make(map[ledger.Day]*ledger.Tree, len(heads))
	for day, all := range heads {
		// Sorted here, because the databases disagree about the order of text.
		slices.SortFunc(all, func(x, y headLeaf) int { return strings.Compare(x.stream, y.stream) })
		roots[day] = &ledger.Tree{}
		for _, leaf := range all {
			if err := roots[day].Add(leaf.hash); err != nil {
				return nil, err
			}
		}
	}
	return roots, nil
}

// dayRoots computes each day's root over the streams' heads.
func (b *books) dayRoots(ctx context.Context) (map[ledger.Day]*ledger.Tree, error) {
	heads := make(dayHeads)
	err := b.each(ctx, "SELECT day, stream, sequence, head, batches FROM day_heads", func(rows pgx.Rows) error {
		var day ledger.Day
		var name string
		var sequence int64
		var head, batches []byte
		if err := rows.Scan(&day, &name, &sequence, &head, &batches); err != nil {
			return err
		}
		var hash, root ledger.Hash
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

func (b *books) checkSeal(seal *ledger.Seal, tree *ledger.Tree) error {
	b.summary.SealedDays++
	where := fmt.Sprintf("day %v", seal.Day)
	if tree == nil {
		tree = &ledger.Tree{}
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

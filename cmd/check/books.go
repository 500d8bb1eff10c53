package check

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/shadow"
	"citycard/simulators/truth"
)

// wholeTime spans every day the ledger knows.
const (
	firstDay ledger.Day = 19000101
	lastDay  ledger.Day = 29991231
)

// books gives the comparison its data, from a database or from an export.
type books struct {
	*truth.Comparison
	codes  map[ledger.AccountID]string
	booked *docket.Reader
	counts Counts
	whole  pieces
}

func newBooks(c *truth.Comparison) *books {
	return &books{Comparison: c, codes: map[ledger.AccountID]string{}, booked: docket.NewReader(), counts: newCounts()}
}

// read reads all of a ledger.
func (b *books) read(ctx context.Context, l *ledger.Ledger) error {
	chart, err := l.Accounts(ctx)
	if err != nil {
		return err
	}
	err = l.Scan(ctx, firstDay, lastDay, func(row ledger.Row) error {
		if _, known := b.codes[row.Credit]; !known {
			account, ok := chart.ByID(row.Credit)
			if !ok {
				return fmt.Errorf("account %d is not in the chart", row.Credit)
			}
			b.codes[row.Credit] = account.Code
		}
		return b.row(&row)
	})
	if err != nil {
		return err
	}
	err = l.ScanMemos(ctx, firstDay, lastDay, func(row ledger.Row) error { return b.row(&row) })
	if err := errors.Join(err, b.end()); err != nil {
		return err
	}
	days, err := l.Days(ctx)
	if err != nil {
		return err
	}
	for _, d := range days {
		if err := l.Notes(ctx, d.Day, b.note); err != nil {
			return err
		}
	}
	return b.shadows(ctx, l)
}

// row takes a row of the journal: a transfer, or a memo.
func (b *books) row(row *ledger.Row) error {
	key := truth.Key{Day: int(row.Day), Subject: hex.EncodeToString([]byte(row.Subject)), ID: hex.EncodeToString([]byte(row.ID))}
	booked, _ := b.booked.Row(row)
	switch {
	case !row.IsMemo():
		return b.Row(truth.Row{Key: key, Fen: int64(row.Amount), Credit: b.codes[row.Credit]})
	case booked.ZeroFen:
		return b.Row(truth.Row{Key: key})
	case row.Kind == chain.KeptKind:
		return nil
	}
	if row.Kind == docket.KindReject && identity.IsFurtherPiece(row.ID) {
		return b.whole.goOn(row)
	}
	err := b.end()
	b.whole.begin(row, booked.Verdict)
	return err
}

// end hands over the memo whose last piece has been seen.
func (b *books) end() error {
	m, ok := b.whole.take()
	if !ok {
		return nil
	}
	return b.Memo(m)
}

// note reads the counts that a batch recorded about itself.
func (b *books) note(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	var note docket.Note
	if err := json.Unmarshal(data, &note); err != nil {
		return fmt.Errorf("batch note: %w", err)
	}
	b.counts.add(&note)
	return nil
}

// shadows reads what the ledger thinks each card holds.
func (b *books) shadows(ctx context.Context, l *ledger.Ledger) error {
	return shadow.Balances(ctx, l, ledger.IDOfCode(chart.Float), func(subject ledger.Subject, fen ledger.Fen) error {
		card, ok := identity.ParseCard([]byte(subject))
		if !ok {
			return fmt.Errorf("subject %x moves the float and is not a card", string(subject))
		}
		return b.Shadow(card.Digits(), int64(fen))
	})
}

// pieces puts together a reject that was kept in several memos.
type pieces struct {
	memo     truth.Memo
	evidence []byte
	open     bool
}

func (p *pieces) begin(row *ledger.Row, is verdict.Verdict) {
	p.memo, p.open = truth.Memo{Verdict: truth.Rejected, Reason: row.Reason}, true
	switch is {
	case verdict.Disputed:
		p.memo = truth.Memo{Verdict: truth.Disputed}
	case verdict.Unconfirmed:
		p.memo = truth.Memo{Verdict: truth.Unconfirmed}
	}
	// The subject of a reject is its stream; that of a dispute is the card or the person.
	topic, _, _ := strings.Cut(string(row.Subject), "/")
	p.memo.Topic = topic
	if _, card := identity.ParseCard([]byte(row.Subject)); card && row.Kind == ledger.DisputeKind {
		p.memo.Topic = message.TopicTaps
	}
	if is == verdict.Unconfirmed {
		p.memo.Topic = message.TopicTapsUnconfirmed
	}
	p.evidence = slices.Clone(row.Evidence)
}

func (p *pieces) goOn(row *ledger.Row) error {
	if !p.open {
		return errors.New("a reject goes on that never began")
	}
	p.evidence = append(p.evidence, row.Evidence...)
	return nil
}

func (p *pieces) take() (truth.Memo, bool) {
	if !p.open {
		return truth.Memo{}, false
	}
	p.open = false
	digest := sha256.Sum256(p.evidence)
	p.memo.SHA256 = hex.EncodeToString(digest[:])
	return p.memo, true
}

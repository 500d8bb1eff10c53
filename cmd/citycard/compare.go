package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/simulators/truth"
)

// wholeTime spans every day the ledger knows.
const (
	firstDay ledger.Day = 19000101
	lastDay  ledger.Day = 29991231
)

// compareTruth holds the books against what a simulated city knows it sent.
func (r *report) compareTruth(ctx context.Context, l *ledger.Ledger, dir string) error {
	records, err := truth.ReadRecords(dir)
	if err != nil {
		return err
	}
	purses, err := truth.ReadPurses(dir)
	if err != nil {
		return err
	}
	observed, err := observe(ctx, l)
	if err != nil {
		return err
	}
	shadows, err := readShadows(ctx, l)
	if err != nil {
		return err
	}
	result := truth.Compare(records, observed)
	r.Sent = int64(len(records))
	r.Lost, r.Doubled = int64(result.Lost), int64(result.Doubled)
	r.Wrong = int64(result.Wrong + result.Unexpected)
	for _, found := range result.Found {
		r.fault("%s", found)
	}
	for _, p := range purses {
		r.Reserve.PursesFen += ledger.Fen(p.Fen)
	}
	mismatches := truth.ComparePurses(purses, shadows)
	r.PurseMismatches = int64(len(mismatches))
	for _, m := range mismatches[:min(len(mismatches), 10)] {
		r.fault("card %s holds %d fen, the ledger says %d", m.Card, m.Purse, m.Books)
	}
	if r.Reserve.PursesFen != r.Reserve.FloatFen {
		r.fault("all purses hold %s yuan, the float is %s", yuan(r.Reserve.PursesFen), yuan(r.Reserve.FloatFen))
	}
	return nil
}

// compareCounts holds the counts of verdicts against the truth's. They must agree
// wherever all of a city's records were cleared in the day of the report.
func (r *report) compareCounts(dir string) error {
	want, err := truth.ReadSummary(dir)
	if err != nil {
		return err
	}
	check := func(what string, got int64, want int) {
		if got != int64(want) {
			r.fault("%s: %d in the books, %d sent", what, got, want)
		}
	}
	check("cleared", r.Cleared, want.Cleared)
	// A sender that is cut off sends again, so there may be more, never fewer.
	if r.Duplicate < int64(want.Duplicates) {
		r.fault("duplicates: %d in the books, %d sent", r.Duplicate, want.Duplicates)
	}
	check("disputed", r.Disputed, want.Disputed)
	reasons := func(what string, got map[verdict.Reason]int64, want map[string]int) {
		names := map[verdict.Reason]bool{}
		for reason := range got {
			names[reason] = true
		}
		for reason := range want {
			names[verdict.Reason(reason)] = true
		}
		for _, reason := range sortedKeys(names) {
			check(what+" "+string(reason), got[reason], want[string(reason)])
		}
	}
	reasons("suspended", r.Suspended, want.Suspended)
	reasons("rejected", r.Rejected, want.Rejected)
	return nil
}

// observe reads from the ledger what the comparison needs.
func observe(ctx context.Context, l *ledger.Ledger) (truth.Observed, error) {
	var observed truth.Observed
	chart, err := l.Accounts(ctx)
	if err != nil {
		return observed, err
	}
	key := func(row *ledger.Row) truth.Key {
		return truth.Key{Day: int(row.Day), Subject: hex.EncodeToString([]byte(row.Subject)), ID: hex.EncodeToString([]byte(row.ID))}
	}
	err = l.Scan(ctx, firstDay, lastDay, func(row ledger.Row) error {
		account, ok := chart.ByID(row.Credit)
		if !ok {
			return fmt.Errorf("account %d is not in the chart", row.Credit)
		}
		observed.Rows = append(observed.Rows, truth.Row{Key: key(&row), Fen: int64(row.Amount), Credit: account.Code})
		return nil
	})
	if err != nil {
		return observed, err
	}
	var kept pieces
	err = l.ScanMemos(ctx, firstDay, lastDay, func(row ledger.Row) error {
		if row.Kind == docket.KindRecord {
			observed.Rows = append(observed.Rows, truth.Row{Key: key(&row)})
			return nil
		}
		return kept.add(row)
	})
	observed.Memos = kept.memos()
	return observed, err
}

// pieces puts rejects together again that were kept in several memos.
type pieces struct {
	memo     []truth.Memo
	evidence []byte
}

func (p *pieces) add(row ledger.Row) error {
	if row.Kind == docket.KindReject && identity.IsFurtherPiece(row.ID) {
		if len(p.memo) == 0 {
			return errors.New("a reject goes on that never began")
		}
		p.evidence = append(p.evidence, row.Evidence...)
		p.finish()
		return nil
	}
	m := truth.Memo{Verdict: truth.Rejected, Reason: row.Reason}
	if row.Kind == ledger.DisputeKind || row.Reason == verdict.Disputed.String() {
		m = truth.Memo{Verdict: truth.Disputed}
	}
	p.memo = append(p.memo, m)
	p.evidence = slices.Clone(row.Evidence)
	p.finish()
	return nil
}

func (p *pieces) finish() {
	digest := sha256.Sum256(p.evidence)
	p.memo[len(p.memo)-1].SHA256 = hex.EncodeToString(digest[:])
}

func (p *pieces) memos() []truth.Memo { return p.memo }

package verify_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"

	"citycard/ledger"
	"citycard/ledger/export"
	"citycard/ledger/verify"
)

// exported writes a ledger and returns the lines of its export, for a test to forge.
func exported(t *testing.T) ([]*export.Line, ed25519.PublicKey) {
	t.Helper()
	l, signer := write(t)
	var file bytes.Buffer
	if err := export.Write(context.Background(), l, &file); err != nil {
		t.Fatal(err)
	}
	return linesOf(t, file.Bytes()), signer
}

// verified verifies an export and returns its faults.
func verified(text []byte, signer ed25519.PublicKey) (faults []string, err error) {
	_, err = verify.Export(bytes.NewReader(text), signer, func(f verify.Fault) { faults = append(faults, f.String()) })
	return faults, err
}

// TestExportWithoutStream leaves a stream out of an export, with its batches, rows and holds, and
// makes the sums fit what is left. The seal still covers the stream's head.
func TestExportWithoutStream(t *testing.T) {
	lines, signer := exported(t)
	taps := ledger.IDOfStream("taps")
	lines = slices.DeleteFunc(lines, func(line *export.Line) bool {
		return line.Stream != nil && line.Stream.Number == taps || line.Batch != nil && line.Batch.Stream == taps ||
			line.Row != nil && line.Row.Stream == taps || line.Hold != nil
	})
	left := func(account ledger.AccountID, day ledger.Day) (debits, credits ledger.Fen) {
		for _, line := range lines {
			if r := line.Row; r != nil && (day == 0 || day == r.BookingDay) {
				if r.Debit == account {
					debits += r.Amount
				}
				if r.Credit == account {
					credits += r.Amount
				}
			}
		}
		return debits, credits
	}
	for _, line := range lines {
		if b := line.Balance; b != nil {
			b.Debits, b.Credits = left(b.Account, 0)
			b.DebitsHeld, b.CreditsHeld = 0, 0
		}
		if s := line.Turnover; s != nil {
			s.Debits, s.Credits = left(s.Account, s.Day)
		}
	}
	for _, text := range [][]byte{version2(t, lines), version1(t, lines)} {
		faults, err := verified(text, signer)
		const want = "day does not end with its last batch: day 20260104, stream taps: it left the day with batch 3"
		if err != nil || len(faults) != 1 || !strings.HasPrefix(faults[0], want) {
			t.Errorf("faults %q, %v; expected %q", faults, err, want)
		}
	}
}

// TestExportWithoutChart leaves out the line that tells where the audit ends.
func TestExportWithoutChart(t *testing.T) {
	lines, signer := exported(t)
	lines = slices.DeleteFunc(lines, func(line *export.Line) bool { return line.Chart != nil })
	for _, text := range [][]byte{version2(t, lines), version1(t, lines)} {
		faults, err := verified(text, signer)
		if err != nil || len(faults) != 1 || !strings.HasPrefix(faults[0], "chart version mismatch: the chart: its version and the end") {
			t.Errorf("faults %q, %v; expected that the chart's end is missing", faults, err)
		}
	}
}

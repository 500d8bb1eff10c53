package verify_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"citycard/ledger"
	"citycard/ledger/chain"
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
	for _, text := range [][]byte{versionFrames(t, lines), versionText(t, lines)} {
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
	for _, text := range [][]byte{versionFrames(t, lines), versionText(t, lines)} {
		faults, err := verified(text, signer)
		if err != nil || len(faults) != 1 || !strings.HasPrefix(faults[0], "chart version mismatch: the chart: its version and the end") {
			t.Errorf("faults %q, %v; expected that the chart's end is missing", faults, err)
		}
	}
}

// TestExportOutOfOrder moves the lines of each kind behind all others. The checks rely on the
// order: sums, for instance, are compared with the rows before them.
func TestExportOutOfOrder(t *testing.T) {
	lines, signer := exported(t)
	for kind, is := range map[string]func(*export.Line) bool{
		"audit": func(l *export.Line) bool { return l.Audit != nil }, "chart": func(l *export.Line) bool { return l.Chart != nil },
		"account": func(l *export.Line) bool { return l.Account != nil }, "stream": func(l *export.Line) bool { return l.Stream != nil },
		"batch": func(l *export.Line) bool { return l.Batch != nil }, "row": func(l *export.Line) bool { return l.Row != nil },
		"balance": func(l *export.Line) bool { return l.Balance != nil }, "turnover": func(l *export.Line) bool { return l.Turnover != nil },
		"hold": func(l *export.Line) bool { return l.Hold != nil }, "head": func(l *export.Line) bool { return l.Head != nil },
	} {
		moved := slices.Clone(lines)
		slices.SortStableFunc(moved, func(a, b *export.Line) int {
			switch {
			case is(a) == is(b):
				return 0
			case is(a):
				return 1
			}
			return -1
		})
		for version, text := range [][]byte{1: versionText(t, moved), 2: versionFrames(t, moved)} {
			if version == 0 {
				continue
			}
			if _, err := verified(text, signer); !errors.Is(err, export.ErrFormat) {
				t.Errorf("version %d, each %s last: %v, expected ErrFormat", version, kind, err)
			}
		}
	}
}

// resealed writes the text of lines as an export of a version.
func resealed(t *testing.T, version int, lines []string) []byte {
	t.Helper()
	var text []byte
	add := func(line string) {
		if version == export.TextVersion {
			text = append(append(text, line...), '\n')
		} else {
			text = append(binary.BigEndian.AppendUint32(text, uint32(len(line))), line...)
		}
	}
	for _, line := range lines {
		add(line)
	}
	end, err := json.Marshal(&export.Line{End: &export.End{Lines: int64(len(lines)), Hash: sha256.Sum256(text)}})
	if err != nil {
		t.Fatal(err)
	}
	add(string(end))
	return text
}

// TestLinesHaveOneMember puts JSON among the lines that is not one object with one member.
func TestLinesHaveOneMember(t *testing.T) {
	const balance = `{"account":1,"debits":0,"credits":0}`
	for _, header := range []string{`{"export":{"version":3,"dialect":"none"}}`, `{"export":{"version":4,"dialect":"none"}}`} {
		version := int(header[len(`{"export":{"version":`)] - '0')
		for line, want := range map[string]error{
			`{"balance":` + balance + `}`: nil, ` { "balance" : ` + balance + ` } `: nil,
			`{}`: export.ErrFormat, `null`: export.ErrFormat, ``: export.ErrFormat, `[]`: export.ErrFormat, `["balance",` + balance + `]`: export.ErrFormat,
			`{"row":null}`: export.ErrFormat, `{"balance":null}`: export.ErrFormat, `{"balance":` + balance + `}{}`: export.ErrFormat,
			`{"balance":` + balance + `} x`: export.ErrFormat, `{"balance":` + balance: export.ErrFormat,
			`{"balance":` + balance + `,"turnover":{"account":1,"day":0,"debits":0,"credits":0}}`: export.ErrFormat,
			`{"balance":` + balance + `,"balance":` + balance + `}`:                               export.ErrFormat,
			`{"balance":` + balance + `,"row":null}`:                                              export.ErrFormat,
			`{"Balance":` + balance + `}`:                                                         export.ErrFormat,
		} {
			_, err := verified(resealed(t, version, []string{header, line}), nil)
			if !errors.Is(err, want) {
				t.Errorf("version %d, line %s: %v, expected %v", version, line, err, want)
			}
		}
	}
}

// TestLargeNotes exports a note of half a megabyte, which is more than that of 4,000 claims, and
// one that no batch has.
func TestLargeNotes(t *testing.T) {
	lines := []*export.Line{{Export: &export.Header{Version: export.Version, Dialect: "none"}}, {Batch: &chain.Link{Sequence: 1, Note: bytes.Repeat([]byte("0123456789abcdef"), 1<<15)}}}
	for _, text := range [][]byte{versionFrames(t, lines), versionText(t, lines)} {
		got := linesOf(t, text)
		if len(got) != 2 || !bytes.Equal(got[1].Batch.Note, lines[1].Batch.Note) {
			t.Errorf("%d lines are read, expected 2 with the note", len(got))
		}
	}
	w, err := export.NewWriter(io.Discard, "none")
	if err != nil {
		t.Fatal(err)
	}
	lines[1].Batch.Note = make([]byte, 16<<20)
	if err := w.Line(lines[1]); err == nil {
		t.Error("a note that cannot be read was written")
	}
	large := resealed(t, export.TextVersion, []string{`{"export":{"version":3,"dialect":"none"}}`, strings.Repeat(" ", 17<<20)})
	if _, err := verified(large, nil); !errors.Is(err, export.ErrFormat) || !strings.Contains(err.Error(), "expected at most") {
		t.Errorf("a line of 17 MB: %v, expected ErrFormat", err)
	}
}

// TestExtremeNumbers puts numbers into an export that no batch and no row can have. Each is a
// fault, and makes nothing large.
func TestExtremeNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		change func(b *chain.Link, row *ledger.Row)
		want   string
	}{
		"fewer transfers than none": {func(b *chain.Link, _ *ledger.Row) { b.Transfers = math.MinInt32 }, "batch count mismatch: stream taps, batch 2"},
		"a memo less than none":     {func(b *chain.Link, _ *ledger.Row) { b.Transfers, b.Memos = 10, -1 }, "batch count mismatch: stream taps, batch 2"},
		"transfers":                 {func(b *chain.Link, _ *ledger.Row) { b.Transfers, b.Memos = math.MaxInt32, 0 }, "row missing: stream taps, batch 2, positions 29 to 2147483646"},
		"rows":                      {func(b *chain.Link, _ *ledger.Row) { b.Transfers, b.Memos = math.MaxInt32, math.MaxInt32 }, "batch count mismatch: stream taps, batch 2"},
		"last position":             {func(_ *chain.Link, r *ledger.Row) { r.Position = math.MaxInt32 }, "row missing: stream taps, batch 2, positions 28 to 2147483646"},
		"position before the first": {func(_ *chain.Link, r *ledger.Row) { r.Position = math.MinInt32 }, "row not in its batch: memo (day 20260104, subject 63617264, id 6d31)"},
	} {
		lines, signer := exported(t)
		for _, line := range lines {
			isBatch, isRow := line.Batch != nil && line.Batch.Sequence == 2, line.Row != nil && line.Row.ID == "m1"
			switch {
			case isBatch:
				c.change(line.Batch, &ledger.Row{})
			case isRow:
				c.change(&chain.Link{}, line.Row)
			}
		}
		for _, text := range [][]byte{versionFrames(t, lines), versionText(t, lines)} {
			allocated := allocatedBy(func() {
				faults, err := verified(text, signer)
				if err != nil || !slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, c.want) }) {
					t.Errorf("%s: faults %q, %v; expected %q", name, faults, err, c.want)
				}
			})
			if allocated > 16<<20 {
				t.Errorf("%s: %d bytes were allocated", name, allocated)
			}
		}
	}
}

// TestEmptyLines reads half a million empty lines, which are refused at the first.
func TestEmptyLines(t *testing.T) {
	const lines = 1 << 19
	for _, text := range []string{
		`{"export":{"version":3,"dialect":"none"}}` + strings.Repeat("\n", 1+lines),
		string(binary.BigEndian.AppendUint32(nil, 41)) + `{"export":{"version":4,"dialect":"none"}}` + strings.Repeat("\x00\x00\x00\x00", lines),
	} {
		allocated := allocatedBy(func() {
			if _, err := verified([]byte(text), nil); !errors.Is(err, export.ErrFormat) {
				t.Errorf("%v, expected ErrFormat", err)
			}
		})
		if allocated > int64(len(text))+64<<20 {
			t.Errorf("%d bytes were allocated for %d", allocated, len(text))
		}
	}
}

// allocatedBy returns how much memory was allocated while a function ran.
func allocatedBy(run func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

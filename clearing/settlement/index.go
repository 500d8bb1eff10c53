package settlement

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"citycard/ledger"
)

// indexName is the file that lists the others. It is written last.
const indexName = "index.csv"

// Index lists the files of a clearing day.
type Index struct {
	Day     ledger.Day
	Entries []Entry // by participant code
	Count   int64
	Fen     int64 // the sum of all net positions
}

// Entry is one file of an index.
type Entry struct {
	Participant string
	File        string // name inside the folder
	Count       int64
	Fen         int64  // the participant's net position
	SHA256      string // of the whole file, 64 hexadecimal digits
}

const (
	indexTitle       = "# 结算目录 settlement index, layout 1"
	indexColumnsLine = "# 列 columns: 参与方 participant, 文件 file, 笔数 count, 轧差金额(分) net position in fen, 文件摘要 sha256 of the file"
	indexColumns     = "participant,file,count,fen,sha256"
	indexHeaderLines = 5
)

// newIndex totals the entries of files that were encoded.
func newIndex(day ledger.Day, entries []Entry) (Index, error) {
	var total Line
	for _, e := range entries {
		var ok bool
		if total, ok = total.plus(Line{Count: e.Count, Fen: e.Fen}); !ok {
			return Index{}, errors.New("the total does not fit")
		}
	}
	return Index{Day: day, Entries: entries, Count: total.Count, Fen: total.Fen}, nil
}

func newEntry(position Position, data []byte) Entry {
	sum := sha256.Sum256(data)
	return Entry{
		Participant: position.Participant.Code,
		File:        position.Participant.fileName(),
		Count:       position.Count,
		Fen:         position.Fen,
		SHA256:      hex.EncodeToString(sum[:]),
	}
}

// Encode gives the index's bytes. The same index always gives the same bytes.
func (x Index) Encode() []byte {
	var b strings.Builder
	fmt.Fprintln(&b, indexTitle)
	fmt.Fprintf(&b, "# 清算日 clearing day: %s\n", x.Day)
	fmt.Fprintf(&b, "# 合计 totals: %d 个文件 files, %d 笔 transactions, %d 分 fen\n", len(x.Entries), x.Count, x.Fen)
	fmt.Fprintln(&b, indexColumnsLine)
	fmt.Fprintln(&b, indexColumns)
	for _, e := range x.Entries {
		fmt.Fprintf(&b, "%s,%s,%d,%d,%s\n", e.Participant, e.File, e.Count, e.Fen, e.SHA256)
	}
	fmt.Fprintf(&b, "total,,%d,%d,\n", x.Count, x.Fen)
	return seal(b.String())
}

// parseIndex reads an index back and checks its hash, header, order and totals.
func parseIndex(data []byte) (Index, error) {
	return parse("index", data, parseIndexLines)
}

func parseIndexLines(lines []string) (Index, error) {
	if len(lines) < indexHeaderLines+1 || lines[0] != indexTitle {
		return Index{}, fmt.Errorf("line 1: want %q and at least %d lines", indexTitle, indexHeaderLines+1)
	}
	day, err := ledger.ParseDay(strings.TrimPrefix(lines[1], "# 清算日 clearing day: "))
	if err != nil {
		return Index{}, fmt.Errorf("line 2: %w", err)
	}
	var entries []Entry
	for i, text := range lines[indexHeaderLines : len(lines)-1] {
		entry, err := parseEntry(text)
		if err != nil {
			return Index{}, fmt.Errorf("line %d: %w", indexHeaderLines+i+1, err)
		}
		if i > 0 && entries[i-1].Participant >= entry.Participant {
			return Index{}, fmt.Errorf("line %d: want a participant after that of the line before", indexHeaderLines+i+1)
		}
		entries = append(entries, entry)
	}
	return newIndex(day, entries)
}

func parseEntry(text string) (Entry, error) {
	fields := strings.Split(text, ",")
	if len(fields) != 5 {
		return Entry{}, fmt.Errorf("%d fields, want %s", len(fields), indexColumns)
	}
	p := Participant{Code: fields[0]}
	if err := p.check(); err != nil {
		return Entry{}, err
	}
	if fields[1] != p.fileName() {
		return Entry{}, fmt.Errorf("file %q: want %s", fields[1], p.fileName())
	}
	count, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || count < 0 {
		return Entry{}, fmt.Errorf("count %q: want a whole number, 0 or more", fields[2])
	}
	fen, err := strconv.ParseInt(fields[3], 10, 64)
	if err != nil {
		return Entry{}, fmt.Errorf("fen: %w", err)
	}
	if sum, err := hex.DecodeString(fields[4]); err != nil || len(sum) != sha256.Size || hex.EncodeToString(sum) != fields[4] {
		return Entry{}, fmt.Errorf("sha256 %q: want 64 hexadecimal digits in small letters", fields[4])
	}
	return Entry{Participant: p.Code, File: fields[1], Count: count, Fen: fen, SHA256: fields[4]}, nil
}

// Package csvfile reads files that another system hands over: CSV whose last line is sha256, the
// number of rows, and the SHA-256 of all before it. A file that was cut or changed on its way is
// refused whole. What one has come to is kept, with the rows of which nothing was done.
package csvfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"citycard/language"
)

// endsWith is what the last line begins with.
const endsWith = "sha256"

// End is the last line of a file, with the hash of all before it.
func End(rows int, hash []byte) string { return fmt.Sprintf("%s,%d,%x\n", endsWith, rows, hash) }

// File is a file that was read.
type File struct {
	Hash [sha256.Size]byte // of all before the last line
	Rows []Row
}

// Row is a row of a file.
type Row struct {
	Line    int // of the file
	Fields  []string
	Content string // the fields with commas between them
}

// Read reads a file of at most so many rows, whose first line has the names of the columns.
func Read(content []byte, columns []string, most int) (*File, error) {
	end := bytes.LastIndex(bytes.TrimRight(content, "\r\n"), []byte("\n")) + 1
	last := strings.Split(string(bytes.TrimRight(content[end:], "\r\n")), ",")
	f := &File{Hash: sha256.Sum256(content[:end])}
	if len(last) != 3 || last[0] != endsWith || last[2] != hex.EncodeToString(f.Hash[:]) {
		return nil, language.Textf("the last line is not sha256, the number of rows, and the SHA-256 of all before it: the file is cut or was changed")
	}
	r := csv.NewReader(bytes.NewReader(content[:end]))
	r.FieldsPerRecord = len(columns)
	var records [][]string
	var lines []int
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, language.Textf("not CSV with these columns: %w", err)
		}
		line, _ := r.FieldPos(0) // blank lines are no rows, and a field may have several
		records, lines = append(records, fields), append(lines, line)
	}
	if len(records) == 0 || !slices.Equal(records[0], columns) {
		return nil, language.Textf("the first line must be %s", strings.Join(columns, ","))
	}
	if last[1] != strconv.Itoa(len(records)-1) || len(records)-1 > most {
		return nil, language.Textf("the file has %d rows, says %s, and may have %d", len(records)-1, last[1], most)
	}
	for i, fields := range records[1:] {
		row := Row{lines[i+1], fields, strings.Join(fields, ",")}
		if !utf8.ValidString(row.Content) || strings.ContainsRune(row.Content, 0) {
			return nil, language.Textf("line %d is not UTF-8, or has a NUL", row.Line)
		}
		f.Rows = append(f.Rows, row)
	}
	return f, nil
}

// Taken is what a file has come to.
type Taken struct {
	File    string   `json:"file"` // its hash
	Rows    int      `json:"rows"`
	Done    int      `json:"done"`
	Rejects []Reject `json:"rejects"` // kept; nothing was done of them
}

// Reject is a row of which nothing was done.
type Reject struct {
	Line    int    `json:"line"`
	Content string `json:"content"`
	Why     string `json:"why"`
}

// Taken is the file before any of its rows is looked at.
func (f *File) Taken() Taken {
	return Taken{File: hex.EncodeToString(f.Hash[:]), Rows: len(f.Rows), Rejects: []Reject{}}
}

// Reject keeps a row with the reason why nothing is done of it.
func (t *Taken) Reject(r *Row, why string) {
	t.Rejects = append(t.Rejects, Reject{r.Line, r.Content, why})
}

// Columns are the rejects, column by column.
func (t *Taken) Columns() (lines []int64, contents, whys []string) {
	lines, contents, whys = make([]int64, len(t.Rejects)), make([]string, len(t.Rejects)), make([]string, len(t.Rejects))
	for i, r := range t.Rejects {
		lines[i], contents[i], whys[i] = int64(r.Line), r.Content, r.Why
	}
	return lines, contents, whys
}

// Told is what the audit has of a file: its entries are bounded, and a file may have thousands of
// rejects.
type Told struct {
	File    string `json:"file"`
	Rows    int    `json:"rows"`
	Done    int    `json:"done"`
	Rejects int    `json:"rejects"`
	SHA256  string `json:"rejects_sha256"` // over them
}

// Told is what the audit has of it.
func (t *Taken) Told() (Told, error) {
	rejects, err := json.Marshal(t.Rejects)
	if err != nil {
		return Told{}, fmt.Errorf("hash rejects: %w", err)
	}
	return Told{t.File, t.Rows, t.Done, len(t.Rejects), fmt.Sprintf("%x", sha256.Sum256(rejects))}, nil
}

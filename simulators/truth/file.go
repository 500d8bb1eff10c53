package truth

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"citycard/durable"
)

// Names of the files. There is one file of records and one of summaries for each day, or for each
// part if a day is written in several parts; the purses are those of the last day.
const (
	pursesFile     = "purses.jsonl"
	recordsPattern = "records-*.jsonl"
	summaryPattern = "summary-*.json"
)

func recordsFile(day, part int) string { return fmt.Sprintf("records-%08d-%03d.jsonl", day, part) }

func summaryFile(day int) string { return fmt.Sprintf("summary-%08d.json", day) }

// Write writes a day into dir, which it makes. Each file is either complete and on disk or absent.
// The files of other days stay.
func Write(dir string, records []Record, purses []Purse, summary Summary) error {
	w, err := NewWriter(dir, summary.Day, 0)
	if err != nil {
		return err
	}
	for i := range records {
		if err := w.Append(&records[i]); err != nil {
			return errors.Join(err, w.Abandon())
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return Finish(dir, summary, slices.Values(purses))
}

// Finish writes purses and summary of a day whose records are written.
func Finish(dir string, summary Summary, purses iter.Seq[Purse]) error {
	err := writeFile(filepath.Join(dir, pursesFile), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		for p := range purses {
			if err := enc.Encode(&p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, summaryFile(summary.Day)), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(summary)
	})
}

// Writer writes one part of a day's records. It is not safe for concurrent use;
// several parts may be written side by side.
type Writer struct {
	path string
	file *durable.File
	line []byte
}

// NewWriter begins part of a day in dir, which it makes.
func NewWriter(dir string, day, part int) (*Writer, error) {
	if err := durable.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	path := filepath.Join(dir, recordsFile(day, part))
	file, err := durable.Create(path)
	if err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	return &Writer{path: path, file: file}, nil
}

// Append adds a record.
func (w *Writer) Append(r *Record) error {
	w.line = r.AppendJSON(w.line[:0])
	if _, err := w.file.Write(w.line); err != nil {
		return fmt.Errorf("truth: %s: %w", w.path, err)
	}
	return nil
}

// Close puts the file in place, whole and on disk. After an error there is none.
func (w *Writer) Close() error {
	if err := w.file.Commit(); err != nil {
		return fmt.Errorf("truth: %s: %w", w.path, err)
	}
	return nil
}

// Abandon removes what was written.
func (w *Writer) Abandon() error { return w.file.Abandon() }

func writeFile(path string, write func(io.Writer) error) error {
	if err := durable.Write(path, write); err != nil {
		return fmt.Errorf("truth: %s: %w", path, err)
	}
	return nil
}

// EachRecord calls fn for every record of all days in dir, in the order of days and
// parts. The record is valid during the call.
func EachRecord(dir string, fn func(*Record) error) error {
	names, err := found(dir, recordsPattern)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := eachLine(name, fn); err != nil {
			return err
		}
	}
	return nil
}

// EachPurse calls fn for every purse of the last day in dir.
func EachPurse(dir string, fn func(*Purse) error) error {
	return eachLine(filepath.Join(dir, pursesFile), fn)
}

// ReadRecords reads the records of all days in dir.
func ReadRecords(dir string) ([]Record, error) {
	var records []Record
	err := EachRecord(dir, func(r *Record) error {
		records = append(records, *r)
		return nil
	})
	return records, err
}

// ReadPurses reads the purses of the last day in dir.
func ReadPurses(dir string) ([]Purse, error) {
	var purses []Purse
	err := EachPurse(dir, func(p *Purse) error {
		purses = append(purses, *p)
		return nil
	})
	return purses, err
}

// ReadSummary reads the summaries of all days in dir as one.
func ReadSummary(dir string) (Summary, error) {
	names, err := found(dir, summaryPattern)
	if err != nil {
		return Summary{}, err
	}
	var all Summary
	for i, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return Summary{}, fmt.Errorf("truth: %w", err)
		}
		var s Summary
		if err := json.Unmarshal(data, &s); err != nil {
			return Summary{}, fmt.Errorf("truth: %s: %w", name, err)
		}
		if i == 0 {
			all = NewSummary(s.Day, s.Seed)
		}
		all.Add(&s)
	}
	return all, nil
}

// found lists the files of a kind by name; none at all is an error.
func found(dir, pattern string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("no %s in %s: %w", pattern, dir, os.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	slices.Sort(names)
	return names, nil
}

func eachLine[T any](name string, fn func(*T) error) (err error) {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("truth: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	dec := json.NewDecoder(bufio.NewReaderSize(file, 1<<20))
	dec.DisallowUnknownFields()
	for line := 1; ; line++ {
		var v T
		err := dec.Decode(&v)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("truth: %s, line %d: %w", name, line, err)
		}
		if err := fn(&v); err != nil {
			return err
		}
	}
}

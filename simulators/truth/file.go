package truth

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Names of the files.
const (
	RecordsFile = "records.jsonl"
	PursesFile  = "purses.jsonl"
	SummaryFile = "summary.json"
)

// Summary is the truth in a few numbers.
type Summary struct {
	Day        int              `json:"day"`
	Seed       uint64           `json:"seed"`
	Sent       int              `json:"sent"`
	Cleared    int              `json:"cleared"`
	Duplicates int              `json:"duplicates"`
	Disputed   int              `json:"disputed"`
	Suspended  map[string]int   `json:"suspended"` // reason -> records
	Rejected   map[string]int   `json:"rejected"`  // reason -> records
	ByPurpose  map[string]Sum   `json:"by_purpose"`
	Payees     map[string]int64 `json:"payees"` // account -> fen credited by cleared and suspended records
	Faults     map[string]int   `json:"faults"` // what the simulator did -> records
	Late       int              `json:"late"`   // records signed before the day
	Cards      int              `json:"cards"`
	PursesFen  int64            `json:"purses_fen"`
}

// Sum is a count and an amount.
type Sum struct {
	Count int   `json:"count"`
	Fen   int64 `json:"fen"`
}

// Summarise counts records; by purpose and payee only what posts.
func Summarise(day int, seed uint64, records []Record, purses []Purse) Summary {
	s := Summary{
		Day: day, Seed: seed, Sent: len(records), Cards: len(purses), Suspended: map[string]int{}, Rejected: map[string]int{},
		ByPurpose: map[string]Sum{}, Payees: map[string]int64{}, Faults: map[string]int{},
	}
	for _, r := range records {
		s.count(r)
		if r.Fault != "" {
			s.Faults[r.Fault]++
		}
		if r.Day != 0 && r.Day < day && r.Purpose != Pension && r.Purpose != PensionReturn {
			s.Late++
		}
	}
	for _, p := range purses {
		s.PursesFen += p.Fen
	}
	return s
}

func (s *Summary) count(r Record) {
	switch r.Verdict {
	case Cleared:
		s.Cleared++
	case Suspended:
		s.Suspended[r.Reason]++
	case Rejected:
		s.Rejected[r.Reason]++
		return
	case Duplicate:
		s.Duplicates++
		return
	case Disputed:
		s.Disputed++
		return
	}
	s.post(r.Purpose, r.Payee, r.Fen)
	if r.Also != nil {
		s.post(r.Also.Purpose, r.Payee, r.Also.Fen)
	}
}

func (s *Summary) post(purpose, payee string, fen int64) {
	sum := s.ByPurpose[purpose]
	s.ByPurpose[purpose] = Sum{sum.Count + 1, sum.Fen + fen}
	if fen > 0 {
		s.Payees[payee] += fen
	}
}

// Write writes the three files into dir, which it makes. Each is whole or not
// there: it is written beside its name, synced and renamed.
func Write(dir string, records []Record, purses []Purse, summary Summary) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("truth: %w", err)
	}
	if err := writeFile(filepath.Join(dir, RecordsFile), func(w io.Writer) error { return encodeLines(w, records) }); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, PursesFile), func(w io.Writer) error { return encodeLines(w, purses) }); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, SummaryFile), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(summary)
	})
}

func encodeLines[T any](w io.Writer, values []T) error {
	enc := json.NewEncoder(w)
	for i := range values {
		if err := enc.Encode(&values[i]); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, write func(io.Writer) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".truth-*")
	if err != nil {
		return fmt.Errorf("truth: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("truth: %s: %w", path, errors.Join(err, file.Close(), os.Remove(file.Name())))
		}
	}()
	w := bufio.NewWriterSize(file, 1<<20)
	if err = write(w); err != nil {
		return err
	}
	if err = w.Flush(); err != nil {
		return err
	}
	if err = file.Chmod(0o644); err != nil {
		return err
	}
	if err = file.Sync(); err != nil {
		return err
	}
	if err = os.Rename(file.Name(), path); err != nil {
		return err
	}
	return file.Close()
}

// ReadRecords reads records.jsonl of dir.
func ReadRecords(dir string) ([]Record, error) { return readLines[Record](dir, RecordsFile) }

// ReadPurses reads purses.jsonl of dir.
func ReadPurses(dir string) ([]Purse, error) { return readLines[Purse](dir, PursesFile) }

// ReadSummary reads summary.json of dir.
func ReadSummary(dir string) (Summary, error) {
	data, err := os.ReadFile(filepath.Join(dir, SummaryFile))
	if err != nil {
		return Summary{}, fmt.Errorf("truth: %w", err)
	}
	var s Summary
	if err := json.Unmarshal(data, &s); err != nil {
		return Summary{}, fmt.Errorf("truth: %s: %w", SummaryFile, err)
	}
	return s, nil
}

func readLines[T any](dir, name string) ([]T, error) {
	file, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	defer file.Close()
	var values []T
	dec := json.NewDecoder(bufio.NewReaderSize(file, 1<<20))
	dec.DisallowUnknownFields()
	for {
		var v T
		err := dec.Decode(&v)
		if err == io.EOF {
			return values, nil
		}
		if err != nil {
			return nil, fmt.Errorf("truth: %s, line %d: %w", name, len(values)+1, err)
		}
		values = append(values, v)
	}
}

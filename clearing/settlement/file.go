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

// File is one participant's settlement file.
type File struct {
	Day      ledger.Day // the clearing day
	Position Position
}

const (
	titleLine   = "# 结算文件 settlement file, layout 1"
	columnsLine = "# 列 columns: 交易日 day, 用途 purpose, 笔数 count, 金额(分) amount in fen"
	columns     = "day,purpose,count,fen"
	asideLead   = "# 另列 beside, in no total: "
	hashLead    = "# sha256 "
)

// Encode gives the file's bytes. The same file always gives the same bytes.
func (f File) Encode() []byte {
	p := f.Position
	var b strings.Builder
	fmt.Fprintln(&b, titleLine)
	fmt.Fprintf(&b, "# 清算日 clearing day: %s\n", f.Day)
	fmt.Fprintln(&b, participantLine(p.Participant))
	fmt.Fprintf(&b, "# 合计 totals: %d 笔 transactions, %d 分 fen\n", p.Count, p.Fen)
	fmt.Fprintln(&b, columnsLine)
	fmt.Fprintln(&b, columns)
	for _, line := range p.Lines {
		fmt.Fprintf(&b, "%s,%s,%d,%d\n", line.Day, line.Purpose, line.Count, line.Fen)
	}
	fmt.Fprintf(&b, "total,,%d,%d\n", p.Count, p.Fen)
	for _, line := range p.Asides {
		fmt.Fprintf(&b, "%s%s,%s,%d,%d\n", asideLead, line.Day, line.Purpose, line.Count, line.Fen)
	}
	return seal(b.String())
}

// participantLine separates the names with tabs: names hold spaces, never tabs.
func participantLine(p Participant) string {
	return fmt.Sprintf("# 参与方 participant: %s\t%s\t%s", p.Code, p.Name, p.NameEn)
}

// seal appends the line with the hash of all bytes above it.
func seal(body string) []byte {
	sum := sha256.Sum256([]byte(body))
	return []byte(body + hashLead + hex.EncodeToString(sum[:]) + "\n")
}

// errHash says that a file's bytes are not those that were hashed when it was
// written: it was altered or cut off.
var errHash = errors.New("the hash at the end does not match the bytes above it")

// unseal checks the hash and gives the lines above it.
func unseal(data []byte) ([]string, error) {
	text, ok := strings.CutSuffix(string(data), "\n")
	if !ok {
		return nil, fmt.Errorf("%w: the last line has no end", errHash)
	}
	end := strings.LastIndexByte(text, '\n') + 1
	stated, ok := strings.CutPrefix(text[end:], hashLead)
	if !ok {
		return nil, fmt.Errorf("%w: line %d: want %q and 64 hexadecimal digits", errHash, strings.Count(text, "\n")+1, hashLead)
	}
	body := text[:end]
	if sum := sha256.Sum256([]byte(body)); hex.EncodeToString(sum[:]) != stated {
		return nil, errHash
	}
	return strings.Split(strings.TrimSuffix(body, "\n"), "\n"), nil
}

// Parse reads a settlement file back and checks its hash, its header, the order
// of its lines and its totals. The hash guards against damage, not against a
// forger: a person who can write the file can hash it; compare with the index too.
func Parse(data []byte) (File, error) {
	return parse("file", data, parseLines)
}

func parse[T interface{ Encode() []byte }](kind string, data []byte, parseLines func(lines []string) (T, error)) (T, error) {
	var none, parsed T
	lines, err := unseal(data)
	if err == nil {
		parsed, err = parseLines(lines)
	}
	// Each file has exactly one encoding: a number like 007, or a wrong total in the header, parses
	// above but differs here.
	if err == nil && string(parsed.Encode()) != string(data) {
		err = errors.New("not written as this layout writes it; totals or spelling differ")
	}
	if err != nil {
		return none, fmt.Errorf("settlement %s: %w", kind, err)
	}
	return parsed, nil
}

// headerLines come before the first data line, one total line after the last.
const headerLines = 6

func parseLines(lines []string) (File, error) {
	end := len(lines)
	for end > 0 && strings.HasPrefix(lines[end-1], asideLead) {
		end--
	}
	if end < headerLines+1 || lines[0] != titleLine {
		return File{}, fmt.Errorf("line 1: want %q and at least %d lines", titleLine, headerLines+1)
	}
	if lines[5] != columns {
		return File{}, fmt.Errorf("line 6: want %q", columns)
	}
	day, err := ledger.ParseDay(strings.TrimPrefix(lines[1], "# 清算日 clearing day: "))
	if err != nil {
		return File{}, fmt.Errorf("line 2: %w", err)
	}
	participant, err := parseParticipant(strings.TrimPrefix(lines[2], "# 参与方 participant: "))
	if err != nil {
		return File{}, fmt.Errorf("line 3: %w", err)
	}
	parsed, err := parseRun(lines[headerLines:end-1], headerLines, "")
	if err != nil {
		return File{}, err
	}
	asides, err := parseRun(lines[end:], end, asideLead)
	if err != nil {
		return File{}, err
	}
	position, err := newPosition(participant, parsed, asides)
	if err != nil {
		return File{}, err
	}
	return File{Day: day, Position: position}, nil
}

// parseRun reads lines of a file, of which before come others, in their order.
func parseRun(lines []string, before int, lead string) (parsed []Line, err error) {
	for i, text := range lines {
		line, err := parseLine(strings.TrimPrefix(text, lead))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", before+i+1, err)
		}
		if i > 0 && compareLines(parsed[i-1], line) >= 0 {
			return nil, fmt.Errorf("line %d: want day and purpose after those of the line before", before+i+1)
		}
		parsed = append(parsed, line)
	}
	return parsed, nil
}

func parseParticipant(text string) (Participant, error) {
	fields := strings.Split(text, "\t")
	if len(fields) != 3 {
		return Participant{}, fmt.Errorf("participant: %d fields, want code, name and English name between tabs", len(fields))
	}
	p := Participant{fields[0], fields[1], fields[2]}
	return p, p.check()
}

func parseLine(text string) (Line, error) {
	fields := strings.Split(text, ",")
	if len(fields) != 4 {
		return Line{}, fmt.Errorf("%d fields, want %s", len(fields), columns)
	}
	day, err := ledger.ParseDay(fields[0])
	if err != nil {
		return Line{}, err
	}
	count, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return Line{}, fmt.Errorf("count: %w", err)
	}
	fen, err := strconv.ParseInt(fields[3], 10, 64)
	if err != nil {
		return Line{}, fmt.Errorf("fen: %w", err)
	}
	line := Line{Day: day, Purpose: fields[1], Count: count, Fen: fen}
	return line, Row{Day: day, Purpose: line.Purpose, Count: count, Fen: fen}.check()
}

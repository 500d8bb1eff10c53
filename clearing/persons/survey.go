package persons

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unicode/utf8"

	"citycard/language"
)

// What bounds the memory of a survey. No city has as many people as a roster may have rows.
const (
	maxTwins = 200_000    // lines that may name a person whom another line names too
	maxRows  = 50_000_000 // of a roster
	maxPiece = 1_000_000  // rows in a piece; more than a 64th of maxRows, with maxTwins on top
)

// twin says of a line that another one names the same person.
type twin struct {
	other  int64
	repeat bool // they say the same, and the other comes first
	alone  bool // they say the same, and this is the first
}

// survey is what must be known of a roster before any of it is stored.
type survey struct {
	hash  [sha256.Size]byte
	size  int64               // bytes
	ends  [][sha256.Size]byte // of each whole part: the hash over the file up to its end
	rows  int64
	twins map[int64]twin // by line
}

// agrees reports whether a roster that is read again is up to the end of a part, or of the file,
// what was surveyed.
func (s *survey) agrees(t *roster, size int, ended bool) bool {
	want := s.hash
	if !ended {
		part := (t.number-FirstLine+1)/int64(size) - 1
		if part >= int64(len(s.ends)) {
			return false
		}
		want = s.ends[part]
	}
	return t.hash() == want
}

// surveyRoster reads a whole roster. It is a *FileError for a file that is no roster, is in another
// charset, was cut in half, or does not have as many rows as are wanted (0: any).
func surveyRoster(ctx context.Context, t *roster, o *Order) (*survey, error) {
	list, err := newTokenList()
	if err != nil {
		return nil, err
	}
	defer list.close()
	s := &survey{}
	var look charsetCheck
	for {
		line, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := look.line(t, line); err != nil {
			return nil, err
		}
		if t.cut {
			return nil, unfit(language.Textf("line %d has no end: the file was cut, or its last line needs a line break", t.number))
		}
		if t.number == 1 {
			if string(line) != Header {
				return nil, unfit(language.Textf("line 1: want the header %s", Header))
			}
			continue
		}
		if s.rows++; s.rows > maxRows {
			return nil, unfit(language.Textf("the roster has more than %d rows: split it", maxRows))
		}
		if endsPart(t.number, o.Part) {
			s.ends = append(s.ends, t.hash())
		}
		if r := t.row(line); r.wrong == nil {
			if err := list.add(r); err != nil {
				return nil, err
			}
		}
		if s.rows%10_000 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	switch {
	case t.number <= 1:
		return nil, unfit(language.Textf("the file is empty, want the header %s", Header))
	case s.rows == 0:
		return nil, unfit(language.Textf("there is no row behind the header"))
	case o.Rows != 0 && s.rows != o.Rows:
		return nil, unfit(language.Textf("the roster has %d rows, want %d: it was cut, or the number is another file's", s.rows, o.Rows))
	case t.charset == GB18030 && look.beyond && !look.other:
		return nil, unfit(language.Textf("the file is in UTF-8: import it with --encoding %s", UTF8))
	}
	s.hash, s.size = t.hash(), t.size
	s.twins, err = list.findTwins()
	return s, err
}

// charsetCheck sees in the bytes of a file whether it can be in the charset that was said.
type charsetCheck struct {
	beyond bool // read as UTF-8 it has Chinese characters, which text in GB 18030 hardly ever has
	other  bool // it is not UTF-8
}

func (c *charsetCheck) line(t *roster, line []byte) error {
	if t.long { // it may be cut within a character
		return nil
	}
	c.beyond = c.beyond || bytes.ContainsFunc(line, func(r rune) bool { return r >= '⺀' && r != utf8.RuneError })
	if utf8.Valid(line) {
		return nil
	}
	c.other = true
	if t.charset == UTF8 {
		return unfit(language.Textf("line %d is not in UTF-8: save the file so, or import it with --encoding %s if it is in that or GBK", t.number, GB18030))
	}
	return nil
}

const (
	pieces     = 64
	listRecord = 32 // token, content, line
)

// tokenList keeps who is named in which line, in temporary files without a name: each file has the
// tokens of a part of the range, so that one at a time can be sorted.
type tokenList struct {
	files   [pieces]*os.File
	writers [pieces]*bufio.Writer
	rows    [pieces]int
	piece   int    // rows that a piece may have
	twins   int    // rows that may name a person whom another one names
	salt    []byte // without it, the hash of what a row says would tell who has guessed it that he is right
}

func newTokenList() (*tokenList, error) {
	l := &tokenList{piece: maxPiece, twins: maxTwins, salt: make([]byte, 16)}
	if _, err := rand.Read(l.salt); err != nil {
		return nil, fmt.Errorf("keep the tokens of a roster: %w", err)
	}
	for i := range l.files {
		file, err := unnamed()
		if err != nil {
			l.close()
			return nil, fmt.Errorf("keep the tokens of a roster: %w", err)
		}
		l.files[i], l.writers[i] = file, bufio.NewWriterSize(file, 1<<14)
	}
	return l, nil
}

func (l *tokenList) close() {
	for _, file := range l.files {
		if file != nil {
			_ = file.Close() // it has no name any more
		}
	}
}

// add adds a row. If a piece is too large, far more rows are of one person than a roster may have:
// other people's tokens fall into all pieces alike.
func (l *tokenList) add(r *row) error {
	in := r.token[0] % pieces
	if l.rows[in]++; l.rows[in] > l.piece {
		return l.tooMany()
	}
	content := r.content(l.salt)
	record := append(append(make([]byte, 0, listRecord), r.token[:]...), content[:]...)
	record = binary.BigEndian.AppendUint64(record, uint64(r.line))
	if _, err := l.writers[in].Write(record); err != nil {
		return fmt.Errorf("keep the tokens of a roster: %w", err)
	}
	return nil
}

func (l *tokenList) tooMany() error {
	return unfit(language.Textf("more than %d rows name a person whom another row names: the file is no roster of persons", l.twins))
}

// named is a line that names a person.
type named struct {
	token   Token
	content [8]byte
	line    int64
}

// findTwins finds the lines whose person another line names.
func (l *tokenList) findTwins() (map[int64]twin, error) {
	found := map[int64]twin{}
	for i := range l.files {
		list, err := l.sorted(i)
		if err != nil {
			return nil, fmt.Errorf("sort the tokens of a roster: %w", err)
		}
		for len(list) > 0 {
			n := 1
			for n < len(list) && list[n].token == list[0].token {
				n++
			}
			if n > 1 {
				if len(found)+n > l.twins {
					return nil, l.tooMany()
				}
				addTwins(found, list[:n])
			}
			list = list[n:]
		}
	}
	return found, nil
}

// sorted reads a piece in the order of its tokens.
func (l *tokenList) sorted(i int) ([]named, error) {
	if err := l.writers[i].Flush(); err != nil {
		return nil, err
	}
	if _, err := l.files[i].Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	from := bufio.NewReader(l.files[i])
	list := make([]named, l.rows[i])
	var record [listRecord]byte
	for n := range list {
		if _, err := io.ReadFull(from, record[:]); err != nil {
			return nil, err
		}
		list[n] = named{Token(record[:16]), [8]byte(record[16:24]), int64(binary.BigEndian.Uint64(record[24:]))}
	}
	slices.SortFunc(list, func(a, b named) int {
		return cmp.Or(bytes.Compare(a.token[:], b.token[:]), cmp.Compare(a.line, b.line))
	})
	return list, nil
}

// addTwins adds the lines of one person. If all say the same, the first counts; else none does.
func addTwins(found map[int64]twin, lines []named) {
	same := !slices.ContainsFunc(lines, func(n named) bool { return n.content != lines[0].content })
	for i, n := range lines {
		other := lines[0].line
		if i == 0 {
			other = lines[1].line
		}
		found[n.line] = twin{other: other, repeat: same && i > 0, alone: same && i == 0}
	}
}

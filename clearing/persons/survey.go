package persons

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
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

// maxTwins is how many lines may name a person whom another line names too.
const maxTwins = 200_000

// twin says of a line that another one names the same person.
type twin struct {
	other  int64
	repeat bool // they say the same, and the other comes first
	alone  bool // they say the same, and this is the first
}

// survey is what must be known of a roster before any of it is stored.
type survey struct {
	hash  [sha256.Size]byte
	rows  int64
	twins map[int64]twin // by line
}

// surveyRoster reads a whole roster. It fails for a file that is no roster, is in another charset,
// was cut in half, or does not have as many rows as are wanted (0: any).
func surveyRoster(ctx context.Context, file io.Reader, t *roster, want int64) (*survey, error) {
	sum := sha256.New()
	t.lines.Reset(io.TeeReader(file, sum))
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
			return nil, language.Textf("line %d has no end: the file was cut, or its last line needs a line break", t.number)
		}
		if t.number == 1 {
			if string(line) != Header {
				return nil, language.Textf("line 1: want the header %s", Header)
			}
			continue
		}
		s.rows++
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
		return nil, language.Textf("the file is empty, want the header %s", Header)
	case s.rows == 0:
		return nil, language.Textf("there is no row behind the header")
	case want != 0 && s.rows != want:
		return nil, language.Textf("the roster has %d rows, want %d: it was cut, or the number is another file's", s.rows, want)
	case t.charset == GB18030 && look.beyond && !look.other:
		return nil, language.Textf("the file is in UTF-8: import it with --encoding %s", UTF8)
	}
	s.hash = [sha256.Size]byte(sum.Sum(nil))
	s.twins, err = list.twins()
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
		return language.Textf("line %d is not in UTF-8: save the file so, or import it with --encoding %s if it is in that or GBK", t.number, GB18030)
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
}

func newTokenList() (*tokenList, error) {
	l := &tokenList{}
	for i := range l.files {
		file, err := os.CreateTemp("", "citycard-roster-")
		if err != nil {
			l.close()
			return nil, fmt.Errorf("keep the tokens of a roster: %w", err)
		}
		l.files[i], l.writers[i] = file, bufio.NewWriterSize(file, 1<<14)
		if err := os.Remove(file.Name()); err != nil {
			l.close()
			return nil, fmt.Errorf("keep the tokens of a roster: %w", err)
		}
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

func (l *tokenList) add(r *row) error {
	content := r.content()
	record := append(append(make([]byte, 0, listRecord), r.token[:]...), content[:]...)
	record = binary.BigEndian.AppendUint64(record, uint64(r.line))
	if _, err := l.writers[r.token[0]%pieces].Write(record); err != nil {
		return fmt.Errorf("keep the tokens of a roster: %w", err)
	}
	return nil
}

// named is a line that names a person.
type named struct {
	token   Token
	content [8]byte
	line    int64
}

// twins finds the lines whose person another line names.
func (l *tokenList) twins() (map[int64]twin, error) {
	found := map[int64]twin{}
	for i := range l.files {
		list, err := l.piece(i)
		if err != nil {
			return nil, fmt.Errorf("sort the tokens of a roster: %w", err)
		}
		for len(list) > 0 {
			n := 1
			for n < len(list) && list[n].token == list[0].token {
				n++
			}
			if n > 1 {
				addTwins(found, list[:n])
			}
			list = list[n:]
		}
		if len(found) > maxTwins {
			return nil, language.Textf("more than %d rows name a person whom another row names: the file is no roster of persons", maxTwins)
		}
	}
	return found, nil
}

func (l *tokenList) piece(i int) ([]named, error) {
	if err := l.writers[i].Flush(); err != nil {
		return nil, err
	}
	if _, err := l.files[i].Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	content, err := io.ReadAll(l.files[i])
	if err != nil {
		return nil, err
	}
	list := make([]named, 0, len(content)/listRecord)
	for record := range slices.Chunk(content, listRecord) {
		list = append(list, named{Token(record[:16]), [8]byte(record[16:24]), int64(binary.BigEndian.Uint64(record[24:]))})
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

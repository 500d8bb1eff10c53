package keyservice

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"

	"citycard/language"
)

// scan reads lines of a segment and checks their chain.
type scan struct {
	file   string
	head   chain
	number int64 // of the newest line; 0 before the first
	whole  int64 // bytes of whole lines
	each   func(*Use, chain)
}

// segment checks all whole lines of a segment, from its head line on. If the head is known, that
// must be it.
func (s *scan) segment(content []byte) error {
	end := bytes.IndexByte(content, '\n')
	if end < 0 {
		s.whole = 0
		return nil
	}
	text, ok := bytes.CutPrefix(content[:end], []byte(headLine))
	sum, err := hex.DecodeString(string(text))
	if !ok || err != nil || len(sum) != len(s.head) || s.number != 0 && chain(sum) != s.head {
		return language.Textf("the log of uses is broken in line %d of %s: %w", 1, s.file, language.Textf("the hash does not fit to what stands before it"))
	}
	s.head, s.whole = chain(sum), int64(end)+1
	return s.lines(content)
}

// lines checks all whole lines. What comes behind the last newline is not looked at.
func (s *scan) lines(content []byte) error {
	for line := 2; ; line++ {
		end := bytes.IndexByte(content[s.whole:], '\n')
		if end < 0 {
			return nil
		}
		if err := s.line(content[s.whole : s.whole+int64(end)]); err != nil {
			return language.Textf("the log of uses is broken in line %d of %s: %w", line, s.file, err)
		}
		s.whole += int64(end) + 1
	}
}

func (s *scan) line(text []byte) error {
	at := len(text) - chainDigits - 1
	if at < 0 || text[at] != '\t' {
		return language.Textf("it is no use with its hash")
	}
	var use Use
	if err := json.Unmarshal(text[:at], &use); err != nil {
		return language.Textf("it is no use in JSON")
	}
	head := s.head.next(text[:at])
	if hex.EncodeToString(head[:]) != string(text[at+1:]) {
		return language.Textf("the hash does not fit to what stands before it")
	}
	if s.number != 0 && use.Number != s.number+1 {
		return language.Textf("it is use %d after use %d", use.Number, s.number)
	}
	s.head, s.number = head, use.Number
	if s.each != nil {
		s.each(&use, head)
	}
	return nil
}

// Checked is a log of uses that was read whole.
type Checked struct {
	First, Last int64 // uses; 0 if there are none
	Files       int
	Chain       string // up to the last
	Torn        int    // bytes of a line that was torn at the end
	Noted       bool   // the noted head was found
}

// CheckUses reads a whole log and checks that its lines are chained from the first one that is
// there to the last. number and chained are a head that somebody noted earlier: the log must still
// contain it; 0 for none. each is given every use.
func CheckUses(dir string, number int64, chained string, each func(*Use)) (c Checked, err error) {
	segments, err := segmentsOf(dir)
	if err != nil {
		return c, err
	}
	s := scan{each: func(u *Use, head chain) {
		if c.First == 0 {
			c.First = u.Number
		}
		if u.Number == number {
			c.Noted = hex.EncodeToString(head[:]) == chained
		}
		if each != nil {
			each(u)
		}
	}}
	for i, name := range segments {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return c, err
		}
		first, err := firstOf(name)
		if err != nil {
			return c, err
		}
		if s.number != 0 && first != s.number+1 {
			return c, language.Textf("the log of uses goes from use %d to %s: a file is missing", s.number, name)
		}
		s.file = name
		if err := s.segment(content); err != nil {
			return c, err
		}
		c.Torn = len(content) - int(s.whole)
		if c.Torn > 0 && i < len(segments)-1 {
			return c, language.Textf("the log of uses is broken at the end of %s", name)
		}
	}
	c.Last, c.Files, c.Chain = s.number, len(segments), hex.EncodeToString(s.head[:])
	if number != 0 && !c.Noted {
		return c, language.Textf("use %d has not the hash that was noted: the log was cut or replaced", number)
	}
	return c, nil
}

package service

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	commentColumns = 100 // of a line that is a comment alone
	tabColumns     = 4
)

// riddles are words of a comment that make a reader stop: archaic, or of no plain meaning here.
var riddles = regexp.MustCompile(`(?i)\b(anew|lest|whoever|whomever|thereby|thereof|hitherto|whence|matters not)\b`)

// commentOffences finds comments that are too wide, and words that plain English does without.
func (s *source) commentOffences() (found []string) {
	if s.generated {
		return nil
	}
	for _, group := range s.syntax.Comments {
		for _, comment := range group.List {
			at := s.files.Position(comment.Pos())
			indent := (at.Column - 1) * (tabColumns - 1) // a comment alone is behind tabs only
			for i, line := range strings.Split(comment.Text, "\n") {
				if word := riddles.FindString(line); word != "" {
					found = append(found, fmt.Sprintf("%s:%d: a comment has the word %q: say it in plain English", s.path, at.Line+i, word))
				}
				if !s.alone(at.Offset) || strings.HasPrefix(line, "//go:") {
					continue
				}
				if columns := at.Column - 1 + indent + utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    ")); columns > commentColumns {
					found = append(found, fmt.Sprintf("%s:%d: a comment of %d columns, at most %d", s.path, at.Line+i, columns, commentColumns))
				}
			}
		}
	}
	return found
}

// alone reports whether nothing but white space is in front of an offset on its line.
func (s *source) alone(offset int) bool {
	before := s.text[:offset]
	if line := strings.LastIndexByte(before, '\n'); line >= 0 {
		before = before[line+1:]
	}
	return strings.TrimSpace(before) == ""
}

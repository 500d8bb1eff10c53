package api

import (
	"encoding/json"
	"slices"

	"citycard/language"
)

// Said is why something is as it is: at a server an error, at a client its text in the language of
// who asked. Several may ask for the same act, each in their own.
type Said struct {
	what error
	text string
}

// SaidOf is what an error says; nil says nothing.
func SaidOf(err error) Said { return Said{what: err} }

// String is the text.
func (s Said) String() string {
	if s.what != nil {
		return s.what.Error()
	}
	return s.text
}

// MarshalJSON writes the text.
func (s Said) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// UnmarshalJSON reads a text.
func (s *Said) UnmarshalJSON(text []byte) error {
	s.what = nil
	return json.Unmarshal(text, &s.text)
}

func (s Said) in(l language.Language) Said {
	if s.what == nil {
		return s
	}
	return Said{text: language.Error(l, s.what)}
}

// in is the line with its texts in a language.
func (line Line) in(l language.Language) Line {
	if line.Judged != nil {
		judged := *line.Judged
		judged.Why = judged.Why.in(l)
		line.Judged = &judged
	}
	if line.Closed != nil {
		closed := *line.Closed
		closed.Due.Unknown, closed.Uncounted, closed.Unpaid = closed.Due.Unknown.in(l), closed.Uncounted.in(l), unpaidIn(l, closed.Unpaid)
		line.Closed = &closed
	}
	if line.Preview != nil {
		preview := *line.Preview
		preview.Due.Unknown, preview.Unpaid = preview.Due.Unknown.in(l), unpaidIn(l, preview.Unpaid)
		line.Preview = &preview
	}
	return line
}

func unpaidIn(l language.Language, list []Unpaid) []Unpaid {
	list = slices.Clone(list)
	for i := range list {
		list[i].Why = list[i].Why.in(l)
	}
	return list
}

package people

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"citycard/ledger"
)

// Statement is what a person signs.
type Statement struct {
	Books  string    `json:"books"` // the identity of the books (ledger.Ledger.ID)
	Person string    `json:"person"`
	Act    string    `json:"act"`  // as the audit names it
	What   string    `json:"what"` // what exactly is done
	Reason string    `json:"reason"`
	At     time.Time `json:"at"` // in UTC
}

// maxStatement is more than any statement within the bounds has bytes.
const maxStatement = 8192

// Text is the one text of a statement: JSON in one line, without white space, the fields in their
// order, the time in UTC.
func (s *Statement) Text() (string, error) {
	if err := s.validate(); err != nil {
		return "", err
	}
	in := *s
	in.At = s.At.UTC()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(&in); err != nil {
		return "", deny(BadStatement, "a statement that cannot be written: %w", err)
	}
	text := strings.TrimSuffix(b.String(), "\n")
	if len(text) > maxStatement {
		return "", deny(BadStatement, "a statement of %d bytes: want at most %d", len(text), maxStatement)
	}
	return text, nil
}

func (s *Statement) validate() error {
	for _, field := range []struct {
		name, text  string
		least, most int
	}{
		{"books", s.Books, 1, 64},
		{"person", s.Person, 1, ledger.MaxKey},
		{"act", s.Act, 1, ledger.MaxKind},
		{"what", s.What, 1, ledger.MaxReason},
		{"reason", s.Reason, 0, ledger.MaxReason},
	} {
		if c, hidden := hiddenIn(field.text); hidden {
			return deny(BadStatement, "a statement whose field %q has the character %U: want only characters that can be seen", field.name, c)
		}
		if n := len(field.text); n < field.least || n > field.most || !utf8.ValidString(field.text) || strings.ContainsRune(field.text, 0) {
			return deny(BadStatement, "a statement whose field %q has %d bytes: want %d to %d of UTF-8", field.name, n, field.least, field.most)
		}
	}
	if year := s.At.UTC().Year(); year < 2000 || year > 9999 {
		return deny(BadStatement, "a statement of the year %d", year)
	}
	return nil
}

// hiddenIn finds a character that cannot be seen, or that moves others: on a screen it would make
// one text look like another.
func hiddenIn(text string) (rune, bool) {
	for _, c := range text {
		if !unicode.IsGraphic(c) {
			return c, true
		}
	}
	return 0, false
}

// ParseStatement reads the text of a statement. Any other text of the same statement is refused.
func ParseStatement(text string) (*Statement, error) {
	if len(text) > maxStatement {
		return nil, deny(BadStatement, "a statement of %d bytes: want at most %d", len(text), maxStatement)
	}
	var s Statement
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		return nil, deny(BadStatement, "the text that was signed is no statement")
	}
	again, err := s.Text()
	if err != nil {
		return nil, err
	}
	if again != text {
		return nil, deny(BadStatement, "the text that was signed is not as a statement is written")
	}
	return &s, nil
}

// What two people sign of an act that takes two: one proposes it, one approves the proposal.
const (
	ActPropose = "propose"
	ActApprove = "approve proposal"
)

// Tried is how a statement names an act that is only tried, and rolled back: with such a signature
// nobody can do the act.
func Tried(act string) string { return "try " + act }

// ProposalOf reads what a proposer signs: "proposal of KIND sha256:HASH".
func ProposalOf(what string) (kind, hash string, ok bool) {
	if kind, ok = strings.CutPrefix(what, "proposal of "); ok {
		kind, hash, ok = strings.Cut(kind, " sha256:")
	}
	return kind, hash, ok
}

// ApprovedHash reads what an approver signs: "proposal NUMBER sha256:HASH".
func ApprovedHash(what string) (hash string, ok bool) {
	if hash, ok = strings.CutPrefix(what, "proposal "); ok {
		_, hash, ok = strings.Cut(hash, " sha256:")
	}
	return hash, ok
}

// Hash is over the text of a statement.
func Hash(text string) [sha256.Size]byte { return sha256.Sum256([]byte(text)) }

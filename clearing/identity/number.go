package identity

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// IsName reports whether a text may be used unchanged in a key and in a text column: 1 to limit
// bytes of letters, digits and punctuation, all of them visible.
func IsName(text string, limit int) bool {
	return text != "" && len(text) <= limit && utf8.ValidString(text) && allGraphic(text)
}

func allGraphic(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) })
}

// Number converts a number that a hospital, a bank or a person has written to the one form in which
// it is an identity: RFC 8266's form for comparison (Unicode NFKC, case folded, no space around it,
// one between its parts). So a number that comes again in capitals, in full-width characters or
// with a trailing space is the same number. All of its characters must be visible, and it must have
// 1 to limit bytes, both as written and as compared.
func Number(text string, limit int) (string, error) {
	key, err := precis.Nickname.CompareKey(text)
	if err != nil || len(text) > limit || len(key) > limit || !allGraphic(text) {
		return "", fmt.Errorf("number %q: want 1 to %d bytes of UTF-8 that can all be seen", text, limit)
	}
	return key, nil
}

package identity

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/secure/precis"
)

// Number gives a number that a hospital, a bank or a person has written the one form in which
// it is an identity: RFC 8266's for comparing (Unicode NFKC, case folded, no space around it,
// one between its parts). So a number that comes again in capitals, in full-width characters
// or with a space behind it is the number that it was. It must show all that it holds, in 1 to
// limit bytes as written and as compared.
func Number(text string, limit int) (string, error) {
	key, err := precis.Nickname.CompareKey(text)
	if err != nil || len(text) > limit || len(key) > limit || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return "", fmt.Errorf("number %q: want 1 to %d bytes of UTF-8 that can all be seen", text, limit)
	}
	return key, nil
}

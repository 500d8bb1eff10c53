package ledger

import (
	"fmt"
	"unicode"

	"golang.org/x/text/secure/precis"
)

// Person gives a person's name in the one form in which it is kept: RFC 8266's for nicknames (Unicode NFKC, no space around it, one space between its
// parts), of 1 to 64 bytes. It must show all that it holds: letters, marks, digits, spaces and what ASCII has, nothing that controls or cannot be seen.
func Person(name string) (string, error) {
	kept, err := precis.Nickname.String(name)
	if err != nil || len(kept) > MaxKey {
		return "", fmt.Errorf("name %q: want 1 to %d bytes of UTF-8 that can all be seen", name, MaxKey)
	}
	for _, r := range kept {
		if r > unicode.MaxASCII && !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P) {
			return "", fmt.Errorf("name %q: it has %U, want letters, digits and punctuation", name, r)
		}
	}
	return kept, nil
}

// SamePerson tells whether two names are one person's however they are written: upper and lower case, spaces, compatible characters. What is no name may
// be anybody's, so it is the same as every other. That two unlike names are two people is for the caller to make sure of.
func SamePerson(a, b string) bool {
	first, err := personKey(a)
	if err != nil {
		return true
	}
	second, err := personKey(b)
	return err != nil || first == second
}

func personKey(name string) (string, error) {
	kept, err := Person(name)
	if err != nil {
		return "", err
	}
	return precis.Nickname.CompareKey(kept)
}

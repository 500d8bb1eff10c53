package ledger

import (
	"unicode"

	"golang.org/x/text/secure/precis"

	"citycard/language"
)

// Person gives a person's name in the one form in which it is kept: RFC 8266's for nicknames
// (Unicode NFKC, no space around it, one space between its parts), of 1 to 64 bytes. All of it must
// be visible: letters, marks, digits, punctuation, spaces and ASCII characters are allowed, control
// and invisible characters are not.
func Person(name string) (string, error) {
	kept, err := precis.Nickname.String(name)
	if err != nil || len(kept) > MaxKey {
		return "", language.Textf("name %q: want 1 to %d bytes of UTF-8 that can all be seen", name, MaxKey)
	}
	for _, r := range kept {
		if r > unicode.MaxASCII && !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P) {
			return "", language.Textf("name %q: it has %U, want letters, digits and punctuation", name, r)
		}
	}
	return kept, nil
}

// SamePerson tells whether two names are one person's however they are written: upper and lower
// case, spaces, compatible characters. A text that is not a valid name may belong to anybody, so it
// counts as the same as every other. The caller makes sure that two different names belong to two
// people.
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

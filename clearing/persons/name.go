package persons

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxName is how many characters a name may have.
const maxName = 100

// middleDot is the dot between the parts of a name.
const middleDot = '·'

// dots are the characters that rosters have for the middle dot.
const dots = "·•・･‧∙⋅᛫"

// parseName gives a name as it was written, without spaces around it. A character that cannot be
// read is named with its place, and never left out: one of the private use areas, which another
// computer shows as another character or none; bytes that no character has; and marks that stand
// where a character was missing.
func parseName(text string) (string, *Wrong) {
	name := strings.TrimFunc(text, unicode.IsSpace)
	if name == "" {
		return "", &Wrong{Reason: Missing}
	}
	if utf8.RuneCountInString(name) > maxName {
		return "", &Wrong{Reason: NameLong}
	}
	place := 0
	for _, r := range name {
		place++
		switch {
		case unicode.Is(unicode.Co, r) || r == utf8.RuneError:
			return "", &Wrong{NameUnreadable, fmt.Sprintf("%U, %d", r, place)}
		case strings.ContainsRune("?？□■〓*＊", r) || r >= 0x2FF0 && r <= 0x2FFF:
			return "", &Wrong{NameReplaced, fmt.Sprintf("%U, %d", r, place)}
		case !unicode.In(r, unicode.L, unicode.M, unicode.Han) && !strings.ContainsRune(dots+" -'’.,　＇－，．", r):
			return "", &Wrong{NameCharacter, fmt.Sprintf("%U, %d", r, place)}
		}
	}
	if !strings.ContainsFunc(name, unicode.IsLetter) {
		return "", &Wrong{Reason: NameNoLetter}
	}
	return name, nil
}

// nameForm is what two spellings of one name have in common: compatible characters are one (NFKC),
// so are the forms of the middle dot and upper and lower case, and spaces count only between words
// of an alphabet.
func nameForm(name string) string {
	var form strings.Builder
	var before rune // the last character that was written
	space := false
	for _, r := range norm.NFKC.String(strings.Map(oneDot, name)) {
		switch {
		case unicode.IsSpace(r):
			space = before != 0
			continue
		case r == '’':
			r = '\''
		case r == '.' && unicode.Is(unicode.Han, before):
			r = middleDot
		}
		if r == middleDot && before == middleDot {
			continue
		}
		if space && alphabetic(before) && alphabetic(r) {
			form.WriteByte(' ')
		}
		space = false
		before = r
		form.WriteRune(unicode.ToUpper(r))
	}
	return form.String()
}

// oneDot maps the forms of the middle dot to one.
func oneDot(r rune) rune {
	if strings.ContainsRune(dots, r) {
		return middleDot
	}
	return r
}

// alphabetic reports whether a space beside a character parts words.
func alphabetic(r rune) bool { return r != middleDot && !unicode.Is(unicode.Han, r) }

// maskName hides all but the first character of a name.
func maskName(name string) string {
	_, first := utf8.DecodeRuneInString(name)
	return name[:first] + strings.Repeat("*", max(1, utf8.RuneCountInString(name)-1))
}

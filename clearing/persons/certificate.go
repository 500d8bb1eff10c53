package persons

import (
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"citycard/ledger"
)

// Kind is a kind of certificate.
type Kind int16

// The kinds, as they are stored.
const (
	// Resident is the resident identity card. Its number is the citizen identification number of
	// GB 11643-1999: six digits of a district, eight of the birth date, three of an order, and a
	// check character by ISO 7064 MOD 11-2. Which districts there have been is not checked.
	Resident Kind = iota + 1
	// ResidencePermit is that of residents of Hong Kong, Macao and Taiwan: a number of the same
	// standard, with 810000, 820000 or 830000 for the district.
	ResidencePermit
	// Foreigner is the foreigner's permanent residence card. Numbers since December 2023 have 18
	// characters: a 9, sixteen digits and the same check character. Older ones have three letters
	// and twelve digits, of which nothing more is checked. So say the rules for reading the card
	// that the immigration administration gave to makers of readers in 2023.
	Foreigner
	// Passport is a passport of any state: the code of the issuing state, one to three letters, a
	// hyphen, and the number, up to nine letters and digits (ICAO 9303, part 4). Two states may
	// give the same number. Nothing is checked beyond that.
	Passport
)

func kindNames() []string {
	return []string{"", "resident", "residence_permit", "foreigner", "passport"}
}

// String is the kind as rosters write it.
func (k Kind) String() string {
	if k < Resident || k > Passport {
		return "unknown"
	}
	return kindNames()[k]
}

// parseKind reads a kind.
func parseKind(text string) (Kind, *Wrong) {
	for k, name := range kindNames() {
		if name == text && name != "" {
			return Kind(k), nil
		}
	}
	return 0, &Wrong{Reason: KindUnknown}
}

// Certificate is a certificate of which the number was checked.
type Certificate struct {
	Kind   Kind
	Number string // in one spelling: ASCII, capitals, no spaces around it
}

// citizenLength is the length of a citizen identification number, and of others like it.
const citizenLength = 18

// ParseCertificate reads a number, and sees in its form of what kind it is.
func ParseCertificate(text string) (Certificate, *Wrong) {
	number := strings.ToUpper(strings.TrimSpace(norm.NFKC.String(text)))
	c := Certificate{Number: number}
	var wrong *Wrong
	switch {
	case number == "":
		wrong = &Wrong{Reason: Missing}
	case strings.Contains(number, "-"):
		c.Kind, wrong = Passport, passportWrong(number)
	case len(number) == 15 && letters(number[:3]) && digits(number[3:]):
		c.Kind = Foreigner
	case len(number) != citizenLength:
		wrong = &Wrong{Reason: NumberLength}
	case !digits(number[:17]) || number[17] != 'X' && !digits(number[17:]):
		wrong = &Wrong{Reason: NumberCharacters}
	case checkCharacter(number[:17]) != number[17]:
		wrong = &Wrong{Reason: NumberCheck}
	case number[0] == '9':
		c.Kind = Foreigner
	case number[0] == '0':
		wrong = &Wrong{Reason: NumberDistrict}
	default:
		c.Kind = Resident
		if district := number[:6]; district == "810000" || district == "820000" || district == "830000" {
			c.Kind = ResidencePermit
		}
		if c.Born() == 0 {
			wrong = &Wrong{Reason: NumberBirth}
		}
	}
	if wrong != nil {
		return Certificate{}, wrong
	}
	return c, nil
}

// Born is the birth date that a resident's or a permit's number states; 0 where a number states
// none that is a day.
func (c Certificate) Born() ledger.Day {
	if c.Kind != Resident && c.Kind != ResidencePermit {
		return 0
	}
	text := c.Number[6:14]
	// A calendar's day is checked with the standard library, since ledger days begin with 1900.
	if _, err := time.Parse("20060102", text); err != nil || text < "1800" {
		return 0
	}
	day := 0
	for _, digit := range text {
		day = 10*day + int(digit-'0')
	}
	return ledger.Day(day)
}

// Masked is the number with all but its first three and last two characters hidden.
func (c Certificate) Masked() string {
	const first, last = 3, 2
	hidden := len(c.Number) - first - last
	if hidden < 1 {
		return strings.Repeat("*", len(c.Number))
	}
	return c.Number[:first] + strings.Repeat("*", hidden) + c.Number[len(c.Number)-last:]
}

func passportWrong(number string) *Wrong {
	state, rest, _ := strings.Cut(number, "-")
	if len(state) < 1 || len(state) > 3 || !letters(state) || len(rest) < 1 || len(rest) > 9 ||
		strings.ContainsFunc(rest, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }) {
		return &Wrong{Reason: PassportForm}
	}
	return nil
}

// checkCharacter is that of ISO 7064 MOD 11-2 behind digits.
func checkCharacter(digits string) byte {
	sum := 0
	for i := range len(digits) {
		sum = (sum + int(digits[i]-'0')) * 2 % 11
	}
	return "10X98765432"[sum]
}

func digits(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
}

func letters(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < 'A' || r > 'Z' })
}

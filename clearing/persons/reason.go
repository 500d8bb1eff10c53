package persons

import (
	"citycard/language"
)

// Reason says why a line of a roster was refused or is in conflict, as it is stored.
type Reason string

// The reasons. Those up to StatusUnknown are faults of the line alone. Those up to NotDead say that
// it contradicts what is known, or another line of the roster. Older says that its status is from
// an earlier day than the known one.
const (
	LineLong         Reason = "line_long"
	LineShape        Reason = "line_shape"
	Encoding         Reason = "encoding"
	Missing          Reason = "missing"
	KindUnknown      Reason = "certificate_unknown"
	KindOther        Reason = "certificate_other"
	NumberLength     Reason = "number_length"
	NumberCharacters Reason = "number_characters"
	NumberDistrict   Reason = "number_district"
	NumberBirth      Reason = "number_birth"
	NumberCheck      Reason = "number_check"
	PassportForm     Reason = "passport_form"
	NameLong         Reason = "name_long"
	NameUnreadable   Reason = "name_unreadable"
	NameReplaced     Reason = "name_replaced"
	NameCharacter    Reason = "name_character"
	NameNoLetter     Reason = "name_no_letter"
	NotADay          Reason = "not_a_day"
	DayToCome        Reason = "day_to_come"
	StatusUnknown    Reason = "status_unknown"

	TwoBirths   Reason = "two_births"
	TwoNames    Reason = "two_names"
	TwoStatuses Reason = "two_statuses"
	TwoLines    Reason = "two_lines"
	AfterDeath  Reason = "after_death"
	NotDead     Reason = "not_dead"

	Older Reason = "older"
)

// Wrong is what is wrong with a field of a roster. It says nothing of what stands there, except the
// code point of a character that no name can have.
type Wrong struct {
	Reason Reason
	Detail string // code point and place of a character, or the number of another line
}

// Error says it in English.
func (w *Wrong) Error() string { return w.text().Error() }

// In says it in a language.
func (w *Wrong) In(l language.Language) string { return w.text().In(l) }

func (w *Wrong) text() *language.Text {
	if t := w.ofNumber(); t != nil {
		return t
	}
	switch w.Reason {
	case LineLong:
		return language.Textf("the line has more than %d bytes; these are kept", maxLine)
	case LineShape:
		return language.Textf("not %d fields of CSV in one line", len(columns()))
	case Encoding:
		return language.Textf("bytes that are no text in this encoding")
	case Missing:
		return language.Textf("nothing stands there")
	case NameLong:
		return language.Textf("a name of more than %d characters", maxName)
	case NameUnreadable:
		return language.Textf("a character that cannot be read: of a private use area, or bytes that no character has (code point, place in the name: %s)", w.Detail)
	case NameReplaced:
		return language.Textf("a mark in place of a character (code point, place in the name: %s)", w.Detail)
	case NameCharacter:
		return language.Textf("a character that no name has (code point, place in the name: %s)", w.Detail)
	case NameNoLetter:
		return language.Textf("a name without a letter")
	case NotADay:
		return language.Textf("not a day YYYYMMDD from 19000101 on")
	case DayToCome:
		return language.Textf("a day that has not come")
	case StatusUnknown:
		return language.Textf("not one of %s, %s, %s, %s", Present, Moved, Died, restored)
	case TwoBirths:
		return language.Textf("one number with two birth dates")
	case TwoNames:
		return language.Textf("one number with two names")
	case TwoStatuses:
		return language.Textf("another status from the same day is known")
	case TwoLines:
		return language.Textf("line %s has the same number with other content; neither counts", w.Detail)
	case AfterDeath:
		return language.Textf("the person is known to have died before")
	case NotDead:
		return language.Textf("restored, but no death is known that began earlier")
	case Older:
		return language.Textf("a status from an earlier day than the known one")
	}
	return language.Textf("reason %q", string(w.Reason))
}

// ofNumber says what is wrong with a certificate's number or kind, and is nil for other reasons.
func (w *Wrong) ofNumber() *language.Text {
	switch w.Reason {
	case KindUnknown:
		return language.Textf("not one of %s, %s, %s, %s", Resident, ResidencePermit, Foreigner, Passport)
	case KindOther:
		return language.Textf("the number is one of another kind of certificate")
	case NumberLength:
		return language.Textf("a number neither of 18 characters, nor of 15 that begin with three letters, nor of a passport (STATE-NUMBER)")
	case NumberCharacters:
		return language.Textf("not 17 digits with a digit or X behind")
	case NumberDistrict:
		return language.Textf("a district that begins with 0")
	case NumberBirth:
		return language.Textf("the eight digits of the birth date are no day")
	case NumberCheck:
		return language.Textf("the check character does not fit the digits")
	case PassportForm:
		return language.Textf("want the issuing state's one to three letters, a hyphen, and up to nine letters and digits")
	}
	return nil
}

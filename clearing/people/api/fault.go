package api

import (
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"citycard/language"
)

// Fault is what is wrong with one field of a request.
type Fault struct {
	Location string `json:"location,omitempty" doc:"The field: body.reason, query.after"`
	Message  string `json:"message" doc:"What is wrong with it, in the language that was asked for"`
}

// faultOf is a fault that the library has found, in a language.
func faultOf(l language.Language, e *huma.ErrorDetail) Fault {
	at := e.Location
	if name, missing := between(e.Message, validation.MsgExpectedRequiredProperty); missing {
		return Fault{at + "." + name, language.Textf("it is missing").In(l)}
	}
	return Fault{at, wanted(e.Message).In(l)}
}

// between is what stands in a message in place of the one verb of its format.
func between(message, format string) (value string, ok bool) {
	before, behind, _ := strings.Cut(format, "%")
	value, ok = strings.CutPrefix(message, before)
	if ok && len(behind) > 0 {
		value, ok = strings.CutSuffix(value, behind[1:])
	}
	return value, ok
}

// wanted says what the library wants of a field.
func wanted(message string) *language.Text {
	switch message {
	case validation.MsgUnexpectedProperty, "unknown query parameter":
		return language.Textf("there is no such field")
	case validation.MsgExpectedString:
		return language.Textf("want a text")
	case validation.MsgExpectedBoolean, "invalid boolean":
		return language.Textf("want true or false")
	case validation.MsgExpectedInteger, validation.MsgExpectedNumber, "invalid integer":
		return language.Textf("want a whole number")
	case validation.MsgExpectedArray:
		return language.Textf("want a list")
	case validation.MsgExpectedObject:
		return language.Textf("want an object with fields")
	case validation.MsgExpectedRFC3339DateTime:
		return language.Textf("want a time as of RFC 3339")
	case "request body is required":
		return language.Textf("the body is missing")
	}
	for _, missing := range []string{"query", "header", "path"} {
		if message == "required "+missing+" parameter is missing" {
			return language.Textf("it is missing")
		}
	}
	for _, known := range []struct {
		format string
		say    func(string) *language.Text
	}{
		{validation.MsgExpectedMinLength, func(n string) *language.Text { return language.Textf("want at least %s characters", n) }},
		{validation.MsgExpectedMaxLength, func(n string) *language.Text { return language.Textf("want at most %s characters", n) }},
		{validation.MsgExpectedMinItems, func(n string) *language.Text { return language.Textf("want at least %s entries", n) }},
		{validation.MsgExpectedMaxItems, func(n string) *language.Text { return language.Textf("want at most %s entries", n) }},
		{validation.MsgExpectedMinimumNumber, func(n string) *language.Text { return language.Textf("want at least %s", n) }},
		{validation.MsgExpectedMaximumNumber, func(n string) *language.Text { return language.Textf("want at most %s", n) }},
		{validation.MsgExpectedOneOf, func(of string) *language.Text { return language.Textf("want one of %s", of) }},
		{validation.MsgExpectedMatchPattern, func(of string) *language.Text { return language.Textf("want a text of the form %s", of) }},
	} {
		if value, is := between(message, known.format); is {
			return known.say(value)
		}
	}
	return language.Textf("it cannot be read: %s", message)
}

package access

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"citycard/clearing/people"
	"citycard/language"
)

// OrderError says what is wrong with what a credential is ordered for.
type OrderError struct{ What error }

func (e *OrderError) Error() string { return e.What.Error() }
func (e *OrderError) Unwrap() error { return e.What }

func unfit(what *language.Text) error { return &OrderError{what} }

// Channel is a top-up channel's unit.
func Channel(id string) people.Unit { return people.Unit("channel:" + id) }

// IsChannel reports whether a unit is a channel's.
func IsChannel(u people.Unit) bool { return kindOf(u) == "channel" }

// kindOf is a unit's kind, such as channel.
func kindOf(u people.Unit) string {
	kind, _, _ := strings.Cut(string(u), ":")
	return kind
}

// terms are what holds for the credentials of a kind of unit.
type terms struct {
	LongestDays int `json:"longest_days"` // for which one is good
}

//go:embed units.json
var unitsFile []byte

// kinds reads the terms of all kinds of unit that have an API.
func kinds() (all map[string]terms, err error) {
	decoder := json.NewDecoder(bytes.NewReader(unitsFile))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&all); err != nil {
		return nil, fmt.Errorf("units.json: %w", err)
	}
	return all, nil
}

// ParseUnit reads a unit that may have a credential.
func ParseUnit(text string) (people.Unit, error) {
	all, err := kinds()
	if err != nil {
		return "", err
	}
	kind, _, _ := strings.Cut(text, ":")
	if _, known := all[kind]; !known {
		return "", unfit(language.Textf("unit %q: want KIND:ID, where KIND is one of %s", text, strings.Join(slices.Sorted(maps.Keys(all)), ", ")))
	}
	unit, err := people.ParseUnit(text)
	if err != nil {
		return "", unfit(language.Textf("%w", err))
	}
	return unit, nil
}

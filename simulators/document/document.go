package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Head begins every version.
type Head struct {
	Version string `json:"version"`
	From    Moment `json:"effective_from"`
}

// Begins is the moment from which the version holds.
func (h Head) Begins() Moment { return h.From }

// Source ends what has figures: nobody answers for an example. The simulators use neither.
type Source struct {
	Example bool   `json:"example"`
	Source  string `json:"source"`
}

// Decode reads one JSON value and refuses fields that are not known or stand twice, and text behind
// it. It takes the byte-order mark that Excel writes.
func Decode(data []byte, into any) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8, GBK perhaps: save it as UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text behind the document")
	}
	return once(json.NewDecoder(bytes.NewReader(data)), "")
}

// once reads a value at a place, which is JSON, and refuses a key that stands twice in one object:
// package json takes the last one.
func once(decoder *json.Decoder, place string) error {
	token, err := decoder.Token()
	if err != nil || token != json.Delim('{') && token != json.Delim('[') {
		return err
	}
	seen := map[string]bool{}
	for i := 0; decoder.More(); i++ {
		at := fmt.Sprintf("%s[%d]", place, i)
		if token == json.Delim('{') {
			key, err := decoder.Token()
			if err != nil {
				return err
			}
			if at = strings.TrimPrefix(fmt.Sprintf("%s.%s", place, key), "."); seen[at] {
				return fmt.Errorf("%s stands twice", at)
			}
			seen[at] = true
		}
		if err := once(decoder, at); err != nil {
			return err
		}
	}
	_, err = decoder.Token() // its end
	return err
}

// Versions reads the versions of a document, of which each begins after the one before.
func Versions[V interface{ Begins() Moment }](name string, data []byte) ([]V, error) {
	var file struct {
		Schema   string `json:"$schema"` // for editors
		Note     string `json:"note"`
		Versions []V    `json:"versions"`
	}
	if err := Decode(data, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(file.Versions) == 0 {
		return nil, fmt.Errorf("%s: versions: empty, want at least one", name)
	}
	for i := 1; i < len(file.Versions); i++ {
		if file.Versions[i].Begins() <= file.Versions[i-1].Begins() {
			return nil, fmt.Errorf("%s: versions[%d].effective_from: not after the version before", name, i)
		}
	}
	return file.Versions, nil
}

// At is the place of the version that holds at a moment: the last that has begun, or the first.
func At[V interface{ Begins() Moment }](versions []V, at Moment) int {
	for i := len(versions) - 1; i > 0; i-- {
		if versions[i].Begins() <= at {
			return i
		}
	}
	return 0
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"citycard/language"
)

// A file of lanes is one JSON object:
//
//	{"lanes": [{"name": "gate-3", "reader": "…", "sam": "…", "direction": "out"}, …],
//	 "spare_sams": [{"sam": "…", "line": 1, "station": 7, "operator": 1}, …]}
//
// A setting is called as its flag; its value is a text or a number. What a lane does not have is as
// on the command line. Nothing else may stand there, and nothing twice.

// readLanes reads a file of lanes.
func readLanes(path string, common laneFlags, spare spareFlags) ([]laneFlags, []spareFlags, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	lanes, spares, err := parseLanes(content, common, spare)
	if err != nil {
		return nil, nil, language.Textf("%s: %w", path, err)
	}
	return lanes, spares, nil
}

func parseLanes(content []byte, common laneFlags, spare spareFlags) (lanes []laneFlags, spares []spareFlags, err error) {
	f := &laneFile{tokens: json.NewDecoder(bytes.NewReader(content))}
	f.tokens.UseNumber()
	err = f.object("the file", func(key string) error {
		switch key {
		case "lanes":
			return f.list(key, func(place string, pairs []pair) error {
				l, err := common.with(pairs)
				if err == nil {
					err = l.check()
				}
				lanes = append(lanes, l)
				return at(place, err)
			})
		case "spare_sams":
			return f.list(key, func(place string, pairs []pair) error {
				s, err := spare.with(pairs)
				spares = append(spares, s)
				return at(place, err)
			})
		}
		return language.Textf("%s: there is no such member; there are: %s", key, "lanes spare_sams")
	})
	if err != nil {
		return nil, nil, err
	}
	if _, err := f.tokens.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, language.Textf("more follows after the object, want its end")
	}
	if len(lanes) == 0 {
		return nil, nil, language.Textf("lanes: there is none, want at least one")
	}
	return lanes, spares, nil
}

// at says where something is wrong.
func at(place string, err error) error {
	if err == nil {
		return nil
	}
	return language.Textf("%s: %w", place, err)
}

// laneFile reads the tokens of a file.
type laneFile struct{ tokens *json.Decoder }

// token returns the next token, which has to be a certain one unless want is nil.
func (f *laneFile) token(place string, want json.Delim) (json.Token, error) {
	token, err := f.tokens.Token()
	if err != nil {
		return nil, language.Textf("%s: byte %d: not JSON: %w", place, f.tokens.InputOffset(), err)
	}
	if want != 0 && token != want {
		return nil, language.Textf("%s: %s, want %s", place, fmt.Sprint(token), map[json.Delim]string{'{': "an object {…}", '[': "a list […]"}[want])
	}
	return token, nil
}

// object reads an object; member reads the value of each of its members.
func (f *laneFile) object(place string, member func(key string) error) error {
	if _, err := f.token(place, '{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for f.tokens.More() {
		token, err := f.token(place, 0)
		if err != nil {
			return err
		}
		key := fmt.Sprint(token)
		if seen[key] {
			return language.Textf("%s: %s stands there twice, want it once", place, key)
		}
		seen[key] = true
		if err := member(key); err != nil {
			return err
		}
	}
	_, err := f.token(place, 0)
	return err
}

// list reads a list of objects of texts and numbers.
func (f *laneFile) list(place string, each func(place string, pairs []pair) error) error {
	if _, err := f.token(place, '['); err != nil {
		return err
	}
	for i := 0; f.tokens.More(); i++ {
		here := fmt.Sprintf("%s[%d]", place, i)
		var pairs []pair
		err := f.object(here, func(key string) error {
			token, err := f.token(here+"."+key, 0)
			if err != nil {
				return err
			}
			switch value := token.(type) {
			case string:
				pairs = append(pairs, pair{key, value})
			case json.Number:
				pairs = append(pairs, pair{key, value.String()})
			default:
				return language.Textf("%s: %s, want a text or a number", here+"."+key, fmt.Sprint(token))
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := each(here, pairs); err != nil {
			return err
		}
	}
	_, err := f.token(place, 0)
	return err
}

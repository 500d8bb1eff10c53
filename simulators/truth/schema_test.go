package truth

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"citycard/simulators/network"
)

// form is what these tests look at in a schema.
type form struct {
	Defs       map[string]*form `json:"$defs"`
	Ref        string           `json:"$ref"`
	Items      *form            `json:"items"`
	Properties map[string]*form `json:"properties"`
}

// TestReadsEverySchema holds the published schemas against what is read here: whatever a city may
// write, the simulators can read.
func TestReadsEverySchema(t *testing.T) {
	versions := map[string]reflect.Type{
		"network": reflect.TypeFor[network.Map](), "fares": reflect.TypeFor[fareVersion](), "loads": reflect.TypeFor[loadVersion](),
		"medical": reflect.TypeFor[medicalVersion](), "pension": reflect.TypeFor[PensionRule](),
	}
	unread := []string{"payouts", "contracts", "products"} // none is simulated
	files, err := filepath.Glob("../../clearing/rules/schema/*.schema.json")
	if err != nil || len(files) != len(versions)+len(unread) {
		t.Fatalf("%d schemas, %v", len(files), err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".schema.json")
		if slices.Contains(unread, name) {
			continue
		}
		var root form
		if err := json.Unmarshal(file(t, path), &root); err != nil {
			t.Fatal(err)
		}
		for property := range root.Properties {
			if property != "$schema" && property != "note" && property != "versions" {
				t.Errorf("%s: %s is not read", name, property)
			}
		}
		version := versions[name]
		if version == nil {
			t.Fatalf("%s is not read", name)
		}
		root.reads(t, root.Properties["versions"].Items, version, name)
	}
}

// fieldsOf are the fields of a struct by their names in JSON, with those of what it embeds.
func fieldsOf(by reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range by.NumField() {
		f := by.Field(i)
		if f.Anonymous {
			maps.Copy(fields, fieldsOf(f.Type))
		} else if name := f.Tag.Get("json"); name != "" {
			fields[name] = f.Type
		}
	}
	return fields
}

// reads follows a part of the schema and the type that reads it.
func (root *form) reads(t *testing.T, part *form, by reflect.Type, path string) {
	if name, ok := strings.CutPrefix(part.Ref, "#/$defs/"); ok {
		part = root.Defs[name]
	}
	for by.Kind() == reflect.Pointer {
		by = by.Elem()
	}
	switch {
	case part.Items != nil && by.Kind() == reflect.Slice:
		root.reads(t, part.Items, by.Elem(), path+"[]")
	case len(part.Properties) > 0 && by.Kind() == reflect.Struct:
		fields := fieldsOf(by)
		for name, property := range part.Properties {
			if fields[name] == nil {
				t.Errorf("%s.%s is not read", path, name)
				continue
			}
			root.reads(t, property, fields[name], path+"."+name)
		}
	case part.Items != nil, len(part.Properties) > 0:
		t.Errorf("%s is read as a %s", path, by)
	}
}

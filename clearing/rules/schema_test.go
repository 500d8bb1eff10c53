package rules_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/shopspring/decimal"

	"citycard/clearing/cards"
	"citycard/clearing/dayclose"
	"citycard/clearing/medical"
	"citycard/clearing/pension"
	"citycard/clearing/rules"
	"citycard/clearing/transit/fare"
	"citycard/clearing/transit/load"
)

var update = flag.Bool("update", false, "write the schemas of rule documents")

// published are the types that documents are read into, and the titles of their schemas.
func published() map[rules.Kind]struct {
	title    string
	document any
} {
	return map[rules.Kind]struct {
		title    string
		document any
	}{
		rules.Network:   {"Network: stations, lines and bus lines", fare.NetworkDocument{}},
		rules.Fares:     {"Fares: what a ride costs each card type", fare.Document{}},
		rules.Loads:     {"Loads: what a purse may hold and how it is loaded", load.Document{}},
		rules.Contracts: {"Contracts: what top-up channels earn and may owe", load.ContractsDocument{}},
		rules.Medical:   {"Medical: what a fund pays of a visit", medical.Document{}},
		rules.Pension:   {"Pension: what a payday may ask for", pension.Document{}},
		rules.Products:  {"Products: which cards are sold, and what they cost", cards.Document{}},
		rules.Payouts:   {"Payouts: which of them a close holds", dayclose.Document{}},
	}
}

// comments are those of fields, by "package.Type.Field", and of types.
func comments(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, dir := range []string{"rulefile", "transit/fare", "transit/load", "medical", "pension", "dayclose", "cards"} {
		files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(dir), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, declared := range file.Decls {
				addComments(all, "citycard/clearing/"+dir+".", declared)
			}
		}
	}
	return all
}

func addComments(all map[string]string, where string, declared ast.Decl) {
	general, ok := declared.(*ast.GenDecl)
	if !ok {
		return
	}
	for _, spec := range general.Specs {
		named, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(where+named.Name.Name, "[")
		all[name] = sentence(general.Doc.Text())
		if object, ok := named.Type.(*ast.StructType); ok {
			for _, field := range object.Fields.List {
				for _, of := range field.Names {
					all[name+"."+of.Name] = sentence(field.Doc.Text() + field.Comment.Text())
				}
			}
		}
	}
}

func sentence(comment string) string { return strings.Join(strings.Fields(comment), " ") }

// schemaOf makes the schema of a kind.
func schemaOf(kind rules.Kind, comments map[string]string) ([]byte, error) {
	of := published()[kind]
	r := jsonschema.Reflector{
		ExpandedStruct: true, Anonymous: true,
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			if t == reflect.TypeFor[decimal.Decimal]() || t == reflect.TypeFor[decimal.NullDecimal]() {
				return &jsonschema.Schema{Type: "string"}
			}
			return nil
		},
		LookupComment: func(t reflect.Type, field string) string {
			name, _, _ := strings.Cut(t.Name(), "[")
			comment := comments[strings.TrimSuffix(t.PkgPath()+"."+name+"."+field, ".")]
			for _, verb := range []string{" is ", " are ", " has "} {
				if rest, begins := strings.CutPrefix(comment, field+verb); begins && field != "" {
					return rest
				}
			}
			return comment
		},
	}
	schema := r.Reflect(of.document)
	schema.Title, schema.Description = of.title, "A rule document of a city. What this schema refuses, citycard rules check refuses; what values say together, only citycard rules check can tell."
	bounded(schema)
	for _, inner := range schema.Definitions {
		bounded(inner)
	}
	text, err := json.MarshalIndent(schema, "", "  ")
	return append(text, '\n'), err
}

// bounded gives each property a title, and texts and lists that have no other bounds those of all.
func bounded(object *jsonschema.Schema) {
	for pair := object.Properties.Oldest(); pair != nil; pair = pair.Next() {
		pair.Value.Title = strings.ReplaceAll(strings.TrimPrefix(pair.Key, "$"), "_", " ")
		if pair.Value.Type == "string" && pair.Value.MaxLength == nil && pair.Value.Enum == nil {
			most := uint64(4000)
			pair.Value.MaxLength = &most
		}
		if pair.Value.Type == "array" && pair.Value.MaxItems == nil {
			most := uint64(10_000)
			pair.Value.MaxItems = &most
		}
	}
}

// TestSchemas makes each schema from the types that read its documents. Every field is described.
func TestSchemas(t *testing.T) {
	comments := comments(t)
	for _, kind := range documentKinds() {
		made, err := schemaOf(kind, comments)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(kind.SchemaPathIn("."), made, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if !bytes.Equal(made, kind.Schema()) {
			t.Errorf("the schema of %s is not what its types make; write it with go test ./clearing/rules -run TestSchemas -update", kind)
		}
		var schema any
		if err := json.Unmarshal(made, &schema); err != nil {
			t.Fatal(err)
		}
		described(t, string(kind), schema)
	}
}

// described makes sure that each property of a schema has a description.
func described(t *testing.T, place string, schema any) {
	t.Helper()
	object, _ := schema.(map[string]any)
	for name, inner := range object {
		fields, ok := inner.(map[string]any)
		if !ok {
			continue
		}
		if name == "properties" {
			for field, property := range fields {
				if property, ok := property.(map[string]any); !ok || property["description"] == nil && field != "versions" {
					t.Errorf("%s: %s has no description", place, field)
				}
			}
		}
		described(t, place+"."+name, inner)
	}
}

// validate holds a document against the schema of its kind as another program does. It reports
// false for what is no JSON.
func validate(t testing.TB, kind rules.Kind, compiled *validator.Schema, document []byte) (refused error, ok bool) {
	t.Helper()
	instance, err := validator.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, false
	}
	return compiled.Validate(instance), true
}

func compile(t testing.TB, kind rules.Kind) *validator.Schema {
	t.Helper()
	schema, err := validator.UnmarshalJSON(bytes.NewReader(kind.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := validator.NewCompiler()
	if err := compiler.AddResource(string(kind), schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile(string(kind))
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

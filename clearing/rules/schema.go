package rules

import (
	"embed"
	"path/filepath"
)

// The schemas are made from the types that read the documents, by the test TestSchemas.
//
//go:embed schema/*.schema.json
var schemas embed.FS

// Schema is the JSON Schema of a kind's documents, by which an editor completes and checks them.
// What it refuses, Check refuses. It is nil for a kind whose documents are no JSON.
func (k Kind) Schema() []byte {
	text, err := schemas.ReadFile(k.schema())
	if err != nil {
		return nil
	}
	return text
}

// SchemaPathIn is where the examples look for the schema of their kind, in the folder of documents.
func (k Kind) SchemaPathIn(dir string) string {
	return filepath.Join(dir, filepath.FromSlash(k.schema()))
}

// SchemaFolder has the schemas, in a folder of documents.
const SchemaFolder = "schema"

func (k Kind) schema() string { return SchemaFolder + "/" + string(k) + ".schema.json" }

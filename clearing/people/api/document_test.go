package api_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"citycard/clearing/people/api"
)

var update = flag.Bool("update", false, "write docs/api.yaml")

const documentPath = "../../../docs/api.yaml"

// TestDocument compares docs/api.yaml with the document that the types make.
func TestDocument(t *testing.T) {
	made, err := api.Document()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(documentPath, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(documentPath)
	if err != nil || !bytes.Equal(made, kept) {
		t.Errorf("docs/api.yaml is not what the types make (%v): go test ./clearing/people/api -run TestDocument -update", err)
	}
}

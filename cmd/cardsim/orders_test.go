package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestOrdersOfAnyCity asks for the orders of the largest city that has chips by default, and of one
// that is larger. Each has its first cards' orders.
func TestOrdersOfAnyCity(t *testing.T) {
	var before []byte
	for _, cards := range []int{directFrom, directFrom + 1} {
		file, err := os.Create(filepath.Join(t.TempDir(), "orders"))
		if err != nil {
			t.Fatal(err)
		}
		was := os.Stdout
		os.Stdout = file
		err = run(t, "orders", "--cards", strconv.Itoa(cards), "--count", "2", "--day", "20261124")
		os.Stdout = was
		if err != nil {
			t.Fatalf("%d cards: %v", cards, err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		orders, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Split(bytes.TrimSpace(orders), []byte("\n"))
		if len(lines) != 2 || !json.Valid(lines[0]) || !json.Valid(lines[1]) {
			t.Errorf("%d cards: %q, want 2 orders", cards, orders)
		}
		if before != nil && !bytes.Equal(orders, before) {
			t.Errorf("%d cards have other first orders than %d:\n%s%s", cards, directFrom, orders, before)
		}
		before = orders
	}
}

package verify_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"citycard/ledger/export"
	"citycard/ledger/verify"
)

// auditOf writes the audit of a ledger, and returns the lines of text before the last.
func auditOf(t *testing.T) (text []byte, lines []string, signer []byte) {
	t.Helper()
	l, public := write(t)
	var file bytes.Buffer
	if err := export.WriteAudit(t.Context(), l, &file); err != nil {
		t.Fatal(err)
	}
	lines = strings.Split(strings.TrimSuffix(file.String(), "\n"), "\n")
	return file.Bytes(), lines[:len(lines)-1], public
}

// TestAuditAlone verifies the audit without the books, and names each change of it: of signatures,
// entries, their end, the identity of the books and what the seal covers.
func TestAuditAlone(t *testing.T) {
	text, lines, signer := auditOf(t)
	var faults []string
	summary, err := verify.Export(bytes.NewReader(text), signer, func(f verify.Fault) { faults = append(faults, f.String()) })
	want := verify.Summary{ID: summary.ID, Part: export.PartAudit, Entries: 8, Days: 2, SealedDays: 1, SealKeys: summary.SealKeys}
	if err != nil || len(faults) > 0 || !reflect.DeepEqual(summary, want) || len(summary.SealKeys) != 1 || len(summary.ID) != 36 {
		t.Fatalf("faults %q, summary %+v, %v; want none and %+v", faults, summary, err, want)
	}
	at := func(begins string) int {
		return slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, begins) })
	}
	const entry, last, books = `{"audit":{"Number":5,`, `{"audit":{"Number":8,`, `{"books":`
	without := func(begins string) func([]string) []string {
		return func(lines []string) []string { return slices.Delete(lines, at(begins), at(begins)+1) }
	}
	changed := func(begins, from, to string) func([]string) []string {
		return func(lines []string) []string {
			line := &lines[at(begins)]
			if *line = strings.Replace(*line, from, to, 1); !strings.Contains(*line, to) {
				t.Errorf("line %s has no %s", *line, from)
			}
			return lines
		}
	}
	for name, c := range map[string]struct {
		change func(lines []string) []string
		want   string
	}{
		"statement":         {changed(entry, "so be it", "so be is"), "audit chain mismatch: audit entry 5: its hash"},
		"key":               {changed(entry, "SHA256:li", "SHA256:lo"), "audit chain mismatch: audit entry 5: its hash"},
		"signed by one":     {changed(entry, `,{"key":"SHA256:wang","statement":"so be it","signature":"U1NJ"}`, ""), "audit chain mismatch: audit entry 5: its hash"},
		"an entry less":     {without(entry), "audit chain mismatch: audit entry 6: the entry before it is 4"},
		"cut short":         {without(last), "audit chain mismatch: end of the audit: it is entry 8"},
		"other books":       {changed(books, summary.ID, "00000000-0000-4000-8000-000000000000"), "audit chain mismatch: audit entry 1: its hash"},
		"no books":          {without(books), "audit chain mismatch: the books: their identity is not there"},
		"no end":            {without(`{"chart":`), "chart version mismatch: the chart"},
		"a head less":       {without(`{"head":{"day":20260104,"stream":"taps"`), "seal root mismatch: day 20260104"},
		"no head":           {without(`{"head":{"day":20260104,"stream":""`), "seal root mismatch: day 20260104"},
		"another day":       {changed(`{"day":{"day":20260105`, "20260105", "20260106"), "day differs from its changes: day 20260105"},
		"as if all of them": {changed(`{"export":`, `,"part":"audit"`, ""), "account differs from its opening"},
	} {
		faults, err := verified(resealed(t, export.TextVersion, c.change(slices.Clone(lines))), signer)
		if err != nil || !slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, c.want) }) {
			t.Errorf("%s: faults %q, %v; want one that begins with %q", name, faults, err, c.want)
		}
	}
	for name, change := range map[string]func(lines []string) []string{
		"a stranger": func(lines []string) []string {
			return slices.Insert(lines, at(`{"head":`), `{"balance":{"account":1,"debits":0,"credits":0}}`)
		},
		"no known part": changed(`{"export":`, `"part":"audit"`, `"part":"half"`),
	} {
		if _, err := verified(resealed(t, export.TextVersion, change(slices.Clone(lines))), signer); !errors.Is(err, export.ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
}

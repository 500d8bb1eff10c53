package service

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestCodes holds docs/configuration.md to the table of exit codes.
func TestCodes(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## Exit codes\n")
	if !found {
		t.Fatal("docs/configuration.md has no section on exit codes")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	rows := 0
	for _, line := range strings.Split(section, "\n") {
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| code ") {
			rows++
		}
	}
	if rows != len(Codes()) {
		t.Errorf("the page has %d rows, there are %d codes", rows, len(Codes()))
	}
	for _, code := range Codes() {
		if row := "| " + strconv.Itoa(code.Number) + " | " + code.Meaning + " |\n"; !strings.Contains(section, row) {
			t.Errorf("the page lacks %q", row)
		}
	}
}

package load

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestRequestDaysAreDescribed holds docs/messages.md to how far a request's signed day may lie.
func TestRequestDaysAreDescribed(t *testing.T) {
	page, err := os.ReadFile("../../../docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("| day of a `LoadRequest` | %d day before to %[1]d day after the clearing day", daysAround); !strings.Contains(string(page), want) {
		t.Errorf("the page does not say %q", want)
	}
}

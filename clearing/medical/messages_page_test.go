package medical

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestClaimDaysAreDescribed holds docs/messages.md to how far a claim's date may lie.
func TestClaimDaysAreDescribed(t *testing.T) {
	page, err := os.ReadFile("../../docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("| day of a claim | %d days before to %d day after the clearing day", claimDaysBack, claimDaysAhead); !strings.Contains(string(page), want) {
		t.Errorf("the page does not say %q", want)
	}
}

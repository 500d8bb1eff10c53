package rulefile

import (
	"testing"

	"github.com/shopspring/decimal"
)

// TestIsShare goes to both ends of a share and to the last of its decimals.
func TestIsShare(t *testing.T) {
	for text, want := range map[string]bool{
		"0": true, "0.5": true, "1": true, "1.0": true, "0.000000001": true, "0.999999999": true, "1.000000000": true,
		"-0.000000001": false, "-1": false, "1.000000001": false, "2": false, "0.0000000001": false, "0.1000000000": false,
		"1e-9": true, "1e-10": false, "1e1": false, "0e1": false, "0e-10": false, "1e9999": false, "1e-9999": false,
	} {
		if got := IsShare(decimal.RequireFromString(text)); got != want {
			t.Errorf("%s is a share: %v", text, got)
		}
	}
}

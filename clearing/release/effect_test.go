package release

import (
	"strings"
	"testing"

	"citycard/language"
)

// TestGivesBack says of each kind of account what it means that a release is taken back.
func TestGivesBack(t *testing.T) {
	for _, test := range []struct {
		code string
		owed bool
		want string
	}{
		{"operator:metro", false, "operator:metro owes the amount, even if it was paid out"},
		{"channel:shop", false, "channel:shop owes the amount: it is part of what the close"},
		{"channel:shop", true, "channel:shop does not owe the amount any more"},
		{"pending:metro", false, "pending:metro gives the amount back: it waits there for the other city"},
	} {
		effect := givesBack(test.code, test.owed)
		if got := effect.In(language.Language{}); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s, owed %t: %q, want %q", test.code, test.owed, got, test.want)
		}
	}
}

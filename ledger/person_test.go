package ledger_test

import (
	"errors"
	"testing"
	"time"

	"citycard/ledger"
)

// TestTwoPeople accepts two names as two people only where they differ by more than
// spelling.
func TestTwoPeople(t *testing.T) {
	tests := []struct {
		first, second string
		good          bool
	}{
		{"ann", "bob", true},
		{"李明", "王芳", true},
		{"Ann Lee", "Ann Leigh", true},
		{"José", "Jose", true},
		{"ann.lee@bus.example", "ann.lea@bus.example", true},
		{"ann", "ann", false},
		{"ann", "ann ", false},
		{"ann", " ann", false},
		{"ann", "Ann", false},
		{"ann", "ANN", false},
		{"ann", "ann\t", false},
		{"ann", "ann\n", false},
		{"ann", "ann\u00a0", false},     // no-break space
		{"ann", "ann\u3000", false},     // the ideographic space
		{"ann", "ann\u200b", false},     // zero width
		{"ann", "an\u00adn", false},     // soft hyphen
		{"ann", "a\u034fnn", false},     // grapheme joiner
		{"ann", "ann\ufe0f", false},     // variation selector
		{"ann", "ann\u2800", false},     // blank braille
		{"ann", "ann\u3164", false},     // Hangul filler
		{"ann", "ann\U000e0061", false}, // tag
		{"ann", "\u202eann", false},     // right to left
		{"ann", "ａｎｎ", false},           // full width
		{"Ann Lee", "ann  lee", false},  // two spaces
		{"José", "Jose\u0301", false},   // composed or not
		{"STRASSE", "strasse", false},   // case
		{"ann", " ", false},             // blank
		{"ann", "\u3000", false},        // blank
		{"ann", "\xff", false},          // not UTF-8
		{"ann", "bob\x00", false},       // NUL
		{"\u200b", "bob", false},        // the first too
		{"ann", string(make([]byte, 65)), false},
	}
	for _, test := range tests {
		for _, by := range []ledger.Approval{{First: test.first, Second: test.second}, {First: test.second, Second: test.first}} {
			by.Reason, by.At = "why", time.Unix(1767614400, 0)
			err := by.Validate()
			var malformed *ledger.BatchError
			if test.good && err != nil || !test.good && !errors.As(err, &malformed) {
				t.Errorf("%q and %q: %v, want good: %v", by.First, by.Second, err, test.good)
			}
			if same := ledger.SamePerson(by.First, by.Second); same == test.good {
				t.Errorf("%q and %q are the same: %v", by.First, by.Second, same)
			}
		}
	}
}

// TestPersonKept keeps a name in one form, whichever was given.
func TestPersonKept(t *testing.T) {
	for given, want := range map[string]string{
		"ann": "ann", " Ann\u3000\u3000Lee ": "Ann Lee", "ａｎｎ": "ann", "Jose\u0301": "José", "李明": "李明",
	} {
		if kept, err := ledger.Person(given); err != nil || kept != want {
			t.Errorf("%q is kept as %q, %v; want %q", given, kept, err, want)
		}
	}
}

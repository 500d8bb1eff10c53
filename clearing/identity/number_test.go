package identity_test

import (
	"strings"
	"testing"

	"citycard/clearing/identity"
)

// TestNumber writes numbers in many ways: the same, another, or none.
func TestNumber(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"S1-20260105", "s1-20260105"},
		{"s1-20260105", "s1-20260105"},
		{" S1-20260105 ", "s1-20260105"},
		{"Ｓ１-２０２６", "s1-2026"},
		{"结算 一", "结算 一"},
		{"结算  一", "结算 一"},
		{"e\u0301", "é"},
		{"é", "é"},
		{"S1", "s1"},
		{"S 1", "s 1"},
		{"", ""},
		{"   ", ""},
		{"S\x001", ""},
		{"S\u200b1", ""},
		{"S1\n", ""},
		{"S\xff", ""},
		{strings.Repeat("1", 30), strings.Repeat("1", 30)},
		{strings.Repeat("1", 31), ""},
		{"\uFDFA", ""}, // 3 bytes that are 33 when compared
	} {
		got, err := identity.Number(test.text, 30)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q is compared as %q, %v; want %q", test.text, got, err, test.want)
		}
	}
}

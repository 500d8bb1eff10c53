package demo

import "testing"

// TestBalanced: a shift that closes with a difference fails the demonstration, also with one that
// is so large that it is only proposed.
func TestBalanced(t *testing.T) {
	for said, good := range map[string]bool{
		`{"difference_fen":0}`:               true,
		`{"difference_fen":-100}`:            false,
		`{"difference_fen":0,"proposal":12}`: false,
		`closed`:                             false,
	} {
		if err := balanced([]byte(said), 100); (err == nil) != good {
			t.Errorf("%s: %v", said, err)
		}
	}
}

package language

import "strings"

// Nearest is the word that takes the fewest changes of single characters to become another, small
// and capital letters being the same; empty if there are no words.
func Nearest(typed string, words []string) (nearest string) {
	least := 0
	for _, word := range words {
		if n := changes([]rune(strings.ToLower(typed)), []rune(strings.ToLower(word))); nearest == "" || n < least {
			nearest, least = word, n
		}
	}
	return nearest
}

// changes counts the characters that are added, left out or replaced between two words
// (Levenshtein's distance).
func changes(a, b []rune) int {
	row := make([]int, len(b)+1) // from the part of a so far to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		before := row[0]
		row[0] = i + 1
		for j, y := range b {
			replaced := before
			if x != y {
				replaced++
			}
			before = row[j+1]
			row[j+1] = min(replaced, before+1, row[j]+1)
		}
	}
	return row[len(b)]
}

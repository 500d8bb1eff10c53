// Package clearingtest makes what tests of clearing need: a small registry, and taps and loads
// signed with test keys as cards would sign them. It signs with the same algorithm as a card, one
// record at a time. Its records are as good as a card's, and tests damage them on purpose.
package clearingtest

// Package clearingtest makes what tests of clearing need: a small registry, and
// taps and loads signed with test keys as cards would sign them. It signs with
// the cards' own arithmetic, one record at a time; what it makes is as good as a
// card's, and tests spoil it on purpose.
package clearingtest

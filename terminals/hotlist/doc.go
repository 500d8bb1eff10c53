// Package hotlist is the list of cards that a terminal must not accept, as clearing publishes it.
// Package downlink receives it, a file keeps it, and gate and validator check it before they debit
// anything.
//
// A terminal uses its own clock, so it refuses a card from the second at which the card was listed.
// The terminal may not have received that entry yet; clearing judges by the signed time in any
// case. Without a broker the terminal works with what the file holds: an old list is better than
// none.
package hotlist

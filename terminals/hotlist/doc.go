// Package hotlist is the list of cards that a terminal must not accept, as clearing
// publishes it: downlink brings it, a file keeps it, gate and validator ask it
// before they debit anything.
//
// A terminal goes by its own clock, so it refuses a card from the second on at which
// it was listed. It may not have heard of that yet; clearing judges by the signed
// time in any case. Without a broker the terminal works with what the file holds:
// an old list is better than none.
package hotlist

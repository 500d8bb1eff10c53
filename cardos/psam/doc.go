// Package psam holds the terminal's half of a purchase secure access module: the
// commands that let a SAM make MAC1 for a purse and check the MAC2 that the purse
// answers, and those that let it open a social-security card.
//
// A SAM numbers its transactions: INITIALIZE counts and returns the number, which enters the card's
// session key and its TAC. Every number is used once, so terminal number and sequence identify one
// debit for ever.
//
// Sources: PBOC 2.0 part 2 as public gate firmwares and reader sources use it.
package psam

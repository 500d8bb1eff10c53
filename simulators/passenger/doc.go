// Package passenger holds virtual cards to real readers as passengers do, and keeps the account of
// what they paid on the side of the cards.
//
// A Card notes each payment that its chip has made permanent: what it was told to pay, by which SAM
// and under which of its numbers, and what is left. It knows this from the commands alone, whatever
// becomes of the answer, and of the terminal. What arrives in the books can be held against these
// accounts: a payment that is missing there was lost, and one that is only there was made by no
// card.
//
// A Stand is a place at a reader to which cards are held one after the other.
package passenger

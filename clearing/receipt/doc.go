// Package receipt books money that arrived at a bank, and reverses what was booked wrongly. Two
// people decide each of these acts.
//
//	book      the bank's account → the account that the money belongs to
//	reverse   the same amount back, by the ledger's linked opposite transfer
//
// A receipt's key is made of the bank's account and its reference, on a day that does not exist. So
// a reference is booked once, whenever it is repeated; it is reversed once, and then belongs to the
// reversed receipt for good. The same commit writes into the audit who decided, who agreed and why.
//
// What cannot be booked is refused before anything is posted, so that it leaves no dispute. Show
// and ShowReversal say what Book and Reverse would do, and write nothing.
package receipt

// Package transit judges taps: is a tap signed, whose is it, and who is paid?
//
// The order of the questions is the order of trust. First comes what the card signed (the TAC under
// the card's own key). Only then comes what the registry knows of the card and of the terminal,
// whose number is part of the signed content. The payee follows from the signed terminal number
// alone: nothing that a terminal merely claims (line, vehicle, station, counter, balance, mode) can
// redirect money. A line or vehicle that is not the registered one flags the tap, like a fare that
// is not the table's.
//
// By the time a tap arrives the money has left the card. So a tap whose TAC
// verifies always debits the float; where a check fails, the credit waits in
// suspense under its reason. Only bytes that cannot be read and a TAC that does
// not verify are rejected.
//
// Where a terminal could not tell which of two codes is the TAC, the record names both and says
// why. Without the reason the second code is ignored and only the first one counts, so a good tap
// with a wrong second code is still cleared.
//
// A TAC has 32 bits, so a verified TAC does not prove any amount: an amount above what a purse may
// hold on the signed day waits in suspense, whatever the other checks say.
//
// Cards of other cities' issuers that the registry lists as interoperable are the exception to the
// order: only their issuer can check their TAC. Their taps do not touch our float. They debit the
// account of what the national centre owes us, and wait as pending in an account of the operator
// that is not paid out. If a check fails, they wait in suspense like any other tap. A card number
// that is registered here is never another city's, so nobody can avoid the TAC check by changing
// the issuer of one of our cards.
package transit

// Package transit judges taps: is it signed, whose is it, who is paid.
//
// The order of the questions is the order of trust. First what the card signed
// (TAC under the card's own key); only then what the registry knows of the card
// and of the terminal whose number is part of what was signed. The payee follows
// from the signed terminal number alone: nothing that a terminal merely claims
// (line, vehicle, station, counter, balance, mode) can redirect money. A line or
// vehicle that is not the registered one flags the tap, like a fare that is not the
// table's.
//
// By the time a tap arrives the money has left the card. So a tap whose TAC
// verifies always debits the float; where a check fails, the credit waits in
// suspense under its reason. Only bytes that cannot be read and a TAC that does
// not verify are rejected.
//
// Where a terminal could not tell which of two codes is the TAC, the record names both
// and says why. Without the reason the second is not looked at: the record then stands or
// falls with the first, so a good tap with a stray code is cleared all the same.
//
// A TAC has 32 bits, so one that verifies is no proof of any amount: what is more than a
// purse may hold on the signed day waits in suspense whatever else holds.
//
// Cards of other cities' issuers that the registry lists as interoperable are the
// exception to the order: only their issuer can check their TAC. Their taps owe
// nothing to our float. They debit what the national centre owes us, and wait,
// pending, in an account of the operator's that is not paid out; where a check
// fails, in suspense like any other. A card number that is registered here is
// never another city's, so nobody can take the TAC's question away by changing
// the issuer of one of our cards.
package transit

// Package proposal is how an act that takes two people is done: one person proposes it, another
// approves it.
//
// # What is signed
//
// A proposal has a kind, a request (canonical JSON of the kind's own type) and the change that the
// request makes: the rows acted on, each with its version or state and with what it becomes, the
// transfers, and other effects. The SHA-256 over all three is the proposal's hash. The proposer
// signs "proposal of KIND sha256:HASH", the approver "proposal N sha256:HASH". Balances are shown
// beside a change, with their second, and are not hashed.
//
// # What holds
//
//   - An approval makes the change once more. If that has another hash, because one of the rows
//     has moved or the request does something else now, nothing is done: *StaleError.
//   - Who may, and whether the proposal still waits, is decided inside the transaction of the act
//     (ledger.Approval.Check). So either the act, its audit entry with both signatures, and the
//     proposal's new state are all stored, or none of them.
//   - The approver is another person than the proposer, whatever key is used; both are enrolled at
//     that moment, the proposer with the key that proposed; the policy lets both, for the unit
//     whose money or rows these are.
//   - A row of the table that was altered is refused: the proposer's signature names its hash.
//   - An act that turns out to be booked already writes nothing. Then the proposal is closed as
//     approved in a transaction of its own, with the note "booked before".
//   - After a lost answer the proposal's row says what happened: an approval waits for its lock,
//     and reads it.
//
// A proposal that has passed its time, or whose proposer is no longer enrolled, is not decided any
// more. Nothing is written for that: it follows from the clock and from the people.
//
// # Kinds
//
// A kind is a name, a request's type and two functions (Of): one shows what a request would do,
// one does it. cmd/server has the list. To make an act one of two people:
//
//   - its function takes a ledger.Approval and writes it with ledger.Approve, as all acts do. It
//     must not write anything before that in another transaction;
//   - show reads what would be done, and refuses what cannot be done. Whatever the act depends on
//     goes into a row's State. The act itself refuses, in its transaction, if that has moved since;
//   - its Entry, beside it, says what the audit and the journal must have of the act, from request
//     and change alone; clearing/verify has the list;
//   - the act's row of the policy (clearing/people/policy.json) names the kind, says who proposes
//     and who approves, and after how many days a proposal expires.
package proposal

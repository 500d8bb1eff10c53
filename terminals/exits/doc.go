// Package exits gives exit tickets (出站票) at a station's desk: the operator's own paper with
// which a passenger leaves through a side gate, whom no gate can let out.
//
// No layout of such a ticket is published, so it is text with a number, for people. What it costs
// is what staff say, since no source has a rule for it. The number is the desk's SAM, the day and a
// running number, which goes on from day to day:
//
//	491010000001-20260105-0041
//
// # Promises
//
//   - The record of a ticket is durable in the desk's outbox before the caller has it, and so
//     before anybody can print it. From there it goes to clearing like a tap.
//   - The running number is durable in the same write, so no number is given twice, wherever the
//     program is killed: one that was kept and not printed is known, and can be printed again.
//   - With no room on the disk no ticket is given, and no number is used up.
//   - A ticket that no longer counts stays in the desk's memory, with the reason. Whether one was
//     used nobody can see in it: staff at the side gate take it and tear it.
//
// The desk remembers its last tickets as local records of the outbox. A desk whose disk is replaced
// begins again at 1; the day in the number tells its tickets from those of earlier days, and of the
// same day clearing keeps the second as a dispute.
package exits

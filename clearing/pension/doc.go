// Package pension decides whether a payout line is owed and whether a payment may
// come back. The checks are arithmetic over dated data: no clock, no database, no message.
// Judge applies them to the records of a batch, line by line. A line is booked, or refused, as a
// list of its own; Originals keep the bytes of the whole list, or bank's answer, as they came.
//
// A line is owed when three things hold, asked in this order: the person is
// entitled in that month, the certification reaches that month, and the amount
// is the approved one. The first that fails is the reason.
//
// The registry's row in force on the month's last day decides. It has the approved amount and the
// last month that the person's certification covers:
//
//	approved amount above 0?       no ──▶ not_entitled
//	month covered?                 no ──▶ certification_lapsed
//	amount that is the approved?   no ──▶ amount_differs
//	owed
//
// A person who is no longer entitled, after a death or in prison, has a row without an amount. The
// order of the questions is this project's reading of the published procedures, whose clause texts
// were not found.
//
// Before any line is looked at, the list as a whole must be plausible on the clearing day (Bounds,
// from a dated rule file): its month and its payday near that day, its size and sum within reason,
// and, where the rules want it, its payday a workday of the city's calendar.
// Otherwise one wrong digit in a month would pay every pensioner at once, and the right list would
// pay them again.
//
// A payment comes back whole or not at all. What came back may be paid again, in
// the same amount, as the month's next payment, if the month is still owed: the
// same three questions are asked again.
package pension

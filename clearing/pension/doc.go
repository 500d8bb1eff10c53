// Package pension decides whether a payout line is owed, what a bank's answer
// means for it, and on which day a month is paid. It is arithmetic over dated
// data: no clock, no database, no message.
//
// A line is owed when three things hold, asked in this order: the person is
// entitled in that month, the certification reaches that month, and the amount
// is the approved one. The first that fails is the reason.
//
//	approved ──▶ eligible ──lapse──▶ suspended ──certified──▶ eligible
//	                 └──death, prison──▶ stopped
//
// A suspended person's months are owed after certification (arrears); a stopped
// person's are not. The states and the precedence are this project's reading of
// the published procedures, whose clause texts were not found.
//
// Invariants:
//
//  1. Of every batch, paid + returned = sent, in lines and in fen.
//  2. A line returns at most once, and only whole.
//  3. A payday is a working day; the bank has the list the stated number of
//     working days before it.
package pension

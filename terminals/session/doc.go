// Package session is what a terminal does with one card after the other, as values
// of the field and not as bytes: find out what it is, read it, pay, ride on a
// monthly ticket, verify and change a PIN.
//
// A card is identified by the applications that answer, never by its ATR: bank
// cards share the ATRs of social-security cards, and few union cards share any.
//
// Gates, validators, counters and desks have their own packages for what they do all day;
// loads are package counter's. This one is for readers and desks that do anything with
// any card.
//
// Payments have three outcomes: paid (a receipt), not paid (any other error), and not
// known (*UnknownError): the card was asked for the money and no usable answer
// came. Then keep the error and call [Purse.Resolve] when the card is back.
// Counter and log tell whether it paid, GET TRANSACTION PROVE gives the codes, and the
// module which of them is the TAC: cards differ in the order.
package session
